"""The rows that a live list holds: in order, with what was marked, what is new, and what was done. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from datapulse_tui.tui.widgets.rows import Tone

UNDER_WAY, DONE, FAILED, MARKED, NEW = "…", "✓", "▲", "◆", "+"
TONES: dict[str, Tone] = {UNDER_WAY: "dim", DONE: "good", FAILED: "warning", MARKED: "accent", NEW: "accent"}
FIRST = 200  # rows from the top whose going away is noticed without being told which changed


class Numbered(Protocol):
    """A row with an id, and the number by which people know it."""

    @property
    def id(self) -> UUID: ...
    @property
    def number(self) -> int: ...


R = TypeVar("R", bound=Numbered)


class Loaded(Generic[R]):
    """Rows by key, in the order of the list. What no longer belongs stays where it was until all is read anew."""

    def __init__(self) -> None:
        self.rows: dict[str, R] = {}
        self.keys: list[str] = []
        self.marked: dict[str, None] = {}
        self.new: dict[str, None] = {}
        self._signs: dict[str, str] = {}

    def begin_anew(self, rows: Iterable[R]) -> None:
        """These and no others; marks stay on those that are still there."""
        self.rows = {str(row.id): row for row in rows}
        self.keys = list(self.rows)
        self.marked = {key: None for key in self.marked if key in self.rows}
        self.new, self._signs = {}, {}

    def add(self, rows: Iterable[R]) -> list[str]:
        """The next page; the keys that were not there yet."""
        added = {str(row.id): row for row in rows if str(row.id) not in self.rows}
        self.rows |= added
        self.keys += added
        return list(added)

    def again(self, page: Sequence[R], others: Sequence[R]) -> list[str]:
        """The first page read again, and others as they are now. What is new takes its place; the keys of those."""
        fresh = {str(row.id): row for row in page}
        behind: dict[str, list[str]] = {}
        known = ""
        for key in fresh:
            if key in self.rows:
                known = key
            else:
                behind.setdefault(known, []).append(key)
        self.rows |= fresh
        self.rows |= {str(row.id): row for row in others if str(row.id) in self.rows}
        added = [key for keys in behind.values() for key in keys]
        if added:
            self.keys = [*behind.get("", ()), *(each for key in self.keys for each in (key, *behind.get(key, ())))]
            self.new |= dict.fromkeys(added)
        return added

    def to_look_at(self, changed: Collection[str]) -> list[tuple[UUID, int]]:
        """Id and number of those that may have changed or gone: the changed ones first, then those at the top."""
        keys = [key for key in changed if key in self.rows] + self.keys[:FIRST]
        return [(self.rows[key].id, self.rows[key].number) for key in dict.fromkeys(keys)]

    def sign(self, ids: Iterable[UUID], sign: str) -> None:
        """Put a sign in front of these: under way, done, failed."""
        for each in ids:
            self._signs[str(each)] = sign
            self.new.pop(str(each), None)

    def sign_of(self, key: str) -> str:
        """The sign in front of a row."""
        sign = self._signs.get(key, "")
        if sign == UNDER_WAY:
            return sign
        return MARKED if key in self.marked else sign or (NEW if key in self.new else "")

    def mark(self, key: str) -> None:
        """Mark a row, or take its mark away."""
        if key in self.marked:
            del self.marked[key]
        elif key in self.rows:
            self.marked[key] = None

    def mark_all(self) -> None:
        """Mark every row or, when every one is marked, none."""
        self.marked = {} if len(self.marked) == len(self.keys) else dict.fromkeys(self.keys)
