"""How commands print: aligned tables for people, JSON and CSV for programs. Text from outside is made harmless."""

from __future__ import annotations

import csv
import io
import itertools
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from datapulse_tui.charts.cells import cell_width, clean

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: times in ISO 8601, UUIDs and decimals as text or number, dataclasses as objects."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 10**15 else float(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def cell(value: Any) -> str:
    """One value on one line, for a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, dict | list):
        return clean(json.dumps(plain(value), ensure_ascii=False))
    return clean(str(value.value if isinstance(value, Enum) else value))


def emit_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under their column names; numbers to the right."""
    kept = [tuple(row) for row in rows]
    lines = [[clean(name) for name in columns], *([cell(value) for value in row] for row in kept)]
    right = [
        any(isinstance(row[i], int | float | Decimal) for row in kept)
        and all(row[i] is None or (isinstance(row[i], int | float | Decimal)) for row in kept)
        for i in range(len(columns))
    ]
    widths = [max(cell_width(line[i]) for line in lines) for i in range(len(columns))]
    rule = ["─" * size for size in widths]
    for line in (lines[0], rule, *lines[1:]):
        parts = []
        for text, size, to_right in zip(line, widths, right, strict=True):
            gap = " " * (size - cell_width(text))
            parts.append(gap + text if to_right else text + gap)
        sys.stdout.write("  ".join(parts).rstrip() + "\n")


def emit_json(value: Any) -> None:
    """Print one JSON document."""
    json.dump(plain(value), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def neutral(value: Any) -> Any:
    """A CSV cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def csv_value(value: Any) -> Any:
    """One value as a CSV cell."""
    if value is None or isinstance(value, int | float | Decimal | str):
        return neutral(value)
    if isinstance(value, timedelta | UUID):
        return str(value)
    if isinstance(value, dict | list | tuple):
        return json.dumps(plain(value), ensure_ascii=False)
    return neutral(str(plain(value)))


def emit_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as CSV (RFC 4180 quoting, LF line ends)."""
    buffer = io.StringIO()
    # The writer quotes a cell's line ends only when they are its own, hence CR LF here and LF in what is printed.
    writer = csv.writer(buffer, lineterminator="\r\n")
    for row in itertools.chain([columns], rows):
        writer.writerow([csv_value(value) for value in row])
        sys.stdout.write(buffer.getvalue().removesuffix("\r\n") + "\n")
        buffer.seek(0)
        buffer.truncate()
