"""What becomes of samples: rolled up by the hour, dropped by the day."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from datapulse_tui.alerts import history, retention
from datapulse_tui.data.database import Database
from tests.databases import dsn

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def this_hour() -> datetime:
    """When the hour of this test began."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def midnight(this_hour: datetime) -> datetime:
    """When the day of this test began (UTC)."""
    return this_hour.replace(hour=0)


async def write(data: Database, *samples: tuple[int, datetime, float]) -> None:
    async with data.transaction() as session:
        for series_id, at, value in samples:
            await history.write_samples(session, at, [(series_id, value)])


async def hours(run_sql: Any) -> list[tuple[Any, ...]]:
    return await run_sql(
        "SELECT series_id, hour, samples, total, lowest, highest, last FROM metric_samples_hourly ORDER BY 1, 2"
    )


async def partitions(run_sql: Any, table: str = "metric_samples") -> list[str]:
    rows = await run_sql(
        "SELECT relname::text FROM pg_inherits JOIN pg_class ON oid = inhrelid "
        "WHERE inhparent = %s::regclass ORDER BY 1",
        table,
    )
    return [name.removeprefix(f"{table}_p") for (name,) in rows]


def days(first: date, last: date) -> list[str]:
    return [f"{first + timedelta(days=number):%Y%m%d}" for number in range((last - first).days + 1)]


async def test_hours_that_are_over_are_rolled_up(data: Database, run_sql: Any, this_hour: datetime) -> None:
    start = this_hour - 2 * HOUR
    await write(
        data,
        (1, start, 3.0),
        (1, start + HOUR / 2, -1.0),
        (1, start + HOUR - timedelta(microseconds=1), 1.0),
        (1, start + HOUR, 5.0),
        (2, start, 8.0),
        (1, this_hour, 100.0),
    )
    assert await retention.roll_up(data) == 3
    expected = [
        (1, start, 3, 3.0, -1.0, 3.0, 1.0),
        (1, start + HOUR, 1, 5.0, 5.0, 5.0, 5.0),
        (2, start, 1, 8.0, 8.0, 8.0, 8.0),
    ]
    assert await hours(run_sql) == expected
    assert await retention.roll_up(data) == 0, "again: nothing to do"
    assert await hours(run_sql) == expected


async def test_nothing_to_roll_up(data: Database, run_sql: Any, this_hour: datetime) -> None:
    assert await retention.roll_up(data) == 0
    await write(data, (1, this_hour, 1.0))
    assert await retention.roll_up(data) == 0


async def test_late_samples_are_counted_in(data: Database, run_sql: Any, this_hour: datetime) -> None:
    start = this_hour - 2 * HOUR
    await write(data, (1, start + HOUR / 2, 1.0))
    await retention.roll_up(data)
    await write(data, (1, start, 9.0), (2, start, 4.0))
    assert await retention.roll_up(data) == 2
    assert await hours(run_sql) == [(1, start, 2, 10.0, 1.0, 9.0, 1.0), (2, start, 1, 4.0, 4.0, 4.0, 4.0)]


async def test_after_an_outage_all_hours_since_the_last_are_rolled_up(
    data: Database, run_sql: Any, this_hour: datetime
) -> None:
    start = this_hour - 5 * DAY
    await write(data, (1, start, 1.0))
    assert await retention.roll_up(data) == 1
    await write(data, *((1, start + number * 7 * HOUR, 1.0) for number in range(1, 17)))
    assert await retention.roll_up(data) == 16
    assert len(await hours(run_sql)) == 17


async def test_values_that_overflow_a_sum_do_not_stop_it(data: Database, run_sql: Any, this_hour: datetime) -> None:
    start = this_hour - HOUR
    seconds = timedelta(seconds=1)
    await write(data, *((1, start + number * seconds, 1.7e308) for number in range(3)))
    await write(data, (2, start, math.inf), (2, start + seconds, -math.inf))
    assert await retention.roll_up(data) == 2
    found = await hours(run_sql)
    assert [(row[3], row[4], row[5]) for row in found] == [(3e300, 1.7e308, 1.7e308), (0.0, -math.inf, math.inf)]


async def test_two_who_roll_up_at_once_do_it_once(data: Database, run_sql: Any, this_hour: datetime) -> None:
    start = this_hour - 2 * HOUR
    await write(data, *((series, start + series * HOUR / 60, 1.0) for series in range(50)))
    written = await asyncio.gather(*(retention.roll_up(data) for _ in range(3)))
    assert sum(written) == 50
    assert len(await hours(run_sql)) == 50


async def test_old_days_are_dropped_and_their_hours_stay(data: Database, run_sql: Any, midnight: datetime) -> None:
    old, kept = midnight - 31 * DAY, midnight - 30 * DAY
    await write(data, (1, old, 2.0), (1, old + HOUR / 2, 4.0), (1, kept, 7.0))
    await retention.roll_up(data)
    await write(data, (1, old + HOUR / 3, 6.0))  # nobody has rolled this one up yet
    assert await retention.drop_old(data) == 1
    assert await partitions(run_sql) == [f"{kept:%Y%m%d}", *days(midnight.date() - DAY, midnight.date() + 7 * DAY)]
    async with data.reading() as session:
        assert await history.detail_begins(session) == kept
        found = await history.samples(session, 1, old, midnight)
        assert found == ((old, 4.0), (kept, 7.0)), "the mean of the hour in place of its samples"
        assert await history.samples(session, 1, old, midnight, limit=1) == ((kept, 7.0),)
        assert await history.samples(session, 1, old, old + HOUR) == ((old, 4.0),)
        assert await history.hours(session, 1, old, midnight) == ((old, 4.0), (kept, 7.0))
    assert await retention.drop_old(data) == 0


async def test_a_straggler_of_a_day_that_is_gone_does_not_spoil_its_hours(
    data: Database, run_sql: Any, midnight: datetime
) -> None:
    old = midnight - 31 * DAY
    await write(data, (1, old, 2.0), (1, old + HOUR / 2, 4.0))
    await retention.roll_up(data)
    await retention.drop_old(data)
    await write(data, (1, old + HOUR / 4, 1_000.0))
    await retention.roll_up(data)
    assert await retention.drop_old(data) == 1
    assert await hours(run_sql) == [(1, old, 2, 6.0, 2.0, 4.0, 4.0)]


async def test_old_months_of_hours_are_dropped(data: Database, run_sql: Any, midnight: datetime) -> None:
    long_ago = (midnight - timedelta(days=430)).date()
    await run_sql("SELECT metric_partitions_make(%s, %s)", long_ago, long_ago)
    assert await partitions(run_sql, "metric_samples_hourly") >= [f"{long_ago:%Y%m}"]
    assert await retention.drop_old(data) == 2
    assert f"{long_ago:%Y%m}" not in await partitions(run_sql, "metric_samples_hourly")


async def test_what_is_young_stays_whatever_is_asked_for(data: Database, run_sql: Any, midnight: datetime) -> None:
    await write(data, (1, midnight - 3 * DAY, 1.0), (1, midnight - 2 * DAY, 1.0), (1, midnight, 1.0))
    assert await retention.drop_old(data, sample_days=1, hourly_days=1) == 1
    for asked in (0, -5):
        assert await retention.drop_old(data, sample_days=asked, hourly_days=asked) == 0
    assert await partitions(run_sql) == days(midnight.date() - 2 * DAY, midnight.date() + 7 * DAY)


async def test_the_database_itself_refuses_to_drop_what_is_young(data: Database, owner_url: str) -> None:
    with psycopg.connect(dsn(owner_url)) as connection, pytest.raises(psycopg.errors.InvalidParameterValue):
        connection.execute("SELECT metric_partitions_drop(current_date, current_date - 400)")


async def test_partitions_are_made_ahead(data: Database, run_sql: Any, midnight: datetime) -> None:
    assert await retention.make_ahead(data) == 0, "the migration made them"
    made = await retention.make_ahead(data, days=40)
    assert made >= 33 + 1
    assert await partitions(run_sql) == days(midnight.date() - DAY, midnight.date() + 40 * DAY)


async def test_dropping_waits_for_nobody(data: Database, database_url: str, run_sql: Any, midnight: datetime) -> None:
    await write(data, (1, midnight - 40 * DAY, 1.0))
    with psycopg.connect(dsn(database_url)) as busy:
        busy.execute("SELECT count(*) FROM metric_samples")
        done = await retention.care(data)
        assert (done.dropped, done.postponed) == (0, True)
        await write(data, (1, midnight, 2.0))
    done = await retention.care(data)
    assert (done.dropped, done.postponed) == (1, False)
