"""The append-only trail, its seals, where the chain of seals ends, and where it begins since something was purged."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Key, Shape


def _index(name: str, column: str, *more: str) -> Index:
    """An index in the order of the browser, over the records that have the column."""
    return Index(name, column, *more, "created_at", "seq", postgresql_where=text(f"{column} IS NOT NULL"))


class AuditLog(Base):
    """Who did what, on which, from where.

    `actor` is NULL where a signed-in person acted for themselves (`user_id` says who); it names an operator, a job, or
    the operator who acted as that person. `seq` orders the records of a transaction, `xid` is that transaction, and
    `epoch` is when its server started: transaction numbers are only comparable within one run of one server, and a dump
    that is restored elsewhere goes on with other numbers.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        UniqueConstraint("seq", name="audit_logs_seq_idx"),
        Index("audit_logs_created_at_idx", "created_at", "seq"),
        _index("audit_logs_user_id_idx", "user_id", "action"),
        _index("audit_logs_actor_idx", "actor", "action"),
        _index("audit_logs_address_idx", "ip_address"),
        Index("audit_logs_action_idx", "resource_type", "action", "created_at", "seq"),
        Index("audit_logs_resource_idx", "resource_type", "resource_id", "created_at", "seq"),
        Index("audit_logs_order_idx", "epoch", "xid", "seq"),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    actor: Mapped[str | None] = mapped_column(String(255))
    action: Mapped[str] = mapped_column(String(100))
    resource_type: Mapped[str] = mapped_column(String(100))
    resource_id: Mapped[uuid.UUID | None]
    ip_address: Mapped[str | None] = mapped_column(String(50))
    user_agent: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(Shape("Document"), server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    xid: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"))
    epoch: Mapped[datetime] = mapped_column(server_default=text("pg_postmaster_start_time()"))


class AuditSeal(Base):
    """A hash over the seal before it and all records of `epoch` from (`from_xid`, `from_seq`) up to, but not with,
    (`to_xid`, `to_seq`), in the order of (xid, seq).

    `members` holds 40 bytes for each record: its seq (big endian) and the SHA-256 of its canonical form. They are what
    `hash` is taken over, and tell which record differs when it does not match any more.
    """

    __tablename__ = "audit_seals"
    __table_args__ = (UniqueConstraint("epoch", "from_xid", "from_seq", name="audit_seals_range_idx"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    epoch: Mapped[datetime]
    from_xid: Mapped[int] = mapped_column(BigInteger)
    from_seq: Mapped[int] = mapped_column(BigInteger)
    to_xid: Mapped[int] = mapped_column(BigInteger)
    to_seq: Mapped[int] = mapped_column(BigInteger)
    records: Mapped[int] = mapped_column(BigInteger)
    members: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[CreatedAt]


class AuditHead(Base):
    """One row: the last seal (0 and 32 zero bytes before the first), so that its loss is noticed.

    It is also what sealers lock. `epoch` is the run of the server whose predecessors are sealed to their ends.
    """

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, server_default=text("1"))
    seal_id: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    epoch: Mapped[datetime | None]


class AuditBase(Base):
    """Where the chain begins: one row for each purge, the last one counts. Only the owner may write it.

    The seals up to `seal_id`, whose hash was `hash`, and their `records` (of this purge alone), all older than
    `before`, were exported and removed at `purged_at` by the transaction `xid`. `ends` says where the removed seals of
    an epoch ended of which others are still there: [[epoch in microseconds, xid, seq], ...].
    """

    __tablename__ = "audit_base"

    seal_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    records: Mapped[int] = mapped_column(BigInteger)
    before: Mapped[datetime]
    ends: Mapped[list[list[int]]] = mapped_column(JSONB)
    purged_at: Mapped[CreatedAt]
    xid: Mapped[int] = mapped_column(BigInteger)
