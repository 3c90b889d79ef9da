"""A workspace with a million incidents, ten thousand of them open, made by SQL on a real embedded server."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from sqlalchemy import make_url

from datapulse_tui.audit.actor import Actor
from datapulse_tui.config import Settings
from datapulse_tui.data import migrate
from datapulse_tui.data.addresses import embedded_server
from datapulse_tui.data.embedded import erase
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role

INCIDENTS = 1_000_000
OPEN = 10_000
SERIES = 50_000
EMAIL = "olga@example.org"
BUSINESS = "bea@example.org"

# Every hundredth incident is open. Open ones opened within the last two days, the others within the last year. A rule
# belongs to one of eight departments; one in two hundred open incidents concerns the business user.
_FILL = f"""
SELECT setseed(0.5);
INSERT INTO departments (name)
    SELECT unnest(ARRAY['Operations', 'Sales', 'Web', 'Payments', 'Logistics', 'Finance', 'Support', 'Rare']);
INSERT INTO users (email, name, password, role, status) VALUES
    ('{EMAIL}', 'Olga', '!', 'ops_manager', 'active'), ('{BUSINESS}', 'Bea', '!', 'business_user', 'active');
INSERT INTO users (email, name, password, role, status)
    SELECT 'p' || n || '@example.org', 'Person ' || n, '!', 'ops_manager', 'active' FROM generate_series(1, 200) n;
INSERT INTO data_sources (name, type) VALUES ('shop', 'postgresql');
INSERT INTO queries (user_id, name, sql, data_source_id)
    SELECT u.id, 'orders', 'SELECT 1 AS value', s.id FROM users u, data_sources s WHERE u.email = '{EMAIL}';
INSERT INTO notification_channels (name, type, is_default) VALUES ('mail', 'email', true);
INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, status, severity)
    SELECT user_id, id, 'value',
        (ARRAY['checkout errors', 'disk usage', 'queue length', 'payment failures', 'page latency'])[1 + n % 5]
            || ' ' || n,
        'above', 10, 'triggered', (ARRAY['critical', 'warning', 'info'])[1 + n % 3]
    FROM queries, generate_series(1, 1000) n;
INSERT INTO metric_series (query_id, metric, label_key, labels)
    SELECT q.id, 'value', md5(n::text),
        jsonb_build_object('host', 'web' || n, 'region', (ARRAY['eu', 'us', 'ap'])[1 + n % 3])
    FROM queries q, generate_series(1, {SERIES}) n;
CREATE TEMP TABLE rules AS SELECT row_number() OVER (ORDER BY name) - 1 AS n, id, name, severity FROM alerts;
CREATE TEMP TABLE people AS SELECT row_number() OVER (ORDER BY email) - 1 AS n, id FROM users;
CREATE TEMP TABLE parts AS SELECT row_number() OVER (ORDER BY name) - 1 AS n, id FROM departments WHERE name <> 'Rare';
CREATE TEMP TABLE series AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id, labels FROM metric_series;
ANALYZE rules, people, parts, series;
INSERT INTO alert_incidents (alert_id, series_id, title, labels, severity, status, department_id, opened_at,
        start_value, worst_value, last_value, acknowledged_at, acknowledged_by, resolved_at, repeat_at, timer_at)
    SELECT r.id, s.id, r.name || ': host=' || (s.labels->>'host') || ' region=' || (s.labels->>'region'), s.labels,
        r.severity, CASE WHEN nr % 100 > 0 THEN 'resolved' WHEN nr % 400 = 0 THEN 'acknowledged' ELSE 'triggered' END,
        CASE WHEN nr % 5000 = 7 OR nr % 50000 = 0 THEN rare.id ELSE d.id END,
        now() - CASE WHEN nr % 100 > 0 THEN random() * interval '365 days' ELSE random() * interval '2 days' END,
        12, 15, 13, CASE WHEN nr % 400 = 0 THEN now() END, CASE WHEN nr % 400 = 0 THEN p.id END,
        CASE WHEN nr % 100 > 0 THEN now() END,
        CASE WHEN nr % 100 = 0 AND nr % 400 > 0 THEN now() + interval '4 h' END,
        CASE WHEN nr % 100 = 0 AND nr % 400 > 0 THEN now() + interval '4 h' END
    FROM generate_series(0, {INCIDENTS} - 1) AS g(nr)
    JOIN rules r ON r.n = (nr / 100) % 1000
    JOIN series s ON s.n = CASE WHEN nr % 100 = 0 THEN nr / 100 ELSE nr % {SERIES} END
    JOIN people p ON p.n = (nr / 400) % 202
    JOIN parts d ON d.n = (nr / 100) % 7
    JOIN departments rare ON rare.name = 'Rare';
INSERT INTO incident_events (incident_id, at, kind) SELECT id, opened_at, 'fired' FROM alert_incidents
    WHERE status <> 'resolved';
INSERT INTO alert_notifications (alert_id, incident_id, user_id)
    SELECT alert_id, i.id, u.id FROM alert_incidents i, users u
    WHERE u.email = '{BUSINESS}' AND i.status <> 'resolved' AND i.number % 20000 = 1;
INSERT INTO deliveries (key, kind, channel_type, address, incident_id, alert_id, group_key, due_at)
    SELECT id || ':trigger:somebody', 'trigger', 'email', 'somebody@example.org', id, alert_id, alert_id || ':email',
        now() + interval '1 day'
    FROM alert_incidents WHERE status <> 'resolved';
INSERT INTO alert_series (alert_id, series_id, state, since)
    SELECT alert_id, series_id, 'firing', opened_at FROM alert_incidents WHERE status <> 'resolved';
INSERT INTO metric_samples (series_id, at, value)
    SELECT series_id, date_trunc('minute', now()) - n * interval '1 min', 10 + random() * 5
    FROM alert_incidents, generate_series(0, 29) n WHERE status <> 'resolved';
"""
_VACUUM = (
    "alert_incidents", "incident_events", "alert_notifications", "deliveries", "alert_series", "metric_samples",
    "metric_series", "alerts",
)  # fmt: skip


@dataclass(frozen=True)
class InboxWorkspace:
    """Where it is: addresses for SQLAlchemy and for libpq, and who looks."""

    url: str
    dsn: str
    manager: Actor
    business: Actor


@contextlib.contextmanager
def inbox_workspace() -> Iterator[InboxWorkspace]:
    """The workspace; takes about two minutes to make."""
    with tempfile.TemporaryDirectory(prefix="dp-inbox-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        server = embedded_server(Settings(home=home).home)
        try:
            migrate.upgrade(server.owner_url)
            owner = make_url(server.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(owner, autocommit=True) as connection:
                for statement in _FILL.split(";\n"):
                    if statement.strip():
                        connection.execute(statement.encode())
                for table in _VACUUM:
                    connection.execute(f"VACUUM ANALYZE {table}".encode())
                ids = {
                    email: connection.execute("SELECT id FROM users WHERE email = %s", [email]).fetchone()
                    for email in (EMAIL, BUSINESS)
                }
            url = make_url(server.owner_url).set(username="datapulse_app").render_as_string(hide_password=False)
            app = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
            yield InboxWorkspace(
                url,
                app,
                _actor(ids[EMAIL], "Olga", Role.OPS_MANAGER, EMAIL),
                _actor(ids[BUSINESS], "Bea", Role.BUSINESS_USER, BUSINESS),
            )
        finally:
            server.release()
            erase(home)


def _actor(row: tuple[UUID] | None, name: str, role: Role, email: str) -> Actor:
    assert row is not None
    return Actor(row[0], name, ROLE_PERMISSIONS[role], role=role, email=email)
