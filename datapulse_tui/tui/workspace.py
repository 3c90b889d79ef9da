"""Opening and closing what a desk stands on: the database, the change feed, the worker and the demo's companion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from datapulse_tui import config_files
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.ahead import Lull

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.config import Settings
    from datapulse_tui.data.connect import Connection
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.feed import Changes, Feed
    from datapulse_tui.data.worker_child import WorkerKeeper
    from datapulse_tui.demo.companion import Companion
    from datapulse_tui.tui.services import Person


class Opened(NamedTuple):
    """A workspace that answers: where it is, and whether it waits for its first admin."""

    place: str
    nobody_yet: bool


class Workspace:
    """One running desk's hold on its workspace. Raises DataPulseError; Unavailable when the database is away.

    `connection` is given by tests and by hosts that are connected already; otherwise `open` makes one.
    """

    def __init__(
        self,
        *,
        home: Path | None = None,
        demo: bool = False,
        as_email: str | None = None,
        connection: Connection | None = None,
    ) -> None:
        self.demo = demo
        self.as_email = as_email
        self.lull = Lull()
        self._home = home
        self._connection = connection
        self._feed: Feed | None = None
        self._worker: WorkerKeeper | None = None
        self._companion: Companion | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    @property
    def connection(self) -> Connection:
        """The open workspace."""
        if self._connection is None:
            raise DataPulseError("The workspace is not open yet. Nothing was changed.", hint="Wait until it is.")
        return self._connection

    @property
    def data(self) -> Database:
        """Its database."""
        return self.connection.data

    @property
    def idle_lock_minutes(self) -> int:
        """Minutes without a key until the desk locks; 0 means never."""
        return self._connection.settings.idle_lock_minutes if self._connection else 0

    @property
    def user_keymap(self) -> dict[str, str]:
        """The person's own keys, by action id."""
        return dict(self._connection.settings.keymap) if self._connection else {}

    @property
    def log_path(self) -> Path:
        """Where details go."""
        home = self._home or config_files.default_home()
        return self._connection.settings.log_path if self._connection else home / "log" / "datapulse.log"

    async def open(self) -> Opened:
        """Import what is heavy in a thread, connect, and look whether anybody can sign in yet."""
        if self._connection is None:
            settings = await asyncio.to_thread(_prepare, self._home, self.demo)
            self._connection = await self._connect(settings)
        from datapulse_tui.people.reads import any_users

        async with self.data.glance() as session:
            nobody_yet = not await any_users(session)
        kind = "demo" if self.demo else "embedded"
        settings = self.connection.settings
        place = f"{kind} · {_short(settings.home)}" if settings.embedded else self.data.address
        return Opened(place, nobody_yet)

    async def _connect(self, settings: Settings) -> Connection:
        if self.demo:
            from datapulse_tui.demo.workspace import open_demo

            return await open_demo(settings)
        from datapulse_tui.data.connect import connect

        return await connect(settings)

    def can_upgrade(self, error: DataPulseError) -> bool:
        """Whether `error` says that the schema is older than this program."""
        from datapulse_tui.data.schema_version import SchemaTooOld

        return isinstance(error, SchemaTooOld)

    async def upgrade(self) -> None:
        """Bring the schema up to date as the owner role."""

        def work() -> None:
            from datapulse_tui.data.addresses import owner_url
            from datapulse_tui.data.migrate import upgrade

            upgrade(owner_url(_prepare(self._home, self.demo)))

        await asyncio.to_thread(work)

    @asynccontextmanager
    async def acting(self, person: Person) -> AsyncIterator[tuple[AsyncSession, Actor]]:
        """One unit of work in the name of `person`, with the rights that they have at this moment.

        Raises SessionOver, and what `Database.transaction` raises.
        """
        from datapulse_tui.house import join
        from datapulse_tui.people.sessions import actor_here

        join()
        async with self.data.transaction() as session:
            yield session, await actor_here(session, person.actor)

    async def ping(self) -> None:
        """Raise Unavailable unless the database answers."""
        from datapulse_tui.people.reads import any_users

        async with self.data.glance() as session:
            await any_users(session)

    async def listen(self, on_change: Callable[[Changes], None], on_state: Callable[[str], None]) -> None:
        """Hear what other desks and workers commit, until `close`."""
        from datapulse_tui.data.feed import Feed

        address = self.connection.addresses.direct
        self._feed = Feed(address, on_change=on_change, on_state=lambda state: on_state(state.value))
        await self._feed.start()

    async def keep_company(self) -> None:
        """See that the embedded database has a worker, and the demo its companion, while this desk lives."""
        from datapulse_tui.data.worker_child import ensure_worker

        self._worker = await ensure_worker(self.connection.settings)
        if self.demo:
            from datapulse_tui.demo.companion import start_companion

            self._companion = await start_companion(self.connection)

    async def worker_words(self) -> str:
        """How the worker is, in a few words for the status line."""
        from datapulse_tui.data.worker_health import worker_health

        async with self.data.reading() as session:
            health = await worker_health(session)
        return "worker running" if health.alive else "no worker, alerts rest"

    async def close(self) -> None:
        """Close every connection. Several ends of one desk at a time close once."""
        feed, self._feed = self._feed, None
        worker, self._worker = self._worker, None
        companion, self._companion = self._companion, None
        connection, self._connection = self._connection, None
        ends = [each.stop() for each in (feed, worker, companion) if each is not None]
        if connection is not None:
            ends.append(connection.data.dispose())
        await asyncio.gather(*ends, return_exceptions=True)


def _short(home: Path) -> str:
    """A folder with the person's own home as `~`."""
    try:
        return f"~/{home.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(home)


def _prepare(home: Path | None, demo: bool) -> Settings:  # noqa: FBT001
    """Read the settings and import what the first reads need; runs in a thread while the first paint stands."""
    from datapulse_tui.config import load_settings
    from datapulse_tui.tui.logfile import log_to

    settings = load_settings(home=home)
    if demo:
        from datapulse_tui.demo.workspace import demo_settings

        settings = demo_settings(settings)
    log_to(settings.log_path, settings.log_level)
    import datapulse_tui.alerts.history
    import datapulse_tui.alerts.reads.today
    import datapulse_tui.data.connect
    import datapulse_tui.people.actors
    import datapulse_tui.people.operator
    import datapulse_tui.people.reads
    import datapulse_tui.tui.screens.today.today  # noqa: F401
    from datapulse_tui.data.glance import import_driver

    import_driver()

    return settings
