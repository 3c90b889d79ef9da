"""Workflows: requests that somebody else decides, the votes that decide them, and who stands in for whom."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Key, Shape, Timestamps, choice

WORKFLOW_STATUSES = ("pending", "approved", "rejected", "completed")
PRIORITIES = ("low", "normal", "high", "critical")
OUTCOMES = ("approved", "rejected", "withdrawn", "expired")
WAITING_ON = ("approver", "requester")
EFFECT_STATES = ("none", "waiting", "done", "failed")
DECISIONS = ("approve", "reject")
WORKFLOW_EVENTS = (
    "requested", "edited", "commented", "information_asked", "information_given", "claimed", "released", "delegated",
    "voted", "vote_retracted", "decided", "withdrawn", "expired", "escalated", "reminded", "effect_done",
    "effect_failed", "completed",
)  # fmt: skip


_DECIDED_AT = text("coalesce(decided_at, created_at) DESC")


class Workflow(Timestamps, Base):
    """A request and its decision.

    `approver_id` is the assignee while it is pending and the person who decided afterwards. `audience` holds the words
    of those who may decide (`user:UUID`, `role:NAME`, `permission:WORD`, `head:UUID` of a department), of which a
    reader must have one. `version` grows with every edit of the content: a vote names the version that it saw. While
    `final_at` is set and not reached a decision is provisional. `paused_at` is when the clock stopped to wait for the
    requester. `timer_at` is the next moment at which something is to be done by itself. Triggers of migration 0007
    keep the requester, the order of the states and the quorum.
    """

    __tablename__ = "workflows"
    __table_args__ = (
        UniqueConstraint("number", name="workflows_number_idx"),
        choice("status", WORKFLOW_STATUSES),
        choice("priority", PRIORITIES),
        choice("outcome", OUTCOMES),
        choice("waiting_on", WAITING_ON),
        choice("effect_state", EFFECT_STATES),
        CheckConstraint("approver_id <> requester_id", name="four_eyes"),
        CheckConstraint("quorum BETWEEN 1 AND 20", name="quorum"),
        CheckConstraint(
            "CASE status WHEN 'pending' THEN outcome IS NULL WHEN 'rejected' THEN outcome <> 'approved' "
            "ELSE outcome = 'approved' END",
            name="outcome_fits",
        ),
        CheckConstraint("final_at IS NULL OR status = 'pending'", name="provisional"),
        CheckConstraint("effect_state = 'none' OR status IN ('approved', 'completed')", name="effect_follows"),
        Index("workflows_requester_id_idx", "requester_id"),
        Index("workflows_approver_id_idx", "approver_id"),
        Index("workflows_status_idx", "status"),
        Index("workflows_queue_idx", "due_at", "id", postgresql_where=text("status = 'pending'")),
        Index(
            "workflows_audience_idx",
            "audience",
            postgresql_using="gin",
            postgresql_where=text("status = 'pending'"),
        ),
        Index("workflows_created_at_idx", text("created_at DESC"), "id"),
        Index("workflows_timer_at_idx", "timer_at", postgresql_where=text("timer_at IS NOT NULL")),
        Index("workflows_effect_idx", "effect_state", postgresql_where=text("effect_state IN ('waiting', 'failed')")),
        Index("workflows_search_idx", "search", postgresql_using="gin"),
        Index("workflows_decided_idx", _DECIDED_AT, "id", postgresql_where=text("status <> 'pending'")),
        Index("workflows_shared_idx", _DECIDED_AT, "id", postgresql_where=text("status <> 'pending' AND quorum > 1")),
        Index(
            "workflows_voted_idx",
            "due_at",
            "id",
            postgresql_where=text("status = 'pending' AND (quorum > 1 OR final_at IS NOT NULL)"),
        ),
        Index(
            "workflows_holder_idx",
            text("coalesce(claimed_by, approver_id)"),
            postgresql_where=text("status = 'pending'"),
        ),
        Index("workflows_claimed_by_idx", "claimed_by", postgresql_where=text("claimed_by IS NOT NULL")),
    )

    id: Mapped[Key]
    requester_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    approver_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    type: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), server_default="pending")
    priority: Mapped[str] = mapped_column(String(20), server_default="normal")
    details: Mapped[dict[str, Any]] = mapped_column(Shape("Document"), server_default=text("'{}'"))
    resolved_at: Mapped[datetime | None]

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    subject: Mapped[str] = mapped_column(String(500), server_default="")
    outcome: Mapped[str | None] = mapped_column(String(20))
    waiting_on: Mapped[str] = mapped_column(String(20), server_default="approver")
    audience: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    quorum: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    claimed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    claimed_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    final_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    timer_at: Mapped[datetime | None]
    effect_state: Mapped[str] = mapped_column(String(20), server_default="none")
    effect_reason: Mapped[str | None] = mapped_column(Text)
    effect_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    effect_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    search: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed("to_tsvector('simple'::regconfig, subject || ' ' || type)", persisted=True),
        deferred=True,
    )


class WorkflowVote(Base):
    """A person's vote, or that of a substitute (`actor_id`) in the name of the person whose right it is
    (`principal_id`). Append-only: a trigger lets nothing change but `retracted_at`, once, while the request is pending.
    """

    __tablename__ = "workflow_votes"
    __table_args__ = (
        choice("vote", DECISIONS),
        CheckConstraint("vote <> 'reject' OR length(btrim(comment)) > 0", name="reject_says_why"),
        Index(
            "workflow_votes_one_each_idx",
            "workflow_id",
            "principal_id",
            unique=True,
            postgresql_where=text("retracted_at IS NULL"),
        ),
        # Nor may one person vote twice by standing in for two.
        Index(
            "workflow_votes_one_hand_idx",
            "workflow_id",
            "actor_id",
            unique=True,
            postgresql_where=text("retracted_at IS NULL"),
        ),
        Index("workflow_votes_actor_id_idx", "actor_id"),
        Index("workflow_votes_principal_id_idx", "principal_id"),
    )

    id: Mapped[Key]
    workflow_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workflows.id", ondelete="CASCADE"))
    actor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    principal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    vote: Mapped[str] = mapped_column(String(20))
    comment: Mapped[str] = mapped_column(Text, server_default="")
    version: Mapped[int]
    created_at: Mapped[CreatedAt]
    retracted_at: Mapped[datetime | None]


class WorkflowEvent(Base):
    """What happened to a request, in order: history and comments in one line (the audit trail is kept beside it)."""

    __tablename__ = "workflow_events"
    __table_args__ = (choice("kind", WORKFLOW_EVENTS), Index("workflow_events_workflow_id_idx", "workflow_id", "id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    workflow_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workflows.id", ondelete="CASCADE"))
    at: Mapped[CreatedAt]
    kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    actor: Mapped[str | None] = mapped_column(String(255))
    comment: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class Delegation(Base):
    """Who stands in for whom, from when until when, for which types of request (none named: all)."""

    __tablename__ = "delegations"
    __table_args__ = (
        CheckConstraint("principal_id <> substitute_id", name="two_people"),
        CheckConstraint("ends_at > starts_at", name="range"),
        Index("delegations_principal_id_idx", "principal_id", "ends_at"),
        Index("delegations_substitute_id_idx", "substitute_id", "ends_at"),
    )

    id: Mapped[Key]
    principal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    substitute_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    types: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[CreatedAt]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    ended_at: Mapped[datetime | None]
