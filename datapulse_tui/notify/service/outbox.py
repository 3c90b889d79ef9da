"""Putting deliveries into the outbox, taking them back, and sending failed ones again."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.audit.clean import clean, clean_text
from datapulse_tui.errors import NotFound
from datapulse_tui.notify.intents import DELIVERIES_TOPIC, GROUP_INTERVAL, MANAGE, Intent
from datapulse_tui.notify.timing import end_of_hour

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

DRAIN = "notify:drain"
QUEUE = "deliveries"
KIND = "delivery"
AT_ONCE = 1000  # intents that are made ready without letting anybody else of the process have a turn

# Where each group stands, and the time: groups that wait for nothing and were never told are left out. What waits and
# what leaves are found together, in the words of the index by groups: to a planner that knows of nothing that waits,
# the index of what is due is as good, and it would go through all of that for each group.
_GROUPS = """
SELECT NULL AS group_key, NULL AS joins, NULL AS last_sent, now() AS now
UNION ALL
SELECT * FROM (
    SELECT named.group_key, here.joins,
        CASE WHEN here.leaves THEN now()
             ELSE (SELECT max(sent_at) FROM deliveries gone
                   WHERE gone.group_key = named.group_key AND status = 'sent') END AS last_sent, now()
    FROM unnest(CAST(:groups AS text[])) AS named(group_key)
    CROSS JOIN LATERAL (
        SELECT min(due_at) FILTER (WHERE status = 'pending' AND message_id IS NULL) AS joins,
            bool_or(status = 'sending') AS leaves
        FROM deliveries here
        WHERE here.group_key = named.group_key AND status IN ('pending', 'sending')) here) found
WHERE joins IS NOT NULL OR last_sent IS NOT NULL
"""

# A channel that is being deleted is locked out of vanishing between the look and the foreign key's.
_QUEUE = """
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given(
        key text, kind text, channel_type text, channel_id uuid, user_id uuid, address text, incident_id uuid,
        alert_id uuid, group_key text, payload jsonb, suppressed text, due_at timestamptz)
), channels AS MATERIALIZED (
    SELECT id, type, is_default FROM notification_channels
    WHERE is_default OR id IN (SELECT channel_id FROM given)
    FOR KEY SHARE
), written AS (
    INSERT INTO deliveries (key, kind, channel_type, channel_id, user_id, address, incident_id, alert_id, group_key,
                            payload, status, reason, due_at)
    SELECT given.key, given.kind, given.channel_type, channels.id, given.user_id, given.address, given.incident_id,
        given.alert_id, given.group_key, given.payload,
        CASE WHEN suppressed <> '' THEN 'suppressed'
             WHEN given.channel_id IS NOT NULL AND channels.id IS NULL THEN 'failed'
             ELSE 'pending' END,
        CASE WHEN suppressed <> '' THEN suppressed
             WHEN given.channel_id IS NOT NULL AND channels.id IS NULL THEN CAST(:no_channel AS text) END,
        given.due_at
    FROM given
    LEFT JOIN channels ON channels.id = given.channel_id
        OR (given.channel_id IS NULL AND channels.is_default AND channels.type = given.channel_type)
    ON CONFLICT (key) DO NOTHING
    RETURNING status, due_at
)
SELECT count(*) AS written,
    min(due_at) FILTER (WHERE status = 'pending') AS first_due,
    coalesce(min(due_at) FILTER (WHERE status = 'pending') <= now(), false) AS at_once
FROM written
"""
NO_SUCH_CHANNEL = "The channel that the rule names was deleted. Choose another one in the rule."

_CANCEL = """
WITH cancelled AS (
    UPDATE deliveries SET status = 'cancelled', reason = :reason, updated_at = now()
    WHERE incident_id = ANY(CAST(:incidents AS uuid[])) AND status = 'pending'
      AND (CAST(:kinds AS text[]) IS NULL OR kind = ANY(CAST(:kinds AS text[])))
    RETURNING id)
SELECT count(*) FROM cancelled
"""

_WITHDRAW = """
WITH cancelled AS (
    UPDATE deliveries SET status = 'cancelled', reason = :reason, updated_at = now()
    WHERE key = ANY(CAST(:keys AS text[])) AND status = 'pending' RETURNING id)
SELECT count(*) FROM cancelled
"""

_HAS_CHANNEL = "SELECT 1 FROM notification_channels WHERE type = :type AND is_default AND is_active"

_AGAIN = """
UPDATE deliveries SET status = 'pending', due_at = now(), attempts = 0, reason = NULL, updated_at = now()
WHERE id = ANY(CAST(:ids AS uuid[])) AND status = 'failed'
RETURNING id, kind, channel_type, address
"""


async def queue(session: AsyncSession, intents: Sequence[Intent]) -> int:
    """Write `intents` into the outbox, and wake a worker for when the first is due; returns how many were new.

    Those whose key is there already change nothing. One that names a channel that is gone is written as failed.
    """
    from datapulse_tui.data.enqueue import enqueue
    from datapulse_tui.data.feed import emit

    if not intents:
        return 0
    written = await _write(session, intents, await _due_times(session, intents))
    first_due = min((each.first_due for each in written if each.first_due is not None), default=None)
    if first_due is not None:
        when: datetime | None = None if any(each.at_once for each in written) else first_due
        await enqueue(session, DRAIN, queue=QUEUE, queueing_lock=DRAIN, schedule_at=when)
    count: int = sum(each.written for each in written)
    if count:
        await emit(session, DELIVERIES_TOPIC)
    return count


async def cancel(
    session: AsyncSession, incident_ids: Sequence[UUID], reason: str, kinds: Collection[str] | None = None
) -> int:
    """Take back what is not yet sent about `incident_ids` (only of `kinds`, if given); returns how many.

    What is being sent this moment is not taken back.
    """
    from sqlalchemy import text

    from datapulse_tui.data.feed import emit

    if not incident_ids:
        return 0
    values = {"incidents": list(incident_ids), "reason": reason, "kinds": None if kinds is None else list(kinds)}
    cancelled = int((await session.execute(text(_CANCEL), values)).scalar_one())
    if cancelled:
        await emit(session, DELIVERIES_TOPIC)
    return cancelled


async def withdraw(session: AsyncSession, keys: Sequence[str], reason: str) -> int:
    """Take back the deliveries with these keys that are not yet sent; returns how many."""
    from sqlalchemy import text

    from datapulse_tui.data.feed import emit

    withdrawn = int((await session.execute(text(_WITHDRAW), {"keys": list(keys), "reason": reason})).scalar_one())
    if withdrawn:
        await emit(session, DELIVERIES_TOPIC)
    return withdrawn


async def has_channel(session: AsyncSession, channel_type: str) -> bool:
    """Whether there is a default channel of that type for which messages can be queued."""
    from sqlalchemy import text

    return await session.scalar(text(_HAS_CHANNEL), {"type": channel_type}) is not None


async def send_again(session: AsyncSession, actor: Actor, delivery_ids: Sequence[UUID]) -> int:
    """Have failed deliveries tried again from now, under the keys that receivers know; returns how many.

    One whose channel was deleted goes through the default channel of its type. Raises NotAllowed without
    `delivery:manage`, NotFound when none of them stands as failed (any more).
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import record
    from datapulse_tui.data.enqueue import enqueue
    from datapulse_tui.data.feed import emit

    actor.require(MANAGE, "send notifications again")
    rows = (await session.execute(text(_AGAIN), {"ids": list(delivery_ids)})).all()
    if not rows:
        raise NotFound(
            "None of these notifications stands as failed any more. Nothing was changed.", hint="Look at them again."
        )
    for row in rows:
        note = {"kind": row.kind, "channel": row.channel_type, "to": row.address}
        await record(session, actor, "delivery.sent_again", KIND, row.id, note=note)
    await enqueue(session, DRAIN, queue=QUEUE, queueing_lock=DRAIN)
    await emit(session, DELIVERIES_TOPIC, *(row.id for row in rows))
    return len(rows)


class _DueTimes:
    """When each intent is due, in ISO 8601: `groups` tell where those stand that wait or were told before."""

    def __init__(self, now: datetime, groups: Mapping[str, Any]) -> None:
        self._now = now
        self._groups = groups
        self._firsts: dict[int, str] = {}
        self._ends: dict[str, str] = {}

    def of(self, intent: Intent) -> str:
        """With what waits already, or after the first wait, or a while after the last message."""
        if intent.digest:
            if intent.zone not in self._ends:
                self._ends[intent.zone] = end_of_hour(self._now, intent.zone).isoformat()
            return self._ends[intent.zone]
        group = self._groups.get(intent.group_key)
        if group is not None:
            return self._following(intent, group).isoformat()
        if intent.group_wait not in self._firsts:
            self._firsts[intent.group_wait] = (self._now + timedelta(seconds=intent.group_wait)).isoformat()
        return self._firsts[intent.group_wait]

    def _following(self, intent: Intent, group: Any) -> datetime:
        if group.joins is not None:
            joins: datetime = group.joins
            return joins
        following: datetime = group.last_sent + timedelta(seconds=intent.group_interval)
        return max(self._now + timedelta(seconds=intent.group_wait), following)


async def _write(session: AsyncSession, intents: Sequence[Intent], due: _DueTimes) -> list[Any]:
    """Write the intents, some at a time; the server works on those while the next are made ready.

    In the order of their keys: two that queue the same ones wait for each other and not in a circle, and rows that
    stand beside each other in the indexes are written one after the other.
    """
    from sqlalchemy import text

    intents = sorted(intents, key=lambda intent: intent.key)
    statement = text(_QUEUE)
    written: list[Any] = []
    ready = _document(intents[:AT_ONCE], due)
    for at in range(AT_ONCE, len(intents) + AT_ONCE, AT_ONCE):
        values = {"rows": ready, "no_channel": NO_SUCH_CHANNEL}
        writing = asyncio.create_task(session.execute(statement, values))
        try:
            await asyncio.sleep(0)  # until it is on its way
            ready = _document(intents[at : at + AT_ONCE], due)
        finally:
            written.append((await writing).one())
    return written


def _document(intents: Sequence[Intent], due: _DueTimes) -> str:
    return json.dumps([_row(intent, due.of(intent)) for intent in intents], ensure_ascii=False)


async def _due_times(session: AsyncSession, intents: Sequence[Intent]) -> _DueTimes:
    from sqlalchemy import text

    named = {intent.group_key for intent in intents if not intent.digest and not intent.suppressed}
    found = (await session.execute(text(_GROUPS), {"groups": sorted(named)})).all()
    return _DueTimes(found[0].now, {row.group_key: row for row in found[1:]})


def _row(intent: Intent, due: str) -> dict[str, Any]:
    payload = _plain(intent.payload)
    payload["zone"] = intent.zone
    if intent.digest:
        payload["digest"] = True
    elif intent.group_interval:
        payload[GROUP_INTERVAL] = intent.group_interval
    return {
        "key": intent.key,
        "kind": intent.kind,
        "channel_type": intent.channel_type,
        "channel_id": _text(intent.channel_id),
        "user_id": _text(intent.user_id),
        "address": intent.address,
        "incident_id": _text(intent.incident_id),
        "alert_id": _text(intent.alert_id),
        "group_key": intent.group_key,
        "payload": payload,
        "suppressed": intent.suppressed,
        "due_at": due,
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _plain(payload: Mapping[str, object]) -> dict[str, Any]:
    """The facts as JSON that PostgreSQL takes: no NaN, no NUL, no lone surrogates.

    Most need no cleaning, which is asked here and not in a function: it is, of every fact of thousands of incidents.
    """
    plain: dict[str, Any] = {}
    for key, value in payload.items():
        kind = type(value)
        if kind is str:
            text: Any = value
            plain[_name(key)] = text if text.isascii() and text.isprintable() else clean_text(text)
        elif value is None or kind is int:
            plain[_name(key)] = value
        else:
            plain[_name(key)] = _plain(value) if isinstance(value, Mapping) else clean(value)
    return plain


@functools.lru_cache(maxsize=1000, typed=True)
def _name(key: object) -> str:
    """A fact's name, or a label's: the same few in all that are queued."""
    text = str(key)
    return text if text.isascii() and text.isprintable() else clean_text(text)
