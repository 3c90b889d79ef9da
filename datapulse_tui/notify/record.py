"""Writing down what became of messages: deliveries, attempts, who was told, and the timelines, in one statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.notify.channels.base import Outcome, Result
from datapulse_tui.notify.claim import Claimed
from datapulse_tui.notify.intents import DELIVERIES_TOPIC, INCIDENTS_TOPIC
from datapulse_tui.notify.timing import MOST_ATTEMPTS, back_off

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

# Only what this worker still holds the lease of: what was put back meanwhile is somebody else's to write down. The
# members come as arrays, whose length the planner knows: of JSON it expects a thousand, and reads the whole table.
_RECORD = """
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(CAST(:outcomes AS jsonb)) AS given(
        message_id uuid, token uuid, status text, reason text, answer text, wait float8, took_ms int)
), done AS (
    UPDATE deliveries SET status = given.status, reason = given.reason, answer = given.answer, lease_token = NULL,
        lease_until = NULL, updated_at = now(), sent_at = CASE WHEN given.status = 'sent' THEN now() END,
        due_at = CASE WHEN given.status = 'pending' THEN now() + make_interval(secs => given.wait) ELSE due_at END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:messages AS uuid[])) AS member(id, message_id)
    JOIN given ON given.message_id = member.message_id
    WHERE deliveries.id = member.id AND deliveries.lease_token = given.token
    RETURNING deliveries.id, deliveries.message_id, deliveries.status, deliveries.incident_id, deliveries.user_id,
        deliveries.kind, deliveries.channel_type, deliveries.address
), tried AS (
    INSERT INTO delivery_attempts (message_id, succeeded, answer, took_ms)
    SELECT message_id, status = 'sent', answer, took_ms FROM given
    WHERE message_id IN (SELECT message_id FROM done)
), told AS (
    SELECT notified.id FROM alert_notifications notified
    WHERE sent_at IS NULL AND (incident_id, user_id) IN (SELECT incident_id, user_id FROM done WHERE status = 'sent')
    ORDER BY id FOR UPDATE
), people AS (
    UPDATE alert_notifications SET sent_at = now() FROM told WHERE alert_notifications.id = told.id
), timeline AS (
    INSERT INTO incident_events (incident_id, kind, details)
    SELECT incident_id, 'told', jsonb_build_object('kind', kind, 'channel', CAST(:channel AS text),
        'type', channel_type, 'to', address, 'user_id', user_id)
    FROM done WHERE status = 'sent' AND incident_id IS NOT NULL
)
SELECT count(*) AS rows, array_agg(id) AS ids,
    array_agg(DISTINCT incident_id) FILTER (WHERE incident_id IS NOT NULL) AS incidents
FROM done
"""
# Both topics in one round trip: this happens for every few messages.
_SAY = """
SELECT pg_notify(:channel, :deliveries),
    CASE WHEN :incidents <> '' THEN pg_notify(:channel, :incidents) END
"""
_PROBLEM = """
UPDATE notification_channels SET problem = :problem, checked_at = now()
WHERE id = :channel AND problem IS DISTINCT FROM :problem
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt to send a message: what came of it, and in how many seconds."""

    claimed: Claimed
    outcome: Outcome
    took: float


async def record(session: AsyncSession, channel: str, tried: Sequence[Tried]) -> int:
    """Write down attempts of the channel called `channel`; returns how many deliveries changed.

    Sent is sent; refused fails at once; the rest waits for its next attempt, or fails after the last.
    """
    from sqlalchemy import text

    from datapulse_tui.data.enqueue import enqueue
    from datapulse_tui.data.feed.messages import CHANNEL, encode
    from datapulse_tui.notify.service.outbox import DRAIN, QUEUE

    outcomes = [_outcome(each) for each in tried]
    members = [(each, attempt.claimed.message.id) for attempt in tried for each in attempt.claimed.deliveries]
    values = {
        "outcomes": json.dumps(outcomes),
        "ids": [delivery for delivery, _ in members],
        "messages": [message for _, message in members],
        "channel": channel,
    }
    done = (await session.execute(text(_RECORD), values)).one()
    if not done.rows:
        return 0
    waits = [outcome["wait"] for outcome in outcomes if outcome["status"] == "pending"]
    if waits:
        now = (await session.execute(text("SELECT now()"))).scalar_one()
        await enqueue(session, DRAIN, queue=QUEUE, queueing_lock=DRAIN, schedule_at=now + timedelta(seconds=min(waits)))
    said = {"deliveries": encode(DELIVERIES_TOPIC, tuple(done.ids)), "channel": CHANNEL}
    said["incidents"] = encode(INCIDENTS_TOPIC, tuple(done.incidents)) if done.incidents else ""
    await session.execute(text(_SAY), said)
    return int(done.rows)


async def record_problem(session: AsyncSession, channel_id: UUID, problem: str | None) -> None:
    """Keep with a channel what is wrong with it (None: nothing), and tell the desks when that changed."""
    from sqlalchemy import text

    from datapulse_tui.data.feed import emit
    from datapulse_tui.notify.intents import CHANNELS_TOPIC

    done: Any = await session.execute(text(_PROBLEM), {"channel": channel_id, "problem": problem})
    if done.rowcount:
        await emit(session, CHANNELS_TOPIC, channel_id)


def _outcome(tried: Tried) -> dict[str, Any]:
    outcome = tried.outcome
    status, reason, wait = "sent", None, None
    if outcome.result is Result.REFUSED:
        status, reason = "failed", "refused"
    elif outcome.result is Result.RETRY:
        wait = back_off(tried.claimed.attempts, outcome.retry_after)
        status, reason = "pending", f"attempt {tried.claimed.attempts} of {MOST_ATTEMPTS} failed"
        if wait is None:
            status, reason = "failed", f"gave up after {MOST_ATTEMPTS} attempts"
    return {
        "message_id": str(tried.claimed.message.id),
        "token": str(tried.claimed.token),
        "status": status,
        "reason": reason,
        "answer": outcome.answer,
        "wait": wait,
        "took_ms": round(tried.took * 1000),
    }
