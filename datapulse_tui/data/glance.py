"""A few plain reads before SQLAlchemy is there: a read-only psycopg connection behind the same SQL.

Importing SQLAlchemy takes longer than connecting and reading the first list together. What a desk reads on its way
there is written as SQL text and goes through `fetch`, which takes a Glance as well as a session.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Union

from datapulse_tui.data.address import libpq_arguments, shown
from datapulse_tui.errors import Unavailable

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from sqlalchemy.ext.asyncio import AsyncSession

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)(?!:)")


class Glance:
    """A read-only transaction for plain SQL. Made by `Glances`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def fetch(self, sql: str, params: Mapping[str, object]) -> Sequence[Any]:
        """All rows, with their columns as attributes."""
        cursor = await self._connection.execute(_for_driver(sql).encode(), params)
        return await cursor.fetchall()


Reader = Union["AsyncSession", Glance]


async def fetch(reader: Reader, sql: str, params: Mapping[str, object] | None = None) -> Sequence[Any]:
    """All rows of `sql`, whose parameters stand as `:name`; each row has its columns as attributes."""
    if isinstance(reader, Glance):
        return await reader.fetch(sql, params or {})
    from sqlalchemy import text

    return (await reader.execute(text(sql), params)).all()


@cache
def _for_driver(sql: str) -> str:
    """`sql` with its parameters as psycopg takes them. SQL here is the program's own and holds no `:word` in quotes."""
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


def unavailable(url: str, error: BaseException) -> Unavailable:
    """The message for a database that does not answer; the driver's reason is added, which holds no password."""
    cause = str(getattr(error, "orig", error)).strip().splitlines()
    reason = cause[0] if cause else type(error).__name__
    return Unavailable(
        f"The database at {shown(url)} does not answer ({reason}). Nothing was changed.",
        hint="Check that the server runs and that DATAPULSE_DATABASE_URL names it (`datapulse db url` shows it).",
    )


class Glances:
    """One connection for glances, one at a time; opened on first use, closed by `close`."""

    def __init__(self, url: str, *, pooled: bool) -> None:
        self._url = url
        self._pooled = pooled
        self._connection: AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Glance]:
        """A read-only transaction. Raises Unavailable when the server cannot be reached."""
        if "psycopg" not in sys.modules:
            await asyncio.to_thread(import_driver)
        import psycopg

        async with self._turn:
            try:
                connection = await self._open()
                async with connection.transaction():
                    yield Glance(connection)
            except psycopg.OperationalError as error:
                await self._drop()
                if error.sqlstate is None or error.sqlstate.startswith(("08", "57P", "28", "3D")):
                    raise unavailable(self._url, error) from error
                raise

    async def close(self) -> None:
        """Close the connection once nobody uses it."""
        async with self._turn:
            await self._drop()

    async def _open(self) -> AsyncConnection[Any]:
        from psycopg import AsyncConnection
        from psycopg.rows import namedtuple_row

        if self._connection is None or self._connection.closed:
            self._connection = await AsyncConnection.connect(
                **libpq_arguments(self._url, "datapulse"),  # type: ignore[arg-type]
                row_factory=namedtuple_row,
                prepare_threshold=None if self._pooled else 5,
            )
            await self._connection.set_read_only(True)
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def import_driver() -> None:
    """Import psycopg. For a thread: it takes 0.1 s, and the event loop is the user's."""
    import psycopg  # noqa: F401
