from __future__ import annotations

import json
import sys
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from datapulse_tui.cli.main import app
from tests.databases import dsn
from tests.people.conftest import PASSWORD


@pytest.fixture
def workspace(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment names this test's database."""
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    return database_url


def datapulse(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def test_from_an_empty_workspace_to_a_team(workspace: str, owner_url: str) -> None:
    done = datapulse(
        "user", "add", "Root@example.com", "--name", "Root", "--role", "admin", "--password-stdin", "--activate",
        "--json",
        stdin=PASSWORD + "\n",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["status"] == "active"
    assert PASSWORD not in done.output
    done = datapulse("user", "add", "ana@example.com", "--name", "Ana [/] \u202e", "--role", "analyst")
    assert done.stdout == "Added Ana [/]  <ana@example.com>, analyst, pending, without a password.\n"
    assert (
        datapulse("user", "set-password", "ana@example.com", "--password-stdin", stdin="a fine password").exit_code == 0
    )
    done = datapulse("user", "set-role", "ana@example.com", "ops_manager")
    assert done.stdout.endswith("<ana@example.com>: ops_manager, active.\n")
    assert datapulse("user", "deactivate", "ana@example.com").stdout.endswith("ops_manager, inactive.\n")
    assert datapulse("user", "activate", "ana@example.com").stdout.endswith("ops_manager, active.\n")
    people = json.loads(datapulse("user", "list", "--json").stdout)
    assert [(one["email"], one["role"], one["status"]) for one in people] == [
        ("ana@example.com", "ops_manager", "active"), ("root@example.com", "admin", "active"),
    ]  # fmt: skip
    assert "password" not in people[0]
    assert (
        datapulse("user", "list", "--role", "admin").stdout.splitlines()[2].startswith("root@example.com  Root  admin")
    )
    with psycopg.connect(dsn(owner_url)) as connection:
        actors = connection.execute("SELECT DISTINCT split_part(actor, ':', 1), user_agent FROM audit_logs").fetchall()
    assert len(actors) == 1
    assert actors[0][0] == "operator"
    assert "cli" in actors[0][1]


REFUSALS = [
    (["user", "deactivate", "root@example.com"], "", "last active administrator"),
    (["user", "set-role", "root@example.com", "king"], "", "not a role"),
    (["user", "activate", "nobody@example.com"], "", "no such person"),
    (["user", "set-password", "root@example.com", "--password-stdin"], "", "no password on stdin"),
    (["user", "set-password", "root@example.com"], "", "--password-stdin"),
    (["user", "set-password", "root@example.com", "--password-stdin"], "x" * 80, "80 bytes"),
    (["user", "add", "root@example.com", "--name", "Two"], "", "already"),
    (["user", "add", "rubbish", "--name", "Two"], "", "e-mail"),
    (["--as", "nobody@example.com", "user", "list"], "", "no active account"),
    (["--as", "ana@example.com", "user", "list"], "", "user:view"),
    (["--as", "ana@example.com", "audit", "verify"], "", "audit:verify"),
]


def test_refusals_say_why_and_end_with_1(workspace: str) -> None:
    for nick, role in (("root", "admin"), ("ana", "analyst")):
        datapulse("user", "add", f"{nick}@example.com", "--name", nick, "--role", role, "--activate")
    for arguments, stdin, said in REFUSALS:
        done = datapulse(*arguments, stdin=stdin)
        assert done.exit_code == 1, done.output
        assert said in done.stderr
        assert done.stdout == ""
        assert not stdin or stdin not in done.output


def test_the_password_is_asked_for_without_an_echo(workspace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from datapulse_tui.cli import user

    class Terminal:
        def isatty(self) -> bool:
            return True

    asked = {}

    def prompt(text: str, **how: object) -> str:
        asked.update(how)
        return PASSWORD

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(user.typer, "prompt", prompt)
    assert user.read_password(from_stdin=False) == PASSWORD
    assert asked == {"hide_input": True, "confirmation_prompt": True, "err": True}
