"""Incidents: what is triaged, what happened to it, what silences it, and who was told."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Key, Shape, Timestamps, choice
from datapulse_tui.data.models.alerts import SEVERITIES

INCIDENT_KINDS = ("threshold", "no_data", "error")
INCIDENT_STATUSES = ("triggered", "acknowledged", "snoozed", "resolved")
SNOOZE_KINDS = ("until_time", "until_recovery", "until_workflow")
EVENT_KINDS = (
    "fired", "updated", "told", "held_back", "acknowledged", "unacknowledged", "assigned", "commented", "snoozed",
    "snooze_extended", "snooze_ended", "resolved", "reopened", "escalated", "repeated",
)  # fmt: skip


class AlertIncident(Timestamps, Base):
    """A firing episode of one series (`kind` threshold; `series_id` is NULL where the rule as a whole fires), or of a
    rule that has an error or no data.

    At most one is open for a series. `priority` (0 critical, 1 warning, 2 info) is the order of the inbox. Values are
    those of the metric; `worst_value` and `last_value` are kept while it is open. `timer_at` is the next moment at
    which something is to be done by itself (repeat, escalate, end of a snooze). `version` grows with every change that
    a person sees.
    """

    __tablename__ = "alert_incidents"
    __table_args__ = (
        UniqueConstraint("number", name="alert_incidents_number_idx"),
        choice("kind", INCIDENT_KINDS),
        choice("status", INCIDENT_STATUSES),
        choice("severity", SEVERITIES),
        CheckConstraint("(status = 'resolved') = (resolved_at IS NOT NULL)", name="resolved_at"),
        CheckConstraint("status <> 'acknowledged' OR acknowledged_at IS NOT NULL", name="acknowledged_at"),
        CheckConstraint("status <> 'snoozed' OR snooze_id IS NOT NULL", name="snoozed_by_something"),
        Index(
            "alert_incidents_one_open_idx",
            "alert_id",
            "series_id",
            "kind",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),  # unlike the lists', which this is not to be mistaken for
            postgresql_nulls_not_distinct=True,
        ),
        Index(
            "alert_incidents_inbox_idx",
            "priority",
            text("opened_at DESC"),
            "id",
            postgresql_where=text("status <> 'resolved'"),
        ),
        # The other orders of the inbox, and what is asked of incidents that are over.
        Index("alert_incidents_open_idx", text("opened_at DESC"), "id", postgresql_where=text("status <> 'resolved'")),
        Index("alert_incidents_order_idx", "priority", text("opened_at DESC"), "id"),
        Index("alert_incidents_department_id_idx", "department_id", text("opened_at DESC")),
        Index("alert_incidents_opened_at_idx", text("opened_at DESC"), "id"),
        Index("alert_incidents_alert_id_idx", "alert_id", text("opened_at DESC")),
        Index("alert_incidents_timer_at_idx", "timer_at", postgresql_where=text("timer_at IS NOT NULL")),
        Index("alert_incidents_snooze_id_idx", "snooze_id", postgresql_where=text("snooze_id IS NOT NULL")),
        Index("alert_incidents_search_idx", "search", postgresql_using="gin"),
        Index(
            "alert_incidents_open_search_idx",
            "search",
            postgresql_using="gin",
            postgresql_where=text("status <> 'resolved'"),
        ),
    )

    id: Mapped[Key]
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    alert_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"))
    series_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("metric_series.id", ondelete="SET NULL"))
    kind: Mapped[str] = mapped_column(String(20), server_default="threshold")
    title: Mapped[str] = mapped_column(String(500))
    labels: Mapped[dict[str, str]] = mapped_column(Shape("Labels"), server_default=text("'{}'"))
    severity: Mapped[str] = mapped_column(String(20))
    priority: Mapped[int] = mapped_column(
        SmallInteger,
        Computed("CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END", persisted=True),
    )
    status: Mapped[str] = mapped_column(String(20), server_default="triggered")
    reason: Mapped[str | None] = mapped_column(String(255))
    department_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("departments.id", ondelete="SET NULL"))
    opened_at: Mapped[datetime]
    start_value: Mapped[float | None]
    worst_value: Mapped[float | None]
    last_value: Mapped[float | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    assigned_to: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    snooze_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("alert_snoozes.id", ondelete="SET NULL"))
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    escalated_at: Mapped[datetime | None]
    timer_at: Mapped[datetime | None]
    repeat_at: Mapped[datetime | None]
    escalate_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    search: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed(
            "to_tsvector('simple'::regconfig, title) || "
            "jsonb_to_tsvector('simple'::regconfig, labels, '[\"string\", \"key\"]'::jsonb)",
            persisted=True,
        ),
        deferred=True,
    )


class IncidentEvent(Base):
    """What happened to an incident, in order: the timeline that people read (the audit trail is kept beside it)."""

    __tablename__ = "incident_events"
    __table_args__ = (choice("kind", EVENT_KINDS), Index("incident_events_incident_id_idx", "incident_id", "id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("alert_incidents.id", ondelete="CASCADE"))
    at: Mapped[CreatedAt]
    kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    actor: Mapped[str | None] = mapped_column(String(255))
    comment: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class AlertSnooze(Base):
    """What silences one incident (`incident_id`) or everything of a rule, present and to come (`alert_id` alone).

    `until` is its hard end: a snooze until recovery or until a workflow has one as well. It is over when `ended_at` is
    set; the timer sets it at the hard end, after a notice (`notice_at`) that it is about to end.
    """

    __tablename__ = "alert_snoozes"
    __table_args__ = (
        choice("kind", SNOOZE_KINDS),
        CheckConstraint("until > created_at", name="until"),
        CheckConstraint(
            "(kind = 'until_workflow') = (workflow_id IS NOT NULL) OR ended_at IS NOT NULL", name="workflow"
        ),
        Index("alert_snoozes_active_idx", "until", postgresql_where=text("ended_at IS NULL")),
        Index("alert_snoozes_alert_id_idx", "alert_id", postgresql_where=text("ended_at IS NULL")),
        Index("alert_snoozes_incident_id_idx", "incident_id"),
        Index("alert_snoozes_workflow_id_idx", "workflow_id", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[Key]
    alert_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("alert_incidents.id", ondelete="CASCADE", use_alter=True, name="alert_snoozes_incident_id_fkey")
    )
    kind: Mapped[str] = mapped_column(String(20))
    until: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    workflow_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("workflows.id", ondelete="SET NULL"))
    created_at: Mapped[CreatedAt]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    notice_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    version: Mapped[int] = mapped_column(server_default=text("1"))


class AlertNotification(Base):
    """That an incident concerns a person (who then sees it), that they were told, and what they did."""

    __tablename__ = "alert_notifications"
    __table_args__ = (
        UniqueConstraint("incident_id", "user_id", name="alert_notifications_incident_id_user_id_idx"),
        Index("alert_notifications_alert_id_idx", "alert_id"),
        Index("alert_notifications_user_id_idx", "user_id"),
        Index("alert_notifications_user_incident_idx", "user_id", "incident_id"),
    )

    id: Mapped[Key]
    alert_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    sent_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("alert_incidents.id", ondelete="CASCADE"))
