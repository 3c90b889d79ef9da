"""Today and a filled list of dashboards in a pseudo-terminal: key to paint, bytes of a move, and bytes at rest.

Key to paint is the time from the key to the last byte of what it brings at once (the cursor comes first, then the row's
detail beside it); a list of bare Textual with as many rows gets the same keys in turn. What comes once the cursor rests
(the detail's widgets) counts as bytes of the move. Other desks are left alone meanwhile: on the list, on a dashboard of
files and on Today, in a demo where no rule runs any more; and on Today in one whose metrics and incidents move.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from datapulse_tui.data.addresses import embedded_server
from tests.benchmarks.cold_start import TODAY
from tests.benchmarks.demo_desk import COMMAND, PERSON, demo_desk
from tests.benchmarks.figures import median, p95
from tests.benchmarks.recorder import Recorder

DASHBOARDS = 300  # more than a page of the list, so that moving down reads a second one
MOVES = ("down", "down", "j", "down", "down", "j", "down", "j")
PAGES = ("pagedown", "pageup")
TODAY_MOVES = ("down", "j", "up", "k")  # among the first rows: nobody knows how many the demo has by now
REST = 70.0  # seconds; holds at least one change of the minute
STEADY = 90.0  # seconds within which a desk tells that its worker runs
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
# Nothing is evaluated, nothing breaches: what is left to change on Today are the ages.
STILL = """
UPDATE alerts SET is_active = false;
UPDATE alert_incidents SET escalate_at = NULL;
DELETE FROM alert_evaluations
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
    moves, pages, bare, on_today = Presses(), Presses(), Presses(), Presses()
    command = [COMMAND, "demo", "--as", PERSON]
    with demo_desk() as environment, demo_desk() as still:
        _run(environment, FILL, DASHBOARDS)
        _run(still, STILL)
        _run(still, FILL, DASHBOARDS)
        with (
            Recorder(command, environment=still, timeout=STEADY) as at_list,
            Recorder(command, environment=still, timeout=STEADY) as at_dashboard,
            Recorder(command, environment=still, timeout=STEADY) as at_today,
            Recorder(command, environment=environment, timeout=STEADY) as at_living_today,
            Recorder(command, environment=environment, timeout=STEADY) as desk,
            Recorder(command, environment=environment, timeout=STEADY) as today,
            Recorder([sys.executable, "-c", BARE]) as theirs,
        ):
            _open(at_dashboard, "Headcount")
            for terminal in (at_list, desk):
                _to_list(terminal)
            for terminal in (at_today, at_living_today, today):
                terminal.wait(TODAY)
            theirs.wait("plain Textual")
            resting = {
                "list": at_list,
                "static_dashboard": at_dashboard,
                "today": at_today,
                "today_of_the_living_demo": at_living_today,
            }
            for terminal in (*resting.values(), desk, today):
                terminal.wait("worker running")
                terminal.settle(0.5)
            before = {name: terminal.bytes for name, terminal in resting.items()}
            started = time.monotonic()
            for _ in range(rounds):
                for key in MOVES:
                    moves.press(desk, key, SETTLE)
                    bare.press(theirs, "down" if key == "j" else key, 0.05)
                for key in PAGES:
                    pages.press(desk, key, SETTLE)
                for key in TODAY_MOVES:
                    on_today.press(today, key, 0.05)
            while time.monotonic() < started + REST:
                desk.pump(0.2)
            minutes = (time.monotonic() - started) / 60
            at_rest: dict[str, float] = {}
            for name, terminal in resting.items():
                terminal.settle(0.05)
                at_rest[name] = round((terminal.bytes - before[name]) / minutes, 1)
    every = [*moves.paint, *pages.paint]
    return {
        "key_to_paint_ms": {
            **_ms(every),
            "move": _ms(moves.paint),
            "page": _ms(pages.paint),
            "first_byte": _ms([*moves.cursor, *pages.cursor]),
            "on_today": _ms(on_today.paint),
            "bare_textual_list": _ms(bare.paint),
            "target_p95": PAINT_TARGET_MS,
            "reached": max(_ms(every)["p95"], _ms(on_today.paint)["p95"]) <= PAINT_TARGET_MS,
        },
        "bytes_of_a_move": {
            "at_once": median(moves.at_once, 0),
            "with_detail": median(moves.in_all, 0),
            "with_detail_p95": p95(moves.in_all, 0),
            "on_today": median(on_today.in_all, 0),
            "on_today_p95": p95(on_today.in_all, 0),
            "bare_textual_list": median(bare.in_all, 0),
            "target": MOVE_TARGET,
            "reached": max(median(moves.in_all, 0), median(on_today.in_all, 0)) < MOVE_TARGET,
        },
        "bytes_of_a_page": median(pages.in_all, 0),
        "bytes_a_minute_at_rest": {
            **at_rest,
            "target": REST_TARGET,
            "reached": all(size < REST_TARGET for name, size in at_rest.items() if name != "today_of_the_living_demo"),
        },
    }


def _run(environment: Mapping[str, str], statement: str, *values: int) -> None:
    """Carry out a statement as the owner of a demo's database."""
    home = Path(environment["DATAPULSE_HOME"]) / "demo"
    url = make_url(embedded_server(home).owner_url).set(drivername="postgresql")
    try:
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement.encode(), values or None)
    finally:
        embedded_server(home).release()


def _to_list(terminal: Recorder) -> None:
    """Go from Today to the list of dashboards."""
    terminal.wait(TODAY)
    terminal.send("2")
    terminal.wait("Team 003")


def _open(terminal: Recorder, name: str) -> None:
    """Find a dashboard by its name and open it."""
    _to_list(terminal)
    terminal.send("/")
    terminal.settle(0.3)
    terminal.send(name)
    terminal.wait("Team 003", gone=True)
    terminal.send("enter")
    terminal.settle(0.3)
    terminal.send("enter")
    terminal.shown(lambda screen: "Joined last month" in screen and "loading" not in screen, quiet=1.0)
