"""Widgets run on a real PostgreSQL source and a CSV source."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from PIL import Image
from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.charts.theme import NONE
from datapulse_tui.dashboards.images import ImageRules
from datapulse_tui.dashboards.reads import DashboardView
from datapulse_tui.dashboards.render import inner_width, render
from datapulse_tui.dashboards.runner import Runner, WidgetAnswer
from datapulse_tui.dashboards.timerange import TimeRange
from datapulse_tui.data.database import Database
from datapulse_tui.data.result import ColumnKind, Result
from datapulse_tui.errors import DataPulseError, Invalid, NotFound, Unavailable
from datapulse_tui.sources.pool import Sources
from tests.dashboards.conftest import People
from tests.dashboards.test_service import chart, get, grant, note, put
from tests.databases import dsn

NOW = datetime(2026, 1, 2, tzinfo=UTC)
POINTS = 20_000
# One point in 4 s over the day before NOW; 20 waves, and three spikes that every reduction must keep.
FILL = f"""
INSERT INTO points SELECT timestamptz '2026-01-01' + i * interval '86400 s' / {POINTS}, (ARRAY['n', 's'])[1 + i % 2],
    CASE WHEN i IN (777, 10001, 19998) THEN 1000 + i ELSE sin(i * 20 * 6.2831853 / {POINTS}) END, i, date '2026-01-01'
FROM generate_series(0, {POINTS - 1}) i
"""
SPIKES = {1777.0, 11001.0, 20998.0}


@pytest.fixture
def runner(data: Database, sources: Sources, csv_folder: Path) -> Runner:
    return Runner(data, sources, images=ImageRules([csv_folder]))


@pytest.fixture
async def ana(data: Database, person: People, warehouse: str) -> Actor:
    with psycopg.connect(dsn(warehouse), autocommit=True) as connection:
        connection.execute(FILL)
        connection.execute("ANALYZE points")
    ana = await person("ana")
    await grant(data, ana)
    return ana


async def made(data: Database, actor: Actor, *widgets: dict[str, Any], **more: Any) -> DashboardView:
    placed = [{**each, "position": {"x": 0, "y": index * 10, "w": 12, "h": 8}} for index, each in enumerate(widgets)]
    await put(data, actor, {"name": "D", "widgets": placed, **more})
    return await get(data, actor, "D")


def points(answer: WidgetAnswer) -> Result:
    assert isinstance(answer.result, Result)
    return answer.result


async def test_time_range_and_variables_reach_sql_as_parameters(data: Database, runner: Runner, ana: Actor) -> None:
    sql = (
        "SELECT :from AS f, :to AS t, :bucket AS b, :region AS region, :least AS least,\n"
        "pg_typeof(:from)::text, pg_typeof(:bucket)::text, count(*) FROM points\n"
        "WHERE at >= :from AND at < :to AND region = :region -- not :this\n"
    )
    variables = [
        {"name": "region", "type": "choice", "options": ["n", "s", "'; DROP TABLE points --"]},
        {"name": "least", "type": "number", "default": 0.5},
    ]
    view = await made(data, ana, {**chart("Q", sql), "type": "table"}, variables=variables, time_range="6h")
    answer = await runner.run(ana, view, view.widgets[0], width=100, now=NOW)
    row = points(answer).rows[0]
    assert row[:2] == (NOW - timedelta(hours=6), NOW)
    assert row[2:7] == ("00:05:00", "n", 0.5, "timestamp with time zone", "interval")
    assert row[7] == POINTS / 8
    assert (answer.rows, answer.truncated, answer.source_name, answer.sql) == (1, False, "warehouse", sql.strip())
    assert (answer.start, answer.end, answer.ran_at) == (NOW - timedelta(hours=6), NOW, NOW)
    hostile = "'; DROP TABLE points --"
    chosen = TimeRange.parse("24h")
    answer = await runner.run(
        ana, view, view.widgets[0], time_range=chosen, variables={"region": hostile}, width=50, now=NOW
    )
    assert points(answer).rows[0][2:4] == ("00:30:00", hostile)
    with pytest.raises(Invalid, match="cannot be 'west'"):
        await runner.run(ana, view, view.widgets[0], variables={"region": "west"}, width=50, now=NOW)


async def test_an_axis_shows_the_time_range_to_which_a_query_keeps(data: Database, runner: Runner, ana: Actor) -> None:
    kept = "SELECT at, value FROM points WHERE at >= :from AND at < :to LIMIT 3"
    free = "SELECT at, value FROM points LIMIT 3 -- not :from :to"
    for_chart, for_bars, all_time, rows = (
        chart("kept", kept),
        {**chart("bars", kept), "type": "bar_chart"},
        chart("free", free),
        {**chart("rows", kept), "type": "table"},
    )
    view = await made(data, ana, for_chart, for_bars, all_time, rows, time_range="6h")
    spans = {}
    for widget in view.widgets:
        spans[widget.title] = (await runner.run(ana, view, widget, width=60, now=NOW)).span
    six_hours = (NOW - timedelta(hours=6), NOW)
    assert spans == {"kept": six_hours, "bars": six_hours, "free": None, "rows": None}


async def test_a_long_series_is_reduced_in_the_source(data: Database, runner: Runner, ana: Actor) -> None:
    sql = "SELECT at, value FROM points WHERE at >= :from AND at < :to ORDER BY at"
    view = await made(data, ana, chart("Q", sql), time_range="24h")
    answer = await runner.run(ana, view, view.widgets[0], width=100, now=NOW)
    result = points(answer)
    assert answer.reduced is not None
    assert answer.reduced.raw_rows == POINTS
    assert 150 <= answer.reduced.buckets <= 201
    assert len(result.rows) <= 2 * answer.reduced.buckets + 1
    assert result.names == ("at", "value")
    values = [row[1] for row in result.rows]
    assert set(values) >= SPIKES
    assert min(values) == pytest.approx(-1, abs=1e-3)
    times = [row[0] for row in result.rows]
    assert times == sorted(times)
    assert times[0] >= NOW - timedelta(hours=24, minutes=8)
    exact = await runner.run(ana, view, view.widgets[0], width=100, now=NOW, exact=True)
    assert exact.reduced is None
    assert exact.truncated
    # A shorter range brings fewer points than a chart can show: all of them come, in order.
    short = await runner.run(ana, view, view.widgets[0], time_range=TimeRange.parse("1h"), width=100, now=NOW)
    assert short.reduced is None
    assert short.rows == pytest.approx(POINTS / 24, abs=1)


async def test_a_refresh_of_a_long_series_is_one_query(
    data: Database, sources: Sources, runner: Runner, ana: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT at, value FROM points"
    view = await made(data, ana, chart("Q", sql))
    ran: list[str] = []
    real = sources.run

    async def counted(handle: Any, text: str, params: Any = None, **options: Any) -> Result:
        ran.append(text)
        return await real(handle, text, params, **options)

    monkeypatch.setattr(sources, "run", counted)
    first = await runner.run(ana, view, view.widgets[0], width=100, now=NOW)
    assert len(ran) == 3  # a look at the first rows, the ends of the axis, the stretches
    second = await runner.run(ana, view, view.widgets[0], width=100, now=NOW + timedelta(seconds=5))
    assert len(ran) == 4
    assert points(first).rows == points(second).rows


@pytest.mark.parametrize(
    ("columns", "x_type"),
    [("at, region, value", datetime), ("amount, value", float), ("at::timestamp AS at, amount, value", datetime),
     ("(date '2000-01-01' + (amount / 10)::int) AS day, value", datetime)],
)  # fmt: skip
async def test_series_of_every_kind_of_axis(
    data: Database, runner: Runner, ana: Actor, columns: str, x_type: type
) -> None:
    view = await made(data, ana, chart("Q", f"SELECT {columns} FROM points"))
    answer = await runner.run(ana, view, view.widgets[0], width=80, now=NOW)
    result = points(answer)
    assert answer.reduced is not None
    assert answer.reduced.raw_rows == POINTS
    assert {type(row[0]) for row in result.rows} == {x_type}
    assert {row[-1] for row in result.rows} >= SPIKES
    if "region" in columns:
        assert {row[1] for row in result.rows} == {"n", "s"}
    if "timestamp" in columns:
        assert {type(row[1]) for row in result.rows} == {Decimal, float}
        assert result.rows[0][0].tzinfo is None


async def test_nan_hides_no_spike_and_nulls_are_gaps(
    data: Database, runner: Runner, ana: Actor, warehouse: str
) -> None:
    with psycopg.connect(dsn(warehouse), autocommit=True) as connection:
        connection.execute("UPDATE points SET value = 'NaN' WHERE amount % 10 = 0")
        connection.execute("UPDATE points SET value = NULL, at = 'infinity' WHERE amount % 10 = 5")
    view = await made(
        data, ana, chart("Q", "SELECT at, value FROM points WHERE at >= :from AND at < :to OR isfinite(at) = false")
    )
    for _ in range(2):
        answer = await runner.run(ana, view, view.widgets[0], width=100, now=NOW)
        assert answer.reduced is not None
        assert {row[1] for row in points(answer).rows} >= SPIKES


async def test_a_query_that_cannot_be_wrapped_still_brings_its_points(
    data: Database, runner: Runner, ana: Actor
) -> None:
    for sql in (
        "SELECT region, value FROM points",  # categories
        "SELECT at, value, value FROM points",  # one name twice
    ):
        view = await made(data, ana, chart("Q", sql))
        answer = await runner.run(ana, view, view.widgets[0], width=100, now=NOW)
        assert answer.reduced is None
        assert answer.rows == POINTS


async def test_categories_keep_the_order_of_the_query(data: Database, runner: Runner, ana: Actor) -> None:
    sql = "SELECT name, size FROM (VALUES ('b', 1), ('c', 3), ('a', 2)) AS t (name, size) ORDER BY size DESC"
    view = await made(data, ana, chart("Q", sql))
    answer = await runner.run(ana, view, view.widgets[0], width=100, now=NOW)
    assert [row[0] for row in points(answer).rows] == ["c", "a", "b"]


async def test_a_csv_source(data: Database, runner: Runner, ana: Actor, files: Path) -> None:
    with (files / "usage.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ts", "host", "busy"])
        start = datetime(2026, 1, 1, tzinfo=UTC)
        for index in range(12_000):
            at = (start + timedelta(seconds=7 * index)).strftime("%Y-%m-%d %H:%M:%S")
            writer.writerow([at, "ab"[index % 2], 5000 + index if index in (17, 9_001) else index % 100])
    operator = Actor(None, "operator:x@y", everything=True)
    sql = "SELECT ts, host, busy FROM usage WHERE ts >= :from AND ts < :to ORDER BY ts"
    widget = chart("Q", sql, "files")
    counted = {**chart("C", "SELECT host, count(*) FROM usage GROUP BY 1 ORDER BY 1", "files"), "type": "bar_chart"}
    place = {"x": 0, "y": 20, "w": 6, "h": 4}
    await put(data, operator, {"name": "F", "widgets": [widget, {**counted, "position": place}]}, owner_id=ana.user_id)
    view = await get(data, ana, "F")
    lines, bars = [await runner.run(ana, view, each, width=100, now=NOW) for each in view.widgets]
    assert lines.reduced is not None
    assert lines.reduced.raw_rows == 12_000
    result = points(lines)
    assert {row[2] for row in result.rows} >= {5017, 14_001}
    assert result.columns[0].kind is ColumnKind.TIME
    assert points(bars).rows == (("a", 6_000), ("b", 6_000))


async def test_messages_of_failures(data: Database, runner: Runner, ana: Actor) -> None:
    view = await made(
        data, ana, chart("Q", "SELECT at, nothing FROM points"), chart("R", "SELECT 1 / 0 AS v"), note("T")
    )
    with pytest.raises(Invalid, match="nothing"):
        await runner.run(ana, view, view.widgets[0], width=80, now=NOW)
    with pytest.raises(DataPulseError, match="zero"):
        await runner.run(ana, view, view.widgets[1], width=80, now=NOW)
    assert (await runner.run(ana, view, view.widgets[2], width=80, now=NOW)).result is None
    with pytest.raises(NotFound, match="source of this widget was deleted"):
        await runner.run(ana, view, replace(view.widgets[0], source_id=None), width=80, now=NOW)
    with pytest.raises(NotFound, match="gone"):
        await runner.run(ana, view, replace(view.widgets[0], source_id=uuid4()), width=80, now=NOW)
    broken = replace(view.widgets[0], options={"y": 5})
    with pytest.raises(DataPulseError):
        await runner.run(ana, view, broken, width=80, now=NOW)


async def test_sources_are_made_ready_with_the_dashboard(data: Database, runner: Runner, ana: Actor) -> None:
    view = await made(data, ana, chart("Q", "SELECT at, value FROM points LIMIT 1"), note("T"))
    async with data.glance() as reader:
        await runner.expect(reader, view)
    async with data.transaction() as session:  # who asks for it again within a few seconds gets what was read
        await session.execute(text("UPDATE data_sources SET name = 'renamed'"))
    assert len(points(await runner.run(ana, view, view.widgets[0], width=80, now=NOW)).rows) == 1
    async with data.transaction() as session:
        await session.execute(text("UPDATE data_sources SET connection_config = '{}'"))
    async with data.glance() as reader:
        await runner.expect(reader, view)  # what is wrong with a source is said by its widgets
        await runner.expect(reader, replace(view, widgets=()))
    with pytest.raises(DataPulseError):
        await runner.run(ana, view, view.widgets[0], width=80, now=NOW)


async def test_a_failure_of_our_own_is_told_without_details(
    data: Database,
    sources: Sources,
    runner: Runner,
    ana: Actor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(*_: object, **__: object) -> Result:
        raise RuntimeError("password=hunter2")

    view = await made(data, ana, {**chart("Q", "SELECT 1"), "type": "table"})
    monkeypatch.setattr(sources, "run", broken)
    with pytest.raises(Unavailable, match="could not be run") as caught:
        await runner.run(ana, view, view.widgets[0], width=80, now=NOW)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" in caplog.text


def running(warehouse: str) -> int:
    with psycopg.connect(dsn(warehouse), autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate\\_series(1, 30000%'"
            " AND pid <> pg_backend_pid()"
        ).fetchone()
    return int(row[0]) if row else 0


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (the server tells nobody)
            await asyncio.sleep(0.02)


async def test_cancelling_ends_the_query_in_the_source(
    data: Database, runner: Runner, ana: Actor, warehouse: str
) -> None:
    slow = "SELECT count(*) FROM generate_series(1, 30000) a, generate_series(1, 30000) b"
    view = await made(
        data, ana, {**chart("Q", slow), "type": "table"}, chart("S", f"SELECT at, ({slow}) AS n FROM points")
    )
    for widget in view.widgets:
        task = asyncio.create_task(runner.run(ana, view, widget, width=80, now=NOW))
        await until(lambda: running(warehouse) == 1)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: running(warehouse) == 0)
        assert time.monotonic() - started < 20  # it would take hours


async def test_all_widgets_at_once_and_the_whole_picture(data: Database, runner: Runner, ana: Actor) -> None:
    view = await made(
        data, ana, chart("Waves", "SELECT at, value FROM points WHERE value < 2"), note("Words"),
        {**chart("Bad", "SELECT nothing"), "type": "table"},
        {**chart("Count", "SELECT count(*) AS n FROM points"), "type": "metric_card"}, refresh="30s",
    )  # fmt: skip
    widths = {widget.id: inner_width(widget, 100) for widget in view.widgets}
    answers = await runner.run_all(ana, view, widths, now=NOW)
    assert [type(answers[each.id]).__name__ for each in view.widgets] == [
        "WidgetAnswer", "WidgetAnswer", "Invalid", "WidgetAnswer",
    ]  # fmt: skip
    picture = render(view, answers, width=100, row_height=2, theme=NONE, zone=ZoneInfo("UTC"), now=NOW)
    text = picture.to_text()
    assert {len(line) for line in text.splitlines()} == {100}
    assert text.splitlines()[0].startswith("D  last 24 h")
    assert "Waves" in text
    assert "19,997 rows in" in text
    assert "1 row · warehouse" in text
    assert "nothing" in text


async def test_choices_of_a_variable(data: Database, runner: Runner, ana: Actor) -> None:
    variables = [
        {
            "name": "region",
            "type": "choice",
            "options": {"source": "warehouse", "query": "SELECT region FROM points LIMIT 9"},
        },
        {"name": "size", "type": "choice", "options": ["s", 5]},
    ]
    view = await made(data, ana, variables=variables)
    assert await runner.options(ana, view, view.variables[0], now=NOW) == ("n", "s")
    assert await runner.options(ana, view, view.variables[1], now=NOW) == ("s", 5)


async def test_an_image_from_an_allowed_folder(data: Database, runner: Runner, ana: Actor, csv_folder: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(csv_folder / "logo.png")
    image = {**note("I"), "type": "image", "config": {"source": "logo.png"}}
    view = await made(data, ana, image)
    answer = await runner.run(ana, view, view.widgets[0], width=80, now=NOW)
    assert isinstance(answer.result, bytes)
    assert Image.open(io.BytesIO(answer.result)).size == (8, 8)
