"""A workspace with people, a source and dashboards for the desk's tests: real database, real services."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import make_url, text
from textual.events import Paste
from textual.pilot import Pilot

from datapulse_tui.audit.actor import Actor
from datapulse_tui.config import Secret, Settings
from datapulse_tui.data.addresses import Addresses
from datapulse_tui.data.connect import Connection
from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.tui.app import DataPulseApp
from datapulse_tui.tui.services import Services

OPERATOR = Actor(None, "operator:tester@here", everything=True)
NOW = datetime(2026, 3, 2, 14, 5, 9, tzinfo=UTC)
PASSWORD = "correct horse battery"
ANA = "ana@example.org"
HOSTILE = "disk [/dev/sda1] full [/] \x1b[31mred\x1b[0m 売上 שלום"
DASHBOARDS = """
name: Sales
description: What was sold, by product and hour.
time_range: 24h
variables:
  - {name: region, type: choice, label: Region, options: [all, north, south]}
widgets:
  - title: Sold
    type: metric_card
    source: warehouse
    query: SELECT 1234 AS sold
    config: {value: sold}
    position: {x: 0, y: 0, w: 4, h: 3}
  - title: By product
    type: bar_chart
    source: warehouse
    query: SELECT 'product ' || g AS product, g * 10 AS sold FROM generate_series(1, 5) g
    config: {}
    position: {x: 4, y: 0, w: 8, h: 3}
  - title: Rows
    type: table
    source: warehouse
    query: |
      SELECT :region AS region, g AS number, 'disk [/dev/sda1] full [/] ' || chr(27) || '[31m' AS words
      FROM generate_series(1, 40) g
    config: {}
    position: {x: 0, y: 3, w: 8, h: 4}
  - title: Broken
    type: table
    source: warehouse
    query: SELECT 1 / (g - 1) AS nothing FROM generate_series(1, 3) g
    config: {}
    position: {x: 8, y: 3, w: 4, h: 4}
---
name: Hostile
widgets:
  - title: '[b]Empty[/]'
    type: table
    source: warehouse
    query: SELECT 1 AS one WHERE false
    config: {}
    position: {x: 0, y: 0, w: 12, h: 4}
---
name: Slow
widgets:
  - title: Sleeps
    type: table
    source: warehouse
    query: SELECT count(*) AS n FROM generate_series(1, 20000) a CROSS JOIN generate_series(1, 100000) b
    config: {}
    position: {x: 0, y: 0, w: 12, h: 4}
"""


@dataclass(frozen=True)
class World:
    """A prepared workspace; `connect` makes a new connection to it, for the loop that uses it."""

    settings: Settings
    addresses: Addresses

    def connect(self) -> Connection:
        return Connection(self.settings, Database(self.addresses.app), self.addresses)

    def desk(self, **options: Any) -> DataPulseApp:
        """A desk on this workspace, its clock standing at NOW."""
        return DataPulseApp(Services(connection=self.connect(), **options), now=lambda: NOW)


@pytest.fixture
def dashboards_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Desks open on the list of dashboards, for tests that begin there."""
    from datapulse_tui.tui import rooms

    monkeypatch.setattr(rooms, "first_room", lambda: rooms.room("dashboards"))


@pytest.fixture
def empty_world(database_url: str, owner_url: str, tmp_path: Path) -> World:
    """A workspace in which there is nobody yet."""
    settings = Settings(
        home=tmp_path / "home",
        database_url=Secret(database_url),
        secret_key=Secret(Fernet.generate_key().decode()),
    )
    return World(settings, Addresses(database_url, database_url, owner_url))


@pytest.fixture
def world(empty_world: World) -> World:
    """Ana (an analyst with a password) with three dashboards on a source."""
    asyncio.run(_prepare(empty_world))
    return empty_world


async def _prepare(world: World) -> None:
    from datapulse_tui.dashboards.applying import apply_all
    from datapulse_tui.dashboards.as_code import load
    from datapulse_tui.sources import service as sources

    connection = world.connect()
    url = make_url(world.addresses.owner)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    config = {
        "host": str(url.query.get("host") or url.host or "localhost"),
        "port": url.port or 5432,
        "dbname": url.database or "",
        "user": url.username or "",
    }
    try:
        async with connection.data.transaction() as session:
            person = text(
                "INSERT INTO users (email, name, password, role, status, timezone) "
                "VALUES (:email, 'Ana Berger', :hashed, 'analyst', 'active', 'Europe/Vienna') RETURNING id"
            )
            ana = (await session.execute(person, {"email": ANA, "hashed": hashed})).scalar_one()
            box = SecretBox.from_settings(world.settings)
            await sources.add_source(session, OPERATOR, box, name="warehouse", type="postgresql", config=config)
        async with connection.data.transaction() as session:
            await apply_all(session, OPERATOR, load(DASHBOARDS.encode(), "test.yaml"), owner_id=ana)
            # What the file format refuses may still stand in the database.
            hostile = text("UPDATE dashboards SET name = :name, description = :words WHERE name = 'Hostile'")
            await session.execute(hostile, {"name": HOSTILE, "words": f"[/nonsense] {'x' * 300}"})
            await session.execute(text("UPDATE dashboards SET updated_at = :now"), {"now": NOW})
    finally:
        await connection.data.dispose()


def hold_status(app: DataPulseApp) -> None:
    """Have the bottom line tell the same in every run, whatever is read of the worker from now on."""
    app.status = app.status._replace(place="db.example.org/datapulse", database="live", worker="worker running")
    app.redraw_frame()
    app.watch_over._status = lambda _status: None  # type: ignore[method-assign]


async def until(pilot: Pilot[Any], condition: Callable[[], object], timeout: float = 10) -> None:
    """Let the desk work until `condition` holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true on:\n{screen_text(pilot.app)}")
        await pilot.pause()
        await asyncio.sleep(0.005)


def screen_text(app: Any) -> str:
    """The screen as text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def see(pilot: Pilot[Any], words: str, timeout: float = 10) -> None:
    """Wait until `words` stand on the screen."""
    await until(pilot, lambda: words in screen_text(pilot.app), timeout)


async def type_in(pilot: Pilot[Any], words: str) -> None:
    """Put words into the focused field at once; letter by letter costs a tenth of a second each."""
    pilot.app.post_message(Paste(words))
    await pilot.pause()


@contextlib.contextmanager
def pinned(world: World, changes: dict[str, object]) -> Iterator[World]:
    """The same workspace with other settings."""
    yield World(world.settings.changed(**changes), world.addresses)
