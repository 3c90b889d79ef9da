"""Running the widgets of a dashboard: time range and variables become bound parameters, the source does the work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.dashboards.bucketing import Reduced
from datapulse_tui.dashboards.images import ImageRules, load_image
from datapulse_tui.dashboards.reads import DashboardView, WidgetView
from datapulse_tui.dashboards.series import SeriesQuery, SeriesReader, keeps_to_range
from datapulse_tui.dashboards.timerange import TimeRange, bucket_size
from datapulse_tui.dashboards.variables import Scalar, Variable, bind
from datapulse_tui.dashboards.web import FetchRules
from datapulse_tui.data.glance import fetch
from datapulse_tui.data.result import Result
from datapulse_tui.errors import DataPulseError, NotFound, Unavailable

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.config import Settings
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.sources.pool import SourceHandle, Sources

log = logging.getLogger(__name__)

TIMEOUT = 30.0  # seconds that one widget's query may take
OPTION_LIMIT = 500  # choices of one variable
ROW_LIMITS = {"bar_chart": 2_000, "pie_chart": 2_000, "table": 1_000, "metric_card": 2_000}
LARGEST_TABLE = 10_000
_SERIES = frozenset({"line_chart", "area_chart"})
_WITH_AXIS = _SERIES | {"bar_chart"}
_HANDLE_BY_ID = "SELECT id, name, type, connection_config FROM data_sources WHERE id = :source"
_HANDLES = "SELECT id, name, type, connection_config FROM data_sources WHERE id = ANY(:sources)"
_HANDLE_BY_NAME = "SELECT id, name, type, connection_config FROM data_sources WHERE name = :source"
_HANDLE_SECONDS = 5.0  # for this long a source's configuration is not read again


@dataclass(frozen=True, slots=True)
class WidgetAnswer:
    """What a widget shows, and where it comes from.

    `result` is a Result, an image's bytes, or None for text (its options hold it). `took` is in seconds. `rows` counts
    those that came; `truncated` says that the source had more. `reduced` is set when a series was reduced in its
    source. `start` and `end` are the time range in UTC; `ranged` says that the query of a chart keeps to it. `sql` is
    the widget's query as its author wrote it.
    """

    result: Result | bytes | None = field(repr=False)
    took: float
    ran_at: datetime
    rows: int
    truncated: bool
    source_name: str
    sql: str
    reduced: Reduced | None
    start: datetime
    end: datetime
    ranged: bool = False

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """What an axis of time shows: the time range where the query keeps to it, else what the data span."""
        return (self.start, self.end) if self.ranged else None


class Runner:
    """Runs widgets for one process. How many queries a source gets at once is bounded by `sources`.

    Whoever may view a dashboard may see its widgets' results: the view that is passed in was read with that check.
    """

    def __init__(self, data: Database, sources: Sources, *, images: ImageRules | None = None) -> None:
        self._data = data
        self._sources = sources
        self._images = images or ImageRules()
        self._series = SeriesReader()
        self._handles: dict[UUID | str, tuple[float, asyncio.Future[SourceHandle]]] = {}

    @classmethod
    def from_settings(cls, data: Database, sources: Sources, settings: Settings) -> Runner:
        """The runner of an installation: its allowed folders and hosts hold for image widgets."""
        hosts = frozenset(host.lower() for host in settings.allowed_hosts)
        return cls(data, sources, images=ImageRules(sources.csv_folders, FetchRules(hosts)))

    async def run(
        self,
        actor: Actor,
        dashboard: DashboardView,
        widget: WidgetView,
        *,
        time_range: TimeRange | None = None,
        variables: Mapping[str, object] | None = None,
        width: int,
        now: datetime,
        exact: bool = False,
        tag: str = "",
    ) -> WidgetAnswer:
        """The answer of one widget, `width` cells wide, at `now` (aware).

        `time_range` and `variables` are the reader's choices over the dashboard's own. `exact` brings the rows
        themselves where a chart would get a reduced series (the table of a zoomed widget). Cancelling the task that
        awaits this, or `Sources.cancel(tag)`, ends the query in the source. Raises DataPulseErrors only.
        """
        start, end = (time_range or dashboard.time_range).resolve(now, ZoneInfo(actor.zone))
        loop = asyncio.get_running_loop()
        started = loop.time()
        reduced: Reduced | None = None
        result: Result | bytes | None = None
        ranged = False
        try:
            if widget.type == "image":
                result = await load_image(str(widget.options.get("source") or ""), self._images)
            elif widget.type != "text":
                params = {**bind(dashboard.variables, variables or {}), **_time_params(start, end, width)}
                handle = await self._handle(widget.source_id)
                if widget.type in _SERIES and not exact:
                    result, reduced = await self._run_series(handle, widget, params, start, end, width, tag)
                else:
                    result = await self._query(handle, widget.query, params, row_limit(widget), tag)
                if widget.type in _WITH_AXIS:
                    dialect = (await self._sources.adapter(handle)).dialect
                    ranged = await asyncio.to_thread(keeps_to_range, widget.query, dialect)
        except DataPulseError:
            raise
        except Exception as error:
            log.exception("the widget %s (%r) failed", widget.id, widget.title)
            raise Unavailable(
                "This widget could not be run, for a reason that is DataPulse's own. Your data is as it was.",
                hint="Refresh it; if it stays, an administrator finds the details in the log file.",
            ) from error
        table = result if isinstance(result, Result) else None
        return WidgetAnswer(
            result=result,
            took=loop.time() - started,
            ran_at=now,
            rows=len(table.rows) if table else 0,
            truncated=table.truncated if table else False,
            source_name=widget.source_name,
            sql=widget.query,
            reduced=reduced,
            start=start,
            end=end,
            ranged=ranged,
        )

    async def expect(self, reader: Reader, dashboard: DashboardView) -> None:
        """Have the sources of a dashboard ready that is about to be run; `reader` reads them with the dashboard.

        Each widget would find its source by itself, but the first ones would have to wait until the screen is painted.
        """
        from datapulse_tui.sources.pool import SourceHandle

        loop = asyncio.get_running_loop()
        wanted = {widget.source_id for widget in dashboard.widgets if widget.source_id is not None}
        for row in await fetch(reader, _HANDLES, {"sources": list(wanted)}) if wanted else ():
            handle = SourceHandle(row.id, row.name, row.type, row.connection_config)
            found: asyncio.Future[SourceHandle] = loop.create_future()
            found.set_result(handle)
            self._handles[handle.id] = (loop.time(), found)
            with suppress(DataPulseError):  # running its widgets says what is wrong
                await self._sources.adapter(handle)

    async def run_all(
        self,
        actor: Actor,
        dashboard: DashboardView,
        widths: Mapping[UUID, int],
        *,
        time_range: TimeRange | None = None,
        variables: Mapping[str, object] | None = None,
        now: datetime,
    ) -> dict[UUID, WidgetAnswer | DataPulseError]:
        """The answer of every widget, or the error in its place, all at once; `widths` are cells by widget id."""

        async def one(widget: WidgetView) -> WidgetAnswer | DataPulseError:
            try:
                return await self.run(
                    actor,
                    dashboard,
                    widget,
                    time_range=time_range,
                    variables=variables,
                    width=widths.get(widget.id, 80),
                    now=now,
                )
            except DataPulseError as error:
                return error

        async with asyncio.TaskGroup() as group:
            tasks = {widget.id: group.create_task(one(widget)) for widget in dashboard.widgets}
        return {widget_id: task.result() for widget_id, task in tasks.items()}

    async def options(
        self, actor: Actor, dashboard: DashboardView, variable: Variable, *, now: datetime
    ) -> tuple[Scalar, ...]:
        """What a choice offers: its list, or the first column of its query, each value once. Raises DataPulseErrors."""
        if not variable.query:
            return variable.options
        start, end = dashboard.time_range.resolve(now, ZoneInfo(actor.zone))
        handle = await self._handle(variable.source_name)
        result = await self._query(handle, variable.query, _time_params(start, end, 100), OPTION_LIMIT, "")
        found = dict.fromkeys(row[0] for row in result.rows if row and row[0] is not None)
        return tuple(each if isinstance(each, str | int | float) else str(each) for each in found)

    async def _query(
        self, handle: SourceHandle, sql: str, params: Mapping[str, object], limit: int, tag: str
    ) -> Result:
        return await self._sources.run(handle, sql, params, limit=limit, timeout=TIMEOUT, tag=tag)

    async def _run_series(
        self,
        handle: SourceHandle,
        widget: WidgetView,
        params: Mapping[str, object],
        start: datetime,
        end: datetime,
        width: int,
        tag: str,
    ) -> tuple[Result, Reduced | None]:
        dialect = (await self._sources.adapter(handle)).dialect
        query = SeriesQuery(
            (handle.id, handle.version), widget.query, dialect, params, widget.options, start, end, width
        )
        return await self._series.read(query, lambda sql, values, limit: self._query(handle, sql, values, limit, tag))

    async def _handle(self, source: UUID | str | None) -> SourceHandle:
        """The source by id or name, read once for all widgets that ask within a few seconds."""
        if source is None:
            raise NotFound(
                "The source of this widget was deleted. There is nothing to run.",
                hint="Give the widget another source: edit the dashboard, or apply its file again.",
            )
        now = asyncio.get_running_loop().time()
        known = self._handles.get(source)
        if known is None or now - known[0] > _HANDLE_SECONDS or _failed(known[1]):
            known = (now, asyncio.create_task(self._read_handle(source)))
            self._handles[source] = known
        return await asyncio.shield(known[1])

    async def _read_handle(self, source: UUID | str) -> SourceHandle:
        from datapulse_tui.sources.pool import SourceHandle

        # A glance: importing SQLAlchemy and the models would hold up the first dashboard.
        statement = _HANDLE_BY_NAME if isinstance(source, str) else _HANDLE_BY_ID
        async with self._data.glance() as reader:
            rows = await fetch(reader, statement, {"source": source})
        if not rows:
            raise NotFound(
                "The source of this widget is gone. There is nothing to run.", hint="Open the dashboard again."
            )
        row = rows[0]
        return SourceHandle(row.id, row.name, row.type, row.connection_config)


def row_limit(widget: WidgetView) -> int:
    """How many rows a widget of that type asks its source for."""
    if widget.type == "table":
        wanted = widget.options.get("limit")
        return min(wanted, LARGEST_TABLE) if isinstance(wanted, int) else ROW_LIMITS["table"]
    return ROW_LIMITS.get(widget.type, LARGEST_TABLE)


def _time_params(start: datetime, end: datetime, width: int) -> dict[str, object]:
    return {"from": start, "to": end, "bucket": bucket_size(start, end, width)}


def _failed(task: asyncio.Future[SourceHandle]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
