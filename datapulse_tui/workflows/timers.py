"""What happens to pending requests by itself when its time has come: decisions become final, approvers are reminded,
what is late escalates to the fall-back, and what nobody decides expires.

Each batch is one transaction that does what is due and sets the next time, so a batch that is killed was never there,
and rows that another worker or a person holds are passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from datapulse_tui.audit.actor import Actor
from datapulse_tui.workflows import clock, telling
from datapulse_tui.workflows.reads.rows import COLUMNS, JOINS
from datapulse_tui.workflows.rules import EffectState, Priority, Result, Status, WaitingOn
from datapulse_tui.workflows.service.acting import KIND, note, tell_desks, workspace_zone
from datapulse_tui.workflows.service.requests import wake

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.data.database import Database

BATCH = 500
SYSTEM = Actor(None, "system:workflows", everything=True)
EFFECTS = "workflows:effects"  # the job that carries out what was approved

# Decided requests keep their timers to themselves: an effect that is tried again has one.
_DUE = """
SELECT id FROM workflows WHERE status = 'pending' AND timer_at <= now()
ORDER BY timer_at, id LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED
"""
# A statement of its own: it sees what was voted while the rows were waited for.
_ROWS = f"""
SELECT {COLUMNS}, now() AS now, route.details->'fallback' AS fallback
FROM workflows w {JOINS}
LEFT JOIN LATERAL (
    SELECT details FROM workflow_events
    WHERE workflow_id = w.id AND kind IN ('requested', 'edited') ORDER BY id DESC LIMIT 1) route ON true
WHERE w.id = ANY(CAST(:ids AS uuid[])) ORDER BY w.id
"""  # noqa: S608  (pieces of this program, values are bound)
_DECIDE = """
UPDATE workflows w SET status = g.status, outcome = g.status, approver_id = g.approver, decided_at = g.decided,
    effect_state = g.effect, resolved_at = CASE g.status WHEN 'rejected' THEN now() END, waiting_on = 'approver',
    paused_at = NULL, final_at = NULL, timer_at = NULL, updated_at = now()
FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[]), CAST(:approvers AS uuid[]),
            CAST(:decided AS timestamptz[]), CAST(:effects AS text[])) AS g(id, status, approver, decided, effect)
WHERE w.id = g.id
"""
_EXPIRE = """
UPDATE workflows SET status = 'rejected', outcome = 'expired', resolved_at = now(), decided_at = now(),
    timer_at = NULL, updated_at = now()
WHERE id = ANY(CAST(:ids AS uuid[]))
"""
_ESCALATE = """
UPDATE workflows w SET escalated_at = now(), updated_at = now(),
    audience = w.audience || ARRAY(SELECT word FROM jsonb_array_elements_text(g.value->1) AS word
                                   WHERE word <> ALL (w.audience))
FROM jsonb_array_elements(CAST(:given AS jsonb)) AS g WHERE w.id = CAST(g.value->>0 AS uuid)
"""
_REMIND = "UPDATE workflows SET reminded_at = now() WHERE id = ANY(CAST(:ids AS uuid[]))"
# A decision whose votes are gone is none, and the request is looked at again.
_NEXT = """
UPDATE workflows w SET timer_at = g.at, final_at = CASE WHEN w.final_at > now() THEN w.final_at END
FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[])) AS g(id, at) WHERE w.id = g.id
"""


async def run_due(data: Database) -> int:
    """Do everything that is due, batch after batch; returns how many requests that were."""
    total = 0
    done = BATCH
    while done >= BATCH:
        async with data.transaction() as session:
            done = await run_batch(session)
        total += done
    return total


async def run_batch(session: AsyncSession) -> int:
    """Do what is due with a batch of requests, in the caller's transaction; returns how many were due."""
    from sqlalchemy import text

    ids = (await session.scalars(text(_DUE), {"batch": BATCH})).all()
    if not ids:
        return 0
    rows = (await session.execute(text(_ROWS), {"ids": list(ids), "me": None})).all()
    zone = workspace_zone()
    final = [row for row in rows if _is_final(row)]
    expired = [row for row in rows if row.final_at is None and row.expires_at and row.expires_at <= row.now]
    gone = {row.id for row in (*final, *expired)}
    waiting = [row for row in rows if row.id not in gone]
    late = [row for row in waiting if _is_late(row)]
    forgotten = [row for row in waiting if _is_to_be_reminded(row, zone)]
    await _finalise(session, final)
    await _expire(session, expired)
    await _escalate(session, late)
    await _remind(session, [row for row in forgotten if row not in late])
    await _set_next(session, waiting, late, forgotten, zone)
    await tell_desks(session, [*gone, *(row.id for row in late)])
    return len(ids)


# -- what is due -------------------------------------------------------------------------------------------------------


def _is_final(row: Any) -> bool:
    """Whether a decision can be taken back no more."""
    return row.final_at is not None and row.final_at <= row.now and (row.against or row.votes >= row.quorum)


def _runs(row: Any) -> bool:
    """Whether its clock runs and somebody may decide it."""
    return row.final_at is None and row.waiting_on == WaitingOn.APPROVER and row.paused_at is None


def _is_late(row: Any) -> bool:
    return _runs(row) and row.escalated_at is None and row.due_at is not None and row.due_at <= row.now


def _is_to_be_reminded(row: Any, zone: ZoneInfo) -> bool:
    if not _runs(row) or row.due_at is None:
        return False
    at = clock.remind_at(Priority(row.priority), row.created_at, row.due_at, row.reminded_at, zone)
    return bool(at <= row.now)


# -- doing it ----------------------------------------------------------------------------------------------------------


async def _finalise(session: AsyncSession, rows: Sequence[Any]) -> None:
    """Make decisions final: now the effects start, and people are told."""
    from sqlalchemy import text

    from datapulse_tui.audit.service import Entry, record_many
    from datapulse_tui.data.enqueue import enqueue
    from datapulse_tui.workflows.types.registry import TYPES

    if not rows:
        return
    statuses = [Status.REJECTED if row.against else Status.APPROVED for row in rows]
    effects = [
        EffectState.WAITING
        if status is Status.APPROVED and (row.type not in TYPES or TYPES[row.type].has_effect)
        else EffectState.NONE
        for row, status in zip(rows, statuses, strict=True)
    ]
    values = {
        "ids": [row.id for row in rows],
        "statuses": [each.value for each in statuses],
        "approvers": [row.last_id for row in rows],
        "decided": [row.decided_on for row in rows],
        "effects": [each.value for each in effects],
    }
    await session.execute(text(_DECIDE), values)
    await note(
        session,
        SYSTEM,
        "decided",
        {row.id: {"outcome": each.value, "by": row.last_name} for row, each in zip(rows, statuses, strict=True)},
    )
    await record_many(
        session,
        SYSTEM,
        [
            Entry(
                f"workflow.{each.value}",
                KIND,
                row.id,
                {"status": Status.PENDING.value},
                {"status": each.value},
                {
                    "request": f"#{row.number} {row.subject}",
                    "decided_by": f"{row.last_name} <{row.last_email}>",
                    "requested_by": f"{row.requester_name} <{row.requester_email}>",
                },
            )
            for row, each in zip(rows, statuses, strict=True)
        ],
    )
    if EffectState.WAITING in effects:
        await enqueue(session, EFFECTS, queueing_lock=EFFECTS)
    await wake(session, values["ids"])
    await telling.decided(session, values["ids"])


async def _expire(session: AsyncSession, rows: Sequence[Any]) -> None:
    from sqlalchemy import text

    if rows:
        ids = [row.id for row in rows]
        await session.execute(text(_EXPIRE), {"ids": ids})
        await note(session, SYSTEM, "expired", {key: {} for key in ids})
        await _recorded(session, "workflow.expired", rows, {"outcome": Result.EXPIRED.value})
        await wake(session, ids)
        await telling.decided(session, ids)


async def _escalate(session: AsyncSession, rows: Sequence[Any]) -> None:
    """Have the fall-back decide as well what is late, and tell everybody who may. Nobody's right is taken away."""
    import json

    from sqlalchemy import text

    if rows:
        fallbacks = {row.id: row.fallback or {"words": [], "in_words": ""} for row in rows}
        given = [(str(key), fallback["words"]) for key, fallback in fallbacks.items()]
        await session.execute(text(_ESCALATE), {"given": json.dumps(given)})
        await note(session, SYSTEM, "escalated", {key: {"to": each["in_words"]} for key, each in fallbacks.items()})
        await _recorded(session, "workflow.escalated", rows, {"escalated": True})
        await session.execute(text(_REMIND), {"ids": list(fallbacks)})  # it is a reminder as well
        await telling.escalated(session, list(fallbacks))


async def _remind(session: AsyncSession, rows: Sequence[Any]) -> None:
    from sqlalchemy import text

    if rows:
        ids = [row.id for row in rows]
        await session.execute(text(_REMIND), {"ids": ids})
        await note(session, SYSTEM, "reminded", {key: {} for key in ids})
        await telling.reminded(session, ids)


async def _set_next(
    session: AsyncSession, waiting: Sequence[Any], late: Sequence[Any], reminded: Sequence[Any], zone: ZoneInfo
) -> None:
    """When each of those that are still pending is due again."""
    from sqlalchemy import text

    escalated, told = {row.id for row in late}, {row.id for row in (*late, *reminded)}
    times = []
    for row in waiting:
        if row.final_at is not None:
            times.append(max(row.final_at, row.now))
        elif not _runs(row):
            times.append(row.expires_at)
        else:
            times.append(
                clock.next_timer(
                    Priority(row.priority),
                    row.created_at,
                    row.due_at,
                    row.now if row.id in told else row.reminded_at,
                    escalated=row.escalated_at is not None or row.id in escalated,
                    expires_at=row.expires_at,
                    zone=zone,
                )
            )
    if waiting:
        await session.execute(text(_NEXT), {"ids": [row.id for row in waiting], "times": times})


async def _recorded(session: AsyncSession, action: str, rows: Sequence[Any], after: dict[str, object]) -> None:
    from datapulse_tui.audit.service import Entry, record_many

    entries = [Entry(action, KIND, row.id, None, after, {"request": f"#{row.number} {row.subject}"}) for row in rows]
    await record_many(session, SYSTEM, entries)
