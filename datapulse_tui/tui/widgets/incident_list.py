"""The inbox as rows that are written when they are drawn: ten thousand cost what the twenty on the screen cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.times import ago
from datapulse_tui.tui.widgets.lines import Line
from datapulse_tui.tui.widgets.rows import Row, RowColumn, Tone
from datapulse_tui.tui.widgets.timed_rows import TimedRows, Told

WIDE_FROM = 134  # cells of the list from which severity and state are written out and every value has its column
SPARK_FROM = 96  # cells of the list from which a sparkline has room
LABELS_FROM = 108  # cells from which labels are shown with their names
SPARK = 10

NARROW = (
    RowColumn("", 1),
    RowColumn("", 1),
    RowColumn("Age", 4, "right", dim=True),
    RowColumn("Incident"),
    RowColumn("Start→now", 12, "right"),
    RowColumn("", SPARK, needs=SPARK_FROM, dim=True),
    RowColumn("Who has it", 10),
    RowColumn("State", 9),
)
WIDE = (
    RowColumn("", 1),
    RowColumn("Severity", 10),
    RowColumn("Age", 6, "right", dim=True),
    RowColumn("#", 6, "right", dim=True),
    RowColumn("Incident"),
    RowColumn("At start", 8, "right", dim=True),
    RowColumn("Now", 8, "right"),
    RowColumn("", SPARK, dim=True),
    RowColumn("Who has it", 14),
    RowColumn("State", 12),
)


class Cells(NamedTuple):
    """What one row shows, whichever columns there is room for; `mark` is the sign in front."""

    opened_at: datetime
    mark: str
    mark_tone: Tone
    severity: tuple[str, str, Tone]
    number: str
    name: tuple[str, str]
    values: tuple[str, str, str]
    spark: str
    who: str
    state: tuple[str, str, Tone]


class IncidentList(TimedRows):
    """Asks `write` for a row when it is drawn. The times are ages."""

    def __init__(self, write: Callable[[str], Cells], now: datetime, *, id: str) -> None:
        super().__init__(NARROW, now, id=id)
        self._write = write

    def time_of(self, key: str, now: datetime) -> Told:
        opened_at = self._write(key).opened_at
        return Told(ago(opened_at, now), max(1.0, (now - opened_at).total_seconds() / 60))

    @property
    def has_sparks(self) -> bool:
        """Whether there is room for sparklines."""
        return self.size.width >= SPARK_FROM

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        self._columns = WIDE if width >= WIDE_FROM else NARROW
        return super().draw(width, height, look)

    def row_at(self, at: int) -> Row:
        key = self.rows[at].key
        cells = self._write(key)
        age = self.time_words(key)
        severity, short_severity, severity_tone = cells.severity
        state, short_state, state_tone = cells.state
        start, now, both = cells.values
        name, short_name = cells.name
        texts: tuple[str, ...]
        tones: tuple[Tone, ...]
        if self._columns is WIDE:
            texts = (cells.mark, severity, age, cells.number, name, start, now, cells.spark, cells.who, state)
            tones = (cells.mark_tone, severity_tone, "", "", "", "", "", "", "", state_tone)
        else:
            shown = name if self.size.width >= LABELS_FROM else short_name
            texts = (cells.mark, short_severity, short_age(age), shown, both, cells.spark, cells.who, short_state)
            tones = (cells.mark_tone, severity_tone, "", "", "", "", "", state_tone)
        return Row(key, texts, tones)


def short_age(age: str) -> str:
    """`31 min` as `31m`, `3 h` as `3h`."""
    return age.replace(" min", "m").replace(" ", "")
