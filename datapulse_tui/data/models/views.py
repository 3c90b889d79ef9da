"""Saved views: filters that a person keeps under a name."""

from __future__ import annotations

import uuid

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, Key, Timestamps


class SavedView(Timestamps, Base):
    """A filter line of one screen (`room`: alerts, workflows, ...) under a name, in the person's own order."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("user_id", "room", "name", name="saved_views_user_id_room_name_idx"),)

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    room: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(100))
    filter: Mapped[str] = mapped_column(Text, server_default="")
    position: Mapped[int] = mapped_column(server_default=text("0"))
