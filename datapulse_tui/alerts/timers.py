"""What happens to incidents and snoozes by itself when its time has come: repeats, escalations, notices, ends.

Each batch is one transaction that does what is due and sets the next time, so a batch that is killed was never there,
and rows that another worker holds are passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.episodes import SYSTEM
from datapulse_tui.notify.intents import Intent

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.data.database import Database

BATCH = 500
HARD_END = "its time is over"

# An acknowledged, snoozed or resolved incident has no timers; one that has them all the same loses them here.
_DUE = """
SELECT id, status, repeat_at, escalated_at, now() AS now,
       repeat_at <= now() AS repeats, escalate_at <= now() AND escalated_at IS NULL AS escalates
FROM alert_incidents WHERE timer_at <= now() ORDER BY timer_at, id LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED
"""
# What escalates is repeated a whole interval later, to the second recipients as well. Nothing of this is a change that
# stands in the way of a person who acts on the incident, so the version stays.
_MOVE = """
WITH moved AS (
    SELECT i.id, i.status = 'triggered' AS runs, i.repeat_at, i.escalate_at, i.escalated_at,
           i.id = ANY(CAST(:escalated AS uuid[])) AS escalates, i.id = ANY(CAST(:repeated AS uuid[])) AS repeats,
           now() + make_interval(secs => a.repeat_interval_seconds) AS later
    FROM alert_incidents i JOIN alerts a ON a.id = i.alert_id WHERE i.id = ANY(CAST(:ids AS uuid[]))
), timers AS (
    SELECT id, escalates,
           CASE WHEN runs THEN CASE WHEN repeats OR escalates THEN later ELSE repeat_at END END AS repeat_at,
           CASE WHEN runs AND NOT escalates AND escalated_at IS NULL THEN escalate_at END AS escalate_at
    FROM moved
), noted AS (
    INSERT INTO incident_events (incident_id, kind)
    SELECT id, 'escalated' FROM moved WHERE escalates UNION ALL SELECT id, 'repeated' FROM moved WHERE repeats
)
UPDATE alert_incidents i
SET repeat_at = t.repeat_at, escalate_at = t.escalate_at, timer_at = least(t.repeat_at, t.escalate_at),
    escalated_at = CASE WHEN t.escalates THEN now() ELSE i.escalated_at END
FROM timers t WHERE i.id = t.id
"""
# The rule is held before its incidents and its snoozes (see episodes.py); rules that somebody else holds wait for the
# next time.
_DUE_SNOOZES = """
SELECT a.id FROM alerts a
WHERE a.id IN (SELECT alert_id FROM alert_snoozes WHERE ended_at IS NULL AND until <= now() LIMIT :batch)
ORDER BY a.id FOR NO KEY UPDATE SKIP LOCKED
"""
_SNOOZES_OF = """
SELECT id FROM alert_snoozes
WHERE ended_at IS NULL AND until <= now() AND alert_id = ANY(CAST(:alerts AS uuid[])) LIMIT :batch
"""
_NOTICES = """
WITH due AS (
    SELECT id, notice_at FROM alert_snoozes WHERE ended_at IS NULL AND notice_at <= now()
    ORDER BY notice_at LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED
), noticed AS (
    UPDATE alert_snoozes z SET notice_at = NULL FROM due WHERE z.id = due.id
    RETURNING z.id, z.alert_id, z.incident_id, z.until, z.reason, z.created_by, due.notice_at
)
SELECT n.id, n.alert_id, n.incident_id, n.until, n.reason, n.notice_at, a.name AS rule, i.number, i.title, i.labels,
       coalesce(i.severity, a.severity) AS severity, u.id AS user_id, u.email, coalesce(u.timezone, 'UTC') AS zone,
       u.status = 'active' AS active
FROM noticed n
JOIN alerts a ON a.id = n.alert_id
JOIN users u ON u.id = n.created_by
LEFT JOIN alert_incidents i ON i.id = n.incident_id
"""


async def run_due(data: Database) -> int:
    """Do everything that is due, batch after batch; returns how many incidents and snoozes that were."""
    total = 0
    for part in (end_snoozes_due, run_incidents, send_notices):
        done = BATCH
        while done >= BATCH:
            async with data.transaction() as session:
                done = await part(session)
            total += done
    return total


async def run_incidents(session: AsyncSession) -> int:
    """Escalate and repeat a batch of incidents that nobody has acknowledged; returns how many were due."""
    from sqlalchemy import text

    from datapulse_tui.alerts import telling
    from datapulse_tui.audit.service import Entry, record_many

    rows = (await session.execute(text(_DUE), {"batch": BATCH})).all()
    if not rows:
        return 0
    running = [row for row in rows if row.status == "triggered"]
    escalated = [row.id for row in running if row.escalates]
    repeated = [row.id for row in running if row.repeats and not row.escalates]
    ids = {"ids": [row.id for row in rows], "escalated": escalated, "repeated": repeated}
    await session.execute(text(_MOVE), ids)
    occasion = rows[0].now.isoformat()
    await telling.tell(session, telling.ESCALATION, escalated)
    await telling.tell(session, telling.REPEAT, repeated, occasion=occasion)
    again = [row.id for row in running if row.repeats and row.escalated_at is not None]
    await telling.tell(session, telling.ESCALATION, again, occasion=occasion)
    await record_many(session, SYSTEM, [Entry("incident.escalated", "incident", each) for each in escalated])
    await _tell_desks(session, [*escalated, *repeated])
    return len(rows)


async def end_snoozes_due(session: AsyncSession) -> int:
    """End a batch of snoozes whose hard end has come, and wake what they silenced; returns how many."""
    from sqlalchemy import text

    from datapulse_tui.alerts.waking import end_snoozes

    alerts = (await session.scalars(text(_DUE_SNOOZES), {"batch": BATCH})).all()
    if not alerts:
        return 0
    found = await session.scalars(text(_SNOOZES_OF), {"alerts": list(alerts), "batch": BATCH})
    return await end_snoozes(session, SYSTEM, list(found), HARD_END)


async def send_notices(session: AsyncSession) -> int:
    """Tell those who snoozed something that it is about to end; returns how many snoozes that were."""
    from sqlalchemy import text

    from datapulse_tui.notify.service import queue

    rows = (await session.execute(text(_NOTICES), {"batch": BATCH})).all()
    await queue(session, [_notice(row) for row in rows])
    return len(rows)


def _notice(row: Any) -> Intent:
    title = row.title or f"everything of {row.rule}"
    end = f"{row.until.astimezone(ZoneInfo(row.zone)):%Y-%m-%d %H:%M}"
    return Intent(
        key=f"{row.id}:notice@{row.notice_at.isoformat()}:{row.user_id}:email",
        kind="notice",
        channel_type="email",
        channel_id=None,
        address=row.email,
        user_id=row.user_id,
        zone=row.zone,
        group_key=f"{row.alert_id}:notice:{row.email}",
        incident_id=row.incident_id,
        alert_id=row.alert_id,
        payload={
            "rule": row.rule,
            "severity": row.severity,
            "number": row.number,
            "title": f"your snooze of {title} is about to end",
            "labels": row.labels or {},
            "state": "snoozed",
            "comment": f"It ends at {end} ({row.zone}) and was made because: {row.reason}",
        },
        suppressed="" if row.active else "the account is not active",
    )


async def _tell_desks(session: AsyncSession, ids: Sequence[UUID]) -> None:
    from datapulse_tui.alerts.rules import INCIDENTS_TOPIC
    from datapulse_tui.data.feed import emit

    if ids:
        await emit(session, INCIDENTS_TOPIC, *ids)
