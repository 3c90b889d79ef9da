"""From a person to the actor that services take: their role, custom roles and zone as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.audit.actor import Actor
from datapulse_tui.errors import NotFound
from datapulse_tui.people import rules

if TYPE_CHECKING:
    from datapulse_tui.data.glance import Reader

_ACTIVE = """
SELECT u.id, u.email, u.name, u.role, u.timezone,
       ARRAY(SELECT r.permissions FROM user_roles m JOIN roles r ON r.id = m.role_id WHERE m.user_id = u.id) AS custom
FROM users u WHERE u.status = 'active' AND
"""
_BY_ID = f"{_ACTIVE} u.id = :who"
_BY_EMAIL = f"{_ACTIVE} u.email = :who"


async def actor_for(
    session: Reader,
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
    from datapulse_tui.data.glance import fetch

    by_id = isinstance(person, UUID)
    who = {"who": person if isinstance(person, UUID) else rules.normalise_email(person)}
    found = await fetch(session, _BY_ID if by_id else _BY_EMAIL, who)
    if not found:
        raise NotFound(
            "There is no active account of this person. Nothing was done.",
            hint="`datapulse user list` shows the accounts and their status.",
        )
    user = found[0]
    return Actor(
        user_id=user.id,
        label=user.name,
        permissions=rules.effective_permissions(user.role, user.custom),
        role=user.role,
        zone=user.timezone or "UTC",
        email=user.email,
        ip_address=ip_address,
        user_agent=user_agent,
        through=through,
    )
