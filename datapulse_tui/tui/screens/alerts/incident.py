"""One incident on the full screen. It is read again when it changes, and each minute while its value moves."""

from __future__ import annotations

from collections.abc import Sequence

from datapulse_tui.alerts.views import IncidentRow, IncidentView
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.acting import Outcome, Verb
from datapulse_tui.tui.screens.alerts.story import IncidentTelling
from datapulse_tui.tui.screens.alerts.tabs import STYLES
from datapulse_tui.tui.screens.alerts.triage import TriageScreen
from datapulse_tui.tui.screens.telling import DetailScreen
from datapulse_tui.tui.screens.today.pinning import Pins

MOVES = 60.0  # seconds after which the chart of an open incident is read again


class IncidentScreen(IncidentTelling, Pins, DetailScreen[IncidentRow, IncidentView], TriageScreen):
    """Chart with threshold, timeline, deliveries, the same before, and the rule. It is read again each minute while its
    value moves."""

    PLACES = (keymap.INCIDENT, keymap.TEXT)
    BINDINGS = keymap.bindings(keymap.INCIDENT)
    CSS_PATH = STYLES
    ROOM = "alerts"
    HELP = (
        "The chart shows the metric around the incident, with the rule's threshold across. The timeline has the newest "
        "on top. Why told shows for each person what was meant for them and what became of it."
    )

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(MOVES, self._moved, name="chart")

    def chosen(self) -> list[IncidentRow]:
        return self.meant()

    def _moved(self) -> None:
        if self.is_active and self.detail is not None and self.detail.row.resolved_at is None:
            self.reread()

    def runbook(self, row: IncidentRow) -> str:  # noqa: ARG002
        return self.detail.runbook_url if self.detail else ""

    def act_said(self, verb: Verb, outcomes: Sequence[Outcome]) -> None:
        super().act_said(verb, outcomes)
        if len(outcomes) == 1 and outcomes[0].message:
            self.desk.say(f"{outcomes[0].title} {outcomes[0].message}.".strip())

    def pinnable(self) -> tuple[int, str] | None:
        view = self.detail
        if view is None or view.series_id is None:
            return None
        return view.series_id, " · ".join([*view.row.labels.values(), view.query])

    def why_not(self, action_id: str) -> str:
        return self.why_not_pin() if action_id == "incident.pin" else super().why_not(action_id)
