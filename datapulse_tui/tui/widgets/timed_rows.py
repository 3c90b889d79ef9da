"""Rows that are written when they are drawn, and whose ages or times left are told anew a few at a time: ten thousand
cost what the twenty on the screen cost, and a desk that stands still sends next to nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

TOLD_A_MINUTE = 8  # rows whose time is written anew each minute


class Told(NamedTuple):
    """A time as it stands on the screen, and the minutes (at least 1) that it tells of."""

    words: str
    minutes: float


class TimedRows(RowList):
    """Times are those of the last minute that was told, not of each drawing."""

    def __init__(self, columns: Sequence[RowColumn], now: datetime, *, id: str) -> None:
        super().__init__(columns, id=id)
        self._now = now
        self._told: dict[str, Told] = {}

    def time_of(self, key: str, now: datetime) -> Told:
        """What the row's time is at `now`."""
        raise NotImplementedError

    def put(self, keys: Iterable[str], *, empty: Sequence[str] = (), still: bool = False) -> None:
        """Show the rows of these keys in this order; see `show`."""
        self.show([Row(key, ()) for key in keys], empty=empty, still=still)

    def add(self, keys: Iterable[str]) -> None:
        """Show more rows behind those that are there."""
        self.rows += [Row(key, ()) for key in keys]
        self.redraw()

    @property
    def seen(self) -> list[str]:
        """The keys of the rows on the screen."""
        return [row.key for row in self.rows[self._top : self._top + self._page]]

    @property
    def above(self) -> list[str]:
        """The keys of the rows above the screen."""
        return [row.key for row in self.rows[: self._top]]

    def begin_anew(self, now: datetime) -> None:
        """Everything was read again: all times are written anew."""
        self._now, self._told = now, {}

    def forget(self, keys: Iterable[str]) -> None:
        """These rows changed: their times are written anew."""
        for key in keys:
            self._told.pop(key, None)

    def minute(self, now: datetime) -> None:
        """Another minute has come: write anew the times on the screen that are furthest off, a few of them."""
        if now <= self._now:
            return
        self._now = now
        self._told = {key: self._told[key] for key in self.seen if key in self._told}
        off: list[tuple[float, str]] = []
        for key, told in self._told.items():
            fresh = self.time_of(key, now)
            if fresh.words != told.words:
                off.append((max(fresh.minutes / told.minutes, told.minutes / fresh.minutes), key))
        for _, key in sorted(off, reverse=True)[:TOLD_A_MINUTE]:
            del self._told[key]
        self.redraw()

    def time_words(self, key: str) -> str:
        """The row's time as it is told now."""
        told = self._told.get(key)
        if told is None:
            told = self._told[key] = self.time_of(key, self._now)
        return told.words
