"""From the rows of a query to the series of a metric. Pure.

Labels are text; a NULL label is an empty one. A value that is NULL or not a finite number is no value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from datapulse_tui.alerts.evaluation.model import MOST_SERIES, Reading
from datapulse_tui.alerts.rules import label_key, label_text
from datapulse_tui.audit.clean import clean_text
from datapulse_tui.data.result import Column, ColumnKind, Result

_SHOWN = 80  # characters of a label set in a message


def read(result: Result, metric: str, label_columns: Sequence[str]) -> Reading:
    """The series of the column `metric` in `result`, one for each label set.

    What cannot be read (a missing column, a metric that is no number, two rows with the same labels, more than
    MOST_SERIES rows) is a problem that says what to do.
    """
    problem = _problem(result, metric, label_columns)
    if problem:
        return Reading(problem=problem)
    value_at = result.index(metric)
    if not label_columns:
        return _single(result, value_at)
    places = [(clean_text(name), result.index(name)) for name in label_columns]
    labels: dict[str, Mapping[str, str]] = {}
    values: dict[str, float | None] = {}
    for row in result.rows:
        found = {name: _label(row[place]) for name, place in places}
        key = label_key(found)
        if key in labels:
            return Reading(problem=_twice(found))
        labels[key] = found
        values[key] = number(row[value_at])
    return Reading(labels, values)


def number(value: object) -> float | None:
    """`value` as a finite number; None for one that is not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int | Decimal):
        try:
            found = float(value)
        except (OverflowError, ValueError):
            return None
        return found if math.isfinite(found) else None
    return None


def _single(result: Result, value_at: int) -> Reading:
    if len(result.rows) > 1:
        return Reading(
            problem=f"The query brought {len(result.rows):,} rows, and without labels they cannot be told apart. "
            "Name the columns that tell them apart as label columns, or aggregate to one row."
        )
    if not result.rows:
        return Reading()
    return Reading({_NO_LABELS: {}}, {_NO_LABELS: number(result.rows[0][value_at])})


def _problem(result: Result, metric: str, label_columns: Sequence[str]) -> str:
    if result.truncated or len(result.rows) > MOST_SERIES:
        return f"The query brought more than {MOST_SERIES:,} rows, one for each series. Aggregate more, or filter."
    names = result.names
    for name in (metric, *label_columns):
        if names.count(name) != 1:
            how = "has no column" if name not in names else "has more than one column"
            return f"The result {how} {clean_text(name)[:_SHOWN]!r}. Check the rule's metric and label columns."
    column = result.columns[result.index(metric)]
    if not _is_number(column) and any(row[result.index(metric)] is not None for row in result.rows):
        kind = column.kind.value
        return f"The column {clean_text(metric)[:_SHOWN]!r} is {kind}, not a number. Convert it in the query."
    return ""


def _is_number(column: Column) -> bool:
    return column.kind in (ColumnKind.NUMBER, ColumnKind.BOOLEAN)


def _label(value: object) -> str:
    if isinstance(value, str):
        return clean_text(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def _twice(labels: Mapping[str, str]) -> str:
    shown = label_text(labels)[:_SHOWN] or "no labels"
    return f"Two rows have the same labels ({shown}). Add the column that tells them apart, or aggregate."


_NO_LABELS = label_key({})
