"""The history of metrics: series, samples by day and their roll-up by month, and the care of their partitions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APP_ROLE = "datapulse_app"
TABLES = ("metric_series", "metric_samples", "metric_samples_hourly")

# Partitions belong to the owner; the application may ask for them, in these two ways only. Attaching takes a weaker
# lock than CREATE TABLE ... PARTITION OF, so that samples go on being written.
MAKE_PARTITIONS = """
CREATE FUNCTION metric_partitions_make(from_day date, to_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    made integer := 0;
    part record;
BEGIN
    IF to_day - from_day > 800 THEN
        RAISE EXCEPTION 'partitions are made for at most 800 days at once' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('metric_partitions', 0));
    FOR part IN
        SELECT 'metric_samples' AS parent, 'metric_samples_p' || to_char(day, 'YYYYMMDD') AS name,
               day::date AS lower, day::date + 1 AS upper
        FROM generate_series(from_day::timestamp, to_day::timestamp, '1 day') day
        UNION ALL
        SELECT 'metric_samples_hourly', 'metric_samples_hourly_p' || to_char(month, 'YYYYMM'),
               month::date, (month + interval '1 month')::date
        FROM generate_series(date_trunc('month', from_day::timestamp), to_day::timestamp, '1 month') month
    LOOP
        CONTINUE WHEN to_regclass(part.name) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', part.name, part.parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       part.parent, part.name, part.lower || ' 00:00+00', part.upper || ' 00:00+00');
        made := made + 1;
    END LOOP;
    RETURN made;
END $$
"""

DROP_PARTITIONS = """
CREATE FUNCTION metric_partitions_drop(samples_before date, hourly_before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    dropped integer := 0;
    part text;
BEGIN
    IF samples_before > current_date - 1 OR hourly_before > current_date - 31 THEN
        RAISE EXCEPTION 'what is younger than a day (rolled up: a month) is not dropped'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('metric_partitions', 0));
    FOR part IN
        SELECT child.relname FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE (inhparent = 'metric_samples'::regclass
               AND right(child.relname, 8) < to_char(samples_before, 'YYYYMMDD'))
           OR (inhparent = 'metric_samples_hourly'::regclass
               AND right(child.relname, 6) < to_char(hourly_before, 'YYYYMM'))
    LOOP
        EXECUTE format('DROP TABLE %I', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$
"""
FUNCTIONS = ("metric_partitions_make(date, date)", "metric_partitions_drop(date, date)")


def upgrade() -> None:
    """Create the tables and the functions, and make partitions for the days around now."""
    op.create_table(
        "metric_samples",
        sa.Column("series_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "at", name=op.f("metric_samples_pkey")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "metric_samples_hourly",
        sa.Column("series_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("lowest", sa.Double(), nullable=False),
        sa.Column("highest", sa.Double(), nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "hour", name=op.f("metric_samples_hourly_pkey")),
        postgresql_partition_by="RANGE (hour)",
    )
    op.create_table(
        "metric_series",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("query_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.String(length=100), nullable=False),
        sa.Column("label_key", sa.String(length=32), nullable=False),
        sa.Column("labels", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["query_id"], ["queries.id"], name=op.f("metric_series_query_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("metric_series_pkey")),
        sa.UniqueConstraint("query_id", "metric", "label_key", name="metric_series_identity_idx"),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO {APP_ROLE}")
    op.execute(MAKE_PARTITIONS)
    op.execute(DROP_PARTITIONS)
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}")
    op.execute("SELECT metric_partitions_make(current_date - 1, current_date + 7)")


def downgrade() -> None:
    """Drop the history of all metrics."""
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in reversed(TABLES):
        op.drop_table(table)
