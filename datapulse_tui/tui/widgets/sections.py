"""Short lists under headings in one widget, with one cursor through all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.events import Click
from textual.message import Message

from datapulse_tui.charts.cells import cell_width, clean, crop, fit
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, Part
from datapulse_tui.tui.widgets.rows import Row, RowList, Tone

SPARK_PART = 3  # a sparkline takes at most the third part of a line
RIGHT_PART = 2


class Entry(NamedTuple):
    """A line of a section: a sign, words, a sparkline, and what stands at the right end. Text may be hostile."""

    key: str
    words: str
    right: str = ""
    spark: str = ""
    sign: str = ""
    tone: Tone = ""


class Section(NamedTuple):
    """Entries under a title; without entries it takes no room."""

    title: str
    entries: Sequence[Entry]


class SectionList(RowList):
    """Headings that the cursor passes over, and entries. `Beyond` is posted where the cursor can go no further."""

    class Beyond(Message):
        """The cursor was to go above the first entry (-1)."""

    def __init__(self, *, id: str) -> None:
        super().__init__((), id=id)
        self._entries: dict[str, tuple[Entry, int, int]] = {}

    def put(self, sections: Sequence[Section]) -> None:
        """Show these; the cursor stays on its entry and, while somebody is here and not all fits, on its line."""
        rows: list[Row] = []
        self._entries = {}
        for section in sections:
            if not section.entries:
                continue
            rows.append(Row(f"# {section.title}", (section.title,)))
            spark = max(cell_width(each.spark) for each in section.entries)
            right = max(cell_width(clean(each.right)) for each in section.entries)
            for entry in section.entries:
                self._entries[entry.key] = (entry, spark, right)
                rows.append(Row(entry.key, ()))
        fits = len(rows) <= self.size.height
        if fits or not self.has_focus:
            self._top = 0
        self.show(rows, still=self.has_focus and not fits)
        if self.rows and self.key not in self._entries:
            self.move_to(self.cursor + 1)

    @property
    def lines_wanted(self) -> int:
        """Lines that all of it takes."""
        return len(self.rows)

    def move_to(self, at: int) -> None:
        way = 1 if at >= self.cursor else -1
        at = max(0, min(at, len(self.rows) - 1))
        if self._is_heading(at):
            at = at + way if 0 <= at + way < len(self.rows) else at + 1
        super().move_to(at)

    def do_up(self) -> None:
        if self.cursor <= 1:
            self.post_message(self.Beyond())
        else:
            super().do_up()

    def _is_heading(self, at: int) -> bool:
        return 0 <= at < len(self.rows) and self.rows[at].key not in self._entries

    def _follow(self) -> None:
        super()._follow()
        if self._top and self._is_heading(self.cursor - 1):
            self._top = min(self._top, self.cursor - 1)

    @property
    def _page(self) -> int:
        return max(1, self.size.height)

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        shown = range(self._top, min(len(self.rows), self._top + height))
        return [self._heading(at, look) if self._is_heading(at) else self._entry(at, width, look) for at in shown]

    def _heading(self, at: int, look: Look) -> Line:
        return [(" " + self.rows[at].cells[0], look.accent)]

    def _entry(self, at: int, width: int, look: Look) -> Line:
        entry, spark, right = self._entries[self.rows[at].key]
        here = at == self.cursor
        strong, dim = look.text, look.dim
        if here:
            strong, dim = (look.cursor, look.cursor_dim) if self.has_focus else (look.resting_cursor,) * 2
        toned = strong + getattr(look, entry.tone) if entry.tone else strong
        right = min(right, width // RIGHT_PART)
        spark = min(spark, width // SPARK_PART)
        room = max(4, width - 4 - (spark + 2 if spark else 0) - (right + 1 if right else 0))
        parts: list[Part] = [("▌ " if here else "  ", strong), (fit(entry.sign, 1) + " ", toned)]
        parts.append((fit(clean(entry.words), room), strong))
        if spark:
            parts.append((" " + fit(entry.spark[-spark:], spark, "right") + " ", dim))
        if right:
            parts.append((fit(crop(clean(entry.right), right), right, "right") + " ", toned if spark else dim))
        return parts

    def on_click(self, event: Click) -> None:
        at = self._top + event.y
        if at < len(self.rows) and not self._is_heading(at):
            self.move_to(at)
            if event.chain >= 2:
                self.post_message(self.Opened())
