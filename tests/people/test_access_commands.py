"""Invitations, temporary passwords, sessions and handing over, on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from datapulse_tui.cli.main import app
from tests.databases import dsn
from tests.people.conftest import PASSWORD

WISH = "another horse battery"
CODE = re.compile(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}")


@pytest.fixture
def workspace(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment names this test's database."""
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    return database_url


def rows(url: str, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn(url), autocommit=True) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def datapulse(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def good(*arguments: str, stdin: str = "") -> str:
    done = datapulse(*arguments, stdin=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: str, stdin: str = "") -> str:
    done = datapulse(*arguments, stdin=stdin)
    assert done.exit_code == 1, done.output
    return done.stderr


def add(nick: str, role: str = "business_user") -> None:
    good(
        "user", "add", f"{nick}@example.com", "--name", nick.title(), "--role", role, "--activate", "--password-stdin",
        stdin=PASSWORD + "\n",
    )  # fmt: skip


def test_an_invited_person_comes_in_without_a_desk(workspace: str) -> None:
    told = good("user", "invite", "Ana@example.com", "--name", "Ana [/] \u202e", "--role", "analyst")
    assert "No mail goes: there is no e-mail channel." in told
    assert "\u202e" not in told
    first = CODE.findall(told)[0]
    again = json.loads(good("user", "invite-again", "ana@example.com", "--no-mail", "--json"))
    assert again["mailed"] is False
    said = refused("accept", "ana@example.com", "--stdin", stdin=f"{first}\n{WISH}\n")
    assert "The address or the code is wrong" in said
    assert WISH not in said
    assert "no password on stdin" in refused("accept", "ana@example.com", "--stdin", stdin=f"{first}\n")
    assert "no terminal" in refused("accept", "ana@example.com")
    done = good("accept", "ANA@example.com", "--stdin", stdin=f"{again['code'].lower()}\n{WISH}\n")
    assert done.startswith("Welcome, Ana [/]")
    assert WISH not in done
    assert "has a password already" in refused("user", "invite-again", "ana@example.com")
    good("user", "invite", "bo@example.com", "--name", "Bo")
    assert "was taken back" in good("user", "revoke-invitation", "bo@example.com")
    assert "no invitation" in refused("user", "revoke-invitation", "bo@example.com")
    assert "department" in refused("user", "invite", "x@example.com", "--name", "X", "--department", "nowhere")


def test_resets_and_unlocking(workspace: str, owner_url: str) -> None:
    add("ana")
    temporary = json.loads(good("user", "reset-password", "ana@example.com", "--json"))["password"]
    me = ("--as", "ana@example.com", "account")
    said = refused(*me, "password", "--password-stdin", stdin=f"nope nope nope\n{WISH}\n")
    assert "present password is wrong" in said
    good(*me, "password", "--password-stdin", stdin=f"{temporary}\n{WISH}\n")
    assert rows(owner_url, "SELECT must_change_password FROM users") == [(False,)]
    assert "not delayed" in refused("user", "unlock", "ana@example.com")
    rows(owner_url, "INSERT INTO sign_in_attempts (email) SELECT 'ana@example.com' FROM generate_series(1, 5)")
    assert "Too many failed" in refused(*me, "password", "--password-stdin", stdin=f"{WISH}\nyet another one\n")
    assert "may try again" in good("user", "unlock", "ana@example.com")
    good(*me, "password", "--password-stdin", stdin=f"{WISH}\nyet another one\n")


def test_sessions_are_listed_and_ended(workspace: str, owner_url: str) -> None:
    for nick in ("ana", "bo"):
        add(nick)
        rows(
            owner_url,
            "INSERT INTO sessions (user_id, ip_address) SELECT id, '10.0.0.7' FROM users, generate_series(1, 2) "
            "WHERE email = %s",
            f"{nick}@example.com",
        )
    assert len(json.loads(good("user", "sessions", "--json"))) == 4
    (first, _) = json.loads(good("user", "sessions", "ana@example.com", "--json"))
    assert (first["email"], first["ip_address"], first["lost"]) == ("ana@example.com", "10.0.0.7", False)
    assert "ended" in good("user", "end-session", first["id"])
    assert "ended already" in refused("user", "end-session", first["id"])
    assert "no id of a session" in refused("user", "end-session", "first")
    assert "--all-of" in refused("user", "end-session")
    assert "1 session of Ana" in good("user", "end-session", "--all-of", "ana@example.com")
    me = ("--as", "bo@example.com")
    assert "session:manage" in refused(*me, "user", "sessions")
    mine = json.loads(good(*me, "account", "sessions", "--json"))
    assert len(mine) == 2
    assert len(json.loads(good(*me, "account", "sessions", "--end", mine[0]["id"], "--json"))) == 1
    assert json.loads(good(*me, "account", "sessions", "--end-all", "--json")) == []


def test_ones_own_profile(workspace: str) -> None:
    add("ana")
    me = ("--as", "ana@example.com", "account", "profile")
    assert "as an operator" in refused("account", "profile")
    good(
        *me,
        "--name",
        "Ana [b]",
        "--phone",
        "+43 1 234",
        "--picture",
        "https://example.com/a.png",
        "--about",
        "one\ntwo",
    )
    shown = json.loads(good(*me, "--json"))
    assert (shown["account"]["name"], shown["avatar"], shown["bio"]) == (
        "Ana [b]", "https://example.com/a.png", "one\ntwo",
    )  # fmt: skip
    assert "phone       +43 1 234" in good(*me)
    assert "phone\n" in good(*me, "--phone", "")
    assert "not a time zone" in refused(*me, "--time-zone", "Mars/Olympus")
    assert "255 characters" in refused(*me, "--picture", "x" * 300)
    assert "2,000 characters" in refused(*me, "--about", "\x1b[31m")


def test_handing_over(workspace: str, owner_url: str) -> None:
    add("root", "admin")
    add("ana", "analyst")
    add("otto", "analyst")
    rows(
        owner_url,
        "INSERT INTO dashboards (user_id, name) SELECT id, 'Sales [b]' FROM users WHERE email = 'ana@example.com'",
    )
    assert "Sales [b]" in good("user", "hand-over", "ana@example.com")
    (held,) = json.loads(good("user", "hand-over", "ana@example.com", "--json"))
    assert held["kind"] == "dashboard"
    told = good("user", "deactivate", "ana@example.com")
    assert "inactive" in told
    assert "Sales [b]" in told
    assert "dashboards 1." in good("user", "hand-over", "ana@example.com", "otto@example.com")
    told = good("user", "deactivate", "otto@example.com", "--hand-over-to", "root@example.com")
    assert "Root <root@example.com> got: dashboards 1." in told
    assert "last active administrator" in refused("user", "deactivate", "root@example.com")
    assert "not active" in refused("user", "hand-over", "root@example.com", "ana@example.com")
