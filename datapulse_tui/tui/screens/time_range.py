"""Choosing a time range: the usual ones by one key, or two times that stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key

from datapulse_tui.tui.screens.confirm import Dialog
from datapulse_tui.tui.widgets.form import Field, Form, Note
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

if TYPE_CHECKING:
    from datapulse_tui.dashboards.timerange import TimeRange

OTHER = "other"


class TimeRangeScreen(Dialog["TimeRange"]):
    """Answers with the chosen range, or None."""

    HELP = "Every widget that uses the time range runs again with the one that you choose."

    def __init__(self, current: TimeRange | None) -> None:
        super().__init__()
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog narrow"):
            yield Note("Time range", classes="form-title", strong=True)
            yield RowList((RowColumn(""),), id="ranges")
            yield Form("", [("From", Field(id="from", placeholder="2026-03-01 08:00")), ("To", Field(id="to"))])
            yield Note("enter chooses · esc cancels", classes="note")

    def on_mount(self) -> None:
        from datapulse_tui.dashboards.timerange import PRESETS

        zone = self.desk.session.zone
        ranges = self.query_one(RowList)
        ranges.show([*(Row(each.last, (each.label(zone),)) for each in PRESETS), Row(OTHER, ("from … to …",))])
        current = self._current
        at = next((index for index, each in enumerate(PRESETS) if each == current), len(PRESETS) if current else 0)
        ranges.move_to(at)
        ranges.focus()
        value = current.to_value() if current else ""
        if isinstance(value, dict):
            self.query_one("#from", Field).value = value["from"]
            self.query_one("#to", Field).value = value["to"]
        self.query_one(Form).display = False

    def key_enter(self, event: Key) -> None:
        """The list has no binding of its own for enter: here it chooses, and goes no further."""
        event.stop()
        self._choose()

    def on_row_list_opened(self) -> None:
        self._choose()

    def _choose(self) -> None:
        from datapulse_tui.dashboards.timerange import TimeRange

        key = self.query_one(RowList).key
        if key != OTHER:
            self.dismiss(TimeRange(last=key))
            return
        form = self.query_one(Form)
        form.display = True
        self.query_one(RowList).display = False
        form.query_one("#from", Field).focus()

    def on_form_submitted(self, event: Form.Submitted) -> None:
        from datapulse_tui.dashboards.timerange import TimeRange

        try:
            chosen = TimeRange.parse({"from": event.values["from"], "to": event.values["to"]})
        except ValueError as error:
            self.query_one(Form).say(f"That is not a time range. Expected: {error}.")
            return
        self.dismiss(chosen)
