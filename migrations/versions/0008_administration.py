"""What administration needs of people: sessions, invitations, SSH keys, keys that end, passwords to be changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

APP_ROLE = "datapulse_app"
TABLES = ("sessions", "invitations", "ssh_keys")

# Orders of the list of people, each with the unique id behind it. People are few and change seldom; a list that is
# ordered by sorting a hundred thousand of them costs 40 ms each time.
ORDERS = {
    "users_name_order_idx": "name, id",
    "users_created_order_idx": "created_at, id",
    "users_last_login_order_idx": "(coalesce(last_login, '-infinity'::timestamptz)), id",
}


def upgrade() -> None:
    """Add the tables and columns, and the application's rights to them."""
    op.add_column("users", sa.Column("must_change_password", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("users", sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("deactivated_at", sa.DateTime(timezone=True), nullable=True))
    for name, columns in ORDERS.items():
        op.execute(f"CREATE INDEX {name} ON users ({columns})")
    op.add_column(
        "roles",
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    _sessions()
    _invitations()
    _ssh_keys()
    _api_keys()
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")


def downgrade() -> None:
    """Take them away, with every session, invitation and SSH key."""
    for constraint in ("api_keys_expiry_check",):
        op.drop_constraint(constraint, "api_keys")
    op.drop_column("api_keys", "last_used_from")
    op.drop_column("api_keys", "replaces_id")
    op.drop_column("api_keys", "revoked_by")
    op.drop_column("api_keys", "revoked_at")
    op.drop_column("api_keys", "prefix")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("roles", "updated_at")
    for name in ORDERS:
        op.drop_index(name, "users")
    for column in ("deactivated_at", "password_changed_at", "must_change_password"):
        op.drop_column("users", column)


def _person(
    column: str, ondelete: str = "SET NULL", *, table: str
) -> tuple[sa.Column[object], sa.ForeignKeyConstraint]:
    return (
        sa.Column(column, sa.Uuid(), nullable=ondelete == "SET NULL"),
        sa.ForeignKeyConstraint([column], ["users.id"], name=f"{table}_{column}_fkey", ondelete=ondelete),
    )


def _id() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)


def _now(column: str) -> sa.Column[object]:
    return sa.Column(column, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _when(column: str) -> sa.Column[object]:
    return sa.Column(column, sa.DateTime(timezone=True), nullable=True)


def _sessions() -> None:
    op.create_table(
        "sessions",
        _id(),
        *_person("user_id", "CASCADE", table="sessions"),
        sa.Column("kind", sa.String(length=10), server_default="desk", nullable=False),
        sa.Column("ip_address", sa.String(length=50), nullable=True),
        sa.Column("user_agent", sa.String(length=500), nullable=True),
        _now("started_at"),
        _now("last_seen_at"),
        _when("ended_at"),
        sa.Column("ended_reason", sa.String(length=20), nullable=True),
        *_person("ended_by", table="sessions"),
        sa.CheckConstraint("kind IN ('desk', 'ssh', 'wall')", name=op.f("sessions_kind_check")),
        sa.CheckConstraint(
            "ended_reason IN ('signed_out', 'ended', 'deactivated', 'password_changed', 'lost')",
            name=op.f("sessions_ended_reason_check"),
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name=op.f("sessions_end_check")),
        sa.PrimaryKeyConstraint("id", name="sessions_pkey"),
    )
    op.create_index("sessions_user_id_idx", "sessions", ["user_id", "started_at"])
    op.create_index("sessions_live_idx", "sessions", ["last_seen_at"], postgresql_where=sa.text("ended_at IS NULL"))


def _invitations() -> None:
    op.create_table(
        "invitations",
        _id(),
        *_person("user_id", "CASCADE", table="invitations"),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        *_person("created_by", table="invitations"),
        _now("created_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        _when("accepted_at"),
        _when("revoked_at"),
        sa.CheckConstraint(
            "expires_at > created_at AND expires_at <= created_at + interval '24 hours'",
            name=op.f("invitations_lifetime_check"),
        ),
        sa.CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name=op.f("invitations_one_end_check")),
        sa.PrimaryKeyConstraint("id", name="invitations_pkey"),
        sa.UniqueConstraint("code_hash", name="invitations_code_hash_idx"),
    )
    op.create_index(
        "invitations_live_idx",
        "invitations",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("accepted_at IS NULL AND revoked_at IS NULL"),
    )


def _ssh_keys() -> None:
    op.create_table(
        "ssh_keys",
        _id(),
        *_person("user_id", "CASCADE", table="ssh_keys"),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("key_type", sa.String(length=50), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=60), nullable=False),
        sa.Column("status", sa.String(length=10), server_default="pending", nullable=False),
        _now("created_at"),
        _when("admitted_at"),
        *_person("admitted_by", table="ssh_keys"),
        _when("revoked_at"),
        *_person("revoked_by", table="ssh_keys"),
        _when("last_used"),
        sa.CheckConstraint("status IN ('pending', 'admitted', 'revoked')", name=op.f("ssh_keys_status_check")),
        sa.CheckConstraint(
            "(status <> 'admitted' OR admitted_at IS NOT NULL) AND (status = 'revoked') = (revoked_at IS NOT NULL)",
            name=op.f("ssh_keys_dates_check"),
        ),
        sa.PrimaryKeyConstraint("id", name="ssh_keys_pkey"),
    )
    op.create_index("ssh_keys_user_id_idx", "ssh_keys", ["user_id"])
    # One person has a key; a revoked one may be asked for again.
    op.create_index(
        "ssh_keys_fingerprint_idx",
        "ssh_keys",
        ["fingerprint"],
        unique=True,
        postgresql_where=sa.text("status <> 'revoked'"),
    )


def _api_keys() -> None:
    op.add_column("api_keys", sa.Column("prefix", sa.String(length=12), nullable=True))
    op.add_column("api_keys", _when("revoked_at"))
    op.add_column("api_keys", sa.Column("revoked_by", sa.Uuid(), nullable=True))
    op.create_foreign_key("api_keys_revoked_by_fkey", "api_keys", "users", ["revoked_by"], ["id"], ondelete="SET NULL")
    op.add_column("api_keys", sa.Column("replaces_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "api_keys_replaces_id_fkey", "api_keys", "api_keys", ["replaces_id"], ["id"], ondelete="SET NULL"
    )
    op.add_column("api_keys", sa.Column("last_used_from", sa.String(length=50), nullable=True))
    # No key lives for ever. There were no verbs that made keys before, so every row there can be is checked.
    op.create_check_constraint(
        op.f("api_keys_expiry_check"),
        "api_keys",
        "expires_at IS NOT NULL AND expires_at > created_at AND expires_at <= created_at + interval '366 days'",
    )
