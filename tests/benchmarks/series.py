"""A series of a million points drawn at 100x25, against the bare query that fetches its buckets.

Ours is what a widget does: `Runner.run` and `draw`. Theirs is the faster of two: the very SQL that ours sends for the
buckets, and the plain GROUP BY that a person would write (lowest and highest value of each stretch). The first run of a
query looks at it before; a repeated run (refresh) knows what to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import psycopg

from datapulse_tui.audit.actor import Actor
from datapulse_tui.charts.draw import draw
from datapulse_tui.charts.theme import DARK
from datapulse_tui.dashboards.bucketing import BUCKETS_A_CELL
from datapulse_tui.dashboards.reads import DashboardView, WidgetView, find_dashboard, get_dashboard
from datapulse_tui.dashboards.runner import Runner
from datapulse_tui.data.connect import Connection, connect
from datapulse_tui.data.result import Result
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.sources.pool import SourceHandle, Sources
from tests.benchmarks.bench_workspace import (
    END,
    POINTS,
    START,
    TIME_RANGE,
    BenchWorkspace,
    bare_duckdb,
    bench_workspace,
    typed_csv,
)
from tests.benchmarks.figures import against

WIDTH, HEIGHT = 100, 25
TARGET = 1.5
COLUMNS = {"taken": "TIMESTAMP", "sensor": "VARCHAR", "value": "DOUBLE"}
QUERY = "SELECT taken, value FROM points WHERE taken >= :from AND taken < :to ORDER BY taken"
DOCUMENT = f"""
name: Series
time_range: {TIME_RANGE}
widgets:
  - title: table
    type: line_chart
    source: warehouse
    query: "{QUERY}"
    config: {{}}
    position: {{x: 0, y: 0, w: 6, h: 4}}
  - title: file
    type: line_chart
    source: files
    query: "{QUERY}"
    config: {{}}
    position: {{x: 6, y: 0, w: 6, h: 4}}
"""
STEP = (END - START).total_seconds() / (WIDTH * BUCKETS_A_CELL)


class Listening(Sources):
    """Remembers the last query that was sent: the one for the buckets."""

    sent: tuple[str, dict[str, object]] = ("", {})

    async def run(
        self,
        source: SourceHandle,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        limit: int = 10_000,
        timeout: float = 30,
        tag: str = "",
    ) -> Result:
        self.sent = sql, dict(params or {})
        return await super().run(source, sql, params, limit=limit, timeout=timeout, tag=tag)


@dataclass
class Times:
    """Seconds, a value a round."""

    first: list[float] = field(default_factory=list)
    repeat: list[float] = field(default_factory=list)
    same_sql: list[float] = field(default_factory=list)
    plain_sql: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        """Both runs against the faster of the two bare queries."""
        bare = min(self.same_sql, self.plain_sql, key=lambda values: sorted(values)[len(values) // 2])
        return {
            "first_run_s": against(self.first, bare, TARGET),
            "repeat_run_s": against(self.repeat, bare, TARGET),
            "bare_is": "the SQL that ours sends" if bare is self.same_sql else "a plain GROUP BY",
        }


@dataclass
class Stand:
    """What a round works with."""

    connection: Connection
    sources: Listening
    actor: Actor
    view: DashboardView

    def runner(self) -> Runner:
        """One that remembers nothing yet; the sources stay connected."""
        return Runner(self.connection.data, self.sources)

    async def picture(self, runner: Runner, widget: WidgetView) -> float:
        """Seconds from the question to the picture."""
        started = time.perf_counter()
        answer = await runner.run(self.actor, self.view, widget, width=WIDTH, now=END)
        picture = draw(
            answer.result,
            widget.type,
            widget.options,
            width=WIDTH,
            height=HEIGHT,
            theme=DARK,
            zone=ZoneInfo("UTC"),
            now=END,
        )
        took = time.perf_counter() - started
        if picture.problem or answer.reduced is None or answer.reduced.raw_rows != POINTS:
            raise AssertionError(f"not the picture that was to be measured: {picture.problem} {answer.reduced}")
        return took


def measure(rounds: int) -> dict[str, object]:
    """A PostgreSQL table, and a CSV file through DuckDB."""
    with bench_workspace(DOCUMENT) as workspace:
        times = asyncio.run(_measure(workspace, rounds))
    return {"postgresql": times["table"].figures(), "csv": times["file"].figures()}


async def _measure(workspace: BenchWorkspace, rounds: int) -> dict[str, Times]:
    connection = await connect(workspace.settings)
    sources = Listening(SecretBox.from_settings(workspace.settings), csv_folders=[workspace.files])
    duck = bare_duckdb(2, 512)
    duck.execute(f"CREATE VIEW points AS SELECT * FROM {typed_csv(workspace.files / 'points.csv', COLUMNS)}")
    postgres = psycopg.connect(workspace.dsn, autocommit=True, cursor_factory=psycopg.RawCursor)
    try:
        actor = await workspace.actor(connection)
        async with connection.data.reading() as session:
            view = await get_dashboard(session, actor, await find_dashboard(session, actor, "Series"))
        stand = Stand(connection, sources, actor, view)
        times = {"table": Times(), "file": Times()}
        bare: dict[str, Callable[[str, dict[str, object]], float]] = {
            "table": lambda sql, values: _on_postgres(postgres, sql, values),
            "file": lambda sql, values: _on_duckdb(duck, sql, values),
        }
        for number in range(rounds + 1):
            for widget in view.widgets:
                found = times[widget.title] if number else Times()  # the first round opens connections and files
                runner = stand.runner()
                found.first.append(await stand.picture(runner, widget))
                found.same_sql.append(bare[widget.title](*sources.sent))
                found.repeat.append(await stand.picture(runner, widget))
                found.plain_sql.append(bare[widget.title](*_plain(widget.title)))
        return times
    finally:
        postgres.close()
        duck.close()
        await sources.close()
        await connection.data.dispose()


def _plain(kind: str) -> tuple[str, dict[str, object]]:
    bucket = (
        f"floor(extract(epoch FROM taken) / {STEP})" if kind == "table" else f"floor(epoch_us(taken) / {STEP * 1e6})"
    )
    return (
        f"SELECT {bucket} AS b, min(value), max(value) FROM points WHERE taken >= :from AND taken < :to GROUP BY 1",
        {
            "from": START,
            "to": END,
        },
    )


def _numbered(sql: str, values: Mapping[str, object]) -> tuple[str, list[object]]:
    """`:name` as `$1`; the names of this module's queries are in no string and no comment."""
    bound: list[object] = []
    for name in sorted(values, key=len, reverse=True):
        if f":{name}" in sql:
            bound.append(values[name])
            sql = sql.replace(f":{name}", f"${len(bound)}")
    return sql, bound


def _on_postgres(connection: psycopg.Connection[tuple[object, ...]], sql: str, values: dict[str, object]) -> float:
    text, bound = _numbered(sql, values)
    started = time.perf_counter()
    connection.execute(text.encode(), bound).fetchall()
    return time.perf_counter() - started


def _on_duckdb(connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object]) -> float:
    plain = {name: each.replace(tzinfo=None) if isinstance(each, datetime) else each for name, each in values.items()}
    text, bound = _numbered(sql, plain)
    started = time.perf_counter()
    connection.execute(text, bound).fetchall()
    return time.perf_counter() - started
