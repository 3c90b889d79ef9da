"""line_chart: lines of braille dots, steps, or points."""

from __future__ import annotations

import math
from bisect import bisect_left

from datapulse_tui.charts.box import Box
from datapulse_tui.charts.braille import Dots, pattern
from datapulse_tui.charts.legend import Entry
from datapulse_tui.charts.numbers import NumberFormat, format_number
from datapulse_tui.charts.options import LineOptions
from datapulse_tui.charts.picture import Picture, Style
from datapulse_tui.charts.plane import Plane, lay_out, put_threshold_names, put_threshold_rules, x_scale
from datapulse_tui.charts.reduce import reduce_points
from datapulse_tui.charts.series import Plot, Series, read_plot
from datapulse_tui.charts.theme import ChartTheme
from datapulse_tui.data.result import Result

# A scatter beyond this many points is thinned evenly; the extremes of each column stay.
MOST_POINTS = 20_000
_MARKS_EVERY = 24


def draw_line_chart(result: Result, options: LineOptions, box: Box) -> Picture:
    """The picture of a line_chart; CannotDraw says why there is none."""
    plot = read_plot(result, options.x, options.y, options.series, options.max_series, box.zone)
    entries = series_entries(plot, box.theme, options.number_format)
    plane = lay_out(box, x_scale(box, plot), plot.y_range(), options, entries, zero=False)
    put_threshold_rules(plane, box, options.thresholds)
    notes = list(plot.notes)
    if options.style == "points":
        notes += _put_points(plane, plot, box.theme)
    else:
        _put_lines(plane, plot, box.theme, step=options.style == "step")
    if all(len(each.xs) == 1 for each in plot.series):
        _put_marks(plane, plot, box.theme)
        notes.append("One point only; a line needs two")
    put_threshold_names(plane, box, options.thresholds, options.number_format)
    return plane.grid.picture(note="; ".join(notes))


def series_entries(plot: Plot, theme: ChartTheme, form: NumberFormat, *, filled: bool = False) -> list[Entry]:
    """The legend: each series with its mark (as lines or as filled areas have it) and its last value."""
    entries = []
    for index, series in enumerate(plot.series):
        last = next(value for value in reversed(series.ys) if value == value)
        mark = theme.filled_mark(index) if filled else theme.mark(index)
        entries.append(Entry(mark, theme.series_style(index), series.name, format_number(last, form)))
    return entries


def _put_lines(plane: Plane, plot: Plot, theme: ChartTheme, *, step: bool = False) -> None:
    """Draw every series, the first one on top; with several, marks tell them apart where colours do not."""
    for index in reversed(range(len(plot.series))):
        dots = Dots(plane.width, plane.height)
        _trace(dots, plane, plot.series[index], step=step)
        _stamp(dots, plane, theme.series_style(index))
    if len(plot.series) > 1:
        _put_marks(plane, plot, theme)


def _trace(dots: Dots, plane: Plane, series: Series, *, step: bool) -> None:
    """Join the points of a series; NaN ends a piece of line, and a point alone between two gaps is a dot."""
    xs, ys = reduce_points(series.xs, series.ys, dots.columns, plane.x.low, plane.x.high)
    before: tuple[int, int] | None = None
    for x, y in zip(xs, ys, strict=True):
        if y != y:
            before = None
            continue
        column, row = plane.dot_column(x), plane.dot_row(y)
        if before is None:
            dots.run(column, row, row)
        elif step:
            dots.line(before[0], before[1], column, before[1])
            dots.run(column, before[1], row)
        else:
            dots.line(*before, column, row)
        before = column, row


def _stamp(dots: Dots, plane: Plane, style: Style) -> None:
    """Put the dots on the plane over what is there; where lines cross, both keep their dots."""
    for column, row, bits in dots.cells():
        x, y = plane.left + column, plane.top + row
        plane.grid.set(x, y, pattern(bits, plane.grid.cell(x, y)), style)


def _put_marks(plane: Plane, plot: Plot, theme: ChartTheme) -> None:
    """The mark of each series at its last point, and now and then along it, in turns so that they do not meet."""
    count = max(1, plane.width // _MARKS_EVERY)
    span = plane.x.high - plane.x.low
    for index in reversed(range(len(plot.series))):
        series = plot.series[index]
        last = next(at for at in reversed(range(len(series.ys))) if series.ys[at] == series.ys[at])
        wanted = {last}
        for turn in range(count):
            target = plane.x.low + span * (turn + (index + 0.5) / len(plot.series)) / count
            wanted.add(min(bisect_left(series.xs, target), last))
        for at in wanted:
            _put_mark(plane, series.xs[at], series.ys[at], theme.mark(index), theme.series_style(index))


def _put_mark(plane: Plane, x: float, y: float, mark: str, style: Style) -> None:
    if plane.y.low <= y <= plane.y.high:
        plane.grid.set(plane.column(x), plane.row(y), mark, style)


def _put_points(plane: Plane, plot: Plot, theme: ChartTheme) -> list[str]:
    """Points without lines: marks while they are few, dots when they are many. Returns notes."""
    notes: list[str] = []
    for index in reversed(range(len(plot.series))):
        series, style = plot.series[index], theme.series_style(index)
        count = len(series.xs)
        if count <= plane.width:
            for x, y in zip(series.xs, series.ys, strict=True):
                _put_mark(plane, x, y, theme.mark(index), style)
            continue
        xs, ys = list(series.xs), list(series.ys)
        if count > MOST_POINTS:
            stride = math.ceil(count / MOST_POINTS)
            some_x, some_y = reduce_points(xs, ys, 2 * plane.width, plane.x.low, plane.x.high)
            xs, ys = xs[::stride] + list(some_x), ys[::stride] + list(some_y)
            notes.append(f"{len(xs):,} of {count:,} points of {series.name} drawn, highest and lowest among them")
        dots = Dots(plane.width, plane.height)
        for x, y in zip(xs, ys, strict=True):
            if y == y:
                row = plane.dot_row(y)
                dots.run(plane.dot_column(x), row, row)
        _stamp(dots, plane, style)
        if len(plot.series) > 1:
            _put_mark(plane, series.xs[-1], series.ys[-1], theme.mark(index), style)
    return notes
