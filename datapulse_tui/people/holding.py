"""What every change of people begins with: one after the other, with the rights of that moment, and never over somebody
who may do more."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.errors import NotAllowed, NotFound
from datapulse_tui.people import rules

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.models.people import User

# Whoever changes accounts does so one after the other, so that "is there another active admin?" has one answer.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('datapulse people', 0))"


async def one_at_a_time(session: AsyncSession) -> None:
    """Wait until nobody else changes people, roles or departments; others wait until this transaction ends."""
    from sqlalchemy import text

    await session.execute(text(ONE_AT_A_TIME))


async def my_turn(session: AsyncSession, actor: Actor) -> Actor:
    """`one_at_a_time`, and the actor with the rights that are left to them then.

    Whoever gives rights away needs it: what was taken from the actor while they waited must not be given on. Raises
    SessionOver.
    """
    from datapulse_tui.people.actors import actor_now

    await one_at_a_time(session)
    return actor if actor.everything else await actor_now(session, actor)


async def locked(session: AsyncSession, actor: Actor, user_id: UUID) -> User:
    """The person's row, locked. Raises NotFound, and NotAllowed for a person who may do what the actor may not: to
    change their password or role would be a way to get it."""
    from sqlalchemy import select

    from datapulse_tui.data.models.people import Role as CustomRole
    from datapulse_tui.data.models.people import User, UserRole

    await one_at_a_time(session)
    user = await session.scalar(
        select(User).where(User.id == user_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    )
    if user is None:
        raise NotFound("There is no such person. Nothing was changed.", hint="`datapulse user list` shows everybody.")
    if actor.user_id != user_id and not actor.everything:
        custom = await session.scalars(
            select(CustomRole.permissions).join(UserRole, UserRole.role_id == CustomRole.id)
            .where(UserRole.user_id == user_id)
        )  # fmt: skip
        must_cover(actor, rules.effective_permissions(user.role, custom), f"change the account of {user.name}")
    return user


def by_people(actor: Actor, what: str) -> None:
    """Raise NotAllowed for who came with an API key: people look after accounts and keys. `what` completes
    "An API key cannot ..."."""
    if actor.scopes is not None:
        raise NotAllowed(
            f"An API key cannot {what}. Nothing was changed.",
            hint="Do it at the desk, where you sign in yourself.",
        )


def must_cover(actor: Actor, permissions: Collection[str], what: str) -> None:
    """Raise NotAllowed unless the actor has every one of `permissions`: nobody hands out more than they have."""
    lacking = sorted(word for word in permissions if not actor.can(word))
    if lacking:
        raise NotAllowed(
            f"You may not {what}: it has permissions that you lack, among them {lacking[0]}. Nothing was changed.",
            hint="Ask an administrator.",
        )


_LAST_CHANGE = """
WITH mine AS MATERIALIZED (
    SELECT seq, user_id, actor FROM audit_logs WHERE resource_type = :kind AND resource_id = :id)
SELECT coalesce(u.name, mine.actor, '') AS who
FROM mine LEFT JOIN users u ON u.id = mine.user_id ORDER BY mine.seq DESC LIMIT 1
"""


async def last_change(reader: Reader, kind: str, thing: UUID) -> str:
    """Who changed a thing last, as the trail tells it: their name, or what stands for them there; empty when it tells
    nothing."""
    from datapulse_tui.data.glance import fetch

    found = await fetch(reader, _LAST_CHANGE, {"kind": kind, "id": thing})
    return str(found[0].who) if found else ""
