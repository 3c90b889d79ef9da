"""The append-only trail and its seals."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Key, Shape


class AuditLog(Base):
    """Who did what, on which, from where. `seq` orders the records; `xid` is the transaction that wrote them."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        UniqueConstraint("seq", name="audit_logs_seq_idx"),
        Index("audit_logs_user_id_idx", "user_id"),
        Index("audit_logs_resource_idx", "resource_type", "resource_id"),
        Index("audit_logs_created_at_idx", "created_at"),
        Index("audit_logs_xid_idx", "xid"),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    action: Mapped[str] = mapped_column(String(100))
    resource_type: Mapped[str] = mapped_column(String(100))
    resource_id: Mapped[uuid.UUID | None]
    ip_address: Mapped[str | None] = mapped_column(String(50))
    user_agent: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(Shape("Document"), server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    xid: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"))


class AuditSeal(Base):
    """A hash over the seal before it and all records with `from_xid` <= xid < `to_xid`, in the order of (xid, seq)."""

    __tablename__ = "audit_seals"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    from_xid: Mapped[int] = mapped_column(BigInteger)
    to_xid: Mapped[int] = mapped_column(BigInteger)
    records: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[CreatedAt]
