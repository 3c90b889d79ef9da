"""Slots: never twice, none forgotten, whatever the clocks do."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.alerts.slots import (
    Turn,
    latest_slot,
    lookback_tolerance,
    missed,
    next_slot,
    slot_offset,
    too_far,
    turn,
)

intervals = st.integers(5, 86_400)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
BERLIN = ZoneInfo("Europe/Berlin")


@given(moments, intervals, st.uuids())
def test_a_moment_lies_between_two_slots(now: datetime, interval: int, query: uuid.UUID) -> None:
    offset = slot_offset(query, interval)
    assert 0 <= offset < interval
    latest, following = latest_slot(now, interval, offset), next_slot(now, interval, offset)
    assert latest <= now < following
    assert following - latest == timedelta(seconds=interval)
    assert latest.timestamp() % interval == offset
    assert latest.tzinfo is UTC
    assert latest_slot(latest, interval, offset) == latest, "a slot is its own latest"
    assert next_slot(latest, interval, offset) == following


@given(st.data(), st.integers(5, 600), st.uuids())
def test_every_slot_is_evaluated_once_or_counted_as_skipped(
    data: st.DataObject, interval: int, query: uuid.UUID
) -> None:
    offset = slot_offset(query, interval)
    now = data.draw(moments)
    first = due = next_slot(now, interval, offset)
    done: list[datetime] = []
    skipped = 0
    pauses = st.floats(0, 5 * interval) | st.floats(0, 2)
    for pause in data.draw(st.lists(pauses, max_size=40)):
        now += timedelta(seconds=pause)
        taken = turn(due, now, interval, offset)
        if taken is None:
            assert due > now
            continue
        assert taken.slot <= now < taken.next_at
        assert taken.next_at - taken.slot == timedelta(seconds=interval)
        done.append(taken.slot)
        skipped += taken.skipped
        due = taken.next_at
    assert len(set(done)) == len(done)
    assert done == sorted(done)
    assert len(done) + skipped == (due - first) // timedelta(seconds=interval)


def test_after_an_outage_the_latest_slot_is_evaluated_and_the_others_are_counted() -> None:
    due = latest_slot(datetime(2026, 3, 1, 12, tzinfo=UTC), 60, 7)
    now = due + timedelta(minutes=10, seconds=30)
    assert missed(due, now, 60, 7) == 10
    assert turn(due, now, 60, 7) == Turn(due + timedelta(minutes=10), due + timedelta(minutes=11), 10)
    assert turn(due, due, 60, 7) == Turn(due, due + timedelta(minutes=1), 0)
    assert turn(due, due - timedelta(microseconds=1), 60, 7) is None
    assert missed(due, due - timedelta(hours=1), 60, 7) == 0


@given(moments, intervals, st.uuids(), st.integers(0, 10**6))
def test_a_due_time_that_is_no_slot_is_evaluated_once_and_then_there_are_slots(
    due: datetime, interval: int, query: uuid.UUID, late: int
) -> None:
    offset = slot_offset(query, interval)
    now = due + timedelta(seconds=late)
    taken = turn(due, now, interval, offset)
    assert taken is not None
    assert due <= taken.slot <= now < taken.next_at
    assert taken.next_at == next_slot(now, interval, offset)
    assert (taken.skipped == 0) == (taken.slot == due)


@pytest.mark.parametrize(
    "around",
    [
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),  # clocks go forward in Berlin
        datetime(2026, 10, 25, 1, 0, tzinfo=UTC),  # and back
        datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC),  # a leap second follows
        datetime(2028, 2, 29, 0, 0, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC),
    ],
)
def test_changes_of_clocks_and_calendars_change_nothing(around: datetime) -> None:
    for interval in (5, 60, 3_600, 86_400):
        offset = slot_offset(uuid.UUID(int=5), interval)
        slot = latest_slot(around - timedelta(days=2), interval, offset)
        while slot < around + timedelta(days=2):
            following = next_slot(slot.astimezone(BERLIN), interval, offset)
            assert (following - slot).total_seconds() == interval
            slot = following if interval > 60 else following + timedelta(seconds=interval * 997)
    # an hour that Berlin has twice is two hours here
    twice = [datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1)]
    first, second = (latest_slot(each, 60, 0) for each in twice)
    assert second - first == timedelta(hours=1)


def test_a_clock_that_was_put_back_is_noticed_when_waiting_would_leave_a_gap() -> None:
    due = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert not too_far(due, due - timedelta(seconds=120), 60)
    assert too_far(due, due - timedelta(seconds=121), 60)
    assert not too_far(due, due + timedelta(days=1), 60)


def test_offsets_are_stable() -> None:
    """Slots that moved with a release would be evaluated twice or not at all."""
    assert [slot_offset(uuid.UUID(int=number), 60) for number in range(6)] == [6, 42, 7, 10, 21, 11]
    assert slot_offset(uuid.UUID("6d1a7f0e-0000-4000-8000-00000000beef"), 86_400) == 20895


@given(st.uuids(), st.integers(5, 3_600), st.integers(1, 24))
def test_a_query_is_due_together_where_one_interval_divides_another(query: uuid.UUID, short: int, times: int) -> None:
    long = short * times
    assert slot_offset(query, long) % short == slot_offset(query, short)


@pytest.mark.parametrize("interval", [5, 60, 300])
def test_offsets_are_spread_over_the_interval(interval: int) -> None:
    chance = random.Random(7)
    counts = Counter(slot_offset(uuid.UUID(int=chance.getrandbits(128)), interval) for _ in range(200 * interval))
    assert len(counts) == interval
    assert max(counts.values()) < 1.35 * 200
    assert min(counts.values()) > 0.65 * 200


def test_lookback_allows_for_two_slots_that_lack() -> None:
    assert lookback_tolerance(60) == 120
