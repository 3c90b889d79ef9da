"""`datapulse dashboard ...` as people type it, on a real database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from datapulse_tui.cli.main import app
from tests.dashboards.test_as_code import EXAMPLE
from tests.databases import dsn

FILE = """\
name: Hosts
refresh: 30s
widgets:
  - title: Busy hosts
    type: bar_chart
    source: files
    query: |
      SELECT host, busy
      FROM usage
      WHERE busy > :least
    position: {x: 0, y: 0, w: 8, h: 4}
  - title: Words
    type: text
    config:
      markdown: Hello *there*
    position: {x: 8, y: 0, w: 4, h: 4}
"""
VARIABLES = """\
refresh: 30s
variables:
  - name: least
    type: number
    default: 5
"""
WITH_VARIABLE = FILE.replace("refresh: 30s\n", VARIABLES)


class Command:
    """Runs commands as the operator, or `as_` somebody."""

    def __call__(self, *arguments: str, as_: str = "", given: str = "") -> Result:
        options = ["--as", as_] if as_ else []
        return CliRunner().invoke(app, [*options, *arguments], input=given)

    def json(self, *arguments: str, as_: str = "") -> Any:
        done = self(*arguments, "--json", as_=as_)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture
def command(
    home: Path, database_url: str, owner_url: str, csv_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    monkeypatch.setenv("DATAPULSE_ALLOWED_CSV_FOLDERS", str(csv_folder))
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
        for nick, role in (("ana", "analyst"), ("ben", "analyst"), ("bob", "business_user")):
            connection.execute(
                "INSERT INTO users (email, name, password, role, status) VALUES (%s, %s, '!', %s, 'active')",
                [f"{nick}@example.org", nick.title(), role],
            )
    (csv_folder / "usage.csv").write_text("host,busy\na,10\nb,30\nc,1\n")
    run = Command()
    added = run("source", "add", "files", "--type", "csv", "--path", str(csv_folder))
    assert added.exit_code == 0, added.output
    assert run("source", "grant", "files", "ana@example.org").exit_code == 0
    return run


ANA, BEN, BOB = "ana@example.org", "ben@example.org", "bob@example.org"


def test_from_a_file_to_a_picture_and_away(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(FILE)
    done = command("dashboard", "apply", str(file), as_=ANA)
    assert done.exit_code == 1
    assert f"{file}:7: widgets[0].query: found the parameter :least, expected one of :bucket, :from, :to" in done.stderr
    file.write_text(WITH_VARIABLE)
    done = command("dashboard", "apply", str(file), "--dry-run", as_=ANA)
    assert done.stdout.splitlines()[0] == "Hosts: would be created"
    assert command.json("dashboard", "list", as_=ANA) == []
    done = command("dashboard", "apply", str(file), as_=ANA)
    assert done.stdout.splitlines()[0] == "Hosts: created"
    done = command("dashboard", "apply", str(file), as_=ANA)
    assert done.stdout == "Hosts: unchanged\n"
    assert command("dashboard", "export", "Hosts", as_=ANA).stdout == WITH_VARIABLE
    copy = tmp_path / "copy.yaml"
    assert command("dashboard", "export", "Hosts", "--output", str(copy), as_=ANA).exit_code == 0
    assert copy.read_text() == WITH_VARIABLE
    done = command("dashboard", "render", "Hosts", "--width", "80", "--height", "20", as_=ANA)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Hosts  last 24 h")
    assert "2 rows · files" in done.stdout
    assert "Hello" in done.stdout
    assert "\x1b" not in done.stdout
    done = command("dashboard", "render", "Hosts", "--var", "least=20", "--range", "7d", "--colour", as_=ANA)
    assert "1 row · files" in done.stdout
    assert "\x1b[" in done.stdout
    done = command("dashboard", "delete", "Hosts", as_=ANA, given="n\n")
    assert done.exit_code == 1
    assert "Delete the dashboard 'Hosts' (2 widgets, 0 shares, owner ana@example.org)?" in done.stderr
    assert command("dashboard", "delete", "Hosts", "--yes", as_=ANA).stdout == "Deleted Hosts.\n"
    assert command.json("dashboard", "list", as_=ANA) == []


def test_share_and_show(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(WITH_VARIABLE)
    assert command("dashboard", "apply", str(file), "--owner", ANA).exit_code == 0
    assert command.json("dashboard", "list", as_=BOB) == []
    done = command("dashboard", "share", "Hosts", BOB, "--permission", "view", as_=ANA)
    assert done.stdout == "Shared with bob@example.org to view.\n"
    (row,) = command.json("dashboard", "list", "host", "--scope", "shared", as_=BOB)
    assert (row["name"], row["owner_email"], row["permission"], row["widgets"]) == ("Hosts", ANA, "view", 2)
    shown = command.json("dashboard", "show", "Hosts", as_=ANA)
    assert shown["shares"][0]["email"] == BOB
    assert shown["widgets"][0]["position"] == {"x": 0, "y": 0, "w": 8, "h": 4}
    done = command("dashboard", "show", "Hosts")
    assert "bob@example.org (view)" in done.stdout
    assert "Busy hosts" in done.stdout
    done = command("dashboard", "render", "Hosts", as_=BOB)  # who may view it sees its results
    assert "2 rows · files" in done.stdout
    done = command("dashboard", "delete", "Hosts", "--yes", as_=BOB)
    assert done.exit_code == 1
    assert "You may not delete this dashboard: only its owner Ana and administrators may." in done.stderr
    assert command("dashboard", "unshare", "Hosts", BOB, as_=ANA).exit_code == 0
    done = command("dashboard", "show", "Hosts", as_=BOB)
    assert "There is no dashboard called 'Hosts' that you may see." in done.stderr


def test_messages(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(EXAMPLE.replace("type: line_chart", "type: line"))
    done = command("dashboard", "apply", str(file), as_=ANA)
    assert done.exit_code == 1
    assert f'datapulse: {file}:25: widgets[0].type: found "line", expected one of line_chart' in done.stderr
    assert "Nothing was changed." in done.stderr
    file.write_text("name: Mine\n")
    assert "belongs to a person" in command("dashboard", "apply", str(file)).stderr
    assert "There is no scope 'hers'" in command("dashboard", "list", "--scope", "hers").stderr
    assert "nobody with the address" in command("dashboard", "apply", str(file), "--owner", "x@y").stderr
    assert command("dashboard", "apply", str(file), as_=ANA).exit_code == 0
    assert "'soon' is no time range" in command("dashboard", "render", "Mine", "--range", "soon", as_=ANA).stderr
    assert "gives no value" in command("dashboard", "render", "Mine", "--var", "x", as_=ANA).stderr
    assert "cannot be written" in command("dashboard", "export", "Mine", "-o", str(tmp_path), as_=ANA).stderr
    done = command("dashboard", "list", as_=ANA)
    assert done.stdout.splitlines()[0].split() == ["name", "owner", "public", "you", "may", "widgets", "changed"]
