"""What the bars of a chart are: a value for each series at each place, in the order wanted."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from datapulse_tui.charts.box import Box
from datapulse_tui.charts.options import BarOptions
from datapulse_tui.charts.series import Plot
from datapulse_tui.charts.ticks import time_scale

# Times farther apart than this many empty places are drawn side by side as names.
_MOST_EMPTY = 8
# Months differ in length, by this part of the usual one and less.
_UNEVEN = 0.15


@dataclass(frozen=True, slots=True)
class Bars:
    """A value (NaN for none) for each of `names` (the series) at each of `labels` (the places on the axis)."""

    labels: tuple[str, ...]
    names: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...]

    def totals(self) -> list[float]:
        """The sum at each place; NaN where there is no value."""
        return [_sum(each) for each in zip(*self.values, strict=True)]

    def keep(self, places: Sequence[int]) -> Bars:
        """The same with these places only, in this order."""
        return replace(
            self,
            labels=tuple(self.labels[each] for each in places),
            values=tuple(tuple(row[each] for each in places) for row in self.values),
        )

    def reach(self, *, stacked: bool) -> tuple[float, float]:
        """Lowest and highest end of any bar; negative and positive pieces of a stack grow apart."""
        if stacked:
            places = list(zip(*self.values, strict=True))
            low = min(sum(value for value in each if value < 0) for each in places)
            return low, max(sum(value for value in each if value > 0) for each in places)
        every = [value for row in self.values for value in row if value == value]
        return min(every), max(every)


def gather(plot: Plot, box: Box, *, spread: bool, span: tuple[float, float] | None = None) -> Bars:
    """One value for each series and place. Rows that share a place are added up, and that is told.

    `spread` leaves holes where times that are about evenly apart are missing, within `span` also before and after them.
    """
    xs = sorted({place for series in plot.series for place in series.xs})
    if plot.kind == "category":
        xs = [float(each) for each in range(len(plot.categories))]
        labels = plot.categories
        position = {place: at for at, place in enumerate(xs)}
    else:
        slots = list(range(len(xs)))
        if spread and plot.kind == "time":
            xs, slots = _slots(xs, span)
        position = dict(zip(xs, slots, strict=True))
        labels = _time_labels(xs, slots, box) if plot.kind == "time" else tuple(f"{each:g}" for each in xs)
    added = 0
    values: list[tuple[float, ...]] = []
    for series in plot.series:
        row = [math.nan] * len(labels)
        for place, value in zip(series.xs, series.ys, strict=True):
            at = position[place]
            if value == value:
                added += row[at] == row[at]
                row[at] = _sum((row[at], value))
        values.append(tuple(row))
    notes = plot.notes
    if added:
        notes = (*notes, f"{added:,} row{'' if added == 1 else 's'} added to another of the same name")
    return Bars(labels, tuple(series.name for series in plot.series), tuple(values), notes)


def _slots(xs: list[float], span: tuple[float, float] | None) -> tuple[list[float], list[int]]:
    """Times that are about evenly apart, those that `span` adds at the ends, and their places: a missing one is a hole.

    The distance is counted from neighbour to neighbour in medians: months, and days of 23 or 25 hours, stay neighbours.
    """
    steps = [after - before for before, after in pairwise(xs)]
    if not steps:
        return xs, [0] * len(xs)
    usual = median(steps)
    slots = [0]
    for step in steps:
        slots.append(slots[-1] + max(1, round(step / usual)))
    if slots[-1] > len(xs) * _MOST_EMPTY:
        return xs, list(range(len(xs)))
    before, after = _missing(xs, usual, span) if span is not None else (0, 0)
    if slots[-1] + before + after > len(xs) * _MOST_EMPTY:
        before = after = 0
    first = [xs[0] - usual * each for each in range(before, 0, -1)]
    last = [xs[-1] + usual * each for each in range(1, after + 1)]
    end = slots[-1] + before
    places = [*range(before), *(slot + before for slot in slots), *range(end + 1, end + 1 + after)]
    return [*first, *xs, *last], places


def _missing(xs: list[float], usual: float, span: tuple[float, float]) -> tuple[int, int]:
    """How many bars `span` has room for before the first and after the last; each stands where its time begins."""
    before = math.floor((xs[0] - span[0]) / usual + _UNEVEN)
    after = math.ceil((span[1] - xs[-1]) / usual - _UNEVEN) - 1
    return max(0, before), max(0, after)


def _time_labels(xs: list[float], slots: list[int], box: Box) -> tuple[str, ...]:
    """Labels for the places at which round times fall; empty between them."""
    labels = [""] * (slots[-1] + 1)
    for at, label in time_scale(xs[0], xs[-1], box.width, box.zone, box.now).ticks:
        after = min(bisect_left(xs, at), len(xs) - 1)
        nearest = min((max(0, after - 1), after), key=lambda each: abs(xs[each] - at))
        if xs[0] <= at <= xs[-1]:
            labels[slots[nearest]] = label
    return tuple(labels)


def order(bars: Bars, options: BarOptions) -> Bars:
    """The bars in the order that the options want, and no more than they want."""
    places = list(range(len(bars.labels)))
    totals = bars.totals()
    keys: dict[str, Callable[[int], tuple[bool, float | str]]] = {
        "value_desc": lambda each: (totals[each] != totals[each], -totals[each]),
        "value_asc": lambda each: (totals[each] != totals[each], totals[each]),
        "label": lambda each: (False, bars.labels[each].casefold()),
    }
    if options.sort in keys:
        places.sort(key=keys[options.sort])
    if options.limit is not None and len(places) > options.limit:
        kept = bars.keep(places[: options.limit])
        return replace(kept, notes=(*kept.notes, f"{options.limit:,} of {len(places):,} bars, as limit says"))
    return bars.keep(places)


def _sum(values: Sequence[float]) -> float:
    present = [value for value in values if value == value]
    return math.fsum(present) if present else math.nan
