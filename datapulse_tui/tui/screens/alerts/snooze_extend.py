"""Letting a snooze last longer, or end earlier."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.tui.screens.alerts.ask import Question
from datapulse_tui.tui.screens.alerts.snooze import refusal
from datapulse_tui.tui.screens.alerts.until import EXPECTED, parse_until
from datapulse_tui.tui.screens.alerts.words import moment
from datapulse_tui.tui.widgets.form import Field, Form, Note

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import SnoozeRow


class ExtendScreen(Question[datetime]):
    """Answers with the new end, or None. What is critical counts from when it was first silenced."""

    def __init__(self, row: SnoozeRow, what: str) -> None:
        super().__init__()
        self._row = row
        self._what = what

    def compose(self) -> ComposeResult:
        now = moment(self._row.until, self.desk.session.zone)
        with Vertical(classes="dialog"):
            field = Field(id="until", placeholder="90m, 2h, 18:30, tomorrow 09:00, 2026-03-04 08:00")
            yield Form(f"Snooze {self._what}", [("Until", field)], explain=f"It lasts until {now} now.")
            yield Note("enter saves · esc cancels", classes="note")

    def take_focus(self) -> None:
        self.set_focus(self.query_one("#until"))

    def on_form_submitted(self, event: Form.Submitted) -> None:
        now, form = self.desk.now(), self.query_one(Form)
        try:
            until = parse_until(event.values["until"], now, self.desk.session.zone)
        except ValueError:
            form.say(f"That is no time. Expected {EXPECTED}.")
            return
        problem = refusal([self._row.severity], until, now, since=self._row.created_at)
        if problem:
            form.say(problem)
            return
        self.dismiss(until)
