"""How people come in: their sessions, invitations and SSH keys."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Key, choice

SESSION_KINDS = ("desk", "ssh", "wall")
SESSION_ENDS = ("signed_out", "ended", "deactivated", "password_changed", "lost")
SSH_KEY_STATUSES = ("pending", "admitted", "revoked")


class SignInSession(Base):
    """A person at a desk, from sign-in to its end. One that was not seen for long is lost."""

    __tablename__ = "sessions"
    __table_args__ = (
        choice("kind", SESSION_KINDS),
        choice("ended_reason", SESSION_ENDS),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="end"),
        Index("sessions_user_id_idx", "user_id", "started_at"),
        Index("sessions_live_idx", "last_seen_at", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10), server_default="desk")
    ip_address: Mapped[str | None] = mapped_column(String(50))
    user_agent: Mapped[str | None] = mapped_column(String(500))
    started_at: Mapped[CreatedAt]
    last_seen_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(String(20))
    ended_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class Invitation(Base):
    """A code that lets a person choose their first password; only its hash is kept. One of a person lives at a time."""

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("code_hash", name="invitations_code_hash_idx"),
        CheckConstraint("expires_at > created_at AND expires_at <= created_at + interval '24 hours'", name="lifetime"),
        CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name="one_end"),
        Index(
            "invitations_live_idx",
            "user_id",
            unique=True,
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SshKey(Base):
    """A public key with which a person may sign in over SSH once an administrator has admitted it."""

    __tablename__ = "ssh_keys"
    __table_args__ = (
        choice("status", SSH_KEY_STATUSES),
        CheckConstraint(
            "(status <> 'admitted' OR admitted_at IS NOT NULL) AND (status = 'revoked') = (revoked_at IS NOT NULL)",
            name="dates",
        ),
        Index("ssh_keys_user_id_idx", "user_id"),
        Index("ssh_keys_fingerprint_idx", "fingerprint", unique=True, postgresql_where=text("status <> 'revoked'")),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    key_type: Mapped[str] = mapped_column(String(50))
    public_key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(60))
    status: Mapped[str] = mapped_column(String(10), server_default="pending")
    created_at: Mapped[CreatedAt]
    admitted_at: Mapped[datetime | None]
    admitted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    last_used: Mapped[datetime | None]
