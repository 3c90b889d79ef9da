"""Passwords that somebody else sets, and failed sign-ins that somebody else forgives."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.audit.clean import Secret
from datapulse_tui.errors import Conflict, Invalid
from datapulse_tui.people import codes, passwords, rules
from datapulse_tui.people.holding import locked
from datapulse_tui.people.rules import Status
from datapulse_tui.people.service.common import change

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor


async def set_password(session: AsyncSession, actor: Actor, user_id: UUID, password: str) -> None:
    """Set a person's password. The first one of a pending person activates them, if the actor may do that.

    Failed sign-ins of that person are forgotten, their invitation and their other sessions end. Raises NotAllowed (also
    for a person who may do what the actor may not), NotFound, Invalid with the reason.
    """
    from sqlalchemy import func

    from datapulse_tui.people import invitations, sessions
    from datapulse_tui.people.attempts import forget

    actor.require("user:set_password", "set passwords")
    rules.check_new_password(password)
    hashed = await passwords.hash_password(password)  # before anything is locked: it takes a third of a second
    user = await locked(session, actor, user_id)
    rules.check_new_password(password, email=user.email, name=user.name)
    changes: dict[str, object] = {"password": Secret(hashed)}
    if user.password == rules.NO_PASSWORD and user.status == Status.PENDING and actor.can("user:activate"):
        changes["status"] = Status.ACTIVE.value
    if actor.user_id == user_id:
        user.must_change_password = False
    user.password_changed_at = func.now()
    await forget(session, user.email)
    await change(session, actor, user, "user.password_set", changes)
    await invitations.close(session, actor, user.id)
    await sessions.close(session, actor, user.id, "password_changed", but=actor.session_id)


async def reset_password(session: AsyncSession, actor: Actor, user_id: UUID) -> str:
    """Give a person a temporary password and return it: it is shown once, kept nowhere, and has to be changed with the
    next sign-in. Their sessions end, and their failed sign-ins are forgotten.

    Raises NotAllowed without `user:set_password` (also for a person who may do what the actor may not), NotFound,
    Conflict for a person who has no password yet, Invalid for oneself.
    """
    from sqlalchemy import func

    from datapulse_tui.people import sessions
    from datapulse_tui.people.attempts import forget

    actor.require("user:set_password", "set passwords")
    if actor.user_id == user_id:
        raise Invalid(
            "Your own password is not reset: your session would end before you could read it. Nothing was changed.",
            hint="Change it under My account.",
        )
    temporary = codes.new_password()
    hashed = await passwords.hash_password(temporary)
    user = await locked(session, actor, user_id)
    if user.password == rules.NO_PASSWORD:
        raise Conflict(
            f"{user.name} has no password yet. Nothing was changed.", hint="Invite them again instead of resetting it."
        )
    user.must_change_password, user.password_changed_at = True, func.now()
    await forget(session, user.email)
    await change(session, actor, user, "user.password_reset", {"password": Secret(hashed)})
    await sessions.close(session, actor, user.id, "password_changed")
    return temporary


async def unlock(session: AsyncSession, actor: Actor, user_id: UUID) -> None:
    """Let a person whose failed sign-ins delay them try again at once.

    Raises NotAllowed without `user:unlock` (also for a person who may do what the actor may not), NotFound, Conflict
    when nothing delays them.
    """
    from datapulse_tui.audit.service import record
    from datapulse_tui.data import feed
    from datapulse_tui.people.attempts import forget
    from datapulse_tui.people.locks import delayed
    from datapulse_tui.people.service.common import TOPIC

    actor.require("user:unlock", "unlock accounts")
    user = await locked(session, actor, user_id)
    until = (await delayed(session, [user.email])).get(user.email)
    if until is None:
        raise Conflict(f"{user.name} is not delayed: no failed sign-ins are in the way. Nothing was changed.")
    failures = await forget(session, user.email)
    note = {"failures": failures, "would_have_waited_until": until}
    await record(session, actor, "user.unlocked", "user", user.id, note=note)
    await feed.emit(session, TOPIC, user.id)
