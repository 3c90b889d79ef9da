"""Bars that stand: the axis below, values on top where there is room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from datapulse_tui.charts.bar_data import Bars
from datapulse_tui.charts.blocks import EIGHTHS, put_column, put_column_down
from datapulse_tui.charts.box import Box
from datapulse_tui.charts.cells import cell_width
from datapulse_tui.charts.legend import Entry
from datapulse_tui.charts.numbers import NumberFormat, format_number
from datapulse_tui.charts.options import BarOptions
from datapulse_tui.charts.picture import Picture
from datapulse_tui.charts.plane import Plane, lay_out, put_threshold_names, put_threshold_rules
from datapulse_tui.charts.theme import ChartTheme
from datapulse_tui.charts.ticks import Scale

_WIDEST = 12


@dataclass(frozen=True, slots=True)
class _Slots:
    """Where bars stand in a plot of `width` columns: `bar` cells for each bar, `step` for each of `places` places.

    `merged` places were made one. Places share out the whole width, unless bars would get wider than `widest`.
    """

    width: int
    places: int
    step: int
    gap: int
    bar: int
    widest: int
    merged: int

    def left(self, place: int) -> int:
        """First column of a place. Bars are equally wide; gaps may differ by one."""
        if self.step == self.widest:
            return (self.width - self.places * self.step + self.gap) // 2 + place * self.step
        return place * self.width // self.places

    def bar_width(self, place: int) -> int:
        """Columns of each bar at a place."""
        return self.left(place + 1) - self.left(place) if self.step == 1 else self.bar


def draw_standing(bars: Bars, options: BarOptions, box: Box) -> Picture:
    """Bars from the ground up. More places than columns are merged, the one that reaches farthest stays."""
    several = len(bars.names) > 1
    stacked = several and options.mode == "stacked"
    per_place = 1 if stacked else len(bars.names)
    style, mark = box.theme.series_style, box.theme.filled_mark
    entries = [
        Entry(mark(index), style(index), name, format_number(_last(bars.values[index]), options.number_format))
        for index, name in enumerate(bars.names)
    ]

    def scale(width: int) -> Scale:
        slots = _slots(len(bars.labels), per_place, width)
        merged = _merge(bars, slots.merged)
        centre = slots.bar * per_place // 2
        ticks = ((float(slots.left(at) + centre), label) for at, label in enumerate(merged.labels) if label)
        return Scale(0.0, max(1.0, width - 1.0), tuple(ticks))

    plane = lay_out(box, scale, bars.reach(stacked=stacked), options, entries, zero=True)
    slots = _slots(len(bars.labels), per_place, plane.width)
    notes = bars.notes
    if slots.merged > 1:
        notes = (*notes, f"{slots.merged} bars share a place; the farthest from zero is drawn")
    merged = _merge(bars, slots.merged)
    put_threshold_rules(plane, box, options.thresholds)
    for place in range(len(merged.labels)):
        values = [row[place] for row in merged.values]
        left, width = plane.left + slots.left(place), slots.bar_width(place)
        if stacked:
            _put_stack(plane, left, width, list(enumerate(values)), box.theme)
        else:
            for index, value in enumerate(values):
                _put_stack(plane, left + index * width, width, [(index, value)], box.theme)
        if options.values and per_place == 1:
            _put_value(plane, left, slots, values, options.number_format, box.theme)
    put_threshold_names(plane, box, options.thresholds, options.number_format)
    return plane.grid.picture(note="; ".join(notes))


def _slots(places: int, per_place: int, width: int) -> _Slots:
    merged = max(1, math.ceil(places * per_place / width)) if places * per_place > width else 1
    places = math.ceil(places / merged)
    widest = _WIDEST * per_place
    step = max(1, min(width // places, widest))
    gap = 0 if step <= per_place else 1 if step < 6 * per_place else 2
    bar = max(1, (step - gap) // per_place)
    return _Slots(width, places, step, gap, bar, widest, merged)


def _merge(bars: Bars, count: int) -> Bars:
    """Every `count` neighbours become the one of them that reaches farthest from zero, with the first label of them."""
    if count == 1:
        return bars
    totals = [abs(total) if total == total else -1.0 for total in bars.totals()]
    groups = [range(start, min(start + count, len(totals))) for start in range(0, len(totals), count)]
    kept = bars.keep([max(group, key=totals.__getitem__) for group in groups])
    labels = tuple(next((bars.labels[each] for each in group if bars.labels[each]), "") for group in groups)
    return Bars(labels, kept.names, kept.values, kept.notes)


def _put_stack(plane: Plane, left: int, width: int, values: Sequence[tuple[int, float]], theme: ChartTheme) -> None:
    """Pieces on each other at one place, `width` cells wide; negative ones hang from zero."""
    foot = round(plane.eighth(0.0) / EIGHTHS)
    rising: list[tuple[int, int]] = []
    falling: list[tuple[int, int]] = []
    up = down = 0.0
    for index, value in values:
        if value > 0:
            up += value
            rising.append((max(1, plane.eighth(up) - foot * EIGHTHS), index))
        elif value < 0:
            down += value
            falling.append((max(1, foot * EIGHTHS - plane.eighth(down)), index))
    ground = plane.top + plane.height - 1 - foot
    for column in range(left, left + width):
        put_column(plane.grid, column, ground, rising, theme, lambda each, _: theme.series_colour(each))
        put_column_down(plane.grid, column, ground + 1, falling, theme, lambda each, _: theme.series_colour(each))
    start = 0
    for end, index in rising:
        if len(values) > 1 and width >= 3 and end - start >= 2 * EIGHTHS and theme.colour != "none":
            row = ground - (start + end) // 2 // EIGHTHS
            plane.grid.set(left + width // 2, row, theme.mark(index), theme.on_fill(theme.series_colour(index)))
        start = end


def _put_value(
    plane: Plane, left: int, slots: _Slots, values: Sequence[float], form: NumberFormat, theme: ChartTheme
) -> None:
    """The value over a bar (under a negative one), if it is no wider than its place."""
    present = [value for value in values if value == value]
    if not present:
        return
    total = math.fsum(present)
    text = format_number(total, form)
    row = plane.top + plane.height - 1 - -(-plane.eighth(total) // EIGHTHS) if total >= 0 else plane.row(total) + 1
    cells = cell_width(text)
    if cells < slots.step and plane.top <= row < plane.top + plane.height:
        start = left + (slots.bar - cells) // 2
        plane.grid.put(min(max(start, plane.left), plane.left + plane.width - cells), row, text, theme.dim_style)


def _last(values: Sequence[float]) -> float:
    return next((value for value in reversed(values) if value == value), math.nan)
