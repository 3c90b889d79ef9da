"""A long series made short in the source: of each stretch of the axis the lowest and the highest value come back.

The query of a widget is wrapped, never changed: `SELECT bucket, series, min(y), max(y) FROM (query) GROUP BY ...`. What
comes back has the columns of the query itself, so charts draw it as they draw everything else, and spikes stay. Beside
the extremes the last value of each series is kept, which legends show. Pure: text and results in, text and results out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from datapulse_tui.data.result import Column, ColumnKind, Result

Dialect = Literal["postgres", "duckdb"]
Scalar = float | datetime

BUCKETS_A_CELL = 2  # a braille cell is two dots wide
_TIMES = (ColumnKind.TIME, ColumnKind.DATE)
_FLOATS = frozenset({"float4", "float8", "numeric", "float", "double"})
_TAIL = 1 / 32  # the last value of a series is looked for in this part of the axis
# Without it PostgreSQL expects a group for each distinct x: it sorts a million rows, and does so on one core. Through a
# subquery with a WITH of its own it cannot look, and expects the 200 groups of an unknown column, which is about right.
_FENCE = "WITH dp_fence AS (SELECT 1) "
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENDS_ORDER = frozenset({"ORDER_BY", "LIMIT", "OFFSET", "FETCH", "LOCK", "FOR"})
_AGGREGATED = frozenset({"GROUP_BY", "DISTINCT", "LIMIT", "OFFSET", "FETCH", "HAVING"})


@dataclass(frozen=True, slots=True)
class QueryShape:
    """What the text of a query tells: the names of its parameters, and `plain`, the query without an ORDER BY on which
    nothing depends. `aggregated` when it groups or limits its rows itself."""

    names: frozenset[str]
    plain: str
    aggregated: bool


@dataclass(frozen=True, slots=True)
class Axes:
    """The columns of a series chart by position: x is a time, date or number; at least one y."""

    x: int
    ys: tuple[int, ...]
    series: int | None


@dataclass(frozen=True, slots=True)
class Reduced:
    """How a result was reduced: stretches of the axis that hold data, and the rows behind them."""

    buckets: int
    raw_rows: int


@dataclass(frozen=True, slots=True)
class Bucketing:
    """A wrapped query and how to read its answer. `step` is in seconds for times, else in units of x."""

    sql: str
    params: Mapping[str, object]
    columns: tuple[Column, ...]
    axes: Axes
    step: float
    dialect: Dialect


def read_shape(sql: str, dialect: Dialect) -> QueryShape:
    """The shape of `sql`. Raises Invalid when it is not SQL that may be sent."""
    from datapulse_tui.sources.lexing import lex, tokenize

    tokens = tokenize(sql, dialect)
    lexed = lex(sql, tokens)
    depth = 0
    top: list[tuple[str, int]] = []
    for token in tokens:
        kind = token.token_type.name
        if kind in ("L_PAREN", "L_BRACKET", "L_BRACE"):
            depth += 1
        elif kind in ("R_PAREN", "R_BRACKET", "R_BRACE"):
            depth -= 1
        elif depth == 0:
            top.append((kind, token.start))
    kinds = {kind for kind, _ in top}
    aggregated = bool(kinds & _AGGREGATED)
    ends = [(kind, start) for kind, start in top if kind in _ENDS_ORDER]
    if tokens and not kinds & {"DISTINCT"} and len(ends) == 1 and ends[0][0] == "ORDER_BY":
        return QueryShape(frozenset(lexed.names), sql[: ends[0][1]], aggregated)
    last = tokens[-1].end + 1 if tokens else 0
    return QueryShape(frozenset(lexed.names), sql[:last], aggregated)


def find_axes(columns: Sequence[Column], options: Mapping[str, Any]) -> Axes | None:
    """The columns that a chart with these options draws; None when its axis cannot be cut into stretches."""
    from datapulse_tui.charts.problem import CannotDraw
    from datapulse_tui.charts.series import choose_roles

    if len({column.name for column in columns}) < len(columns):
        return None
    ys = options.get("y")
    names = (ys,) if isinstance(ys, str) else tuple(ys) if ys else None
    try:
        roles = choose_roles(Result(tuple(columns)), options.get("x"), names, options.get("series"))
    except CannotDraw:
        return None
    if roles.x is None or columns[roles.x].kind not in (*_TIMES, ColumnKind.NUMBER):
        return None
    if any(columns[y].kind is not ColumnKind.NUMBER for y in roles.y):
        return None
    return Axes(roles.x, roles.y, roles.series)


def step_for(low: Scalar, high: Scalar, buckets: int) -> float:
    """The length of a stretch, of two significant digits: a moving range keeps its stretches where they were."""
    span = (high - low).total_seconds() if isinstance(high, datetime) and isinstance(low, datetime) else _gap(low, high)
    exact = span / max(1, buckets)
    least = 0.001 if isinstance(low, datetime) else 0.0
    if not math.isfinite(exact) or exact <= least:
        return least or 1.0
    unit = 10.0 ** (math.floor(math.log10(exact)) - 1)
    return math.ceil(exact / unit) * unit


def _gap(low: Scalar, high: Scalar) -> float:
    if isinstance(low, datetime) or isinstance(high, datetime):
        raise TypeError("the ends of an axis are of one kind")
    return high - low


# -- the wrapped queries -----------------------------------------------------------------------------------------------


def extent_query(shape: QueryShape, columns: Sequence[Column], axes: Axes) -> str:
    """The query for the first and last x and the number of rows."""
    x = _column(columns[axes.x])
    return f"SELECT min({x}) AS dp_low, max({x}) AS dp_high, count(*) AS dp_rows FROM (\n{shape.plain}\n) AS dp"  # noqa: S608


def wrap(
    shape: QueryShape,
    dialect: Dialect,
    columns: tuple[Column, ...],
    axes: Axes,
    low: Scalar,
    high: Scalar,
    buckets: int,
    *,
    without_nan: bool = False,
) -> Bucketing:
    """The query that brings at most about `buckets` stretches a series between `low` and `high`.

    `without_nan` keeps NaN from hiding the extremes of its stretch (it is larger than every number in both dialects).
    """
    step = step_for(low, high, buckets)
    x = columns[axes.x]
    params: dict[str, object] = {"dp_tail": _tail(low, high, x)}
    inner = [f"{_bucket(x, dialect, step, params)} AS b", f"{_column(x)} AS x"]
    outer = ["q.b AS dp_bucket"]
    if axes.series is not None:
        inner.append(f"{_column(columns[axes.series])} AS s")
        outer.append("q.s AS dp_series")
    outer.append("count(*) AS dp_rows")
    for number, y in enumerate(axes.ys):
        inner.append(f"{_value(columns[y], without_nan=without_nan)} AS y{number}")
        outer.append(f"min(q.y{number}) AS dp_low{number}, max(q.y{number}) AS dp_high{number}")
        outer.append(f"{_last(x, f'q.y{number}', dialect)} AS dp_last{number}")
    fence = _FENCE if dialect == "postgres" else ""
    groups = "1, 2" if axes.series is not None else "1"
    sql = (
        f"SELECT {', '.join(outer)}\nFROM ({fence}SELECT {', '.join(inner)}\nFROM (\n{shape.plain}\n) AS dp) AS q\n"
        f"GROUP BY {groups} ORDER BY 1"
    )
    return Bucketing(sql, params, columns, axes, step, dialect)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_aware(column: Column) -> bool:
    return column.native.lower() in ("timestamptz", "timestamp with time zone")


def _tail(low: Scalar, high: Scalar, column: Column) -> object:
    if isinstance(low, datetime) and isinstance(high, datetime):
        tail = high - (high - low) * _TAIL
        return tail if _is_aware(column) else tail.replace(tzinfo=None)
    return high - _gap(low, high) * _TAIL if not isinstance(high, datetime) else high


def _column(column: Column) -> str:
    return f"dp.{_quoted(column.name)}"


def _bucket(column: Column, dialect: Dialect, step: float, params: dict[str, object]) -> str:
    x = _column(column)
    if column.kind is ColumnKind.NUMBER:
        params["dp_step"] = step
        return f"floor(CAST({x} AS double precision) / :dp_step)"
    time = f"CAST({x} AS timestamp)" if column.kind is ColumnKind.DATE else x
    if dialect == "postgres":
        params["dp_step"] = timedelta(seconds=step)
        params["dp_origin"] = _EPOCH if _is_aware(column) else _EPOCH.replace(tzinfo=None)
        return f"date_bin(:dp_step, {time}, :dp_origin)"
    params["dp_step"] = step * 1e6
    return f"floor(epoch_us({time}) / :dp_step)"


def _value(column: Column, *, without_nan: bool) -> str:
    value = _column(column)
    if not without_nan or column.native not in _FLOATS:
        return value
    kind = "double precision" if column.native != "numeric" else "numeric"
    return f"nullif({value}, CAST('NaN' AS {kind}))"


def _last(x: Column, value: str, dialect: Dialect) -> str:
    """The value at the greatest x of the tail; NULL where the tail holds none. Outside the tail it costs nothing."""
    where = f"FILTER (WHERE q.x >= :dp_tail AND {value} IS NOT NULL)"
    if dialect == "duckdb":
        return f"arg_max({value}, q.x) {where}"
    number = "q.x" if x.kind is ColumnKind.NUMBER else "extract(epoch FROM q.x)"
    return f"(max(ARRAY[CAST({number} AS double precision), CAST({value} AS double precision)]) {where})[2]"


# -- reading the answer ------------------------------------------------------------------------------------------------


def holds_nan(result: Result) -> bool:
    """Whether a NaN came back as an extreme: it may hide the true one."""
    return any(isinstance(value, float) and value != value for row in result.rows for value in row)


def expand(plan: Bucketing, answer: Result) -> tuple[Result, Reduced]:
    """The answer of the wrapped query in the columns of the query itself: for each stretch its lowest, then its
    highest values, and behind the last stretch of each series its last values."""
    axes, offset = plan.axes, 2 + (plan.axes.series is not None)
    columns = [plan.columns[axes.x], *([plan.columns[axes.series]] if axes.series is not None else [])]
    if columns[0].kind is ColumnKind.DATE:
        columns[0] = Column(columns[0].name, ColumnKind.TIME, "timestamp")
    columns += [plan.columns[y] for y in axes.ys]
    final = {row[1] if axes.series is not None else None: row for row in answer.rows}
    rows: list[tuple[Any, ...]] = []
    buckets, raw_rows = set(), 0
    for row in answer.rows:
        x = _place(plan, row[0])
        raw_rows += row[offset - 1]
        if x is None:
            continue
        buckets.add(x)
        head = (x, row[1]) if axes.series is not None else (x,)
        is_final = final[head[1] if len(head) > 1 else None] is row
        rows += (head + values for values in _expanded(row[offset:], with_last=is_final))
    return Result(tuple(columns), rows, answer.took, answer.truncated), Reduced(len(buckets), raw_rows)


def _place(plan: Bucketing, bucket: object) -> object:
    """The x of a bucket; None for one that cannot be drawn (infinity, NaN)."""
    column = plan.columns[plan.axes.x]
    if plan.dialect == "postgres" and column.kind in _TIMES:
        return bucket if isinstance(bucket, datetime) else None
    if not isinstance(bucket, int | float) or not math.isfinite(bucket):
        return None
    if column.kind is ColumnKind.NUMBER:
        return bucket * plan.step
    try:
        moment = _EPOCH + timedelta(seconds=bucket * plan.step)
    except OverflowError:
        return None
    return moment if _is_aware(column) else moment.replace(tzinfo=None)


def _expanded(triples: Sequence[Any], *, with_last: bool) -> Iterator[tuple[Any, ...]]:
    lows, highs, lasts = tuple(triples[0::3]), tuple(triples[1::3]), tuple(triples[2::3])
    yield lows
    if highs != lows:
        yield highs
    if with_last and any(last is not None for last in lasts):
        known = tuple(low if last is None else last for last, low in zip(lasts, lows, strict=True))
        if known != highs:
            yield known
