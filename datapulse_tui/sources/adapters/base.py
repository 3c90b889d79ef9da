"""What every kind of source can do, whatever stands behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from datapulse_tui.data.result import Column, Result
from datapulse_tui.errors import DataPulseError, Unavailable

T = TypeVar("T")

DEFAULT_LIMIT = 10_000  # rows
DEFAULT_TIMEOUT = 30.0  # seconds
CONNECT_TIMEOUT = 5.0  # seconds until a source that does not answer counts as away


class QueryCancelled(DataPulseError):
    """The query was cancelled in the source, on request. It returned nothing."""


class SourceAway(Unavailable):
    """The source could not even be connected to, so any other query would have failed as well."""


class QueryTimeout(Unavailable):
    """The query took longer than it may and was ended in the source."""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table, view or file of a source. `rows` is an estimate, None where the source has none."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class SourceSchema:
    """What there is to query. `truncated` is True when a source has more tables than are listed."""

    tables: tuple[SourceTable, ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """A source that answered: its product and version, and what an administrator should know about it."""

    version: str
    took: float
    warnings: tuple[str, ...] = ()


class Adapter(Protocol):
    """One source. Everything raises DataPulseErrors only; none of them holds a secret.

    SQL holds parameters as `:name` and passes the read-only guard before it is sent.
    """

    @property
    def dialect(self) -> Literal["postgres", "duckdb"]:
        """The SQL that the source speaks, as the guard calls it."""
        ...

    async def check(self) -> SourceCheck:
        """Connect and look around; Unavailable says why it cannot be reached."""
        ...

    async def schema(self) -> SourceSchema:
        """The tables and columns that the source's own credentials can read."""
        ...

    async def describe(self, sql: str, params: Mapping[str, object]) -> tuple[Column, ...]:
        """The columns that `sql` would bring; no row is fetched."""
        ...

    async def run(self, sql: str, params: Mapping[str, object], *, limit: int, timeout: float, tag: str = "") -> Result:
        """At most `limit` rows within `timeout` seconds; `truncated` says that there were more.

        Cancelling the task that awaits this, or `cancel(tag)`, ends the query in the source. Raises Invalid (refused
        or wrong SQL), QueryTimeout, QueryCancelled, Unavailable.
        """
        ...

    async def cancel(self, tag: str) -> None:
        """End the queries that run under `tag`; their `run` raises QueryCancelled."""
        ...

    async def close(self) -> None:
        """Give back every connection, file and thread. Queries that still run are cancelled."""
        ...


def timed_out(seconds: float) -> QueryTimeout:
    """The error for a query that was ended after `seconds`."""
    return QueryTimeout(
        f"The query took longer than {seconds:g} s and was ended in the source. No rows came back.",
        hint="Narrow the time range, aggregate more, or ask for an index on what it filters by.",
    )


def cancelled() -> QueryCancelled:
    """The error for a query that somebody cancelled."""
    return QueryCancelled("The query was cancelled in the source. No rows came back.", hint="Run it again if needed.")


class Running:
    """Work under way, by tag, so that it can be ended from outside.

    What runs must clean up after itself (end the query in the source) when its task is cancelled.
    """

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._asked: set[asyncio.Task[Any]] = set()

    async def run(self, tag: str, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` as a task of its own. Raises QueryCancelled when `cancel` ended it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = tag
        try:
            return await task
        except asyncio.CancelledError:
            if task in self._asked:
                raise cancelled() from None
            raise
        finally:
            self._tasks.pop(task, None)
            self._asked.discard(task)

    async def cancel(self, tag: str) -> None:
        """Cancel what runs under `tag` and wait until it has ended."""
        await self._end({task for task, name in self._tasks.items() if name == tag})

    async def cancel_all(self) -> None:
        """Cancel everything and wait until it has ended."""
        await self._end(set(self._tasks))

    async def _end(self, tasks: set[asyncio.Task[Any]]) -> None:
        if not tasks:
            return
        self._asked |= tasks
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
