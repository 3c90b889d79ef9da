"""The stretch of time that an axis shows, whatever the data span."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from .samples import picture, table, text

ZONE = ZoneInfo("UTC")
MIDNIGHT = datetime(2025, 11, 20, tzinfo=UTC)
DAY = (MIDNIGHT, MIDNIGHT + timedelta(hours=24))
# Data in the middle third of the day only.
HOURS = table("at:time v:number", [(MIDNIGHT + timedelta(hours=8 + at), 5 + at) for at in range(8)])


def inked(line: str) -> tuple[int, int]:
    """First and last column, in hundredths of the plot, that hold something of the chart."""
    body = line[5:]
    found = [at for at, character in enumerate(body) if character not in " ┈"]
    return found[0] * 100 // len(body), found[-1] * 100 // len(body)


@pytest.mark.parametrize("kind", ["line_chart", "area_chart", "bar_chart"])
def test_data_of_a_part_of_the_time_stand_where_they_belong(kind: str) -> None:
    options: dict[str, object] = {"values": False} if kind == "bar_chart" else {}
    rows = text(picture(HOURS, kind, options, 75, 12, zone=ZONE, span=DAY)).split("\n")
    drawn = [inked(line.ljust(75)) for line in rows[:10] if line[5:].strip(" ┈")]
    assert min(low for low, _ in drawn) >= 28
    assert max(high for _, high in drawn) <= 70
    assert "06:00" in rows[-1]
    assert "18:00" in rows[-1]
    without = text(picture(HOURS, kind, options, 75, 12, zone=ZONE))
    assert "18:00" not in without


@pytest.mark.parametrize("kind", ["line_chart", "area_chart", "bar_chart"])
def test_data_beyond_the_span_are_shown_as_well(kind: str) -> None:
    inside = (MIDNIGHT + timedelta(hours=10), MIDNIGHT + timedelta(hours=11))
    for width, height in ((75, 12), (9, 4)):
        with_span = picture(HOURS, kind, {}, width, height, zone=ZONE, span=inside)
        assert with_span == picture(HOURS, kind, {}, width, height, zone=ZONE)


@pytest.mark.parametrize("kind", ["line_chart", "area_chart", "bar_chart"])
def test_an_axis_that_is_no_time_has_no_span(kind: str) -> None:
    for data in (table("n:number v:number", [(1, 2), (2, 3)]), table("n:text v:number", [("a", 2), ("b", 3)])):
        assert picture(data, kind, {}, 40, 10, span=DAY) == picture(data, kind, {}, 40, 10)


def bars(data: list[date], start: date, end: date, **options: object) -> int:
    """Bars of equal height: how many columns of the plot lie before the first of them."""
    span = (
        datetime(start.year, start.month, start.day, tzinfo=UTC),
        datetime(end.year, end.month, end.day, tzinfo=UTC),
    )
    result = table("day:date v:number", [(day, 8) for day in data])
    shown = text(picture(result, "bar_chart", {"values": False, **options}, 63, 8, zone=ZONE, span=span))
    line = shown.split("\n")[2].ljust(63)[2:]
    return len(line) - len(line.lstrip(" ┈"))


def test_months_of_any_length_have_one_place_each() -> None:
    months = [date(2025, month, 1) for month in range(3, 13)]
    whole = bars(months, date(2025, 1, 1), date(2026, 1, 1))
    assert bars(months, date(2025, 3, 1), date(2026, 1, 1)) < 5
    assert 9 <= whole <= 14  # two of twelve places


def test_a_limit_counts_bars_and_no_empty_places() -> None:
    days = [date(2025, 11, day) for day in range(10, 20)]
    assert bars(days, date(2025, 11, 1), date(2025, 12, 1), limit=5) < 5


def test_a_long_span_around_few_bars_leaves_them_readable() -> None:
    days = [date(2025, 11, day) for day in range(10, 13)]
    assert bars(days, date(2020, 1, 1), date(2026, 1, 1)) < 25
