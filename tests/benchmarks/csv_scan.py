"""An aggregate over a CSV file of 10,000,000 rows through the csv adapter, against DuckDB alone on the same file.

The file is made by DuckDB before, in a temporary folder, and gone afterwards (about 300 MB).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

import duckdb

from datapulse_tui.sources.adapters.registry import make_adapter
from datapulse_tui.sources.schemas import CsvConfig
from tests.benchmarks.bench_workspace import bare_duckdb, typed_csv
from tests.benchmarks.figures import against

ROWS = 10_000_000
TARGET = 1.2
MOST_ROUNDS = 5  # each reads the file twice
COLUMNS = {"id": "BIGINT", "at": "TIMESTAMP", "kind": "VARCHAR", "amount": "DOUBLE"}
QUERY = "SELECT kind, count(*) AS n, sum(amount) AS amount, avg(amount) AS mean FROM big GROUP BY kind ORDER BY kind"
MAKE = f"""
COPY (SELECT range AS id, TIMESTAMP '2026-01-01' + to_seconds(range) AS at, 'kind ' || range % 12 AS kind,
             round((range * 7919) % 100003 / 7.0, 2) AS amount
      FROM range({ROWS})) TO '{{path}}' (FORMAT csv, HEADER)
"""


def measure(rounds: int) -> dict[str, object]:
    """The ratio; the first run of an adapter finds out the columns as well and stands apart."""
    with tempfile.TemporaryDirectory(prefix="dp-bench-") as folder:
        path = Path(folder) / "big.csv"
        duckdb.connect().execute(MAKE.format(path=path))
        ours, theirs, first = asyncio.run(_measure(path, min(rounds, MOST_ROUNDS)))
        size = path.stat().st_size
    return {
        "rows": ROWS,
        "mb": round(size / 1e6),
        "scan_s": against(ours, theirs, TARGET),
        "first_scan_s": against(first, theirs, TARGET),
    }


async def _measure(path: Path, rounds: int) -> tuple[list[float], list[float], list[float]]:
    config = CsvConfig(path=str(path))
    ours: list[float] = []
    theirs: list[float] = []
    bare = bare_duckdb(min(config.threads, os.cpu_count() or 1), config.memory_limit_mb)
    bare.execute(f"CREATE VIEW big AS SELECT * FROM {typed_csv(path, COLUMNS)}")
    bare.execute(QUERY).fetchall()  # the file is in the cache from here on
    adapter = make_adapter(config, [path.parent])
    try:
        started = time.perf_counter()
        found = await adapter.run(QUERY, {}, limit=1_000, timeout=300)
        first = [time.perf_counter() - started]
        for _ in range(rounds):
            started = time.perf_counter()
            expected = bare.execute(QUERY).fetchall()
            theirs.append(time.perf_counter() - started)
            started = time.perf_counter()
            found = await adapter.run(QUERY, {}, limit=1_000, timeout=300)
            ours.append(time.perf_counter() - started)
            if [row[:2] for row in found.rows] != [row[:2] for row in expected]:
                raise AssertionError("the two do not count the same")
    finally:
        await adapter.close()
        bare.close()
    return ours, theirs, first
