"""The demo's own tables, in a schema beside the workspace's: samples of the server's statistics, the tables that the
workload writes to, and the note that the demo is complete.

The owner makes them. The role `datapulse_demo` fills them, `datapulse_monitor` (the statistics source)
may read the samples and nothing else, and the application's role may read the note.
"""

from __future__ import annotations

from typing import LiteralString

ROLE = "datapulse_demo"

# Each row tells what happened in the `seconds` before `taken_at`, so a rate is sum(...) / sum(seconds) over any bucket.
STATEMENTS: tuple[LiteralString, ...] = (
    "CREATE SCHEMA IF NOT EXISTS demo",
    """
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'datapulse_demo') THEN
            CREATE ROLE datapulse_demo LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
        END IF;
    END $$
    """,
    """
    CREATE TABLE IF NOT EXISTS demo.pg_samples (
        taken_at timestamptz PRIMARY KEY,
        seconds float8 NOT NULL CHECK (seconds > 0),
        commits int8 NOT NULL, rollbacks int8 NOT NULL,
        blocks_read int8 NOT NULL, blocks_hit int8 NOT NULL,
        rows_read int8 NOT NULL, rows_written int8 NOT NULL,
        active int4 NOT NULL, idle int4 NOT NULL, in_transaction int4 NOT NULL,
        database_bytes int8 NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS demo.io_samples (
        taken_at timestamptz NOT NULL,
        process text NOT NULL,
        read_bytes int8 NOT NULL, written_bytes int8 NOT NULL,
        PRIMARY KEY (taken_at, process)
    )
    """,
    "CREATE TABLE IF NOT EXISTS demo.accounts (id int4 PRIMARY KEY, balance int8 NOT NULL)",
    """
    CREATE TABLE IF NOT EXISTS demo.bookings (
        id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        payer int4 NOT NULL, payee int4 NOT NULL, amount int8 NOT NULL
    )
    """,
    "INSERT INTO demo.accounts SELECT id, 100000 FROM generate_series(1, 1000) AS id ON CONFLICT DO NOTHING",
    """
    CREATE TABLE IF NOT EXISTS demo.setup (
        one bool PRIMARY KEY DEFAULT true CHECK (one),
        edition text NOT NULL,
        monitor_url text NOT NULL,
        finished_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "GRANT USAGE ON SCHEMA demo TO datapulse_demo, datapulse_monitor, datapulse_app",
    "GRANT SELECT, INSERT, DELETE ON demo.pg_samples, demo.io_samples, demo.bookings TO datapulse_demo",
    "GRANT SELECT, UPDATE ON demo.accounts TO datapulse_demo",
    "GRANT SELECT ON demo.pg_samples, demo.io_samples TO datapulse_monitor",
    "GRANT SELECT ON demo.setup TO datapulse_app",
)


def demo_url(owner_url: str) -> str:
    """The address of the role that fills the tables, from that of their owner on the same server."""
    from datapulse_tui.data.engine import parse_url

    return parse_url(owner_url).set(username=ROLE).render_as_string(hide_password=False)
