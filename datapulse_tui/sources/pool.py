"""The sources of one process: one adapter for each, a few queries at once, identical ones run once."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from datapulse_tui.data.result import Column, Result
from datapulse_tui.errors import Unavailable
from datapulse_tui.sources.adapters.base import (
    DEFAULT_LIMIT,
    DEFAULT_TIMEOUT,
    Adapter,
    Running,
    SourceCheck,
    SourceSchema,
)

if TYPE_CHECKING:
    from datapulse_tui.config import Settings
    from datapulse_tui.data.secrets import SecretBox

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SourceHandle:
    """What is needed to reach a source, as it stood when it was read; its secrets are still sealed."""

    id: UUID
    name: str
    type: str
    config: Mapping[str, Any] = field(repr=False)

    @property
    def version(self) -> str:
        """Changes when the type or the configuration does (not when the source was merely looked at again)."""
        text = json.dumps([self.type, self.config], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class _Entry:
    version: str
    adapter: Adapter
    places: asyncio.Semaphore
    most: int
    busy: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """What a source does for this process now: queries that run, of at most so many, and queries that wait."""

    busy: int
    most: int
    waiting: int


@dataclass(slots=True)
class _Flight:
    task: asyncio.Task[Result]
    waiting: int = 0


class Sources:
    """Runs queries on sources for one process and one event loop.

    `csv_folders` are those that csv sources may read. A source never has more than `parallel` queries at once (its own
    `max_connections` where that is less); further ones wait. Identical queries under way share one run.
    """

    def __init__(self, secrets: SecretBox, *, csv_folders: Sequence[Path] = (), parallel: int = 4) -> None:
        self._secrets = secrets
        self._csv_folders = tuple(csv_folders)
        self._parallel = parallel
        self._entries: dict[UUID, _Entry] = {}
        self._flights: dict[tuple[object, ...], _Flight] = {}
        self._opening: dict[UUID, asyncio.Lock] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._running = Running()
        self._closed = False

    @classmethod
    def from_settings(cls, settings: Settings, *, csv_folders: Sequence[Path] = ()) -> Sources:
        """The sources of an installation; `csv_folders` are allowed besides those of the settings (demo data)."""
        from datapulse_tui.data.secrets import SecretBox

        return cls(SecretBox.from_settings(settings), csv_folders=(*settings.allowed_csv_folders, *csv_folders))

    @property
    def csv_folders(self) -> tuple[Path, ...]:
        """Folders that csv sources may read."""
        return self._csv_folders

    def in_use(self) -> dict[UUID, Use]:
        """The sources that this process has open, and what they do."""
        return {key: Use(each.busy, each.most, each.waiting) for key, each in self._entries.items()}

    async def adapter(self, source: SourceHandle) -> Adapter:
        """The adapter of a source, made when it is first asked for and again when its configuration has changed.

        Raises Invalid, SecretUnreadable. Whoever uses it directly goes around the limit of queries at once.
        """
        return (await self._entry(source)).adapter

    async def run(
        self,
        source: SourceHandle,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        limit: int = DEFAULT_LIMIT,
        timeout: float = DEFAULT_TIMEOUT,
        tag: str = "",
    ) -> Result:
        """At most `limit` rows of a query that passes the read-only guard; `timeout` in seconds, waiting not counted.

        Checks no one's rights: see service.run_query. Cancelling the caller's task, or `cancel(tag)`, gives up; the
        query is ended in the source when nobody else waits for the same one. Raises what `Adapter.run` raises.
        """
        return await self._running.run(tag, self._shared(source, sql, dict(params or {}), limit, timeout))

    async def check(self, source: SourceHandle) -> SourceCheck:
        """Connect to a source and look around."""
        return await self._limited(source, lambda adapter: adapter.check())

    async def schema(self, source: SourceHandle) -> SourceSchema:
        """The tables of a source."""
        return await self._limited(source, lambda adapter: adapter.schema())

    async def describe(
        self, source: SourceHandle, sql: str, params: Mapping[str, object] | None = None
    ) -> tuple[Column, ...]:
        """The columns that a query would bring."""
        return await self._limited(source, lambda adapter: adapter.describe(sql, params or {}))

    async def cancel(self, tag: str) -> None:
        """Give up the queries that run under `tag`; their `run` raises QueryCancelled."""
        await self._running.cancel(tag)

    async def close(self) -> None:
        """End every query and close every connection. Nothing can be run afterwards."""
        self._closed = True
        await self._running.cancel_all()
        entries, self._entries = list(self._entries.values()), {}
        await asyncio.gather(*(entry.adapter.close() for entry in entries), *self._closing, return_exceptions=True)

    async def _entry(self, source: SourceHandle) -> _Entry:
        version = source.version
        async with self._opening.setdefault(source.id, asyncio.Lock()):
            if self._closed:
                raise Unavailable("DataPulse is closing. The query was not run.", hint="Start it again.")
            entry = self._entries.get(source.id)
            if entry is not None and entry.version == version:
                return entry
            # Drivers and parsers load here: on a thread, so that the event loop goes on.
            adapter, places = await asyncio.to_thread(self._make, source)
            made = _Entry(version, adapter, asyncio.Semaphore(places), places)
            self._entries[source.id] = made
            if entry is not None:
                task = asyncio.create_task(_close_quietly(entry.adapter))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            return made

    def _make(self, source: SourceHandle) -> tuple[Adapter, int]:
        from datapulse_tui.sources.adapters.registry import make_adapter
        from datapulse_tui.sources.schemas import parse_config

        config = parse_config(source.type, self._secrets.unseal(source.config))
        return make_adapter(config, self._csv_folders), min(self._parallel, config.max_connections)

    async def _limited(self, source: SourceHandle, work: Callable[[Adapter], Awaitable[T]]) -> T:
        entry = await self._entry(source)
        entry.waiting += 1
        try:
            await entry.places.acquire()
        finally:
            entry.waiting -= 1
        entry.busy += 1
        try:
            return await work(entry.adapter)
        finally:
            entry.busy -= 1
            entry.places.release()

    async def _shared(
        self, source: SourceHandle, sql: str, params: Mapping[str, object], limit: int, timeout: float
    ) -> Result:
        """Join the same query if it is under way, else start it; the last to give up ends it in the source."""
        values = tuple(sorted((name, type(value).__name__, repr(value)) for name, value in params.items()))
        key = (source.id, source.version, sql, values, limit, timeout)
        flight = self._flights.get(key)
        if flight is None:
            work = self._limited(source, lambda adapter: adapter.run(sql, params, limit=limit, timeout=timeout))
            flight = self._flights[key] = _Flight(asyncio.create_task(work))
            flight.task.add_done_callback(functools.partial(self._landed, key))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            if flight.waiting == 1 and not flight.task.done():
                del self._flights[key]  # who comes now starts anew
                flight.task.cancel()
                await asyncio.wait({flight.task})
            raise
        finally:
            flight.waiting -= 1

    def _landed(self, key: tuple[object, ...], task: asyncio.Task[Result]) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # whoever still waits gets it; if nobody does, it is of no interest


async def _close_quietly(adapter: Adapter) -> None:
    with suppress(Exception):
        await adapter.close()
