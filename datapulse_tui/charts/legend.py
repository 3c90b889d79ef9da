"""Legends that fit: the mark and name of each series, cut before they would push anything out of the box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from datapulse_tui.charts.cells import cell_width, crop, fit
from datapulse_tui.charts.picture import Grid, Style
from datapulse_tui.charts.theme import ChartTheme

_GAP = 2
_LEAST_NAME = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One series: its mark (one cell), how the mark looks, its name (clean), and a figure that may stand behind it."""

    mark: str
    style: Style
    name: str
    figure: str = ""


def put_legend_row(grid: Grid, x: int, y: int, width: int, entries: Sequence[Entry], theme: ChartTheme) -> None:
    """Names side by side, shortened evenly to fit; when even short ones find no room, the rest is counted (`+3`)."""
    shown = len(entries)
    while shown > 0:
        rest = f"+{len(entries) - shown}" if shown < len(entries) else ""
        room = width - (len(rest) + _GAP if rest else 0) - shown * 2 - (shown - 1) * _GAP
        names = _share([cell_width(entry.name) for entry in entries[:shown]], room)
        if names:
            break
        shown -= 1
    if shown == 0:
        return
    for entry, cells in zip(entries[:shown], names, strict=True):
        grid.put(x, y, entry.mark, entry.style)
        x += 2 + grid.put(x + 2, y, crop(entry.name, cells), theme.dim_style) + _GAP
    grid.put(x, y, rest, theme.dim_style)


def _share(wanted: list[int], room: int) -> list[int]:
    """`room` cells given to names that want `wanted` cells each; the longest give way. Empty when that is too few."""
    if room < sum(min(each, _LEAST_NAME) for each in wanted):
        return []
    most = max(wanted)
    while sum(min(each, most) for each in wanted) > room:
        most -= 1
    return [min(each, most) for each in wanted]


def legend_width(entries: Sequence[Entry], most: int) -> int:
    """Cells that `put_legend_column` wants, at most `most`."""
    figures = max((cell_width(entry.figure) for entry in entries), default=0)
    names = max((cell_width(entry.name) for entry in entries), default=0)
    return min(most, 2 + names + (figures + _GAP if figures else 0))


def put_legend_column(
    grid: Grid, x: int, y: int, width: int, height: int, entries: Sequence[Entry], theme: ChartTheme
) -> None:
    """Names below each other, figures right-aligned behind them; what finds no row is counted in the last one."""
    shown = entries if len(entries) <= height else entries[: max(0, height - 1)]
    figures = max((cell_width(entry.figure) for entry in shown), default=0)
    if figures + 2 + _LEAST_NAME + 1 > width:
        figures = 0
    names = width - 2 - (figures + 1 if figures else 0)
    for row, entry in enumerate(shown):
        grid.put(x, y + row, entry.mark, entry.style, width)
        grid.put(x + 2, y + row, fit(entry.name, names), theme.plain_style, max(0, names))
        if figures:
            grid.put(x + width - figures, y + row, entry.figure, theme.dim_style, figures, "right")
    if len(shown) < len(entries) and height > 0:
        grid.put(x, y + height - 1, f"+{len(entries) - len(shown)} more", theme.dim_style, width)
