"""A picture made of styled text, and the grid of cells that it is drawn on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from datapulse_tui.charts.cells import LEFT_TO_RIGHT_MARK, Align, cell_width, clean, clusters, crop, has_right_to_left

ANSI_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


@dataclass(frozen=True, slots=True)
class Style:
    """How a span looks. Colours are `#rrggbb`, one of the 16 terminal colours by name (`bright_` for the upper eight),
    or None for the terminal's own."""

    fg: str | None = None
    bg: str | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False


PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one line in one style. The text holds no control characters and no line break."""

    text: str
    style: Style = PLAIN


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """`height` lines, each exactly `width` terminal cells wide.

    `problem` is set when nothing could be drawn: why, and what would help. `note` tells what the picture leaves out
    (values that are no numbers, series or rows that found no room). Both are clean text for the provenance line.
    """

    width: int
    height: int
    lines: tuple[Line, ...] = field(repr=False)
    problem: str = ""
    note: str = ""

    def to_text(self) -> str:
        """The picture without styles, lines joined by line breaks."""
        return "\n".join("".join(span.text for span in line) for line in self.lines)

    def to_ansi(self) -> str:
        """The picture with its styles as SGR escape sequences, each line reset at its end."""
        return "\n".join(_ansi_line(line) for line in self.lines)


def _ansi_line(line: Line) -> str:
    parts: list[str] = []
    for span in line:
        codes = _sgr(span.style)
        parts.append(f"\x1b[{codes}m{span.text}\x1b[0m" if codes else span.text)
    return "".join(parts)


def _sgr(style: Style) -> str:
    codes = [
        code
        for code, wanted in (("1", style.bold), ("2", style.dim), ("3", style.italic), ("4", style.underline))
        if wanted
    ]
    codes += _colour_codes(style.fg, 30) + _colour_codes(style.bg, 40)
    return ";".join(codes)


def _colour_codes(colour: str | None, base: int) -> list[str]:
    if colour is None:
        return []
    if colour.startswith("#"):
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return [f"{base + 8};2;{red};{green};{blue}"]
    bright = colour.startswith("bright_")
    return [str(base + 60 * bright + ANSI_NAMES.index(colour.removeprefix("bright_")))]


class Grid:
    """A board of `width` x `height` cells to draw on. Whatever is put outside it is cut, so lines come out exact.

    A wide character takes its cell and leaves the next one empty (`""`); overwriting half of one blanks the other half.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = max(0, width)
        self.height = max(0, height)
        self._cells = [[" "] * self.width for _ in range(self.height)]
        self._styles = [[PLAIN] * self.width for _ in range(self.height)]
        # Charts without wide text need not look for halves of it at each cell.
        self._has_wide = False

    def cell(self, x: int, y: int) -> str:
        """What stands at a cell inside the grid; empty for the right half of a wide character."""
        return self._cells[y][x]

    def set(self, x: int, y: int, character: str, style: Style) -> None:
        """Put one character of width 1 at a cell; outside the grid nothing happens."""
        if 0 <= x < self.width and 0 <= y < self.height:
            if self._has_wide:
                self._part(y, x)
                self._part(y, x + 1)
            self._cells[y][x] = character
            self._styles[y][x] = style

    def put(
        self, x: int, y: int, text: str, style: Style = PLAIN, room: int | None = None, align: Align = "left"
    ) -> int:
        """Write `text` from column `x`, cropped to `room` cells and aligned in them; returns the cells it took.

        This is the one way for text into a picture, so it is cleaned here whoever forgot to.

        Without `room` the text may reach the right edge of the grid. A run of right-to-left text ends with a mark that
        keeps terminals which reorder text from pulling the next column into it.
        """
        edge = self.width if room is None else min(self.width, x + room)
        if not 0 <= y < self.height or x >= edge or x < 0:
            return 0
        text = crop(clean(text), edge - x)
        used = cell_width(text)
        if align != "left" and room is not None:
            x += (edge - x - used) // (1 if align == "right" else 2)
        if not text:
            return 0
        self._part(y, x)
        self._part(y, x + used)
        row = self._cells[y]
        if text.isascii():
            row[x : x + used] = text
        else:
            at = x
            for cluster, cells in clusters(text):
                row[at] = cluster
                if cells == 2:
                    row[at + 1] = ""
                    self._has_wide = True
                at += cells
            if has_right_to_left(text):
                row[at - 1 if row[at - 1] else at - 2] += LEFT_TO_RIGHT_MARK
        self._styles[y][x : x + used] = [style] * used
        return used

    def put_spans(self, x: int, y: int, spans: Iterable[Span]) -> int:
        """Write spans one behind the other from column `x`; returns the cells they took."""
        start = x
        for span in spans:
            x += self.put(x, y, span.text, span.style)
        return x - start

    def fill(self, x: int, y: int, width: int, character: str, style: Style) -> None:
        """Repeat one character of width 1 along a row."""
        for column in range(max(0, x), min(self.width, x + width)):
            self.set(column, y, character, style)

    def _part(self, y: int, x: int) -> None:
        """Blank both halves of a wide character that the boundary left of column `x` would cut in two."""
        row = self._cells[y]
        if x < self.width and row[x] == "":
            row[x - 1] = row[x] = " "

    def picture(self, *, note: str = "", problem: str = "") -> Picture:
        """The finished picture: neighbours of one style joined into spans."""
        lines = tuple(map(_join, self._cells, self._styles))
        return Picture(self.width, self.height, lines, problem=problem, note=note)


def _join(cells: list[str], styles: list[Style]) -> Line:
    if not cells:
        return ()
    spans: list[Span] = []
    start, current = 0, styles[0]
    for at, style in enumerate(styles):
        # Identity first: most neighbours share the very same style, and comparing fields is ten times slower.
        if style is not current and style != current:
            spans.append(Span("".join(cells[start:at]), current))
            start, current = at, style
    spans.append(Span("".join(cells[start:]), current))
    return tuple(spans)
