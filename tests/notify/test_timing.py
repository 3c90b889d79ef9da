"""The end of the hour in every zone, and waits after failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.notify.timing import LONGEST_RETRY_AFTER, MOST_ATTEMPTS, back_off, end_of_hour, zone_of

ZONES = (
    "UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
    "America/St_Johns", "Pacific/Chatham", "Nowhere/Else",
)  # fmt: skip


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-03-01T12:20:00", "UTC", "2026-03-01T13:00:00"),
        ("2026-03-01T12:00:00", "UTC", "2026-03-01T13:00:00"),
        ("2026-03-01T12:20:00", "Asia/Kolkata", "2026-03-01T12:30:00"),
        ("2026-03-01T12:20:00", "Asia/Kathmandu", "2026-03-01T13:15:00"),
        # the night in which 02:00 to 03:00 does not exist in Vienna, and the one in which it comes twice
        ("2026-03-29T00:40:00", "Europe/Vienna", "2026-03-29T01:00:00"),
        ("2026-03-29T01:10:00", "Europe/Vienna", "2026-03-29T02:00:00"),
        ("2026-10-25T00:40:00", "Europe/Vienna", "2026-10-25T01:00:00"),
        ("2026-10-25T01:40:00", "Europe/Vienna", "2026-10-25T02:00:00"),
        # Lord Howe moves by half an hour: at 02:00 to 01:30 on 4 April 2027 (15:00 UTC the day before)
        ("2027-04-03T14:50:00", "Australia/Lord_Howe", "2027-04-03T15:30:00"),
        ("2026-03-01T12:20:00", "Nowhere/Else", "2026-03-01T13:00:00"),
    ],
)
def test_the_end_of_the_hour(now: str, zone: str, expected: str) -> None:
    found = end_of_hour(datetime.fromisoformat(now).replace(tzinfo=UTC), zone)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001
def test_it_is_soon_and_the_clock_there_stands_at_a_full_hour(moment: datetime, zone: str) -> None:
    now = moment.replace(tzinfo=UTC)
    found = end_of_hour(now, zone)
    assert now < found <= now + timedelta(minutes=90)
    local = found.astimezone(zone_of(zone))
    assert (local.minute, local.second, local.microsecond) == (0, 0, 0)


def test_waits_double_to_an_hour_and_end() -> None:
    waits = [back_off(attempt) for attempt in range(1, MOST_ATTEMPTS + 1)]
    assert waits == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, None]
    assert sum(wait for wait in waits if wait) == 14_625


def test_what_the_receiver_asks_for_is_given_within_a_day() -> None:
    assert back_off(1, 90.0) == 90
    assert back_off(5, 1.0) == 240
    assert back_off(1, 1e9) == LONGEST_RETRY_AFTER
