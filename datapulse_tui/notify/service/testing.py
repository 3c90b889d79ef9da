"""The test button of a channel: a real message, now, and what came of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from datapulse_tui.errors import Invalid
from datapulse_tui.notify.intents import DELIVERIES_TOPIC, MANAGE
from datapulse_tui.notify.service.channels import KIND, not_found

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.secrets import SecretBox
    from datapulse_tui.notify.channels.base import Outcome

TEST_SECONDS = 20.0

_CHANNEL = "SELECT id, name, type, config FROM notification_channels WHERE "
_KEEP = """
WITH given AS (
    SELECT CAST(:channel AS uuid) AS channel, CAST(:message AS uuid) AS message, CAST(:person AS uuid) AS person,
        CAST(:type AS text) AS type, CAST(:address AS text) AS address, CAST(:sent AS boolean) AS sent,
        CAST(:answer AS text) AS answer, CAST(:took AS int) AS took
), channel AS (
    UPDATE notification_channels SET checked_at = now(), problem = CASE WHEN NOT sent THEN answer END
    FROM given WHERE id = given.channel RETURNING id
), delivery AS (
    INSERT INTO deliveries (key, kind, channel_type, channel_id, user_id, address, status, sent_at, attempts,
                            message_id, answer, reason)
    SELECT 'test:' || message, 'test', type, id, person, address, CASE WHEN sent THEN 'sent' ELSE 'failed' END,
        CASE WHEN sent THEN now() END, 1, message, answer, CASE WHEN NOT sent THEN 'a test is not tried again' END
    FROM channel, given)
INSERT INTO delivery_attempts (message_id, succeeded, answer, took_ms) SELECT message, sent, answer, took FROM given
"""


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a test came to: whether the channel took the message, what it answered, and after how many seconds."""

    __test__ = False  # not a test of pytest

    sent: bool
    answer: str
    took: float


async def test_channel(
    data: Database,
    secrets: SecretBox,
    actor: Actor,
    channel: UUID | str,
    *,
    to: str = "",  # noqa: PT028  (no test of pytest)
) -> TestResult:
    """Send a test message through a channel now, and keep what it answered.

    `to` is the address or number for e-mail and SMS; an e-mail goes to the actor's own address without it. Opens
    transactions of its own around the sending. Raises NotAllowed without `delivery:manage`, NotFound, Invalid without
    an address, and what a configuration that cannot be used raises.
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit
    from datapulse_tui.notify.channels.base import Message, Result
    from datapulse_tui.notify.intents import CHANNELS_TOPIC
    from datapulse_tui.notify.messages import Item

    actor.require(MANAGE, "test channels")
    wanted = "id = :channel" if isinstance(channel, UUID) else "name = :channel"
    async with data.reading() as session:
        row: Any = (await session.execute(text(_CHANNEL + wanted), {"channel": channel})).one_or_none()
    if row is None:
        raise not_found(channel)
    message = Message(uuid4(), _recipient(row.type, to, actor), [Item("test", {})], (), row.name)
    began = time.monotonic()
    outcome = await _send(secrets, row, message)
    took = time.monotonic() - began
    succeeded = outcome.result is Result.SENT
    values = {
        "channel": row.id,
        "message": message.id,
        "person": actor.user_id,
        "type": row.type,
        "address": message.address,
        "sent": succeeded,
        "answer": outcome.answer,
        "took": round(took * 1000),
    }
    async with data.transaction() as session:
        await session.execute(text(_KEEP), values)
        note = {"to": message.address, "sent": succeeded, "answer": outcome.answer}
        await record(session, actor, "channel.tested", KIND, row.id, note=note)
        await emit(session, CHANNELS_TOPIC, row.id)
        await emit(session, DELIVERIES_TOPIC)
    return TestResult(succeeded, outcome.answer, took)


def _recipient(type_: str, to: str, actor: Actor) -> str:
    if type_ in ("slack", "webhook"):
        return ""
    address = to.strip() or (actor.email if type_ == "email" else "")
    if not address:
        what = "an address" if type_ == "email" else "a phone number"
        raise Invalid(f"A test of this channel needs {what} to send to. Nothing was sent.", hint="Give one.")
    return address


async def _send(secrets: SecretBox, row: Any, message: Any) -> Outcome:
    from datapulse_tui.notify.channels import open_channel
    from datapulse_tui.notify.channels.base import retry

    plain = await asyncio.to_thread(secrets.unseal, row.config)
    try:
        opened = await open_channel(row.type, plain)
    except OSError as error:
        return retry(f"The channel cannot be opened: {error}")
    try:
        async with asyncio.timeout(TEST_SECONDS):
            return await opened.send(message)
    except TimeoutError:
        return retry(f"No answer within {TEST_SECONDS:g} s.")
    finally:
        await opened.close()
