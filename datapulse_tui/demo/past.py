"""The last day of what the demo's rules watch, where the source has it: each query evaluated at past times.

The samples are what evaluations at these times would have left; nothing is made up, and a source that has no past (the
statistics of a server that was just started) gets none.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from datapulse_tui.alerts.evaluation.readings import read
from datapulse_tui.alerts.history import series_ids, write_samples
from datapulse_tui.alerts.reads.today import pin_key
from datapulse_tui.alerts.rules import label_key
from datapulse_tui.data.result import Result
from datapulse_tui.demo.cast import FILES_SOURCE, PINS
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.service import set_preference
from datapulse_tui.sources.pool import Sources
from datapulse_tui.sources.reads import source_handle

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.data.connect import Connection

LENGTH = timedelta(hours=24)
STEP = timedelta(minutes=5)  # of latency.csv; in between nothing is new
_MOST_ROWS = 20_000

_RULES = """
SELECT a.metric, a.label_columns, q.id AS query_id, q.sql FROM alerts a
JOIN queries q ON q.id = a.metric_id JOIN data_sources s ON s.id = q.data_source_id
WHERE s.name = :source AND a.archived_at IS NULL
"""
_NOW = re.compile(r"now\(\)")


@dataclass(frozen=True, slots=True)
class _Watched:
    query_id: UUID
    metric: str
    labels: tuple[str, ...]
    sql: str


async def fill(connection: Connection, now: datetime) -> None:
    """Write the samples of the day before `now` for the rules on the sample files."""
    sources = Sources.from_settings(connection.settings)
    try:
        async with connection.data.reading() as session:
            rows = (await session.execute(text(_RULES), {"source": FILES_SOURCE})).all()
            handle = await source_handle(session, FILES_SOURCE)
        watched = [_Watched(row.query_id, row.metric, tuple(row.label_columns), row.sql) for row in rows]
        end = datetime.fromtimestamp(now.timestamp() // STEP.total_seconds() * STEP.total_seconds(), UTC)
        params = {"start": end - LENGTH, "end": end, "step": STEP}
        results = [await sources.run(handle, _over_time(each.sql), params, limit=_MOST_ROWS) for each in watched]
    finally:
        await sources.close()
    async with connection.data.transaction() as session:
        past: dict[datetime, list[tuple[int, float]]] = {}
        for each, result in zip(watched, results, strict=True):
            readings = await asyncio.to_thread(_readings, each, result)
            for moment, values in (await _by_series(session, each, readings)).items():
                past.setdefault(moment, []).extend(values)
        for moment in sorted(past):
            await write_samples(session, moment, past[moment])


def _over_time(sql: str) -> str:
    """The query once for each moment of a range, as DuckDB runs it: with the moment in the place of `now()`."""
    each = _NOW.sub("moment", sql)
    moments = "generate_series(CAST(:start AS TIMESTAMPTZ), CAST(:end AS TIMESTAMPTZ), CAST(:step AS INTERVAL))"
    # The rules' own SQL, from files of this package.
    return f"SELECT moment, once.* FROM {moments} AS m(moment), LATERAL ({each}) AS once ORDER BY moment"  # noqa: S608


def _readings(watched: _Watched, result: Result) -> dict[datetime, list[tuple[Mapping[str, str], float]]]:
    """What each moment's evaluation would have read."""
    moments: dict[datetime, list[tuple[object, ...]]] = {}
    for row in result.rows:
        if isinstance(row[0], datetime):
            moments.setdefault(row[0].astimezone(UTC), []).append(row)
    found: dict[datetime, list[tuple[Mapping[str, str], float]]] = {}
    for moment, rows in moments.items():
        reading = read(Result(result.columns, rows), watched.metric, watched.labels)
        found[moment] = [(reading.labels[key], value) for key, value in reading.values.items() if value is not None]
    return found


async def _by_series(
    session: AsyncSession,
    watched: _Watched,
    readings: Mapping[datetime, Sequence[tuple[Mapping[str, str], float]]],
) -> dict[datetime, list[tuple[int, float]]]:
    labels = {label_key(each): each for values in readings.values() for each, _ in values}
    ids = await series_ids(session, watched.query_id, watched.metric, list(labels.values()))
    return {moment: [(ids[label_key(each)], value) for each, value in values] for moment, values in readings.items()}


async def pin(session: AsyncSession) -> None:
    """Pin metrics for the people of PINS, whose series are made where nothing was evaluated yet."""
    for email, metrics in PINS.items():
        actor = await actor_for(session, email)
        for name, metric, labels in metrics:
            query = await session.scalar(text("SELECT id FROM queries WHERE name = :name LIMIT 1"), {"name": name})
            for series in (await series_ids(session, query, metric, [labels])).values():
                await set_preference(session, actor, pin_key(series), True)
