"""Taking due messages of one channel out of the outbox: each by one worker, under a lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from datapulse_tui.notify.channels.base import Message
from datapulse_tui.notify.intents import DELIVERIES_TOPIC, GROUP_INTERVAL
from datapulse_tui.notify.messages import MOST_LISTED, Item
from datapulse_tui.notify.recheck import RECHECKED_KINDS, reasons

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

LEASE_SECONDS = 60.0
MOST_TOLD = 1000  # deliveries of one message whose facts are read
SCANNED = 16  # due deliveries that are looked at for each message, to find the groups that they belong to
SMS_EVERY = 60.0  # seconds between two SMS to one number
POSTPONED = 5.0  # seconds until the end of something is looked at again whose beginning is on its way

# A group goes out whole or not at all: whoever holds its advisory lock takes every delivery of it that is due, and
# others, who would find the rest of it beyond the locked rows, pass it over. What was tried before keeps its
# message and its members. IS TRUE keeps the members from being looked for among all that is due, once for each message:
# of rows that a storm has just brought the planner knows nothing.
_CLAIM = """
WITH due AS (
    {due}
), mine AS MATERIALIZED (
    SELECT gathered, message_id, coalesce(message_id, gen_random_uuid()) AS new_id
    FROM due
    WHERE pg_try_advisory_xact_lock(hashtextextended(coalesce(CAST(message_id AS text), gathered), 0))
), locked AS MATERIALIZED (
    SELECT deliveries.id, mine.new_id
    FROM mine JOIN deliveries ON deliveries.{gather} = mine.gathered
        AND deliveries.message_id IS NOT DISTINCT FROM mine.message_id
    WHERE status = 'pending' AND (channel_id = :channel AND due_at <= now()) IS TRUE
    FOR UPDATE OF deliveries SKIP LOCKED
), claimed AS (
    UPDATE deliveries SET status = 'sending', lease_token = :token, attempts = attempts + 1,
        lease_until = now() + make_interval(secs => :lease), message_id = locked.new_id, updated_at = now()
    FROM locked WHERE deliveries.id = locked.id
    RETURNING deliveries.id, deliveries.message_id, kind, incident_id, user_id, address, group_key, channel_type,
        attempts, created_at, payload
)
SELECT claimed.id, claimed.message_id, kind, incident_id, user_id, address, group_key, attempts, created_at,
    CASE WHEN row_number() OVER (PARTITION BY claimed.message_id ORDER BY created_at, claimed.id) <= :told
         THEN payload END AS payload,
    (SELECT users.status FROM users WHERE users.id = user_id) AS person,
    CASE WHEN kind = 'resolve' THEN (
        SELECT CASE WHEN bool_or(began.status = 'sent') THEN 'told'
                    WHEN bool_or(began.status = 'sending') THEN 'leaving' END
        FROM deliveries began
        WHERE began.incident_id = claimed.incident_id AND began.channel_type = claimed.channel_type
          AND began.address = claimed.address AND began.kind <> 'resolve') END AS beginning
FROM claimed ORDER BY message_id, created_at, id
"""
_DUE = """
    SELECT group_key AS gathered, message_id, min(due_at) AS first FROM (
        SELECT group_key, message_id, due_at FROM deliveries
        WHERE status = 'pending' AND channel_id = :channel AND due_at <= now() ORDER BY due_at LIMIT :scanned) found
    GROUP BY group_key, message_id ORDER BY first LIMIT :messages
"""
# One a minute and number, so what waits for a number is gathered, whatever it is about.
_DUE_SMS = """
    SELECT DISTINCT ON (address) address AS gathered, message_id FROM deliveries
    WHERE status = 'pending' AND channel_id = :channel AND due_at <= now() AND address = ANY(CAST(:allowed AS text[]))
    ORDER BY address, message_id NULLS LAST, due_at LIMIT :messages
"""
_LIMIT_KEY = "'sms:' || regexp_replace(address, '[^0-9+]', '', 'g')"
_TAKE_TURNS = f"""
WITH waiting AS MATERIALIZED (
    SELECT {_LIMIT_KEY} AS key, min(address) AS address FROM deliveries
    WHERE status = 'pending' AND channel_id = :channel AND due_at <= now() GROUP BY 1 ORDER BY 1 LIMIT :messages
), turns AS (
    INSERT INTO delivery_limits AS held (key, next_at)
    SELECT key, now() + make_interval(secs => :every) FROM waiting
    ON CONFLICT (key) DO UPDATE SET next_at = excluded.next_at WHERE held.next_at <= now()
    RETURNING key)
SELECT waiting.key, waiting.address FROM waiting JOIN turns USING (key)
"""  # noqa: S608  (a constant)
_WAIT_FOR_TURN = f"""
UPDATE deliveries SET due_at = delivery_limits.next_at, updated_at = now()
FROM delivery_limits
WHERE status = 'pending' AND channel_id = :channel AND due_at <= now() AND delivery_limits.key = {_LIMIT_KEY}
  AND delivery_limits.next_at > now() AND delivery_limits.key <> ALL(CAST(:taken AS text[]))
"""  # noqa: S608  (a constant)
_LET_GO = """
UPDATE deliveries SET lease_token = NULL, lease_until = NULL, updated_at = now(), attempts = attempts - 1,
    status = CASE WHEN given.reason IS NULL THEN 'pending' ELSE 'cancelled' END, reason = given.reason,
    message_id = CASE WHEN given.reason IS NULL AND attempts = 1 THEN NULL ELSE message_id END,
    due_at = CASE WHEN given.reason IS NULL THEN now() + make_interval(secs => given.postponed) ELSE due_at END
FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[]), CAST(:waits AS float8[])) AS given(id, reason, postponed)
WHERE deliveries.id = given.id
"""
# Seconds since the last message of each group; 0 while one is on its way. A statement of its own behind the claim: it
# sees all that those did who held the group's lock before.
_LAST_SENT = """
SELECT named.group_key, extract(epoch FROM now() - last)::float8 AS ago
FROM unnest(CAST(:groups AS text[])) AS named(group_key)
CROSS JOIN LATERAL (
    SELECT CASE WHEN EXISTS (SELECT FROM deliveries leaving
                             WHERE leaving.group_key = named.group_key AND status = 'sending'
                               AND leaving.lease_token <> :token) THEN now()
                ELSE (SELECT max(sent_at) FROM deliveries gone
                      WHERE gone.group_key = named.group_key AND status = 'sent') END AS last) found
WHERE last IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this worker has to send until its lease ends; `token` proves the lease."""

    message: Message
    deliveries: tuple[UUID, ...]
    token: UUID
    attempts: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What one look at a channel brought: messages to send, and whether it is worth looking again at once."""

    messages: Sequence[Claimed] = ()
    more: bool = False


async def claim(session: AsyncSession, channel_id: UUID, channel_type: str, name: str, messages: int) -> Claim:
    """Take at most `messages` due messages of a channel, and look again whether they should still be sent.

    What should not is cancelled, with the reason. In the caller's transaction: until it commits, nothing is taken.
    """
    from sqlalchemy import text

    values: dict[str, Any] = {"channel": channel_id, "messages": messages, "told": MOST_TOLD, "lease": LEASE_SECONDS}
    token = uuid4()
    if channel_type == "sms":
        allowed = await _turns(session, channel_id, messages)
        if not allowed:
            return Claim()
        statement = _CLAIM.format(due=_DUE_SMS, gather="address")
        values["allowed"] = allowed
    else:
        statement = _CLAIM.format(due=_DUE, gather="group_key")
        values["scanned"] = SCANNED * messages
    rows = (await session.execute(text(statement), {**values, "token": token})).all()
    stops = await _stops(session, rows)
    waits = await _too_soon(session, rows, token)
    stops |= {row.id: None for row in rows if row.group_key in waits and row.id not in stops}
    if stops:
        groups = {row.id: row.group_key for row in rows}
        await _let_go(session, stops, [waits.get(groups[each], POSTPONED) for each in stops])
    sending = [row for row in rows if row.id not in stops]
    return Claim(_messages(sending, token, name), more=len(rows) > sum(reason is None for reason in stops.values()))


async def _too_soon(session: AsyncSession, rows: Sequence[Any], token: UUID) -> dict[str, float]:
    """The groups whose interval since their last message is not over, with the seconds that it still lasts.

    What was queued while that message was on its way is due too early: whoever queued it could not know when it would
    be sent, and which came first cannot be told from times that two transactions wrote. What was tried before keeps
    its time.
    """
    from sqlalchemy import text

    fresh: dict[str, int] = {}
    for row in rows:
        interval = (row.payload or {}).get(GROUP_INTERVAL, 0)
        if row.attempts == 1 and interval:
            fresh[row.group_key] = max(fresh.get(row.group_key, 0), interval)
    if not fresh:
        return {}
    found = (await session.execute(text(_LAST_SENT), {"groups": list(fresh), "token": token})).all()
    waits = {row.group_key: fresh[row.group_key] - row.ago for row in found}
    return {group: wait for group, wait in waits.items() if wait > 0}


async def _let_go(session: AsyncSession, stops: Mapping[UUID, str | None], waits: Sequence[float]) -> None:
    """Cancel what is not to be sent any more, and have the rest looked at again after its wait, in seconds."""
    from sqlalchemy import text

    from datapulse_tui.data.enqueue import enqueue
    from datapulse_tui.data.feed import emit
    from datapulse_tui.notify.service.outbox import DRAIN, QUEUE

    values = {"ids": list(stops), "reasons": list(stops.values()), "waits": list(waits)}
    await session.execute(text(_LET_GO), values)
    await emit(session, DELIVERIES_TOPIC, *stops)
    again = [wait for reason, wait in zip(stops.values(), waits, strict=True) if reason is None]
    if again:
        now = (await session.execute(text("SELECT now()"))).scalar_one()
        later = now + timedelta(seconds=min(again))
        await enqueue(session, DRAIN, queue=QUEUE, queueing_lock=DRAIN, schedule_at=later)


async def _turns(session: AsyncSession, channel_id: UUID, messages: int) -> list[str]:
    """The numbers that may get an SMS now, each counted as told; the others wait for their minute."""
    from sqlalchemy import text

    rows = (
        await session.execute(text(_TAKE_TURNS), {"channel": channel_id, "messages": messages, "every": SMS_EVERY})
    ).all()
    await session.execute(text(_WAIT_FOR_TURN), {"channel": channel_id, "taken": [row.key for row in rows]})
    return [row.address for row in rows]


async def _stops(session: AsyncSession, rows: Sequence[Any]) -> dict[UUID, str | None]:
    """Delivery -> why it is not sent (None: not yet)."""
    about = {row.incident_id for row in rows if row.kind in RECHECKED_KINDS and row.incident_id is not None}
    why = await reasons(session, sorted(about))
    stops: dict[UUID, str | None] = {}
    for row in rows:
        if row.person is not None and row.person != "active":
            stops[row.id] = "the person's account is not active"
        elif row.kind in RECHECKED_KINDS and row.incident_id in why:
            stops[row.id] = why[row.incident_id]
        elif row.kind == "resolve" and row.beginning is None and row.incident_id is not None:
            stops[row.id] = "it was over before anything about it was sent"
        elif row.kind == "resolve" and row.beginning == "leaving":
            stops[row.id] = None
    return stops


def _messages(rows: Sequence[Any], token: UUID, channel: str) -> list[Claimed]:
    gathered: dict[UUID, list[Any]] = {}
    for row in rows:
        gathered.setdefault(row.message_id, []).append(row)
    return [
        Claimed(
            Message(
                id=message_id,
                address=members[0].address,
                items=[Item(row.kind, row.payload or {}) for row in members],
                threads=_threads(members),
                channel=channel,
            ),
            tuple(row.id for row in members),
            token,
            members[0].attempts,
        )
        for message_id, members in gathered.items()
    ]


def _threads(members: Sequence[Any]) -> tuple[str, ...]:
    """What the message is about: its incidents, as many as are told one by one."""
    incidents = {row.incident_id: None for row in members if row.incident_id is not None}
    return tuple(f"incident-{incident}" for incident in incidents)[:MOST_LISTED]
