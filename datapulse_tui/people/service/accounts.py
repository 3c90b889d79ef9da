"""Accounts: adding people, letting them in and keeping them out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.errors import Conflict, NotAllowed
from datapulse_tui.people import rules
from datapulse_tui.people.holding import locked, must_cover, my_turn, one_at_a_time
from datapulse_tui.people.rules import Role, Status
from datapulse_tui.people.service.common import built_in_role, change, hashed, insert_user, keep_an_admin

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor


async def add_user(
    session: AsyncSession,
    actor: Actor,
    *,
    email: str,
    name: str,
    role: str = Role.BUSINESS_USER,
    password: str | None = None,
    activate: bool = False,
    timezone: str = "UTC",
) -> UUID:
    """Add a person and return their id. Pending without `activate`; without `password` they cannot sign in yet.

    Raises NotAllowed without `user:create` (and `user:activate` to activate), or when the role may do what the actor
    may not; Conflict when the address is taken; Invalid.
    """
    actor.require("user:create", "add people")
    if activate:
        actor.require("user:activate", "activate accounts")
    given = built_in_role(role)
    must_cover(actor, rules.effective_permissions(given), f"give the role {given}")
    stored = rules.NO_PASSWORD if password is None else await hashed(password, email, name)
    actor = await my_turn(session, actor)  # behind the hash, which takes a third of a second
    must_cover(actor, rules.effective_permissions(given), f"give the role {given}")
    return await insert_user(
        session,
        actor,
        email=email,
        name=name,
        role=given,
        status=Status.ACTIVE if activate else Status.PENDING,
        password=stored,
        timezone=timezone,
    )


async def first_admin(
    session: AsyncSession, actor: Actor, *, email: str, name: str, password: str, timezone: str = "UTC"
) -> UUID:
    """Add the first person, an active admin, and return their id.

    The actor is an operator: who holds the address of an empty database owns it. Raises Conflict when there is
    somebody already, also when two do it at the same time; NotAllowed for anybody else; Invalid.
    """
    from sqlalchemy import select

    from datapulse_tui.data.models.people import User

    if not actor.everything:
        raise NotAllowed("Only an operator makes the first administrator. Nothing was changed.")
    stored = await hashed(password, email, name)
    await one_at_a_time(session)
    if await session.scalar(select(User.id).limit(1)) is not None:
        raise Conflict(
            "There is somebody already, so no first administrator was made.",
            hint="Sign in, or use `datapulse user add` with the role admin.",
        )
    return await insert_user(
        session,
        actor,
        email=email,
        name=name,
        role=Role.ADMIN,
        status=Status.ACTIVE,
        password=stored,
        timezone=timezone,
    )


async def activate(session: AsyncSession, actor: Actor, user_id: UUID) -> None:
    """Let a pending or deactivated person sign in. Raises NotAllowed, NotFound, Conflict when they are active."""
    actor.require("user:activate", "activate accounts")
    user = await locked(session, actor, user_id)
    if user.status == Status.ACTIVE:
        raise Conflict(f"{user.name} is active already.")
    user.deactivated_at = None
    await change(session, actor, user, "user.activated", {"status": Status.ACTIVE.value})


async def deactivate(
    session: AsyncSession, actor: Actor, user_id: UUID, *, hand_over_to: UUID | None = None
) -> dict[str, int]:
    """Keep a person out from now on; nothing of theirs is deleted. Their sessions and their invitation end at once.

    With `hand_over_to` that person gets what they have (see `people.hand_over`), or nothing happens at all; returns how
    many of each kind. Without it everything stays as it is: `belongings.held_by` lists it.

    Raises NotAllowed, NotFound, Conflict when they are deactivated already, are the last active administrator, or have
    something that the other person may not have.
    """
    from sqlalchemy import func

    from datapulse_tui.people import hand_over, invitations, sessions

    actor.require("user:deactivate", "deactivate accounts")
    given = {} if hand_over_to is None else await hand_over.give(session, actor, user_id, hand_over_to)
    user = await locked(session, actor, user_id)
    if user.status == Status.INACTIVE:
        raise Conflict(f"{user.name} is deactivated already.")
    await keep_an_admin(session, user)
    user.deactivated_at = func.now()
    await change(session, actor, user, "user.deactivated", {"status": Status.INACTIVE.value})
    await invitations.close(session, actor, user.id)
    await sessions.close(session, actor, user.id, "deactivated")
    return given
