"""What a person may decide as the database has it now, whatever the actor was made with."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.data.glance import fetch
from datapulse_tui.people.rules import effective_permissions
from datapulse_tui.workflows.deciding import Authority, Standing, words_of
from datapulse_tui.workflows.rules import DECIDE

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

# A person's rights; `u` is the person.
RIGHTS = """
u.id, u.name, u.email, u.role, coalesce(u.timezone, 'UTC') AS zone,
ARRAY(SELECT r.permissions FROM user_roles m JOIN roles r ON r.id = m.role_id WHERE m.user_id = u.id) AS custom,
ARRAY(SELECT r.name FROM user_roles m JOIN roles r ON r.id = m.role_id WHERE m.user_id = u.id) AS roles,
ARRAY(SELECT d.id FROM departments d WHERE d.head_id = u.id) AS heads
"""
# Delegations that hold now.
HOLDS = "d.ended_at IS NULL AND d.starts_at <= now() AND d.ends_at > now()"

_STANDING = f"""
SELECT {RIGHTS}, who.place, who.types FROM (
    SELECT 0 AS place, CAST(:me AS uuid) AS id, CAST(NULL AS text[]) AS types, CAST(NULL AS timestamptz) AS since
    UNION ALL
    SELECT 1, d.principal_id, d.types, d.starts_at FROM delegations d
    WHERE d.substitute_id = CAST(:me AS uuid) AND {HOLDS}
    UNION ALL
    SELECT 2, unnest(CAST(:lenders AS uuid[])), NULL, NULL
) who JOIN users u ON u.id = who.id AND u.status = 'active'
ORDER BY who.place, who.since, u.id
"""  # noqa: S608  (pieces of this module, values are bound)

_ONE = f"SELECT {RIGHTS} FROM users u WHERE u.id = :id AND u.status = 'active'"  # noqa: S608


async def standing(session: Reader, actor: Actor, lenders: Collection[UUID] = ()) -> Standing:
    """What `actor` may decide now; `lenders` are people who gave them single items.

    An actor with fewer rights than the person has (a key with scopes) decides with those alone. Nobody stands in for
    others without the right to decide.
    """
    if actor.user_id is None:
        return Standing()
    rows = await fetch(session, _STANDING, {"me": actor.user_id, "lenders": list(lenders)})
    mine = next((row for row in rows if row.place == 0), None)
    if mine is None:
        return Standing()
    permissions = {word for word in effective_permissions(mine.role, mine.custom) if actor.can(word)}
    person = authority(mine, permissions)
    if DECIDE not in permissions:
        return Standing(person)
    return Standing(
        person,
        tuple(authority(row) for row in rows if row.place == 1),
        {row.id: authority(row) for row in rows if row.place == 2},
    )


async def standing_of(session: Reader, user_id: UUID) -> Authority | None:
    """What an active person may decide by themselves; None for somebody without an active account."""
    rows = await fetch(session, _ONE, {"id": user_id})
    return authority(rows[0]) if rows else None


def authority(row: Any, permissions: Collection[str] | None = None) -> Authority:
    """The authority of a row of RIGHTS (and its `types`), with fewer `permissions` if they are given."""
    has = effective_permissions(row.role, row.custom) if permissions is None else permissions
    words = words_of(row.id, row.role, row.roles, row.heads, has)
    return Authority(row.id, row.name, row.email, words, tuple(getattr(row, "types", None) or ()))
