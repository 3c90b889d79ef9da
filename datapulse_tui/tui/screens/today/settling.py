"""The verbs of Today, where incidents and requests stand in one list: each key does what it does in their own room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from datapulse_tui.tui.screens.acting import Outcome, Seen, Verb
from datapulse_tui.tui.screens.alerts.triage import TriageScreen
from datapulse_tui.tui.screens.approvals.deciding import DecidingScreen
from datapulse_tui.tui.screens.approvals.verbs import NOUN

if TYPE_CHECKING:
    from datapulse_tui.alerts.rows import IncidentRow
    from datapulse_tui.tui.screens.today.tasks import Task
    from datapulse_tui.workflows.views import RequestRow

# What the keys of an incident mean on a request.
MEANT: Mapping[str, str] = MappingProxyType({"acknowledge": "approve", "resolve": "reject"})
OF_INCIDENTS = ("snooze", "snooze_rule", "why")


class SettlingScreen(DecidingScreen, TriageScreen):
    """A screen with tasks of both kinds, one of which is selected."""

    def selected_task(self) -> Task | None:
        """The task that a verb means now."""
        raise NotImplementedError

    def chosen(self) -> list[IncidentRow]:
        from datapulse_tui.alerts.rows import IncidentRow

        task = self.selected_task()
        return [task.subject] if task is not None and isinstance(task.subject, IncidentRow) else []

    def chosen_requests(self) -> list[RequestRow]:
        from datapulse_tui.workflows.views import RequestRow

        task = self.selected_task()
        return [task.subject] if task is not None and isinstance(task.subject, RequestRow) else []

    async def came_true(self, verb: Verb, meant: Seen, since: datetime) -> bool:
        kind = DecidingScreen if verb.noun == NOUN else TriageScreen
        return await kind.came_true(self, verb, meant, since)

    def act_said(self, verb: Verb, outcomes: Sequence[Outcome]) -> None:
        kind = DecidingScreen if verb.noun == NOUN else TriageScreen
        kind.act_said(self, verb, outcomes)

    def why_not(self, action_id: str) -> str:
        verb = action_id.rpartition(".")[2]
        if not self.chosen_requests():
            return "No request is selected." if verb == "ask" else TriageScreen.why_not(self, action_id)
        if verb in OF_INCIDENTS:
            return "That is for incidents; this is a request."
        return DecidingScreen.why_not(self, f"request.{MEANT.get(verb, verb)}")

    async def do_acknowledge(self) -> None:
        await (self.do_approve() if self.chosen_requests() else super().do_acknowledge())

    async def do_resolve(self) -> None:
        await (self.do_reject() if self.chosen_requests() else super().do_resolve())

    async def do_assign(self) -> None:
        await (DecidingScreen if self.chosen_requests() else TriageScreen).do_assign(self)

    async def do_comment(self) -> None:
        await (DecidingScreen if self.chosen_requests() else TriageScreen).do_comment(self)

    def do_copy(self) -> None:
        (DecidingScreen if self.chosen_requests() else TriageScreen).do_copy(self)
