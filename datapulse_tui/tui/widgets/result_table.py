"""The rows of a result, all of them: windowed by line, with the header always in view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from textual.binding import BindingType
from textual.events import MouseScrollDown, MouseScrollUp

from datapulse_tui.charts.cells import cell_width, clean, fit
from datapulse_tui.data.result import ColumnKind, Result
from datapulse_tui.tui import keymap
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, LinesWidget, Part

WIDEST = 40  # cells of one column
SAMPLE = 200  # rows that decide how wide a column is


class ResultTable(LinesWidget, can_focus=True):
    """10,000 rows cost what one screen of them costs: only what is in view is turned into text."""

    PLACE = keymap.TABLE
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.LIST), *keymap.bindings(keymap.TABLE)]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._result = Result(())
        self._widths: list[int] = []
        self._decimals: list[int] = []
        self.cursor = 0
        self._top = 0
        self._left = 0

    def show(self, result: Result) -> None:
        """Show another result; the cursor stays where it is if there are as many rows."""
        from datapulse_tui.charts.numbers import column_decimals

        self._result = result
        sample = result.rows[:SAMPLE]
        self._decimals = [
            column_decimals([row[at] for row in sample if isinstance(row[at], int | float)])
            if column.kind is ColumnKind.NUMBER
            else 0
            for at, column in enumerate(result.columns)
        ]
        self._widths = [
            min(WIDEST, max(3, cell_width(clean(column.name)), *(cell_width(self._cell(row, at)) for row in sample), 3))
            for at, column in enumerate(result.columns)
        ]
        self.cursor = max(0, min(self.cursor, len(result.rows) - 1))
        self._left = min(self._left, max(0, len(result.columns) - 1))
        self._follow()
        self.redraw()

    def row_text(self) -> str:
        """The row under the cursor, values separated by tabs."""
        if not self._result.rows:
            return ""
        return "\t".join("" if value is None else str(value) for value in self._result.rows[self.cursor])

    def _cell(self, row: tuple[object, ...], at: int) -> str:
        from datapulse_tui.charts.numbers import AUTO, format_exact
        from datapulse_tui.charts.values import text_of

        value = row[at]
        if value is None:
            return "∅"
        if self._result.columns[at].kind is ColumnKind.NUMBER and isinstance(value, int | float):
            return format_exact(value, AUTO, self._decimals[at])
        return text_of(value, self.desk.session.zone)

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        shown: list[int] = []
        used = 2 + len(str(len(self._result.rows))) + 2
        number_width = used - 4
        for at in range(self._left, len(self._widths)):
            shown.append(at)
            used += self._widths[at] + 2
            if used >= width:
                break
        header: list[Part] = [(" " * (number_width + 4), look.dim)]
        for at in shown:
            column = self._result.columns[at]
            align: Literal["left", "right"] = "right" if column.kind is ColumnKind.NUMBER else "left"
            header.append((fit(clean(column.name), self._widths[at], align) + "  ", look.strong))
        seen = range(self._top, min(len(self._result.rows), self._top + height - 1))
        return [header, *(self._row(index, shown, number_width, look) for index in seen)]

    def _row(self, index: int, shown: Sequence[int], number_width: int, look: Look) -> Line:
        here = index == self.cursor and self.has_focus
        row = self._result.rows[index]
        parts: list[Part] = [
            (f"{'▌' if here else ' '} {index + 1:>{number_width}}  ", look.cursor_dim if here else look.dim)
        ]
        values = []
        for at in shown:
            right = self._result.columns[at].kind is ColumnKind.NUMBER
            values.append(fit(self._cell(row, at), self._widths[at], "right" if right else "left") + "  ")
        return [*parts, ("".join(values), look.cursor if here else look.text)]

    def _follow(self) -> None:
        page = max(1, self.size.height - 1)
        self._top = max(0, min(self._top, self.cursor, max(0, len(self._result.rows) - page)))
        self._top = max(self._top, self.cursor - page + 1)

    def _move(self, at: int) -> None:
        self.cursor = max(0, min(at, len(self._result.rows) - 1))
        self._follow()
        self.redraw()

    def on_resize(self) -> None:
        self._follow()
        self.redraw()

    def do_up(self) -> None:
        self._move(self.cursor - 1)

    def do_down(self) -> None:
        self._move(self.cursor + 1)

    def do_page_up(self) -> None:
        self._move(self.cursor - self.size.height + 1)

    def do_page_down(self) -> None:
        self._move(self.cursor + self.size.height - 1)

    def do_first(self) -> None:
        self._move(0)

    def do_last(self) -> None:
        self._move(len(self._result.rows) - 1)

    def do_left(self) -> None:
        self._left = max(0, self._left - 1)
        self.redraw()

    def do_right(self) -> None:
        self._left = min(max(0, len(self._result.columns) - 1), self._left + 1)
        self.redraw()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.stop()
        self._move(self.cursor - 3)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.stop()
        self._move(self.cursor + 3)
