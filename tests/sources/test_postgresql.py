"""The postgresql adapter on a real server."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from datapulse_tui.data.result import ColumnKind
from datapulse_tui.errors import Invalid, Unavailable
from datapulse_tui.sources.adapters import pg_errors
from datapulse_tui.sources.adapters.base import QueryCancelled, QueryTimeout
from datapulse_tui.sources.adapters.postgresql import PostgresAdapter
from tests.databases import dsn
from tests.sources import statements
from tests.sources.conftest import SLOW, SourceServer, eventually

Make = Callable[..., PostgresAdapter]


@pytest.fixture
def adapter(make_adapter: Make, source_server: SourceServer) -> PostgresAdapter:
    return make_adapter(source_server.config)


async def run(adapter: PostgresAdapter, sql: str, **more: Any) -> Any:
    return await adapter.run(sql, more.pop("params", {}), **{"limit": 100, "timeout": 5.0, **more})


async def test_rows_come_typed_and_in_order(adapter: PostgresAdapter) -> None:
    result = await run(adapter, "SELECT id, at, amount, colour FROM shop.orders ORDER BY id DESC LIMIT 2")
    assert [(c.name, c.kind) for c in result.columns] == [
        ("id", ColumnKind.NUMBER), ("at", ColumnKind.TIME), ("amount", ColumnKind.NUMBER), ("colour", ColumnKind.TEXT),
    ]  # fmt: skip
    assert result.rows[0] == (1000, datetime(2024, 2, 11, 16, tzinfo=UTC), Decimal("0.00"), "red")
    assert not result.truncated
    assert result.took > 0


async def test_every_type_has_a_kind_and_a_plain_value(adapter: PostgresAdapter) -> None:
    result = await run(
        adapter,
        "SELECT 1::int2 a, 1.5::float8 b, 'NaN'::numeric c, true d, now() e, localtimestamp f, current_date g, "
        "'infinity'::timestamptz h, '4000-01-01 BC'::date i, '{\"a\": 1}'::jsonb j, ARRAY[1, NULL, 2] k, "
        "ARRAY['a b', 'c\"d'] l, interval '1 month 2 days 03:00' m, '\\x00ff'::bytea n, int4range(1, 5) o, "
        "time '10:00' p, gen_random_uuid() q, NULL r, 12.5::shop.share s, 'red'::shop.colour t, ROW(1, 'x') u",
    )
    kinds = {column.name: column.kind.value for column in result.columns}
    row = dict(zip(result.names, result.rows[0], strict=True))
    assert [name for name, kind in kinds.items() if kind == "number"] == ["a", "b", "c", "s"]
    assert [name for name, kind in kinds.items() if kind == "time"] == ["e", "f", "h"]
    assert [name for name, kind in kinds.items() if kind == "date"] == ["g", "i"]
    assert kinds["d"] == "boolean"
    assert [kinds[name] for name in "qrt"] == ["text"] * 3
    assert {kinds[name] for name in "jklmnopu"} == {"other"}
    assert row["e"].tzinfo is not None
    assert row["f"].tzinfo is None
    assert isinstance(row["g"], date)
    assert (row["h"], row["i"]) == ("infinity", "4000-01-01 BC")
    assert (row["k"], row["l"], row["m"]) == ("{1,NULL,2}", '{"a b","c\\"d"}', "1 mon 2 days 03:00:00")
    assert (row["n"], row["o"], row["s"], row["r"]) == ("\\x00ff", "[1,5)", Decimal("12.50"), None)
    natives = {column.name: column.native for column in result.columns}
    assert (natives["k"], natives["s"], natives["t"]) == ("int4[]", "numeric", "shop.colour")


async def test_values_reach_the_source_as_parameters(adapter: PostgresAdapter) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    result = await run(
        adapter,
        "SELECT date_bin(:bucket, at, :from) AS b, count(*) FROM shop.orders WHERE at >= :from AND at < :to "
        "AND colour::text = :colour GROUP BY 1 ORDER BY 1 -- :not_one",
        params={"from": start, "to": start + timedelta(days=2), "bucket": timedelta(days=1), "colour": "red"},
    )
    assert result.rows == ((start, 23), (start + timedelta(days=1), 24))
    hostile = "x'; DROP TABLE shop.orders; --"
    echoed = await run(
        adapter, "SELECT :a AS a, '%s %% :a' AS b, 7 % 4 AS c, :a || :b AS d", params={"a": hostile, "b": "%"}
    )
    assert echoed.rows == ((hostile, "%s %% :a", 3, hostile + "%"),)
    many = await run(adapter, "SELECT count(*) FROM shop.orders WHERE id = ANY(:ids)", params={"ids": [1, 2, 3]})
    assert many.rows == ((3,),)
    with pytest.raises(Invalid, match=":x, :y"):
        await run(adapter, "SELECT :x, :y, :z", params={"z": 1})
    with pytest.raises(Invalid, match="cannot be sent"):
        await run(adapter, "SELECT :x", params={"x": object()})


@pytest.mark.parametrize(("limit", "rows", "truncated"), [(5, 5, True), (1000, 1000, False), (999, 999, True)])
async def test_cutting_is_never_silent(adapter: PostgresAdapter, limit: int, rows: int, truncated: bool) -> None:
    result = await run(adapter, "SELECT * FROM shop.orders ORDER BY id", limit=limit)
    assert (len(result.rows), result.truncated) == (rows, truncated)
    assert [row[0] for row in result.rows] == list(range(1, rows + 1))


async def test_describe_brings_columns_without_running(adapter: PostgresAdapter) -> None:
    started = time.perf_counter()
    columns = await adapter.describe(f"SELECT * FROM ({SLOW}) AS s, shop.orders", {})
    assert time.perf_counter() - started < 20  # running it takes hours
    assert [column.name for column in columns] == ["count", "id", "at", "amount", "colour"]


async def test_what_the_guard_passes_the_server_understands(adapter: PostgresAdapter) -> None:
    for statement in statements.POSTGRES_ACCEPTED:
        assert (await run(adapter, statement)).columns, statement


async def test_the_server_refuses_to_write_whatever_the_guard_says(
    make_adapter: Make, source_server: SourceServer
) -> None:
    owner = make_adapter({**source_server.config, "user": make_superuser(source_server)},
                         allowed_functions=["nextval", "set_config", "pg_advisory_lock", "shop.write"])  # fmt: skip
    source_server.execute("CREATE SEQUENCE shop.s")
    source_server.execute(
        "CREATE FUNCTION shop.write() RETURNS int LANGUAGE sql AS 'DELETE FROM shop.orders RETURNING 1'"
    )
    for statement in ("SELECT nextval('shop.s')", "SELECT shop.write()"):
        with pytest.raises(Invalid, match="read-only transaction"):
            await run(owner, statement)
    assert source_server.execute("SELECT count(*) FROM shop.orders") == [(1000,)]


def make_superuser(server: SourceServer) -> str:
    return psycopg.conninfo.conninfo_to_dict(dsn(server.superuser))["user"]


async def test_a_connection_is_clean_for_the_next_query(make_adapter: Make, source_server: SourceServer) -> None:
    adapter = make_adapter(
        source_server.config, max_connections=1, allowed_functions=["set_config", "pg_advisory_lock"]
    )
    before = await run(adapter, "SELECT pg_backend_pid(), current_setting('statement_timeout')")
    await run(adapter, "SELECT set_config('statement_timeout', '0', false), set_config('search_path', 'shop', false)")
    await run(adapter, "SELECT pg_advisory_lock(4711)")
    after = await run(adapter, "SELECT pg_backend_pid(), current_setting('statement_timeout')")
    assert after.rows == before.rows
    assert "shop" not in (await run(adapter, "SELECT current_setting('search_path')")).rows[0][0]
    assert source_server.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711") == [(0,)]


async def test_time_is_up(adapter: PostgresAdapter, source_server: SourceServer) -> None:
    started = time.perf_counter()
    with pytest.raises(QueryTimeout, match=r"0\.3 s"):
        await run(adapter, SLOW, timeout=0.3)
    assert time.perf_counter() - started < 20
    await eventually(lambda: not source_server.queries("generate_series"))


async def test_the_sources_own_limit_is_not_passed(make_adapter: Make, source_server: SourceServer) -> None:
    adapter = make_adapter(source_server.config, statement_timeout=1)
    with pytest.raises(QueryTimeout, match="1 s"):
        await run(adapter, SLOW, timeout=600)


async def test_cancelling_the_task_cancels_in_the_server(adapter: PostgresAdapter, source_server: SourceServer) -> None:
    task = asyncio.create_task(run(adapter, SLOW, timeout=60))
    await eventually(lambda: bool(source_server.queries("generate_series")))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: not source_server.queries("generate_series"), 2)
    assert (await run(adapter, "SELECT 1")).rows == ((1,),)


async def test_cancelling_by_tag_takes_only_that_one(adapter: PostgresAdapter, source_server: SourceServer) -> None:
    one = asyncio.create_task(run(adapter, SLOW, timeout=60, tag="one"))
    two = asyncio.create_task(run(adapter, SLOW + " -- two", timeout=60, tag="two"))
    await eventually(lambda: len(source_server.queries("generate_series")) == 2)
    await adapter.cancel("one")
    with pytest.raises(QueryCancelled):
        await one
    assert len(source_server.queries("generate_series")) == 1
    await adapter.close()
    with pytest.raises(QueryCancelled):
        await two
    await eventually(lambda: not source_server.queries("generate_series"), 2)


async def test_connections_are_bounded_and_given_back(make_adapter: Make, source_server: SourceServer) -> None:
    adapter = make_adapter(source_server.config, max_connections=2)
    await asyncio.gather(*(run(adapter, f"SELECT {i}, count(*) FROM shop.orders") for i in range(12)))
    count = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{source_server.role}'"
    assert source_server.execute(count)[0][0] <= 2
    await adapter.close()
    await eventually(lambda: source_server.execute(count) == [(0,)])


async def test_a_connection_that_died_while_idle_is_replaced_once(
    adapter: PostgresAdapter, source_server: SourceServer
) -> None:
    await asyncio.gather(*(run(adapter, f"SELECT {i}") for i in range(3)))
    source_server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{source_server.role}'"
    )
    assert (await run(adapter, "SELECT 1")).rows == ((1,),)


async def test_a_server_that_goes_away_in_the_middle_is_told(
    adapter: PostgresAdapter, source_server: SourceServer
) -> None:
    task = asyncio.create_task(run(adapter, SLOW, timeout=60))
    await eventually(lambda: bool(source_server.queries("generate_series")))
    source_server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{source_server.role}'"
    )
    with pytest.raises(Unavailable, match="went away"):
        await task


async def test_errors_say_where_in_what_was_written(adapter: PostgresAdapter) -> None:
    with pytest.raises(Invalid, match=r"line 2, column 8.*nope") as caught:
        await run(
            adapter,
            "SELECT /* a long comment that is not sent */ :x::int,\n       nope FROM shop.orders",
            params={"x": 1},
        )
    assert "q LIMIT" not in str(caught.value)
    with pytest.raises(Invalid, match="division by zero"):
        await run(adapter, "SELECT 1 / (id - id) FROM shop.orders")
    with pytest.raises(Invalid, match=r"own role may not.*hidden") as caught:
        await run(adapter, "SELECT * FROM shop.hidden")
    assert "GRANT" in caught.value.hint or "grant" in caught.value.hint


async def test_check_warns_of_a_role_that_could_write(make_adapter: Make, source_server: SourceServer) -> None:
    clean = await make_adapter(source_server.config).check()
    assert clean.version.startswith("PostgreSQL ")
    assert clean.warnings == ()
    source_server.execute(f"GRANT INSERT ON shop.hidden TO {source_server.role}")
    source_server.execute(f"GRANT CREATE ON SCHEMA shop TO {source_server.role}")
    source_server.execute(f"GRANT pg_read_server_files TO {source_server.role}")
    warnings = " ".join((await make_adapter(source_server.config).check()).warnings)
    assert "write to 1 table" in warnings
    assert "schemas shop" in warnings
    assert "pg_read_server_files" in warnings
    superuser = await make_adapter({**source_server.config, "user": make_superuser(source_server)}).check()
    assert "superuser" in superuser.warnings[0]


async def test_the_schema_is_what_the_role_may_read(adapter: PostgresAdapter) -> None:
    schema = await adapter.schema()
    orders = next(table for table in schema.tables if table.name == "orders")
    assert (orders.schema, orders.rows) == ("shop", 1000)
    assert [(c.name, c.kind.value, c.native) for c in orders.columns] == [
        ("id", "number", "integer"), ("at", "time", "timestamp with time zone"), ("amount", "number", "numeric(10,2)"),
        ("colour", "text", "shop.colour"),
    ]  # fmt: skip
    assert "hidden" not in [table.name for table in schema.tables]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dbname": "no_such_database"}, "no database no_such_database"),
        ({"user": "no_such_role"}, "no role no_such_role"),
        ({"host": "/no/such/folder"}, "no server listens on that socket"),
        ({"host": "no-such-host.invalid"}, "cannot be found"),
        ({"host": "127.0.0.1", "port": 1}, "not listening"),
        ({"host": None, "service": "no_such_service"}, "service is unknown"),
    ],
)
async def test_what_is_wrong_with_a_connection_is_told(
    make_adapter: Make, source_server: SourceServer, change: dict[str, Any], said: str
) -> None:
    adapter = make_adapter({**source_server.config, "password": "hunter2-secret", **change})
    with pytest.raises(Unavailable, match=said) as caught:
        await run(adapter, "SELECT 1")
    assert caught.value.hint
    assert "hunter2" not in f"{caught.value} {adapter!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("libpq", "said"),
    [
        ('FATAL:  password authentication failed for user "ana"', "refused the password of user ana"),
        ("fe_sendauth: no password supplied", "refused the password of user ana"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "ana", database "shop"', "does not let user ana in"),
        ("FATAL:  sorry, too many clients already", "no connection to spare"),
        ("FATAL:  the database system is starting up", "starting or stopping"),
        ("server does not support SSL, but SSL was required", "encrypted connection"),
        ("something that nobody foresaw", "something that nobody foresaw"),
    ],
)
def test_what_servers_say_while_connecting_is_put_into_words(libpq: str, said: str) -> None:
    """Texts of libpq and servers that cannot be brought about on the tests' own server (it asks for no password)."""
    error = psycopg.OperationalError(f'connection to server at "db", port 5432 failed: {libpq}')
    told = pg_errors.cannot_connect(error, address="db:5432/shop", user="ana", dbname="shop")
    assert said in told.message
    assert "Nothing was read" in told.message


async def test_a_host_that_does_not_answer_is_given_up_within_5_seconds(
    make_adapter: Make, source_server: SourceServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection and says nothing
        port = silent.getsockname()[1]
        adapter = make_adapter({**source_server.config, "host": "127.0.0.1", "port": port, "sslmode": "disable"})
        started = time.perf_counter()
        with pytest.raises(Unavailable, match="within 5 s"):
            await run(adapter, "SELECT 1")
        assert time.perf_counter() - started < 15


async def test_the_event_loop_is_not_blocked_by_a_large_answer(adapter: PostgresAdapter) -> None:
    """The longest turn of the loop while 100,000 rows arrive, in CPU time: other processes do not count.

    Nor does what the tests themselves have on the heap, which a garbage collection would walk through.
    """
    await run(adapter, "SELECT 1")
    gc.collect()
    gc.freeze()
    longest, stop = 0.0, False

    async def watch() -> None:
        nonlocal longest
        while not stop:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    watcher = asyncio.create_task(watch())
    result = await run(
        adapter, "SELECT i, i::text, now() FROM generate_series(1, 100000) AS g (i)", limit=100_000, timeout=20
    )
    stop = True
    await watcher
    gc.unfreeze()
    assert len(result.rows) == 100_000
    assert longest < 0.05


async def test_a_cancel_that_comes_early_is_not_lost(make_adapter: Make, source_server: SourceServer) -> None:
    """The request to cancel can reach the server before the query does; whenever it comes, the query must end."""
    adapter = make_adapter(source_server.config)
    for delay in (0.0, 0.001, 0.003, 0.005, 0.01, 0.02, 0.05):
        task = asyncio.create_task(run(adapter, SLOW, timeout=60))
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await eventually(lambda: not source_server.queries("generate_series"), 2)


@pytest.mark.parametrize(
    "sql",
    ["SELECT convert_from('\\xff', 'UTF8')", "SELECT chr(0)", "SELECT 200::int2 * 400::int2", "SELECT 'x'::int",
     "SELECT * FROM no_such_table", "SELECT sum('a')", "SELECT lower(1)", "SELECT (SELECT 1 UNION SELECT 2)"],
)  # fmt: skip
async def test_errors_of_the_server_are_put_into_words(adapter: PostgresAdapter, sql: str) -> None:
    with pytest.raises(Invalid, match="refused the query"):
        await run(adapter, sql)
