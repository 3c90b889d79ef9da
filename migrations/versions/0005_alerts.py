"""Alert rules in full, their evaluation, incidents, snoozes, and saved views."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APP_ROLE = "datapulse_app"
TABLES = (
    "saved_views",
    "alert_evaluations",
    "alert_series",
    "alert_snoozes",
    "alert_incidents",
    "incident_events",
)
SEARCH = (
    "to_tsvector('simple'::regconfig, title) || "
    "jsonb_to_tsvector('simple'::regconfig, labels, '[\"string\", \"key\"]'::jsonb)"
)
EVENT_KIND = (
    "kind IN ('fired', 'updated', 'told', 'held_back', 'acknowledged', 'unacknowledged', 'assigned', 'commented', "
    "'snoozed', 'snooze_extended', 'snooze_ended', 'resolved', 'reopened', 'escalated', "
    "'repeated')"
)
CHECKS = {
    "severity": "severity IN ('info', 'warning', 'critical')",
    "no_data_policy": "no_data_policy IN ('alerting', 'keep_last', 'normal', 'no_data')",
    "error_policy": "error_policy IN ('alerting', 'keep_last', 'normal', 'error')",
    "interval_seconds": "interval_seconds BETWEEN 5 AND 86400",
    "durations": "for_seconds >= 0 AND keep_firing_seconds >= 0",
    "window_seconds": "window_seconds BETWEEN 60 AND 2592000",
    "grouping": "group_wait_seconds >= 0 AND group_interval_seconds >= 0 AND repeat_interval_seconds >= 60",
    "escalate_after_seconds": "escalate_after_seconds > 0",
    "archived_rests": "archived_at IS NULL OR NOT is_active",
}
ADDED = (
    "archived_at",
    "version",
    "condition_version",
    "escalation_channels",
    "escalate_after_seconds",
    "repeat_interval_seconds",
    "group_interval_seconds",
    "group_wait_seconds",
    "labels",
    "runbook_url",
    "message",
    "severity",
    "error_policy",
    "no_data_policy",
    "window_seconds",
    "interval_seconds",
    "keep_firing_seconds",
    "for_seconds",
    "recovery_value",
    "label_columns",
    "description",
)


def upgrade() -> None:
    """Create the tables, and give `alerts` and `alert_notifications` what evaluation and triage need."""
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("room", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("filter", sa.Text(), server_default="", nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("saved_views_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("saved_views_pkey")),
        sa.UniqueConstraint("user_id", "room", "name", name="saved_views_user_id_room_name_idx"),
    )
    op.create_table(
        "alert_evaluations",
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("condition_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("health", sa.String(length=20), server_default="unknown", nullable=False),
        sa.Column("health_reason", sa.Text(), nullable=True),
        sa.Column("health_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("skipped_slots", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("skipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "health IN ('unknown', 'ok', 'error', 'no_data')", name=op.f("alert_evaluations_health_check")
        ),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("alert_evaluations_lease_check")),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name=op.f("alert_evaluations_alert_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("alert_evaluations_pkey")),
    )
    op.create_index("alert_evaluations_next_at_idx", "alert_evaluations", ["next_at"], unique=False)
    op.create_table(
        "alert_series",
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=20), server_default="normal", nullable=False),
        sa.Column("reason", sa.String(length=40), server_default="new", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "state IN ('normal', 'pending', 'firing', 'recovering')", name=op.f("alert_series_state_check")
        ),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name=op.f("alert_series_alert_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["metric_series.id"], name=op.f("alert_series_series_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alert_id", "series_id", name=op.f("alert_series_pkey")),
    )
    op.create_index("alert_series_series_id_idx", "alert_series", ["series_id"], unique=False)
    op.create_table(
        "alert_snoozes",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("notice_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "(kind = 'until_workflow') = (workflow_id IS NOT NULL) OR ended_at IS NOT NULL",
            name=op.f("alert_snoozes_workflow_check"),
        ),
        sa.CheckConstraint(
            "kind IN ('until_time', 'until_recovery', 'until_workflow')", name=op.f("alert_snoozes_kind_check")
        ),
        sa.CheckConstraint("until > created_at", name=op.f("alert_snoozes_until_check")),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name=op.f("alert_snoozes_alert_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("alert_snoozes_created_by_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["ended_by"], ["users.id"], name=op.f("alert_snoozes_ended_by_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["alert_incidents.id"],
            name="alert_snoozes_incident_id_fkey",
            ondelete="CASCADE",
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name=op.f("alert_snoozes_workflow_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("alert_snoozes_pkey")),
    )
    op.create_index(
        "alert_snoozes_active_idx",
        "alert_snoozes",
        ["until"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "alert_snoozes_alert_id_idx",
        "alert_snoozes",
        ["alert_id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("alert_snoozes_incident_id_idx", "alert_snoozes", ["incident_id"], unique=False)
    op.create_index(
        "alert_snoozes_workflow_id_idx",
        "alert_snoozes",
        ["workflow_id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "alert_incidents",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("series_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=20), server_default="threshold", nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("labels", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column(
            "priority",
            sa.SmallInteger(),
            sa.Computed("CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END", persisted=True),
            nullable=False,
        ),
        sa.Column("status", sa.String(length=20), server_default="triggered", nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=True),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("start_value", sa.Double(), nullable=True),
        sa.Column("worst_value", sa.Double(), nullable=True),
        sa.Column("last_value", sa.Double(), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Uuid(), nullable=True),
        sa.Column("assigned_to", sa.Uuid(), nullable=True),
        sa.Column("snooze_id", sa.Uuid(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("timer_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("repeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalate_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "search",
            TSVECTOR(),
            sa.Computed(
                SEARCH,
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(status = 'resolved') = (resolved_at IS NOT NULL)", name=op.f("alert_incidents_resolved_at_check")
        ),
        sa.CheckConstraint("kind IN ('threshold', 'no_data', 'error')", name=op.f("alert_incidents_kind_check")),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name=op.f("alert_incidents_severity_check")),
        sa.CheckConstraint(
            "status <> 'acknowledged' OR acknowledged_at IS NOT NULL",
            name=op.f("alert_incidents_acknowledged_at_check"),
        ),
        sa.CheckConstraint(
            "status <> 'snoozed' OR snooze_id IS NOT NULL", name=op.f("alert_incidents_snoozed_by_something_check")
        ),
        sa.CheckConstraint(
            "status IN ('triggered', 'acknowledged', 'snoozed', 'resolved')", name=op.f("alert_incidents_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["acknowledged_by"], ["users.id"], name=op.f("alert_incidents_acknowledged_by_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name=op.f("alert_incidents_alert_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["assigned_to"], ["users.id"], name=op.f("alert_incidents_assigned_to_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name=op.f("alert_incidents_department_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["resolved_by"], ["users.id"], name=op.f("alert_incidents_resolved_by_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["metric_series.id"], name=op.f("alert_incidents_series_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["snooze_id"], ["alert_snoozes.id"], name=op.f("alert_incidents_snooze_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("alert_incidents_pkey")),
        sa.UniqueConstraint("number", name="alert_incidents_number_idx"),
    )
    op.create_index(
        "alert_incidents_alert_id_idx",
        "alert_incidents",
        ["alert_id", sa.literal_column("opened_at DESC")],
        unique=False,
    )
    op.create_index(
        "alert_incidents_inbox_idx",
        "alert_incidents",
        ["priority", sa.literal_column("opened_at DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("status <> 'resolved'"),
    )
    op.create_index(
        "alert_incidents_one_open_idx",
        "alert_incidents",
        ["alert_id", "series_id", "kind"],
        unique=True,
        postgresql_where=sa.text("status <> 'resolved'"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "alert_incidents_open_idx",
        "alert_incidents",
        [sa.literal_column("opened_at DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("status <> 'resolved'"),
    )
    op.create_index(
        "alert_incidents_order_idx",
        "alert_incidents",
        ["priority", sa.literal_column("opened_at DESC"), "id"],
        unique=False,
    )
    op.create_index(
        "alert_incidents_department_id_idx",
        "alert_incidents",
        ["department_id", sa.literal_column("opened_at DESC")],
        unique=False,
    )
    op.create_index(
        "alert_incidents_opened_at_idx", "alert_incidents", [sa.literal_column("opened_at DESC"), "id"], unique=False
    )
    op.create_index("alert_incidents_search_idx", "alert_incidents", ["search"], unique=False, postgresql_using="gin")
    op.create_index(
        "alert_incidents_snooze_id_idx",
        "alert_incidents",
        ["snooze_id"],
        unique=False,
        postgresql_where=sa.text("snooze_id IS NOT NULL"),
    )
    op.create_index(
        "alert_incidents_timer_at_idx",
        "alert_incidents",
        ["timer_at"],
        unique=False,
        postgresql_where=sa.text("timer_at IS NOT NULL"),
    )
    op.create_table(
        "incident_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.String(length=255), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(
            EVENT_KIND,
            name=op.f("incident_events_kind_check"),
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("incident_events_actor_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["alert_incidents.id"], name=op.f("incident_events_incident_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("incident_events_pkey")),
    )
    op.create_index("incident_events_incident_id_idx", "incident_events", ["incident_id", "id"], unique=False)
    op.add_column("alert_notifications", sa.Column("incident_id", sa.Uuid(), nullable=True))
    op.create_unique_constraint(
        "alert_notifications_incident_id_user_id_idx", "alert_notifications", ["incident_id", "user_id"]
    )
    op.create_index(
        "alert_notifications_user_incident_idx", "alert_notifications", ["user_id", "incident_id"], unique=False
    )
    op.create_foreign_key(
        op.f("alert_notifications_incident_id_fkey"),
        "alert_notifications",
        "alert_incidents",
        ["incident_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.add_column("alerts", sa.Column("description", sa.Text(), nullable=True))
    op.add_column("alerts", sa.Column("label_columns", JSONB(), server_default=sa.text("'[]'"), nullable=False))
    op.add_column("alerts", sa.Column("recovery_value", sa.Numeric(), nullable=True))
    op.add_column("alerts", sa.Column("for_seconds", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("alerts", sa.Column("keep_firing_seconds", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("alerts", sa.Column("interval_seconds", sa.Integer(), server_default=sa.text("60"), nullable=False))
    op.add_column("alerts", sa.Column("window_seconds", sa.Integer(), server_default=sa.text("3600"), nullable=False))
    op.add_column("alerts", sa.Column("no_data_policy", sa.String(length=20), server_default="no_data", nullable=False))
    op.add_column("alerts", sa.Column("error_policy", sa.String(length=20), server_default="error", nullable=False))
    op.add_column("alerts", sa.Column("severity", sa.String(length=20), server_default="warning", nullable=False))
    op.add_column("alerts", sa.Column("message", sa.Text(), nullable=True))
    op.add_column("alerts", sa.Column("runbook_url", sa.Text(), nullable=True))
    op.add_column("alerts", sa.Column("labels", JSONB(), server_default=sa.text("'{}'"), nullable=False))
    op.add_column("alerts", sa.Column("group_wait_seconds", sa.Integer(), server_default=sa.text("30"), nullable=False))
    op.add_column(
        "alerts", sa.Column("group_interval_seconds", sa.Integer(), server_default=sa.text("300"), nullable=False)
    )
    op.add_column(
        "alerts", sa.Column("repeat_interval_seconds", sa.Integer(), server_default=sa.text("14400"), nullable=False)
    )
    op.add_column("alerts", sa.Column("escalate_after_seconds", sa.Integer(), nullable=True))
    op.add_column("alerts", sa.Column("escalation_channels", JSONB(), server_default=sa.text("'[]'"), nullable=False))
    op.add_column("alerts", sa.Column("condition_version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("alerts", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("alerts", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("alerts_metric_id_idx", "alerts", ["metric_id"], unique=False)
    op.create_index(
        "alerts_user_id_name_idx",
        "alerts",
        ["user_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_foreign_key(
        "alert_snoozes_incident_id_fkey",
        "alert_snoozes",
        "alert_incidents",
        ["incident_id"],
        ["id"],
        ondelete="CASCADE",
    )
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"alerts_{name}_check"), "alerts", condition)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO {APP_ROLE}")


def downgrade() -> None:
    """Drop what the upgrade made: incidents and histories go, rules keep what they were before."""
    op.drop_constraint("alert_notifications_incident_id_user_id_idx", "alert_notifications", type_="unique")
    op.drop_index("alert_notifications_user_incident_idx", table_name="alert_notifications")
    op.drop_column("alert_notifications", "incident_id")
    op.drop_constraint("alert_snoozes_incident_id_fkey", "alert_snoozes", type_="foreignkey")
    for table in reversed(TABLES):
        op.drop_table(table)
    for name in CHECKS:
        op.drop_constraint(op.f(f"alerts_{name}_check"), "alerts", type_="check")
    op.drop_index("alerts_user_id_name_idx", table_name="alerts")
    op.drop_index("alerts_metric_id_idx", table_name="alerts")
    for column in ADDED:
        op.drop_column("alerts", column)
