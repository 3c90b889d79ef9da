"""The connection to the database and the one unit of work that everything goes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from datapulse_tui.errors import DataPulseError, Unavailable

CONNECT_TIMEOUT = 5  # seconds for one address; what a person waits for a message


class OutcomeUnknown(DataPulseError):
    """The connection died while the change was being committed: it may or may not have happened; look at the row."""


def parse_url(text: str) -> URL:
    """`text` as a URL for SQLAlchemy with the psycopg driver; accepts postgres:// and postgresql:// as well."""
    scheme, separator, rest = text.partition("://")
    if separator and scheme in ("postgres", "postgresql"):
        text = f"postgresql+psycopg://{rest}"
    return make_url(text)


def address(url: URL) -> str:
    """Where `url` points, without user or password, for messages: `host:port/database`."""
    hosts = url.query.get("host", url.host or "localhost")
    listed = ", ".join(hosts) if isinstance(hosts, tuple) else hosts
    port = f":{url.port}" if url.port else ""
    return f"{listed}{port}/{url.database or ''}"


def unavailable(url: URL, error: BaseException) -> Unavailable:
    """The message for a database that does not answer; the driver's reason is added, which holds no password."""
    cause = str(getattr(error, "orig", error)).strip().splitlines()
    reason = cause[0] if cause else type(error).__name__
    return Unavailable(
        f"The database at {address(url)} does not answer ({reason}). Nothing was changed.",
        hint="Check that the server runs and that DATAPULSE_DATABASE_URL names it (`datapulse db url` shows it).",
    )


def lost_connection(error: BaseException) -> bool:
    """Whether `error` means that the server is away, in contrast to a statement that it refused."""
    if isinstance(error, PoolTimeoutError | InterfaceError | ConnectionError):
        return True
    if isinstance(error, OperationalError):
        state = getattr(error.orig, "sqlstate", None)
        return state is None or state.startswith(("08", "57P"))
    return isinstance(error, DBAPIError) and error.connection_invalidated


class Database:
    """One PostgreSQL database and a small pool of connections to it.

    `pooled` says that a pooler in transaction mode stands between (PgBouncer): then no statement is prepared on the
    server. `pre_ping` asks a connection whether it lives before each use: a round trip, for processes where nobody sees
    the error and tries again. Making one connects to nothing.
    """

    def __init__(self, url: str | URL, *, pool_size: int = 5, pooled: bool = False, pre_ping: bool = False) -> None:
        self.url = parse_url(url) if isinstance(url, str) else url
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            pool_pre_ping=pre_ping,
            pool_use_lifo=True,
            hide_parameters=True,  # else bound values, secrets among them, reach the log with every exception
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT,
                "application_name": "datapulse",
                "prepare_threshold": None if pooled else 5,
            },
        )
        self._reader = self.engine.execution_options(postgresql_readonly=True)

    def __repr__(self) -> str:
        return f"Database({address(self.url)!r})"

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: commits when the block ends well, rolls back otherwise.

        Raises Unavailable when the server cannot be reached, and OutcomeUnknown when the connection died during the
        commit. Everything else that the block raises goes through unchanged.
        """
        async with AsyncSession(self.engine, expire_on_commit=False, autobegin=True) as session:
            try:
                yield session
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                raise (unavailable(self.url, error) if lost_connection(error) else error) from error
            try:
                await session.flush()
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                raise (unavailable(self.url, error) if lost_connection(error) else error) from error
            try:
                await session.commit()
            except DBAPIError as error:
                if lost_connection(error):
                    raise OutcomeUnknown(
                        "The connection to the database was lost while the change was being saved. It may or may not "
                        "have happened.",
                        hint="Look at it again when the database is back before repeating it.",
                    ) from error
                raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A read-only transaction, ended without a commit. Raises Unavailable when the server cannot be reached."""
        async with AsyncSession(self._reader, expire_on_commit=False) as session:
            try:
                yield session
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                raise (unavailable(self.url, error) if lost_connection(error) else error) from error

    async def dispose(self) -> None:
        """Close every connection. The object can be used again, with new ones."""
        await self.engine.dispose()
