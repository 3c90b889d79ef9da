"""Every table of the two schema documents, the ones they need beside them, and the application's role."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What the application may change freely. The audit trail is not among it: see 0002.
TABLES = (
    "alert_notifications",
    "alerts",
    "api_keys",
    "comments",
    "dashboard_shares",
    "dashboards",
    "data_models",
    "data_source_grants",
    "data_sources",
    "departments",
    "post_tags",
    "posts",
    "profiles",
    "queries",
    "reports",
    "roles",
    "sign_in_attempts",
    "tags",
    "user_preferences",
    "user_roles",
    "users",
    "widgets",
    "workflows",
)

# Roles belong to the whole server, so it may be there already: made by the embedded server, by an administrator or for
# another database. Without the right to make roles an administrator has to.
MAKE_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'datapulse_app') THEN
        CREATE ROLE datapulse_app NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's upgrade made it at the same moment
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role datapulse_app is missing and % may not make it', current_user
            USING HINT = 'An administrator runs: CREATE ROLE datapulse_app NOLOGIN';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "data_sources",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("connection_config", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="disconnected", nullable=False),
        sa.Column("last_sync", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('connected', 'error', 'disconnected', 'pending')", name=op.f("data_sources_status_check")
        ),
        sa.CheckConstraint("type IN ('postgresql', 'mysql', 'rest_api', 'csv')", name=op.f("data_sources_type_check")),
        sa.PrimaryKeyConstraint("id", name="data_sources_pkey"),
        sa.UniqueConstraint("name", name="data_sources_name_idx"),
    )
    op.create_index("data_sources_status_idx", "data_sources", ["status"], unique=False)
    op.create_table(
        "departments",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("head_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="departments_pkey"),
        sa.UniqueConstraint("name", name="departments_name_idx"),
    )
    op.create_table(
        "roles",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("permissions", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="roles_pkey"),
        sa.UniqueConstraint("name", name="roles_name_idx"),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("ip_address", sa.String(length=50), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="sign_in_attempts_pkey"),
    )
    op.create_index("sign_in_attempts_email_idx", "sign_in_attempts", ["email", "created_at"], unique=False)
    op.create_table(
        "tags",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("slug", sa.String(length=50), nullable=False),
        sa.Column("color", sa.String(length=7), server_default="#000000", nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="tags_pkey"),
        sa.UniqueConstraint("name", name="tags_name_idx"),
        sa.UniqueConstraint("slug", name="tags_slug_idx"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=20), server_default="business_user", nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("phone", sa.String(length=50), nullable=True),
        sa.Column("timezone", sa.String(length=50), server_default="UTC", nullable=True),
        sa.Column("status", sa.String(length=20), server_default="pending", nullable=False),
        sa.Column("last_login", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "role IN ('business_user', 'analyst', 'ops_manager', 'admin')", name=op.f("users_role_check")
        ),
        sa.CheckConstraint("status IN ('active', 'inactive', 'pending')", name=op.f("users_status_check")),
        sa.CheckConstraint("email = lower(email)", name=op.f("users_email_lower_check")),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name="users_department_id_fkey", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
        sa.UniqueConstraint("email", name="users_email_idx"),
    )
    op.create_index("users_department_idx", "users", ["department_id"], unique=False)
    op.create_index("users_role_idx", "users", ["role"], unique=False)
    op.create_index("users_status_idx", "users", ["status"], unique=False)
    op.create_foreign_key("departments_head_id_fkey", "departments", "users", ["head_id"], ["id"], ondelete="SET NULL")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("key_hash", sa.String(length=255), nullable=False),
        sa.Column("permissions", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="api_keys_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="api_keys_pkey"),
        sa.UniqueConstraint("key_hash", name="api_keys_key_hash_idx"),
    )
    op.create_index("api_keys_user_id_idx", "api_keys", ["user_id"], unique=False)
    op.create_table(
        "dashboards",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("layout", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("is_public", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="dashboards_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="dashboards_pkey"),
        sa.UniqueConstraint("user_id", "name", name="dashboards_user_id_name_idx"),
    )
    op.create_index("dashboards_created_at_idx", "dashboards", ["created_at"], unique=False)
    op.create_index("dashboards_user_id_idx", "dashboards", ["user_id"], unique=False)
    op.create_table(
        "data_models",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tables", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("joins", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("calculated_fields", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="data_models_created_by_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="data_models_pkey"),
    )
    op.create_index("data_models_created_by_idx", "data_models", ["created_by"], unique=False)
    op.create_table(
        "data_source_grants",
        sa.Column("data_source_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["data_source_id"], ["data_sources.id"], name="data_source_grants_data_source_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["granted_by"], ["users.id"], name="data_source_grants_granted_by_fkey", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="data_source_grants_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("data_source_id", "user_id", name="data_source_grants_pkey"),
    )
    op.create_index("data_source_grants_user_id_idx", "data_source_grants", ["user_id"], unique=False)
    op.create_table(
        "posts",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="draft", nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('draft', 'published', 'archived')", name=op.f("posts_status_check")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="posts_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="posts_pkey"),
    )
    op.create_index("posts_published_at_idx", "posts", ["published_at"], unique=False)
    op.create_index("posts_status_idx", "posts", ["status"], unique=False)
    op.create_index("posts_user_id_idx", "posts", ["user_id"], unique=False)
    op.create_table(
        "profiles",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("avatar", sa.String(length=255), nullable=True),
        sa.Column("bio", sa.Text(), nullable=True),
        sa.Column("phone", sa.String(length=50), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="profiles_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="profiles_pkey"),
        sa.UniqueConstraint("user_id", name="profiles_user_id_idx"),
    )
    op.create_table(
        "user_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("value", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="user_preferences_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "key", name="user_preferences_pkey"),
    )
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("assigned_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["assigned_by"], ["users.id"], name="user_roles_assigned_by_fkey", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name="user_roles_role_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="user_roles_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "role_id", name="user_roles_pkey"),
    )
    op.create_index("user_roles_role_id_idx", "user_roles", ["role_id"], unique=False)
    op.create_table(
        "workflows",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("requester_id", sa.Uuid(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="pending", nullable=False),
        sa.Column("priority", sa.String(length=20), server_default="normal", nullable=False),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("priority IN ('low', 'normal', 'high', 'critical')", name=op.f("workflows_priority_check")),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'completed')", name=op.f("workflows_status_check")
        ),
        sa.ForeignKeyConstraint(["approver_id"], ["users.id"], name="workflows_approver_id_fkey", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["requester_id"], ["users.id"], name="workflows_requester_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="workflows_pkey"),
    )
    op.create_index("workflows_approver_id_idx", "workflows", ["approver_id"], unique=False)
    op.create_index("workflows_requester_id_idx", "workflows", ["requester_id"], unique=False)
    op.create_index("workflows_status_idx", "workflows", ["status"], unique=False)
    op.create_table(
        "comments",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="active", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('active', 'hidden', 'deleted')", name=op.f("comments_status_check")),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="comments_post_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="comments_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="comments_pkey"),
    )
    op.create_index("comments_post_id_idx", "comments", ["post_id"], unique=False)
    op.create_index("comments_post_user_idx", "comments", ["post_id", "user_id"], unique=False)
    op.create_index("comments_user_id_idx", "comments", ["user_id"], unique=False)
    op.create_table(
        "dashboard_shares",
        sa.Column("dashboard_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("permission", sa.String(length=20), server_default="view", nullable=False),
        sa.Column("shared_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("shared_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("permission IN ('view', 'edit')", name=op.f("dashboard_shares_permission_check")),
        sa.ForeignKeyConstraint(
            ["dashboard_id"], ["dashboards.id"], name="dashboard_shares_dashboard_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["shared_by"], ["users.id"], name="dashboard_shares_shared_by_fkey", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="dashboard_shares_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("dashboard_id", "user_id", name="dashboard_shares_pkey"),
    )
    op.create_index("dashboard_shares_user_id_idx", "dashboard_shares", ["user_id"], unique=False)
    op.create_table(
        "post_tags",
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("tag_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="post_tags_post_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name="post_tags_tag_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("post_id", "tag_id", name="post_tags_pkey"),
    )
    op.create_index("post_tags_tag_id_idx", "post_tags", ["tag_id"], unique=False)
    op.create_table(
        "queries",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("sql", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("data_source_id", sa.Uuid(), nullable=True),
        sa.Column("data_model_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_model_id"], ["data_models.id"], name="queries_data_model_id_fkey", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["data_source_id"], ["data_sources.id"], name="queries_data_source_id_fkey", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="queries_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="queries_pkey"),
        sa.UniqueConstraint("user_id", "name", name="queries_user_id_name_idx"),
    )
    op.create_index("queries_data_source_id_idx", "queries", ["data_source_id"], unique=False)
    op.create_table(
        "reports",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("dashboard_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("schedule", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("recipients", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("format", sa.String(length=20), server_default="pdf", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("last_sent", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("format IN ('pdf', 'excel', 'csv')", name=op.f("reports_format_check")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="reports_created_by_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["dashboard_id"], ["dashboards.id"], name="reports_dashboard_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="reports_pkey"),
    )
    op.create_index("reports_created_by_idx", "reports", ["created_by"], unique=False)
    op.create_index("reports_dashboard_id_idx", "reports", ["dashboard_id"], unique=False)
    op.create_index("reports_is_active_idx", "reports", ["is_active"], unique=False)
    op.create_table(
        "widgets",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("dashboard_id", sa.Uuid(), nullable=False),
        sa.Column("data_source_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(length=50), nullable=False),
        sa.Column("config", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("query", sa.Text(), nullable=True),
        sa.Column("position", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "type IN ('line_chart', 'bar_chart', 'pie_chart', 'area_chart', 'table', 'metric_card', 'text', 'image')",
            name=op.f("widgets_type_check"),
        ),
        sa.ForeignKeyConstraint(
            ["dashboard_id"], ["dashboards.id"], name="widgets_dashboard_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["data_source_id"], ["data_sources.id"], name="widgets_data_source_id_fkey", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="widgets_pkey"),
    )
    op.create_index("widgets_dashboard_id_idx", "widgets", ["dashboard_id"], unique=False)
    op.create_index("widgets_data_source_id_idx", "widgets", ["data_source_id"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("metric_id", sa.Uuid(), nullable=True),
        sa.Column("metric", sa.String(length=100), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("threshold_type", sa.String(length=20), nullable=False),
        sa.Column("threshold_value", sa.Numeric(), nullable=False),
        sa.Column("channels", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("frequency", sa.String(length=20), server_default="immediate", nullable=False),
        sa.Column("status", sa.String(length=20), server_default="inactive", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("frequency IN ('immediate', 'digest')", name=op.f("alerts_frequency_check")),
        sa.CheckConstraint(
            "status IN ('active', 'triggered', 'snoozed', 'resolved', 'inactive')", name=op.f("alerts_status_check")
        ),
        sa.CheckConstraint(
            "threshold_type IN ('above', 'below', 'change_percent')", name=op.f("alerts_threshold_type_check")
        ),
        sa.ForeignKeyConstraint(["metric_id"], ["queries.id"], name="alerts_metric_id_fkey", ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="alerts_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="alerts_pkey"),
    )
    op.create_index("alerts_is_active_idx", "alerts", ["is_active"], unique=False)
    op.create_index("alerts_status_idx", "alerts", ["status"], unique=False)
    op.create_index("alerts_user_id_idx", "alerts", ["user_id"], unique=False)
    op.create_table(
        "alert_notifications",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name="alert_notifications_alert_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="alert_notifications_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="alert_notifications_pkey"),
    )
    op.create_index("alert_notifications_alert_id_idx", "alert_notifications", ["alert_id"], unique=False)
    op.create_index("alert_notifications_user_id_idx", "alert_notifications", ["user_id"], unique=False)
    op.execute(MAKE_ROLE)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO datapulse_app")
    op.execute("GRANT SELECT ON alembic_version TO datapulse_app")


def downgrade() -> None:
    op.execute("REVOKE ALL ON alembic_version FROM datapulse_app")
    op.drop_table("alert_notifications")
    op.drop_table("alerts")
    op.drop_table("widgets")
    op.drop_table("reports")
    op.drop_table("queries")
    op.drop_table("post_tags")
    op.drop_table("dashboard_shares")
    op.drop_table("comments")
    op.drop_table("workflows")
    op.drop_table("user_roles")
    op.drop_table("user_preferences")
    op.drop_table("profiles")
    op.drop_table("posts")
    op.drop_table("data_source_grants")
    op.drop_table("data_models")
    op.drop_table("dashboards")
    op.drop_table("api_keys")
    op.drop_constraint("departments_head_id_fkey", "departments", type_="foreignkey")
    op.drop_table("users")
    op.drop_table("tags")
    op.drop_table("sign_in_attempts")
    op.drop_table("roles")
    op.drop_table("departments")
    op.drop_table("data_sources")
