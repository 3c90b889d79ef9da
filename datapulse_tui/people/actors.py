"""From a person to the actor that services take: their role, custom roles and zone as they are now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.audit.actor import Actor
from datapulse_tui.errors import NotAllowed, NotFound
from datapulse_tui.people import rules

if TYPE_CHECKING:
    from datapulse_tui.data.glance import Reader

_ACTIVE = """
SELECT u.id, u.email, u.name, u.role, u.timezone,
       ARRAY(SELECT r.permissions FROM user_roles m JOIN roles r ON r.id = m.role_id WHERE m.user_id = u.id) AS custom
FROM users u WHERE u.status = 'active' AND
"""
_HERE = f"""
{_ACTIVE} u.id = :who
AND (CAST(:session AS uuid) IS NULL OR EXISTS (
    SELECT FROM sessions s WHERE s.id = CAST(:session AS uuid) AND s.user_id = u.id AND s.ended_at IS NULL))
AND (CAST(:key AS uuid) IS NULL OR EXISTS (
    SELECT FROM api_keys k WHERE k.id = CAST(:key AS uuid) AND k.user_id = u.id AND k.is_active
    AND k.expires_at > clock_timestamp()))
"""  # noqa: S608  (pieces of this module, values are bound)
_BY_ID = f"{_ACTIVE} u.id = :who"
_BY_EMAIL = f"{_ACTIVE} u.email = :who"


class SessionOver(NotAllowed):
    """Whoever acts is not here any more: the account is not active, or the session or the API key has ended."""


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
    return _actor(found[0], ip_address=ip_address, user_agent=user_agent, through=through)


async def actor_now(session: Reader, actor: Actor) -> Actor:
    """`actor` with the rights that they have at this moment: what every change of a desk is made with, so that a role
    that was taken away, or an account or session that was ended, ends before the desk has heard of it.

    Raises SessionOver. An operator and the system are who they are.
    """
    from datapulse_tui.data.glance import fetch

    if actor.user_id is None:
        return actor
    found = await fetch(session, _HERE, {"who": actor.user_id, "session": actor.session_id, "key": actor.key_id})
    if not found:
        raise SessionOver(
            "Your session was ended: the account was deactivated, or somebody ended it. Nothing was changed.",
            hint="Sign in again, or ask an administrator.",
        )
    fresh = _actor(found[0], ip_address=actor.ip_address, user_agent=actor.user_agent, through=actor.through)
    allowed = fresh.permissions if actor.scopes is None else fresh.permissions & actor.scopes
    return replace(fresh, permissions=allowed, session_id=actor.session_id, scopes=actor.scopes, key_id=actor.key_id)


def _actor(user: Any, *, ip_address: str | None, user_agent: str | None, through: str) -> Actor:
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
