"""People as rows that are written when they are drawn: a hundred thousand cost what the twenty on the screen cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.times import ago
from datapulse_tui.tui.widgets.incident_list import short_age
from datapulse_tui.tui.widgets.lines import Line
from datapulse_tui.tui.widgets.rows import Row, RowColumn, Tone
from datapulse_tui.tui.widgets.timed_rows import TimedRows, Told

WIDE_FROM = 134  # cells of the list from which everything has a column
DEPARTMENT_FROM = 96  # cells of the list from which the department has room
NEVER = "never"

NARROW = (
    RowColumn("", 1),
    RowColumn("Status", 10),
    RowColumn("Name"),
    RowColumn("E-mail", dim=True),
    RowColumn("Department", 14, needs=DEPARTMENT_FROM, dim=True),
    RowColumn("Role", 13),
    RowColumn("Seen", 5, "right", dim=True),
)
WIDE = (
    RowColumn("", 1),
    RowColumn("Status", 10),
    RowColumn("Name"),
    RowColumn("E-mail", dim=True),
    RowColumn("Department", 16, dim=True),
    RowColumn("Role", 13),
    RowColumn("Custom roles", 20),
    RowColumn("Last sign-in", 12, "right", dim=True),
)


class PersonCells(NamedTuple):
    """What one row shows, whichever columns there is room for."""

    mark: tuple[str, Tone]
    status: tuple[str, Tone]
    name: str
    email: str
    department: str
    role: str
    custom_roles: str
    last_login: datetime | None


class PersonList(TimedRows):
    """Asks `write` for a row when it is drawn. The times are of the last sign-in."""

    def __init__(self, write: Callable[[str], PersonCells], now: datetime, *, id: str) -> None:
        super().__init__(NARROW, now, id=id)
        self._write = write

    def time_of(self, key: str, now: datetime) -> Told:
        seen = self._write(key).last_login
        if seen is None:
            return Told(NEVER, 1.0)
        return Told(ago(seen, now), max(1.0, (now - seen).total_seconds() / 60))

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        self._columns = WIDE if width >= WIDE_FROM else NARROW
        return super().draw(width, height, look)

    def row_at(self, at: int) -> Row:
        key = self.rows[at].key
        cells = self._write(key)
        seen = self.time_words(key)
        first = (cells.mark[0], cells.status[0], cells.name, cells.email, cells.department, cells.role)
        rest = (cells.custom_roles, seen) if self._columns is WIDE else (short_age(seen),)
        tones: list[Tone] = [cells.mark[1], cells.status[1]]
        tones += [""] * (len(first) + len(rest) - len(tones))
        return Row(key, (*first, *rest), tuple(tones))
