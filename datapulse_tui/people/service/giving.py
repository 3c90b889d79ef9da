"""Giving built-in roles to people."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.people import rules
from datapulse_tui.people.holding import locked, must_cover, my_turn
from datapulse_tui.people.rules import Role
from datapulse_tui.people.service.common import built_in_role, change, keep_an_admin

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.models.people import User


async def set_role(session: AsyncSession, actor: Actor, user_id: UUID, role: str) -> None:
    """Give a person another built-in role.

    Raises NotAllowed (also when the person or the role may do what the actor may not), NotFound, Invalid, Conflict when
    they are the last active administrator. The same role again changes nothing.
    """
    user, given = await _to_give(session, actor, user_id, role)
    if user.role == given:
        return
    await keep_an_admin(session, user)
    await change(session, actor, user, "user.role_set", {"role": given.value})


async def raise_role(session: AsyncSession, actor: Actor, user_id: UUID, role: str) -> bool:
    """Like `set_role`, but False where the person's role may do as much already: nothing is ever taken away."""
    user, given = await _to_give(session, actor, user_id, role)
    if rules.ROLE_PERMISSIONS[given] <= rules.ROLE_PERMISSIONS[Role(user.role)]:
        return False
    await change(session, actor, user, "user.role_set", {"role": given.value})
    return True


async def _to_give(session: AsyncSession, actor: Actor, user_id: UUID, role: str) -> tuple[User, Role]:
    """The person, locked, and the built-in role that `actor` may give them. Raises NotAllowed, NotFound, Invalid."""
    given = built_in_role(role)
    actor.require("user:set_role", "give roles")
    actor = await my_turn(session, actor)
    actor.require("user:set_role", "give roles")
    must_cover(actor, rules.effective_permissions(given), f"give the role {given}")
    return await locked(session, actor, user_id), given
