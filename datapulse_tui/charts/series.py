"""A result read as series: which column is the axis, which are values, and what tells series apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from datapulse_tui.charts.problem import CannotDraw
from datapulse_tui.charts.reduce import is_ascending
from datapulse_tui.charts.values import Skipped, column_index, columns_of, heading, instants, numbers, text_of
from datapulse_tui.data.result import ColumnKind, Result

XKind = Literal["time", "number", "category"]


@dataclass(frozen=True, slots=True)
class Series:
    """One line: `xs` ascending (instants, numbers or category positions), `ys` with NaN where there is a gap."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything that a chart with axes draws. `categories` name the positions 0, 1, ... when x is a category."""

    kind: XKind
    series: tuple[Series, ...]
    categories: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def x_range(self) -> tuple[float, float]:
        """First and last x."""
        return min(each.xs[0] for each in self.series), max(each.xs[-1] for each in self.series)

    def y_range(self) -> tuple[float, float]:
        """Lowest and highest value."""
        low, high = math.inf, -math.inf
        for each in self.series:
            values = each.ys
            # NaN would poison min and max; fsum finds it at the speed of C.
            if math.isnan(math.fsum(values)):
                values = [value for value in values if value == value]
            low, high = min(low, min(values)), max(high, max(values))
        return low, high


@dataclass(frozen=True, slots=True)
class Roles:
    """Positions of the columns: the axis (None is the row number), the values, and what tells series apart."""

    x: int | None
    y: tuple[int, ...]
    series: int | None


def choose_roles(result: Result, x: str | None, y: tuple[str, ...] | None, series: str | None) -> Roles:
    """The columns that the options name, and sensible ones for what they leave open.

    x: the first time or date column, else the first text column, else (with two numbers or more) the first number.
    y: every other number column. series: the second text column, when one column is drawn. CannotDraw when an option
    names no column of the result, or nothing could be y.
    """
    if not result.columns:
        raise CannotDraw("The query returned no columns.")
    number_columns = columns_of(result, ColumnKind.NUMBER)
    ys = [column_index(result, name, "y") for name in y] if y else []
    by = column_index(result, series, "series") if series else None
    at = column_index(result, x, "x") if x else _default_axis(result, ys, by, number_columns)
    if not ys:
        ys = [each for each in number_columns if each not in (at, by)]
    if not ys:
        kinds = ", ".join(f"{column.name} ({column.kind.value})" for column in result.columns[:8])
        raise CannotDraw(f"There is no number column to draw. The query returns {kinds}.")
    for each in ys:
        if result.columns[each].kind in (ColumnKind.TEXT, ColumnKind.TIME, ColumnKind.DATE):
            column = result.columns[each]
            raise CannotDraw(
                f"The column {column.name} holds {column.kind.value}; only numbers can be drawn as values."
            )
    if by is None and series is None and len(ys) == 1:
        texts = [each for each in columns_of(result, ColumnKind.TEXT) if each not in (at, *ys)]
        by = texts[0] if texts else None
    return Roles(at, tuple(dict.fromkeys(ys)), by)


def _default_axis(result: Result, ys: list[int], by: int | None, number_columns: list[int]) -> int | None:
    taken = {*ys, by}
    for kinds in ((ColumnKind.TIME, ColumnKind.DATE), (ColumnKind.TEXT,), (ColumnKind.BOOLEAN, ColumnKind.OTHER)):
        free = [each for each in columns_of(result, *kinds) if each not in taken]
        if free:
            return free[0]
    free = [each for each in number_columns if each not in taken]
    return free[0] if free and (ys or len(free) > 1) else None


def read_plot(
    result: Result,
    x: str | None,
    y: tuple[str, ...] | None,
    series: str | None,
    max_series: int,
    zone: ZoneInfo,
    *,
    categorical: bool = False,
) -> Plot:
    """The series of `result`, at most `max_series` of them (those with the highest peaks).

    `categorical` keeps numbers on the axis as names, as bars want them. CannotDraw when nothing can be drawn.
    """
    roles = choose_roles(result, x, y, series)
    if not result.rows:
        raise CannotDraw("No rows. The query returned nothing for this time range and these variables.")
    kind, xs, categories = _axis(result, roles.x, zone, categorical=categorical)
    found, skipped = _split(result, roles, xs, zone)
    notes = [str(skipped)] if str(skipped) else []
    lost = sum(map(math.isnan, xs))
    if lost:
        notes.append(f"{lost:,} row{'' if lost == 1 else 's'} without a place on the axis, left out")
    drawable = [each for each in map(_tidy, found) if any(value == value for value in each.ys)]
    if not drawable:
        raise CannotDraw(_nothing(result, roles, skipped))
    if len(drawable) > max_series:
        peaks = sorted(drawable, key=lambda each: -max(abs(value) for value in each.ys if value == value))
        kept = {id(each) for each in peaks[:max_series]}
        notes.append(f"{max_series} of {len(drawable)} series shown, those with the highest peaks")
        drawable = [each for each in drawable if id(each) in kept]
    return Plot(kind, tuple(drawable), categories, tuple(notes))


def _nothing(result: Result, roles: Roles, skipped: Skipped) -> str:
    names = ", ".join(result.columns[each].name for each in roles.y[:6])
    if skipped.infinite or skipped.other:
        return f"No drawable number in {names}: {skipped}."
    return f"Every value of {names} is NULL or NaN; there is nothing to draw."


def _axis(
    result: Result, at: int | None, zone: ZoneInfo, *, categorical: bool
) -> tuple[XKind, list[float], tuple[str, ...]]:
    """What the axis is, the x of each row (NaN for rows without one) and the names of categories."""
    rows = result.rows
    if at is None:
        return "number", [float(each) for each in range(1, len(rows) + 1)], ()
    values = [row[at] for row in rows]
    kind = result.columns[at].kind
    if kind in (ColumnKind.TIME, ColumnKind.DATE):
        times = instants(values, zone)
        if any(each == each for each in times):
            return "time", times, ()
    elif kind is ColumnKind.NUMBER and not categorical:
        found, _ = numbers(values)
        if any(each == each for each in found):
            return "number", found, ()
    positions: dict[str, int] = {}
    places = [float(positions.setdefault(text_of(value, zone), len(positions))) for value in values]
    return "category", places, tuple(positions)


def _split(result: Result, roles: Roles, xs: list[float], zone: ZoneInfo) -> tuple[list[Series], Skipped]:
    """One series for each value column, or for each value of the series column and value column."""
    skipped = Skipped()
    found: list[Series] = []
    for at in roles.y:
        ys, lost = numbers([row[at] for row in result.rows])
        skipped += lost
        name = heading(result.columns[at])
        if roles.series is None:
            found.append(Series(name, xs, ys))
            continue
        groups: dict[str, tuple[list[float], list[float]]] = {}
        for row, place, value in zip(result.rows, xs, ys, strict=True):
            group = groups.setdefault(text_of(row[roles.series], zone), ([], []))
            group[0].append(place)
            group[1].append(value)
        many = len(roles.y) > 1
        found += [Series(f"{label} {name}" if many else label, *group) for label, group in groups.items()]
    return found, skipped


def _tidy(series: Series) -> Series:
    """The series with rows that have no x left out, ascending in x; rows of one x keep their order."""
    xs, ys = series.xs, series.ys
    if math.isnan(math.fsum(xs)):
        pairs = [(place, value) for place, value in zip(xs, ys, strict=True) if place == place]
        xs, ys = [place for place, _ in pairs], [value for _, value in pairs]
    if not is_ascending(xs):
        order = sorted(range(len(xs)), key=xs.__getitem__)
        xs, ys = [xs[each] for each in order], [ys[each] for each in order]
    return Series(series.name, xs, ys)
