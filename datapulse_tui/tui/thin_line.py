"""Sends only the cells of the screen that changed, whatever made Textual draw: a thin SSH line carries every byte.

Textual repaints whole widgets, and the whole screen when the focus moves. Here stands what the terminal shows; an
update is compared with it, cell by cell, and what is the same is left out. The pin on Textual's version is exact
because this looks into its updates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, cast

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App, ReturnType
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip

Look = tuple[str, str, str]
"""Attributes, foreground and background as SGR parameters; empty is the terminal's own."""
Cell = tuple[str, Look]
"""A character with the marks on it, and its look. The right half of a wide character is empty."""

PLAIN: Look = ("", "", "")
UNKNOWN: Cell = ("\0", PLAIN)
NEAR = 5  # unchanged cells that cost less than moving the cursor over them
ATTRIBUTES = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "21", "51", "52", "53")
SEEN_ON_BLANKS = frozenset(("4", "7", "9", "21", "53"))  # underline, reverse, strike, double underline, overline


class Frame:
    """What the terminal shows, and how to turn an update into the bytes that bring it up to date."""

    def __init__(self) -> None:
        self._size = Size(0, 0)
        self._lines: list[list[Cell]] = []
        self._looks: dict[Style | None, tuple[Look, Look, bool]] = {None: (PLAIN, PLAIN, True)}
        self._system: ColorSystem | None = None

    def forget(self) -> None:
        """The terminal may show anything: send everything next time."""
        self._lines = [[UNKNOWN] * self._size.width for _ in range(self._size.height)]

    def update(self, update: LayoutUpdate | ChopsUpdate, size: Size, system: ColorSystem | None) -> str:
        """The escape sequences for `update` on a screen of `size`; empty when the terminal shows that already."""
        if size != self._size or system != self._system:
            self._size, self._system = size, system
            self._looks = {None: (PLAIN, PLAIN, True)}
            self.forget()
        pen = Pen()
        if isinstance(update, LayoutUpdate):
            for y, strips in enumerate(update.strips, update.region.y):
                cells = [cell for strip in strips for cell in self._cells(strip)]
                self._show(y, update.region.x, cells, pen)
        else:
            for y, start, end in update.spans:
                for stop, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                    if strip is not None and x < end and stop > start:
                        cells = self._cells(strip)
                        first = max(x, start)
                        self._show(y, first, cells[first - x : min(stop, end) - x], pen)
        return pen.ended()

    def _show(self, y: int, x: int, cells: list[Cell], pen: Pen) -> None:
        if not 0 <= y < len(self._lines):
            return
        line = self._lines[y]
        cells = cells[: len(line) - x]
        shown = line[x : x + len(cells)]
        if shown == cells:
            return
        at, end = 0, len(cells)
        while at < end:
            if cells[at] == shown[at]:
                at += 1
                continue
            last = at
            look_at = at + 1
            while look_at < end and look_at - last <= NEAR:
                if cells[look_at] != shown[look_at]:
                    last = look_at
                look_at += 1
            while at > 0 and not cells[at][0]:
                at -= 1
            if last + 1 < end and not cells[last + 1][0]:
                last += 1
            pen.write(x + at, y, cells[at : last + 1])
            at = last + 1
        line[x : x + len(cells)] = cells

    def _cells(self, strip: Strip) -> list[Cell]:
        cells: list[Cell] = []
        for text, style, control in strip:
            if control:
                continue
            look, blank, plain_blanks = self._looks.get(style) or self._learn(style)
            empty: Cell = (" ", blank if plain_blanks else look)
            if text.isascii():
                if text.isspace():
                    cells += [empty] * len(text)
                else:
                    cells += [empty if character == " " else (character, look) for character in text]
            else:
                self._add_wide(text, look, empty, cells)
        missing = strip.cell_length - len(cells)
        return cells + [(" ", PLAIN)] * missing if missing > 0 else cells[: strip.cell_length]

    @staticmethod
    def _add_wide(text: str, look: Look, empty: Cell, cells: list[Cell]) -> None:
        for character in text:
            width = get_character_cell_size(character)
            if width == 0 and cells:
                before, its_look = cells[-1] if cells[-1][0] or len(cells) < 2 else cells[-2]
                cells[-1 if cells[-1][0] or len(cells) < 2 else -2] = (before + character, its_look)
            elif width:
                cells.append(empty if character == " " else (character, look))
                if width == 2:
                    cells.append(("", look))

    def _learn(self, style: Style | None) -> tuple[Look, Look, bool]:
        if style is None or self._system is None:
            return PLAIN, PLAIN, True
        bits = style._attributes & style._set_attributes
        attributes = [ATTRIBUTES[bit] for bit in range(bits.bit_length()) if bits & (1 << bit)]
        fore, back = style.color, style.bgcolor
        fg = ";".join(fore.downgrade(self._system).get_ansi_codes()) if fore else ""
        bg = ";".join(back.downgrade(self._system).get_ansi_codes(foreground=False)) if back else ""
        look: Look = (";".join(attributes), fg, bg)
        learned = (look, ("", "", bg), not SEEN_ON_BLANKS.intersection(attributes))
        self._looks[style] = learned
        return learned


class Pen:
    """Writes cells with as few escape sequences as it can."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._look: Look = PLAIN
        self._bare = True
        self._at = (-1, -1)

    def write(self, x: int, y: int, cells: Iterable[Cell]) -> None:
        """Write cells one behind the other from column `x` of row `y`, both counted from 0."""
        out = self._out
        if self._at != (x, y):
            out.append(f"\x1b[{y + 1};{x + 1}H")
        for character, look in cells:
            x += 1
            if not character:
                continue
            # A blank shows no foreground: whatever the pen has will do, as long as the background is right.
            blank = character == " " and not look[0] and self._bare and look[2] == self._look[2]
            if look is not self._look and not blank:
                self._take(look)
            out.append(character)
        self._at = (x, y)

    def ended(self) -> str:
        """Everything that was written, the pen put back; empty when nothing was."""
        if self._out and self._look != PLAIN:
            self._out.append("\x1b[0m")
        return "".join(self._out)

    def _take(self, look: Look) -> None:
        before, self._look = self._look, look
        if before == look:
            return
        if before[0] != look[0]:
            codes = [code for code in ("0", *look) if code]
            self._bare = not SEEN_ON_BLANKS.intersection(look[0].split(";"))
        else:
            codes = [] if before[1] == look[1] else [look[1] or "39"]
            codes += [] if before[2] == look[2] else [look[2] or "49"]
        self._out.append(f"\x1b[{';'.join(codes)}m")


class Changes(CompositorUpdate):
    """An update that was reduced to what changed."""

    def __init__(self, sequences: str) -> None:
        self._sequences = sequences

    def render_segments(self, console: Console) -> str:  # noqa: ARG002
        return self._sequences


class ThinLine(App[ReturnType], Generic[ReturnType], inherit_bindings=False):
    """An app whose updates are reduced before they reach the driver."""

    def __init__(self, css_path: str | None = None) -> None:
        super().__init__(css_path=css_path)
        self._frame = Frame()

    def repaint(self) -> None:
        """Send the whole screen: after a resume, a resize, or when something else wrote on the terminal."""
        self._frame.forget()
        self.refresh(layout=False)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        writes = self._running and not self._closed and not self._batch_count and self._driver is not None
        if (
            writes
            and not self.is_headless
            and not self.is_inline
            and isinstance(renderable, LayoutUpdate | ChopsUpdate)
        ):
            sequences = self._frame.update(renderable, self.size, self.console._color_system)
            reduced = Changes(sequences) if sequences else None
            super()._display(screen, cast("RenderableType | None", reduced))
        else:
            super()._display(screen, renderable)
