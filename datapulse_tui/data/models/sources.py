"""Data sources, who may query them, saved queries and data models."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Key, Shape, Timestamps, choice

SOURCE_TYPES = ("postgresql", "mysql", "rest_api", "csv")
SOURCE_STATUSES = ("connected", "error", "disconnected", "pending")


class DataSource(Timestamps, Base):
    """Where data that users analyse lives. Secrets in `connection_config` are encrypted before they get here."""

    __tablename__ = "data_sources"
    __table_args__ = (
        UniqueConstraint("name", name="data_sources_name_idx"),
        choice("type", SOURCE_TYPES),
        choice("status", SOURCE_STATUSES),
        Index("data_sources_status_idx", "status"),
    )

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(255))
    type: Mapped[str] = mapped_column(String(20))
    connection_config: Mapped[dict[str, Any]] = mapped_column(Shape("Document"), server_default=text("'{}'"))
    status: Mapped[str] = mapped_column(String(20), server_default="disconnected")
    last_sync: Mapped[datetime | None]
    meta: Mapped[dict[str, Any]] = mapped_column("metadata", Shape("Document"), server_default=text("'{}'"))


class DataSourceGrant(Base):
    """Who may save or run SQL on which source."""

    __tablename__ = "data_source_grants"
    __table_args__ = (Index("data_source_grants_user_id_idx", "user_id"),)

    data_source_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("data_sources.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    granted_at: Mapped[CreatedAt]
    granted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class DataModel(Timestamps, Base):
    """Tables, joins and calculated fields that compile to SQL."""

    __tablename__ = "data_models"
    __table_args__ = (Index("data_models_created_by_idx", "created_by"),)

    id: Mapped[Key]
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    tables: Mapped[list[Any]] = mapped_column(Shape("Documents"), server_default=text("'[]'"))
    joins: Mapped[list[Any]] = mapped_column(Shape("Documents"), server_default=text("'[]'"))
    calculated_fields: Mapped[list[Any]] = mapped_column(Shape("Documents"), server_default=text("'[]'"))


class Query(Timestamps, Base):
    """A saved query; also what a metric is made of. A name is unique among its owner's queries.

    `meaning_since` is when its SQL or source became another one (None: never): earlier samples are not comparable.
    """

    __tablename__ = "queries"
    __table_args__ = (
        UniqueConstraint("user_id", "name", name="queries_user_id_name_idx"),
        Index("queries_data_source_id_idx", "data_source_id"),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    sql: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    data_source_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("data_sources.id", ondelete="SET NULL"))
    data_model_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("data_models.id", ondelete="SET NULL"))
    meaning_since: Mapped[datetime | None]
