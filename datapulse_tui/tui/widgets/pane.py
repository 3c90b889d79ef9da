"""Longer text: the detail beside a list, messages, help. Wrapped, scrolled by line, never parsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual.events import MouseScrollDown, MouseScrollUp

from datapulse_tui.charts.cells import cell_width, clean, clusters, crop, wrap
from datapulse_tui.tui import keymap
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, LinesWidget

Kind = Literal["title", "text", "dim", "fact", "code", "critical", "gap"]


@dataclass(frozen=True, slots=True)
class Item:
    """A paragraph, or a fact with its label. Text may be hostile; it is cleaned when it is drawn."""

    kind: Kind
    text: str = ""
    label: str = ""


class Pane(LinesWidget):
    """Shows items one below the other."""

    PLACE = keymap.TEXT
    BINDINGS = keymap.bindings(keymap.TEXT)
    LABEL_WIDTH = 12

    def __init__(self, items: Sequence[Item] = (), *, id: str, focusable: bool = False, margin: int = 2) -> None:
        super().__init__(id=id)
        self.can_focus = focusable
        self._items = list(items)
        self._margin = margin
        self._top = 0
        self._count = 0

    def show(self, items: Sequence[Item]) -> None:
        """Show other items from their beginning."""
        self._items = list(items)
        self._top = 0
        self.redraw()

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        lines: list[Line] = []
        for item in self._items:
            lines += self._item_lines(item, max(8, width - 2 * self._margin), look)
        self._count = len(lines)
        self._top = max(0, min(self._top, len(lines) - height))
        shown = lines[self._top : self._top + height]
        if self._top + height < len(lines):
            shown[-1] = [(f"{'':{self._margin}}… {len(lines) - self._top - height + 1} more lines", look.dim)]
        return shown

    def _item_lines(self, item: Item, width: int, look: Look) -> list[Line]:
        indent = " " * self._margin
        styles = {"title": look.strong, "dim": look.dim, "critical": look.critical}
        if item.kind == "gap":
            return [[]]
        if item.kind == "fact":
            label = crop(clean(item.label), self.LABEL_WIDTH - 1)
            pad = " " * (self.LABEL_WIDTH - cell_width(label))
            values = wrap(clean(item.text), max(8, width - self.LABEL_WIDTH)) or [""]
            first: Line = [(indent + label + pad, look.dim), (values[0], look.text)]
            return [first, *([(indent + " " * self.LABEL_WIDTH, look.dim), (more, look.text)] for more in values[1:])]
        if item.kind == "code":
            code = [clean(line.replace("\t", "    ")) for line in item.text.splitlines()]
            return [[(indent + part, look.text)] for line in code for part in broken(line, width)]
        style = styles.get(item.kind, look.text)
        return [
            [(indent + line, style)] for part in item.text.split("\n\n") for line in wrap(clean(part), width) or [""]
        ]

    def _scroll(self, lines: int) -> None:
        self._top = max(0, min(self._top + lines, self._count - self.size.height))
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def do_up(self) -> None:
        self._scroll(-1)

    def do_down(self) -> None:
        self._scroll(1)

    def do_page_up(self) -> None:
        self._scroll(1 - self.size.height)

    def do_page_down(self) -> None:
        self._scroll(self.size.height - 1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.stop()
        self._scroll(-3)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.stop()
        self._scroll(3)


def broken(line: str, width: int) -> list[str]:
    """Clean `line` in pieces of at most `width` cells, its blanks kept; what goes on is set in by two."""
    pieces, piece, used = [], "", 0
    for cluster, cells in clusters(line):
        if used + cells > width:
            pieces.append(piece)
            piece, used = "  ", 2
        piece += cluster
        used += cells
    return [*pieces, piece]
