"""Whether the person may still sit here, and with which rights: looked at when others say so, and every minute.

A change of theirs is refused in any case from the moment on at which the right is gone (`Workspace.acting`); this is
how the desk itself finds out.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import failures

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.tui.app import DataPulseApp
    from datapulse_tui.tui.services import Person

PEOPLE, SESSIONS, ROLES = "people", "sessions", "roles"  # topics of the change feed
EVERYTHING = "*"
MOST_TOLD = 2  # rights that are gone and are told one by one


class Presence:
    """One look at a time; who asks meanwhile is answered by the next one."""

    def __init__(self, app: DataPulseApp) -> None:
        self.app = app
        self.settled = asyncio.Event()  # what runs in the background is there, so that a change costs no waiting
        self._looking = False
        self._due = False
        self._touch = False

    def welcome(self, person: Person) -> None:
        """`person` sits here now. Whoever came in without a password has no session yet."""
        if person.actor.session_id is None and person.actor.user_id is not None:
            self.app.run_worker(
                self._begin(person), group="presence", exit_on_error=False, description="beginning the session"
            )

    def heard(self, changes: Changes) -> None:
        """Others committed something: look if it may be about this person."""
        person = self.app.person
        if person is not None and _concerns(person, changes):
            self.look()

    def minute(self) -> None:
        """A minute has passed: say that the desk is there, and look, whether or not the feed tells anything."""
        if self.app.person is not None and self.settled.is_set() and not self.app.watch_over.away:
            self.look(touch=True)

    def look(self, *, touch: bool = False) -> None:
        """Look soon whether the person may still be here; `touch` notes that the desk is."""
        self._due = True
        self._touch = self._touch or touch
        if not self._looking and self.app.services.is_open and not self.app.session.leaving:
            self._looking = True
            self.app.run_worker(
                self._look(), group="presence", exit_on_error=False, description="looking who may be here"
            )

    async def _look(self) -> None:
        try:
            while self._due:
                touch, self._due, self._touch = self._touch, False, False
                person = self.app.person
                if person is not None:
                    await self._look_at(person, touch=touch)
        except Exception as error:  # noqa: BLE001 - looking must not end the desk
            self._failed(error)
        finally:
            self._looking = False

    async def _look_at(self, person: Person, *, touch: bool) -> None:
        services = self.app.services
        try:
            now = await services.rights_now(person, touch=touch)
        except DataPulseError as error:
            if not services.is_over(error):
                self._failed(error)
            elif self.app.person is person:
                self.app.session.over(error)
            return
        if self.app.person is not person:
            self._due = self.app.person is not None  # somebody else sits here, or the same with a session by now
        elif now.actor != person.actor:
            self.app.session.change_rights(now, _told(services.lost_rights(person, now)))

    async def _begin(self, person: Person) -> None:
        await self.settled.wait()
        if self.app.person is not person:
            return
        try:
            here = await self.app.services.begin_session(person)
        except Exception as error:  # noqa: BLE001 - without a session the desk works as before
            self._failed(error)
            return
        if self.app.person is person:
            self.app.session.person = here
        else:
            await self.app.services.sign_out(here)

    def _failed(self, error: Exception) -> None:
        """A database that is away has its banner, and everything has its line in the log: nobody is asked here."""
        self.app.noticed(failures.shown(error, "looking who may be here"))


def _concerns(person: Person, changes: Changes) -> bool:
    if EVERYTHING in changes or ROLES in changes:
        return True
    mine = ((PEOPLE, person.actor.user_id), (SESSIONS, person.actor.session_id))
    return any(topic in changes and (not changes[topic] or str(key) in changes[topic]) for topic, key in mine)


def _told(lost: list[str]) -> str:
    """What of the rights is gone, in a sentence."""
    if not lost:
        return "Your rights have changed."
    more = f", and {len(lost) - MOST_TOLD} more" if len(lost) > MOST_TOLD else ""
    return f"Your rights have changed. You may no longer {'; '.join(lost[:MOST_TOLD])}{more}."
