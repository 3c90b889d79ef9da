"""Filled columns and rows of block characters, exact to an eighth of a cell, for areas and bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from datapulse_tui.charts.picture import Grid, Style
from datapulse_tui.charts.theme import ChartTheme

EIGHTHS = 8
_LOWER = " ▁▂▃▄▅▆▇█"
_LEFT = " ▏▎▍▌▋▊▉█"

# Where each piece of a stack ends, in eighths of a cell from its foot, and the index of the series it belongs to.
Pieces = Sequence[tuple[int, int]]
# The colour of a series at a distance in cells from the foot.
Tone = Callable[[int, int], str | None]


def put_column(grid: Grid, x: int, foot: int, pieces: Pieces, theme: ChartTheme, tone: Tone) -> None:
    """Pieces standing on each other: the lowest fills row `foot` and up."""
    for step, (character, style) in enumerate(_cells(pieces, _LOWER, theme, tone)):
        if character != " ":
            grid.set(x, foot - step, character, style)


def put_row(grid: Grid, x: int, y: int, pieces: Pieces, theme: ChartTheme, tone: Tone) -> None:
    """Pieces lying behind each other: the first fills column `x` and on to the right."""
    for step, (character, style) in enumerate(_cells(pieces, _LEFT, theme, tone)):
        if character != " ":
            grid.set(x + step, y, character, style)


def put_column_down(grid: Grid, x: int, head: int, pieces: Pieces, theme: ChartTheme, tone: Tone) -> None:
    """Pieces hanging below each other: the first fills row `head` and down. Exact to half a cell, as glyphs are."""
    for step, (character, style) in enumerate(_halves(pieces, "▀", theme, tone)):
        grid.set(x, head + step, character, style)


def put_row_back(grid: Grid, x: int, y: int, pieces: Pieces, theme: ChartTheme, tone: Tone) -> None:
    """Pieces to the left: the first fills column `x` and on to the left. Exact to half a cell."""
    for step, (character, style) in enumerate(_halves(pieces, "▐", theme, tone)):
        grid.set(x - step, y, character, style)


def _cells(pieces: Pieces, partial: str, theme: ChartTheme, tone: Tone) -> list[tuple[str, Style]]:
    """Character and style of each cell from the foot of a stack. Where two meet in one, one is its background."""
    cells: list[tuple[str, Style]] = []
    at = 0
    end = pieces[-1][0] if pieces else 0
    for step in range(-(-end // EIGHTHS)):
        start = step * EIGHTHS
        while pieces[at][0] <= start:
            at += 1
        height, index = pieces[at]
        colour = tone(index, step)
        if height >= start + EIGHTHS:
            cells.append((theme.texture(index), Style(fg=colour)))
            continue
        above = _mostly_above(pieces[at + 1 :], height, start + EIGHTHS)
        if theme.colour == "none":
            # Without colour a cell shows one texture: the piece that has more of it.
            shown = index if above is None or height - start >= EIGHTHS // 2 else above[1]
            whole = above is not None and above[0] - start >= EIGHTHS // 2
            character = theme.texture(shown) if whole or theme.texture(shown) != "█" else partial[height - start]
            cells.append((character, Style()))
        elif above is None or end - height < (start + EIGHTHS - height) / 2:
            cells.append((partial[height - start], Style(fg=colour)))
        else:
            cells.append((partial[height - start], Style(fg=colour, bg=tone(above[1], step))))
    return cells


def _mostly_above(pieces: Pieces, low: int, high: int) -> tuple[int, int] | None:
    """The piece that has most of the stretch from `low` to `high`, of those that stand above `low`."""
    best, most = None, 0
    for top, index in pieces:
        share = min(top, high) - low
        if share > most:
            best, most = (top, index), share
        low = max(low, min(top, high))
    return best


def _halves(pieces: Pieces, half: str, theme: ChartTheme, tone: Tone) -> list[tuple[str, Style]]:
    cells: list[tuple[str, Style]] = []
    end = pieces[-1][0] if pieces else 0
    for step in range(-(-end // EIGHTHS)):
        middle = step * EIGHTHS + EIGHTHS // 2
        index = next((each for top, each in pieces if top > middle), pieces[-1][1])
        filled = end - step * EIGHTHS
        if filled < 2 and step > 0:
            break
        character = theme.texture(index) if filled >= 6 else half
        cells.append((character, Style(fg=tone(index, step))))
    return cells
