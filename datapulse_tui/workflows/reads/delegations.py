"""Who stands in for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datapulse_tui.data.glance import fetch
from datapulse_tui.workflows.rules import DECIDE, MANAGE
from datapulse_tui.workflows.views import DelegationRow, PersonRef

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

MOST = 500
MOST_PEOPLE = 20

# What holds or is to come first, then what is over, the newest first.
_LIST = """
SELECT d.id, d.types, d.starts_at, d.ends_at, d.reason, d.ended_at,
    p.id AS principal_id, p.name AS principal_name, p.email AS principal_email,
    s.id AS substitute_id, s.name AS substitute_name, s.email AS substitute_email,
    d.ended_at IS NULL AND d.ends_at > now() AS open
FROM delegations d JOIN users p ON p.id = d.principal_id JOIN users s ON s.id = d.substitute_id
WHERE (:all OR CAST(:me AS uuid) IN (d.principal_id, d.substitute_id))
  AND (:over OR (d.ended_at IS NULL AND d.ends_at > now()))
ORDER BY open DESC, CASE WHEN d.ended_at IS NULL AND d.ends_at > now() THEN d.starts_at END,
    coalesce(d.ended_at, d.ends_at) DESC, d.id
LIMIT :limit
"""
# Active people who may decide, by name: an active person's role or custom roles give the right.
_PEOPLE = """
SELECT u.id, u.name, u.email FROM users u
WHERE u.status = 'active' AND u.id IS DISTINCT FROM CAST(:me AS uuid)
  AND (u.role = ANY(CAST(:roles AS text[])) OR EXISTS (
      SELECT FROM user_roles m JOIN roles r ON r.id = m.role_id
      WHERE m.user_id = u.id AND jsonb_exists(r.permissions, :decide)))
  AND (u.name ILIKE :starts OR u.name ILIKE :word_starts OR u.email ILIKE :starts)
ORDER BY lower(u.name), u.email LIMIT :limit
"""


async def list_delegations(session: Reader, actor: Actor, *, over: bool = False) -> tuple[DelegationRow, ...]:
    """The delegations in which the actor has a part (everybody's with `workflow:manage`), those that hold first; with
    `over` also those that are."""
    everybody = actor.can(MANAGE)
    rows = await fetch(session, _LIST, {"me": actor.user_id, "all": everybody, "over": over, "limit": MOST})
    return tuple(
        DelegationRow(
            id=row.id,
            principal=PersonRef(row.principal_id, row.principal_name, row.principal_email),
            substitute=PersonRef(row.substitute_id, row.substitute_name, row.substitute_email),
            types=tuple(row.types),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            reason=row.reason,
            ended_at=row.ended_at,
            may_end=row.open and (everybody or actor.user_id in (row.principal_id, row.substitute_id)),
        )
        for row in rows
    )


async def substitutes(session: Reader, actor: Actor, text: str = "", limit: int = MOST_PEOPLE) -> tuple[PersonRef, ...]:
    """Others who may decide requests, and so stand in or be given one; `text` begins their name or address."""
    from datapulse_tui.alerts.filter_sql import like
    from datapulse_tui.people.rules import ROLE_PERMISSIONS

    actor.require("user:find", "find people")
    name = like(text.strip().replace("\0", ""))
    values = {
        "me": actor.user_id,
        "roles": [role.value for role, permissions in ROLE_PERMISSIONS.items() if DECIDE in permissions],
        "decide": DECIDE,
        "starts": f"{name}%",
        "word_starts": f"% {name}%",
        "limit": limit,
    }
    return tuple(PersonRef(row.id, row.name, row.email) for row in await fetch(session, _PEOPLE, values))
