"""Alert rules, when they are evaluated next, and where each of their series stands."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, Key, Shape, Timestamps, choice

THRESHOLD_TYPES = ("above", "below", "change_percent")
FREQUENCIES = ("immediate", "digest")
ALERT_STATUSES = ("active", "triggered", "snoozed", "resolved", "inactive")
SEVERITIES = ("info", "warning", "critical")
NO_DATA_POLICIES = ("alerting", "keep_last", "normal", "no_data")
ERROR_POLICIES = ("alerting", "keep_last", "normal", "error")
HEALTHS = ("unknown", "ok", "error", "no_data")
SERIES_STATES = ("normal", "pending", "firing", "recovering")


class Alert(Timestamps, Base):
    """A rule: it watches the column `metric` in the result of the query `metric_id`.

    `label_columns` make a series of each label set. Durations are in seconds. `version` guards edits; an edit of the
    condition changes `condition_version`, which resets the series. An archived rule keeps its history and is shown
    nowhere else.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        choice("threshold_type", THRESHOLD_TYPES),
        choice("frequency", FREQUENCIES),
        choice("status", ALERT_STATUSES),
        choice("severity", SEVERITIES),
        choice("no_data_policy", NO_DATA_POLICIES),
        choice("error_policy", ERROR_POLICIES),
        CheckConstraint("interval_seconds BETWEEN 5 AND 86400", name="interval_seconds"),
        CheckConstraint("for_seconds >= 0 AND keep_firing_seconds >= 0", name="durations"),
        CheckConstraint("window_seconds BETWEEN 60 AND 2592000", name="window_seconds"),
        CheckConstraint(
            "group_wait_seconds >= 0 AND group_interval_seconds >= 0 AND repeat_interval_seconds >= 60", name="grouping"
        ),
        CheckConstraint("escalate_after_seconds > 0", name="escalate_after_seconds"),
        CheckConstraint("archived_at IS NULL OR NOT is_active", name="archived_rests"),
        Index("alerts_user_id_idx", "user_id"),
        Index("alerts_status_idx", "status"),
        Index("alerts_is_active_idx", "is_active"),
        Index("alerts_metric_id_idx", "metric_id"),
        # One living rule of a name for each owner: files that are applied find it by owner and name.
        Index("alerts_user_id_name_idx", "user_id", "name", unique=True, postgresql_where=text("archived_at IS NULL")),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    metric_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("queries.id", ondelete="RESTRICT"))
    metric: Mapped[str | None] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(255))
    threshold_type: Mapped[str] = mapped_column(String(20))
    threshold_value: Mapped[Decimal] = mapped_column(Numeric)
    channels: Mapped[list[Any]] = mapped_column(Shape("Channels"), server_default=text("'[]'"))
    frequency: Mapped[str] = mapped_column(String(20), server_default="immediate")
    status: Mapped[str] = mapped_column(String(20), server_default="inactive")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))

    description: Mapped[str | None] = mapped_column(Text)
    label_columns: Mapped[list[str]] = mapped_column(Shape("Names"), server_default=text("'[]'"))
    recovery_value: Mapped[Decimal | None] = mapped_column(Numeric)
    for_seconds: Mapped[int] = mapped_column(server_default=text("0"))
    keep_firing_seconds: Mapped[int] = mapped_column(server_default=text("0"))
    interval_seconds: Mapped[int] = mapped_column(server_default=text("60"))
    window_seconds: Mapped[int] = mapped_column(server_default=text("3600"))
    no_data_policy: Mapped[str] = mapped_column(String(20), server_default="no_data")
    error_policy: Mapped[str] = mapped_column(String(20), server_default="error")
    severity: Mapped[str] = mapped_column(String(20), server_default="warning")
    message: Mapped[str | None] = mapped_column(Text)
    runbook_url: Mapped[str | None] = mapped_column(Text)
    labels: Mapped[dict[str, str]] = mapped_column(Shape("Labels"), server_default=text("'{}'"))
    group_wait_seconds: Mapped[int] = mapped_column(server_default=text("30"))
    group_interval_seconds: Mapped[int] = mapped_column(server_default=text("300"))
    repeat_interval_seconds: Mapped[int] = mapped_column(server_default=text("14400"))
    escalate_after_seconds: Mapped[int | None]
    escalation_channels: Mapped[list[Any]] = mapped_column(Shape("Channels"), server_default=text("'[]'"))
    condition_version: Mapped[int] = mapped_column(server_default=text("1"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    archived_at: Mapped[datetime | None]


class AlertEvaluation(Base):
    """When a rule is evaluated next, and how it went; one row for each rule that is active.

    `next_at` is the slot that is due next; it only moves on. A worker that evaluates holds a lease: whoever finishes
    without it has lost the slot. Few columns and few indexes, because every evaluation updates it.
    """

    __tablename__ = "alert_evaluations"
    __table_args__ = (
        choice("health", HEALTHS),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease"),
        Index("alert_evaluations_next_at_idx", "next_at"),
    )

    alert_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True)
    next_at: Mapped[datetime]
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    condition_version: Mapped[int] = mapped_column(server_default=text("1"))
    health: Mapped[str] = mapped_column(String(20), server_default="unknown")
    health_reason: Mapped[str | None] = mapped_column(Text)
    health_since: Mapped[datetime | None]
    skipped_slots: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    skipped_at: Mapped[datetime | None]


class AlertSeries(Base):
    """Where one series of a rule stands. `series_id` is that of `metric_series`; `since` is when it came there.

    Written only when something changes: the value itself is in the samples.
    """

    __tablename__ = "alert_series"
    __table_args__ = (choice("state", SERIES_STATES), Index("alert_series_series_id_idx", "series_id"))

    alert_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True)
    series_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("metric_series.id", ondelete="CASCADE"), primary_key=True
    )
    state: Mapped[str] = mapped_column(String(20), server_default="normal")
    reason: Mapped[str] = mapped_column(String(40), server_default="new")
    since: Mapped[datetime]
    missed: Mapped[int] = mapped_column(server_default=text("0"))
