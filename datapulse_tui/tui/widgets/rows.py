"""A list of rows with a cursor. Only the rows that changed are sent: a cursor move costs two lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.style import Style
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.message import Message

from datapulse_tui.charts.cells import clean, fit
from datapulse_tui.tui import keymap
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, LinesWidget, Part

LOAD_AHEAD = 40  # rows before the end at which the next page is asked for
WHEEL = 3

Tone = Literal["", "dim", "critical", "warning", "good", "accent"]


@dataclass(frozen=True, slots=True)
class RowColumn:
    """A column: its title, its width in cells (0 shares what is left), its alignment; dropped below `needs` cells."""

    title: str
    width: int = 0
    align: Literal["left", "right"] = "left"
    needs: int = 0
    dim: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the identity that it keeps over refreshes, and its cells as plain text.

    `tones` are the cells' moods, colour for meaning only: the cell's words say the same.
    """

    key: str
    cells: tuple[str, ...]
    tones: tuple[Tone, ...] = ()


class RowList(LinesWidget, can_focus=True):
    """Rows that are windowed, not mounted: a hundred thousand cost what twenty cost.

    `beside` is called at once when the cursor moves: what it draws is painted together with the cursor. The message
    `Moved` comes later, and what is drawn then a frame later.
    """

    PLACE = keymap.LIST
    BINDINGS = keymap.bindings(keymap.LIST)

    class Moved(Message):
        """The cursor stands on another row, or on none (key is empty)."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Opened(Message):
        """A row was clicked twice."""

    class NeedMore(Message):
        """The cursor comes near the end of what is loaded."""

    def __init__(self, columns: Sequence[RowColumn], *, id: str, beside: Callable[[], None] = lambda: None) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._beside = beside
        self.rows: list[Row] = []
        self.cursor = 0
        self._top = 0
        self._held = False  # what came kept the row under the cursor on its line, until the cursor moves
        self._empty: Sequence[str] = ()
        self._stale = False

    @property
    def key(self) -> str:
        """The key of the row under the cursor; empty when there is none."""
        return self.rows[self.cursor].key if self.rows else ""

    def show(self, rows: Sequence[Row], *, empty: Sequence[str] = (), still: bool = False) -> None:
        """Show other rows; the cursor stays on its row if that is still there. `empty` is told when there are none.

        `still` keeps the row under the cursor on its line of the screen as well, whatever came above it.
        """
        key, line = self.key, self.cursor - self._top
        self.rows = list(rows)
        self._empty = [clean(line) for line in empty]
        at = next((index for index, row in enumerate(self.rows) if row.key == key), None)
        self.cursor = at if at is not None else max(0, min(self.cursor, len(self.rows) - 1))
        self._held = still and at is not None
        if still and at is not None:
            self._top = max(0, at - line)
        else:
            self._follow()
        self.redraw()
        if self.key != key:
            self.post_message(self.Moved(self.key))

    def settle(self, rows: Sequence[Row], *, empty: Sequence[str] = ()) -> None:
        """Show other rows of a list that changes seldom: all of them where there is room, else the row under the cursor
        keeps its line."""
        self.show(rows, empty=empty, still=len(rows) > self._page)

    def mark_stale(self, stale: bool) -> None:  # noqa: FBT001
        """Dim the rows while their order or filter is being read again."""
        if self._stale != stale:
            self._stale = stale
            self.redraw()

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        columns, widths = self._fit_columns(width)
        header: list[Part] = [("  ", look.dim)]
        for index, cells in zip(columns, widths, strict=True):
            header.append((fit(self._columns[index].title, cells, self._columns[index].align) + "  ", look.dim))
        if not self.rows:
            return [header, [], *([("  " + line, look.dim)] for line in self._empty)]
        return [
            header,
            *(
                self._row_line(at, columns, widths, look)
                for at in range(self._top, min(len(self.rows), self._top + height - 1))
            ),
        ]

    def _row_line(self, at: int, columns: Sequence[int], widths: Sequence[int], look: Look) -> Line:
        here = at == self.cursor
        strong, dim = look.text, look.dim
        if here:
            strong, dim = (look.cursor, look.cursor_dim) if self.has_focus else (look.resting_cursor,) * 2
        elif self._stale:
            strong = look.dim
        parts: list[Part] = []
        row = self.row_at(at)

        def add(text: str, style: Style) -> None:
            # One run per style keeps the escape sequences of a cursor move few.
            if parts and parts[-1][1] == style:
                parts[-1] = (parts[-1][0] + text, style)
            else:
                parts.append((text, style))

        add("▌ " if here else "  ", strong)
        for index, cells in zip(columns, widths, strict=True):
            column = self._columns[index]
            style = dim if column.dim else strong
            tone = row.tones[index] if row.tones else ""
            if tone and not (tone == "dim" and here):
                style += getattr(look, tone)
            add(fit(clean(row.cells[index]), cells, column.align) + "  ", style)
        return parts

    def row_at(self, at: int) -> Row:
        """What row `at` shows."""
        return self.rows[at]

    def _fit_columns(self, width: int) -> tuple[list[int], list[int]]:
        columns = [index for index, column in enumerate(self._columns) if width >= column.needs]
        fixed = sum(self._columns[index].width for index in columns)
        flexible = [index for index in columns if not self._columns[index].width]
        room = max(len(flexible), width - 2 - fixed - 2 * len(columns))
        share, rest = divmod(room, max(1, len(flexible)))
        widths = []
        for index in columns:
            fixed_width = self._columns[index].width
            widths.append(fixed_width or share + (rest if index == flexible[0] else 0))
        return columns, widths

    def move_to(self, at: int) -> None:
        """Put the cursor on row `at`, or as near as there are rows."""
        if not self.rows:
            return
        at = max(0, min(at, len(self.rows) - 1))
        if at != self.cursor:
            self.cursor = at
            self._follow()
            self.redraw()
            self._beside()
            self.post_message(self.Moved(self.key))
        if at >= len(self.rows) - LOAD_AHEAD:
            # Also where the cursor stays: other rows may have come under it, and what was asked before may be void.
            self.post_message(self.NeedMore())

    def _follow(self) -> None:
        self._held = False
        page = self._page
        self._top = max(0, min(self._top, self.cursor, max(0, len(self.rows) - page)))
        self._top = max(self._top, self.cursor - page + 1)

    @property
    def _page(self) -> int:
        return max(1, self.size.height - 1)

    def on_resize(self) -> None:
        if self._held and self._top <= self.cursor < self._top + self._page:
            self.redraw()  # grown with what came: what is being looked at stays, even where there is room to fill
            return
        self._follow()
        self.redraw()

    def do_up(self) -> None:
        self.move_to(self.cursor - 1)

    def do_down(self) -> None:
        self.move_to(self.cursor + 1)

    def do_page_up(self) -> None:
        self.move_to(self.cursor - self._page)

    def do_page_down(self) -> None:
        self.move_to(self.cursor + self._page)

    def do_first(self) -> None:
        self.move_to(0)

    def do_last(self) -> None:
        self.move_to(len(self.rows) - 1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.stop()
        self.move_to(self.cursor - WHEEL)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.stop()
        self.move_to(self.cursor + WHEEL)

    def on_click(self, event: Click) -> None:
        at = self._top + event.y - 1
        if event.y >= 1 and at < len(self.rows):
            self.move_to(at)
            if event.chain >= 2:
                self.post_message(self.Opened())
