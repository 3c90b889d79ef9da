"""`datapulse role`, `datapulse department` and `datapulse user why` as somebody types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from datapulse_tui.cli.main import app
from tests.databases import dsn

SETUP = """
INSERT INTO users (email, name, password, role, status)
    SELECT lower(name) || '@example.org', name || ' [/]', '!', role, 'active' FROM (VALUES
        ('Ada', 'admin'), ('Ana', 'analyst'), ('Bea', 'business_user')
    ) AS given(name, role);
"""
Run = Callable[..., Result]


@pytest.fixture
def run(home: Path, database_url: str, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command line on this test's database; `code` is what it is to end with."""
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
        connection.execute(SETUP)

    def invoke(*words: str, code: int = 0) -> Result:
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == code, f"{done.output}{done.exception!r}"
        return done

    return invoke


def loaded(run: Run, *words: str, code: int = 0) -> Any:
    return json.loads(run(*words, "--json", code=code).stdout)


def test_a_role_from_making_to_deleting(run: Run) -> None:
    listed = loaded(run, "role", "permissions", "trail")
    assert [each["permission"] for each in listed] == ["audit:view", "audit:verify"]
    assert "comes with" in run("role", "permissions").stdout
    run("role", "create", "Night shift", "-p", "alert:triage_all", "-p", "alert:view_all", "--description", "At night")
    assert "Did you mean audit:view" in run("role", "create", "x", "-p", "audit:veiw", code=1).stderr
    assert "built-in" in run("role", "create", "Ops Manager", code=1).stderr

    became = loaded(run, "role", "give", "Night shift", "ana@example.org", "Bea@example.org", "no@example.org", code=3)
    assert [(each["person"], each["done"]) for each in became] == [
        ("ana@example.org", True), ("Bea@example.org", True), ("no@example.org", False),
    ]  # fmt: skip
    assert "has the role already" in run("role", "give", "Night shift", "ana@example.org", code=1).stderr
    assert "There is no such person" in run("role", "give", "Night shift", "no@example.org", code=1).stderr
    assert "built-in role" in run("role", "give", "admin", "ana@example.org", code=1).stderr
    assert [each["name"] for each in loaded(run, "role", "holders", "Night shift")] == ["Ana [/]", "Bea [/]"]
    assert "Ada [/]" in run("role", "holders", "admin").stdout

    run("role", "update", "Night shift", "--add", "audit:view", "--remove", "alert:view_all")
    assert "nothing to change" in run("role", "update", "Night shift", code=1).stderr
    assert "Either -p" in run("role", "update", "Night shift", "-p", "audit:view", "--add", "audit:view", code=1).stderr
    shown = run("role", "show", "Night shift").stdout
    assert "a custom role, 2 people have it" in shown
    assert "audit:view" in shown
    assert "view_all" not in shown
    assert "operator:" in shown
    rows = {row["name"]: row for row in loaded(run, "role", "list")}
    assert (rows["Night shift"]["built_in"], rows["Night shift"]["holders"], rows["admin"]["holders"]) == (False, 2, 1)
    assert "Night shift" in run("role", "list", "NIGHT").stdout

    assert "Ana [/], Bea [/] have the role" in run("role", "delete", "Night shift", code=1).stderr
    run("role", "take", "Night shift", "bea@example.org")
    assert "taken away from 1." in run("role", "delete", "Night shift", "--take-away").stdout
    assert "no role called 'Night shift'" in run("role", "show", "Night shift", code=1).stderr


def test_nobody_goes_beyond_their_own_rights_on_the_command_line(run: Run) -> None:
    run("role", "create", "Makers", "-p", "role:view", "-p", "role:manage", "-p", "role:assign")
    run("role", "give", "Makers", "bea@example.org")
    as_bea = ("--as", "bea@example.org")
    for words in (
        ("create", "Power", "-p", "audit:view"),
        ("update", "Makers", "--add", "audit:view"),
        ("give", "Makers", "ada@example.org"),
    ):
        assert "lack" in (said := run(*as_bea, "role", *words, code=1).stderr) or "what you may not" in said
    assert "role:view" in run("--as", "ana@example.org", "role", "list", code=1).stderr


def test_departments(run: Run) -> None:
    run("department", "create", "Sales", "--head", "ada@example.org")
    run("department", "create", "Tech")
    assert "already" in run("department", "create", "SALES", code=1).stderr
    became = loaded(run, "department", "move", "ana@example.org", "bea@example.org", "--to", "Sales")
    assert [each["message"] for each in became] == ["is in Sales now", "is in Sales now"]
    run("department", "update", "Sales", "--rename", "Trade", "--description", "Buys and sells")
    run("department", "update", "Trade", "--head", "")
    shown = run("department", "show", "Trade").stdout
    assert "Trade, led by nobody, 2 people" in shown
    assert "bea@example.org" in shown
    [row] = loaded(run, "department", "list", "buys")
    assert (row["name"], row["members"]) == ("Trade", 2)
    run("department", "move", "bea@example.org", "--to", "")
    assert "one person was in it" in run("department", "delete", "Trade").stdout
    assert "Tech" in run("--as", "bea@example.org", "department", "list").stdout
    for words in (("create", "x"), ("delete", "Tech"), ("move", "bea@example.org", "--to", "Tech")):
        assert "You may not" in run("--as", "ana@example.org", "department", *words, code=1).stderr


def test_why(run: Run) -> None:
    run("role", "create", "Readers [/]", "-p", "audit:view")
    assert "may not: audit:view" in run("user", "why", "ana@example.org", "audit:view").stdout
    run("role", "give", "Readers [/]", "ana@example.org")
    said = run("user", "why", "ana@example.org", "audit:view").stdout
    assert said.startswith("Ana [/] <ana@example.org> may: audit:view (read and export the audit trail)\n")
    assert "It is in their custom role Readers [/]. (20" in said
    assert loaded(run, "user", "why", "ana@example.org", "audit:view")["may"] is True
    assert "Did you mean" in run("user", "why", "ana@example.org", "audit:veiw", code=1).stderr
    assert "role:view" in run("--as", "ana@example.org", "user", "why", "ada@example.org", "audit:view", code=1).stderr
    assert "may" in run("--as", "ana@example.org", "user", "why", "ana@example.org", "audit:view").stdout
