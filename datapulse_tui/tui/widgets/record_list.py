"""Records of the trail as rows that are written when they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line
from datapulse_tui.tui.widgets.rows import Row, RowColumn
from datapulse_tui.tui.widgets.timed_rows import TimedRows, Told

WIDE_FROM = 130  # cells of the list from which seconds, number and address have columns

NARROW = (RowColumn("When", 12, dim=True), RowColumn("Who"), RowColumn("Did", 20), RowColumn("On what"))
WIDE = (
    RowColumn("No", 10, "right", dim=True),
    RowColumn("When", 19, dim=True),
    RowColumn("Who"),
    RowColumn("Did", 28),
    RowColumn("On what"),
    RowColumn("From", 16, dim=True),
)


class RecordCells(NamedTuple):
    """What one row shows, whichever columns there is room for. `at` is in the zone of the person."""

    number: int
    at: datetime
    who: str
    action: str
    thing: str
    address: str


class RecordList(TimedRows):
    """Asks `write` for a row when it is drawn. Times are told in full: a record does not grow older in the trail."""

    def __init__(self, write: Callable[[str], RecordCells], now: datetime, *, id: str) -> None:
        super().__init__(NARROW, now, id=id)
        self._write = write

    def time_of(self, key: str, now: datetime) -> Told:
        at = self._write(key).at
        if self._columns is WIDE:
            return Told(f"{at:%Y-%m-%d %H:%M:%S}", 1.0)
        return Told(f"{at:%b %d %H:%M}" if at.year == now.astimezone(at.tzinfo).year else f"{at:%Y-%m-%d}", 1.0)

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        columns = WIDE if width >= WIDE_FROM else NARROW
        if self._columns is not columns:
            self._columns, self._told = columns, {}
        return super().draw(width, height, look)

    def row_at(self, at: int) -> Row:
        key = self.rows[at].key
        cells = self._write(key)
        middle = (self.time_words(key), cells.who, cells.action, cells.thing)
        return Row(key, (f"{cells.number:,}", *middle, cells.address) if self._columns is WIDE else middle)
