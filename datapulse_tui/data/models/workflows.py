"""Workflows: requests that somebody else decides."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, Key, Shape, Timestamps, choice

WORKFLOW_STATUSES = ("pending", "approved", "rejected", "completed")
PRIORITIES = ("low", "normal", "high", "critical")


class Workflow(Timestamps, Base):
    """A request and its decision."""

    __tablename__ = "workflows"
    __table_args__ = (
        choice("status", WORKFLOW_STATUSES),
        choice("priority", PRIORITIES),
        Index("workflows_requester_id_idx", "requester_id"),
        Index("workflows_approver_id_idx", "approver_id"),
        Index("workflows_status_idx", "status"),
    )

    id: Mapped[Key]
    requester_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    approver_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    type: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), server_default="pending")
    priority: Mapped[str] = mapped_column(String(20), server_default="normal")
    details: Mapped[dict[str, Any]] = mapped_column(Shape("Document"), server_default=text("'{}'"))
    resolved_at: Mapped[datetime | None]
