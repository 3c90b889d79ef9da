"""The audit trail is browsed by its time, whoever and whatever is asked for, and what is old can be purged.

Each index carries the order of the browser (time, then number) behind what it finds, so that a page is read from its
end whatever the size of the trail. Which query needs which, and what it took without, over five million records:

- audit_logs_created_at_idx (created_at, seq): the newest records, and those before or after a time.
- audit_logs_user_id_idx (user_id, action, ...): what a person did, and what of one kind. That somebody with half a
  million records did nothing of a kind (`who:busy action:incident.opened`) took 3 s by the person alone.
- audit_logs_actor_idx (actor, action, ...): the same for operators and jobs, 2.3 s without. Records of people who act
  for themselves are not in it and do not pay for it.
- audit_logs_action_idx (resource_type, action, ...): a kind of thing, an action or a family of them. Five records of
  long ago (`action:role.deleted`) took 1.2 s without.
- audit_logs_resource_idx (resource_type, resource_id, ...): what happened to one thing.
- audit_logs_address_idx (ip_address, ...): what came from an address, 2 s without for one that never was.

Purging (`datapulse audit purge`) is the owner's, and only of what it wrote into audit_base in the same transaction: the
guards ask for that row.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

APP_ROLE = "datapulse_app"

# name -> (columns in 0002, columns here, condition); those without the first are new
INDEXES = {
    "audit_logs_created_at_idx": ("created_at", "created_at, seq", ""),
    "audit_logs_user_id_idx": ("user_id", "user_id, action, created_at, seq", "user_id IS NOT NULL"),
    "audit_logs_resource_idx": ("resource_type, resource_id", "resource_type, resource_id, created_at, seq", ""),
    "audit_logs_action_idx": ("", "resource_type, action, created_at, seq", ""),
    "audit_logs_actor_idx": ("", "actor, action, created_at, seq", "actor IS NOT NULL"),
    "audit_logs_address_idx": ("", "ip_address, created_at, seq", "ip_address IS NOT NULL"),
}

REFUSED = """
    RAISE EXCEPTION 'the audit trail is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'A person with audit records is deactivated or emptied, not deleted.';
"""

NOW = "pg_catalog.pg_current_xact_id()::text::bigint"

# As 0002 made it.
REFUSE = f"""
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN{REFUSED}END $$
"""

# A seal and its records go when this very transaction wrote the base that lies behind them; who may write that is the
# owner alone. Names are spelled out: the one who deletes chooses the search path.
REFUSE_UNLESS_PURGED = f"""
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF TG_TABLE_NAME = 'audit_seals' THEN
            IF EXISTS (SELECT FROM public.audit_base b WHERE b.xid = {NOW} AND OLD.id <= b.seal_id) THEN
                RETURN OLD;
            END IF;
        ELSIF TG_TABLE_NAME = 'audit_logs' THEN
            IF EXISTS (SELECT FROM public.audit_base b WHERE b.xid = {NOW} AND OLD.created_at < b.before) THEN
                RETURN OLD;
            END IF;
        END IF;
    END IF;{REFUSED}END $$
"""  # noqa: S608  (a constant of ours)

# A base that goes back would take back what was purged as "removed by nobody".
BASE_ONWARD = f"""
CREATE FUNCTION audit_base_onward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM public.audit_base b WHERE b.seal_id >= NEW.seal_id) THEN
        RAISE EXCEPTION 'the base of the audit trail only moves on: seal % is refused', NEW.seal_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    NEW.xid := {NOW};
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Widen the indexes, and add the base with its guards."""
    for name, (before, columns, condition) in INDEXES.items():
        if before:
            op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON audit_logs ({columns})" + (f" WHERE {condition}" if condition else ""))
    op.create_table(
        "audit_base",
        sa.Column("seal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", JSONB(), nullable=False),
        sa.Column("purged_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("xid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seal_id", name="audit_base_pkey"),
    )
    op.execute(REFUSE_UNLESS_PURGED)
    op.execute(BASE_ONWARD)
    _trigger("audit_base_onward", "INSERT", "ROW", "audit_base_onward")
    _trigger("audit_base_no_change", "UPDATE OR DELETE", "ROW", "audit_refuse")
    _trigger("audit_base_no_truncate", "TRUNCATE", "STATEMENT", "audit_refuse")
    op.execute(f"GRANT SELECT ON audit_base TO {APP_ROLE}")


def downgrade() -> None:
    """Take the base away (a purged trail cannot be verified without it) and make the indexes narrow again."""
    op.execute(REFUSE)
    op.drop_table("audit_base")
    op.execute("DROP FUNCTION audit_base_onward()")
    for name, (before, _, _) in INDEXES.items():
        op.execute(f"DROP INDEX {name}")
        if before:
            op.execute(f"CREATE INDEX {name} ON audit_logs ({before})")


def _trigger(name: str, events: str, each: str, function: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {events} ON audit_base FOR EACH {each} EXECUTE FUNCTION {function}()")
    op.execute(f"ALTER TABLE audit_base ENABLE ALWAYS TRIGGER {name}")
