"""Wrapping a query so that its source cuts a series into stretches: the text, the answer, and what is left alone."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.dashboards.bucketing import Axes, Dialect, expand, find_axes, read_shape, step_for, wrap
from datapulse_tui.data.result import Column, ColumnKind, Result
from datapulse_tui.sources import guard

AT = Column("at", ColumnKind.TIME, "timestamptz")
VALUE = Column('va"lue', ColumnKind.NUMBER, "float8")
REGION = Column("region", ColumnKind.TEXT, "text")
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sql", "plain", "aggregated"),
    [
        ("SELECT a FROM t", "SELECT a FROM t", False),
        ("SELECT a FROM t;", "SELECT a FROM t", False),
        ("SELECT a FROM t ORDER BY a", "SELECT a FROM t ", False),
        ("SELECT a FROM t -- ORDER BY a", "SELECT a FROM t", False),
        ("SELECT a FROM t ORDER BY a -- LIMIT 5\n;", "SELECT a FROM t ", False),
        ("SELECT a FROM t ORDER BY a LIMIT 5", "SELECT a FROM t ORDER BY a LIMIT 5", True),
        ("SELECT a FROM t ORDER BY a OFFSET 5", "SELECT a FROM t ORDER BY a OFFSET 5", True),
        (
            "SELECT a FROM t ORDER BY a FETCH FIRST 5 ROWS ONLY",
            "SELECT a FROM t ORDER BY a FETCH FIRST 5 ROWS ONLY",
            True,
        ),
        ("SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b", "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b", True),
        ("SELECT a, count(*) FROM t GROUP BY a ORDER BY 1", "SELECT a, count(*) FROM t GROUP BY a ", True),
        ("SELECT rank() OVER (ORDER BY a) FROM t", "SELECT rank() OVER (ORDER BY a) FROM t", False),
        ("WITH q AS (SELECT a FROM t GROUP BY a LIMIT 3) SELECT * FROM q", None, False),
        ("SELECT 'ORDER BY' AS \"ORDER BY\" FROM t", None, False),
        ("SELECT a FROM t UNION ALL SELECT b FROM u ORDER BY 1", "SELECT a FROM t UNION ALL SELECT b FROM u ", False),
    ],
)
def test_shape(sql: str, plain: str | None, aggregated: bool) -> None:
    shape = read_shape(sql, "postgres")
    assert (shape.plain, shape.aggregated) == (sql if plain is None else plain, aggregated)


def test_shape_knows_the_parameters() -> None:
    shape = read_shape("SELECT at::date, ':no' FROM t WHERE at >= :from AND at < :to AND r = :region", "postgres")
    assert shape.names == {"from", "to", "region"}


NUMBER = Column("n", ColumnKind.NUMBER, "int4")
DAY = Column("day", ColumnKind.DATE, "date")


@pytest.mark.parametrize(
    ("columns", "options", "axes"),
    [
        ((AT, VALUE), {}, Axes(0, (1,), None)),
        ((VALUE, AT), {}, Axes(1, (0,), None)),
        ((AT, REGION, VALUE), {}, Axes(0, (2,), 1)),
        ((AT, VALUE, NUMBER), {}, Axes(0, (1, 2), None)),
        ((AT, VALUE, NUMBER), {"y": "n"}, Axes(0, (2,), None)),
        ((AT, VALUE, NUMBER), {"y": ["n"], "series": "at"}, None),
        ((DAY, VALUE), {}, Axes(0, (1,), None)),
        ((NUMBER, VALUE), {}, Axes(0, (1,), None)),
        ((REGION, VALUE), {}, None),  # categories
        ((VALUE,), {}, None),  # the row number
        ((AT, REGION), {}, None),
        ((AT, VALUE, VALUE), {}, None),  # one name twice
        ((AT, VALUE), {"x": "gone"}, None),
    ],
)
def test_axes(columns: tuple[Column, ...], options: dict[str, Any], axes: Axes | None) -> None:
    found = find_axes(columns, options)
    if options.get("series") == "at":  # the axis is then what is left
        assert found is None or found.x != 0
    else:
        assert found == axes


@given(st.floats(-1e12, 1e12), st.floats(0, 1e12), st.integers(1, 1000))
def test_steps_of_numbers(low: float, span: float, buckets: int) -> None:
    step = step_for(low, low + span, buckets)
    assert step > 0
    assert math.isfinite(step)
    assert (low + span - low) / step <= buckets * (1 + 1e-9)
    if (low + span - low) / buckets > 1e-9:
        assert step * buckets <= max(1.2 * (low + span - low), 1e-9) or (low + span - low) == 0


@given(st.timedeltas(timedelta(0), timedelta(days=4000)), st.integers(1, 1000))
def test_steps_of_times(span: timedelta, buckets: int) -> None:
    step = step_for(START, START + span, buckets)
    assert span.total_seconds() / step <= buckets * (1 + 1e-9)
    assert step >= 0.001


@pytest.mark.parametrize("dialect", ["postgres", "duckdb"])
@pytest.mark.parametrize(
    "columns", [(AT, VALUE), (AT, REGION, VALUE), (DAY, VALUE), (NUMBER, VALUE), (AT, VALUE, NUMBER)]
)
@pytest.mark.parametrize("without_nan", [True, False])
def test_the_wrapped_query_passes_the_guard(dialect: Dialect, columns: tuple[Column, ...], without_nan: bool) -> None:
    names = ", ".join('"' + column.name.replace('"', '""') + '"' for column in columns)
    shape = read_shape(f"SELECT {names} FROM t -- the end", dialect)
    axes = find_axes(columns, {})
    assert axes is not None
    low, high = (0.0, 1e6) if columns[0] is NUMBER else (START, END)
    plan = wrap(shape, dialect, columns, axes, low, high, 200, without_nan=without_nan)
    checked = guard.check(plan.sql, guard.Policy(dialect))
    assert set(checked.names) == set(plan.params)


def test_expand_keeps_extremes_and_the_last_value_of_each_series() -> None:
    columns = (AT, REGION, VALUE)
    axes = Axes(0, (2,), 1)
    plan = wrap(read_shape("SELECT 1", "postgres"), "postgres", columns, axes, START, END, 2)
    first, second = START, START + timedelta(hours=12)
    answer = Result(
        (),
        (
            (first, "n", 10, 1.0, 9.0, None),
            (first, "s", 1, 4.0, 4.0, None),
            (second, "n", 5, 2.0, 8.0, 5.0),
            ("infinity", "n", 7, 0.0, 0.0, 0.0),
        ),
        0.5,
    )
    result, reduced = expand(plan, answer)
    assert result.columns == columns
    assert list(result.rows) == [
        (first, "n", 1.0), (first, "n", 9.0), (first, "s", 4.0), (second, "n", 2.0), (second, "n", 8.0),
    ]  # fmt: skip
    assert (reduced.buckets, reduced.raw_rows, result.took) == (2, 23, 0.5)
    result, _ = expand(plan, Result((), answer.rows[:3]))
    assert list(result.rows)[-1] == (second, "n", 5.0)


def test_expand_of_days_and_of_numbers() -> None:
    plan = wrap(read_shape("SELECT 1", "duckdb"), "duckdb", (DAY, VALUE), Axes(0, (1,), None), START, END, 24)
    result, _ = expand(
        plan, Result((), ((date(2026, 1, 1).toordinal(), 1, 1.0, 1.0, None), (math.nan, 1, 1.0, 1.0, None)))
    )
    assert result.columns[0] == Column("day", ColumnKind.TIME, "timestamp")
    assert [type(row[0]) for row in result.rows] == [datetime]
    plan = wrap(read_shape("SELECT 1", "postgres"), "postgres", (NUMBER, VALUE), Axes(0, (1,), None), 0.0, 100.0, 10)
    result, _ = expand(plan, Result((), ((3.0, 2, 1.0, 2.0, None),)))
    assert list(result.rows) == [(30.0, 1.0), (30.0, 2.0)]
