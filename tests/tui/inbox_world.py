"""Incidents for the tests of the inbox's screens: people, rules and incidents written straight into the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from datapulse_tui.data.connect import Connection
from datapulse_tui.tui.app import DataPulseApp
from datapulse_tui.tui.services import Services
from tests.tui.conftest import HOSTILE, World, sql

__all__ = ["BEA", "BEN", "FIRINGS", "Firing", "desk", "fill", "fire", "sql"]

BEN, BEA = "ben@example.org", "bea@example.org"
RULES = (
    ("Checkout errors", "critical", "error_rate", 5.0, "https://wiki.example.org/runbooks/checkout"),
    ("Checkout latency", "warning", "p95_ms", 500.0, ""),
    (HOSTILE, "critical", "used_percent", 90.0, "https://wiki.example.org/disk"),
    ("Stock of parcels", "info", "parcels", 100.0, ""),
)


@dataclass(frozen=True)
class Firing:
    """An incident to open: its rule by name, its labels, how long ago, its first value and the newest one."""

    rule: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ago: timedelta = timedelta(minutes=5)
    start: float = 10.0
    now: float = 12.0


FIRINGS = (
    Firing("Checkout errors", {"region": "eu", "service": "checkout"}, timedelta(minutes=4), 7.4, 12.8),
    Firing("Checkout errors", {"region": "us", "service": "checkout"}, timedelta(minutes=31), 6.1, 5.2),
    Firing(HOSTILE, {"host": "db-1 [/]", "mount": "/dev/sda1 \x1b]0;x\x07"}, timedelta(hours=3), 91.2, 98.9),
    Firing("Checkout latency", {"region": "eu"}, timedelta(minutes=12), 512, 744),
    Firing("Checkout latency", {"region": "us"}, timedelta(hours=26), 530, 610),
    Firing("Stock of parcels", {}, timedelta(days=3), 104, 181),
)


def desk(world: World, email: str) -> DataPulseApp:
    """A desk whose clock goes with the database's, where `email` sits."""
    return DataPulseApp(Services(connection=world.connect(), as_email=email))


async def fill(connection: Connection, at: datetime | None = None) -> None:
    """Ana and Ben manage operations and are told of what the first rule finds; Bea does business and is told too."""
    at = at or datetime.now(UTC)
    async with connection.data.transaction() as session:
        await session.execute(text("UPDATE users SET role = 'ops_manager' WHERE email = 'ana@example.org'"))
        await session.execute(
            text(
                "INSERT INTO users (email, name, password, role, status, timezone) VALUES "
                "(:ben, 'Ben Okafor', '!', 'ops_manager', 'active', 'Europe/London'), "
                "(:bea, 'Bea Lind', '!', 'business_user', 'active', 'Europe/Vienna')"
            ),
            {"ben": BEN, "bea": BEA},
        )
        for name, severity, metric, threshold, runbook in RULES:
            await session.execute(
                text(
                    "WITH q AS (INSERT INTO queries (user_id, name, sql, data_source_id) "
                    "SELECT u.id, left(:name, 200), 'SELECT 1', (SELECT id FROM data_sources LIMIT 1) FROM users u "
                    "WHERE email = 'ana@example.org' RETURNING id, user_id) "
                    "INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, "
                    "recovery_value, severity, runbook_url, status) "
                    "SELECT user_id, id, :metric, :name, 'above', :threshold, :recovery, :severity, "
                    "nullif(:runbook, ''), 'triggered' FROM q"
                ),
                {
                    "name": name.replace("\x1b", "\x1b"),
                    "metric": metric,
                    "threshold": threshold,
                    "recovery": threshold * 0.9,
                    "severity": severity,
                    "runbook": runbook,
                },
            )
    for firing in FIRINGS:
        await fire(connection, firing, at)


async def fire(connection: Connection, firing: Firing, at: datetime | None = None) -> Any:
    """Open an incident with an hour of samples, as evaluation would; its id and number."""
    from datapulse_tui.alerts.rules import label_key, label_text
    from datapulse_tui.data.feed import emit

    at = at or datetime.now(UTC)
    opened_at = at - firing.ago
    title = " ".join(each for each in (firing.rule, label_text(firing.labels)) if each)
    import json

    async with connection.data.transaction() as session:
        row = (
            await session.execute(
                text(
                    "WITH a AS (SELECT * FROM alerts WHERE name = :rule), "
                    "s AS (INSERT INTO metric_series (query_id, metric, label_key, labels) "
                    "SELECT metric_id, metric, :key, CAST(:labels AS jsonb) FROM a RETURNING id), "
                    "x AS (INSERT INTO alert_series (alert_id, series_id, state, reason, since) "
                    "SELECT a.id, s.id, 'firing', 'breach', :opened_at FROM a, s) "
                    "INSERT INTO alert_incidents (alert_id, series_id, title, labels, severity, opened_at, "
                    "start_value, worst_value, last_value) SELECT a.id, s.id, :title, CAST(:labels AS jsonb), "
                    "a.severity, :opened_at, :start, greatest(:start, :now), :now FROM a, s "
                    "RETURNING id, number, series_id, alert_id"
                ),
                {
                    "rule": firing.rule,
                    "key": label_key(firing.labels),
                    "labels": json.dumps(firing.labels),
                    "title": title,
                    "opened_at": opened_at,
                    "start": firing.start,
                    "now": firing.now,
                },
            )
        ).one()
        await session.execute(
            text(
                "INSERT INTO metric_samples (series_id, at, value) "
                "SELECT :series, now() - make_interval(mins => 59 - g), CASE WHEN g < 40 "
                "THEN CAST(:start AS float8) * (0.6 + 0.1 * sin(g * 1.7)) "
                "ELSE CAST(:start AS float8) + (CAST(:now AS float8) - :start) * (g - 40) / 19.0 END "
                "FROM generate_series(0, 59) g"
            ),
            {"series": row.series_id, "start": firing.start, "now": firing.now},
        )
        await session.execute(
            text(
                "INSERT INTO incident_events (incident_id, at, kind, details) VALUES "
                "(:id, :at, 'fired', jsonb_build_object('value', CAST(:start AS float8)))"
            ),
            {"id": row.id, "at": opened_at, "start": firing.start},
        )
        await session.execute(
            text(
                "INSERT INTO alert_notifications (alert_id, user_id, incident_id) "
                "SELECT :alert, id, :id FROM users WHERE email IN ('ana@example.org', :ben, :bea)"
            ),
            {"alert": row.alert_id, "id": row.id, "ben": BEN, "bea": BEA},
        )
        await session.execute(
            text(
                "INSERT INTO deliveries (key, kind, channel_type, user_id, address, incident_id, alert_id, status, "
                "sent_at, attempts, reason, created_at) "
                "SELECT 'k' || :number || u.email, 'trigger', 'email', u.id, u.email, :id, :alert, "
                "CASE WHEN u.email = :bea THEN 'failed' ELSE 'sent' END, :at, 1, "
                "CASE WHEN u.email = :bea THEN 'the mail server does not know this address' END, "
                "CAST(:at AS timestamptz) + make_interval(secs => CASE WHEN u.email = :bea THEN 1 ELSE 0 END) "
                "FROM users u WHERE u.email IN ('ana@example.org', :bea)"
            ),
            {"number": str(row.number), "id": row.id, "alert": row.alert_id, "bea": BEA, "at": opened_at},
        )
        await emit(session, "incidents", row.id)
    return row
