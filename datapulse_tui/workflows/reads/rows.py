"""A request as lists show it: its columns, and the row made of them. Plain SQL, which the first list needs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.workflows.deciding import Standing, why_not
from datapulse_tui.workflows.reads.standing import standing
from datapulse_tui.workflows.rules import EffectState, Priority, Result, Status, Vote, WaitingOn
from datapulse_tui.workflows.views import PersonRef, RequestRow

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

_REGISTRY = "datapulse_tui.workflows.types.registry"

# Who gave a single item to the reader (:me), in whose right they then decide it.
LENT_BY = """
CASE WHEN w.status = 'pending' AND w.approver_id = CAST(:me AS uuid) THEN (
    SELECT CAST(e.details->>'principal' AS uuid) FROM workflow_events e
    WHERE e.workflow_id = w.id AND e.kind = 'delegated' ORDER BY e.id DESC LIMIT 1) END
"""
COLUMNS = f"""
w.id, w.number, w.version, w.type, w.subject, w.status, w.outcome, w.priority, w.waiting_on, w.audience, w.quorum,
w.created_at, w.due_at, w.paused_at, w.escalated_at, w.reminded_at, w.expires_at, w.final_at, w.decided_at,
w.resolved_at, w.effect_state, w.claimed_at, w.details, w.details->'refused' AS refused,
w.requester_id, r.name AS requester_name, r.email AS requester_email,
w.approver_id, a.name AS approver_name, a.email AS approver_email,
w.claimed_by, c.name AS claimed_name, c.email AS claimed_email,
coalesce(v.votes, 0) AS votes, coalesce(v.against, false) AS against, v.voters,
v.last_id, l.name AS last_name, l.email AS last_email,
CASE WHEN w.status = 'pending' THEN l.name ELSE coalesce(a.name, l.name) END AS decider,
coalesce(w.decided_at, v.last_at) AS decided_on,
{LENT_BY} AS lent_by
"""
# Of the live votes: what was decisive last, a vote against before others.
JOINS = """
JOIN users r ON r.id = w.requester_id
LEFT JOIN users a ON a.id = w.approver_id
LEFT JOIN users c ON c.id = w.claimed_by
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE vote = 'approve') AS votes, bool_or(vote = 'reject') AS against,
           array_agg(actor_id) || array_agg(principal_id) AS voters,
           (array_agg(actor_id ORDER BY vote = 'reject' DESC, created_at DESC, id))[1] AS last_id,
           (array_agg(created_at ORDER BY vote = 'reject' DESC, created_at DESC, id))[1] AS last_at
    FROM workflow_votes WHERE workflow_id = w.id AND retracted_at IS NULL
) v ON true
LEFT JOIN users l ON l.id = v.last_id
"""


async def make_rows(session: Reader, actor: Actor, rows: Sequence[Any], mine: Standing) -> tuple[RequestRow, ...]:
    """The requests of rows of COLUMNS, as `actor`, whose standing is `mine`, sees them."""
    mine = await with_lenders(session, actor, rows, mine)
    kinds = await types()
    zone = ZoneInfo(actor.zone)
    return tuple(_row(row, mine, zone, kinds) for row in rows)


async def with_lenders(session: Reader, actor: Actor, rows: Sequence[Any], mine: Standing) -> Standing:
    """The standing with those who gave one of these items to the person."""
    lenders = {row.lent_by for row in rows if row.lent_by is not None}
    return await standing(session, actor, lenders) if lenders - set(mine.lenders) else mine


async def types() -> Any:
    """The registry: the first to ask for it waits for the types and pydantic to be imported, in a thread."""
    kinds = getattr(sys.modules.get(_REGISTRY), "TYPES", None)
    return kinds if kinds is not None else (await asyncio.to_thread(import_module, _REGISTRY)).TYPES


def type_title(kinds: Any, name: str) -> str:
    """The title of a type; of one that is not there any more its name."""
    return kinds[name].title if name in kinds else name.replace("_", " ")


def _row(row: Any, mine: Standing, zone: ZoneInfo, kinds: Any) -> RequestRow:
    pending = row.status == Status.PENDING
    provisional = pending and row.final_at is not None
    refusal = why_not(mine, row, zone)
    right = mine.right_on(row) if refusal is None else None
    approver = person(row.approver_id, row.approver_name, row.approver_email)
    voter = person(row.last_id, row.last_name, row.last_email)
    return RequestRow(
        id=row.id,
        number=row.number,
        version=row.version,
        type=row.type,
        type_title=type_title(kinds, row.type),
        subject=row.subject,
        status=Status(row.status),
        outcome=Result(row.outcome) if row.outcome else None,
        priority=Priority(row.priority),
        waiting_on=WaitingOn(row.waiting_on),
        requester=PersonRef(row.requester_id, row.requester_name, row.requester_email),
        assignee=approver if pending else None,
        claimed_by=person(row.claimed_by, row.claimed_name, row.claimed_email),
        decided_by=(voter if provisional else None) if pending else approver,
        standing_in_for=PersonRef(right.id, right.name, right.email) if right and right is not mine.person else None,
        created_at=row.created_at,
        due_at=None if pending and row.paused_at else row.due_at,
        escalated_at=row.escalated_at,
        final_at=row.final_at,
        provisional=(Vote.REJECT if row.against else Vote.APPROVE) if provisional else None,
        votes=row.votes,
        quorum=row.quorum,
        effect_state=EffectState(row.effect_state),
        resolved_at=row.resolved_at,
        cannot_decide=refusal.message if refusal else "",
    )


def person(user_id: UUID | None, name: str, email: str) -> PersonRef | None:
    """Somebody, or nobody without an id."""
    return PersonRef(user_id, name, email) if user_id is not None else None
