"""Reports: a dashboard sent on a schedule."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, Key, Shape, Timestamps, choice

REPORT_FORMATS = ("pdf", "excel", "csv")


class Report(Timestamps, Base):
    """What is sent to whom, when and in which format."""

    __tablename__ = "reports"
    __table_args__ = (
        choice("format", REPORT_FORMATS),
        Index("reports_dashboard_id_idx", "dashboard_id"),
        Index("reports_created_by_idx", "created_by"),
        Index("reports_is_active_idx", "is_active"),
    )

    id: Mapped[Key]
    dashboard_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dashboards.id", ondelete="CASCADE"))
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    schedule: Mapped[dict[str, Any]] = mapped_column(Shape("Schedule"), server_default=text("'{}'"))
    recipients: Mapped[list[str]] = mapped_column(Shape("Recipients"), server_default=text("'[]'"))
    format: Mapped[str] = mapped_column(String(20), server_default="pdf")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    last_sent: Mapped[datetime | None]
