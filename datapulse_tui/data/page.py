"""Keyset pages: the next page is asked for by where the last one ended, so page 5,000 costs what page 1 costs."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order, and the cursor to ask for those after them (None on the last page)."""

    items: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class SortKey:
    """One column of an order. The last key of an order must be unique, and no key may be NULL."""

    column: ColumnElement[Any]
    descending: bool = False


_TO_TEXT: dict[type, tuple[str, Callable[[Any], Any]]] = {
    datetime: ("t", datetime.isoformat),
    date: ("d", date.isoformat),
    UUID: ("u", str),
    Decimal: ("n", str),
}
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "t": datetime.fromisoformat,
    "d": date.fromisoformat,
    "u": UUID,
    "n": Decimal,
}


def encode_cursor(values: Sequence[Any]) -> str:
    """The sort values of the last row as an opaque text that is safe in a URL or a shell."""
    parts: list[Any] = []
    for value in values:
        kind = _TO_TEXT.get(type(value))
        parts.append([kind[0], kind[1](value)] if kind else value)
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The sort values in `cursor`; Invalid when it is not one of ours or belongs to another order."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [_FROM_TEXT[part[0]](part[1]) if isinstance(part, list) else part for part in parts]
    except (ValueError, KeyError, TypeError, IndexError, ArithmeticError) as error:
        raise Invalid("The page cursor is not valid.", hint="Start again from the first page.") from error
    if len(values) != length:
        raise Invalid("The page cursor belongs to another order.", hint="Start again from the first page.")
    return values


def after(keys: Sequence[SortKey], cursor: str) -> ColumnElement[bool]:
    """The condition for rows that come after `cursor` in the order of `keys`."""
    from sqlalchemy import and_, false, literal, or_

    values = decode_cursor(cursor, len(keys))
    result: ColumnElement[bool] = false()
    for key, value in reversed(list(zip(keys, values, strict=True))):
        bound = literal(value, key.column.type)
        beyond = key.column < bound if key.descending else key.column > bound
        result = or_(beyond, and_(key.column == bound, result))
    return result


def keyset(statement: Select[R], keys: Sequence[SortKey], cursor: str | None, limit: int) -> Select[R]:
    """`statement` in the order of `keys`, after `cursor`, with one row more than `limit` (to know of a next page)."""
    if cursor is not None:
        statement = statement.where(after(keys, cursor))
    order = [key.column.desc() if key.descending else key.column.asc() for key in keys]
    return statement.order_by(*order).limit(limit + 1)


def make_page(
    rows: Sequence[R], limit: int, make: Callable[[R], T], sort_values: Callable[[R], Sequence[Any]]
) -> Page[T]:
    """The page of at most `limit` of the `rows` that a `keyset` statement brought."""
    more = len(rows) > limit
    kept = rows[:limit]
    cursor = encode_cursor(sort_values(kept[-1])) if more and kept else None
    return Page(tuple(make(row) for row in kept), cursor)


async def every(read: Callable[[str | None], Awaitable[Page[T]]]) -> list[T]:
    """All items, page after page: `read` brings the page after a cursor (None: the first)."""
    items: list[T] = []
    cursor: str | None = None
    while True:
        page = await read(cursor)
        items += page.items
        cursor = page.next
        if cursor is None:
            return items
