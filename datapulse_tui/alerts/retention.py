"""The care of metric history: hours are rolled up, old partitions dropped, those of the coming days made.

Every step may be run at any time, again, and by several workers at once: the outcome is the same.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datapulse_tui.data.database import Database

logger = logging.getLogger(__name__)

SAMPLE_DAYS = 30
HOURLY_DAYS = 365
DAYS_AHEAD = 7
_LATE = timedelta(hours=2)  # hours are looked at again for this long; before their day is dropped, once more
_LOCK_TIMEOUT = "1s"  # whoever waits to drop a partition holds up all who want to write

# Sums are of values cut at 1e300, so that no hour can overflow. Samples are only ever added: a row with as many is the
# same row, and one with more than detail still has is the better one.
_ROLL_UP = """
INSERT INTO metric_samples_hourly AS known (series_id, hour, samples, total, lowest, highest, last)
SELECT series_id, date_trunc('hour', at, 'UTC'), count(*), sum(least(greatest(value, -1e300), 1e300)),
       min(value), max(value), (array_agg(value ORDER BY at DESC))[1]
FROM metric_samples WHERE at >= :start AND at < :end
GROUP BY 1, 2
ON CONFLICT (series_id, hour) DO UPDATE
SET samples = excluded.samples, total = excluded.total, lowest = excluded.lowest, highest = excluded.highest,
    last = excluded.last
WHERE excluded.samples > known.samples
"""
_LAST_HOUR = "SELECT max(hour) FROM metric_samples_hourly WHERE hour >= :since"
_TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('metric_roll_up', 0))"
_MAKE = "SELECT metric_partitions_make(:first, :last)"
_DROP = "SELECT metric_partitions_drop(:samples_before, :hourly_before)"
_DAYS = """
SELECT right(part.relname, 8) AS day FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
WHERE inhparent = CAST('metric_samples' AS regclass) ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Care:
    """What one round did: rows of hours written, partitions dropped and made. `postponed`: dropping has to wait."""

    hours: int
    dropped: int
    made: int
    postponed: bool = False


async def care(data: Database, *, sample_days: int = SAMPLE_DAYS, hourly_days: int = HOURLY_DAYS) -> Care:
    """All of it, in order. For a job that runs every hour."""
    made = await make_ahead(data)
    hours = await roll_up(data)
    dropped = await drop_old(data, sample_days=sample_days, hourly_days=hourly_days)
    return Care(hours, dropped or 0, made, postponed=dropped is None)


async def make_ahead(data: Database, days: int = DAYS_AHEAD) -> int:
    """Make the partitions from yesterday to `days` ahead; returns how many were missing."""
    today = (await _now(data)).date()
    return int(await _change(data, _MAKE, {"first": today - timedelta(days=1), "last": today + timedelta(days=days)}))


async def roll_up(data: Database) -> int:
    """Roll up the hours that are over and not done yet, and the last ones again; returns how many rows that wrote."""
    now = await _now(data)
    end = now.replace(minute=0, second=0, microsecond=0)
    days = await _sample_days(data)
    if not days:
        return 0
    start = await _last_hour(data, days[0])
    start = _midnight(days[0]) if start is None else start - _LATE
    return sum([await _roll_up_day(data, day, start, end) for day in days if start.date() <= day <= end.date()])


async def drop_old(data: Database, *, sample_days: int = SAMPLE_DAYS, hourly_days: int = HOURLY_DAYS) -> int | None:
    """Drop the days of samples and the months of hours that are older than that; returns how many partitions went.

    Days are rolled up once more before they go. None says that somebody used them for so long that dropping is left
    for the next round. At least two days of samples and two months of hours stay, whatever is asked for.
    """
    today = (await _now(data)).date()
    samples_before = today - timedelta(days=max(2, sample_days))
    hourly_before = today - timedelta(days=max(62, hourly_days))
    for day in await _sample_days(data):
        if day < samples_before:
            await _roll_up_day(data, day, _midnight(day), _midnight(day + timedelta(days=1)))
    from sqlalchemy.exc import OperationalError

    try:
        return int(await _change(data, _DROP, {"samples_before": samples_before, "hourly_before": hourly_before}))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != "55P03":  # lock_not_available
            raise
        logger.warning("old samples are in use: their partitions are dropped in the next round")
        return None


async def _roll_up_day(data: Database, day: date, start: datetime, end: datetime) -> int:
    """Roll up the hours of one day that lie between `start` and `end`, in a transaction of their own."""
    from sqlalchemy import text

    bounds = {"start": max(start, _midnight(day)), "end": min(end, _midnight(day + timedelta(days=1)))}
    async with data.transaction() as session:
        await session.execute(text(_TAKE_TURN))
        await session.execute(text(_MAKE), {"first": day, "last": day})
        result: Any = await session.execute(text(_ROLL_UP), bounds)
    return int(result.rowcount)


async def _last_hour(data: Database, first_day: date) -> datetime | None:
    """The last hour that was rolled up. Looks at the newest months first: older ones are large and seldom needed."""
    from sqlalchemy import text

    month = (await _now(data)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    async with data.reading() as session:
        while True:
            found: datetime | None = await session.scalar(text(_LAST_HOUR), {"since": month})
            if found is not None or month.date() <= first_day:
                return found
            month = (month - timedelta(days=1)).replace(day=1)


async def _sample_days(data: Database) -> list[date]:
    """The days that have a partition of samples, oldest first."""
    from sqlalchemy import text

    async with data.reading() as session:
        names = (await session.execute(text(_DAYS))).scalars()
        return [datetime.strptime(name, "%Y%m%d").replace(tzinfo=UTC).date() for name in names]


async def _now(data: Database) -> datetime:
    from sqlalchemy import text

    async with data.reading() as session:
        found: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    return found.astimezone(UTC)


async def _change(data: Database, statement: str, params: Mapping[str, object]) -> Any:
    from sqlalchemy import text

    async with data.transaction() as session:
        await session.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
        return (await session.execute(text(statement), params)).scalar_one()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
