"""`datapulse workflow ...` as people type it, on a real database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from datapulse_tui.cli.main import app
from datapulse_tui.data.database import Database
from datapulse_tui.workflows import effects, timers
from tests.databases import dsn

SETUP = """
INSERT INTO users (email, name, password, role, status)
    SELECT lower(name) || '@example.org', name, '!', role, 'active' FROM (VALUES
        ('Ada', 'admin'), ('Olga', 'ops_manager'), ('Otto', 'ops_manager'), ('Ana', 'analyst'), ('Bea', 'business_user')
    ) AS given(name, role);
INSERT INTO dashboards (user_id, name)
    SELECT id, 'Orders' || CASE name WHEN 'Ada' THEN ' of Ada' ELSE '' END FROM users WHERE name IN ('Ada', 'Ana');
"""
OVER = "UPDATE workflows SET final_at = now(), timer_at = now() WHERE final_at IS NOT NULL"


class Command:
    """Runs `datapulse workflow` as `as_` (nobody: the operator)."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, *arguments: str, as_: str = "olga") -> Result:
        who = ["--as", f"{as_}@example.org"] if as_ else []
        return CliRunner().invoke(app, [*who, "workflow", *arguments])

    def json(self, *arguments: str, code: int = 0, as_: str = "olga") -> Any:
        done = self(*arguments, "--json", as_=as_)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def refused(self, *arguments: str, as_: str = "olga") -> str:
        """What is said on stderr of something that is not done."""
        done = self(*arguments, as_=as_)
        assert done.exit_code == 1, done.output
        return done.stderr

    def ask(self, subject: str = "a new screen", as_: str = "bea") -> str:
        """A free-form request; its number."""
        return str(self.json("request", "free_form", "-f", f"subject={subject}", as_=as_)["row"]["number"])

    def settle(self) -> None:
        """Let ten seconds go by, and the work be done that is due then."""

        async def run() -> None:
            data = Database(self.url)
            try:
                await timers.run_due(data)
                await effects.run_due(data)
            finally:
                await data.dispose()

        with psycopg.connect(dsn(self.url)) as connection:
            connection.execute(OVER)
        asyncio.run(run())


@pytest.fixture
def workflow(home: Path, database_url: str, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
        connection.execute(SETUP)
    return Command(database_url)


def test_the_types_and_their_fields(workflow: Command) -> None:
    kinds = {each["name"]: each for each in workflow.json("types", as_="")}
    assert kinds["data_source_deletion"]["quorum"] == 2
    assert "Access to a dashboard" in workflow("types").stdout
    fields = {each["name"]: each for each in workflow.json("types", "dashboard_access")["fields"]}
    assert fields["permission"]["options"] == ["view", "edit"]
    lines = workflow("types", "dashboard_access").stdout.splitlines()
    assert next(line.split()[:5] for line in lines if line.startswith("permission")) == [
        "permission", "no", "view", "view", "or",
    ]  # fmt: skip
    assert "There are: " in workflow.refused("types", "holiday")


def test_fields_are_checked_by_the_form_and_named(workflow: Command) -> None:
    said = workflow.refused("request", "dashboard_access", "-f", "permission=own", "-f", "colour=red", as_="bea")
    for words in ("Dashboard: it is needed", "'view' or 'edit'", "'colour': there is no such field", "permission (To)"):
        assert words in said
    assert "is no field" in workflow.refused("request", "free_form", "--field", "subject", as_="bea")
    assert "given twice" in workflow.refused("request", "free_form", "-f", "subject=a", "-f", "subject=b", as_="bea")
    assert "There are: " in workflow.refused("request", "holiday", as_="bea")
    assert "--as EMAIL" in workflow.refused("request", "free_form", "-f", "subject=a", as_="")
    assert workflow.json("list", "--scope", "all") == []


def test_from_the_wish_to_its_fulfilment(workflow: Command) -> None:
    fields = ("-f", "dashboard=Orders", "-f", "reason=the \x1b[31mreview")
    done = workflow("request", "dashboard_access", *fields, "--priority", "high", as_="bea")
    assert done.stdout == "#1 Bea: view Orders: requested; waits for its owner Ana\n"
    lines = workflow("list", as_="ana").stdout.splitlines()
    assert lines[0].split()[:5] == ["number", "priority", "state", "left", "age"]
    assert lines[2].split()[:4] == ["1", "high", "pending", "3h59m"]
    assert workflow("list", as_="bea").stdout.count("\n") == 2  # it waits for another
    assert [row["number"] for row in workflow.json("list", "--scope", "mine", as_="bea")] == [1]
    assert [row["number"] for row in workflow.json("list", "state:any", as_="")] == [1]  # the operator decides nothing
    shown = workflow("show", "#1", as_="ana").stdout
    assert "Bea gets view on Orders" in shown
    assert "\x1b" not in shown
    assert "you are not one of those who decide it" in workflow.refused("approve", "1")
    assert "it is your own request" in workflow.refused("approve", "1", as_="bea")
    assert workflow("approve", "1", as_="ana").stdout == "#1 Bea: view Orders: approved\n"
    assert "already approved by Ana at" in workflow.refused("reject", "1", "-m", "no", as_="ana")
    assert "approved, not final" in workflow("list", "state:any", "--scope", "all").stdout
    assert workflow("undo", "1", as_="ana").stdout.rstrip().endswith("taken back")
    assert workflow("approve", "1", "--comment", "gladly", as_="ana").exit_code == 0
    workflow.settle()
    view = workflow.json("show", "1", as_="bea")
    assert (view["row"]["status"], view["row"]["effect_state"]) == ("completed", "done")
    assert [each["kind"] for each in view["events"]] == [
        "requested", "voted", "vote_retracted", "voted", "decided", "effect_done",
    ]  # fmt: skip
    assert "gladly" in workflow("show", "1", as_="bea").stdout


def test_many_at_once_end_with_what_became_of_them(workflow: Command) -> None:
    first, second, mine = workflow.ask("one"), workflow.ask("two"), workflow.ask("three", as_="olga")
    outcomes = workflow.json("approve", first, f"#{second}", mine, "99", code=3)
    assert [each["done"] for each in outcomes] == [True, True, False, False]
    assert outcomes[2]["message"] == "it is your own request"
    assert outcomes[3] == {
        "request": "99", "id": None, "title": "", "done": False,
        "message": "there is no such request, or you may not see it",
    }  # fmt: skip
    assert workflow("approve", first, second, as_="otto").exit_code == 1
    assert "There is no such request" in workflow.refused("approve", "99")
    assert "neither the number nor the id of a request" in workflow.refused("approve", "twelve")
    assert workflow("reject", mine, as_="otto").exit_code == 2  # without a comment
    assert "says why" in workflow.refused("reject", mine, "-m", " ", as_="otto")
    assert workflow("reject", mine, outcomes[0]["id"], "-m", "no", as_="otto").exit_code == 3
    workflow.settle()
    assert workflow("complete", first, second, "-m", "hung up").exit_code == 0
    states = {row["subject"]: row["status"] for row in workflow.json("list", "--scope", "all", "state:any")}
    assert states == {"one": "completed", "two": "completed", "three": "rejected"}


def test_questions_answers_and_second_thoughts(workflow: Command) -> None:
    number = workflow.ask()
    assert workflow("ask", number, "--question", "which one?").exit_code == 0
    assert "asked back" in workflow("list", "--scope", "all").stdout
    assert "nobody waits" not in workflow("give", number, "--answer", "the big one", as_="bea").stdout
    assert "nobody waits for an answer" in workflow.refused("give", number, "--answer", "again", as_="bea")
    assert workflow("claim", number).exit_code == 0
    assert "already claimed by Olga" in workflow.refused("claim", number, as_="otto")
    assert workflow("release", number).exit_code == 0
    assert workflow("comment", number, "-m", "looking").exit_code == 0
    assert workflow("edit", number, "-f", "text=27 inches", as_="bea").stdout == f"#{number} a new screen: changed\n"
    view = workflow.json("show", number)
    assert view["details"]["fields"]["text"] == "27 inches"
    assert view["details"]["fields"]["subject"] == "a new screen"
    assert "'size': there is no such field" in workflow.refused("edit", number, "-f", "size=27", as_="bea")
    assert workflow("withdraw", number, "--comment", "found one", as_="bea").exit_code == 0
    assert "already withdrawn by Bea" in workflow.refused("approve", number)


def test_giving_one_away_and_an_absence(workflow: Command) -> None:
    one, own = workflow.ask("one"), workflow.ask("two", as_="otto")
    assert workflow("delegate", one, "--to", "otto@example.org").stdout.rstrip().endswith("given to Otto")
    absence = ("--substitute", "otto@example.org", "--from", "2026-01-01", "--to", "2099-12-31", "--type", "free_form")
    shown = workflow("delegation", "add", *absence, "--dry-run").stdout
    assert "no, it is Otto's own request" in shown
    assert "dry run" in shown
    assert workflow.json("delegation", "list") == []
    made = workflow.json("delegation", "add", *absence)
    assert {each["row"]["number"]: bool(each["refused"]) for each in made["requests"]} == {
        int(one): False, int(own): True,
    }  # fmt: skip
    [row] = workflow.json("delegation", "list", as_="otto")
    assert (row["id"], row["principal"]["name"], row["types"]) == (made["id"], "Olga", ["free_form"])
    assert row["ends_at"].startswith("2100-01-01T00:00")  # the last day as a whole
    assert "already" in workflow.refused("delegation", "add", *absence)
    assert "is no time" in workflow.refused("delegation", "add", "--substitute", "otto@example.org", "--from", "soon",
                                            "--to", "later")  # fmt: skip
    assert "act for nobody" in workflow.refused("delegation", "add", *absence, as_="")
    assert workflow("delegation", "end", made["id"]).stdout == "Ended.\n"
    assert "is over since" in workflow.refused("delegation", "end", made["id"])
    assert "not the id" in workflow.refused("delegation", "end", "12")
    assert "Otto" in workflow("delegation", "list", "--over").stdout


def test_a_failed_effect_runs_again(workflow: Command, owner_url: str) -> None:
    for person in ("bea", "otto"):
        workflow.json("request", "dashboard_access", "-f", "dashboard=Orders", "-f", "reason=a", as_=person)
    assert workflow("approve", "1", "2", as_="ana").exit_code == 0
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("UPDATE users SET status = 'inactive' WHERE name = 'Bea'")
    workflow.settle()
    assert "approved, effect failed" in workflow("list", "--scope", "decided", as_="ana").stdout
    outcomes = workflow.json("run-again", "1", "2", code=3, as_="ana")
    assert [(each["done"], each["title"]) for each in outcomes] == [
        (True, "#1 Bea: view Orders"), (False, "#2 Otto: view Orders"),
    ]  # fmt: skip
    assert "does not stand as failed" in workflow.refused("run-again", "1", as_="ana")
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("UPDATE users SET status = 'active' WHERE name = 'Bea'")
    workflow.settle()
    assert workflow.json("show", "1", as_="ana")["row"]["effect_state"] == "done"
