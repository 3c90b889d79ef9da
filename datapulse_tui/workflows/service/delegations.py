"""Standing in for somebody who is away: from when until when, for which types of request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.data.glance import fetch
from datapulse_tui.data.verbs import kept_comment
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.workflows.deciding import Authority, concerns, moment
from datapulse_tui.workflows.reads.rows import COLUMNS, JOINS, make_rows
from datapulse_tui.workflows.reads.standing import standing, standing_of
from datapulse_tui.workflows.rules import DECIDE, DELEGATE, DELEGATIONS_TOPIC, MANAGE, WORKFLOWS_TOPIC
from datapulse_tui.workflows.views import Share

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

KIND = "delegation"
TURNED = "workflows:delegation_turned"  # the job that says when one begins or ends by the clock
MOST_SHARED = 500

Range = tuple[datetime, datetime]

_SHARED = f"""
SELECT {COLUMNS} FROM (
    SELECT w.id FROM workflows w
    WHERE w.status = 'pending' AND w.final_at IS NULL AND w.audience && CAST(:words AS text[])
      AND w.requester_id <> CAST(:principal AS uuid)
      AND (CAST(:types AS text[]) = '{{}}' OR w.type = ANY(CAST(:types AS text[])))
    ORDER BY w.due_at, w.id LIMIT :limit) found
JOIN workflows w ON w.id = found.id {JOINS}
ORDER BY w.due_at, w.id
"""  # noqa: S608  (pieces of this program, values are bound)
# Delegations of one person are made one after the other, so that "does somebody stand in already?" has one answer.
_PRINCIPAL = "SELECT id, name, status FROM users WHERE id = :id FOR NO KEY UPDATE"
_OVERLAPS = """
SELECT u.name, d.starts_at, d.ends_at FROM delegations d JOIN users u ON u.id = d.substitute_id
WHERE d.principal_id = :principal AND d.ended_at IS NULL AND d.starts_at < :end AND d.ends_at > :start
  AND (d.types = '{}' OR CAST(:types AS text[]) = '{}' OR d.types && CAST(:types AS text[]))
ORDER BY d.starts_at LIMIT 1
"""
_CREATE = """
INSERT INTO delegations (principal_id, substitute_id, types, starts_at, ends_at, reason, created_by)
VALUES (:principal, :substitute, :types, :start, :end, :reason, :me)
RETURNING id, principal_id, substitute_id, types, starts_at, ends_at
"""
_HELD = """
SELECT id, principal_id, substitute_id, types, starts_at, ends_at, ended_at, now() AS now FROM delegations
WHERE id = :id FOR NO KEY UPDATE
"""


async def plan(
    session: Reader,
    actor: Actor,
    principal: UUID,
    substitute: UUID,
    range: Range,
    types: Sequence[str] = (),
) -> tuple[Share, ...]:
    """Who would get what: the pending requests that the principal may decide, by time left, at most 500, with the
    reason for those that the substitute would not get. Raises as `create` does."""
    away, other = await _checked(session, actor, principal, substitute, range, types)
    values = {"words": sorted(away.words), "principal": away.id, "types": list(types), "limit": MOST_SHARED}
    rows = [row for row in await fetch(session, _SHARED, {**values, "me": actor.user_id}) if away.covers(row)]
    shown = await make_rows(session, actor, rows, await standing(session, actor))
    return tuple(Share(made, _not_shared(row, away, other)) for row, made in zip(rows, shown, strict=True))


async def create(
    session: AsyncSession,
    actor: Actor,
    principal: UUID,
    substitute: UUID,
    range: Range,
    types: Sequence[str] = (),
    reason: str = "",
) -> UUID:
    """Have `substitute` decide in the name of `principal` from the first to the second moment, for `types` of request
    (none named: all); both are told. Returns the delegation's id.

    For oneself with the right to delegate, for others with `workflow:manage`. Raises NotAllowed, Invalid for people or
    times that cannot be, Conflict when somebody stands in already.
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import record
    from datapulse_tui.data.enqueue import enqueue
    from datapulse_tui.data.feed import emit
    from datapulse_tui.workflows import telling

    said = kept_comment(reason) if reason.strip() else ""
    await session.execute(text(_PRINCIPAL), {"id": principal})
    away, other = await _checked(session, actor, principal, substitute, range, types)
    start, end = range
    values = {"principal": principal, "types": list(dict.fromkeys(types)), "start": start, "end": end}
    taken = (await session.execute(text(_OVERLAPS), values)).first()
    if taken is not None:
        zone = ZoneInfo(actor.zone)
        raise Conflict(
            f"{taken.name} stands in for {away.name} already, from {moment(taken.starts_at, zone)} to "
            f"{moment(taken.ends_at, zone)}. Nothing was changed.",
            hint="End that first, or choose other times or types.",
        )
    values |= {"substitute": substitute, "reason": said, "me": actor.user_id}
    made: Any = (await session.execute(text(_CREATE), values)).one()
    after = {"principal": away.name, "substitute": other.name, "from": start, "to": end, "types": list(types)}
    await record(session, actor, "delegation.made", KIND, made.id, after=after, note={"reason": said} if said else None)
    await telling.delegation(session, made, "made")
    for moment_ in (start, end):
        # Whoever looks at a queue then learns that it is another one.
        await enqueue(session, TURNED, schedule_at=moment_, delegation=made.id)
    await emit(session, DELEGATIONS_TOPIC, made.id)
    await emit(session, WORKFLOWS_TOPIC)  # what is for whom is another now
    return UUID(str(made.id))


async def turned(session: AsyncSession, delegation_id: UUID) -> None:
    """Say that a delegation began or ended by the clock: what is for whom is another now."""
    from datapulse_tui.data.feed import emit

    await emit(session, DELEGATIONS_TOPIC, delegation_id)
    await emit(session, WORKFLOWS_TOPIC)


async def end(session: AsyncSession, actor: Actor, delegation_id: UUID) -> None:
    """End a delegation now: by either of the two, or with `workflow:manage`; both are told. What was decided stays.

    Raises NotFound, Conflict when it is over already.
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit
    from datapulse_tui.workflows import telling

    row = (await session.execute(text(_HELD), {"id": delegation_id})).first()
    if row is None or not (actor.user_id in (row.principal_id, row.substitute_id) or actor.can(MANAGE)):
        raise NotFound("There is no such delegation. Nothing was changed.", hint="Look at the list again.")
    over = row.ended_at or (row.ends_at if row.ends_at <= row.now else None)
    if over is not None:
        when = moment(over, ZoneInfo(actor.zone))
        raise Conflict(f"This delegation is over since {when}. Nothing was changed.")
    await session.execute(text("UPDATE delegations SET ended_at = now() WHERE id = :id"), {"id": delegation_id})
    await record(session, actor, "delegation.ended", KIND, delegation_id, {"ended_at": None}, {"ended_at": row.now})
    await telling.delegation(session, row, "ended")
    await emit(session, DELEGATIONS_TOPIC, delegation_id)
    await emit(session, WORKFLOWS_TOPIC)


# -- parts -------------------------------------------------------------------------------------------------------------


async def _checked(
    session: Reader, actor: Actor, principal: UUID, substitute: UUID, range: Range, types: Sequence[str]
) -> tuple[Authority, Authority]:
    """The two people. Raises what `create` raises."""
    if actor.user_id == principal:
        actor.require(DELEGATE, "name a substitute")
    elif not actor.can(MANAGE):
        raise NotAllowed(
            f"You may not name a substitute for others: that needs the permission {MANAGE}. Nothing was changed.",
            hint="Ask them, or an administrator.",
        )
    start, end = range
    now = (await fetch(session, "SELECT now() AS now"))[0].now
    if start.tzinfo is None or end.tzinfo is None:
        raise Invalid("The times of an absence need a time zone. Nothing was changed.")
    if end <= start or end <= now:
        raise Invalid("An absence ends after it begins, and not in the past. Nothing was changed.")
    unknown = await _unknown_types(types)
    if unknown:
        raise Invalid(f"There is no type of request called {unknown[0][:40]!r}. Nothing was changed.")
    if principal == substitute:
        raise Invalid("Nobody stands in for themselves. Nothing was changed.", hint="Name somebody else.")
    away, other = await standing_of(session, principal), await standing_of(session, substitute)
    if away is None or other is None:
        raise Invalid("This person has no active account. Nothing was changed.", hint="Name somebody else.")
    if f"permission:{DECIDE}" not in other.words:
        raise Invalid(
            f"{other.name} may not decide requests, and so cannot stand in. Nothing was changed.",
            hint=f"Name somebody with the permission {DECIDE}.",
        )
    return away, other


async def _unknown_types(types: Sequence[str]) -> list[str]:
    if not types:
        return []
    from datapulse_tui.workflows.reads.rows import types as known

    kinds = await known()
    return [each for each in types if each not in kinds]


def _not_shared(row: Any, away: Authority, other: Authority) -> str:
    """Why a substitute would not get a request; empty where they would."""
    if row.requester_id == other.id:
        return f"it is {other.name}'s own request"
    if concerns(row, other.id):
        return f"it is about {other.name}"
    if other.id in (row.voters or ()):
        return f"{other.name} has voted on it already"
    if away.id in (row.voters or ()):
        return f"{away.name} has voted on it already"
    return ""
