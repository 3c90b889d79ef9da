"""Samples of the server's statistics, taken while a demo desk is open. What is written was measured, never made up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import LiteralString

import psycopg
from psycopg.conninfo import make_conninfo

from datapulse_tui.data.address import libpq_arguments
from datapulse_tui.demo import generate
from datapulse_tui.demo.workload import work

logger = logging.getLogger(__name__)

Connection = psycopg.AsyncConnection[tuple[object, ...]]

FIRST_PAUSE = 1.0  # seconds between samples in the first minute, so that charts have points soon
PAUSE = 2.0
KEPT = "24 hours"
_PRUNE_EVERY = 300  # samples
_LONGEST_GAP = 30.0  # seconds; a longer one (a sleeping laptop) says nothing about its rate
_LONGEST_WAIT = 15.0  # seconds until the next try when the database is away

_READ: LiteralString = """
SELECT clock_timestamp(), xact_commit, xact_rollback, blks_read, blks_hit, tup_returned,
       tup_inserted + tup_updated + tup_deleted,
       active, idle, in_transaction, pg_database_size(current_database())
FROM pg_stat_database, (
    SELECT count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state = 'idle') AS idle,
           count(*) FILTER (WHERE state LIKE 'idle in%') AS in_transaction
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
) AS sessions
WHERE datname = current_database()
"""
_READ_IO: LiteralString = """
SELECT backend_type, sum(coalesce(read_bytes, 0))::int8, sum(coalesce(write_bytes, 0) + coalesce(extend_bytes, 0))::int8
FROM pg_stat_io GROUP BY backend_type
"""
_WRITE: LiteralString = """
INSERT INTO demo.pg_samples VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_WRITE_IO: LiteralString = "INSERT INTO demo.io_samples VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
_PRUNE: tuple[LiteralString, ...] = (
    "DELETE FROM demo.pg_samples WHERE taken_at < now() - %s::interval",
    "DELETE FROM demo.io_samples WHERE taken_at < now() - %s::interval",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """The server's counters at one moment: `counts` and `io` (bytes read, written, by process) since they began."""

    taken_at: datetime
    counts: tuple[int, ...]
    gauges: tuple[int, ...]
    io: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Sample:
    """What happened between two readings, as the two tables hold it."""

    row: tuple[object, ...]
    io: tuple[tuple[object, ...], ...]


async def read(connection: Connection) -> Reading:
    """The statistics as they stand now; `connection` needs the rights of pg_monitor."""
    # One transaction sees one snapshot of the statistics, so each reading is one of its own (autocommit).
    cursor = await connection.execute(_READ)
    row = await cursor.fetchone()
    io = await (await connection.execute(_READ_IO)).fetchall()
    if row is None:
        raise psycopg.DataError("pg_stat_database does not know the database")
    taken_at, counts, gauges = _typed(row)
    return Reading(taken_at, counts, gauges, {str(name): (_whole(read), _whole(written)) for name, read, written in io})


def between(before: Reading, after: Reading) -> Sample | None:
    """What happened from `before` to `after`; None when that is unknown: a long gap, counters begun anew."""
    seconds = (after.taken_at - before.taken_at).total_seconds()
    counts = [new - old for new, old in zip(after.counts, before.counts, strict=True)]
    if not 0 < seconds <= _LONGEST_GAP or min(counts) < 0:
        return None
    io: list[tuple[object, ...]] = []
    for process, totals in after.io.items():
        earlier = before.io.get(process, (0, 0))
        did = (totals[0] - earlier[0], totals[1] - earlier[1])
        if min(did) >= 0 and max(did) > 0:
            io.append((after.taken_at, process, *did))
    return Sample((after.taken_at, seconds, *counts, *after.gauges), tuple(io))


async def write(connection: Connection, sample: Sample) -> None:
    """Keep `sample`."""
    async with connection.transaction():
        await connection.execute(_WRITE, sample.row)
        for row in sample.io:
            await connection.execute(_WRITE_IO, row)


async def sample_forever(monitor_url: str, demo_url: str, folder: Path, stop: asyncio.Event) -> None:
    """Sample, work a little and keep the files in `folder` fresh until `stop` is set.

    A database that is away is waited for. The rates start anew with each connection.
    """
    wait = FIRST_PAUSE
    while not stop.is_set():
        try:
            await _sample_connected(monitor_url, demo_url, folder, stop)
        except (psycopg.Error, OSError) as error:
            logger.warning("the demo's sampler: %s; next try in %.0f s", str(error).strip().splitlines()[:1], wait)
            await _pause(stop, wait)
            wait = min(wait * 2, _LONGEST_WAIT)
        else:
            wait = FIRST_PAUSE


async def _sample_connected(monitor_url: str, demo_url: str, folder: Path, stop: asyncio.Event) -> None:
    async with (
        await connect(monitor_url, "datapulse sampler") as monitor,
        await connect(demo_url, "datapulse workload") as worker,
    ):
        # Nothing hangs on a booking that a crash loses, so nobody's disk has to be asked each time.
        await worker.execute("SET synchronous_commit = off")
        before = await read(monitor)
        dice, tick = Random(), 0  # noqa: S311 - sample work
        while not stop.is_set():
            await work(worker, tick, dice)
            await _pause(stop, FIRST_PAUSE if tick < 60 else PAUSE)
            if stop.is_set():
                break  # a sample of a moment would be a wild rate
            after = await read(monitor)
            sample = between(before, after)
            if sample is not None:
                await write(worker, sample)
            if tick % _PRUNE_EVERY == 0:
                for statement in _PRUNE:
                    await worker.execute(statement, (KEPT,))
            await asyncio.to_thread(generate.refresh, folder, datetime.now(UTC))
            before, tick = after, tick + 1


async def connect(url: str, name: str) -> Connection:
    """A connection of its own in autocommit, shown as `name` in the server's list of sessions."""
    return await psycopg.AsyncConnection.connect(make_conninfo(**libpq_arguments(url, name)), autocommit=True)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _typed(row: tuple[object, ...]) -> tuple[datetime, tuple[int, ...], tuple[int, ...]]:
    taken_at, *numbers = row
    if not isinstance(taken_at, datetime):
        raise psycopg.DataError("the server's clock gave no time")
    whole = tuple(map(_whole, numbers))
    return taken_at, whole[:6], whole[6:]


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
