"""Dashboards, their widgets and whom they are shared with."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Key, Shape, Timestamps, choice

WIDGET_TYPES = ("line_chart", "bar_chart", "pie_chart", "area_chart", "table", "metric_card", "text", "image")
SHARE_PERMISSIONS = ("view", "edit")


class Dashboard(Timestamps, Base):
    """A grid of widgets. A name is unique among its owner's dashboards, so that files can name it."""

    __tablename__ = "dashboards"
    __table_args__ = (
        UniqueConstraint("user_id", "name", name="dashboards_user_id_name_idx"),
        Index("dashboards_user_id_idx", "user_id"),
        Index("dashboards_created_at_idx", "created_at"),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    layout: Mapped[dict[str, Any]] = mapped_column(Shape("Layout"), server_default=text("'{}'"))
    is_public: Mapped[bool] = mapped_column(server_default=text("false"))


class Widget(Timestamps, Base):
    """One picture on a dashboard. `config` holds the title and the options of its type."""

    __tablename__ = "widgets"
    __table_args__ = (
        choice("type", WIDGET_TYPES),
        Index("widgets_dashboard_id_idx", "dashboard_id"),
        Index("widgets_data_source_id_idx", "data_source_id"),
    )

    id: Mapped[Key]
    dashboard_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dashboards.id", ondelete="CASCADE"))
    data_source_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("data_sources.id", ondelete="SET NULL"))
    type: Mapped[str] = mapped_column(String(50))
    config: Mapped[dict[str, Any]] = mapped_column(Shape("Document"), server_default=text("'{}'"))
    query: Mapped[str | None] = mapped_column(Text)
    position: Mapped[dict[str, Any]] = mapped_column(Shape("Position"), server_default=text("'{}'"))


class DashboardShare(Base):
    """A dashboard that one person shares with another, to view or to edit."""

    __tablename__ = "dashboard_shares"
    __table_args__ = (
        choice("permission", SHARE_PERMISSIONS),
        Index("dashboard_shares_user_id_idx", "user_id"),
    )

    dashboard_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dashboards.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    permission: Mapped[str] = mapped_column(String(20), server_default="view")
    shared_at: Mapped[CreatedAt]
    shared_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
