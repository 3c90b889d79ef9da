"""What a rule would see now: its query run once, its columns and series, and where each would stand. For the editor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.alerts import parameters
from datapulse_tui.alerts.machine import Condition, change_percent, step
from datapulse_tui.alerts.rules import SeriesState, ThresholdType, label_key
from datapulse_tui.data.result import Column, ColumnKind
from datapulse_tui.errors import Invalid, NotFound

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.result import Result
    from datapulse_tui.sources.pool import Sources

ROWS = 1_000
_METRIC_KINDS = (ColumnKind.NUMBER, ColumnKind.BOOLEAN)
_LABEL_KINDS = (ColumnKind.TEXT, ColumnKind.BOOLEAN, ColumnKind.NUMBER, ColumnKind.OTHER)


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """A column of the result, and what it can be of a rule. Times move with every evaluation and make poor labels."""

    name: str
    kind: ColumnKind
    may_be_metric: bool
    may_be_label: bool


@dataclass(frozen=True, slots=True)
class PreviewSeries:
    """One series as it is now. `value` is the metric's, `compared` what the threshold is compared with (for
    `change_percent` the change, None without a value one window ago). `state` is where an evaluation now would put a
    series that was not seen before; None where that cannot be said."""

    labels: Mapping[str, str]
    value: float | None
    compared: float | None
    state: SeriesState | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a query brought. `problem` says why no rule can be made of it as it is (two rows with the same labels, no
    number, no such column); the rows are there all the same. `truncated`: there are more rows than were asked for."""

    columns: tuple[PreviewColumn, ...]
    rows: Sequence[tuple[Any, ...]]
    truncated: bool
    took: float
    metric: str
    label_columns: tuple[str, ...]
    series: tuple[PreviewSeries, ...]
    problem: str

    @property
    def firing(self) -> int:
        """How many series would fire at once or, where the rule waits for a while, begin to wait."""
        return sum(each.state in (SeriesState.FIRING, SeriesState.PENDING) for each in self.series)


async def preview(
    data: Database,
    sources: Sources,
    actor: Actor,
    *,
    query: UUID | str | None = None,
    sql: str = "",
    source: UUID | str = "",
    metric: str = "",
    label_columns: Sequence[str] | None = None,
    condition: Condition | None = None,
    limit: int = ROWS,
    tag: str = "",
) -> Preview:
    """Run a saved query (by id or name), or `sql` on a source, and see what a rule would make of it.

    Without `metric` the first column of numbers is taken, without `label_columns` every column of text. `:from` and
    `:to` in the SQL are the window of the condition up to now. Runs with the actor's own rights. Raises NotAllowed,
    NotFound, Invalid, QueryTimeout, Unavailable; `sources.cancel(tag)` gives up.
    """
    from datapulse_tui.sources.service import run_query

    query_id, text, where = await _what(data, actor, query, sql, source)
    now = datetime.now(UTC)
    window = condition.window_seconds if condition else 3_600
    params = parameters.values(now, window)
    result = await run_query(data, sources, actor, source=where, sql=text, params=params, limit=limit, tag=tag)
    columns = tuple(_column(column) for column in result.columns)
    chosen = metric or next((each.name for each in columns if each.kind is ColumnKind.NUMBER), "")
    labels = tuple(label_columns) if label_columns is not None else _labels(columns, chosen)
    series, problem = _series(result, chosen, labels, condition)
    if condition is not None and condition.type is ThresholdType.CHANGE_PERCENT and query_id is not None:
        series = await _compared(data, query_id, chosen, series, condition, now)
    return Preview(
        columns=columns,
        rows=result.rows,
        truncated=result.truncated,
        took=result.took,
        metric=chosen,
        label_columns=labels,
        series=tuple(_standing(each, condition, now) for each in series),
        problem=problem,
    )


async def _what(
    data: Database, actor: Actor, query: UUID | str | None, sql: str, source: UUID | str
) -> tuple[UUID | None, str, UUID | str]:
    """The saved query's id, the SQL and the source."""
    from datapulse_tui.sources.reads import get_query

    if query is None:
        if not sql.strip() or not source:
            raise Invalid(
                "There is nothing to look at.", hint="Choose a saved query, or write SQL and choose a source."
            )
        return None, sql, source
    async with data.reading() as session:
        found = await get_query(session, actor, query)
    if found.source_id is None:
        raise NotFound("The source of this query was deleted. Nothing was run.", hint="Choose another query.")
    return found.id, found.sql, found.source_id


def _column(column: Column) -> PreviewColumn:
    return PreviewColumn(column.name, column.kind, column.kind in _METRIC_KINDS, column.kind in _LABEL_KINDS)


def _labels(columns: Sequence[PreviewColumn], metric: str) -> tuple[str, ...]:
    return tuple(each.name for each in columns if each.kind is ColumnKind.TEXT and each.name != metric)


def _series(
    result: Result, metric: str, labels: Sequence[str], condition: Condition | None
) -> tuple[list[PreviewSeries], str]:
    """The series of a result, and what is wrong with it (that it is cut does not count in a preview)."""
    from datapulse_tui.alerts.evaluation.readings import read

    if not metric:
        return [], "No column of the result holds numbers, so there is nothing to compare with a threshold."
    reading = read(replace(result, truncated=False), metric, labels)
    change = condition is not None and condition.type is ThresholdType.CHANGE_PERCENT
    found = [
        PreviewSeries(each, value, None if change else value, None)
        for each, value in zip(reading.labels.values(), reading.values.values(), strict=True)
    ]
    if not found and not reading.problem:
        return [], "The query brought no row. What a rule does then is up to its no-data policy."
    return found, reading.problem


async def _compared(
    data: Database,
    query_id: UUID,
    metric: str,
    series: Sequence[PreviewSeries],
    condition: Condition,
    now: datetime,
) -> list[PreviewSeries]:
    """The change of each series since one window ago, from the history that other rules on this query have made."""
    from datapulse_tui.alerts.history import values_at
    from datapulse_tui.data.glance import fetch

    keys = [label_key(each.labels) for each in series]
    async with data.reading() as session:
        rows = await fetch(
            session,
            "SELECT id, label_key FROM metric_series WHERE query_id = :query AND metric = :metric "
            "AND label_key = ANY(CAST(:keys AS text[]))",
            {"query": query_id, "metric": metric, "keys": keys},
        )
        then = now - timedelta(seconds=condition.window_seconds)
        values = await values_at(session, [row.id for row in rows], then, condition.window_seconds // 10 + 60)
    before = {row.label_key: values.get(row.id) for row in rows}
    return [
        replace(each, compared=None if each.value is None else change_percent(each.value, before.get(key)))
        for each, key in zip(series, keys, strict=True)
    ]


def _standing(series: PreviewSeries, condition: Condition | None, now: datetime) -> PreviewSeries:
    if condition is None or series.compared is None:
        return series
    return replace(series, state=step(condition, None, series.compared, now).series.state)
