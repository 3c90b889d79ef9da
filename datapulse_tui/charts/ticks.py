"""Ticks that people would have chosen: round numbers, round times of day, in the reader's time zone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from datapulse_tui.charts.numbers import AUTO, NumberFormat, format_ticks

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_FEW_TICKS = {2: 1.4, 3: 1.1}
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_CLOCK = (
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    10800.0,
    21600.0,
    43200.0,
)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6)
_YEARS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
# Times outside these years have no wall clock in every zone.
EARLIEST = datetime(2, 1, 1, tzinfo=UTC).timestamp()
LATEST = datetime(9998, 12, 31, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Scale:
    """The range of an axis (`low` < `high`) and its ticks, ascending, each a value with its label."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def part(self, value: float) -> float:
        """Where `value` lies between low (0) and high (1)."""
        return (value - self.low) / (self.high - self.low)


def value_scale(
    low: float, high: float, most: int, form: NumberFormat = AUTO, *, fix_low: bool = False, fix_high: bool = False
) -> Scale:
    """A scale for numbers from `low` to `high` with about `most` ticks (at least 2) on round values.

    The ends move out to round values unless they are fixed. A flat range is given some height.
    """
    # Denormal heights count as flat: a step of one has no logarithm.
    if not high - low > max(abs(low), abs(high), 1e-288) * 1e-12:
        low, high = _heightened(low, high, fix_low=fix_low, fix_high=fix_high)
    step = _best_step(low, high, max(2, most), form)
    bottom = low if fix_low else math.floor(low / step + 1e-9) * step
    top = high if fix_high else math.ceil(high / step - 1e-9) * step
    first = math.ceil(bottom / step - 1e-9)
    last = math.floor(top / step + 1e-9)
    values = [each * step for each in range(first, last + 1)]
    return Scale(bottom, top, tuple(zip(values, format_ticks(values, step, form), strict=True)))


def _heightened(low: float, high: float, *, fix_low: bool, fix_high: bool) -> tuple[float, float]:
    """A range that is flat, or upside down because one end was fixed beyond the values, given some height."""
    if fix_high:
        return high - max(abs(high) * 0.5, 1.0), high
    if fix_low:
        return low, low + max(abs(low) * 0.5, 1.0)
    pad = abs(low) * 0.5 or 1.0
    return (low - pad if low < 0 else 0.0), high + pad


def _best_step(low: float, high: float, most: int, form: NumberFormat) -> float:
    """The round step with at most `most` ticks that wastes the least room beyond the ends; few ticks are waste too."""
    steps = sorted(_steps((high - low) / most, form))
    costs: list[tuple[float, float]] = []
    for step in steps:
        count = math.ceil(high / step - 1e-9) - math.floor(low / step + 1e-9)
        if count < most:
            costs.append((count * step * _FEW_TICKS.get(count + 1, 1.0), step))
    least = min((cost for cost, _ in costs), default=math.inf)
    return min((step for cost, step in costs if cost <= least * 1.0001), default=steps[-1])


def _steps(rough: float, form: NumberFormat) -> list[float]:
    """Round steps from `rough` up, in the units of the format."""
    if form.style in ("seconds", "milliseconds"):
        unit = 1.0 if form.style == "seconds" else 1000.0
        if rough > unit:
            longer = [each * unit for each in (*_CLOCK, *(_DAY * day for day in (1, 2, 5, 10, 20, 50, 100)))]
            fitting = [each for each in longer if each >= rough][:4]
            if fitting:
                return fitting
    base = 1.0
    if form.style == "bytes":
        while rough / base > 512 and base < 2.0**60:
            base *= 1024
    power = 10.0 ** math.floor(math.log10(rough / base))
    steps = [each * power * scale * base for scale in (1.0, 10.0) for each in _ROUND]
    return [step for step in steps if step >= rough][:5] or [rough]


def time_scale(low: float, high: float, columns: int, zone: ZoneInfo, now: datetime) -> Scale:
    """A scale for instants (seconds since 1970) over `columns` cells, with ticks on round local times.

    Labels are `14:05:30`, `14:05`, `Mon 3`, `Nov 21`, `Nov` or `2025`, whichever the step calls for; where the day (or
    the year) changes, the tick says the day (or the year). Daylight saving moves no tick off its local time.
    """
    low, high = (min(max(each, EARLIEST), LATEST) for each in (low, high))
    if not high > low:
        low, high = low - 30, low + 30
    span = high - low
    for step in _CLOCK:
        if _fits(span / step, 8 if step < _MINUTE else 5, columns):
            return Scale(low, high, tuple(_clock_ticks(low, high, step, zone)))
    for days in _DAYS:
        if _fits(span / _DAY / days, 6, columns):
            weekday = span <= 15 * _DAY
            return Scale(low, high, tuple(_day_ticks(low, high, days, zone, now, weekday=weekday)))
    for months in _MONTHS:
        if _fits(span / _DAY / 30.4 / months, 4, columns):
            return Scale(low, high, tuple(_month_ticks(low, high, months, zone)))
    years = next((each for each in _YEARS if _fits(span / _DAY / 365.2 / each, 4, columns)), _YEARS[-1])
    return Scale(low, high, tuple(_month_ticks(low, high, 12 * years, zone)))


def _fits(count: float, label: int, columns: int) -> bool:
    return count * (label + 3) <= columns


def _clock_ticks(low: float, high: float, step: float, zone: ZoneInfo) -> Iterator[tuple[float, str]]:
    """Ticks on multiples of `step` (up to 12 h) on the local wall clock.

    Steps of an hour and more walk hour by hour and keep those that read a multiple: a clock that jumps leaves out
    (or repeats) a label, and the labels after it are still round.
    """
    walk = min(step, _HOUR)
    offset = _offset(low, zone)
    at = math.ceil((low + offset) / walk) * walk - offset
    while at <= high:
        local = datetime.fromtimestamp(at, zone)
        shift = _offset(at, zone) - offset
        if shift:
            # The wall clock jumped since the last tick; take up its new grid.
            offset += shift
            at = math.ceil((at + offset) / walk) * walk - offset
            continue
        if step <= _HOUR or local.hour * _HOUR % step == 0:
            yield at, _clock_label(local, step)
        at += walk


def _clock_label(local: datetime, step: float) -> str:
    if local.hour == local.minute == local.second == 0 and step >= _MINUTE:
        return f"{WEEKDAYS[local.weekday()]} {local.day}"
    return f"{local:%H:%M:%S}" if step < _MINUTE else f"{local:%H:%M}"


def _offset(at: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def _day_ticks(
    low: float, high: float, days: int, zone: ZoneInfo, now: datetime, *, weekday: bool
) -> Iterator[tuple[float, str]]:
    """Ticks on local midnights; steps of weeks fall on Mondays."""
    day = datetime.fromtimestamp(low, zone).date()
    # Day 1 of the proleptic calendar is a Monday, so the remainder counts from Monday for weeks.
    day -= timedelta(days=(day.toordinal() - 1) % days)
    year = now.astimezone(zone).year
    while (at := midnight(day, zone)) <= high:
        if at >= low:
            other_year = "" if day.year == year else f" {day.year % 100:02d}"
            yield (
                at,
                f"{WEEKDAYS[day.weekday()]} {day.day}" if weekday else f"{MONTHS[day.month - 1]} {day.day}{other_year}",
            )
        day += timedelta(days=days)


def _month_ticks(low: float, high: float, months: int, zone: ZoneInfo) -> Iterator[tuple[float, str]]:
    """Ticks on first days of months, counted from January (or from year 0 for steps of years)."""
    start = datetime.fromtimestamp(low, zone)
    count = (start.year * 12 + start.month - 1) // months * months
    while count < 9999 * 12:
        day = date(max(1, count // 12), count % 12 + 1, 1)
        at = midnight(day, zone)
        if at > high:
            return
        if at >= low:
            yield at, str(day.year) if day.month == 1 else MONTHS[day.month - 1]
        count += months


def midnight(day: date, zone: ZoneInfo) -> float:
    """The instant at which `day` begins in `zone`, in seconds since 1970."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def spread_labels(
    ticks: tuple[tuple[int, str], ...], width: int, measure: Callable[[str], int]
) -> list[tuple[int, str]]:
    """Labels centred under their columns, moved in at the edges, dropped where they would touch: (start, label)."""
    placed: list[tuple[int, str]] = []
    free = 0
    for column, label in ticks:
        cells = measure(label)
        start = min(max(0, column - cells // 2), width - cells)
        if start >= free and cells:
            placed.append((start, label))
            free = start + cells + 1
    return placed
