"""pie_chart: a ring or a pie of quarter-cell blocks, with a legend that carries the figures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from datapulse_tui.charts.box import Box
from datapulse_tui.charts.cells import cell_width
from datapulse_tui.charts.legend import Entry, legend_width, put_legend_column
from datapulse_tui.charts.numbers import format_number
from datapulse_tui.charts.options import PieOptions
from datapulse_tui.charts.picture import Grid, Picture, Style
from datapulse_tui.charts.problem import CannotDraw
from datapulse_tui.charts.theme import ChartTheme
from datapulse_tui.charts.values import column_index, columns_of, heading, numbers, text_of
from datapulse_tui.data.result import ColumnKind, Result

_LEAST_WIDTH, _LEAST_HEIGHT = 12, 3
_LEAST_ROWS, _MOST_ROWS = 4, 24
_GOOD_ROWS = 8
_LEAST_LEGEND, _MOST_LEGEND = 14, 48
_HOLE = 0.56
_OUTSIDE = -1
# Quarters in the order upper left, upper right, lower left, lower right, as bits 1, 2, 4, 8.
_QUARTERS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"


@dataclass(frozen=True, slots=True)
class Slice:
    """A named size, not negative."""

    name: str
    size: float


def draw_pie_chart(result: Result, options: PieOptions, box: Box) -> Picture:
    """The picture of a pie_chart; CannotDraw says why there is none."""
    slices, notes = _slices(result, options, box)
    box.require(_LEAST_WIDTH, _LEAST_HEIGHT)
    total = math.fsum(each.size for each in slices)
    grid = box.grid()
    entries = [_entry(index, each, total, options, box) for index, each in enumerate(slices)]
    rows, right = _room(entries, options, box)
    if rows < _LEAST_ROWS:
        put_legend_column(grid, 0, 0, box.width, box.height, entries, box.theme)
        return grid.picture(note="; ".join([*notes, f"A ring needs {_LEAST_ROWS + len(slices)} rows or more columns"]))
    legend = options.legend != "none"
    below = legend and not right
    left = 0 if right else (box.width - 2 * rows) // 2
    top = 0 if below else (box.height - rows) // 2
    _put_ring(grid, left, top, rows, slices, total, options, box.theme)
    if right:
        start = 2 * rows + 2
        first = max(0, (box.height - len(entries)) // 2)
        width = min(box.width - start, legend_width(entries, _MOST_LEGEND))
        put_legend_column(grid, start, first, width, box.height - first, entries, box.theme)
    elif below:
        width = min(box.width, legend_width(entries, _MOST_LEGEND))
        put_legend_column(grid, (box.width - width) // 2, rows, width, box.height - rows, entries, box.theme)
    return grid.picture(note="; ".join(notes))


def _slices(result: Result, options: PieOptions, box: Box) -> tuple[list[Slice], list[str]]:
    if not result.columns:
        raise CannotDraw("The query returned no columns.")
    value_columns = columns_of(result, ColumnKind.NUMBER)
    if options.value is None and not value_columns:
        raise CannotDraw("There is no number column to draw shares of.")
    at = column_index(result, options.value, "value") if options.value else value_columns[0]
    name_columns = columns_of(result, ColumnKind.TEXT) or [each for each in range(len(result.columns)) if each != at]
    by = column_index(result, options.label, "label") if options.label else next(iter(name_columns), None)
    if not result.rows:
        raise CannotDraw("No rows. The query returned nothing for this time range and these variables.")
    sizes, skipped = numbers([row[at] for row in result.rows])
    column = heading(result.columns[at])
    negative = [size for size in sizes if size < 0]
    if negative:
        raise CannotDraw(
            f"A pie shows shares of a whole, and {column} holds negative values ({min(negative):g}); a bar chart can."
        )
    gathered: dict[str, float] = {}
    for row, size in zip(result.rows, sizes, strict=True):
        if size == size:
            name = column if by is None else text_of(row[by], box.zone)
            gathered[name] = gathered.get(name, 0.0) + size
    if not math.fsum(gathered.values()) > 0:
        why = f": {skipped}" if str(skipped) else ""
        raise CannotDraw(f"The values of {column} add up to nothing, so there are no shares{why}.")
    notes = [str(skipped)] if str(skipped) else []
    slices = [Slice(name, size) for name, size in gathered.items()]
    if options.sort == "value_desc":
        slices.sort(key=lambda each: -each.size)
    if len(slices) > options.limit:
        kept = sorted(slices, key=lambda each: -each.size)[: options.limit - 1]
        rest = [each for each in slices if each not in kept]
        slices = [each for each in slices if each in kept]
        slices.append(Slice(f"Other ({len(rest)})", math.fsum(each.size for each in rest)))
        notes.append(f"{len(rest)} slices gathered as Other")
    return slices, notes


def _entry(index: int, each: Slice, total: float, options: PieOptions, box: Box) -> Entry:
    share = each.size / total
    percent = "<1%" if 0 < share < 0.005 else f"{share * 100:.0f}%"
    figure = percent
    if box.width >= 50:
        figure = f"{format_number(each.size, options.number_format)}  {percent:>4}"
    return Entry(box.theme.filled_mark(index), box.theme.series_style(index), each.name, figure)


def _room(entries: Sequence[Entry], options: PieOptions, box: Box) -> tuple[int, bool]:
    """Rows of the ring (it is twice as many columns wide), and whether the legend stands to its right."""
    if options.legend == "none":
        return min(box.height, box.width // 2, _MOST_ROWS), False
    legend = max(_LEAST_LEGEND, min(legend_width(entries, _MOST_LEGEND), box.width // 2))
    # Names give way before the ring gets too small to read.
    beside = max((box.width - 2 - legend) // 2, min(_GOOD_ROWS, (box.width - 2 - _LEAST_LEGEND) // 2))
    beside = min(box.height, beside, _MOST_ROWS)
    below = min(box.height - min(len(entries), box.height // 2), box.width // 2, _MOST_ROWS)
    if options.legend == "right" or (options.legend == "auto" and beside >= min(below, _LEAST_ROWS + 1)):
        return beside, True
    return below, False


def _put_ring(
    grid: Grid,
    left: int,
    top: int,
    rows: int,
    slices: Sequence[Slice],
    total: float,
    options: PieOptions,
    theme: ChartTheme,
) -> None:
    """A ring of `rows` rows and twice as many columns, clockwise from the top."""
    ends = list(accumulate(each.size / total for each in slices))
    radius = rows / 2
    hole = radius * _HOLE if options.shape == "ring" else 0.0
    for row in range(rows):
        for column in range(2 * rows):
            quarters = [
                _slice_at((column + dx) / 2 - radius, row + dy - radius, radius, hole, ends)
                for dy in (0.25, 0.75)
                for dx in (0.25, 0.75)
            ]
            drawn = _cell(quarters, theme)
            if drawn is not None:
                grid.set(left + column, top + row, *drawn)
    _put_marks(grid, left, top, radius, hole, ends, theme)
    text = format_number(total, options.number_format)
    if options.shape == "ring" and cell_width(text) <= 4 * hole - 2:
        grid.put(left, top + (rows - 1) // 2, text, theme.strong_style, 2 * rows, "center")


def _slice_at(x: float, y: float, radius: float, hole: float, ends: Sequence[float]) -> int:
    """The slice at a place right of and below the centre (in rows); -1 outside the ring."""
    distance = math.hypot(x, y)
    if distance > radius or distance < hole:
        return _OUTSIDE
    turn = math.atan2(x, -y) / math.tau % 1.0
    return next((index for index, end in enumerate(ends) if turn < end), len(ends) - 1)


def _cell(quarters: Sequence[int], theme: ChartTheme) -> tuple[str, Style] | None:
    """Two colours at most fit a cell: the outline is kept first, then the two slices that have most of it."""
    inside = Counter(each for each in quarters if each != _OUTSIDE).most_common(2)
    if not inside:
        return None
    first = inside[0][0]
    if theme.colour == "none":
        return (theme.texture(first), Style()) if quarters.count(_OUTSIDE) <= 2 else None
    if _OUTSIDE in quarters:
        return _QUARTERS[sum(1 << at for at, each in enumerate(quarters) if each != _OUTSIDE)], theme.series_style(
            first
        )
    if len(inside) == 1:
        return "█", theme.series_style(first)
    second = inside[1][0]
    bits = sum(1 << at for at, each in enumerate(quarters) if each != second)
    return _QUARTERS[bits], Style(fg=theme.series_colour(first), bg=theme.series_colour(second))


def _put_marks(
    grid: Grid, left: int, top: int, radius: float, hole: float, ends: Sequence[float], theme: ChartTheme
) -> None:
    """The mark of each slice in its middle, where the slice is long enough to carry it."""
    if theme.colour == "none" or len(ends) < 2:
        return
    middle = (radius + hole) / 2 if hole else radius * 0.65
    start = 0.0
    for index, end in enumerate(ends):
        if (end - start) * math.tau * middle >= 2:
            angle = (start + end) / 2 * math.tau
            x = left + int(2 * (radius + middle * math.sin(angle)))
            y = top + int(radius - middle * math.cos(angle))
            grid.set(x, y, theme.mark(index), theme.on_fill(theme.series_colour(index)))
        start = end
