"""What a drain does before anything is sent: lost leases, channels that are missing, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.notify.claim import LEASE_SECONDS
from datapulse_tui.notify.intents import DELIVERIES_TOPIC
from datapulse_tui.notify.timing import MOST_ATTEMPTS

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_PUT_BACK = """
WITH lost AS (
    SELECT id FROM deliveries WHERE status = 'sending' AND lease_until < now() FOR UPDATE SKIP LOCKED)
UPDATE deliveries SET lease_token = NULL, lease_until = NULL, due_at = now(), updated_at = now(),
    status = CASE WHEN attempts >= :most THEN 'failed' ELSE 'pending' END,
    reason = CASE WHEN attempts >= :most THEN 'the worker was lost during each of the last attempts' END
FROM lost WHERE deliveries.id = lost.id
RETURNING deliveries.id
"""
_TAKE_DEFAULT = """
WITH homeless AS (
    SELECT deliveries.id, channels.id AS channel FROM deliveries
    JOIN notification_channels channels ON channels.type = deliveries.channel_type AND channels.is_default
    WHERE status = 'pending' AND channel_id IS NULL AND due_at <= now()
    FOR UPDATE OF deliveries SKIP LOCKED)
UPDATE deliveries SET channel_id = homeless.channel, updated_at = now()
FROM homeless WHERE deliveries.id = homeless.id
"""
_FAIL = """
WITH stuck AS (
    SELECT deliveries.id, channels.name FROM deliveries
    LEFT JOIN notification_channels channels ON channels.id = deliveries.channel_id
    WHERE status = 'pending' AND due_at <= now() AND (channel_id IS NULL OR NOT channels.is_active)
    FOR UPDATE OF deliveries SKIP LOCKED)
UPDATE deliveries SET status = 'failed', updated_at = now(), reason = CASE WHEN stuck.name IS NULL
    THEN 'There is no default channel of type ' || channel_type
         || '. An administrator adds one (datapulse channel add), then sends this again.'
    ELSE 'The channel ' || stuck.name || ' is switched off. An administrator switches it on '
         || '(datapulse channel update NAME --on), then sends this again.' END
FROM stuck WHERE deliveries.id = stuck.id
RETURNING deliveries.id
"""
_CHANNELS = """
SELECT id FROM notification_channels channels
WHERE is_active AND EXISTS (
    SELECT FROM deliveries WHERE status = 'pending' AND channel_id = channels.id AND due_at <= now())
"""
_NEXT = """
SELECT now() AS now,
    least((SELECT min(due_at) FROM deliveries WHERE status = 'pending' AND due_at > now()),
          (SELECT min(lease_until) FROM deliveries WHERE status = 'sending')) AS next
"""


@dataclass(frozen=True, slots=True)
class Due:
    """The channels that have something to send now."""

    channels: tuple[UUID, ...]


async def prepare(session: AsyncSession) -> Due:
    """Put back what lost workers held, fail what has no channel to leave through, and ask for the next drain.

    The next one is asked for before anything is sent: whoever dies meanwhile is noticed when their leases end.
    """
    from sqlalchemy import text

    from datapulse_tui.data.enqueue import enqueue
    from datapulse_tui.data.feed import emit
    from datapulse_tui.notify.service.outbox import DRAIN, QUEUE

    changed = [row.id for row in await session.execute(text(_PUT_BACK), {"most": MOST_ATTEMPTS})]
    await session.execute(text(_TAKE_DEFAULT))
    changed += [row.id for row in await session.execute(text(_FAIL))]
    channels = tuple(await session.scalars(text(_CHANNELS)))
    following: Any = (await session.execute(text(_NEXT))).one()
    when: datetime | None = following.next
    if channels:
        leases_end = following.now + timedelta(seconds=LEASE_SECONDS + 1)
        when = leases_end if when is None else min(when, leases_end)
    if when is not None:
        when = max(when, following.now + timedelta(seconds=0.2))
        await enqueue(session, DRAIN, queue=QUEUE, queueing_lock=DRAIN, schedule_at=when)
    if changed:
        await emit(session, DELIVERIES_TOPIC, *changed)
    return Due(channels)
