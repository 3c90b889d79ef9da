"""The verbs of the queue and of one request: ask what has to be asked, act on what was seen, tell what happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.tui.screens.acting import ActingScreen, Outcome, Seen, Verb, named
from datapulse_tui.tui.screens.alerts.ask import AskScreen, ask
from datapulse_tui.tui.screens.approvals import verbs
from datapulse_tui.tui.screens.approvals.verbs import EVENTS, NOUN, VERBS, no_undo, obstacle
from datapulse_tui.workflows.rules import WaitingOn

if TYPE_CHECKING:
    from datapulse_tui.workflows.views import RequestRow

CLAIM, RELEASE = "claim", "release"  # answers beside people


class DecidingScreen(ActingScreen):
    """A screen with requests to act on. What it shows of them while and after is its own."""

    def chosen_requests(self) -> list[RequestRow]:
        """The requests that a verb means now."""
        raise NotImplementedError

    async def came_true(self, verb: Verb, meant: Seen, since: datetime) -> bool:
        person = self.desk.person
        events = EVENTS.get(verb.id)
        if person is None or events is None:
            return False
        return await self.desk.services.requests_changed(person, meant, events, since)

    def act_said(self, verb: Verb, outcomes: Sequence[Outcome]) -> None:
        said = outcomes[0].message if outcomes else ""
        if verb in (verbs.APPROVE, verbs.REJECT):
            seconds = round(verb.undo_for.total_seconds())
            self.desk.say(f"{(said or verb.done).capitalize()}. u takes it back for {seconds} seconds.")
        elif verb is verbs.REMARK:
            self.desk.say("The comment is in the history.")
        elif verb is not verbs.CLAIM:
            self.desk.say(f"{(said or verb.done).capitalize()}.")

    # -- what can be done ----------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        name = action_id.rpartition(".")[2]
        if name == "undo":
            return self._no_undo()
        if name in VERBS:
            return self._why_not_verb(VERBS[name])
        if name == "assign":
            reasons = [self._why_not_verb(verb) for verb in (verbs.CLAIM, verbs.RELEASE, verbs.GIVE)]
            return "" if "" in reasons else reasons[0]
        if name == "edit" and len(self.chosen_requests()) > 1:
            return "One request at a time is changed."
        if name == "edit":
            return self._why_not_verb(verbs.EDIT)
        if name == "copy" and not self.chosen_requests():
            return "No request is selected."
        return super().why_not(action_id)

    def _why_not_verb(self, verb: Verb) -> str:
        reasons = self._reasons(verb, self.chosen_requests())
        if not reasons:
            return "No request is selected."
        return "" if "" in reasons else reasons[0]

    def _reasons(self, verb: Verb, rows: Sequence[RequestRow]) -> list[str]:
        person = self.desk.person
        return [obstacle(verb, row, person) for row in rows] if person is not None else []

    def _no_undo(self) -> str:
        reason = self.memory.no_undo(self.desk.now())
        person, rows = self.desk.person, self.chosen_requests()
        if not reason or person is None or not rows:
            return reason
        return "" if all(not no_undo(row, person) for row in rows) else reason

    # -- deciding ------------------------------------------------------------------------------------------------------

    async def do_approve(self) -> None:
        services = self.desk.services

        async def at_once(rows: list[RequestRow]) -> None:
            self.act(verbs.APPROVE, rows, services.approve, lambda _: services.take_back)

        await self._look_over_requests(verbs.APPROVE, at_once)

    async def do_reject(self) -> None:
        services = self.desk.services
        await self._ask_words(
            verbs.REJECT,
            "Reject {}?",
            "Why (the requester reads it)",
            "Say why in a few words: whoever asked reads it.",
            lambda rows, words: self.act(
                verbs.REJECT, rows, partial(services.reject, comment=words), lambda _: services.take_back
            ),
        )

    async def do_ask(self) -> None:
        services = self.desk.services
        await self._ask_words(
            verbs.ASK,
            "Ask about {}",
            "What you need to know",
            "A question says what is missing.",
            lambda rows, words: self.act(verbs.ASK, rows, partial(services.ask_information, question=words)),
            explain="It goes back to its requester, and its clock stands until they answer.",
        )

    async def do_comment(self) -> None:
        services = self.desk.services
        await self._ask_words(
            verbs.REMARK,
            "Comment on {}",
            "Comment",
            "A comment says something.",
            lambda rows, words: self.act(verbs.REMARK, rows, partial(services.comment_on_requests, text=words)),
        )

    async def do_finish(self) -> None:
        services = self.desk.services
        await self._ask_words(
            verbs.FINISH,
            "Is {} done?",
            "What was done (may stay empty)",
            "",
            lambda rows, words: self.act(verbs.FINISH, rows, partial(services.complete_by_hand, comment=words)),
        )

    async def do_run_again(self) -> None:
        async def at_once(rows: list[RequestRow]) -> None:
            self.act(verbs.RUN_AGAIN, rows, self.desk.services.run_again)

        await self._look_over_requests(verbs.RUN_AGAIN, at_once)

    def do_undo(self) -> None:
        """Take back what was done last or, where that was on another screen, what is provisional under the cursor."""
        rows = self.chosen_requests()
        if self.memory.no_undo(self.desk.now()) and rows:
            undo = verbs.APPROVE.backwards
            self.memory.last = None
            self.act(undo, rows, self.desk.services.take_back)
        else:
            super().do_undo()

    # -- who has it ----------------------------------------------------------------------------------------------------

    async def do_assign(self) -> None:
        from datapulse_tui.tui.screens.alerts.assign import AssignScreen, Fixed

        services, rows = self.desk.services, self.chosen_requests()
        above = []
        if not self._why_not_verb(verbs.CLAIM):
            above.append(Fixed(CLAIM, "me", "claim it: others see that you are at it"))
        if not self._why_not_verb(verbs.RELEASE):
            above.append(Fixed(RELEASE, "nobody", "release it"))

        async def answered(chosen: str | None) -> None:
            if chosen == CLAIM:
                await self._look_over_requests(verbs.CLAIM, claim, rows)
            elif chosen == RELEASE:
                await self._look_over_requests(verbs.RELEASE, release, rows)
            elif chosen is not None:
                give = partial(services.hand_over, user_id=UUID(chosen))
                await self._look_over_requests(verbs.GIVE, partial(given, give=give), rows)

        async def claim(able: list[RequestRow]) -> None:
            self.act(verbs.CLAIM, able, services.claim, lambda _: services.release)

        async def release(able: list[RequestRow]) -> None:
            self.act(verbs.RELEASE, able, services.release, lambda _: services.claim)

        async def given(able: list[RequestRow], give: Callable[..., Awaitable[Sequence[Outcome]]]) -> None:
            self.act(verbs.GIVE, able, give)

        screen = AssignScreen(f"Who takes {named(rows, NOUN)}?", services.substitutes, above=above)
        await ask(self.desk, screen, answered)

    # -- one's own -----------------------------------------------------------------------------------------------------

    async def do_new(self) -> None:
        from datapulse_tui.tui.screens.approvals.request_types import choose_type

        await choose_type(self.desk)

    async def do_edit(self) -> None:
        """Answer what was asked or, where nothing is, change what was filled in."""
        row, services = self.chosen_requests()[0], self.desk.services
        if row.waiting_on is WaitingOn.REQUESTER:
            await self._ask_words(
                verbs.ANSWER,
                "Answer about {}",
                "Your answer",
                "An answer says something.",
                lambda rows, words: self.act(verbs.ANSWER, rows, partial(services.give_information, answer=words)),
                explain=await self._question(row),
            )
        else:
            from datapulse_tui.tui.screens.approvals.request_types import open_form

            await open_form(self.desk, row.type, row=row)

    async def _question(self, row: RequestRow) -> str:
        """What was asked last; empty where that cannot be read."""
        from datapulse_tui.errors import DataPulseError

        person = self.desk.person
        try:
            view = await self.desk.services.request(person, row.id) if person is not None else None
        except DataPulseError:
            return ""
        asked = [each for each in (view.events if view else ()) if each.kind == "information_asked"]
        return f"{asked[-1].actor} asks: {asked[-1].comment}" if asked else ""

    async def do_withdraw(self) -> None:
        services = self.desk.services
        await self._ask_words(
            verbs.WITHDRAW,
            "Withdraw {}?",
            "Why (may stay empty)",
            "",
            lambda rows, words: self.act(verbs.WITHDRAW, rows, partial(services.withdraw, comment=words)),
            explain="It is then over for good; you can make another.",
        )

    def do_copy(self) -> None:
        row = self.chosen_requests()[0]
        self.desk.copy_to_clipboard(f"#{row.number} {row.subject}")
        self.desk.say(f"Copied: #{row.number} and its subject.")

    # -- carrying it out -----------------------------------------------------------------------------------------------

    async def _look_over_requests(
        self,
        verb: Verb,
        then: Callable[[list[RequestRow]], Awaitable[None]],
        rows: Sequence[RequestRow] | None = None,
    ) -> None:
        meant = list(self.chosen_requests() if rows is None else rows)
        if self.desk.person is not None and meant:
            await self.look_over(verb, meant, self._reasons(verb, meant), then)

    async def _ask_words(
        self,
        verb: Verb,
        title: str,
        label: str,
        needed: str,
        act: Callable[[list[RequestRow], str], None],
        *,
        explain: str = "",
    ) -> None:
        """Ask for a line of words and act with it; an empty one is refused in the words `needed`, if there are any."""

        async def question(rows: list[RequestRow]) -> None:
            def answered(words: str | None) -> None:
                if words is not None:
                    act(rows, words)

            screen = AskScreen(title.format(named(rows, NOUN)), label, explain=explain, needed=needed)
            await ask(self.desk, screen, answered)

        await self._look_over_requests(verb, question)
