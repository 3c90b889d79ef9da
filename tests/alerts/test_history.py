"""The history of metrics in a real database."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from datapulse_tui.alerts import history
from datapulse_tui.alerts.rules import label_key
from datapulse_tui.data.database import Database
from tests.alerts.conftest import MakeQuery, MakeSource, MakeUser

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def query(make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery) -> UUID:
    return await make_query(await make_user(), await make_source())


async def write(data: Database, at: datetime, *values: tuple[int, float]) -> None:
    async with data.transaction() as session:
        await history.write_samples(session, at, values)


async def test_samples_are_written_once_and_read_in_order(data: Database) -> None:
    await write(data, NOW - MINUTE, (1, 10.0), (2, 20.0), (3, math.nan), (4, math.inf))
    await write(data, NOW, (1, 11.0))
    await write(data, NOW, (1, 99.0), (5, 1.0))
    await write(data, NOW)
    async with data.reading() as session:
        assert await history.samples(session, 1, NOW - MINUTE, NOW) == ((NOW - MINUTE, 10.0), (NOW, 11.0))
        assert await history.samples(session, 1, NOW - MINUTE, NOW, limit=1) == ((NOW, 11.0),)
        assert await history.samples(session, 1, NOW + MINUTE, NOW + 2 * MINUTE) == ()
        assert await history.samples(session, 3, NOW - MINUTE, NOW) == ()
        assert await history.samples(session, 4, NOW - MINUTE, NOW) == ((NOW - MINUTE, math.inf),)


async def test_a_day_without_a_partition_gets_one(data: Database) -> None:
    days = [NOW + timedelta(days=days) for days in (-20, 3, 20)]
    for at in days:
        await write(data, at, (1, 1.0))
        await write(data, at + MINUTE, (1, 2.0))
    async with data.reading() as session:
        found = await history.samples(session, 1, days[0], days[-1] + MINUTE)
    assert [at for at, _ in found] == [at + late for at in days for late in (0 * MINUTE, MINUTE)]


async def test_a_partition_that_was_rolled_back_is_made_again(data: Database) -> None:
    at = NOW + timedelta(days=40)
    with pytest.raises(RuntimeError):
        async with data.transaction() as session:
            await history.write_samples(session, at, [(1, 1.0)])
            raise RuntimeError
    await write(data, at, (1, 1.0))


async def test_two_who_write_the_same_slot_write_it_once(data: Database) -> None:
    values = [(number, float(number)) for number in range(500)]
    await asyncio.gather(*(write(data, NOW, *reversed(values)) for _ in range(4)))
    async with data.reading() as session:
        assert len(await history.recent(session, range(500))) == 500


async def test_recent_are_the_last_values_newest_last(data: Database) -> None:
    for back in range(5):
        await write(data, NOW - back * MINUTE, (1, float(back)), (2, 10.0 * back))
    await write(data, NOW - timedelta(days=1), (3, 7.0))
    async with data.reading() as session:
        found = await history.recent(session, [1, 2, 3, 4, 1], points=3)
    assert found == {1: (2.0, 1.0, 0.0), 2: (20.0, 10.0, 0.0), 3: (7.0,)}
    async with data.reading() as session:
        assert await history.recent(session, []) == {}


async def test_values_at_takes_the_newest_that_is_not_too_old(data: Database) -> None:
    await write(data, NOW - 3 * MINUTE, (1, 1.0), (2, 2.0), (3, 3.0))
    await write(data, NOW - MINUTE, (2, 20.0))
    await write(data, NOW, (3, 30.0))
    async with data.reading() as session:
        assert await history.values_at(session, [1, 2, 3, 4], NOW - MINUTE, 120) == {1: 1.0, 2: 20.0, 3: 3.0}
        assert await history.values_at(session, [1, 2, 3, 4], NOW - MINUTE, 119) == {2: 20.0}
        assert await history.values_at(session, [], NOW, 60) == {}


async def test_series_are_found_or_made(data: Database, query: UUID) -> None:
    eu, us = {"region": "eu", "host": "a"}, {"region": "us"}
    async with data.transaction() as session:
        first = await history.series_ids(session, query, "value", [eu])
        assert await history.series_ids(session, query, "value", []) == {}
    async with data.transaction() as session:
        again = await history.series_ids(session, query, "value", [us, dict(reversed(eu.items())), eu, {}])
        other = await history.series_ids(session, query, "other", [eu])
    assert again.keys() == {label_key(labels) for labels in (eu, us, {})}
    assert again[label_key(eu)] == first[label_key(eu)]
    assert len({*again.values(), *other.values()}) == 4
    async with data.reading() as session:
        assert await history.find_series(session, query, "value", us) == again[label_key(us)]
        assert await history.find_series(session, query, "value", {"region": "asia"}) is None
        assert await history.find_series(session, uuid4(), "value", us) is None


async def test_two_who_make_the_same_series_get_the_same_ids(data: Database, query: UUID) -> None:
    sets = [{"host": f"h{number}"} for number in range(300)]

    async def make(reverse: bool) -> dict[str, int]:
        async with data.transaction() as session:
            return await history.series_ids(session, query, "value", sets[::-1] if reverse else sets)

    found = await asyncio.gather(*(make(bool(number % 2)) for number in range(4)))
    assert all(each == found[0] for each in found)
    assert len(found[0]) == 300


HOSTILE = [
    "nul \0 in it", "lone \udcff surrogate", "line\nbreak\r\t", '"quoted" \\u0000 \\n', "{},;'", "", "\u2028", "🦆",
    "x" * 5_000,
]  # fmt: skip


async def test_labels_may_hold_anything(data: Database, query: UUID, run_sql: Any) -> None:
    sets = [{"name": value, "other": "plain"} for value in HOSTILE] + [{value[:90] or "n": "v"} for value in HOSTILE]
    async with data.transaction() as session:
        found = await history.series_ids(session, query, "value", sets)
        assert await history.series_ids(session, query, "value", sets) == found
    assert found.keys() == {label_key(labels) for labels in sets}
    stored = dict(await run_sql("SELECT id, labels FROM metric_series"))
    expected = {**{value: value for value in HOSTILE}, HOSTILE[0]: "nul \ufffd in it", HOSTILE[1]: "lone ? surrogate"}
    for labels in sets[: len(HOSTILE)]:
        assert stored[found[label_key(labels)]] == {"name": expected[labels["name"]], "other": "plain"}


async def test_series_and_samples_are_written_in_bulk(data: Database, query: UUID) -> None:
    """100,000 of each take 1.5 s and 0.5 s on a machine of its own; `tests.benchmarks evaluation` measures them."""
    sets = [{"host": f"host-{number}", "region": "eu"} for number in range(20_000)]
    async with data.transaction() as session:
        ids = await history.series_ids(session, query, "value", sets)
    values = [(series_id, 1.5 * series_id) for series_id in ids.values()]
    await write(data, NOW, *values)
    async with data.reading() as session:
        assert await history.values_at(session, ids.values(), NOW, 60) == dict(values)
