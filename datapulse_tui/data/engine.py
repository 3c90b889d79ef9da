"""SQLAlchemy's side of `Database`: the engine, and sessions whose errors say which server and what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from datapulse_tui.data.address import CONNECT_TIMEOUT, KEEPALIVES
from datapulse_tui.data.glance import unavailable
from datapulse_tui.errors import DataPulseError


class OutcomeUnknown(DataPulseError):
    """The connection died while the change was being committed: it may or may not have happened; look at the row."""


def parse_url(text: str) -> URL:
    """`text` as a URL for SQLAlchemy with the psycopg driver; accepts postgres:// and postgresql:// as well."""
    scheme, separator, rest = text.partition("://")
    if separator and scheme in ("postgres", "postgresql"):
        text = f"postgresql+psycopg://{rest}"
    return make_url(text)


def lost_connection(error: BaseException) -> bool:
    """Whether `error` means that the server is away, in contrast to a statement that it refused."""
    if isinstance(error, PoolTimeoutError | InterfaceError | ConnectionError):
        return True
    if isinstance(error, OperationalError):
        state = getattr(error.orig, "sqlstate", None)
        return state is None or state.startswith(("08", "57P"))
    return isinstance(error, DBAPIError) and error.connection_invalidated


def make_engine(text: str, *, pool_size: int, pooled: bool, pre_ping: bool) -> AsyncEngine:
    """An engine that has connected to nothing yet."""
    url = parse_url(text)
    several = isinstance(url.query.get("host"), tuple)
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_pre_ping=pre_ping,
        pool_use_lifo=True,
        use_native_hstore=False,  # nothing here is one, and looking for the type costs a round trip
        hide_parameters=True,  # else bound values, secrets among them, reach the log with every exception
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT,
            **KEEPALIVES,
            **({"target_session_attrs": "read-write"} if several else {}),
            "application_name": "datapulse",
            "prepare_threshold": None if pooled else 5,
        },
    )


@asynccontextmanager
async def transaction(engine: AsyncEngine, info: dict[str, object]) -> AsyncIterator[AsyncSession]:
    """See `Database.transaction`; `info` is lent to the session."""
    async with AsyncSession(engine, expire_on_commit=False, autobegin=True, info=info) as session:
        async with _told(engine):
            yield session
        async with _told(engine):
            await session.flush()
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
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """See `Database.reading`."""
    reader = engine.execution_options(postgresql_readonly=True)
    async with AsyncSession(reader, expire_on_commit=False) as session, _told(engine):
        yield session


@asynccontextmanager
async def _told(engine: AsyncEngine) -> AsyncIterator[None]:
    """A lost connection becomes Unavailable; everything else goes through."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        if not lost_connection(error):
            raise
        raise unavailable(engine.url.render_as_string(hide_password=False), error) from error
