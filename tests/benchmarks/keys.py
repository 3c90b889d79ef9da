"""A filled list of dashboards in a pseudo-terminal: key to paint, bytes of a cursor move, and bytes at rest.

Key to paint is the time from the key to the last byte of what it brings at once (the cursor comes first, then the row's
detail beside it); a list of bare Textual with as many rows gets the same keys in turn. What comes once the cursor rests
(the detail's widgets) counts as bytes of the move. Two more desks are left alone meanwhile.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from datapulse_tui.data.addresses import embedded_server
from tests.benchmarks.demo_desk import COMMAND, PERSON, demo_desk
from tests.benchmarks.figures import median, p95
from tests.benchmarks.recorder import Recorder

DASHBOARDS = 300  # more than a page of the list, so that moving down reads a second one
MOVES = ("down", "down", "j", "down", "down", "j", "down", "j")
PAGES = ("pagedown", "pageup")
REST = 70.0  # seconds; holds at least one change of the minute
STEADY = 12.0  # seconds after which a desk has told that its worker runs
SETTLE = 0.4  # the detail of a row is read once the cursor rests on it for 0.2 s
PAINT_TARGET_MS = 50
MOVE_TARGET = 2_048  # bytes
REST_TARGET = 200  # bytes a minute
BARE = f"""
from textual.app import App
from textual.widgets import OptionList

class Bare(App):
    def compose(self):
        yield OptionList(*(f"dashboard {{n:03}} of a list of plain Textual" for n in range({DASHBOARDS})))

Bare().run()
"""
FILL = """
INSERT INTO dashboards (user_id, name, description, is_public)
SELECT u.id, 'Team ' || lpad(n::text, 3, '0') || ' ' || (ARRAY['throughput', 'latency', 'orders', 'costs'])[1 + n %% 4],
       'What the team ' || n || ' looks at in the morning.', n %% 3 = 0
FROM generate_series(1, %s) AS n
JOIN LATERAL (SELECT id FROM users ORDER BY md5(email || n) LIMIT 1) AS u ON true
"""


@dataclass
class Presses:
    """What was measured of one program's keys: seconds to the first and the last byte, bytes at once, bytes in all."""

    cursor: list[float] = field(default_factory=list)
    paint: list[float] = field(default_factory=list)
    at_once: list[float] = field(default_factory=list)
    in_all: list[float] = field(default_factory=list)

    def press(self, terminal: Recorder, key: str, settle: float) -> None:
        """Press one key and wait until everything that it brings has come."""
        before = terminal.bytes
        first, last, size = terminal.answer(key)
        terminal.settle(settle)
        self.cursor.append(first)
        self.paint.append(last)
        self.at_once.append(size)
        self.in_all.append(terminal.bytes - before)


def _ms(values: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile of seconds, in milliseconds."""
    return {"median": round(median(values) * 1000, 1), "p95": round(p95(values) * 1000, 1)}


def measure(rounds: int) -> dict[str, object]:
    """Keys, and rest at the same time."""
    moves, pages, bare = Presses(), Presses(), Presses()
    command = [COMMAND, "demo", "--as", PERSON]
    with demo_desk() as environment:
        _fill(Path(environment["DATAPULSE_HOME"]) / "demo")
        with (
            Recorder(command, environment=environment) as at_list,
            Recorder(command, environment=environment) as at_dashboard,
            Recorder(command, environment=environment) as desk,
            Recorder([sys.executable, "-c", BARE]) as theirs,
        ):
            _open(at_dashboard, "Headcount")
            for terminal in (at_list, desk):
                terminal.wait("Team 003")
            theirs.wait("plain Textual")
            for terminal in (at_list, at_dashboard, desk, theirs):
                terminal.wait_until(STEADY)
            resting = {"list": at_list, "static_dashboard": at_dashboard}
            before = {name: terminal.bytes for name, terminal in resting.items()}
            started = time.monotonic()
            for _ in range(rounds):
                for key in MOVES:
                    moves.press(desk, key, SETTLE)
                    bare.press(theirs, "down" if key == "j" else key, 0.05)
                for key in PAGES:
                    pages.press(desk, key, SETTLE)
            while time.monotonic() < started + REST:
                desk.pump(0.2)
            minutes = (time.monotonic() - started) / 60
            at_rest: dict[str, float] = {}
            for name, terminal in resting.items():
                terminal.settle(0.05)
                at_rest[name] = round((terminal.bytes - before[name]) / minutes, 1)
    every = [*moves.paint, *pages.paint]
    size = median(moves.in_all, 0)
    return {
        "key_to_paint_ms": {
            **_ms(every),
            "move": _ms(moves.paint),
            "page": _ms(pages.paint),
            "first_byte": _ms([*moves.cursor, *pages.cursor]),
            "bare_textual_list": _ms(bare.paint),
            "target_p95": PAINT_TARGET_MS,
            "reached": _ms(every)["p95"] <= PAINT_TARGET_MS,
        },
        "bytes_of_a_move": {
            "at_once": median(moves.at_once, 0),
            "with_detail": size,
            "with_detail_p95": p95(moves.in_all, 0),
            "bare_textual_list": median(bare.in_all, 0),
            "target": MOVE_TARGET,
            "reached": size < MOVE_TARGET,
        },
        "bytes_of_a_page": median(pages.in_all, 0),
        "bytes_a_minute_at_rest": {
            **at_rest,
            "target": REST_TARGET,
            "reached": all(each < REST_TARGET for each in at_rest.values()),
        },
    }


def _fill(home: Path) -> None:
    url = make_url(embedded_server(home).owner_url).set(drivername="postgresql")
    try:
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(FILL.encode(), [DASHBOARDS])
    finally:
        embedded_server(home).release()


def _open(terminal: Recorder, name: str) -> None:
    """Find a dashboard by its name and open it."""
    terminal.wait("Team 003")
    terminal.send("/")
    terminal.settle(0.3)
    terminal.send(name)
    terminal.wait("Team 003", gone=True)
    terminal.send("enter")
    terminal.settle(0.3)
    terminal.send("enter")
    terminal.shown(lambda screen: "Joined last month" in screen and "loading" not in screen, quiet=1.0)
