"""Values of a result as charts need them: numbers as floats, times as instants, anything as a line of clean text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import NoneType
from zoneinfo import ZoneInfo

from datapulse_tui.charts.cells import clean
from datapulse_tui.charts.numbers import MISSING, to_float
from datapulse_tui.charts.problem import CannotDraw
from datapulse_tui.charts.ticks import EARLIEST, LATEST
from datapulse_tui.data.result import Column, ColumnKind, Result

# Sums and differences of what is drawn must stay finite; nobody reads a chart beyond this anyway.
LARGEST = 1e150
# A cell of text longer than this is cut before it is measured; no box is wider.
LONGEST_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class Skipped:
    """How many values of a column are infinite (or beyond drawing), and how many are no numbers at all."""

    infinite: int = 0
    other: int = 0

    def __add__(self, more: Skipped) -> Skipped:
        return Skipped(self.infinite + more.infinite, self.other + more.other)

    def __str__(self) -> str:
        parts = []
        if self.infinite:
            parts.append(f"{_count(self.infinite, 'infinite value')} left out")
        if self.other:
            parts.append(f"{_count(self.other, 'value')} not a number, left out")
        return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def column_index(result: Result, name: str, role: str) -> int:
    """Position of the column that an option names; CannotDraw says which columns there are."""
    if name in result.names:
        return result.names.index(name)
    known = ", ".join(result.names[:12]) or "none"
    raise CannotDraw(
        f"The option {role} names the column {name}, which the query does not return. Its columns: {known}."
    )


def columns_of(result: Result, *kinds: ColumnKind) -> list[int]:
    """Positions of the columns of these kinds."""
    return [at for at, column in enumerate(result.columns) if column.kind in kinds]


def numbers(values: Sequence[object]) -> tuple[list[float], Skipped]:
    """`values` as floats; NULL, NaN and what is no number as NaN, counted where it is worth telling."""
    if set(map(type, values)) <= {int, float, NoneType}:
        try:
            converted = [math.nan if value is None else float(value) for value in values]  # type: ignore[arg-type]
        except OverflowError:
            pass
        else:
            if all(map(math.isnan, [value for value in converted if not -LARGEST <= value <= LARGEST])):
                return converted, Skipped()
    infinite = other = 0
    found: list[float] = []
    for value in values:
        number = math.nan
        if isinstance(value, int | float | Decimal):
            number = to_float(value)
            if abs(number) > LARGEST:
                number, infinite = math.nan, infinite + 1
        elif value is not None:
            other += 1
        found.append(number)
    return found, Skipped(infinite, other)


def instant(value: object, zone: ZoneInfo) -> float:
    """A time or date as seconds since 1970: naive times and dates are in the reader's zone; NaN for anything else."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    elif isinstance(value, date):
        aware = datetime(value.year, value.month, value.day, tzinfo=zone)
    else:
        return math.nan
    seconds = (aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    return min(max(seconds, EARLIEST), LATEST)


def instants(values: Sequence[object], zone: ZoneInfo) -> list[float]:
    """`values` as seconds since 1970, NaN for what is no time."""
    if set(map(type, values)) == {datetime} and {value.tzinfo for value in values} == {UTC}:  # type: ignore[attr-defined]
        found = list(map(datetime.timestamp, values))  # type: ignore[arg-type]
        if min(found) >= EARLIEST and max(found) <= LATEST:
            return found
    return [instant(value, zone) for value in values]


def text_of(value: object, zone: ZoneInfo) -> str:
    """Any value as one line of clean text; times in the reader's zone to the minute, or finer where they are."""
    if value is None:
        return MISSING
    if isinstance(value, datetime):
        return write_time(value, zone)
    if isinstance(value, str):
        return clean(value[:LONGEST_TEXT])
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value.bit_length() > 2_000:
        # Python refuses to write integers of thousands of digits.
        return "∞" if value > 0 else "-∞"
    if isinstance(value, date | time | int | float | Decimal):
        return clean(str(value))
    return clean(str(value)[:LONGEST_TEXT])


def write_time(value: datetime, zone: ZoneInfo, *, seconds: bool | None = None) -> str:
    """`2025-11-03 14:05` in the reader's zone; `seconds` None writes them where there are any."""
    if value.tzinfo is not None:
        try:
            value = value.astimezone(zone)
        except OverflowError:
            value = value.replace(tzinfo=None)
    shown = value.second != 0 or value.microsecond != 0 if seconds is None else seconds
    return f"{value.year:04d}-{value:%m-%d %H:%M:%S}" if shown else f"{value.year:04d}-{value:%m-%d %H:%M}"


def heading(column: Column) -> str:
    """A column's name as clean text; a column without one is told by that."""
    return clean(column.name[:LONGEST_TEXT]).strip() or "(no name)"
