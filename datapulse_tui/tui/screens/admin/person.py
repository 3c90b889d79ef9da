"""One person on the full screen, with everything about them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.tui import keymap
from datapulse_tui.tui.desk_people import PersonLine, PersonView
from datapulse_tui.tui.screens.acting import Done
from datapulse_tui.tui.screens.admin.people_acting import PeopleActing
from datapulse_tui.tui.screens.admin.people_dialogs import PickScreen
from datapulse_tui.tui.screens.admin.people_story import PersonTelling
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.alerts.ask import ask
from datapulse_tui.tui.screens.base import EVERYTHING
from datapulse_tui.tui.screens.telling import DetailScreen
from datapulse_tui.tui.times import ago
from datapulse_tui.tui.widgets.choice import Option

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes

ALL = "all"


class PersonScreen(PersonTelling, DetailScreen[PersonLine, PersonView], PeopleActing):
    """Account, profile, roles, sessions, keys, what they have, and what the trail says of them and by them."""

    PLACES = (keymap.PERSON, keymap.TEXT)
    BINDINGS = keymap.bindings(keymap.PERSON)
    CSS_PATH = STYLES
    ROOM = "admin"
    HELP = (
        "Everything about one person. e changes the account and what others see of them: picture and text. x ends "
        "their sessions: their desks go to the sign-in within a second. d keeps them out, and asks who gets what they "
        "have."
    )

    def chosen_people(self) -> list[PersonLine]:
        return self.meant()

    def changed(self, changes: Changes) -> None:
        super().changed(changes)
        if EVERYTHING not in changes and "sessions" in changes:
            self.reread()

    def why_not(self, action_id: str) -> str:
        if action_id == "person.sessions" and self.detail is not None and not self.detail.detail.sessions:
            return "They have no session that goes on."
        return super().why_not(action_id)

    async def do_sessions(self) -> None:
        view = self.detail
        if view is None:
            return
        now = self.desk.now()
        each_one = [
            Option(
                str(each.id), f"{each.kind} {each.ip_address}", f"since {ago(each.started_at, now)}, {each.user_agent}"
            )
            for each in view.detail.sessions
        ]
        options = [Option(ALL, "all of them", f"{len(each_one):,} in all"), *each_one]

        def answered(key: str | None) -> None:
            if key is not None:
                self._end(view.row, None if key == ALL else UUID(key))

        await ask(self.desk, PickScreen(f"End sessions of {view.row.title}", options), answered)

    def _end(self, line: PersonLine, only: UUID | None) -> None:
        services = self.desk.services

        def ended() -> None:
            self.desk.say("The session has ended." if only else f"All sessions of {line.title} have ended.")
            if self.is_attached:
                self.happened([Done(line.id, line.title)])

        self.desk.session.save(
            "ending sessions", lambda person: services.end_sessions_of(person, line.id, only), done=ended
        )
