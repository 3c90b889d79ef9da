"""What needs a person, as rows that fit two widths; below the last of them the cursor goes on to what stands next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from textual.message import Message

from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList, Tone

WIDE_FROM = 116  # cells of the list from which everything is written out

NARROW = (
    RowColumn("", 1),
    RowColumn("", 6),
    RowColumn("What"),
    RowColumn("Now", 7, "right"),
    RowColumn("Who has it", 10),
    RowColumn("Left", 4, "right"),
)
WIDE = (
    RowColumn("", 1),
    RowColumn("Severity", 10),
    RowColumn("What"),
    RowColumn("Start→now", 13, "right"),
    RowColumn("Since", 11, "right", dim=True),
    RowColumn("Who has it", 14),
    RowColumn("Time left", 16, "right"),
)


class TaskCells(NamedTuple):
    """What one row shows, whichever columns there is room for; pairs are the long form and the short one."""

    mark: tuple[str, Tone]
    badge: tuple[str, str, Tone]
    what: tuple[str, str]
    value: tuple[str, str]
    since: str
    who: str
    left: tuple[str, str]
    urgent: bool


class TaskRows(RowList):
    """Asks `write` for a row when it is drawn."""

    class Beyond(Message):
        """The cursor was to go below the last row."""

    def __init__(self, write: Callable[[str], TaskCells], *, id: str) -> None:
        super().__init__(NARROW, id=id)
        self._write = write

    def put(self, keys: Iterable[str], *, empty: Sequence[str] = (), still: bool = True) -> None:
        """Show these in this order; the cursor stays on its row and, with `still`, the row on its line."""
        if not still:
            self._top = 0
        self.show([Row(key, ()) for key in keys], empty=empty, still=still)

    @property
    def above(self) -> int:
        """How many rows stand above the screen."""
        return self._top if self.rows else 0

    def do_down(self) -> None:
        if self.cursor >= len(self.rows) - 1:
            self.post_message(self.Beyond())
        else:
            super().do_down()

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        if not self.rows:
            return [[("  " + line, look.text if at == 0 else look.dim)] for at, line in enumerate(self._empty)]
        self._columns = WIDE if width >= WIDE_FROM else NARROW
        return super().draw(width, height, look)

    def row_at(self, at: int) -> Row:
        key = self.rows[at].key
        cells = self._write(key)
        (mark, mark_tone), (long, short, tone) = cells.mark, cells.badge
        left_tone: Tone = "warning" if cells.urgent else ""
        texts: tuple[str, ...]
        if self._columns is WIDE:
            texts = (mark, long, cells.what[0], cells.value[0], cells.since, cells.who, cells.left[0])
            return Row(key, texts, (mark_tone, tone, "", "", "", "", left_tone))
        texts = (mark, short, cells.what[1], cells.value[1], cells.who, cells.left[1])
        return Row(key, texts, (mark_tone, tone, "", "", "", left_tone))
