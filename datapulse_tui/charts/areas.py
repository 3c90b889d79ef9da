"""area_chart: values filled down to zero, alone, behind each other, or standing on each other."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from datapulse_tui.charts.blocks import EIGHTHS, put_column, put_column_down
from datapulse_tui.charts.box import Box
from datapulse_tui.charts.lines import series_entries
from datapulse_tui.charts.options import AreaOptions
from datapulse_tui.charts.picture import Picture
from datapulse_tui.charts.plane import Plane, lay_out, put_threshold_names, put_threshold_rules, x_scale
from datapulse_tui.charts.series import Plot, Series, read_plot
from datapulse_tui.charts.theme import ChartTheme
from datapulse_tui.data.result import Result

_FAINTEST, _STRONGEST = 0.35, 0.9


def draw_area_chart(result: Result, options: AreaOptions, box: Box) -> Picture:
    """The picture of an area_chart; CannotDraw says why there is none."""
    plot = read_plot(result, options.x, options.y, options.series, options.max_series, box.zone)
    notes = list(plot.notes)
    low, high = plot.y_range()
    several = len(plot.series) > 1
    stacked = several and options.stacked and low >= 0
    if several and options.stacked and low < 0:
        notes.append("Negative values cannot stand on each other; the areas are drawn behind each other")
    layers = _align(plot) if several else list(plot.series)
    if stacked:
        layers = _stack(layers)
        high = max(value for value in layers[-1].ys if value == value)
    entries = series_entries(plot, box.theme, options.number_format, filled=True)
    plane = lay_out(box, x_scale(box, plot), (low, high), options, entries, zero=True)
    put_threshold_rules(plane, box, options.thresholds)
    _fill(plane, layers, box.theme)
    put_threshold_names(plane, box, options.thresholds, options.number_format)
    if len(layers[0].xs) == 1:
        notes.append("One point only; an area needs two")
    return plane.grid.picture(note="; ".join(notes))


def _align(plot: Plot) -> list[Series]:
    """All series on the same places of the axis; a gap where one has no value, the largest of several."""
    first = plot.series[0]
    if all(each.xs is first.xs or each.xs == first.xs for each in plot.series) and len(set(first.xs)) == len(first.xs):
        return list(plot.series)
    places = sorted({place for each in plot.series for place in each.xs})
    aligned = []
    for series in plot.series:
        values: dict[float, float] = {}
        for place, value in zip(series.xs, series.ys, strict=True):
            if value == value:
                values[place] = max(value, values.get(place, value))
        aligned.append(Series(series.name, places, [values.get(place, math.nan) for place in places]))
    return aligned


def _stack(layers: list[Series]) -> list[Series]:
    """Each layer raised by those below it; a gap counts as nothing, unless all layers have it."""
    totals = [
        0.0 if any(value == value for value in values) else math.nan
        for values in zip(*(each.ys for each in layers), strict=True)
    ]
    stacked = []
    for layer in layers:
        totals = [total + (value if value == value else 0.0) for total, value in zip(totals, layer.ys, strict=True)]
        stacked.append(Series(layer.name, layer.xs, totals))
    return stacked


def _fill(plane: Plane, layers: list[Series], theme: ChartTheme) -> None:
    """Fill each column of the plot from zero to the values that it stands for."""
    foot = round(plane.eighth(0.0) / EIGHTHS)
    alone = len(layers) == 1
    # Shades for one area: the higher, the stronger; several areas are told apart by their plain colours.
    shades = [
        theme.tint(theme.series_colour(0), _FAINTEST + (_STRONGEST - _FAINTEST) * row / max(1, plane.height - 1))
        for row in range(plane.height)
    ]
    colours = [theme.tint(theme.series_colour(index), 0.8) for index in range(len(layers))]

    def up(index: int, step: int) -> str | None:
        return shades[min(foot + step, plane.height - 1)] if alone else colours[index]

    def down(index: int, step: int) -> str | None:
        return shades[max(foot - 1 - step, 0)] if alone else colours[index]

    bottom = plane.top + plane.height - 1
    # For each layer the thickest place so far (in cells): where its mark is read best.
    marks: dict[int, tuple[float, int, int]] = {}
    for column, values in enumerate(_columns(layers, plane)):
        ends = sorted(
            (plane.eighth(value) - foot * EIGHTHS, index) for index, value in enumerate(values) if value == value
        )
        rising = [(end, index) for end, index in ends if end > 0]
        falling = [(-end, index) for end, index in reversed(ends) if end < 0]
        put_column(plane.grid, plane.left + column, bottom - foot, rising, theme, up)
        put_column_down(plane.grid, plane.left + column, bottom - foot + 1, falling, theme, down)
        below = 0
        for end, index in rising:
            middle = bottom - foot - (end + below) // 2 // EIGHTHS
            marks[index] = max(marks.get(index, (0.0, 0, 0)), (end - below, column, middle))
            below = end
    if not alone and theme.colour != "none":
        for index, (thickness, column, row) in marks.items():
            if thickness >= 2 * EIGHTHS:
                plane.grid.set(plane.left + column, row, theme.mark(index), theme.on_fill(colours[index]))


def _columns(layers: list[Series], plane: Plane) -> list[tuple[float, ...]]:
    """The values of all layers in each column of the plot.

    A column with points takes those of the point that reaches farthest (spikes stay, and layers still add up); a column
    between points lies on the line between them; a gap is NaN.
    """
    xs, reach = layers[0].xs, _reach(layers)
    width = (plane.x.high - plane.x.low) / plane.width
    found: list[tuple[float, ...]] = []
    start = 0
    for column in range(plane.width):
        edge = plane.x.low + (column + 1) * width
        end = len(xs) if column == plane.width - 1 else bisect_left(xs, edge, start)
        if end > start:
            at = _farthest(reach, start, end)
            found.append(tuple(layer.ys[at] for layer in layers))
        elif 0 < start < len(xs):
            part = (edge - width / 2 - xs[start - 1]) / (xs[start] - xs[start - 1])
            found.append(tuple(layer.ys[start - 1] * (1 - part) + layer.ys[start] * part for layer in layers))
        else:
            found.append((math.nan,) * len(layers))
        start = end
    return found


def _reach(layers: list[Series]) -> Sequence[float]:
    """How far from zero the layers reach at each place."""
    if len(layers) == 1:
        return layers[0].ys
    return [
        max((value for value in values if value == value), key=abs, default=math.nan)
        for values in zip(*(each.ys for each in layers), strict=True)
    ]


def _farthest(values: Sequence[float], start: int, end: int) -> int:
    """Position of the number farthest from zero; the first position when there is none."""
    if end - start == 1:
        return start
    part = values[start:end]
    numbers = part
    if math.isnan(math.fsum(part)):
        numbers = [value for value in part if value == value]
        if not numbers:
            return start
    low, high = min(numbers), max(numbers)
    return start + part.index(low if -low > high else high)
