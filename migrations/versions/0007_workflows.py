"""Requests in full: votes, history, delegations, and triggers that keep four eyes, quorum and the order of states.

What the database cannot know (who may approve which type, whether a delegation holds) the service checks.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

APP_ROLE = "datapulse_app"
TABLES = ("workflow_votes", "workflow_events", "delegations")
CHECKS = {
    "outcome": "outcome IN ('approved', 'rejected', 'withdrawn', 'expired')",
    "waiting_on": "waiting_on IN ('approver', 'requester')",
    "effect_state": "effect_state IN ('none', 'waiting', 'done', 'failed')",
    "four_eyes": "approver_id <> requester_id",
    "quorum": "quorum BETWEEN 1 AND 20",
    "outcome_fits": (
        "CASE status WHEN 'pending' THEN outcome IS NULL WHEN 'rejected' THEN outcome <> 'approved' "
        "ELSE outcome = 'approved' END"
    ),
    "provisional": "final_at IS NULL OR status = 'pending'",
    "effect_follows": "effect_state = 'none' OR status IN ('approved', 'completed')",
}
EVENT_KIND = (
    "kind IN ('requested', 'edited', 'commented', 'information_asked', 'information_given', 'claimed', 'released', "
    "'delegated', 'voted', 'vote_retracted', 'decided', 'withdrawn', 'expired', 'escalated', 'reminded', "
    "'effect_done', 'effect_failed', 'completed')"
)

# Rows that were decided before outcomes were kept say by their status what came of them.
FILL_OUTCOMES = """
UPDATE workflows SET outcome = CASE status WHEN 'rejected' THEN 'rejected' ELSE 'approved' END
WHERE status <> 'pending'
"""

# The requester stays who they were; a decision is never undone nor skipped; approval needs its quorum of live votes
# of different people, none of them the requester, and a rejection by vote at least one vote against.
GUARD_WORKFLOW = """
CREATE FUNCTION workflow_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    votes integer;
    needed integer := CASE NEW.status WHEN 'approved' THEN NEW.quorum ELSE 1 END;
BEGIN
    IF NEW.requester_id <> OLD.requester_id THEN
        RAISE EXCEPTION 'the requester of a request never changes' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF NOT ((OLD.status = 'pending' AND NEW.status IN ('approved', 'rejected'))
            OR (OLD.status = 'approved' AND NEW.status = 'completed')) THEN
        RAISE EXCEPTION 'a request does not go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status = 'approved' OR NEW.outcome = 'rejected' THEN
        SELECT count(*) INTO votes FROM workflow_votes
        WHERE workflow_id = NEW.id AND retracted_at IS NULL
          AND vote = CASE NEW.status WHEN 'approved' THEN 'approve' ELSE 'reject' END;
        IF votes < needed THEN
            RAISE EXCEPTION 'this decision has % votes of % that it needs', votes, needed
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$
"""
GUARD_VOTE = """
CREATE FUNCTION workflow_vote_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    request record;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'votes are append-only: DELETE is refused' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT requester_id, status INTO request FROM workflows WHERE id = NEW.workflow_id FOR UPDATE;
    IF request.status <> 'pending' THEN
        RAISE EXCEPTION 'the request is decided: no vote is added or taken back' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.retracted_at IS NOT NULL OR NEW.retracted_at IS NULL
           OR (NEW.id, NEW.workflow_id, NEW.actor_id, NEW.principal_id, NEW.vote, NEW.comment, NEW.version,
               NEW.created_at)
           IS DISTINCT FROM
              (OLD.id, OLD.workflow_id, OLD.actor_id, OLD.principal_id, OLD.vote, OLD.comment, OLD.version,
               OLD.created_at) THEN
            RAISE EXCEPTION 'votes are append-only: only taking one back is allowed, once'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF request.requester_id IN (NEW.actor_id, NEW.principal_id) THEN
        RAISE EXCEPTION 'nobody decides their own request, nor stands in for its requester'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Extend `workflows`, create the tables beside it, and set the guards."""
    _extend()
    op.create_table(
        "workflow_votes",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("vote", sa.String(length=20), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("retracted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("vote IN ('approve', 'reject')", name=op.f("workflow_votes_vote_check")),
        sa.CheckConstraint(
            "vote <> 'reject' OR length(btrim(comment)) > 0", name=op.f("workflow_votes_reject_says_why_check")
        ),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name="workflow_votes_workflow_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name="workflow_votes_actor_id_fkey", ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["users.id"], name="workflow_votes_principal_id_fkey", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="workflow_votes_pkey"),
    )
    live = sa.text("retracted_at IS NULL")
    for name, person in (("one_each", "principal_id"), ("one_hand", "actor_id")):
        op.create_index(
            f"workflow_votes_{name}_idx",
            "workflow_votes",
            ["workflow_id", person],
            unique=True,
            postgresql_where=live,
        )
    for person in ("actor_id", "principal_id"):
        op.create_index(f"workflow_votes_{person}_idx", "workflow_votes", [person])
    op.create_table(
        "workflow_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.String(length=255), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(EVENT_KIND, name=op.f("workflow_events_kind_check")),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name="workflow_events_workflow_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name="workflow_events_actor_id_fkey", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="workflow_events_pkey"),
    )
    op.create_index("workflow_events_workflow_id_idx", "workflow_events", ["workflow_id", "id"])
    op.create_table(
        "delegations",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("substitute_id", sa.Uuid(), nullable=False),
        sa.Column("types", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("principal_id <> substitute_id", name=op.f("delegations_two_people_check")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("delegations_range_check")),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["users.id"], name="delegations_principal_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["substitute_id"], ["users.id"], name="delegations_substitute_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="delegations_created_by_fkey", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="delegations_pkey"),
    )
    for person in ("principal_id", "substitute_id"):
        op.create_index(f"delegations_{person}_idx", "delegations", [person, "ends_at"])
    op.execute(GUARD_WORKFLOW)
    op.execute(GUARD_VOTE)
    op.execute(
        "CREATE TRIGGER workflow_guard BEFORE UPDATE OF status, requester_id ON workflows "
        "FOR EACH ROW EXECUTE FUNCTION workflow_guard()"
    )
    op.execute(
        "CREATE TRIGGER workflow_vote_guard BEFORE INSERT OR UPDATE OR DELETE ON workflow_votes "
        "FOR EACH ROW EXECUTE FUNCTION workflow_vote_guard()"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON workflow_events, delegations TO {APP_ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE (retracted_at) ON workflow_votes TO {APP_ROLE}")


def downgrade() -> None:
    """Drop votes, histories and delegations; requests keep what they were before."""
    op.execute("DROP TRIGGER workflow_guard ON workflows")
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION workflow_guard()")
    op.execute("DROP FUNCTION workflow_vote_guard()")
    for name in CHECKS:
        op.drop_constraint(op.f(f"workflows_{name}_check"), "workflows", type_="check")
    for name in INDEXES:
        op.drop_index(f"workflows_{name}_idx", table_name="workflows")
    op.drop_constraint("workflows_number_idx", "workflows", type_="unique")
    for column in reversed(_columns()):
        op.drop_column("workflows", column.name)


INDEXES = ("queue", "audience", "created_at", "timer_at", "effect", "search")


def _columns() -> list[sa.Column[object]]:
    def time(name: str) -> sa.Column[object]:
        return sa.Column(name, sa.DateTime(timezone=True), nullable=True)

    def word(name: str, default: str | None) -> sa.Column[object]:
        return sa.Column(name, sa.String(length=20), server_default=default, nullable=default is None)

    return [
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.String(length=500), server_default="", nullable=False),
        word("outcome", None),
        word("waiting_on", "approver"),
        sa.Column("audience", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("quorum", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("claimed_by", sa.Uuid(), nullable=True),
        *(time(f"{name}_at") for name in ("claimed", "due", "paused", "final", "decided", "escalated", "reminded")),
        *(time(f"{name}_at") for name in ("expires", "timer")),
        word("effect_state", "none"),
        sa.Column("effect_reason", sa.Text(), nullable=True),
        sa.Column("effect_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        time("effect_at"),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "search",
            TSVECTOR(),
            sa.Computed("to_tsvector('simple'::regconfig, subject || ' ' || type)", persisted=True),
            nullable=True,
        ),
    ]


def _extend() -> None:
    for column in _columns():
        op.add_column("workflows", column)
    op.create_unique_constraint("workflows_number_idx", "workflows", ["number"])
    op.create_foreign_key(
        "workflows_claimed_by_fkey", "workflows", "users", ["claimed_by"], ["id"], ondelete="SET NULL"
    )
    op.execute(FILL_OUTCOMES)
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"workflows_{name}_check"), "workflows", condition)
    pending = sa.text("status = 'pending'")
    op.create_index("workflows_queue_idx", "workflows", ["due_at", "id"], postgresql_where=pending)
    op.create_index(
        "workflows_audience_idx", "workflows", ["audience"], postgresql_using="gin", postgresql_where=pending
    )
    op.create_index("workflows_created_at_idx", "workflows", [sa.text("created_at DESC"), "id"])
    op.create_index(
        "workflows_timer_at_idx", "workflows", ["timer_at"], postgresql_where=sa.text("timer_at IS NOT NULL")
    )
    op.create_index(
        "workflows_effect_idx",
        "workflows",
        ["effect_state"],
        postgresql_where=sa.text("effect_state IN ('waiting', 'failed')"),
    )
    op.create_index("workflows_search_idx", "workflows", ["search"], postgresql_using="gin")
