from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.charts.numbers import NumberFormat
from datapulse_tui.charts.ticks import midnight, time_scale, value_scale

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 11, 21, 14, 5, tzinfo=UTC)


def labels(low: datetime, high: datetime, columns: int = 60, zone: ZoneInfo = BERLIN) -> list[str]:
    return [label for _, label in time_scale(low.timestamp(), high.timestamp(), columns, zone, NOW).ticks]


def values(low: float, high: float, most: int = 6, form: NumberFormat | None = None) -> list[str]:
    return [label for _, label in value_scale(low, high, most, form or NumberFormat()).ticks]


def test_numbers_are_round_and_short() -> None:
    assert values(0, 1234) == ["0", "250", "500", "750", "1.00k", "1.25k"]
    assert values(0, 3_400_000, 5) == ["0", "1M", "2M", "3M", "4M"]
    assert values(0, 1) == ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert values(0, 0.37, 6, NumberFormat("percent")) == ["0%", "10%", "20%", "30%", "40%"]
    assert values(0, 5e9, 6, NumberFormat("bytes")) == ["0 B", "1 GiB", "2 GiB", "3 GiB", "4 GiB", "5 GiB"]
    assert values(0, 5400, 5, NumberFormat("seconds")) == ["0 s", "30m", "1h", "1h 30m"]
    assert values(0, 180, 5, NumberFormat(unit="ms"))[-1] == "200 ms"
    assert values(0, 180, 5, NumberFormat(unit="requests/s"))[-1] == "200"


@given(st.floats(-1e150, 1e150), st.floats(-1e150, 1e150), st.integers(2, 8), st.booleans(), st.booleans())
def test_a_scale_holds_its_values_and_no_more_ticks_than_asked(
    one: float, other: float, most: int, fix_low: bool, fix_high: bool
) -> None:
    low, high = sorted((one, other))
    scale = value_scale(low, high, most, fix_low=fix_low, fix_high=fix_high)
    assert scale.low < scale.high
    slack = 1e-8 * (scale.high - scale.low)
    assert scale.low <= low + slack
    assert scale.high >= high - slack
    assert len(scale.ticks) <= max(most, 3) + 1
    assert all(scale.low - slack <= at <= scale.high + slack for at, _ in scale.ticks)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(seconds=20), "15:04:45"),
        (timedelta(minutes=5), "15:01"),
        (timedelta(hours=6), "10:00"),
        (timedelta(days=3), "Thu 20"),
        (timedelta(days=7), "Tue 18"),
        (timedelta(days=40), "Oct 20"),
        (timedelta(days=300), "Mar"),
        (timedelta(days=400), "2025"),
        (timedelta(days=4000), "2020"),
    ],
)
def test_times_read_as_people_say_them(span: timedelta, expected: str) -> None:
    assert expected in labels(NOW - span, NOW)


def test_labels_keep_their_distance() -> None:
    for columns in (12, 20, 40, 80, 200):
        for hours in (0.02, 0.3, 1, 5, 24, 100, 1000, 10_000, 100_000):
            low = NOW - timedelta(hours=hours)
            scale = time_scale(low.timestamp(), NOW.timestamp(), columns, BERLIN, NOW)
            places = [(scale.part(at) * (columns - 1), label) for at, label in scale.ticks]
            for (one, label), (other, _) in pairwise(places):
                assert other - one >= len(label) - 1, (columns, hours, scale.ticks)


def test_hours_stay_round_when_the_clock_goes_back() -> None:
    # In Berlin 03:00 summer time became 02:00 on 26 October 2025: the day has 25 hours.
    low = datetime(2025, 10, 25, 22, tzinfo=UTC)
    scale = time_scale(low.timestamp(), (low + timedelta(hours=25)).timestamp(), 80, BERLIN, NOW)
    shown = [label for _, label in scale.ticks]
    assert shown == ["Sun 26", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "Mon 27"]
    steps = [round((after[0] - before[0]) / 3600) for before, after in pairwise(scale.ticks)]
    assert steps == [4, 3, 3, 3, 3, 3, 3, 3]


def test_hours_stay_round_when_the_clock_goes_forward() -> None:
    # 02:00 to 03:00 does not exist on 30 March 2025.
    low = datetime(2025, 3, 29, 23, tzinfo=UTC)
    scale = time_scale(low.timestamp(), (low + timedelta(hours=6)).timestamp(), 80, BERLIN, NOW)
    shown = [label for _, label in scale.ticks]
    assert "02:00" not in shown
    assert "03:00" in shown
    for at, label in scale.ticks:
        local = datetime.fromtimestamp(at, BERLIN)
        assert label in (f"{local:%H:%M}", f"Sun {local.day}")
        assert local.minute % 30 == 0


def test_a_half_hour_jump_keeps_the_grid() -> None:
    # Lord Howe moves its clock by 30 minutes, on 6 April 2025 at 15:00 UTC.
    zone = ZoneInfo("Australia/Lord_Howe")
    low = datetime(2025, 4, 5, 12, tzinfo=UTC)
    scale = time_scale(low.timestamp(), (low + timedelta(hours=6)).timestamp(), 80, zone, NOW)
    assert all(datetime.fromtimestamp(at, zone).minute in (0, 30) for at, _ in scale.ticks)


def test_zones_with_odd_offsets_get_their_own_round_times() -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    scale = time_scale(NOW.timestamp() - 6 * 3600, NOW.timestamp(), 60, zone, NOW)
    assert all(datetime.fromtimestamp(at, zone).minute == 0 for at, _ in scale.ticks)


def test_days_begin_at_local_midnight_on_both_sides_of_a_jump() -> None:
    scale = time_scale(midnight(date(2025, 10, 24), BERLIN), midnight(date(2025, 10, 30), BERLIN), 90, BERLIN, NOW)
    days = [at for at, label in scale.ticks if " " in label]
    assert [datetime.fromtimestamp(at, BERLIN).hour for at in days] == [0] * len(days)
    assert 25 * 3600 in [round(after - before) for before, after in pairwise(days)]


def test_another_year_is_said() -> None:
    assert labels(datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 7, 20, tzinfo=UTC), 80)[0] == "Jun 3 24"


@given(
    st.floats(-1e12, 1e12),
    st.floats(0, 1e12),
    st.integers(8, 200),
    st.sampled_from(["UTC", "Pacific/Apia", "America/Sao_Paulo"]),
)
def test_any_times_give_a_scale(low: float, span: float, columns: int, zone: str) -> None:
    scale = time_scale(low, low + span, columns, ZoneInfo(zone), NOW)
    assert scale.low < scale.high
    assert len(scale.ticks) <= columns
    assert [at for at, _ in scale.ticks] == sorted(at for at, _ in scale.ticks)


def test_a_range_too_small_for_a_step_counts_as_flat() -> None:
    scale = value_scale(0.0, 5e-324, 4)
    assert scale.high - scale.low >= 1.0
