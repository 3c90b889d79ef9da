"""One widget on the full screen: its chart, every row of its result, and the SQL that was run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.widgets import ContentSwitcher

from datapulse_tui.charts.cells import clean
from datapulse_tui.data.result import Result
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.widgets.card import Ask, took_words
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.picture_view import PictureView
from datapulse_tui.tui.widgets.result_table import ResultTable
from datapulse_tui.tui.widgets.tabs import TabLine

if TYPE_CHECKING:
    from datapulse_tui.dashboards.reads import WidgetView
    from datapulse_tui.dashboards.runner import WidgetAnswer

VIEWS = ("chart", "table", "sql")


class ZoomScreen(DeskScreen):
    """Starts with the answer that the dashboard has, and asks again when more room means finer buckets."""

    PLACES = (keymap.ZOOM, keymap.TABLE, keymap.TEXT)
    BINDINGS = keymap.bindings(keymap.ZOOM)
    ROOM = "dashboards"
    HELP = "The widget alone. The table holds every row that the query brought; the SQL is shown with its bound values."

    def __init__(
        self,
        widget: WidgetView,
        answer: WidgetAnswer | None,
        error: DataPulseError | None,
        ask: Ask,
        variables: Mapping[str, object],
    ) -> None:
        super().__init__()
        self._variables = variables
        self._exact: WidgetAnswer | None = None
        self._shown = widget
        self._answer = answer
        self._error = error
        self._ask = ask

    def body(self) -> ComposeResult:
        yield TabLine(["Chart", "Table", "SQL"], id="views")
        with ContentSwitcher(initial="chart", id="zoom"):
            yield PictureView(self._shown, id="chart")
            yield ResultTable(id="table")
            yield Pane(id="sql", focusable=True)

    def on_mount(self) -> None:
        super().on_mount()
        self._show()
        if self._error is not None:
            self.query_one(PictureView).failed(self._error)
        if self._answer is None or ":bucket" in (self._shown.query or ""):
            self.call_after_refresh(self.do_refresh)

    def reread(self) -> None:
        self.do_refresh()

    def _show(self) -> None:
        answer = self._answer
        tabs = self.query_one("#views", TabLine)
        tabs.remark = clean(self._shown.title)
        if answer is not None:
            self.query_one(PictureView).answered(answer)
            when = self.desk.session.local(answer.ran_at).strftime("%H:%M:%S")
            tabs.remark += f" · {when} · {took_words(answer.took)}"
            listed = self._exact or answer
            if isinstance(listed.result, Result):
                self.query_one(ResultTable).show(listed.result)
                tabs.remark += f" · {'first ' if listed.truncated else ''}{listed.rows:,} rows"
            self.query_one("#sql", Pane).show(self._sql_items(answer))
        tabs.redraw()

    def _sql_items(self, answer: WidgetAnswer) -> list[Item]:
        if not answer.sql:
            return [Item("dim", "This widget runs no query.")]
        items = [Item("code", answer.sql), Item("gap")]
        items += [Item("fact", _written(value), f":{name}") for name, value in self._bound(answer).items()]
        source = Item("fact", answer.source_name, "source")
        return [*items, Item("gap"), source, Item("fact", took_words(answer.took), "took")]

    def _bound(self, answer: WidgetAnswer) -> dict[str, object]:
        """The values that reached the query's parameters, those that it names."""
        from datapulse_tui.dashboards.timerange import bucket_size

        bucket = bucket_size(answer.start, answer.end, self._width)
        bound = {"from": answer.start, "to": answer.end, "bucket": bucket, **self._variables}
        return {name: value for name, value in bound.items() if f":{name}" in answer.sql}

    def _came(self, answer: WidgetAnswer) -> None:
        self._answer, self._exact, self._error = answer, None, None
        self._show()
        self._read_rows()

    def _read_rows(self) -> None:
        """A series is reduced for its picture; the table shows the rows themselves, read when it is looked at."""
        answer = self._answer
        if self.query_one("#views", TabLine).at != VIEWS.index("table") or self._exact is not None:
            return
        if answer is not None and answer.reduced is not None:
            work = partial(self._ask, self._shown, self._width, exact=True)
            self.read("rows", "reading every row", work, self._rows_came, self.desk.report)

    def _rows_came(self, answer: WidgetAnswer) -> None:
        self._exact = answer
        self._show()

    @property
    def _width(self) -> int:
        return max(1, self.query_one("#zoom").size.width)

    def _failed(self, error: DataPulseError) -> None:
        self._error = error
        self.query_one(PictureView).failed(error)
        if self._answer is not None:
            self.desk.report(error)

    def do_refresh(self) -> None:
        work = partial(self._ask, self._shown, self._width)
        self.read("zoom", "running a widget's query", work, self._came, self._failed)

    def why_not(self, action_id: str) -> str:
        if action_id == "zoom.details" and self._error is None:
            return "Nothing failed."
        if action_id == "zoom.copy" and self._answer is None:
            return "There is no answer yet."
        return ""

    def _step(self, by: int) -> None:
        self._view((self.query_one("#views", TabLine).at + by) % len(VIEWS))

    def _view(self, at: int) -> None:
        tabs = self.query_one("#views", TabLine)
        tabs.at = at
        tabs.redraw()
        self.query_one(ContentSwitcher).current = VIEWS[at]
        target = self.query_one(f"#{VIEWS[at]}")
        self.set_focus(target if target.can_focus else None)
        self.query_one(PictureView).draw_if_due()
        self._read_rows()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        self._view(event.at)

    def do_next_view(self) -> None:
        self._step(1)

    def do_previous_view(self) -> None:
        self._step(-1)

    def do_copy(self) -> None:
        if self._answer is None:
            return
        on_table = self.query_one("#views", TabLine).at == VIEWS.index("table")
        self.desk.copy_to_clipboard(self.query_one(ResultTable).row_text() if on_table else self._answer.sql)
        self.desk.say("The row was copied." if on_table else "The SQL was copied.")

    def do_details(self) -> None:
        from datapulse_tui.tui.screens.dashboard import show_error

        if self._error is not None:
            show_error(self, self._error, self._shown.title)

    def do_back(self) -> None:
        self.desk.pop_screen()


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return "NULL" if value is None else str(value)
