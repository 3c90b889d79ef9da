"""When a request is late: by tables, and whatever the moment and the zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.workflows import clock
from datapulse_tui.workflows.rules import REMIND_EVERY, Priority

VIENNA = ZoneInfo("Europe/Vienna")
ZONES = [UTC, VIENNA, *(ZoneInfo(name) for name in ("America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"))]

moments = st.integers(1_577_836_800, 2_051_222_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
zones = st.sampled_from(ZONES)
priorities = st.sampled_from(list(Priority))
working = st.sampled_from([Priority.NORMAL, Priority.LOW])


def at(text: str, zone: ZoneInfo = VIENNA) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("priority", "start", "late"),
    [
        (Priority.CRITICAL, "2026-03-07 23:30", "2026-03-08 00:30"),
        (Priority.HIGH, "2026-03-07 23:30", "2026-03-08 03:30"),
        (Priority.NORMAL, "2026-03-04 11:00", "2026-03-05 11:00"),  # Wednesday to Thursday
        (Priority.NORMAL, "2026-03-06 16:00", "2026-03-09 16:00"),  # Friday to Monday
        (Priority.NORMAL, "2026-03-07 12:00", "2026-03-09 17:00"),  # Saturday: all of Monday
        (Priority.NORMAL, "2026-03-04 05:00", "2026-03-04 17:00"),
        (Priority.NORMAL, "2026-03-04 17:00", "2026-03-05 17:00"),
        (Priority.LOW, "2026-03-04 09:00", "2026-03-06 17:00"),
        (Priority.LOW, "2026-03-05 10:00", "2026-03-10 10:00"),
        (Priority.NORMAL, "2026-03-27 12:00", "2026-03-30 12:00"),  # the clocks go forward on Sunday
        (Priority.HIGH, "2026-03-29 00:00", "2026-03-29 05:00"),  # four hours, one of which the clocks skip
        (Priority.NORMAL, "2026-10-23 12:00", "2026-10-26 12:00"),
    ],
)
def test_when_it_is_late(priority: Priority, start: str, late: str) -> None:
    assert clock.due(priority, at(start), VIENNA) == at(late)


@pytest.mark.parametrize(
    ("priority", "due", "paused", "now", "late"),
    [
        (Priority.HIGH, "2026-03-04 12:00", "2026-03-04 11:00", "2026-03-05 20:00", "2026-03-05 21:00"),
        (Priority.NORMAL, "2026-03-04 12:00", "2026-03-04 11:00", "2026-03-05 20:00", "2026-03-06 10:00"),
        (Priority.NORMAL, "2026-03-09 10:00", "2026-03-06 16:00", "2026-03-07 12:00", "2026-03-09 11:00"),
        (Priority.NORMAL, "2026-03-04 12:00", "2026-03-04 13:00", "2026-03-06 13:00", "2026-03-04 12:00"),
    ],
)
def test_the_clock_goes_on_with_what_was_left(priority: Priority, due: str, paused: str, now: str, late: str) -> None:
    assert clock.resume(priority, at(due), at(paused), at(now), VIENNA) == at(late)


def test_reminders() -> None:
    made, late = at("2026-03-04 11:00"), at("2026-03-05 11:00")
    remind = clock.remind_at(Priority.NORMAL, made, late, None, VIENNA)
    assert remind == at("2026-03-05 09:00")  # half of the time is over at 23:00, when nobody works
    assert clock.remind_at(Priority.NORMAL, made, late, remind, VIENNA) == at("2026-03-05 13:00")
    assert clock.remind_at(Priority.NORMAL, made, late, at("2026-03-06 16:00"), VIENNA) == at("2026-03-09 09:00")
    assert clock.remind_at(Priority.CRITICAL, made, at("2026-03-04 12:00"), None, VIENNA) == at("2026-03-04 11:30")


def is_working(moment: datetime, zone: ZoneInfo) -> bool:
    local = moment.astimezone(zone)
    return local.weekday() < 5 and time(9) <= local.time() <= time(17)


@given(working, moments, zones)
def test_never_late_outside_working_time(priority: Priority, start: datetime, zone: ZoneInfo) -> None:
    late = clock.due(priority, start, zone)
    assert is_working(late, zone)
    assert late > start
    assert clock.time_left(priority, late, start, zone) == clock.WORKING_TIME[priority]


@given(priorities, moments, st.timedeltas(timedelta(0), timedelta(days=9)), zones)
def test_who_asks_later_is_late_later(priority: Priority, start: datetime, more: timedelta, zone: ZoneInfo) -> None:
    assert clock.due(priority, start, zone) <= clock.due(priority, start + more, zone)


@given(priorities, moments, st.floats(0, 1), st.timedeltas(timedelta(0), timedelta(days=9)), zones)
def test_a_pause_keeps_the_time_that_is_left(
    priority: Priority, start: datetime, part: float, pause: timedelta, zone: ZoneInfo
) -> None:
    late = clock.due(priority, start, zone)
    paused = start + (late - start) * part
    now = paused + pause
    again = clock.resume(priority, late, paused, now, zone)
    assert again >= late
    if paused < late:
        assert clock.time_left(priority, again, now, zone) == clock.time_left(priority, late, paused, zone)
    if priority in clock.WORKING_TIME:
        assert is_working(again, zone)


@given(priorities, moments, st.timedeltas(timedelta(0), timedelta(days=40)), zones)
def test_reminders_keep_their_distance(priority: Priority, start: datetime, ago: timedelta, zone: ZoneInfo) -> None:
    late, last = clock.due(priority, start, zone), start + ago
    following = clock.remind_at(priority, start, late, last, zone)
    assert following >= last + REMIND_EVERY
    if priority in clock.WORKING_TIME:
        assert is_working(following, zone)
