"""Alert rules and who was told of them."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, Key, Shape, Timestamps, choice

THRESHOLD_TYPES = ("above", "below", "change_percent")
FREQUENCIES = ("immediate", "digest")
ALERT_STATUSES = ("active", "triggered", "snoozed", "resolved", "inactive")


class Alert(Timestamps, Base):
    """A rule: it watches the column `metric` in the result of the query `metric_id`."""

    __tablename__ = "alerts"
    __table_args__ = (
        choice("threshold_type", THRESHOLD_TYPES),
        choice("frequency", FREQUENCIES),
        choice("status", ALERT_STATUSES),
        Index("alerts_user_id_idx", "user_id"),
        Index("alerts_status_idx", "status"),
        Index("alerts_is_active_idx", "is_active"),
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


class AlertNotification(Base):
    """That a person was told of an alert, and what they did."""

    __tablename__ = "alert_notifications"
    __table_args__ = (
        Index("alert_notifications_alert_id_idx", "alert_id"),
        Index("alert_notifications_user_id_idx", "user_id"),
    )

    id: Mapped[Key]
    alert_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    sent_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
