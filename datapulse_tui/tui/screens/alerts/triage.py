"""The verbs of the inbox and of one incident: ask what has to be asked, act on what was seen, tell what happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.tui.screens.acting import ActingScreen, Call, Outcome, Seen, Verb, named
from datapulse_tui.tui.screens.alerts import verbs
from datapulse_tui.tui.screens.alerts.ask import AskScreen, ask
from datapulse_tui.tui.screens.alerts.verbs import VERBS, obstacle

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count, IncidentRow, WhyRow
    from datapulse_tui.tui.screens.alerts.snooze import SnoozeWish

NOUN = "incidents"


class TriageScreen(ActingScreen):
    """A screen with incidents to act on. What it shows of them while and after is its own."""

    def chosen(self) -> list[IncidentRow]:
        """The incidents that a verb means now."""
        raise NotImplementedError

    async def came_true(self, verb: Verb, meant: Seen, since: datetime) -> bool:  # noqa: ARG002
        person = self.desk.person
        return person is not None and await self.desk.services.went_on(person, meant)

    def act_said(self, verb: Verb, outcomes: Sequence[Outcome]) -> None:  # noqa: ARG002
        if verb is verbs.REMARK:
            self.desk.say("The comment is in the timeline.")

    # -- what can be done ----------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        name = action_id.rpartition(".")[2]
        if name == "undo":
            return self.memory.no_undo(self.desk.now())
        if name in VERBS or name in ("why", "copy", "snooze_rule"):
            return self._obstacle(VERBS.get(name))
        return ""

    def _obstacle(self, verb: Verb | None) -> str:
        person, rows = self.desk.person, self.chosen()
        if person is None or not rows:
            return "No incident is selected."
        if verb is None:
            return ""
        reasons = [obstacle(verb, row, person, self.desk.now()) for row in rows]
        return "" if "" in reasons else reasons[0]

    # -- verbs ---------------------------------------------------------------------------------------------------------

    async def do_acknowledge(self) -> None:
        services = self.desk.services

        async def at_once(rows: list[IncidentRow]) -> None:
            self.act(verbs.ACKNOWLEDGE, rows, services.acknowledge, lambda _: services.unacknowledge)

        await self._look_over(verbs.ACKNOWLEDGE, at_once)

    async def do_resolve(self) -> None:
        services = self.desk.services

        async def question(rows: list[IncidentRow]) -> None:
            def answered(comment: str | None) -> None:
                if comment is not None:
                    self.act(verbs.RESOLVE, rows, partial(services.resolve, comment=comment), lambda _: services.reopen)

            firing = any(row.firing for row in rows)
            explain = "Its condition still holds: it opens again only after it has recovered once." if firing else ""
            await ask(
                self.desk,
                AskScreen(f"Resolve {named(rows, NOUN)}?", "What it was (may stay empty)", explain=explain),
                answered,
            )

        await self._look_over(verbs.RESOLVE, question)

    async def do_comment(self) -> None:
        services = self.desk.services

        async def question(rows: list[IncidentRow]) -> None:
            def answered(text: str | None) -> None:
                if text:
                    self.act(verbs.REMARK, rows, partial(services.comment, text=text))

            needed = "A comment says something."
            await ask(self.desk, AskScreen(f"Comment on {named(rows, NOUN)}", "Comment", needed=needed), answered)

        await self._look_over(verbs.REMARK, question)

    async def do_assign(self) -> None:
        from datapulse_tui.tui.screens.alerts.assign import NOBODY, AssignScreen, Fixed

        services = self.desk.services

        async def question(rows: list[IncidentRow]) -> None:
            held = {row.id: row.assigned_to.id if row.assigned_to else None for row in rows}

            def back(ids: Sequence[UUID]) -> Call:
                return partial(services.assign_back, held_before=[held[each] for each in ids])

            def answered(chosen: str | None) -> None:
                if chosen is not None:
                    user_id = None if chosen == NOBODY else UUID(chosen)
                    self.act(verbs.ASSIGN, rows, partial(services.assign, user_id=user_id), back)

            nobody = Fixed(NOBODY, NOBODY, "take it away from whoever has it")
            screen = AssignScreen(f"Who gets {named(rows, NOUN)}?", services.assignable, below=[nobody])
            await ask(self.desk, screen, answered)

        await self._look_over(verbs.ASSIGN, question)

    async def do_snooze(self) -> None:
        from datapulse_tui.tui.screens.alerts.snooze import SnoozeScreen

        services, person = self.desk.services, self.desk.person

        async def question(rows: list[IncidentRow]) -> None:
            def answered(wish: SnoozeWish | None) -> None:
                if wish is not None:
                    self.act(verbs.SNOOZE, rows, partial(services.snooze, wish=wish), lambda _: services.unsnooze)

            async def hides() -> Count:
                assert person is not None
                return await services.would_hide(person, [row.id for row in rows])

            await ask(self.desk, SnoozeScreen(named(rows, NOUN), [row.severity for row in rows], hides), answered)

        await self._look_over(verbs.SNOOZE, question)

    async def do_snooze_rule(self) -> None:
        """Silence the whole rule of the incident under the cursor, also what it opens until then."""
        from datapulse_tui.tui.screens.alerts.snooze import SnoozeScreen

        services, person, row = self.desk.services, self.desk.person, self.chosen()[0]

        def answered(wish: SnoozeWish | None) -> None:
            if wish is not None:
                self.desk.session.save(
                    "snoozing a rule",
                    lambda person: services.snooze_rule(person, row.alert_id, wish),
                    done=lambda: self.desk.say(f"Everything of {row.rule} is snoozed."),
                )

        async def hides() -> Count:
            assert person is not None
            return await services.rule_would_hide(person, row.alert_id)

        title = f"the whole rule {row.rule}"
        await ask(self.desk, SnoozeScreen(title, [row.severity], hides, whole_rule=True), answered)

    def do_why(self) -> None:
        services, person, row = self.desk.services, self.desk.person, self.chosen()[0]
        if person is None:
            return

        def answered(rows: Sequence[WhyRow]) -> None:
            from datapulse_tui.tui.screens.alerts.why import WhyScreen

            self.desk.call_later(ask, self.desk, WhyScreen(row, rows))

        self.read("why", "reading who was told", lambda: services.why_told(person, row.id), answered)

    def do_copy(self) -> None:
        row = self.chosen()[0]
        runbook = self.runbook(row)
        self.desk.copy_to_clipboard(f"#{row.number} {row.title}" + (f"\n{runbook}" if runbook else ""))
        self.desk.say(f"Copied: #{row.number}, its name{' and its runbook link' if runbook else ''}.")

    def runbook(self, row: IncidentRow) -> str:  # noqa: ARG002
        """The incident's runbook link, as far as it is known here."""
        return ""

    async def _look_over(self, verb: Verb, then: Callable[[list[IncidentRow]], Awaitable[None]]) -> None:
        person, rows, now = self.desk.person, self.chosen(), self.desk.now()
        if person is not None:
            await self.look_over(verb, rows, [obstacle(verb, row, person, now) for row in rows], then)
