"""From a person to the actor that services take: their role, custom roles and zone as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.audit.actor import Actor
from datapulse_tui.errors import NotFound
from datapulse_tui.people import rules

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def actor_for(
    session: AsyncSession,
    person: UUID | str,
    *,
    ip_address: str | None = None,
    user_agent: str | None = None,
    through: str = "",
) -> Actor:
    """The active person with this id or address as an actor, with the rights that they have now.

    `through` names an operator who acts as them. Raises NotFound when there is no such person or the account is not
    active: whatever was to be done in their name must not be done.
    """
    from sqlalchemy import select

    from datapulse_tui.data.models.people import Role, User, UserRole

    wanted = User.id == person if isinstance(person, UUID) else User.email == rules.normalise_email(person)
    user = (
        await session.execute(
            select(User.id, User.email, User.name, User.role, User.timezone).where(
                wanted, User.status == rules.Status.ACTIVE
            )
        )
    ).one_or_none()
    if user is None:
        raise NotFound(
            "There is no active account of this person. Nothing was done.",
            hint="`datapulse user list` shows the accounts and their status.",
        )
    custom = await session.scalars(
        select(Role.permissions).join(UserRole, UserRole.role_id == Role.id).where(UserRole.user_id == user.id)
    )
    return Actor(
        user_id=user.id,
        label=user.name,
        permissions=rules.effective_permissions(user.role, custom),
        role=user.role,
        zone=user.timezone or "UTC",
        email=user.email,
        ip_address=ip_address,
        user_agent=user_agent,
        through=through,
    )
