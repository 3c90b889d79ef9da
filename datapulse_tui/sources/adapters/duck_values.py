"""DuckDB's types as Python values and as kinds of column.

Numbers, booleans, dates and times come as such; what is none of these (intervals, lists, structs, ...) is turned into
text by DuckDB itself, inside the query, which is exact and costs no Python.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from datapulse_tui.data.result import Column, ColumnKind
from datapulse_tui.errors import Invalid

_NUMBERS = frozenset({
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
    "FLOAT", "DOUBLE",
})  # fmt: skip
_ZONED = "TIMESTAMP WITH TIME ZONE"
_LOADABLE = (bool, int, float, str)


def column(name: str, native: str) -> Column:
    """The column for DuckDB's name of a type."""
    if native in _NUMBERS or native.startswith("DECIMAL"):
        kind = ColumnKind.NUMBER
    elif native in ("VARCHAR", "UUID") or native.startswith("ENUM"):
        kind = ColumnKind.TEXT
    elif native == "BOOLEAN":
        kind = ColumnKind.BOOLEAN
    elif native == "DATE":
        kind = ColumnKind.DATE
    elif native.startswith("TIMESTAMP"):
        kind = ColumnKind.TIME
    else:
        kind = ColumnKind.OTHER
    return Column(name, kind, native.strip('"').lower())


def projection(native: str, reference: str) -> str:
    """The SQL that brings the column `reference` in a form that Python can take."""
    kind = column("", native).kind
    if native == _ZONED:
        return f"timezone('UTC', {reference})"  # fetching a zoned time would need pytz; see `zoned`
    if kind is ColumnKind.TIME and native != "TIMESTAMP":
        return f"CAST({reference} AS TIMESTAMP)"
    if kind in (ColumnKind.OTHER, ColumnKind.TEXT) and native != "VARCHAR":
        return f"CAST({reference} AS VARCHAR)"
    return reference


def zoned(native: str) -> bool:
    """Whether the values that `projection` brings are UTC and must be marked so."""
    return native == _ZONED


def mark_zone(value: object) -> object:
    """A time of a zoned column with its zone."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def bindable(value: object) -> object:
    """A parameter as DuckDB takes it. The session's zone is UTC, so a zoned time is the same without its zone."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if value is None or isinstance(value, (*_LOADABLE, Decimal, date, time, timedelta)):
        return value
    if isinstance(value, list | tuple):
        return [bindable(item) for item in value]
    raise Invalid(
        f"A parameter has a value that cannot be sent to the source ({type(value).__name__}).",
        hint="Use a text, a number, a truth value, a date or a time.",
    )
