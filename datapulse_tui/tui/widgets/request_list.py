"""The queue as rows: what presses, how much time is left, what is asked, by whom, and where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line
from datapulse_tui.tui.widgets.rows import Row, RowColumn, Tone
from datapulse_tui.tui.widgets.timed_rows import TimedRows, Told

WIDE_FROM = 134  # cells of the list from which priority and state are written out, and the type has a column
AGE_FROM = 90  # cells of the list from which the age has room

NARROW = (
    RowColumn("", 1),
    RowColumn("", 1),
    RowColumn("Due", 8),
    RowColumn("Age", 4, "right", needs=AGE_FROM, dim=True),
    RowColumn("Request"),
    RowColumn("From", 10),
    RowColumn("State", 14),
)
WIDE = (
    RowColumn("", 1),
    RowColumn("Priority", 10),
    RowColumn("Due", 8),
    RowColumn("Age", 6, "right", dim=True),
    RowColumn("#", 6, "right", dim=True),
    RowColumn("Type", 22, dim=True),
    RowColumn("Request"),
    RowColumn("From", 16),
    RowColumn("State", 28),
)


class RequestCells(NamedTuple):
    """What one row shows, whichever columns there is room for; `state` is the long form, the short one, their tone."""

    mark: tuple[str, Tone]
    priority: tuple[str, str, Tone]
    late: bool
    age: str
    number: str
    type: str
    subject: str
    requester: str
    state: tuple[str, str, Tone]


class RequestList(TimedRows):
    """Asks `write` for a row when it is drawn, and `time` for how much time is left."""

    def __init__(
        self,
        write: Callable[[str], RequestCells],
        time: Callable[[str, datetime], Told],
        now: datetime,
        *,
        id: str,
    ) -> None:
        super().__init__(NARROW, now, id=id)
        self._write = write
        self._time = time

    def time_of(self, key: str, now: datetime) -> Told:
        return self._time(key, now)

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        self._columns = WIDE if width >= WIDE_FROM else NARROW
        return super().draw(width, height, look)

    def row_at(self, at: int) -> Row:
        key = self.rows[at].key
        cells = self._write(key)
        due = self.time_words(key)
        due_tone: Tone = "warning" if cells.late else ""
        (mark, mark_tone), (long, short, tone), (state, short_state, state_tone) = (
            cells.mark,
            cells.priority,
            cells.state,
        )
        texts: tuple[str, ...]
        tones: tuple[Tone, ...]
        if self._columns is WIDE:
            texts = (mark, long, due, cells.age, cells.number, cells.type, cells.subject, cells.requester, state)
            tones = (mark_tone, tone, due_tone, "", "", "", "", "", state_tone)
        else:
            texts = (mark, short, due, cells.age, cells.subject, cells.requester, short_state)
            tones = (mark_tone, tone, due_tone, "", "", "", state_tone)
        return Row(key, texts, tones)
