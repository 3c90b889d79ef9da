"""What a part of the health says: a state, one line, facts and tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Value = str | int | float | bool | datetime | None


class State(StrEnum):
    """How a part stands. The words stand beside the sign everywhere: nothing is told by colour alone."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"

    @property
    def sign(self) -> str:
        """One cell that means the same."""
        return _SIGNS[self]

    @property
    def rank(self) -> int:
        """The worse, the higher; what is unknown stands between good and a warning."""
        return _RANKS[self]


_SIGNS = {State.GOOD: "●", State.WARNING: "▲", State.BAD: "✗", State.UNKNOWN: "?"}
_RANKS = {State.GOOD: 0, State.UNKNOWN: 1, State.WARNING: 2, State.BAD: 3}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is known, under its name."""

    label: str
    value: Value


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title; numbers and times as they are, for each face to write them its own way."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the health."""

    id: str
    title: str
    state: State
    says: str
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()


def worst(parts: Sequence[Part]) -> State:
    """The state of the worst of `parts`."""
    return max((each.state for each in parts), key=lambda state: state.rank, default=State.UNKNOWN)


def bytes_words(size: int) -> str:
    """`912 B`, `48 kB`, `1.2 GB`: two or three figures and a unit of 1,000, so that it seldom moves."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            return f"{amount:.0f} {unit}" if unit in ("B", "kB") or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError


def seconds_words(seconds: float) -> str:
    """`under 5 s`, `40 s`, `12 min`, `3 h`, `2 d`: as exact as somebody looks who wants to know whether it keeps up."""
    if seconds < 5:
        return "under 5 s"
    if seconds < 120:
        return f"{seconds // 5 * 5:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 worker`, `1,200 workers`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
