"""Large digits: two and a half rows high, made of half-blocks."""

from __future__ import annotations

import re

from datapulse_tui.charts.cells import cell_width
from datapulse_tui.charts.picture import Grid, Style

ROWS = 3
_LARGE = re.compile(r"(-?[0-9][0-9.,]*(?:[kMBT](?![A-Za-z])|%)?)")
_SHAPES = {
    "0": ("█▀▀█", "█  █", "▀▀▀▀"),
    "1": (" ▀█ ", "  █ ", " ▀▀▀"),
    "2": ("▀▀▀█", "█▀▀▀", "▀▀▀▀"),
    "3": ("▀▀▀█", " ▀▀█", "▀▀▀▀"),
    "4": ("█  █", "▀▀▀█", "   ▀"),
    "5": ("█▀▀▀", "▀▀▀█", "▀▀▀▀"),
    "6": ("█▀▀▀", "█▀▀█", "▀▀▀▀"),
    "7": ("▀▀▀█", "   █", "   ▀"),
    "8": ("█▀▀█", "█▀▀█", "▀▀▀▀"),
    "9": ("█▀▀█", "▀▀▀█", "▀▀▀▀"),
    ".": (" ", " ", "▀"),
    ",": (" ", "▄", "▀"),
    "-": ("  ", "▀▀", "  "),
    "k": ("█ ▄▀", "█▀▄ ", "▀  ▀"),
    "M": ("█▄ ▄█", "█ ▀ █", "▀   ▀"),
    "B": ("█▀▀▄", "█▀▀▄", "▀▀▀ "),
    "T": ("▀▀█▀▀", "  █  ", "  ▀  "),
    "%": ("▀ ▄▀", "▄▀ ▄", "    "),
}


def _pieces(text: str) -> list[tuple[str, bool]]:
    """A formatted number as pieces: digits with their suffix are large; currency, units and words are small."""
    return [(piece, at % 2 == 1) for at, piece in enumerate(_LARGE.split(text)) if piece.strip()]


def total_width(text: str) -> int:
    """Cells that `put_number` takes."""
    pieces = _pieces(text)
    return sum(_large_width(piece) if large else cell_width(piece.strip()) for piece, large in pieces) + len(pieces) - 1


def put_number(grid: Grid, x: int, y: int, text: str, style: Style, small: Style) -> None:
    """Draw a formatted number with its upper left corner at (x, y), `ROWS` rows high."""
    for piece, large in _pieces(text):
        if not large:
            x += grid.put(x, y + 1, piece.strip(), small) + 1
            continue
        for each in piece:
            for row, shape in enumerate(_SHAPES[each]):
                grid.put(x, y + row, shape, style)
            x += len(_SHAPES[each][0]) + 1


def _large_width(piece: str) -> int:
    return sum(len(_SHAPES[each][0]) + 1 for each in piece) - 1
