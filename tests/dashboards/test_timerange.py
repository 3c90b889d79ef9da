"""Time ranges: resolved right over changes of the clocks, told in words, and cut into human steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.dashboards.timerange import PRESETS, STEPS, TimeRange, bucket_size

VIENNA = ZoneInfo("Europe/Vienna")
BEIRUT = ZoneInfo("Asia/Beirut")  # the clocks jump over midnight
HAVANA = ZoneInfo("America/Havana")  # the clocks strike midnight twice
NOW = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "now", "zone", "start", "end"),
    [
        ("15m", NOW, VIENNA, utc(2026, 7, 15, 11, 45), NOW),
        ("last 24h", NOW, VIENNA, utc(2026, 7, 14, 12), NOW),
        # 29 March 2026: 02:00 becomes 03:00 in Vienna. Hours are elapsed time, days are days of the calendar.
        ("24h", utc(2026, 3, 29, 12), VIENNA, utc(2026, 3, 28, 12), utc(2026, 3, 29, 12)),
        ("1d", utc(2026, 3, 29, 12), VIENNA, utc(2026, 3, 28, 13), utc(2026, 3, 29, 12)),
        ("7d", utc(2026, 4, 2, 12), VIENNA, utc(2026, 3, 26, 13), utc(2026, 4, 2, 12)),
        ("1d", utc(2026, 3, 30, 0, 30), VIENNA, utc(2026, 3, 29, 1, 30), utc(2026, 3, 30, 0, 30)),
        # 25 October 2026: 03:00 becomes 02:00.
        ("1d", utc(2026, 10, 25, 12), VIENNA, utc(2026, 10, 24, 11), utc(2026, 10, 25, 12)),
        ("1w", utc(2026, 10, 28, 12), VIENNA, utc(2026, 10, 21, 11), utc(2026, 10, 28, 12)),
        ("today", utc(2026, 7, 15, 21, 59), VIENNA, utc(2026, 7, 14, 22), utc(2026, 7, 15, 21, 59)),
        ("today", utc(2026, 7, 15, 22, 1), VIENNA, utc(2026, 7, 15, 22), utc(2026, 7, 15, 22, 1)),
        ("yesterday", utc(2026, 3, 30, 12), VIENNA, utc(2026, 3, 28, 23), utc(2026, 3, 29, 22)),  # 23 hours
        ("yesterday", utc(2026, 10, 26, 12), VIENNA, utc(2026, 10, 24, 22), utc(2026, 10, 25, 23)),  # 25 hours
        ("today", utc(2026, 3, 29, 12), BEIRUT, utc(2026, 3, 28, 22), utc(2026, 3, 29, 12)),
        ("yesterday", utc(2026, 11, 2, 12), HAVANA, utc(2026, 11, 1, 4), utc(2026, 11, 2, 5)),
    ],
)
def test_relative(text: str, now: datetime, zone: ZoneInfo, start: datetime, end: datetime) -> None:
    assert TimeRange.parse(text).resolve(now, zone) == (start, end)


@pytest.mark.parametrize(
    ("first", "last", "start", "end"),
    [
        ("2026-03-01 08:00", "2026-03-01 09:30", utc(2026, 3, 1, 7), utc(2026, 3, 1, 8, 30)),
        ("2026-03-28", "2026-03-29", utc(2026, 3, 27, 23), utc(2026, 3, 29, 22)),
        ("2026-03-01T08:00Z", "2026-03-01T10:00+01:00", utc(2026, 3, 1, 8), utc(2026, 3, 1, 9)),
        # The hour that is left out, and the one that comes twice, belong to the range as a whole.
        ("2026-03-29 02:15", "2026-03-29 02:45", utc(2026, 3, 29, 0, 15), utc(2026, 3, 29, 1, 45)),
        ("2026-10-25 02:15", "2026-10-25 02:45", utc(2026, 10, 25, 0, 15), utc(2026, 10, 25, 1, 45)),
    ],
)
def test_absolute(first: str, last: str, start: datetime, end: datetime) -> None:
    assert TimeRange.parse({"from": first, "to": last}).resolve(NOW, VIENNA) == (start, end)


@pytest.mark.parametrize(
    "value",
    [
        "", "15", "m15", "15x", "0h", "-1h", "last", "99999d", "15m ago", "tomorrow", "123456h", "１h", "1.5h",
        {}, {"from": "2026-01-01"}, {"last": "soon"}, {"from": "2026-01-02", "to": "2026-01-01"},
        {"from": "2026-01-01 10:00", "to": "2026-01-01 10:00"}, {"from": "2026-13-01", "to": "2026-12-31"},
        {"from": "2026-01-01 10:00", "to": "2026-01-01 11:00Z"}, {"from": 1, "to": 2},
        {"from": "0001-01-01", "to": "9999-12-31"}, {"from": "2026-01-01", "to": "2026-01-02", "also": 1},
    ],
)  # fmt: skip
def test_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"15m|ten years|before|zone|year"):
        TimeRange.parse(value)  # type: ignore[arg-type]


def test_labels() -> None:
    assert [each.label(VIENNA) for each in PRESETS[:7:3]] == ["last 15 min", "last 3 h", "last 24 h"]
    assert TimeRange.parse("30d").label(VIENNA) == "last 30 d"
    assert TimeRange.parse("1w").label(VIENNA) == "last 1 week"
    assert TimeRange.parse("2w").label(VIENNA) == "last 2 weeks"
    assert TimeRange.parse("Today").label(VIENNA) == "today"
    given_range = TimeRange.parse({"from": "2026-03-01 08:00", "to": "2026-03-02"})
    assert given_range.label(VIENNA) == "2026-03-01 08:00 – 2026-03-02"
    with_zone = TimeRange.parse({"from": "2026-07-01 08:00Z", "to": "2026-07-01 09:00Z"})
    assert with_zone.label(VIENNA) == "2026-07-01 10:00 – 2026-07-01 11:00"


zones = st.sampled_from([UTC, VIENNA, BEIRUT, HAVANA, ZoneInfo("Pacific/Apia"), ZoneInfo("Australia/Lord_Howe")])
FIRST, LAST = datetime(1990, 1, 1), datetime(2040, 1, 1)  # noqa: DTZ001  (local times are what is tested)
moments = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
relative = st.builds("{}{}".format, st.integers(1, 300), st.sampled_from("mhdw")) | st.sampled_from(
    ["today", "yesterday"]
)
locals_ = st.datetimes(FIRST, LAST).map(lambda each: each.replace(microsecond=0))
absolute = st.lists(locals_, min_size=2, max_size=2, unique=True).map(
    lambda pair: dict(zip(("from", "to"), (each.isoformat() for each in sorted(pair)), strict=True))
)


@given(relative | absolute, moments, zones)
def test_a_range_runs_forward_and_round_trips(value: str | dict[str, str], now: datetime, zone: ZoneInfo) -> None:
    found = TimeRange.parse(value)
    start, end = found.resolve(now, zone)
    assert start <= end
    assert start.tzinfo is UTC
    assert end.tzinfo is UTC
    assert TimeRange.parse(found.to_value()) == found
    assert TimeRange.parse(found.to_json()) == found


@given(moments, st.integers(0, 400_000_000), st.integers(1, 500))
def test_buckets_fit_the_width(start: datetime, seconds: int, width: int) -> None:
    size = bucket_size(start, start + timedelta(seconds=seconds), width)
    assert seconds <= size.total_seconds() * width
    smaller = [step for step in STEPS if step < size.total_seconds()]
    assert not smaller or smaller[-1] * width < seconds


@pytest.mark.parametrize(
    ("span", "width", "step"),
    [
        (timedelta(minutes=15), 100, timedelta(seconds=10)),
        (timedelta(hours=24), 100, timedelta(minutes=15)),
        (timedelta(days=30), 100, timedelta(hours=12)),
        (timedelta(0), 100, timedelta(seconds=1)),
        (timedelta(days=3650), 10, timedelta(days=728)),
    ],
)
def test_human_steps(span: timedelta, width: int, step: timedelta) -> None:
    assert bucket_size(NOW, NOW + span, width) == step
