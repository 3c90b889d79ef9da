"""Changing one's own password, with the one that one has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datapulse_tui.audit.clean import Secret
from datapulse_tui.errors import Invalid, NotAllowed
from datapulse_tui.people import passwords, rules, sessions
from datapulse_tui.people.attempts import SignInFailed, forgive, note_failure, write_down

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database


async def change_own_password(data: Database, actor: Actor, old: str, new: str) -> None:
    """Give the person who acts another password; their other sessions end, and a temporary password is one no more.

    The old password is looked at under the rule that slows guessing down. Raises NotAllowed for an actor who is no
    person or who came with an API key, Invalid for a password that cannot be used, SignInFailed when the old one is
    wrong, SignInDelayed, SessionOver, and Unavailable.
    """
    from sqlalchemy import func

    from datapulse_tui.people.actors import actor_now
    from datapulse_tui.people.holding import locked
    from datapulse_tui.people.service.common import change

    if actor.user_id is None or actor.scopes is not None:
        raise NotAllowed(
            "Only a person who signed in changes their own password. Nothing was changed.",
            hint="`datapulse user set-password EMAIL` sets somebody's password.",
        )
    rules.check_new_password(new, email=actor.email, name=actor.label)
    if new == old:
        raise Invalid("This is the password that you have. Nothing was changed.", hint="Choose another one.")
    attempt = await write_down(data, actor.email, actor.ip_address)
    right = await passwords.matches(old, attempt.password)
    if not right or attempt.user_id != actor.user_id:
        await note_failure(data, attempt, "wrong password at a change", actor.ip_address, actor.user_agent)
        raise SignInFailed("The present password is wrong. Nothing was changed.", hint="Type it again.")
    hashed = await passwords.hash_password(new)
    async with data.transaction() as session:
        acting = await actor_now(session, actor)
        user = await locked(session, acting, actor.user_id)
        if user.password != attempt.password:
            raise SignInFailed("Your password was changed meanwhile. Nothing was changed.", hint="Sign in again.")
        await forgive(session, attempt)
        user.must_change_password, user.password_changed_at = False, func.now()
        await change(session, acting, user, "user.password_set", {"password": Secret(hashed)})
        await sessions.close(session, acting, user.id, "password_changed", but=actor.session_id)
