"""The audit trail: its tables, what the application may do with them, and triggers that refuse every change.

The tables have a migration of their own because their rights differ from everything else's.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APP_ROLE = "datapulse_app"

# What a writer says. Number, transaction, epoch and time are the server's own: no right to give them means that a
# mistake in the program cannot put a record into the past.
WRITTEN = "id, user_id, actor, action, resource_type, resource_id, ip_address, user_agent, details"

REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'A person with audit records is deactivated or emptied, not deleted.';
END $$
"""

# A head that goes back would hide that the last seals are gone.
ONWARD = """
CREATE FUNCTION audit_head_onward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seal_id < OLD.seal_id OR (NEW.seal_id = OLD.seal_id AND NEW.hash <> OLD.hash) THEN
        RAISE EXCEPTION 'the head of the audit trail only moves on: % to % is refused', OLD.seal_id, NEW.seal_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Create the trail, its guards and the application's rights."""
    op.create_table(
        "audit_logs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.String(length=255), nullable=True),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("resource_type", sa.String(length=100), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=True),
        sa.Column("ip_address", sa.String(length=50), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "xid", sa.BigInteger(), server_default=sa.text("(pg_current_xact_id()::text::bigint)"), nullable=False
        ),
        sa.Column(
            "epoch", sa.DateTime(timezone=True), server_default=sa.text("pg_postmaster_start_time()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="audit_logs_user_id_fkey", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="audit_logs_pkey"),
        sa.UniqueConstraint("seq", name="audit_logs_seq_idx"),
    )
    op.create_index("audit_logs_created_at_idx", "audit_logs", ["created_at"])
    op.create_index("audit_logs_resource_idx", "audit_logs", ["resource_type", "resource_id"])
    op.create_index("audit_logs_user_id_idx", "audit_logs", ["user_id"])
    op.create_index("audit_logs_order_idx", "audit_logs", ["epoch", "xid", "seq"])
    op.create_table(
        "audit_seals",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_xid", sa.BigInteger(), nullable=False),
        sa.Column("from_seq", sa.BigInteger(), nullable=False),
        sa.Column("to_xid", sa.BigInteger(), nullable=False),
        sa.Column("to_seq", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("members", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="audit_seals_pkey"),
        sa.UniqueConstraint("epoch", "from_xid", "from_seq", name="audit_seals_range_idx"),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, server_default=sa.text("1"), nullable=False),
        sa.Column("seal_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("audit_head_one_row_check")),
        sa.PrimaryKeyConstraint("id", name="audit_head_pkey"),
    )
    # Hashes do not compress: not trying saves time.
    op.execute("ALTER TABLE audit_seals ALTER members SET STORAGE EXTERNAL")
    op.execute("INSERT INTO audit_head (seal_id, hash) VALUES (0, decode(repeat('00', 32), 'hex'))")
    _guard()
    op.execute(f"GRANT SELECT, INSERT ({WRITTEN}) ON audit_logs TO {APP_ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON audit_seals TO {APP_ROLE}")
    op.execute(f"GRANT SELECT, UPDATE ON audit_head TO {APP_ROLE}")


def downgrade() -> None:
    """Drop the trail with all its records, before `users` goes."""
    op.drop_table("audit_head")
    op.drop_table("audit_seals")
    op.drop_table("audit_logs")
    op.execute("DROP FUNCTION audit_head_onward()")
    op.execute("DROP FUNCTION audit_refuse()")


def _guard() -> None:
    """Back-stop behind the missing rights: refuses the owner too, also where triggers of a replica rest (ALWAYS)."""
    op.execute(REFUSE)
    op.execute(ONWARD)
    # For each row, not statement: removing a person runs an UPDATE here, which is no change when they left no record.
    guards = [(table, "change", "UPDATE OR DELETE", "ROW") for table in ("audit_logs", "audit_seals")]
    guards += [(table, "truncate", "TRUNCATE", "STATEMENT") for table in ("audit_logs", "audit_seals", "audit_head")]
    guards += [("audit_head", "change", "DELETE", "ROW")]
    for table, name, events, each in guards:
        _trigger(f"{table}_no_{name}", table, events, each, "audit_refuse")
    _trigger("audit_head_onward", "audit_head", "UPDATE", "ROW", "audit_head_onward")


def _trigger(name: str, table: str, events: str, each: str, function: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {events} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
