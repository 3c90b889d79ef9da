"""What a query brought back: typed columns and rows, told apart from how it was fetched or will be drawn.

This module imports nothing but the standard library, so that charts and exports can use it without a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ColumnKind(StrEnum):
    """The kinds of value that screens and charts tell apart; every adapter maps its own types to these."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    TIME = "time"
    DATE = "date"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result: its name as the query gave it, its kind, and the source's own name of the type."""

    name: str
    kind: ColumnKind
    native: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """Rows of one query.

    `rows` are tuples in column order: numbers as int, float or Decimal; TIME as timezone-aware datetime (naive only
    where the source's type has no zone); DATE as date; anything that is none of the kinds as str. `took` is in
    seconds, measured at the source. `truncated` is True when the source had more rows than the limit asked for.
    """

    columns: tuple[Column, ...]
    rows: Sequence[tuple[Any, ...]] = field(default_factory=tuple)
    took: float = 0.0
    truncated: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)

    def index(self, name: str) -> int:
        """The position of the column called `name`; KeyError when there is none."""
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(name) from None
