"""What a desk asks about whoever sits at it: that they may still be here, their account, password and sessions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from datapulse_tui.errors import Conflict, DataPulseError, NotFound
from datapulse_tui.tui.workspace import Workspace

if TYPE_CHECKING:
    from datapulse_tui.people.reads import ProfileRow
    from datapulse_tui.people.sessions import SessionRow
    from datapulse_tui.tui.services import Person


class Account(NamedTuple):
    """One's own account: what is known of it, and where one is signed in, the latest first."""

    profile: ProfileRow
    sessions: tuple[SessionRow, ...]


class AccountDesk(Workspace):
    """Mixin of the services. Raises DataPulseError; Unavailable when the database is away."""

    # -- being here ----------------------------------------------------------------------------------------------------

    async def begin_session(self, person: Person) -> Person:
        """The person with a session, for somebody who came in without a password."""
        from datapulse_tui.people.sessions import begin

        async with self.data.transaction() as session:
            session_id = await begin(session, person.actor)
        return person._replace(actor=replace(person.actor, session_id=session_id))

    async def rights_now(self, person: Person, *, touch: bool = False) -> Person:
        """The person with the rights that they have now. `touch` notes that the desk is there as well.

        Raises SessionOver when they are not at this desk any more.
        """
        from datapulse_tui.people.sessions import actor_here
        from datapulse_tui.people.sessions import touch as note

        async with self.data.transaction() as session:
            if touch:
                await note(session, person.actor)
            return person._replace(actor=await actor_here(session, person.actor))

    def is_over(self, error: DataPulseError) -> bool:
        """Whether `error` says that the person is not at this desk any more."""
        from datapulse_tui.people.actors import SessionOver

        return isinstance(error, SessionOver)

    def lost_rights(self, before: Person, after: Person) -> list[str]:
        """What the person may no longer do, each completing "You may no longer ..."."""
        from datapulse_tui.people.rules import PERMISSIONS

        lost = before.actor.permissions - after.actor.permissions
        return [explanation for word, explanation in PERMISSIONS.items() if word in lost]

    async def sign_out(self, person: Person) -> None:
        """End the person's session at this desk, if it has not ended."""
        from datapulse_tui.people.sessions import end

        if person.actor.session_id is None:
            return
        with suppress(Conflict, NotFound):
            async with self.data.transaction() as session:
                await end(session, person.actor, person.actor.session_id)

    # -- one's own account ---------------------------------------------------------------------------------------------

    async def account(self, person: Person) -> Account:
        """Everything that the screen of one's own account shows."""
        from datapulse_tui.people.reads import own_profile
        from datapulse_tui.people.sessions import live_sessions

        async with self.data.reading() as session:
            profile = await own_profile(session, person.actor)
            page = await live_sessions(session, person.actor, user_id=person.actor.user_id)
        return Account(profile, page.items)

    async def save_account(self, person: Person, given: Mapping[str, str]) -> None:
        """Change one's own name, timezone, phone, avatar and bio: those that are given. Raises Invalid."""
        from datapulse_tui.people.service import set_profile

        async with self.acting(person) as (session, actor):
            if actor.user_id is not None:
                await set_profile(session, actor, actor.user_id, **given)

    async def change_password(self, person: Person, old: str, new: str) -> None:
        """Change one's own password. Raises SignInFailed when the old one is wrong, SignInDelayed, Invalid."""
        from datapulse_tui.people.own_password import change_own_password

        await change_own_password(self.data, person.actor, old, new)

    async def end_session(self, person: Person, session_id: UUID) -> None:
        """End a session: one's own, or somebody's with the right to. Raises Conflict when it has ended already."""
        from datapulse_tui.people.sessions import end

        async with self.acting(person) as (session, actor):
            await end(session, actor, session_id)

    async def end_other_sessions(self, person: Person) -> int:
        """End all of one's own sessions but this one; returns how many."""
        from datapulse_tui.people.sessions import end_all

        async with self.acting(person) as (session, actor):
            if actor.user_id is None:
                return 0
            return await end_all(session, actor, actor.user_id, but=actor.session_id)

    def zones(self) -> list[str]:
        """Every time zone, by name."""
        from zoneinfo import available_timezones

        return sorted(available_timezones())
