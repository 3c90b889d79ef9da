"""Carrying out what was approved: each effect in one transaction with the record of it, so that it happens once.

The effect, the request's new state, its history, the audit records and what people are told are there together or not
at all, whatever is killed in between. What fails for a while is tried again; what cannot be done stands as failed with
its reason, and can be run again.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.clean import clean_text
from datapulse_tui.errors import Conflict, DataPulseError, Invalid, NotAllowed, NotFound, Unavailable
from datapulse_tui.workflows.rules import MANAGE, WORKFLOWS_TOPIC, EffectState
from datapulse_tui.workflows.types.base import Approved

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.data.database import Database

logger = logging.getLogger(__name__)

EFFECTS = "workflows:effects"
QUEUE = "default"
KIND = "workflow"
SYSTEM = Actor(None, "system:workflows", everything=True)

RETRY_AFTER = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5))
"""The pause before each new try; after the last one it has failed."""

_NEXT = """
SELECT w.id, w.number, w.type, w.subject, w.details, w.effect_attempts, w.requester_id, r.name AS requester,
       r.email AS requester_email, w.approver_id, a.name AS approver, now() AS now,
       ARRAY(SELECT v.actor_id FROM workflow_votes v WHERE v.workflow_id = w.id AND v.retracted_at IS NULL
             UNION SELECT v.principal_id FROM workflow_votes v WHERE v.workflow_id = w.id AND v.retracted_at IS NULL)
       AS voters
FROM workflows w
JOIN users r ON r.id = w.requester_id
LEFT JOIN users a ON a.id = w.approver_id
WHERE w.status = 'approved' AND w.effect_state = 'waiting' AND (w.timer_at IS NULL OR w.timer_at <= now())
ORDER BY w.decided_at, w.id LIMIT 1
FOR UPDATE OF w SKIP LOCKED
"""
_DONE = """
UPDATE workflows SET status = 'completed', effect_state = 'done', effect_reason = NULL, effect_at = now(),
    effect_attempts = effect_attempts + 1, timer_at = NULL, resolved_at = now(), updated_at = now()
WHERE id = :id
"""
_LATER = """
UPDATE workflows SET effect_attempts = effect_attempts + 1, effect_reason = :reason, updated_at = now(),
    timer_at = now() + make_interval(secs => :pause)
WHERE id = :id
"""
_FAILED = """
UPDATE workflows SET effect_state = 'failed', effect_attempts = effect_attempts + 1, effect_reason = :reason,
    effect_at = now(), timer_at = NULL, updated_at = now()
WHERE id = :id
"""
_EVENT = """
INSERT INTO workflow_events (workflow_id, kind, actor, comment) VALUES (:id, :kind, :actor, :comment)
"""
_HELD = """
SELECT id, number, subject, effect_state, approver_id, requester_id FROM workflows WHERE id = :id FOR NO KEY UPDATE
"""
_AGAIN = """
UPDATE workflows SET effect_state = 'waiting', effect_attempts = 0, effect_reason = NULL, timer_at = NULL,
    updated_at = now()
WHERE id = :id
"""


async def run_due(data: Database) -> int:
    """Carry out every effect that waits and that nobody else is carrying out; returns how many were tried."""
    tried = 0
    while True:
        async with data.transaction() as session:
            if not await run_one(session):
                return tried
        tried += 1


async def run_one(session: AsyncSession) -> bool:
    """Carry out the effect that waits longest, in the caller's transaction; False when none is due.

    What the effect wrote before it failed is taken back; the failure is what this transaction then records.
    """
    from sqlalchemy import text

    from datapulse_tui.data.engine import lost_connection

    row = (await session.execute(text(_NEXT))).first()
    if row is None:
        return False
    try:
        async with session.begin_nested():
            did = await _carry_out(session, row)
    except (Conflict, Unavailable) as error:
        await _not_done(session, row, error.message, again=True)
    except DataPulseError as error:
        await _not_done(session, row, error.message, again=False)
    except Exception as error:
        if lost_connection(error):
            raise  # nothing of it was written: it waits as before
        logger.exception("the effect of request #%s failed", row.number)
        reason = f"an unexpected error ({type(error).__name__}); the log of the worker says more"
        await _not_done(session, row, reason, again=True)
    else:
        await _done(session, row, did)
    return True


async def run_again(session: AsyncSession, actor: Actor, workflow_id: UUID) -> None:
    """Have the failed effect of a request tried again, by who decided it or with `workflow:manage`.

    Raises NotFound, NotAllowed, and Conflict when it does not stand as failed (any more).
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import record
    from datapulse_tui.data.enqueue import enqueue
    from datapulse_tui.data.feed import emit

    row = (await session.execute(text(_HELD), {"id": workflow_id})).first()
    mine = row is not None and actor.user_id is not None and row.approver_id == actor.user_id
    if row is None or not (mine or actor.can(MANAGE) or actor.user_id == row.requester_id):
        raise NotFound("There is no such request, or it is not one of yours. Nothing was changed.", hint="Look again.")
    if not mine and not actor.can(MANAGE):
        raise NotAllowed(
            "You may not run this again: that may whoever approved it, and administrators. Nothing was changed.",
            hint="Ask them.",
        )
    if row.effect_state != EffectState.FAILED:
        raise Conflict(
            f"The effect of #{row.number} does not stand as failed any more. Nothing was changed.", hint="Look again."
        )
    await session.execute(text(_AGAIN), {"id": workflow_id})
    before, after = {"effect": EffectState.FAILED.value}, {"effect": EffectState.WAITING.value}
    await record(session, actor, "workflow.effect_run_again", KIND, workflow_id, before, after)
    await emit(session, WORKFLOWS_TOPIC, workflow_id)
    await enqueue(session, EFFECTS, queue=QUEUE, queueing_lock=EFFECTS)


def authority(request: Approved) -> Actor:
    """Who an effect runs as: every right, recorded as the approver on the requester's request.

    Whether the approver could do it alone does not matter; that they might decide it was checked when they did.
    """
    return Actor(
        user_id=request.approver_id,
        label=request.approver,
        everything=True,
        through=f"request #{request.number} of {request.requester}",
    )


async def _carry_out(session: AsyncSession, row: Any) -> str:
    from datapulse_tui.workflows.types.registry import type_of

    if row.approver_id is None:
        raise Invalid("Nobody is named as who approved it.")
    request_type = type_of(row.type)
    if not request_type.refused(row.details).isdisjoint(row.voters):
        raise NotAllowed("It was approved by or for somebody whom it is about.")
    reason = await request_type.still_makes_sense(session, row.details)
    if reason:
        raise Invalid(reason)
    request = Approved(
        id=row.id,
        number=row.number,
        type=row.type,
        subject=row.subject,
        details=row.details,
        requester_id=row.requester_id,
        requester=f"{row.requester} <{row.requester_email}>",
        approver_id=row.approver_id,
        approver=row.approver,
    )
    return await request_type.carry_out(session, authority(request), request)


async def _done(session: AsyncSession, row: Any, did: str) -> None:
    from sqlalchemy import text

    from datapulse_tui.workflows import telling

    await session.execute(text(_DONE), {"id": row.id})
    before, after = {"status": "approved", "effect": "waiting"}, {"status": "completed", "effect": "done"}
    await _note(session, row, "effect_done", did, before, after)
    await telling.completed(session, [row.id], did)


async def _not_done(session: AsyncSession, row: Any, why: str, *, again: bool) -> None:
    """Note a failure: to be tried again after a pause, or for good."""
    from sqlalchemy import text

    from datapulse_tui.data.feed import emit
    from datapulse_tui.workflows import telling

    reason = clean_text(why.removesuffix(" Nothing was changed."))
    if again and row.effect_attempts < len(RETRY_AFTER):
        pause = RETRY_AFTER[row.effect_attempts].total_seconds()
        await session.execute(text(_LATER), {"id": row.id, "reason": reason, "pause": pause})
        await emit(session, WORKFLOWS_TOPIC, row.id)
        return
    await session.execute(text(_FAILED), {"id": row.id, "reason": reason})
    await _note(session, row, "effect_failed", reason, {"effect": "waiting"}, {"effect": "failed"})
    await telling.failed(session, [row.id], reason, row.now.isoformat())


async def _note(
    session: AsyncSession, row: Any, event: str, words: str, before: dict[str, str], after: dict[str, str]
) -> None:
    """What follows both ends: history, trail, desks."""
    from sqlalchemy import text

    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    values = {"id": row.id, "kind": event, "actor": SYSTEM.label, "comment": words}
    await session.execute(text(_EVENT), values)
    note = {
        "number": row.number,
        "type": row.type,
        "requester": f"{row.requester} <{row.requester_email}>",
        "approver": row.approver or "",
        "what": words,
    }
    await record(session, SYSTEM, f"workflow.{event}", KIND, row.id, before, after, note=note)
    await emit(session, WORKFLOWS_TOPIC, row.id)
