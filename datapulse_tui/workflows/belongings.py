"""Requests that wait for a person, and absences in which they stand in, when they hand over what they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.data.glance import fetch
from datapulse_tui.errors import Conflict, DataPulseError
from datapulse_tui.people.belongings import AT_ONCE, Belonging
from datapulse_tui.workflows.deciding import Authority, concerns
from datapulse_tui.workflows.rules import MANAGE

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

APPROVAL = "approval"
DELEGATION = "delegation"

# Theirs is what was given to them, what they claimed, and what names them in person.
_WAITING = """
FROM workflows w JOIN users r ON r.id = w.requester_id
WHERE w.status = 'pending' AND (w.approver_id = CAST(:who AS uuid) OR w.claimed_by = CAST(:who AS uuid)
    OR w.audience @> ARRAY['user:' || CAST(:who AS text)])
"""
_APPROVALS = f"""
SELECT w.id, w.number, w.subject, r.name AS requester {_WAITING} ORDER BY w.due_at, w.id LIMIT :most
"""
_HOLD = f"""
WITH held AS MATERIALIZED (
    SELECT w.id {_WAITING} AND w.id = ANY(CAST(:ids AS uuid[])) ORDER BY w.id FOR UPDATE OF w)
SELECT w.id, w.number, w.type, w.subject, w.requester_id, w.approver_id, w.claimed_by, w.audience,
    w.details->'refused' AS refused, w.final_at,
    (SELECT array_agg(actor_id) || array_agg(principal_id) FROM workflow_votes v
     WHERE v.workflow_id = w.id AND v.retracted_at IS NULL) AS voters,
    CASE WHEN w.approver_id = CAST(:who AS uuid) THEN (
        SELECT e.details->>'principal' FROM workflow_events e
        WHERE e.workflow_id = w.id AND e.kind = 'delegated' ORDER BY e.id DESC LIMIT 1) END AS lent_by
FROM held JOIN workflows w ON w.id = held.id ORDER BY w.due_at, w.id
"""  # noqa: S608
_MOVE = """
UPDATE workflows SET audience = array_replace(audience, 'user:' || CAST(:who AS text), 'user:' || CAST(:to AS text)),
    approver_id = CASE WHEN :who IN (approver_id, claimed_by) THEN CAST(:to AS uuid) ELSE approver_id END,
    claimed_by = nullif(claimed_by, CAST(:who AS uuid)), updated_at = now(),
    claimed_at = CASE WHEN claimed_by = :who THEN NULL ELSE claimed_at END
WHERE id = ANY(CAST(:ids AS uuid[]))
"""
_STANDS_IN = """
SELECT d.id, d.principal_id, p.name AS principal, p.status AS principal_status, d.types, d.starts_at, d.ends_at,
    d.reason, greatest(d.starts_at, now()) AS from_now
FROM delegations d JOIN users p ON p.id = d.principal_id
WHERE d.substitute_id = :who AND d.ended_at IS NULL AND d.ends_at > now() ORDER BY d.starts_at, d.id LIMIT :most
"""


async def approvals_of(session: AsyncSession, user_id: UUID) -> list[Belonging]:
    """The pending requests that were given to a person, that they claimed, or that name them in person."""
    rows = await fetch(session, _APPROVALS, {"who": user_id, "most": AT_ONCE})
    return [Belonging(APPROVAL, row.id, f"#{row.number} {row.subject}", f"from {row.requester}") for row in rows]


async def give_approvals(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID, ids: Sequence[UUID]) -> int:
    """Have pending requests wait for another person, who then decides them in their own right.

    Raises NotAllowed without `workflow:manage` (nor by oneself), Conflict naming the first request that the other may
    not decide: it is theirs or about them, they have voted on it, or it is for others.
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import Entry, record_many
    from datapulse_tui.workflows import telling
    from datapulse_tui.workflows.reads.standing import standing_of
    from datapulse_tui.workflows.service.acting import KIND, note, tell_desks

    if actor.user_id != from_id:
        actor.require(MANAGE, "hand over requests that wait for others")
    to = await standing_of(session, to_id)
    if to is None:
        raise Conflict("This person has no active account. Nothing was changed.", hint="Choose somebody else.")
    rows = await fetch(session, _HOLD, {"ids": list(ids), "who": from_id})
    for row in rows:
        why = _why_not(row, from_id, to)
        if why:
            raise Conflict(
                f"The request #{row.number} {row.subject} cannot go to {to.name}: {why}. Nothing was changed.",
                hint="Give it to one of those who decide it first, or choose somebody else.",
            )
    if not rows:
        return 0
    await session.execute(text(_MOVE), {"ids": [row.id for row in rows], "who": from_id, "to": to_id})
    lent = {row.id: {"principal": row.lent_by} if row.lent_by else {} for row in rows}
    await note(session, actor, "delegated", {each: {"to": str(to_id), "name": to.name, **lent[each]} for each in lent})
    before, after = {"waits_for": str(from_id)}, {"waits_for": str(to_id)}
    entries = [
        Entry("workflow.handed_over", KIND, row.id, before, after, {"request": f"#{row.number} {row.subject}"})
        for row in rows
    ]
    await record_many(session, actor, entries)
    await telling.delegated(session, list(lent), to_id, actor.label, "")
    await tell_desks(session, list(lent))
    return len(rows)


async def delegations_of(session: AsyncSession, user_id: UUID) -> list[Belonging]:
    """The absences, now and to come, in which a person stands in."""
    rows = await fetch(session, _STANDS_IN, {"who": user_id, "most": AT_ONCE})
    return [
        Belonging(DELEGATION, row.id, f"stands in for {row.principal}", f"until {row.ends_at:%Y-%m-%d}") for row in rows
    ]


async def give_delegations(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID, ids: Sequence[UUID]) -> int:
    """Have another person stand in from now on; what was decided stays as it is.

    An absence of somebody without an active account ends. Raises NotAllowed without `workflow:manage` (nor by oneself),
    Conflict naming the absence in which the other may not stand in.
    """
    from datapulse_tui.workflows.service.delegations import create, end

    actor.require(MANAGE, "hand over standing in for others")
    wanted = set(ids)
    rows = [row for row in await fetch(session, _STANDS_IN, {"who": from_id, "most": AT_ONCE}) if row.id in wanted]
    for row in rows:
        await end(session, actor, row.id)
        if row.principal_status != "active":
            continue
        try:
            span = (row.from_now, row.ends_at)
            await create(session, actor, row.principal_id, to_id, span, row.types, row.reason)
        except DataPulseError as error:
            raise Conflict(
                f"Standing in for {row.principal} cannot go to them: {error.message}",
                hint="Name another substitute for that absence first, or choose somebody else.",
            ) from error
    return len(rows)


def _why_not(row: Any, from_id: UUID, to: Authority) -> str:
    """Why `to` could not decide a request in the place of `from_id`; empty where they could."""
    if concerns(row, to.id):
        return "it is their own request, or about them"
    if to.id in (row.voters or ()):
        return "they have voted on it already"
    named = f"user:{from_id}" in row.audience and f"user:{to.id}" in to.words  # who is named in person need be no more
    return "" if named or to.covers(row) else "they are not one of those who decide it"
