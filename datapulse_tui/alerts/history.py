"""The history of metrics: writing samples in bulk, and reading them for charts, sparklines and comparisons.

Full detail lies in partitions by day, older hours rolled up by month (see retention.py). Plain SQL throughout: these
are the hot paths of evaluation and of every list with a sparkline.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.alerts.rules import label_key
from datapulse_tui.data.glance import Reader, fetch

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

MOST_SAMPLES = 100_000

_ESCAPED = "\\u"
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

# Asked each time rather than remembered: it costs nothing beside the samples, and it is never wrong.
_ENSURE_PARTITION = """
SELECT CASE WHEN to_regclass(:partition) IS NULL THEN metric_partitions_make(:day, :day) END
"""
_WRITE_SAMPLES = """
INSERT INTO metric_samples (series_id, at, value)
SELECT series_id, CAST(:at AS timestamptz), value
FROM unnest(CAST(:ids AS bigint[]), CAST(:values AS float8[])) AS sample(series_id, value)
ON CONFLICT DO NOTHING
"""
_KNOWN_SERIES = """
SELECT known.label_key, known.id
FROM unnest(CAST(:keys AS text[])) AS wanted(label_key)
JOIN metric_series known ON known.query_id = :query_id AND known.metric = :metric
                        AND known.label_key = wanted.label_key
"""
# In the order of the keys, so that two who make the same series wait for each other instead of locking each other out.
_MAKE_SERIES = """
INSERT INTO metric_series (query_id, metric, label_key, labels)
SELECT CAST(:query_id AS uuid), :metric, label_key, CAST(labels AS jsonb)
FROM unnest(CAST(:keys AS text[]), string_to_array(:labels, E'\\n')) AS made(label_key, labels)
ORDER BY label_key
ON CONFLICT (query_id, metric, label_key) DO NOTHING
RETURNING label_key, id
"""
_DETAIL_BEGINS = """
SELECT min(right(part.relname, 8)) AS day FROM pg_inherits
JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = CAST('metric_samples' AS regclass)
"""
_SAMPLES = """
SELECT at, value FROM metric_samples
WHERE series_id = :series_id AND at >= :start AND at <= :end ORDER BY at DESC LIMIT :limit
"""
_HOURS = """
SELECT hour AS at, total / samples AS value FROM metric_samples_hourly
WHERE series_id = :series_id AND hour >= :start AND hour < :end ORDER BY hour DESC LIMIT :limit
"""
# What a series' query meant before its text was another one is not compared with what it means now.
_MEANT = """
FROM unnest(CAST(:ids AS bigint[])) AS wanted(series_id)
LEFT JOIN metric_series series ON series.id = wanted.series_id
LEFT JOIN queries query ON query.id = series.query_id
"""
_SAME_MEANING = "(query.meaning_since IS NULL OR sample.at >= query.meaning_since)"
_RECENT = f"""
SELECT wanted.series_id, newest.points {_MEANT}
CROSS JOIN LATERAL (SELECT array_agg(value ORDER BY at) AS points
         FROM (SELECT at, value FROM metric_samples sample
               WHERE sample.series_id = wanted.series_id AND {_SAME_MEANING}
               ORDER BY at DESC LIMIT :points) last) newest
WHERE newest.points IS NOT NULL
"""  # noqa: S608  (pieces of this module)
_VALUES_AT = f"""
SELECT wanted.series_id, sample.value {_MEANT}
CROSS JOIN LATERAL (SELECT value FROM metric_samples sample
         WHERE sample.series_id = wanted.series_id AND sample.at <= :at AND sample.at >= :earliest AND {_SAME_MEANING}
         ORDER BY sample.at DESC LIMIT 1) sample
"""  # noqa: S608  (pieces of this module)
_MEANING_SINCE = """
SELECT query.meaning_since FROM metric_series series JOIN queries query ON query.id = series.query_id
WHERE series.id = :series_id
"""


async def write_samples(session: AsyncSession, at: datetime, values: Sequence[tuple[int, float]]) -> None:
    """Write the samples (series id, value) of one moment; one that is there already stays, NaN is no sample."""
    from sqlalchemy import text

    kept = sorted(each for each in values if each[1] == each[1])
    if not kept:
        return
    day = at.astimezone(UTC).date()
    partition = {"partition": f"metric_samples_p{day:%Y%m%d}", "day": day}
    await session.execute(text(_ENSURE_PARTITION), partition)
    ids, numbers = zip(*kept, strict=True)
    await session.execute(text(_WRITE_SAMPLES), {"at": at, "ids": _array(ids), "values": _array(numbers)})


async def series_ids(
    session: AsyncSession, query_id: UUID, metric: str, label_sets: Sequence[Mapping[str, str]]
) -> dict[str, int]:
    """The id of each label set of a query's column, by `rules.label_key`; new ones are made."""
    wanted = {label_key(labels): labels for labels in label_sets}
    found = await _known_series(session, query_id, metric, wanted)
    new = {key: labels for key, labels in wanted.items() if key not in found}
    return found | await make_series(session, query_id, metric, new)


async def make_series(
    session: AsyncSession, query_id: UUID, metric: str, wanted: Mapping[str, Mapping[str, str]]
) -> dict[str, int]:
    """The ids of series that the caller has looked for and not found, by their keys; `wanted` is key -> labels."""
    from sqlalchemy import text

    if not wanted:
        return {}
    labels = "\n".join(map(_stored, wanted.values()))
    values = {"query_id": query_id, "metric": metric, "keys": _array(wanted), "labels": labels}
    made: dict[str, int] = dict((await session.execute(text(_MAKE_SERIES), values)).all())
    taken = [key for key in wanted if key not in made]  # somebody else made them at the same time
    return made | await _known_series(session, query_id, metric, taken)


async def _known_series(session: AsyncSession, query_id: UUID, metric: str, keys: Collection[str]) -> dict[str, int]:
    from sqlalchemy import text

    if not keys:
        return {}
    values = {"query_id": query_id, "metric": metric, "keys": _array(keys)}
    return dict((await session.execute(text(_KNOWN_SERIES), values)).all())


async def find_series(reader: Reader, query_id: UUID, metric: str, labels: Mapping[str, str]) -> int | None:
    """The id of one label set of a query's column; None when it never had a value."""
    params = {"query_id": query_id, "metric": metric, "keys": _array([label_key(labels)])}
    rows = await fetch(reader, _KNOWN_SERIES, params)
    return int(rows[0].id) if rows else None


async def meaning_since(reader: Reader, series_id: int) -> datetime | None:
    """Since when the samples of a series are of its query as it is now; None where it was never another."""
    rows = await fetch(reader, _MEANING_SINCE, {"series_id": series_id})
    return rows[0].meaning_since if rows else None


async def detail_begins(reader: Reader) -> datetime:
    """The moment (a midnight, UTC) from which full detail is kept; before it there are hours."""
    rows = await fetch(reader, _DETAIL_BEGINS)
    return datetime.strptime(rows[0].day or "99990101", "%Y%m%d").replace(tzinfo=UTC)


async def samples(
    reader: Reader, series_id: int, start: datetime, end: datetime, limit: int = MOST_SAMPLES
) -> tuple[tuple[datetime, float], ...]:
    """The samples of a series from `start` to `end`, oldest first; where there are more than `limit`, the newest.

    What is older than full detail comes as hourly means, at the beginning of their hours.
    """
    params = {"series_id": series_id, "start": start, "end": end, "limit": limit}
    rows = list(await fetch(reader, _SAMPLES, params))
    begins = await detail_begins(reader)
    if start < begins and len(rows) < limit:
        params |= {"end": min(begins, end), "limit": limit - len(rows)}
        rows += await fetch(reader, _HOURS, params)
    return tuple((row.at, row.value) for row in reversed(rows))


async def hours(reader: Reader, series_id: int, start: datetime, end: datetime) -> tuple[tuple[datetime, float], ...]:
    """The means of the hours of a series that are over, from `start` until before `end`, oldest first."""
    params = {"series_id": series_id, "start": start, "end": end, "limit": MOST_SAMPLES}
    return tuple((row.at, row.value) for row in reversed(await fetch(reader, _HOURS, params)))


async def recent(reader: Reader, series_ids: Collection[int], points: int = 30) -> dict[int, tuple[float, ...]]:
    """The last `points` values of each series that has any of its query as it is now, newest last: sparklines."""
    rows = await fetch(reader, _RECENT, {"ids": _array(set(series_ids)), "points": points})
    return {row.series_id: tuple(row.points) for row in rows}


async def values_at(
    reader: Reader, series_ids: Collection[int], at: datetime, tolerance_seconds: int
) -> dict[int, float]:
    """The value that each series had at `at`: its newest sample up to then that is not older than the tolerance, and of
    its query as it is now."""
    earliest = at - timedelta(seconds=tolerance_seconds)
    rows = await fetch(reader, _VALUES_AT, {"ids": _array(set(series_ids)), "at": at, "earliest": earliest})
    return {row.series_id: row.value for row in rows}


def _array(values: Iterable[int | float | str]) -> str:
    """Numbers or digests as the text of an array: five times as fast as a list by way of the driver."""
    return "{" + ",".join(map(str, values)) + "}"


def _stored(labels: Mapping[str, str]) -> str:
    """Labels as one line of JSON that PostgreSQL takes: it knows neither NUL nor lone surrogates, and labels come from
    outside."""
    line = _to_json(labels)
    if _ESCAPED in line or not line.isascii():
        plain = {_plain(name): _plain(value) for name, value in labels.items()}
        return _to_json(plain)
    return line


def _plain(value: str) -> str:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
