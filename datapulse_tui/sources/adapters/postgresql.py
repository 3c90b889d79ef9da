"""Sources that speak PostgreSQL's protocol, with psycopg directly.

A query is sent as `SELECT * FROM (query) AS q LIMIT n + 1`. A server-side cursor would be as exact, but PostgreSQL
never runs one in parallel and plans it for its first rows; with the LIMIT it plans for what is really fetched, sorts
only as much as is needed, and everything comes in one answer. The order of the inner query is kept: its sort stays
below the limit. The brackets are also one more thing that a second statement would have to get out of.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Literal

import psycopg
from psycopg.conninfo import make_conninfo

from datapulse_tui.data.result import Column, Result
from datapulse_tui.errors import DataPulseError, Invalid, Unavailable
from datapulse_tui.sources import guard
from datapulse_tui.sources.adapters import pg_catalogue, pg_errors, pg_values
from datapulse_tui.sources.adapters.base import CONNECT_TIMEOUT, Running, SourceCheck, SourceSchema, timed_out
from datapulse_tui.sources.adapters.pg_connections import Connection, Connections, ended_with_task
from datapulse_tui.sources.schemas import PostgresConfig

_PREFIX = "SELECT * FROM (\n"
_SUFFIX = "\n) AS q LIMIT "
_CHUNK = 1_000  # rows turned into Python values before the event loop gets its turn
_GRACE = 5.0  # seconds after the server's own timeout until the connection counts as dead
_REMEMBERED = 5_000  # queries that passed the guard
_LONGEST_REMEMBERED = 5_000  # characters
_LOADABLE = (bool, int, float, str, bytes)


class PostgresAdapter:
    """One PostgreSQL source. Connects when first asked."""

    dialect: Literal["postgres"] = "postgres"

    def __init__(self, config: PostgresConfig) -> None:
        self._config = config
        self._policy = guard.Policy("postgres", frozenset(config.allowed_functions))
        self._connections = Connections(self._connect, size=config.max_connections)
        self._running = Running()
        self._own_types: dict[int, tuple[str, str]] = {}
        self._passed: dict[str, guard.Checked] = {}

    def __repr__(self) -> str:
        return f"PostgresAdapter({self._config.address!r})"

    async def check(self) -> SourceCheck:
        """Connect; the warnings say where the source's role could do more than read."""
        started = time.perf_counter()

        async def look(connection: Connection) -> SourceCheck:
            version, warnings = await pg_catalogue.look_around(connection)
            return SourceCheck(version, time.perf_counter() - started, warnings)

        return await self._running.run("", self._catalogue(look))

    async def schema(self) -> SourceSchema:
        """Tables, views and foreign tables that the source's role may read, outside the system's own schemas."""
        return await self._running.run("", self._catalogue(pg_catalogue.read_schema))

    async def describe(self, sql: str, params: Mapping[str, object]) -> tuple[Column, ...]:
        """The columns of `sql`; the server plans it with LIMIT 0 and runs nothing."""
        result = await self.run(sql, params, limit=-1, timeout=self._config.statement_timeout)
        return result.columns

    async def run(self, sql: str, params: Mapping[str, object], *, limit: int, timeout: float, tag: str = "") -> Result:
        """At most `limit` rows; see `Adapter.run`."""
        checked = await self._guarded(sql)
        values = [*checked.bind(params), limit + 1]
        allowed = min(timeout, self._config.statement_timeout)
        return await self._running.run(tag, self._run(checked, values, limit, allowed))

    async def _guarded(self, sql: str) -> guard.Checked:
        """What the guard says. A worker runs the same thousands of queries each minute: each is parsed once."""
        checked = self._passed.get(sql)
        if checked is None:
            checked = await asyncio.to_thread(guard.check, sql, self._policy)
            if len(self._passed) >= _REMEMBERED:
                self._passed.clear()
            if len(sql) <= _LONGEST_REMEMBERED:
                self._passed[sql] = checked
        return checked

    async def cancel(self, tag: str) -> None:
        """End the queries under `tag` in the server."""
        await self._running.cancel(tag)

    async def close(self) -> None:
        """End what runs and close every connection."""
        await self._running.cancel_all()
        await self._connections.close()

    async def _connect(self) -> Connection:
        config = self._config
        arguments: dict[str, object] = {
            "host": config.host, "port": config.port if config.host else None, "dbname": config.dbname,
            "user": config.user, "service": config.service, "sslmode": config.sslmode,
            "sslrootcert": config.sslrootcert, "application_name": "datapulse source", "client_encoding": "UTF8",
            "password": config.password.get_secret_value() if config.password else None,
            "connect_timeout": str(int(CONNECT_TIMEOUT)), "tcp_user_timeout": "25000", "keepalives_idle": "10",
            "keepalives_interval": "5", "keepalives_count": "3",
        }  # fmt: skip
        given = {name: str(value) for name, value in arguments.items() if value is not None}
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await psycopg.AsyncConnection.connect(
                    make_conninfo("", **given),
                    autocommit=True,
                    prepare_threshold=None,
                    context=pg_values.value_adapters(),
                    cursor_factory=psycopg.AsyncRawCursor,
                )
        except (psycopg.Error, OSError, TimeoutError) as error:
            raise pg_errors.cannot_connect(
                error, address=self._config.address, user=config.user or "?", dbname=config.dbname or "?"
            ) from None

    async def _begin(self, connection: Connection, seconds: float) -> None:
        """Open the transaction with everything in it that must not depend on the server's settings, in one message."""
        zone = self._config.timezone.replace("'", "''")
        milliseconds = max(1, round(seconds * 1000))
        await connection.execute(
            f"BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds}; SET LOCAL TimeZone = '{zone}'; "
            "SET LOCAL standard_conforming_strings = on; SET LOCAL DateStyle = 'ISO, YMD'; "
            "SET LOCAL IntervalStyle = 'postgres'; SET LOCAL idle_in_transaction_session_timeout = '60s'".encode()
        )

    async def _run(self, checked: guard.Checked, values: list[object], limit: int, timeout: float) -> Result:
        try:
            async with asyncio.timeout(timeout + _GRACE):
                return await self._run_retrying(checked, values, limit, timeout)
        except TimeoutError:
            raise timed_out(timeout) from None

    async def _run_retrying(self, checked: guard.Checked, values: list[object], limit: int, timeout: float) -> Result:
        while True:
            connection, used_before = await self._connections.take()
            try:
                return await ended_with_task(connection, self._fetch(connection, checked, values, limit, timeout))
            except psycopg.Error as error:
                if not connection.closed:
                    raise pg_errors.query_failed(
                        error, checked, prefix=len(_PREFIX), address=self._config.address, timeout=timeout
                    ) from None
                if not used_before:
                    raise pg_errors.lost(self._config.address) from None
            except UnicodeDecodeError:
                raise Invalid(
                    "The answer holds bytes that are not text in the encoding of the source. No rows came back.",
                    hint="Leave the column out, or turn it into text with encode(column, 'escape').",
                ) from None
            finally:
                self._connections.give_back(connection)
            # It lay idle and died (the server was restarted, a firewall forgot it): once more, on a new one.
            await self._connections.forget_idle()

    async def _fetch(
        self, connection: Connection, checked: guard.Checked, values: list[object], limit: int, timeout: float
    ) -> Result:
        started = time.perf_counter()
        await self._begin(connection, timeout)
        cursor = connection.cursor()
        statement = f"{_PREFIX}{checked.sql}{_SUFFIX}${len(values)}"
        try:
            await cursor.execute(statement.encode(), values)
        except (psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
            if error.sqlstate is None:
                raise _cannot_send(values) from None
            raise
        rows: list[tuple[object, ...]] = []
        while len(rows) <= limit:
            chunk = await cursor.fetchmany(_CHUNK)
            rows += chunk
            if len(chunk) < _CHUNK:
                break
            await asyncio.sleep(0)
        columns = await self._columns(connection, cursor)
        took = time.perf_counter() - started
        return Result(columns, tuple(rows[: max(limit, 0)]), took, len(rows) > max(limit, 0))

    async def _columns(
        self, connection: Connection, cursor: psycopg.AsyncCursor[tuple[object, ...]]
    ) -> tuple[Column, ...]:
        described = [(column.name, column.type_code) for column in cursor.description or ()]
        unknown = {
            oid for name, oid in described if pg_values.builtin_column(name, oid) is None and oid not in self._own_types
        }
        if unknown:
            self._own_types |= await pg_catalogue.type_names(connection, sorted(unknown))
        return tuple(
            pg_values.builtin_column(name, oid) or pg_values.own_column(name, oid, self._own_types)
            for name, oid in described
        )

    async def _catalogue(self, read: pg_catalogue.Reader[pg_catalogue.T]) -> pg_catalogue.T:
        """Run one of DataPulse's own questions about the source, with the same care as a query of a person."""
        while True:
            connection, used_before = await self._connections.take()
            try:
                async with asyncio.timeout(self._config.statement_timeout + _GRACE):
                    return await ended_with_task(connection, self._look(connection, read))
            except TimeoutError:
                raise timed_out(self._config.statement_timeout) from None
            except psycopg.Error as error:
                if not connection.closed:
                    raise self._catalogue_failed(error) from None
                if not used_before:
                    raise pg_errors.lost(self._config.address) from None
            finally:
                self._connections.give_back(connection)
            await self._connections.forget_idle()

    async def _look(self, connection: Connection, read: pg_catalogue.Reader[pg_catalogue.T]) -> pg_catalogue.T:
        await self._begin(connection, self._config.statement_timeout)
        return await read(connection)

    def _catalogue_failed(self, error: psycopg.Error) -> DataPulseError:
        if error.sqlstate == "57014":
            return timed_out(self._config.statement_timeout)
        return Unavailable(
            f"The source at {self._config.address} does not show its catalogue: {error.diag.message_primary or error}.",
            hint="Check that it is a PostgreSQL 12 or newer, or a server that behaves like one.",
        )


def _cannot_send(values: list[object]) -> Invalid:
    strange = sorted({type(value).__name__ for value in values if value is not None and type(value) not in _LOADABLE})
    return Invalid(
        f"A parameter has a value that cannot be sent to the source ({', '.join(strange) or 'unknown'}).",
        hint="Use a text, a number, a truth value, a date or a time.",
    )
