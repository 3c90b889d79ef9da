"""What screens and commands read about channels and deliveries. No secret ever comes out of here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import NotFound
from datapulse_tui.notify.intents import VIEW

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page

COUNT_BOUND = 1000


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel in a list. `address` is where it leads, `problem` what went wrong the last time (empty: nothing)."""

    id: UUID
    name: str
    type: str
    address: str
    is_active: bool
    is_default: bool
    checked_at: datetime | None
    problem: str
    version: int


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One channel; `config` has dots in place of secrets."""

    row: ChannelRow
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One thing that somebody was told, or was to be told. `person` is their name, `channel` that of the channel.

    `reason` says why it stands as it does (held back, cancelled, failed), `answer` what the channel said last. `number`
    and `title` are those of the incident.
    """

    id: UUID
    kind: str
    status: str
    channel_type: str
    channel_id: UUID | None
    channel: str
    address: str
    user_id: UUID | None
    person: str
    incident_id: UUID | None
    number: int | None
    title: str
    alert_id: UUID | None
    reason: str
    answer: str
    attempts: int
    due_at: datetime
    sent_at: datetime | None
    created_at: datetime
    updated_at: datetime
    message_id: UUID | None

    @property
    def recipient(self) -> str:
        """Whom it is for: a person, an address, or a channel that is the recipient itself; empty for nobody."""
        itself = self.channel if self.channel_type in ("slack", "webhook") else ""
        return self.person or self.address or itself


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt to send the message of a delivery."""

    at: datetime
    succeeded: bool
    answer: str
    took_ms: int


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One delivery with its attempts, the first first, and how many deliveries its message carried."""

    row: DeliveryRow
    attempts: tuple[AttemptRow, ...]
    together: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many deliveries wait, are overdue by more than a minute, and stand as failed; each at most `COUNT_BOUND`."""

    waiting: int
    late: int
    failed: int


_CHANNELS = """
SELECT id, name, type, coalesce(config ->> 'shown', '') AS address, is_active, is_default, checked_at,
    coalesce(problem, '') AS problem, version
FROM notification_channels ORDER BY type, name
"""
_DELIVERIES = """
SELECT d.id, d.kind, d.status, d.channel_type, d.channel_id, coalesce(c.name, '') AS channel, d.address, d.user_id,
    coalesce(u.name, '') AS person, d.incident_id, i.number, coalesce(i.title, '') AS title, d.alert_id,
    coalesce(d.reason, '') AS reason, coalesce(d.answer, '') AS answer, d.attempts, d.due_at, d.sent_at, d.created_at,
    d.updated_at, d.message_id
FROM deliveries d
LEFT JOIN notification_channels c ON c.id = d.channel_id
LEFT JOIN users u ON u.id = d.user_id
LEFT JOIN alert_incidents i ON i.id = d.incident_id
"""
_COUNTS = """
SELECT (SELECT count(*) FROM (SELECT FROM deliveries WHERE status = 'pending' LIMIT :bound) waiting) AS waiting,
    (SELECT count(*) FROM (SELECT FROM deliveries WHERE status = 'pending' AND due_at < now() - interval '1 minute'
                           LIMIT :bound) late) AS late,
    (SELECT count(*) FROM (SELECT FROM deliveries WHERE status = 'failed' LIMIT :bound) failed) AS failed
"""
_ATTEMPTS = """
SELECT at, succeeded, answer, took_ms FROM delivery_attempts WHERE message_id = :message ORDER BY id LIMIT 100
"""
_TOGETHER = "SELECT count(*) AS together FROM deliveries WHERE message_id = :message"


async def channels(reader: Reader, actor: Actor) -> tuple[ChannelRow, ...]:
    """Every channel, by type and name. Needs `delivery:view`."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see the channels")
    return tuple(ChannelRow(*row) for row in await fetch(reader, _CHANNELS))


async def get_channel(session: AsyncSession, actor: Actor, channel: UUID | str) -> ChannelView:
    """One channel by id or name. Needs `delivery:view`. Raises NotFound."""
    from sqlalchemy import text

    from datapulse_tui.data.secrets import redact
    from datapulse_tui.notify.service.channels import not_found

    found = [row for row in await channels(session, actor) if channel in (row.id, row.name)]
    if not found:
        raise not_found(channel)
    config = await session.scalar(text("SELECT config FROM notification_channels WHERE id = :id"), {"id": found[0].id})
    return ChannelView(found[0], {key: value for key, value in redact(config or {}).items() if key != "shown"})


async def deliveries(
    reader: Reader,
    actor: Actor,
    *,
    status: str | None = None,
    channel_id: UUID | None = None,
    incident_id: UUID | None = None,
    after: str | None = None,
    limit: int = 200,
) -> Page[DeliveryRow]:
    """A page of deliveries, the newest first. Needs `delivery:view`; one person's own are in `for_incident`."""
    from datapulse_tui.data.glance import fetch
    from datapulse_tui.data.page import decode_cursor, make_page

    actor.require(VIEW, "see what was sent")
    wanted = {"status": status, "channel_id": channel_id, "incident_id": incident_id}
    values: dict[str, object] = {name: value for name, value in wanted.items() if value is not None}
    conditions = [f"d.{name} = :{name}" for name in values]
    if after is not None:
        values["created"], values["id"] = decode_cursor(after, 2)
        conditions.append("(d.created_at < :created OR (d.created_at = :created AND d.id > :id))")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "ORDER BY d.created_at DESC, d.id LIMIT :limit"
    rows = await fetch(reader, f"{_DELIVERIES} {where} {order}", {**values, "limit": limit + 1})
    return make_page(rows, limit, lambda row: DeliveryRow(*row), lambda row: [row.created_at, row.id])


async def failed(reader: Reader, actor: Actor, limit: int = 50) -> tuple[DeliveryRow, ...]:
    """What stands as failed, the latest first. Needs `delivery:view`."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see what was sent")
    where = "WHERE d.status = 'failed' ORDER BY d.updated_at DESC LIMIT :limit"
    return tuple(DeliveryRow(*row) for row in await fetch(reader, f"{_DELIVERIES} {where}", {"limit": limit}))


async def get_delivery(reader: Reader, actor: Actor, delivery_id: UUID) -> DeliveryView:
    """One delivery with its attempts. Needs `delivery:view`. Raises NotFound."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see what was sent")
    rows = await fetch(reader, f"{_DELIVERIES} WHERE d.id = :id", {"id": delivery_id})
    if not rows:
        raise NotFound("There is no such notification.", hint="`datapulse delivery list` shows the latest.")
    row = DeliveryRow(*rows[0])
    if row.message_id is None:
        return DeliveryView(row, (), 1)
    attempts = await fetch(reader, _ATTEMPTS, {"message": row.message_id})
    together = await fetch(reader, _TOGETHER, {"message": row.message_id})
    return DeliveryView(row, tuple(AttemptRow(*each) for each in attempts), together[0].together)


async def for_incident(reader: Reader, incident_ids: Sequence[UUID], limit: int = 1000) -> tuple[DeliveryRow, ...]:
    """What was to be told about these incidents, the newest first, at most `limit`.

    Asks for no right: for services that have decided who may see the incidents.
    """
    from datapulse_tui.data.glance import fetch

    where = "WHERE d.incident_id = ANY(CAST(:ids AS uuid[])) ORDER BY d.created_at DESC, d.id LIMIT :limit"
    rows = await fetch(reader, f"{_DELIVERIES} {where}", {"ids": list(incident_ids), "limit": limit})
    return tuple(DeliveryRow(*row) for row in rows)


async def counts(reader: Reader, actor: Actor) -> Counts:
    """How the outbox stands, without counting far. Needs `delivery:view`."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see what was sent")
    row = (await fetch(reader, _COUNTS, {"bound": COUNT_BOUND}))[0]
    return Counts(row.waiting, row.late, row.failed)
