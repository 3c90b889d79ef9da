"""A workspace with people, a source and dashboards for the desk's tests: real database, real services."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import bcrypt
import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg.rows import namedtuple_row
from sqlalchemy import make_url, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from textual.events import Paste
from textual.pilot import Pilot

from datapulse_tui.audit.actor import Actor
from datapulse_tui.config import Secret, Settings
from datapulse_tui.data.addresses import Addresses
from datapulse_tui.data.connect import Connection
from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.people import passwords
from datapulse_tui.tui import rooms
from datapulse_tui.tui.app import DataPulseApp
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.services import Services
from tests.databases import Server, dsn, make_filled_template
from tests.tui import sheets, waiting

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


@pytest.fixture(scope="session", autouse=True)
def less_of_the_same() -> Iterator[None]:
    """Parse each style sheet once for all desks of this process, and look for garbage less often."""
    with pytest.MonkeyPatch.context() as patch:
        sheets.keep(patch)
        before = gc.get_threshold()
        gc.set_threshold(20_000, 20, 20)
        yield
        gc.set_threshold(*before)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pilots wait for the desk itself, not for a process that uses no CPU, and bcrypt is quick."""
    waiting.install(monkeypatch)
    monkeypatch.setattr(passwords, "COST", 4)


@pytest.fixture
def dashboards_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Desks open on the list of dashboards, for tests that begin there."""
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


@pytest.fixture(scope="session")
def filled_template(server: Server, template: str) -> str:
    """Name of the template database in which Ana, a source and her dashboards are."""

    def fill(name: str) -> None:
        asyncio.run(_prepare(server.url(name, "datapulse_app")))

    return make_filled_template(server, template, "desk", fill)


@pytest.fixture
def world(empty_world: World, filled_template: str) -> World:
    """Ana (an analyst with a password) with three dashboards on a source."""
    url = make_url(empty_world.addresses.owner)
    config = {
        "host": str(url.query.get("host") or url.host or "localhost"),
        "port": url.port or 5432,
        "dbname": url.database or "",
        "user": url.username or "",
    }
    with psycopg.connect(dsn(url), autocommit=True) as connection:
        connection.execute("UPDATE data_sources SET connection_config = %s", [json.dumps(config)])
    return empty_world


async def _prepare(url: str) -> None:
    from datapulse_tui.dashboards.applying import apply_all
    from datapulse_tui.dashboards.as_code import load
    from datapulse_tui.sources import service as sources

    data = Database(url)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    config = {"host": "localhost", "port": 5432, "dbname": "desk", "user": "desk"}  # each world's own
    try:
        async with data.transaction() as session:
            person = text(
                "INSERT INTO users (email, name, password, role, status, timezone) "
                "VALUES (:email, 'Ana Berger', :hashed, 'analyst', 'active', 'Europe/Vienna') RETURNING id"
            )
            ana = (await session.execute(person, {"email": ANA, "hashed": hashed})).scalar_one()
            box = SecretBox((Fernet.generate_key().decode(),), Path(os.devnull))
            await sources.add_source(session, OPERATOR, box, name="warehouse", type="postgresql", config=config)
        async with data.transaction() as session:
            await apply_all(session, OPERATOR, load(DASHBOARDS.encode(), "test.yaml"), owner_id=ana)
            # What the file format refuses may still stand in the database.
            hostile = text("UPDATE dashboards SET name = :name, description = :words WHERE name = 'Hostile'")
            await session.execute(hostile, {"name": HOSTILE, "words": f"[/nonsense] {'x' * 300}"})
            await session.execute(text("UPDATE dashboards SET updated_at = :now"), {"now": NOW})
    finally:
        await data.dispose()


def opening_on(app: DataPulseApp, make: Callable[[], DeskScreen]) -> DataPulseApp:
    """Let the desk open on this screen of a room, for tests that have no business on Today."""

    def enter(_room: rooms.Room) -> None:
        del app.session.enter  # from now on as always
        app.session.show(make())

    app.session.enter = enter  # type: ignore[method-assign]
    return app


@cache
def _spelled(statement: str) -> str:
    """A statement with `:names` as psycopg takes it."""
    return str(text(statement).compile(dialect=PGDialect_psycopg()))


async def sql(world: World, statement: str, **values: Any) -> list[Any]:
    """Run a statement in the world's database as another process would, committed; the rows."""
    # Without an engine of its own, which asks the server five things before it begins.
    async with await psycopg.AsyncConnection.connect(
        dsn(world.addresses.app), row_factory=namedtuple_row
    ) as connection:
        result = await connection.execute(_spelled(statement).encode(), values)
        return await result.fetchall() if result.description else []


def hold_status(app: DataPulseApp) -> None:
    """Have the bottom line tell the same in every run, whatever is read of the worker from now on."""
    app.status = app.status._replace(place="db.example.org/datapulse", database="live", worker="worker running")
    app.redraw_frame()
    app.watch_over._status = lambda _status: None  # type: ignore[method-assign]


async def until(pilot: Pilot[Any], condition: Callable[[], object], timeout: float = 10) -> None:
    """Let the desk work until `condition` holds."""
    await waiting.until(pilot, condition, lambda: screen_text(pilot.app), timeout)


def screen_text(app: Any) -> str:
    """The screen as text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def see(pilot: Pilot[Any], words: str, timeout: float = 10) -> None:
    """Wait until `words` stand on the screen."""
    await until(pilot, lambda: words in screen_text(pilot.app), timeout)


async def listening(pilot: Pilot[Any]) -> None:
    """Wait until the feed of changes listens. The word on the bottom line stands in others too."""
    await until(pilot, lambda: pilot.app.status.database == "live")


async def see_all_read(pilot: Pilot[Any]) -> None:
    """Wait until the feed listens and what is read again for that, lest it comes in between, has come."""
    await listening(pilot)
    await until(pilot, lambda: not waiting.reading(pilot.app))


async def at_rest(pilot: Pilot[Any]) -> None:
    """Wait until all that was open is read, and hear nothing of later changes: a picture is of one moment.

    On a busy machine a feed may say at any time that everything may have changed.
    """
    await see_all_read(pilot)
    feed: Any = pilot.app.services._feed
    await until(pilot, lambda: not feed._changes._waiting)
    await feed.stop()
    await until(pilot, lambda: not waiting.reading(pilot.app))
    hold_status(pilot.app)  # type: ignore[arg-type]
    await pilot.pause()  # painted before a dialog may stand over it


async def type_in(pilot: Pilot[Any], words: str) -> None:
    """Put words into the focused field at once; letter by letter costs a tenth of a second each."""
    pilot.app.post_message(Paste(words))
    await pilot.pause()


@contextlib.contextmanager
def pinned(world: World, changes: dict[str, object]) -> Iterator[World]:
    """The same workspace with other settings."""
    yield World(world.settings.changed(**changes), world.addresses)
