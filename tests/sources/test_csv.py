"""The csv adapter on real files with the real DuckDB."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from datapulse_tui.data.result import ColumnKind, Result
from datapulse_tui.errors import Invalid, Unavailable
from datapulse_tui.sources.adapters.base import QueryCancelled, QueryTimeout
from datapulse_tui.sources.adapters.csv import CsvAdapter
from datapulse_tui.sources.adapters.csv_files import list_files
from datapulse_tui.sources.adapters.duck_engine import Engine
from datapulse_tui.sources.schemas import CsvConfig, parse_config
from tests.sources import statements

SLOW = "SELECT count(*) FROM range(100000000000) AS t (i) WHERE i % 7 = 3"
Make = Callable[..., CsvAdapter]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `orders` (100 rows) beside files that are none of the source's business."""
    path = tmp_path / "data"
    path.mkdir()
    rows = "".join(f"{i},{'north' if i % 2 else 'south'},{i}.5,2024-01-01 {i % 24:02}:00:00\n" for i in range(100))
    (path / "orders.csv").write_text("id,region,amount,at_time\n" + rows)
    (path / "we.ird name.csv").write_text("a\n1\n")
    (path / "secret.key").write_text("the-key")
    (path / "notes.txt").write_text("x\n1\n")
    (tmp_path / "outside.csv").write_text("a\nout\n")
    return path


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[CsvAdapter] = []

    def build(path: Path | str, allowed: tuple[Path, ...] | None = None, **more: Any) -> CsvAdapter:
        config = parse_config("csv", {"path": str(path), **more})
        assert isinstance(config, CsvConfig)
        made.append(CsvAdapter(config, (tmp_path,) if allowed is None else allowed))
        return made[-1]

    yield build
    for adapter in made:
        await adapter.close()


async def run(adapter: CsvAdapter, sql: str, **more: Any) -> Result:
    return await adapter.run(sql, more.pop("params", {}), **{"limit": 1000, "timeout": 20.0, **more})


async def test_a_folder_is_tables_and_rows_come_typed(make: Make, folder: Path) -> None:
    adapter = make(folder)
    result = await run(adapter, "SELECT id, region, amount, at_time FROM orders ORDER BY id LIMIT 1")
    assert [c.kind for c in result.columns] == [
        ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.NUMBER, ColumnKind.TIME,
    ]  # fmt: skip
    assert result.rows == ((0, "south", 0.5, datetime(2024, 1, 1)),)  # noqa: DTZ001  (the file has no zone)
    assert (await run(adapter, 'SELECT * FROM "we.ird name"')).rows == ((1,),)
    schema = await adapter.schema()
    assert [table.name for table in schema.tables] == ["orders", "we.ird name"]


async def test_every_type_has_a_kind_and_a_plain_value(make: Make, folder: Path) -> None:
    (folder / "zoned.csv").write_text("t,d,u,b\n2024-01-01T02:00:00+02:00,2024-01-31,10:00:00,true\n")
    adapter = make(folder)
    result = await run(adapter, "SELECT *, 1 AS x, 2 AS x FROM zoned")
    assert result.names == ("t", "d", "u", "b", "x", "x")
    assert result.rows == ((datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 31), "10:00:00", True, 1, 2),)
    other = await run(
        adapter,
        "SELECT INTERVAL 1 MONTH AS i, [1, NULL] AS l, {'a': 'b'} AS s, 1.50::DECIMAL(5, 2) AS n, 1::HUGEINT AS h, "
        "'a'::BLOB AS b, uuid() AS u, NULL AS z, 'x'::ENUM ('x') AS e FROM zoned",
    )
    assert [c.kind.value for c in other.columns] == [
        "other", "other", "other", "number", "number", "other", "text", "other", "text",
    ]  # fmt: skip
    assert other.rows[0][:6] == ("1 month", "[1, NULL]", "{'a': b}", Decimal("1.50"), 1, "a")


async def test_values_reach_duckdb_as_parameters(make: Make, folder: Path) -> None:
    start = datetime(2024, 1, 1, 5, tzinfo=UTC)
    result = await run(
        make(folder),
        "SELECT time_bucket(:bucket, at_time) AS b, count(*) FROM orders WHERE at_time >= :from AND at_time < :to "
        "AND region = :region GROUP BY b ORDER BY b",
        params={"from": start, "to": start + timedelta(hours=4), "bucket": timedelta(hours=2), "region": "north"},
    )
    assert [row[1] for row in result.rows] == [4, 4]
    with pytest.raises(Invalid, match=":y"):
        await run(make(folder), "SELECT :x, :y", params={"x": 1})


@pytest.mark.parametrize(("limit", "rows", "truncated"), [(10, 10, True), (100, 100, False), (99, 99, True)])
async def test_cutting_is_never_silent(make: Make, folder: Path, limit: int, rows: int, truncated: bool) -> None:
    result = await run(make(folder), "SELECT id FROM orders ORDER BY id DESC", limit=limit)
    assert (len(result.rows), result.truncated) == (rows, truncated)
    assert [row[0] for row in result.rows] == list(range(99, 99 - rows, -1))


async def test_what_the_guard_passes_duckdb_understands(make: Make, folder: Path) -> None:
    adapter = make(folder)
    for statement in statements.DUCKDB_ACCEPTED:
        assert (await run(adapter, statement)).columns, statement


@pytest.mark.parametrize("sql", statements.DUCKDB_REFUSED)
async def test_what_the_guard_refuses_is_not_run(make: Make, folder: Path, sql: str) -> None:
    with pytest.raises(Invalid):
        await run(make(folder), sql)


@pytest.fixture
def engine(folder: Path, tmp_path: Path) -> Engine:
    """The engine alone, as if there were no guard."""
    listing = list_files(str(folder), (tmp_path,))
    spill = tmp_path / "spill"
    spill.mkdir()
    made = Engine(CsvConfig(path=str(folder)), listing.files, str(spill))
    made.prepare_for("orders")
    return made


def test_what_is_configured_holds(engine: Engine, tmp_path: Path) -> None:
    asked = "SELECT current_setting('temp_directory'), current_setting('memory_limit'), current_setting('TimeZone')"
    assert engine.cursor().execute(asked).fetchone() == (str(tmp_path / "spill"), "488.2 MiB", "Etc/UTC")  # 512 MB


def test_duckdb_itself_opens_nothing_else(engine: Engine, folder: Path, tmp_path: Path) -> None:
    x = [1]  # a Python variable that DuckDB would take for a table
    assert x
    cursor = engine.cursor()
    assert cursor.execute("SELECT count(*) FROM orders").fetchone() == (100,)
    for statement in (
        f"SELECT * FROM read_text('{folder}/secret.key')",
        f"SELECT * FROM read_text('{folder}/../data/secret.key')",
        f"SELECT * FROM read_blob('{folder}/secret.key')",
        f"SELECT * FROM read_csv('{tmp_path}/outside.csv')",
        f"SELECT * FROM '{tmp_path}/outside.csv'",
        f"SELECT * FROM glob('{folder}/*')",
        f"SELECT * FROM read_csv('{folder}/*.csv')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM x",
        f"COPY (SELECT 1) TO '{folder}/new.csv'",
        f"COPY (SELECT 1) TO '{tmp_path}/new.csv'",
        f"ATTACH '{tmp_path}/new.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        f"SET allowed_directories = ['{tmp_path}']",
        "SET lock_configuration = false",
        "SET memory_limit = '100GB'",
        "SELECT * FROM read_csv('https://example.com/x.csv')",
    ):
        with pytest.raises(duckdb.Error):
            cursor.execute(statement).fetchall()
    assert not (folder / "new.csv").exists()


@pytest.mark.parametrize(
    "sql", ["COPY (SELECT 1) TO 'x.csv'", "CREATE TABLE t (a int)", "SELECT 1; SELECT 2", "PRAGMA version",
            "SET threads = 8", "DROP VIEW orders", "EXPLAIN SELECT 1"],
)  # fmt: skip
def test_duckdbs_own_parser_is_the_second_look(engine: Engine, sql: str) -> None:
    with pytest.raises(Invalid, match="Only one SELECT"):
        engine.fetch(engine.cursor(), sql, [], 10)


async def test_only_folders_that_are_allowed(make: Make, folder: Path, tmp_path: Path) -> None:
    for path, allowed in [
        ("/etc", (tmp_path,)),
        (folder, ()),
        (folder / "..", (folder,)),
        ("/etc/passwd", (tmp_path,)),
    ]:
        with pytest.raises(Invalid, match="not inside a folder"):
            await make(path, allowed).check()


async def test_links_lead_nowhere(make: Make, folder: Path, tmp_path: Path) -> None:
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    (folder / "passwd.csv").symlink_to("/etc/passwd")
    (folder / "circle.csv").symlink_to(folder / "circle.csv")
    (folder / "inner.csv").symlink_to(folder / "orders.csv")
    (tmp_path / "jump").symlink_to("/etc")
    adapter = make(folder)
    warnings = " ".join((await adapter.check()).warnings)
    assert "link.csv is left out" in warnings
    assert "passwd.csv is left out" in warnings
    assert "circle.csv is left out" in warnings
    with pytest.raises(Invalid, match="no table 'passwd'"):
        await run(adapter, "SELECT * FROM passwd")
    with pytest.raises(Invalid, match="not inside"):
        await make(tmp_path / "jump").check()


async def test_hostile_names_of_files(make: Make, folder: Path) -> None:
    for name in ("a'b.csv", 'c"d.csv', "e[1]*?.csv", "SELECT 1; --.csv", "Ünï.csv", "ORDERS.CSV", ".hidden.csv"):
        (folder / name).write_text("v\n7\n")
    (folder / os.fsdecode(b"bad\xff.csv")).write_text("v\n1\n")
    (folder / "esc\x1b[31m.csv").write_text("v\n1\n")
    adapter = make(folder)
    check = await adapter.check()
    assert not any("\x1b" in warning or "\udcff" in warning for warning in check.warnings)
    assert sum("cannot be shown" in warning for warning in check.warnings) == 2
    assert sum("already that of another file" in warning for warning in check.warnings) == 1
    for table in ("a'b", 'c""d', "e[1]*?", "SELECT 1; --", "Ünï"):
        assert (await run(adapter, f'SELECT v FROM "{table}"')).rows == ((7,),)


async def test_one_file_is_one_table(make: Make, folder: Path) -> None:
    assert (await run(make(folder / "orders.csv"), "SELECT count(*) FROM orders")).rows == ((100,),)
    assert (await run(make(folder / "notes.txt"), "SELECT x FROM notes")).rows == ((1,),)
    with pytest.raises(Invalid, match="not a CSV file"):
        await make(folder / "secret.key").check()
    with pytest.raises(Invalid, match="no table"):
        await run(make(folder / "notes.txt"), "SELECT * FROM orders")


async def test_changed_files_are_read_again(make: Make, folder: Path) -> None:
    adapter = make(folder)
    assert (await run(adapter, "SELECT count(*) FROM orders")).rows == ((100,),)
    (folder / "orders.csv").write_text("word;number\nx;1\ny;2\n")
    assert (await run(adapter, "SELECT number, word FROM orders ORDER BY 1")).rows == ((1, "x"), (2, "y"))
    (folder / "later.csv").write_text("a\n5\n")
    assert (await run(adapter, "SELECT a FROM later")).rows == ((5,),)
    (folder / "later.csv").unlink()
    with pytest.raises(Invalid, match="no table 'later'"):
        await run(adapter, "SELECT a FROM later")


async def test_how_to_read_can_be_said(make: Make, folder: Path) -> None:
    (folder / "odd.csv").write_bytes("1,5;café;NA\n2,5;thé;3\n".encode("latin-1"))
    odd = make(folder / "odd.csv", delimiter=";", header=False, encoding="latin-1", decimal_separator=",",
               null_values=["NA"])  # fmt: skip
    assert (await run(odd, "SELECT * FROM odd")).rows == ((1.5, "café", None), (2.5, "thé", 3))
    with pytest.raises(Invalid, match="line 1"):
        await run(make(folder / "odd.csv"), "SELECT * FROM odd")


async def test_what_is_wrong_with_a_file_is_told_with_its_line(make: Make, folder: Path) -> None:
    (folder / "bad.csv").write_text("id,v\n" + "".join(f"{i},{i}\n" for i in range(30_000)) + "x,oops\n")
    adapter = make(folder)
    with pytest.raises(Invalid, match=r"bad\.csv cannot be read at line 30002.*oops") as caught:
        await run(adapter, "SELECT sum(v) FROM bad")
    assert str(folder) not in str(caught.value)
    (folder / "quoted.csv").write_text("a,b\n" + "1,x\n" * 30_000 + '2,"late, quote"\n')
    assert (await run(adapter, "SELECT b FROM quoted WHERE a = 2")).rows == (("late, quote",),)
    (folder / "empty.csv").write_text("")
    assert "table empty is empty" in " ".join((await adapter.check()).warnings)
    with pytest.raises(Unavailable, match="cannot be opened"):
        await make(folder / "missing.csv").check()


async def test_time_is_up_and_cancelling_interrupts(make: Make, folder: Path) -> None:
    adapter = make(folder)
    started = time.perf_counter()
    with pytest.raises(QueryTimeout, match=r"0\.3 s"):
        await run(adapter, SLOW, timeout=0.3)
    by_task = asyncio.create_task(run(adapter, SLOW))
    by_tag = asyncio.create_task(run(adapter, SLOW, tag="t"))
    await asyncio.sleep(0.1)
    by_task.cancel()
    await adapter.cancel("t")
    with pytest.raises(asyncio.CancelledError):
        await by_task
    with pytest.raises(QueryCancelled):
        await by_tag
    assert time.perf_counter() - started < 30
    assert (await run(adapter, "SELECT 1")).rows == ((1,),)
    before = threading.active_count()
    await adapter.close()
    assert threading.active_count() <= before


async def test_a_large_file_is_streamed(make: Make, tmp_path: Path) -> None:
    """A file of 240 MB under a limit of 128 MB: it would not fit if it were loaded."""
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        block = "".join(f"{i},{i % 100},some text that takes room {i}\n" for i in range(25_000))
        file.write("id,bucket,words\n")
        for _ in range(240):
            file.write(block)
    assert path.stat().st_size > 220_000_000
    adapter = make(path, memory_limit_mb=128, threads=2)
    result = await run(
        adapter, "SELECT bucket, count(*), sum(id) FROM large GROUP BY bucket ORDER BY bucket", timeout=60
    )
    assert len(result.rows) == 100
    assert result.rows[0][1] == 60_000
    few = await run(adapter, "SELECT * FROM large", limit=10)
    assert (len(few.rows), few.truncated) == (10, True)
