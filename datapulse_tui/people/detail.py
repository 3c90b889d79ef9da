"""One person with all that is known of them: account, profile, roles, sessions, keys, what they have, and the trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.data.glance import fetch
from datapulse_tui.errors import NotFound
from datapulse_tui.people import hand_over, role_reads, rules, sessions
from datapulse_tui.people.listing import COLUMNS, JOINS, VIEW, make_rows
from datapulse_tui.people.views import PersonDetail, RecordRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.people.belongings import Belonging
    from datapulse_tui.people.role_reads import Given
    from datapulse_tui.people.sessions import SessionRow
    from datapulse_tui.people.views import PersonRow

MOST_RECORDS = 30
MOST_SESSIONS = 50

_PERSON = f"""
SELECT {COLUMNS}, u.must_change_password, u.password_changed_at, u.deactivated_at,
    coalesce(p.avatar, '') AS avatar, coalesce(p.bio, '') AS bio, coalesce(p.phone, '') AS shown_phone,
    (SELECT count(*) FROM api_keys k
     WHERE k.user_id = u.id AND k.is_active AND k.revoked_at IS NULL AND k.expires_at > now()) AS keys,
    (SELECT count(*) FROM ssh_keys k WHERE k.user_id = u.id AND k.status = 'admitted') AS ssh_keys
FROM users u {JOINS} LEFT JOIN profiles p ON p.user_id = u.id
"""  # noqa: S608  (pieces of this program, values are bound)
# By them and about them, each found by its own index.
_RECORDS = """
SELECT l.created_at AS at, coalesce(w.name, l.actor, '') AS who, l.action, l.resource_type, l.details,
    l.resource_type = 'user' AND l.resource_id = :person AS about
FROM (
    (SELECT * FROM audit_logs WHERE user_id = :person ORDER BY seq DESC LIMIT :most)
    UNION ALL
    (SELECT * FROM audit_logs
     WHERE resource_type = 'user' AND resource_id = :person AND user_id IS DISTINCT FROM CAST(:person AS uuid)
     ORDER BY seq DESC LIMIT :most)
) l LEFT JOIN users w ON w.id = l.user_id
ORDER BY l.seq DESC LIMIT :most
"""


async def get_person(session: AsyncSession, actor: Actor, person: UUID | str) -> PersonDetail:
    """A person by id or address: oneself, or anybody with `user:view`. Raises NotFound otherwise, Invalid."""
    by_id = isinstance(person, UUID)
    wanted = person if isinstance(person, UUID) else rules.normalise_email(person)
    found = await fetch(session, f"{_PERSON} WHERE u.{'id' if by_id else 'email'} = :person", {"person": wanted})
    if not found or not (found[0].id == actor.user_id or actor.can(VIEW)):
        raise NotFound("There is no such person. Nothing was changed.", hint="`datapulse user list` shows everybody.")
    account = found[0]
    [row] = await make_rows(session, [account])
    roles = await _roles(session, actor, row.id)
    return PersonDetail(
        row=row,
        avatar=account.avatar,
        bio=account.bio,
        shown_phone=account.shown_phone,
        must_change_password=account.must_change_password,
        password_changed_at=account.password_changed_at,
        deactivated_at=account.deactivated_at,
        above=_above(actor, row, roles),
        roles=roles,
        sessions=await _sessions(session, actor, row.id),
        keys=account.keys,
        ssh_keys=account.ssh_keys,
        belongings=await _belongings(session, actor, row.id),
        records=await _records(session, actor, row.id),
    )


async def _roles(session: AsyncSession, actor: Actor, user_id: UUID) -> tuple[Given, ...]:
    if user_id != actor.user_id and not actor.can("role:view"):
        return ()
    return await role_reads.roles_of(session, actor, user_id)


def _above(actor: Actor, row: PersonRow, roles: Sequence[Given]) -> str:
    if row.id == actor.user_id:
        return ""
    may = rules.effective_permissions(row.role, [each.permissions for each in roles])
    lacking = sorted(word for word in may if not actor.can(word))
    return f"They may do what you may not, among it {lacking[0]}." if lacking else ""


async def _sessions(session: AsyncSession, actor: Actor, user_id: UUID) -> tuple[SessionRow, ...]:
    if user_id != actor.user_id and not actor.can(sessions.MANAGE):
        return ()
    return (await sessions.live_sessions(session, actor, user_id=user_id, limit=MOST_SESSIONS)).items


async def _belongings(session: AsyncSession, actor: Actor, user_id: UUID) -> tuple[Belonging, ...]:
    if user_id != actor.user_id and not actor.can(hand_over.PERMISSION):
        return ()
    return tuple(await hand_over.held(session, actor, user_id))


async def _records(session: AsyncSession, actor: Actor, user_id: UUID) -> tuple[RecordRow, ...]:
    if not actor.can("audit:view"):
        return ()
    rows: Sequence[Any] = await fetch(session, _RECORDS, {"person": user_id, "most": MOST_RECORDS})
    return tuple(
        RecordRow(row.at, row.who, row.action, bool(row.about), row.resource_type, row.details or {}) for row in rows
    )
