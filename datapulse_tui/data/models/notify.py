"""The outbox: channels through which people are told, deliveries, and each attempt to make one."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Key, Shape, Timestamps, choice

CHANNEL_TYPES = ("email", "slack", "sms", "webhook")
DELIVERY_STATUSES = ("pending", "sending", "sent", "failed", "cancelled", "suppressed")
DELIVERY_KINDS = ("trigger", "update", "resolve", "repeat", "escalation", "notice", "test", "message")


class NotificationChannel(Timestamps, Base):
    """A way to tell people: a mail server, a Slack hook, an SMS provider, a webhook. Secrets in `config` are sealed.

    One channel of a type may be the default, which rules mean that name none.
    """

    __tablename__ = "notification_channels"
    __table_args__ = (
        UniqueConstraint("name", name="notification_channels_name_idx"),
        choice("type", CHANNEL_TYPES),
        Index("notification_channels_default_idx", "type", unique=True, postgresql_where=text("is_default")),
    )

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(100))
    type: Mapped[str] = mapped_column(String(20))
    config: Mapped[dict[str, Any]] = mapped_column(Shape("Document"), server_default=text("'{}'"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    checked_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(server_default=text("1"))


class Delivery(Base):
    """One thing to tell one recipient through one channel: intent, suppression, and outcome.

    Several deliveries of one `group_key` that are due go out as one message, which `message_id` names: the idempotency
    key that receivers see, the same on every attempt. `key` makes asking twice for the same delivery one delivery.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("key", name="deliveries_key_idx"),
        choice("status", DELIVERY_STATUSES),
        choice("kind", DELIVERY_KINDS),
        choice("channel_type", CHANNEL_TYPES),
        CheckConstraint("(status = 'sending') = (lease_until IS NOT NULL)", name="lease"),
        CheckConstraint("status <> 'sent' OR sent_at IS NOT NULL", name="sent_at"),
        Index("deliveries_due_idx", "due_at", postgresql_where=text("status = 'pending'")),
        Index("deliveries_channel_due_idx", "channel_id", "due_at", postgresql_where=text("status = 'pending'")),
        Index("deliveries_lease_idx", "lease_until", postgresql_where=text("status = 'sending'")),
        Index("deliveries_group_idx", "group_key", postgresql_where=text("status IN ('pending', 'sending')")),
        Index("deliveries_group_sent_idx", "group_key", "sent_at", postgresql_where=text("status = 'sent'")),
        Index("deliveries_incident_id_idx", "incident_id", postgresql_where=text("incident_id IS NOT NULL")),
        Index("deliveries_message_id_idx", "message_id", postgresql_where=text("message_id IS NOT NULL")),
        Index("deliveries_failed_idx", text("updated_at DESC"), postgresql_where=text("status = 'failed'")),
        Index("deliveries_created_at_idx", text("created_at DESC"), "id"),
    )

    id: Mapped[Key]
    key: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(20))
    channel_type: Mapped[str] = mapped_column(String(20))
    channel_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notification_channels.id", ondelete="SET NULL"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    address: Mapped[str] = mapped_column(String(320), server_default="")
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("alert_incidents.id", ondelete="CASCADE"))
    alert_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"))
    group_key: Mapped[str] = mapped_column(String(500), server_default="")
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    status: Mapped[str] = mapped_column(String(20), server_default="pending")
    reason: Mapped[str | None] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    message_id: Mapped[uuid.UUID | None]
    sent_at: Mapped[datetime | None]
    answer: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"), onupdate=text("now()"))


class DeliveryAttempt(Base):
    """One attempt to send a message, and what the channel answered."""

    __tablename__ = "delivery_attempts"
    __table_args__ = (Index("delivery_attempts_message_id_idx", "message_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    message_id: Mapped[uuid.UUID]
    at: Mapped[CreatedAt]
    succeeded: Mapped[bool]
    answer: Mapped[str] = mapped_column(Text, server_default="")
    took_ms: Mapped[int] = mapped_column(server_default=text("0"))


class DeliveryLimit(Base):
    """When a recipient may get the next message through a channel that is limited (one SMS a minute)."""

    __tablename__ = "delivery_limits"

    key: Mapped[str] = mapped_column(String(400), primary_key=True)
    next_at: Mapped[datetime]
