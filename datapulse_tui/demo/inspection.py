"""Looking at the demo without a screen: who and what it has, whether every widget's query runs and can be drawn, and
whether every rule can be evaluated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import text

from datapulse_tui.alerts import parameters
from datapulse_tui.alerts.evaluation.readings import read
from datapulse_tui.alerts.reads.rules import get_rule, list_rules
from datapulse_tui.charts.draw import draw
from datapulse_tui.charts.theme import DARK
from datapulse_tui.dashboards.reads import DashboardView, WidgetView, get_dashboard, list_dashboards
from datapulse_tui.dashboards.rules import box_of
from datapulse_tui.dashboards.runner import Runner
from datapulse_tui.demo.cast import PASSWORD
from datapulse_tui.demo.making import MAKER
from datapulse_tui.demo.sampler import sample_forever
from datapulse_tui.demo.tables import demo_url
from datapulse_tui.demo.workspace import sample_folder
from datapulse_tui.errors import DataPulseError, Unavailable
from datapulse_tui.people.actors import actor_for
from datapulse_tui.sources.pool import Sources
from datapulse_tui.sources.reads import source_handle
from datapulse_tui.sources.service import check_source

if TYPE_CHECKING:
    from datapulse_tui.alerts.reads.rules import RuleDetail
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.connect import Connection

SAMPLES_WANTED = 3
_FRAME = 2  # cells around a picture: title and provenance, and a gap on each side
_PATIENCE = 30.0  # seconds until the first samples must be there
_PEOPLE = """
SELECT u.email, u.name, u.role, u.status, d.name AS department
FROM users u LEFT JOIN departments d ON d.id = u.department_id ORDER BY u.role, u.email
"""
_SOURCES = "SELECT name, type FROM data_sources ORDER BY name"


@dataclass(frozen=True, slots=True)
class PersonReport:
    """A sample person, and the dashboards that they see (none before an invited one has accepted)."""

    email: str
    name: str
    role: str
    status: str
    department: str | None
    dashboards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A source that was asked just now. `problem` says why it did not answer."""

    name: str
    type: str
    status: str
    version: str
    tables: tuple[str, ...]
    warnings: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class WidgetReport:
    """A widget that was run and drawn just now. `ms` is None for text; `problem` is empty when all is well."""

    title: str
    type: str
    source: str
    rows: int
    ms: float | None
    problem: str


@dataclass(frozen=True, slots=True)
class DashboardReport:
    """A dashboard with its widgets."""

    name: str
    owner: str
    public: bool
    widgets: tuple[WidgetReport, ...]


@dataclass(frozen=True, slots=True)
class RuleReport:
    """An alert rule whose query was run just now, with the series that it brought. `problem` is empty when it can be
    evaluated."""

    name: str
    owner: str
    source: str
    severity: str
    condition: str
    interval_seconds: int
    series: int
    problem: str


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Everything that the demo has. `ok` when every source answered, every widget was drawn and every rule can be
    evaluated."""

    home: Path
    password: str
    people: tuple[PersonReport, ...]
    sources: tuple[SourceReport, ...]
    dashboards: tuple[DashboardReport, ...]
    rules: tuple[RuleReport, ...]
    ok: bool


async def inspect(connection: Connection, *, width: int = 120, row_height: int = 3) -> DemoReport:
    """Look at the demo that is open on `connection`, sampling its database meanwhile.

    Pictures are drawn as large as each widget is on a desk of `width` cells with grid rows of `row_height` lines.
    Raises Unavailable when no sample of the statistics comes.
    """
    sources = Sources.from_settings(connection.settings)
    runner = Runner.from_settings(connection.data, sources, connection.settings)
    try:
        async with sampling(connection):
            people = await _people(connection)
            found = [await _source(connection, sources, name, kind) for name, kind in await _source_names(connection)]
            dashboards = []
            for view in await _views(connection, MAKER):
                actor = await _actor(connection, view.owner_email)
                widgets = [await run_widget(runner, actor, view, each, width, row_height) for each in view.widgets]
                dashboards.append(DashboardReport(view.name, view.owner_email, view.is_public, tuple(widgets)))
            rules = [await _rule(connection, sources, each) for each in await _rules(connection)]
    finally:
        await sources.close()
    well = not any(each.problem for each in found)
    watched = not any(each.problem for each in rules)
    drawn = not any(widget.problem for each in dashboards for widget in each.widgets)
    return DemoReport(
        connection.settings.home,
        PASSWORD,
        tuple(people),
        tuple(found),
        tuple(dashboards),
        tuple(rules),
        well and drawn and watched and bool(dashboards) and bool(rules),
    )


@asynccontextmanager
async def sampling(connection: Connection) -> AsyncIterator[None]:
    """Sample the database within the block, which begins when there are some samples. Raises Unavailable."""
    monitor = connection.addresses.monitor
    if monitor is None:
        raise ValueError("a demo lives on the embedded server")
    stop = asyncio.Event()
    folder = sample_folder(connection.settings.home)
    task = asyncio.create_task(sample_forever(monitor, demo_url(connection.addresses.owner), folder, stop))
    try:
        await _wait_for_samples(connection)
        yield
    finally:
        stop.set()
        await task


async def run_widget(
    runner: Runner, actor: Actor, view: DashboardView, widget: WidgetView, width: int, row_height: int
) -> WidgetReport:
    """Run `widget` and draw it as large as it is on a desk of `width` cells with grid rows of `row_height` lines."""
    now = datetime.now(UTC)
    box = box_of(widget.position, width, row_height)
    size = (max(1, box.width - _FRAME), max(1, box.height - _FRAME))
    started = time.perf_counter()
    try:
        answer = await runner.run(actor, view, widget, width=size[0], now=now)
    except DataPulseError as error:
        problem = f"{error.message} {error.hint}".strip()
        return WidgetReport(widget.title, widget.type, widget.source_name, 0, None, problem)
    took = None if widget.type == "text" else round((time.perf_counter() - started) * 1000, 1)
    zone = ZoneInfo(actor.zone)
    picture = draw(
        answer.result, widget.type, widget.options, width=size[0], height=size[1], theme=DARK, zone=zone, now=now
    )
    return WidgetReport(widget.title, widget.type, widget.source_name, answer.rows, took, picture.problem)


async def _wait_for_samples(connection: Connection) -> None:
    from datapulse_tui.demo.sampler import connect

    deadline = time.monotonic() + _PATIENCE
    reader = await connect(demo_url(connection.addresses.owner), "datapulse demo")
    async with reader:
        while time.monotonic() < deadline:
            cursor = await reader.execute(
                "SELECT count(*) FROM (SELECT FROM demo.pg_samples LIMIT %s) s", (SAMPLES_WANTED,)
            )
            row = await cursor.fetchone()
            if row is not None and row[0] == SAMPLES_WANTED:
                return
            await asyncio.sleep(0.1)
    raise Unavailable(
        "The demo's sampler brought no sample of the statistics.", hint="Look into the log of the database."
    )


async def _people(connection: Connection) -> list[PersonReport]:
    async with connection.data.reading() as session:
        rows = (await session.execute(text(_PEOPLE))).all()
    found = []
    for row in rows:
        seen: tuple[str, ...] = ()
        if row.status == "active":
            async with connection.data.reading() as session:
                page = await list_dashboards(session, await actor_for(session, row.email))
            seen = tuple(each.name for each in page.items)
        found.append(PersonReport(row.email, row.name, row.role, row.status, row.department, seen))
    return found


async def _source_names(connection: Connection) -> list[tuple[str, str]]:
    async with connection.data.reading() as session:
        return [(row.name, row.type) for row in (await session.execute(text(_SOURCES))).all()]


async def _source(connection: Connection, sources: Sources, name: str, kind: str) -> SourceReport:
    try:
        found = await check_source(connection.data, sources, MAKER, name)
    except DataPulseError as error:
        return SourceReport(name, kind, "error", "", (), (), error.message)
    tables = tuple(f"{each.schema}.{each.name}".lstrip(".") for each in found.schema.tables)
    return SourceReport(name, kind, "connected", found.check.version, tables, found.check.warnings, "")


async def _rules(connection: Connection) -> list[RuleDetail]:
    async with connection.data.reading() as session:
        page = await list_rules(session, MAKER)
        return [await get_rule(session, MAKER, row.id) for row in page.items]


async def _rule(connection: Connection, sources: Sources, rule: RuleDetail) -> RuleReport:
    """Run the rule's query as an evaluation now would."""
    row, spec = rule.row, rule.spec
    series, problem = 0, ""
    try:
        async with connection.data.reading() as session:
            handle = await source_handle(session, row.source)
        params = parameters.values(datetime.now(UTC), spec.window)
        reading = read(await sources.run(handle, rule.query_sql, params), spec.metric, spec.label_columns)
        series, problem = len(reading.values), reading.problem
    except DataPulseError as error:
        problem = error.message
    return RuleReport(
        row.name, row.owner.email, row.source, row.severity, row.condition, row.interval_seconds, series, problem
    )


async def _views(connection: Connection, actor: Actor) -> list[DashboardView]:
    async with connection.data.reading() as session:
        page = await list_dashboards(session, actor)
        return [await get_dashboard(session, actor, row.id) for row in page.items]


async def _actor(connection: Connection, email: str) -> Actor:
    async with connection.data.reading() as session:
        return await actor_for(session, email)
