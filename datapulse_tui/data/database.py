"""The database as everything else sees it: one unit of work, and reads. Making one imports and connects to nothing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from datapulse_tui.data.address import shown
from datapulse_tui.data.glance import Glances, Reader

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    from datapulse_tui.data.secrets import SecretBox

# What SQLAlchemy and the models are imported in: each a part of about the same length.
STEPS = (
    "sqlalchemy",
    "sqlalchemy.orm",
    "sqlalchemy.dialects.postgresql.psycopg",
    "datapulse_tui.data.engine",
    "datapulse_tui.data.models",
)

_SECRETS = "secrets"  # what a unit of work is lent, see `box_of`


def box_of(session: AsyncSession) -> SecretBox | None:
    """The box of the installation whose database `session` changes; None where the database was opened without one."""
    make: Callable[[], SecretBox] | None = session.info.get(_SECRETS)
    return None if make is None else make()


class PoolState(NamedTuple):
    """Connections of one process: in use, at rest, and how many there may be at most."""

    used: int
    idle: int
    most: int


class Database:
    """One PostgreSQL database and a small pool of connections to it.

    `pooled` says that a pooler in transaction mode stands between (PgBouncer): then no statement is prepared on the
    server. `pre_ping` asks a connection whether it lives before each use: a round trip, for processes where nobody sees
    the error and tries again. `secrets` makes the installation's box, for services that write something sealed.
    `before_change` may be set to what every unit of work begins with: it raises where nothing may be changed any more.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 5,
        pooled: bool = False,
        pre_ping: bool = False,
        secrets: Callable[[], SecretBox] | None = None,
    ) -> None:
        self.url = url
        self._pool_size = pool_size
        self._pooled = pooled
        self._pre_ping = pre_ping
        self._secrets = secrets
        self.before_change: Callable[[AsyncSession], Awaitable[None]] | None = None
        self._glances = Glances(url, pooled=pooled)
        self._warm = False
        self._warming = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Database({self.address!r})"

    @property
    def address(self) -> str:
        """Where it is, without credentials."""
        return shown(self.url)

    @cached_property
    def engine(self) -> AsyncEngine:
        """SQLAlchemy's engine; imports SQLAlchemy."""
        from datapulse_tui.data.engine import make_engine

        return make_engine(self.url, pool_size=self._pool_size, pooled=self._pooled, pre_ping=self._pre_ping)

    async def warm_up(self, between: Callable[[], Awaitable[None]] | None = None) -> None:
        """Import SQLAlchemy and the models, in a thread; every read goes through the pool from then on.

        `between` is awaited before each of several steps, for callers who are in no hurry. It holds up nobody who is.
        """
        if self._warm:
            return
        for step in STEPS:
            if between is not None and step not in sys.modules:
                await between()
            async with self._warming:
                if not self._warm:
                    await asyncio.to_thread(import_module, step)
        async with self._warming:
            if not self._warm:
                await asyncio.to_thread(lambda: self.engine)
                self._warm = True
                await self._glances.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: commits when the block ends well, rolls back otherwise.

        Raises Unavailable when the server cannot be reached, and OutcomeUnknown when the connection died during the
        commit. Everything else that the block raises goes through unchanged.
        """
        await self.warm_up()
        from datapulse_tui.data import engine

        async with engine.transaction(self.engine, {_SECRETS: self._secrets}) as session:
            if self.before_change is not None:
                await self.before_change(session)
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A read-only transaction, ended without a commit. Raises Unavailable when the server cannot be reached."""
        await self.warm_up()
        from datapulse_tui.data import engine

        async with engine.reading(self.engine) as session:
            yield session

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[Reader]:
        """Like `reading`, for reads that go through `fetch` alone: does not wait for SQLAlchemy to be imported."""
        if self._warm:
            async with self.reading() as session:
                yield session
        else:
            async with self._glances.take() as reader:
                yield reader

    def pool(self) -> PoolState | None:
        """How the pool of this process stands; None while nothing has needed it."""
        if "engine" not in self.__dict__:
            return None
        from sqlalchemy.pool import QueuePool

        pool = self.engine.pool
        if not isinstance(pool, QueuePool):
            return None
        return PoolState(pool.checkedout(), pool.checkedin(), 2 * self._pool_size)

    async def dispose(self) -> None:
        """Close every connection. The object can be used again, with new ones."""
        await self._glances.close()
        if "engine" in self.__dict__:
            await self.engine.dispose()
