"""`datapulse alert rule ...` as people type it, on a real database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from typer.testing import CliRunner, Result

from datapulse_tui.cli import alert_rule, context
from datapulse_tui.cli.main import app as datapulse
from tests.databases import dsn

OLGA, BEN, ROOT, BOB = "olga@example.org", "ben@example.org", "root@example.org", "bob@example.org"
FILE = """\
rules:
  - name: Busy hosts
    query:
      source: files
      sql: |
        SELECT host, busy
        FROM usage
    metric: busy
    label_columns:
      - host
    threshold_type: above
    threshold: 25
    recovery: 20
    for: 5m
    severity: critical
    labels:
      team: ops
    message: "{labels.host} is at {value} %"
    channels:
      - type: email
        to:
          - owner
          - ben@example.org
          - "role:ops_manager"
  - name: Idle hosts
    query: Busy hosts
    metric: busy
    label_columns:
      - host
    threshold_type: below
    threshold: 2
"""


class Command:
    """Runs `datapulse alert rule ...` as the operator, or `as_` somebody."""

    def __call__(self, *arguments: str, as_: str = "", given: str = "") -> Result:
        app = typer.Typer()
        app.add_typer(alert_rule.app, name="rule")
        context.set_options(as_email=as_ or None)
        return CliRunner().invoke(app, ["rule", *arguments], input=given)

    def json(self, *arguments: str, as_: str = "") -> Any:
        done = self(*arguments, "--json", as_=as_)
        assert done.exit_code in (0, 3), done.output
        return json.loads(done.stdout)


@pytest.fixture
def command(home: Path, database_url: str, owner_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "usage.csv").write_text("host,busy\na,10\nb,30\nc,1\n")
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    monkeypatch.setenv("DATAPULSE_ALLOWED_CSV_FOLDERS", str(folder))
    people = (("olga", "ops_manager"), ("ben", "ops_manager"), ("root", "admin"), ("bob", "business_user"))
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
        for nick, role in people:
            connection.execute(
                "INSERT INTO users (email, name, password, role, status) VALUES (%s, %s, '!', %s, 'active')",
                [f"{nick}@example.org", nick.title(), role],
            )
    for words in (
        ["source", "add", "files", "--type", "csv", "--path", str(folder)],
        ["source", "grant", "files", OLGA],
    ):
        done = CliRunner().invoke(datapulse, words)
        assert done.exit_code == 0, done.output
    return Command()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of rules."""
    path = tmp_path / "rules.yaml"
    path.write_text(FILE)
    return path


def count(owner_url: str, table: str) -> int:
    with psycopg.connect(dsn(owner_url)) as connection:
        row: Sequence[Any] | None = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0


def test_from_a_file_and_back(command: Command, file: Path, tmp_path: Path, owner_url: str) -> None:
    done = command("apply", str(file), "--dry-run", as_=OLGA)
    assert done.exit_code == 3, done.output
    assert done.stdout.splitlines()[0] == "Busy hosts: would be created"
    assert done.stderr == "2 created (nothing was written).\n"
    assert (count(owner_url, "alerts"), count(owner_url, "queries")) == (0, 0)
    head, first, second = (
        FILE.partition("  - name: Busy hosts")[0],
        *FILE.partition("rules:\n")[2].split("  - name: Idle"),
    )
    file.write_text(f"{head}  - name: Idle{second}{first}")  # whatever stands first
    done = command("apply", str(file), as_=OLGA)
    assert done.exit_code == 0, done.output
    assert done.stderr == "2 created.\n"
    file.write_text(FILE)
    for words in ([], ["--dry-run"]):
        done = command("apply", str(file), *words, as_=OLGA)
        assert (done.exit_code, done.stdout) == (0, "Busy hosts: unchanged\nIdle hosts: unchanged\n")

    for options in ([], ["--inline"], ["--no-owners"]):
        exported = command("export", *options, as_=OLGA)
        assert exported.exit_code == 0
        copy = tmp_path / "copy.yaml"
        assert command("export", *options, "--output", str(copy), as_=OLGA).exit_code == 0
        assert copy.read_text() == exported.stdout
        done = command("apply", str(copy), "--dry-run", as_=OLGA)
        assert (done.exit_code, done.stdout) == (0, "Busy hosts: unchanged\nIdle hosts: unchanged\n"), options
        changed = command.json("apply", str(copy), as_=OLGA)
        assert [each["outcome"] for each in changed] == ["unchanged", "unchanged"]
    assert command("export", "--inline", "Busy hosts", "--no-owners", as_=OLGA).stdout == FILE.partition(
        "  - name: Idle"
    )[0].replace("query:\n", "query:\n      name: Busy hosts\n")


def test_differences_are_told_field_by_field(command: Command, file: Path) -> None:
    assert command("apply", str(file), as_=OLGA).exit_code == 0
    file.write_text(
        FILE.replace("threshold: 25", "threshold: 26")
        .replace("team: ops", "team: web")
        .replace("          - ben@example.org\n", "")
        .replace("FROM usage", "FROM usage WHERE busy > 0")
        .replace("    severity: critical\n", "")
    )
    done = command("apply", str(file), "--dry-run", as_=OLGA)
    assert done.exit_code == 3
    assert done.stdout.splitlines() == [
        "Busy hosts: would be updated",
        '  query.sql: "SELECT host, busy\\nFROM usage" -> "SELECT host, busy\\nFROM usage WHERE busy > 0"',
        "  threshold: 25 -> 26",
        '  labels.team: "ops" -> "web"',
        '  channels[0].to: ["owner", "ben@example.org", "role:ops_manager"] -> ["owner", "role:ops_manager"]',
        "  severity \"critical\" removed (back to its default)",
        "Idle hosts: unchanged",
    ]  # fmt: skip
    assert command("apply", str(file), as_=OLGA).exit_code == 0
    shown = command.json("show", "Busy hosts", as_=OLGA)
    assert (shown["rule"]["threshold"], shown["standing"]["version"]) == (26, 2)
    assert shown["query_sql"].endswith("WHERE busy > 0")
    assert command("apply", str(file), "--dry-run", as_=OLGA).exit_code == 0


def test_all_or_nothing(command: Command, file: Path, owner_url: str) -> None:
    file.write_text(
        FILE + "  - name: Third\n    query: nowhere\n    metric: x\n    threshold_type: above\n    threshold: 1\n"
        "    channels:\n      - type: slack\n        channel: no such room\n"
    )
    done = command("apply", str(file), as_=OLGA)
    assert done.exit_code == 1
    assert f'{file}:33: rules[2].query: found "nowhere", expected a saved query that the rule\'s owner' in done.stderr
    assert "Nothing was changed." in done.stderr
    assert (count(owner_url, "alerts"), count(owner_url, "queries"), count(owner_url, "alert_evaluations")) == (0, 0, 0)
    done = command("apply", str(file), as_=BEN)
    assert done.exit_code == 1
    assert f"{file}:2: Busy hosts: You may not query the source files" in done.stderr
    done = command("apply", str(file), as_=BOB)
    assert "You may not make alert rules: that needs the permission alert:create." in done.stderr
    done = command("apply", str(file))
    assert "A rule belongs to a person" in done.stderr
    done = command("apply", str(file), "--owner", "nobody@example.org")
    assert "nobody with the address" in done.stderr
    file.write_text(FILE.replace("- name: Busy hosts", f"- name: Busy hosts\n    owner: {OLGA}"))
    assert "You may not make alert rules for somebody else" in command("apply", str(file), as_=BEN).stderr
    assert command("apply", str(file), "--owner", OLGA).exit_code == 0
    assert command("apply", str(file), "--owner", OLGA, as_=ROOT).stdout.count("unchanged") == 2


def test_two_texts_for_one_query_in_a_file(command: Command, file: Path) -> None:
    again = FILE.partition("rules:\n")[2].partition("  - name: Idle")[0]
    again = again.replace("- name: Busy hosts", "- name: More").replace("query:\n", "query:\n      name: Busy hosts\n")
    file.write_text(FILE + again.replace("FROM usage", "FROM other"))
    done = command("apply", str(file), as_=OLGA)
    assert done.exit_code == 1
    assert "rules[2].query.sql: found another text for the query Busy hosts than earlier in this file" in done.stderr
    file.write_text(FILE + again)
    assert command("apply", str(file), as_=OLGA).stderr == "3 created.\n"


def test_list_show_pause_resume_delete(command: Command, file: Path) -> None:
    assert command("apply", str(file), as_=OLGA).exit_code == 0
    (row,) = command.json("list", "team=ops", as_=OLGA)
    assert (row["name"], row["condition"], row["status"]) == ("Busy hosts", "above 25 for 5m, clears at 20", "active")
    listed = command("list", as_=OLGA).stdout
    assert "Idle hosts" in listed
    assert listed.splitlines()[0].split() == [
        "name", "severity", "status", "health", "metric", "condition", "every", "open", "series", "owner",
    ]  # fmt: skip
    assert command.json("list", as_=BOB) == []
    assert "There is no rule called 'Busy hosts' that you may see." in command("show", "Busy hosts", as_=BOB).stderr
    shown = command("show", "Busy hosts", as_=BEN).stdout
    assert "busy above 25 for 5m, clears at 20" in shown
    assert "SELECT host, busy FROM usage" in shown
    assert "only its owner Olga and administrators may" in command("pause", "Busy hosts", as_=BEN).stderr
    assert command("pause", "Busy hosts", as_=OLGA).stdout == "Paused Busy hosts.\n"
    assert command("pause", "Busy hosts", as_=OLGA).stdout == "Busy hosts is paused already.\n"
    assert command("resume", "Busy hosts", as_=ROOT).stdout == "Watching Busy hosts again.\n"
    done = command("delete", "Busy hosts", as_=OLGA, given="n\n")
    assert done.exit_code == 1
    assert "Delete the rule 'Busy hosts' (0 open incidents, owner olga@example.org)?" in done.stderr
    assert command("delete", "Busy hosts", "--yes", as_=OLGA).stdout == "Deleted Busy hosts.\n"
    assert [each["name"] for each in command.json("list", as_=OLGA)] == ["Idle hosts"]
    assert "no such rule to export" in command("export", "--text", "nothing", as_=OLGA).stderr


def test_hostile_names_do_not_reach_the_terminal(command: Command, owner_url: str, file: Path) -> None:
    assert command("apply", str(file), as_=OLGA).exit_code == 0
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
        connection.execute(
            "UPDATE alerts SET name = E'\\x1b[2J[/red] Idle', message = E'\\x1b]8;;' WHERE name LIKE 'Idle%'"
        )
    for words in (["list"], ["export"], ["show", "\x1b[2J[/red] Idle"], ["pause", "\x1b[2J[/red] Idle"]):
        done = command(*words, as_=OLGA)
        assert done.exit_code == 0, done.output
        assert "\x1b" not in done.stdout
        assert "[/red] Idle" in done.stdout
