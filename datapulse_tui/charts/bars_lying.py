"""Bars that lie: names on the left, values at the ends."""

from __future__ import annotations

from dataclasses import dataclass

from datapulse_tui.charts.bar_data import Bars
from datapulse_tui.charts.blocks import EIGHTHS, put_row, put_row_back
from datapulse_tui.charts.box import Box
from datapulse_tui.charts.cells import cell_width, fit
from datapulse_tui.charts.legend import Entry, put_legend_row
from datapulse_tui.charts.numbers import format_number
from datapulse_tui.charts.options import BarOptions
from datapulse_tui.charts.picture import Grid, Picture

_LEAST_WIDTH, _LEAST_HEIGHT = 10, 1
_RULE = "┊"
# Marks are written into pieces of at least this many cells.
_ROOM_FOR_MARK = 4


@dataclass(frozen=True, slots=True)
class _Layout:
    """Columns: names at 0, bars from `left` over `width` cells, zero at `zero` cells into them. Rows: from `top`."""

    names: int
    left: int
    width: int
    zero: int
    scale: float
    top: int
    step: int
    thick: int
    shown: int
    values: int

    def eighths(self, value: float) -> int:
        """Length of a bar, at least an eighth for anything that is not zero."""
        return max(1, round(abs(value) * self.scale)) if value else 0


def draw_lying(bars: Bars, options: BarOptions, box: Box) -> Picture:
    """Bars from left to right; as many as there are rows, and the rest is counted."""
    box.require(_LEAST_WIDTH, _LEAST_HEIGHT)
    grid = box.grid()
    several = len(bars.names) > 1
    stacked = several and options.mode == "stacked"
    layout = _lay_out(bars, options, box, stacked=stacked)
    if layout.top:
        style, mark = box.theme.series_style, box.theme.filled_mark
        entries = [Entry(mark(index), style(index), name) for index, name in enumerate(bars.names)]
        put_legend_row(grid, 0, box.height - 1 if options.legend == "bottom" else 0, box.width, entries, box.theme)
    top = 0 if options.legend == "bottom" else layout.top
    _put_thresholds(grid, layout, options, box, top)
    per_place = 1 if stacked else len(bars.names)
    for place in range(layout.shown):
        row = top + place * layout.step
        grid.put(0, row, fit(bars.labels[place], layout.names), box.theme.plain_style, layout.names)
        if stacked:
            _put_stack(grid, layout, row, [values[place] for values in bars.values], options, box)
            continue
        for index in range(per_place):
            _put_bar(
                grid,
                layout,
                row + index * layout.thick,
                bars.values[index][place],
                index,
                options,
                box,
                several=several,
            )
    notes = bars.notes
    hidden = len(bars.labels) - layout.shown
    if hidden:
        notes = (*notes, f"{layout.shown:,} of {len(bars.labels):,} bars find room")
        if layout.shown and top + layout.shown * layout.step < box.height:
            grid.put(0, top + layout.shown * layout.step, f"… {hidden:,} more", box.theme.dim_style)
    return grid.picture(note="; ".join(notes))


def _lay_out(bars: Bars, options: BarOptions, box: Box, *, stacked: bool) -> _Layout:
    several = len(bars.names) > 1
    wanted = options.legend != "none" and (several or options.legend != "auto")
    legend = int(wanted and box.height >= 4)
    per_place = 1 if stacked or not several else len(bars.names)
    room = box.height - legend
    count = len(bars.labels)
    thick = 2 if per_place == 1 and count * 3 - 1 <= room else 1
    step = per_place * thick
    step += count * (step + 1) - 1 <= room
    shown = count if count * step - (step > per_place * thick) <= room else max(1, (room - 1) // step)
    values = 0
    if options.values:
        every = bars.totals() if stacked else [value for row in bars.values for value in row]
        texts = [format_number(value, options.number_format) for value in every if value == value]
        values = max((cell_width(text) for text in texts), default=0) + 1 + 2 * (several and not stacked)
    names = min(max((cell_width(label) for label in bars.labels[:shown]), default=0), max(4, box.width * 2 // 5))
    width = box.width - names - 1 - values
    if width < max(4, box.width // 5):
        values = values if box.width - 5 - values >= 4 else 0
        names = max(3, min(names, box.width - 1 - values - max(4, box.width // 5)))
        width = box.width - names - 1 - values
    low, high = bars.reach(stacked=stacked)
    for threshold in options.thresholds:
        if high < threshold.value <= high * 1.6:
            high = threshold.value
    low = min(0.0, low if options.min is None else options.min)
    high = max(0.0, high if options.max is None else options.max)
    span = high - low or 1.0
    zero = round(-low / span * width)
    zero = min(max(zero, int(low < 0)), width - int(high > 0))
    scale = min(
        (width - zero) * EIGHTHS / high if high > 0 else float("inf"),
        zero * EIGHTHS / -low if low < 0 else float("inf"),
    )
    return _Layout(
        names, names + 1, width, zero, scale if scale != float("inf") else 0.0, legend, step, thick, shown, values
    )


def _put_bar(
    grid: Grid, layout: _Layout, row: int, value: float, index: int, options: BarOptions, box: Box, *, several: bool
) -> None:
    theme = box.theme
    x = layout.left + layout.zero
    end = x
    if value == value:
        right = value > 0
        length = min(layout.eighths(value), (layout.width - layout.zero if right else layout.zero) * EIGHTHS)
        for thick in range(layout.thick):
            if right:
                put_row(
                    grid,
                    x,
                    row + thick,
                    [(length, index)] if length else [],
                    theme,
                    lambda each, _: theme.series_colour(each),
                )
            else:
                put_row_back(
                    grid,
                    x - 1,
                    row + thick,
                    [(length, index)] if length else [],
                    theme,
                    lambda each, _: theme.series_colour(each),
                )
        end = x + (-(-length // EIGHTHS) if right else 0)
    if not layout.values:
        return
    text = format_number(value, options.number_format)
    if several:
        end += grid.put(end + 1, row, theme.filled_mark(index), theme.series_style(index)) + 1
    grid.put(end + 1, row, text, theme.plain_style if value == value else theme.dim_style)


def _put_stack(grid: Grid, layout: _Layout, row: int, values: list[float], options: BarOptions, box: Box) -> None:
    """Positive pieces to the right of zero, negative ones to the left; each ends where the sum so far says."""
    theme = box.theme
    right: list[tuple[int, int]] = []
    left: list[tuple[int, int]] = []
    up = down = 0.0
    for index, value in enumerate(values):
        if value > 0:
            up += value
            right.append((min(layout.eighths(up), (layout.width - layout.zero) * EIGHTHS), index))
        elif value < 0:
            down += value
            left.append((min(layout.eighths(down), layout.zero * EIGHTHS), index))
    x = layout.left + layout.zero
    for thick in range(layout.thick):
        put_row(grid, x, row + thick, right, theme, lambda each, _: theme.series_colour(each))
        put_row_back(grid, x - 1, row + thick, left, theme, lambda each, _: theme.series_colour(each))
    start = 0
    for end, index in right:
        if end - start >= _ROOM_FOR_MARK * EIGHTHS and theme.colour != "none":
            middle = x + (start + end) // 2 // EIGHTHS
            grid.set(middle, row, theme.mark(index), theme.on_fill(theme.series_colour(index)))
        start = end
    present = [value for value in values if value == value]
    if layout.values:
        text = format_number(sum(present) if present else float("nan"), options.number_format)
        end = x + (-(-right[-1][0] // EIGHTHS) if right else 0)
        grid.put(end + 1, row, text, theme.plain_style if present else theme.dim_style)


def _put_thresholds(grid: Grid, layout: _Layout, options: BarOptions, box: Box, top: int) -> None:
    """A dotted line down the bars, named by its value in the row below them where there is one."""
    below = top + layout.shown * layout.step
    free = 0
    for threshold in sorted(options.thresholds, key=lambda each: each.value):
        column = layout.zero + round(threshold.value * layout.scale / EIGHTHS)
        if not 0 <= column <= layout.width:
            continue
        style = box.theme.severity_style(threshold.severity)
        for row in range(top, min(below, box.height)):
            grid.set(layout.left + column, row, _RULE, style)
        name = f"{threshold.label} {format_number(threshold.value, options.number_format)}".strip()
        start = max(0, min(layout.left + column - cell_width(name) // 2, box.width - cell_width(name)))
        if layout.shown == 0 or below >= box.height or start < free:
            continue
        free = start + grid.put(start, below, name, style) + 1
