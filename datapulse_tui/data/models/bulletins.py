"""Bulletins: posts, comments and tags."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Key, Timestamps, choice

POST_STATUSES = ("draft", "published", "archived")
COMMENT_STATUSES = ("active", "hidden", "deleted")


class Post(Timestamps, Base):
    """An announcement, runbook, incident review or shift handover."""

    __tablename__ = "posts"
    __table_args__ = (
        choice("status", POST_STATUSES),
        Index("posts_user_id_idx", "user_id"),
        Index("posts_status_idx", "status"),
        Index("posts_published_at_idx", "published_at"),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(255))
    content: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20), server_default="draft")
    published_at: Mapped[datetime | None]


class Comment(Timestamps, Base):
    """What somebody says under a post."""

    __tablename__ = "comments"
    __table_args__ = (
        choice("status", COMMENT_STATUSES),
        Index("comments_post_id_idx", "post_id"),
        Index("comments_user_id_idx", "user_id"),
        Index("comments_post_user_idx", "post_id", "user_id"),
    )

    id: Mapped[Key]
    post_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    content: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20), server_default="active")


class Tag(Base):
    """A word to find posts by."""

    __tablename__ = "tags"
    __table_args__ = (
        UniqueConstraint("name", name="tags_name_idx"),
        UniqueConstraint("slug", name="tags_slug_idx"),
    )

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(50))
    slug: Mapped[str] = mapped_column(String(50))
    color: Mapped[str | None] = mapped_column(String(7), server_default="#000000")
    created_at: Mapped[CreatedAt]


class PostTag(Base):
    """Which post bears which tag."""

    __tablename__ = "post_tags"
    __table_args__ = (Index("post_tags_tag_id_idx", "tag_id"),)

    post_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[CreatedAt]
