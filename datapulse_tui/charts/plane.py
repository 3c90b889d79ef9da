"""The frame of charts with axes: where the plot lies, its ticks, rules, thresholds and legend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from datapulse_tui.charts.box import Box
from datapulse_tui.charts.cells import cell_width, clean, crop
from datapulse_tui.charts.legend import Entry, legend_width, put_legend_column, put_legend_row
from datapulse_tui.charts.numbers import NumberFormat, format_number
from datapulse_tui.charts.options import AreaOptions, BarOptions, LineOptions, Threshold
from datapulse_tui.charts.picture import Grid
from datapulse_tui.charts.series import Plot
from datapulse_tui.charts.ticks import Scale, spread_labels, time_scale, value_scale

LEAST_WIDTH, LEAST_HEIGHT = 8, 3
RULE = "┈"
_THRESHOLD_RULE = "╌"


@dataclass(frozen=True, slots=True)
class Plane:
    """The plot inside its axes: `width` x `height` cells at (`left`, `top`) of `grid`."""

    grid: Grid
    left: int
    top: int
    width: int
    height: int
    x: Scale
    y: Scale

    def column(self, x: float) -> int:
        """The column of the grid that shows `x`."""
        return self.left + round(self.x.part(x) * (self.width - 1))

    def eighth(self, y: float) -> int:
        """The height of `y` above the bottom of the plot in eighths of a row, kept inside the plot."""
        return min(max(round(self.y.part(y) * 8 * self.height), 0), 8 * self.height)

    def row(self, y: float) -> int:
        """The row of the grid that shows `y`; outside the plot when `y` is beyond the scale."""
        return self.top + int(self.dot_row(y) // 4)

    def dot_column(self, x: float) -> int:
        """The column of braille dots, from the left of the plot."""
        return round(self.x.part(x) * (2 * self.width - 1))

    def dot_row(self, y: float) -> int:
        """The row of braille dots, from the top of the plot."""
        return round((1 - self.y.part(y)) * (4 * self.height - 1))


@dataclass(frozen=True, slots=True)
class _Margins:
    """Rows and columns around the plot."""

    top: int
    bottom: int
    left: int
    right: int


def lay_out(
    box: Box,
    x_scale: Callable[[int], Scale],
    y_range: tuple[float, float],
    options: LineOptions | AreaOptions | BarOptions,
    entries: Sequence[Entry],
    *,
    zero: bool,
) -> Plane:
    """Draw the frame of a chart and return the plane to draw the data on.

    `x_scale` gives the axis for a plot of so many columns. `y_range` is the lowest and highest value; with `zero` the
    axis contains 0 in any case, else where 0 is near. CannotDraw when the box is too small.
    """
    box.require(LEAST_WIDTH, LEAST_HEIGHT)
    form = options.number_format
    place = _legend_place(box, options, entries)
    head = place == "top" or (len(form.unit) > 3 and box.height >= 7)
    right = legend_width(entries, box.width // 3) + 2 if place == "right" else 0
    bottom = (2 if box.height >= 10 else 1 if box.height >= 4 else 0) + (place == "bottom")
    height = box.height - bottom - head
    scale = _y_scale(y_range, options, height, zero=zero)
    labels = max((cell_width(clean(label)) for _, label in scale.ticks), default=0)
    left = labels + 1 if box.width - labels - 1 - right >= max(LEAST_WIDTH, box.width // 3) else 0
    width = box.width - left - right
    plane = Plane(box.grid(), left, int(head), width, height, x_scale(width), scale)
    _put_values(plane, box, labelled=left > 0)
    _put_axis(plane, box, bottom - (place == "bottom"))
    if head:
        used = plane.grid.put(0, 0, clean(form.unit), box.theme.dim_style) + 2 if len(form.unit) > 3 else left
        if place == "top":
            put_legend_row(plane.grid, used, 0, box.width - used, entries, box.theme)
    elif place == "bottom":
        put_legend_row(plane.grid, left, box.height - 1, box.width - left, entries, box.theme)
    if place == "right":
        put_legend_column(plane.grid, box.width - right + 2, plane.top, right - 2, height, entries, box.theme)
    return plane


def _legend_place(box: Box, options: LineOptions | AreaOptions | BarOptions, entries: Sequence[Entry]) -> str:
    wanted = options.legend
    if wanted == "auto":
        wanted = "top" if len(entries) > 1 else "none"
    if wanted == "right" and box.width < 40:
        wanted = "top"
    return "none" if box.height < 6 else wanted


def _y_scale(
    y_range: tuple[float, float], options: LineOptions | AreaOptions | BarOptions, height: int, *, zero: bool
) -> Scale:
    low, high = y_range
    if zero or 0 <= low <= 0.4 * high:
        low = min(low, 0.0)
    if zero or 0.4 * low <= high <= 0:
        high = max(high, 0.0)
    room = (high - low) * 0.6
    for threshold in options.thresholds:
        # A threshold far from the values would flatten them; then it is told at the edge instead.
        if high < threshold.value <= high + room:
            high = threshold.value
        elif low - room <= threshold.value < low:
            low = threshold.value
    low = options.min if options.min is not None else low
    high = options.max if options.max is not None else high
    most = 2 if height < 5 else 3 if height < 8 else min(7, height // 2)
    return value_scale(
        low, high, most, options.number_format, fix_low=options.min is not None, fix_high=options.max is not None
    )


def x_scale(box: Box, plot: Plot) -> Callable[[int], Scale]:
    """The axis of a line or an area: from the first to the last x, whatever the width, and at least over the span."""

    def scale(width: int) -> Scale:
        low, high = plot.x_range
        if plot.kind == "category":
            low, high = (0.0, len(plot.categories) - 1.0) if len(plot.categories) > 1 else (-0.5, 0.5)
            return Scale(low, high, tuple((float(at), name) for at, name in enumerate(plot.categories)))
        if plot.kind == "time":
            if box.span is not None:
                low, high = min(low, box.span[0]), max(high, box.span[1])
            return time_scale(low, high, width, box.zone, box.now)
        if not high - low > max(abs(low), abs(high)) * 1e-12:
            low, high = low - max(0.5, abs(low) * 1e-6), high + max(0.5, abs(high) * 1e-6)
        return value_scale(low, high, max(2, width // 10), fix_low=True, fix_high=True)

    return scale


def _put_values(plane: Plane, box: Box, *, labelled: bool) -> None:
    """The labels of the value axis, right-aligned, and a faint rule for each."""
    taken: set[int] = set()
    for value, label in plane.y.ticks:
        row = plane.row(value)
        if row in taken or not plane.top <= row < plane.top + plane.height:
            continue
        taken.add(row)
        plane.grid.fill(plane.left, row, plane.width, RULE, box.theme.grid_style)
        if labelled:
            plane.grid.put(0, row, clean(label), box.theme.dim_style, plane.left - 1, "right")


def _put_axis(plane: Plane, box: Box, rows: int) -> None:
    """The line under the plot (when there are two rows for it) and the labels of its ticks."""
    if rows == 0:
        return
    longest = max(6, plane.width // 3)
    ticks = tuple((plane.column(at) - plane.left, crop(clean(label), longest)) for at, label in plane.x.ticks)
    bottom = plane.top + plane.height
    placed = spread_labels(ticks, plane.width, cell_width)
    if rows == 2:
        plane.grid.fill(plane.left, bottom, plane.width, "─", box.theme.grid_style)
        shown = dict(placed)
        for at, label in ticks:
            start = min(max(0, at - cell_width(label) // 2), plane.width - cell_width(label))
            if shown.get(start) == label:
                plane.grid.set(plane.left + at, bottom, "┴", box.theme.grid_style)
    for start, label in placed:
        plane.grid.put(plane.left + start, bottom + rows - 1, label, box.theme.dim_style)


def put_threshold_rules(plane: Plane, box: Box, thresholds: Sequence[Threshold]) -> None:
    """Dashed lines across the plot; drawn before the data, so that the data stays on top."""
    for threshold in thresholds:
        if plane.y.low <= threshold.value <= plane.y.high:
            style = box.theme.severity_style(threshold.severity)
            plane.grid.fill(plane.left, plane.row(threshold.value), plane.width, _THRESHOLD_RULE, style)


def put_threshold_names(plane: Plane, box: Box, thresholds: Sequence[Threshold], form: NumberFormat) -> None:
    """Name and value on each threshold, at the end of its line that hides less of the data; drawn after the data.

    What lies beyond the scale is told by an arrow in the top or bottom row.
    """
    for threshold in thresholds:
        value = format_number(threshold.value, form)
        name = clean(f"{threshold.label} {value}" if threshold.label else value)
        if plane.y.low <= threshold.value <= plane.y.high:
            row = plane.row(threshold.value)
        elif threshold.value > plane.y.high:
            row, name = plane.top, f"↑ {name}"
        else:
            row, name = plane.top + plane.height - 1, f"↓ {name}"
        name = crop(f" {name} ", plane.width // 2)
        cells = cell_width(name)
        ends = (plane.left + plane.width - cells, plane.left)
        at = min(ends, key=lambda start: _hidden(plane, start, row, cells))
        plane.grid.put(at, row, name, box.theme.severity_style(threshold.severity))


def _hidden(plane: Plane, start: int, row: int, cells: int) -> int:
    """How many cells of data a text would cover."""
    return sum(plane.grid.cell(x, row) not in (" ", RULE, _THRESHOLD_RULE) for x in range(start, start + cells))
