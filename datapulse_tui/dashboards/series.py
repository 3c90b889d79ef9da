"""Fetching what a line or an area chart can show: all points while they are few, else the extremes of each stretch.

A first look asks for a few thousand rows, which is exact and enough for most charts. Only where there are more, the
query is wrapped (`bucketing`); that is remembered, so a refresh is one round trip.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any, Protocol

from datapulse_tui.dashboards.bucketing import (
    BUCKETS_A_CELL,
    Axes,
    Bucketing,
    Dialect,
    QueryShape,
    Reduced,
    Scalar,
    expand,
    extent_query,
    find_axes,
    holds_nan,
    read_shape,
    wrap,
)
from datapulse_tui.data.result import Column, ColumnKind, Result
from datapulse_tui.errors import Invalid

log = logging.getLogger(__name__)

FEW_POINTS = 5_000  # up to here all points are fetched
MANY_POINTS = 20_000  # where the axis cannot be cut into stretches, no more than this
BUCKET_ROWS = 50_000  # stretches times series
_REMEMBERED = 256
_RANGE = frozenset({"from", "to"})


class RunQuery(Protocol):
    """Runs a query on the widget's source."""

    def __call__(self, sql: str, params: Mapping[str, object], limit: int) -> Awaitable[Result]:
        """At most `limit` rows of `sql`."""
        ...


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """A query for a series chart. `key` tells it from all others (source and its version); `start` and `end` are the
    dashboard's time range, `cells` the width of the chart."""

    key: Hashable
    sql: str
    dialect: Dialect
    params: Mapping[str, object]
    options: Mapping[str, Any]
    start: datetime
    end: datetime
    cells: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What a query with many points was found to be."""

    columns: tuple[Column, ...]
    axes: Axes
    extent: tuple[Scalar, Scalar] | None
    has_nan: bool = False


class SeriesReader:
    """Reads series, and remembers which queries bring more than a chart can show."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()

    async def read(self, query: SeriesQuery, run: RunQuery) -> tuple[Result, Reduced | None]:
        """The points to draw; with what they were reduced from, where they were. Raises what `run` raises."""
        # On a thread: the SQL parser takes its time to load.
        shape = await asyncio.to_thread(read_shape, query.sql, query.dialect)
        if query.options.get("style") == "points":  # a scatter shows every point, which extremes would thin out
            return await run(query.sql, query.params, MANY_POINTS), None
        known = self._recall(query)
        if known is None:
            # Charts order times and numbers themselves, and without the order the source can stop at the limit.
            sql = query.sql if shape.aggregated else shape.plain
            result = await run(sql, query.params, FEW_POINTS)
            axes = find_axes(result.columns, query.options)
            if axes is None and (result.truncated or sql != query.sql):
                return await run(query.sql, query.params, MANY_POINTS), None  # categories stand as the query has them
            if axes is None or not result.truncated:
                return result, None
            known = _Known(result.columns, axes, None)
        return await self._reduced(query, shape, known, run)

    async def _reduced(
        self, query: SeriesQuery, shape: QueryShape, known: _Known, run: RunQuery
    ) -> tuple[Result, Reduced | None]:
        buckets = max(1, query.cells) * BUCKETS_A_CELL
        try:
            extent = _range_extent(query, shape, known) or known.extent
            if extent is None:
                extent = await self._extent(query, shape, known, run)
                known = replace(known, extent=extent)
            if extent is None:
                return await run(query.sql, query.params, FEW_POINTS), None
            plan = self._plan(query, shape, known, extent, buckets)
            answer = await run(plan.sql, {**query.params, **plan.params}, BUCKET_ROWS)
            if holds_nan(answer) and not known.has_nan:
                known = replace(known, has_nan=True)
                plan = self._plan(query, shape, known, extent, buckets)
                answer = await run(plan.sql, {**query.params, **plan.params}, BUCKET_ROWS)
        except Invalid as error:
            self._known.pop(_identity(query), None)
            log.info("a series could not be reduced in its source (%s); fetching its points", error)
            return await run(query.sql, query.params, MANY_POINTS), None
        result, reduced = await asyncio.to_thread(expand, plan, answer)
        if reduced.raw_rows <= FEW_POINTS and not answer.truncated:
            self._known.pop(_identity(query), None)
            return await run(query.sql, query.params, FEW_POINTS), None
        if reduced.buckets > 3 * buckets:
            known = replace(known, extent=None)  # the data has outgrown the axis: look at its ends again next time
        self._remember(query, known)
        return result, reduced

    def _plan(
        self, query: SeriesQuery, shape: QueryShape, known: _Known, extent: tuple[Scalar, Scalar], buckets: int
    ) -> Bucketing:
        return wrap(shape, query.dialect, known.columns, known.axes, *extent, buckets, without_nan=known.has_nan)

    async def _extent(
        self, query: SeriesQuery, shape: QueryShape, known: _Known, run: RunQuery
    ) -> tuple[Scalar, Scalar] | None:
        result = await run(extent_query(shape, known.columns, known.axes), query.params, 1)
        if not result.rows:
            return None
        low, high = _scalar(result.rows[0][0]), _scalar(result.rows[0][1])
        if low is None or high is None or isinstance(low, datetime) is not isinstance(high, datetime):
            return None
        return low, high

    def _recall(self, query: SeriesQuery) -> _Known | None:
        identity = _identity(query)
        known = self._known.get(identity)
        if known is not None:
            self._known.move_to_end(identity)
        return known

    def _remember(self, query: SeriesQuery, known: _Known) -> None:
        self._known[_identity(query)] = known
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def keeps_to_range(sql: str, dialect: Dialect) -> bool:
    """Whether a query asks for the dashboard's time range: it names both of its ends."""
    return read_shape(sql, dialect).names >= _RANGE


def _identity(query: SeriesQuery) -> Hashable:
    """What decides how many points come: the query, the reader's variables, and how long the time range is."""
    moving = ("from", "to", "bucket")
    values = tuple(sorted((name, repr(value)) for name, value in query.params.items() if name not in moving))
    options = tuple(repr(query.options.get(name)) for name in ("x", "y", "series"))
    return query.key, query.sql, values, options, round((query.end - query.start).total_seconds())


def _range_extent(query: SeriesQuery, shape: QueryShape, known: _Known) -> tuple[Scalar, Scalar] | None:
    """The dashboard's time range, where the query keeps to it: then nothing has to be asked for."""
    kind = known.columns[known.axes.x].kind
    if kind in (ColumnKind.TIME, ColumnKind.DATE) and shape.names >= _RANGE:
        return query.start, query.end
    return None


def _scalar(value: object) -> Scalar | None:
    """An end of the axis as a number, or as a time with a zone (UTC where it has none)."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time.min, UTC)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value) if isfinite(value) else None
