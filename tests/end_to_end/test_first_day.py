"""A first day with DataPulse, in a pseudo-terminal and on the command line, on an embedded server of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from datapulse_tui.data.embedded import erase
from tests import processes
from tests.terminal import Terminal

COMMAND = str(Path(sys.executable).parent / "datapulse")
PASSWORD = "correct horse battery"
DASHBOARD = """
name: Shop
description: What was sold, by region.
time_range: 30d
widgets:
  - title: Sold
    type: metric_card
    source: shop
    query: SELECT sum(amount) AS sold FROM sales
    config: {value: sold}
    position: {x: 0, y: 0, w: 4, h: 3}
  - title: disk [/dev/sda1] full [/]
    type: bar_chart
    source: shop
    query: SELECT region, sum(amount) AS amount FROM sales GROUP BY 1 ORDER BY 2 DESC
    config: {}
    position: {x: 4, y: 0, w: 8, h: 4}
"""
RULES = """
rules:
  - name: Too much sold
    query: {name: Sold by region, source: shop, sql: 'SELECT region, sum(amount) AS sold FROM sales GROUP BY 1'}
    metric: sold
    label_columns: [region]
    threshold_type: above
    threshold: 15
    interval: 5s
"""


@dataclass(frozen=True)
class Desk:
    """A home of its own, and the ways into it."""

    environment: dict[str, str]

    def run(self, *arguments: str) -> str:
        """Run a command; its output."""
        environment = {**os.environ, **self.environment}
        done = processes.run("datapulse_tui", *arguments, environment=environment, timeout=120)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def open(self, *arguments: str, columns: int = 120, rows: int = 40) -> Terminal:
        """Open the desk in a terminal."""
        return Terminal([COMMAND, *arguments], columns=columns, rows=rows, environment=self.environment, timeout=60)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "csv files"
    folder.mkdir()
    (folder / "sales.csv").write_text("day,region,amount\n2026-11-01,north,10\n2026-11-02,south,20.5\n")
    home = tmp_path / "home"
    yield Desk(
        {
            "DATAPULSE_HOME": str(home),
            "DATAPULSE_CONFIG": str(tmp_path / "config.toml"),
            "DATAPULSE_ALLOWED_CSV_FOLDERS": str(folder),
        }
    )
    erase(home)


def test_first_day(desk: Desk, tmp_path: Path) -> None:
    csv = tmp_path / "csv files"
    with desk.open() as terminal:
        terminal.wait("Your name")
        terminal.send("Olga Admin", "tab", "Olga@Example.com", "tab", PASSWORD, "tab", PASSWORD, "enter")
        terminal.wait("Olga Admin")
        terminal.wait("Three ways to begin")
        terminal.send("2")
        terminal.wait("Public")
        terminal.send("q")
        assert terminal.wait_exit() == 0, terminal.text()

    assert "Added the source shop." in desk.run("source", "add", "shop", "--type", "csv", "--path", str(csv))
    (tmp_path / "shop.yaml").write_text(DASHBOARD)
    applied = desk.run("--as", "olga@example.com", "dashboard", "apply", str(tmp_path / "shop.yaml"))
    assert "Shop" in applied
    exported = desk.run("--as", "olga@example.com", "dashboard", "export", "Shop")
    (tmp_path / "again.yaml").write_text(exported)
    assert "unchanged" in desk.run("--as", "olga@example.com", "dashboard", "apply", str(tmp_path / "again.yaml"))
    rows = json.loads(desk.run("query", "run", "SELECT count(*) AS n FROM sales", "--source", "shop", "--json"))
    assert "2" in json.dumps(rows)

    with desk.open() as terminal:
        terminal.wait("Password")
        terminal.send("olga@example.com", "tab", "a wrong password", "enter")
        terminal.wait("wrong")
        terminal.send(PASSWORD, "enter")
        terminal.wait("Nothing needs you")
        terminal.send("2")
        terminal.wait("What was sold, by region.")
        terminal.send("enter")
        terminal.wait("north")
        assert "disk [/dev/sda1] full [/]" in terminal.text()
        (csv / "sales.csv").unlink()  # the source breaks while somebody looks
        terminal.send("R")
        terminal.wait("stale")
        assert "north" in terminal.text()  # the last good picture stays
        for columns, rows_ in ((80, 24), (200, 60), (40, 10), (120, 40)):
            terminal.resize(columns, rows_)
            terminal.settle()
        terminal.wait("disk [/dev/sda1] full [/]")
        terminal.send("escape")
        terminal.wait("What was sold, by region.")
        terminal.send("q")
        assert terminal.wait_exit() == 0, terminal.text()

    (csv / "sales.csv").write_text("day,region,amount\n2026-11-01,north,10\n2026-11-02,south,20.5\n")
    (tmp_path / "rules.yaml").write_text(RULES)
    assert "Too much sold" in desk.run(
        "--as", "olga@example.com", "alert", "rule", "apply", str(tmp_path / "rules.yaml")
    )
    with desk.open("--as", "olga@example.com", columns=80, rows=24) as terminal:
        terminal.wait("Too much sold · south")  # the desk's own worker found it
        terminal.send("a")
        terminal.wait("20.5  you")
        terminal.send("q")
        assert terminal.wait_exit() == 0, terminal.text()
    (incident,) = json.loads(desk.run("alert", "list", "--json"))
    assert (incident["status"], incident["labels"]) == ("acknowledged", {"region": "south"})

    verdict = json.loads(desk.run("audit", "verify", "--json"))
    assert verdict["problem"] is None
    assert "user.added" in desk.run("audit", "list")
