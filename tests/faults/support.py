"""Rules to evaluate: people, a source, metrics that a test can move, and what came of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import make_url

from datapulse_tui.alerts.slots import slot_offset
from tests.databases import dsn

TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.metrics (name text, label text NOT NULL DEFAULT '', value float8, PRIMARY KEY (name, label));
GRANT USAGE ON SCHEMA shop TO datapulse_app;
GRANT ALL ON shop.metrics TO datapulse_app;
"""
RULE = """
INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, label_columns, recovery_value,
                    for_seconds, keep_firing_seconds, interval_seconds, window_seconds, no_data_policy, error_policy,
                    severity, channels, frequency, status)
VALUES (%(owner)s, %(query)s, %(metric)s, %(name)s, %(type)s, %(threshold)s, %(labels)s, %(recovery)s, %(for_)s,
        %(keep)s, %(interval)s, %(window)s, %(no_data)s, %(error)s, %(severity)s, %(channels)s, %(frequency)s, 'active')
RETURNING id
"""
RULE_DEFAULTS: dict[str, Any] = {
    "metric": "value", "type": "above", "threshold": 10, "labels": [], "recovery": None, "for_": 0, "keep": 0,
    "interval": 60, "window": 3600, "no_data": "no_data", "error": "error", "severity": "critical",
    "channels": [{"type": "email", "to": ["owner"]}], "frequency": "immediate",
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """One test's database, seen directly. `owner` owns every rule, unless a test says otherwise."""

    url: str
    owner: UUID
    source: UUID

    def execute(self, statement: str, values: Any = None) -> list[Any]:
        """Run a statement and return its rows."""
        with psycopg.connect(dsn(self.url), autocommit=True, row_factory=namedtuple_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, values: Any = None) -> Any:
        """The only value of a statement."""
        ((found,),) = self.execute(statement, values)
        return found

    def metric(self, name: str, *values: tuple[str, float | None] | float | None) -> None:
        """Set a metric: one value, or (label, value) pairs; labels that are not named are gone."""
        pairs = [value if isinstance(value, tuple) else ("", value) for value in values]
        with psycopg.connect(dsn(self.url)) as connection:
            connection.execute("DELETE FROM shop.metrics WHERE name = %s", [name])
            for label, value in pairs:
                connection.execute("INSERT INTO shop.metrics VALUES (%s, %s, %s)", [name, label, value])

    def query(self, name: str, sql: str | None = None, source: UUID | None = None) -> UUID:
        """Save a query; without SQL it reads the metric of its name."""
        sql = sql or f"SELECT label, value FROM shop.metrics WHERE name = '{name}'"
        return self.one(
            "INSERT INTO queries (user_id, name, sql, data_source_id) VALUES (%s, %s, %s, %s) RETURNING id",
            [self.owner, name, sql, source or self.source],
        )

    def rule(self, query: UUID, **given: Any) -> UUID:
        """Make a rule and have it evaluated from now on."""
        values = {"name": f"rule {uuid.uuid4().hex[:6]}", "owner": self.owner, "query": query, **RULE_DEFAULTS, **given}
        values |= {name: json.dumps(values[name]) for name in ("labels", "channels")}
        made = self.one(RULE, values)
        self.execute("INSERT INTO alert_evaluations (alert_id, next_at) VALUES (%s, now())", [made])
        return made

    def due(self, *rules: UUID, ago: float = 0) -> None:
        """Make rules (none: all) due, as if the latest slot had come `ago` seconds ago and not been evaluated."""
        self.execute(
            "UPDATE alert_evaluations SET next_at = now() - make_interval(secs => %s) WHERE %s OR alert_id = ANY(%s)",
            [ago, not rules, list(rules)],
        )

    def incidents(self, *rules: UUID) -> list[Any]:
        """Incidents in the order in which they came."""
        return self.execute(
            "SELECT i.*, s.labels->>'label' AS label FROM alert_incidents i LEFT JOIN metric_series s "
            "ON s.id = i.series_id WHERE %s OR alert_id = ANY(%s) ORDER BY number",
            [not rules, list(rules)],
        )

    def states(self, rule: UUID) -> dict[str, str]:
        """The states of a rule's series by label."""
        return {
            row.label: row.state
            for row in self.execute(
                "SELECT coalesce(m.labels->>'label', '') AS label, s.state FROM alert_series s "
                "JOIN metric_series m ON m.id = s.series_id WHERE alert_id = %s ORDER BY 1",
                [rule],
            )
        }

    def health(self, rule: UUID) -> Any:
        """The row of alert_evaluations."""
        (row,) = self.execute("SELECT * FROM alert_evaluations WHERE alert_id = %s", [rule])
        return row


def make_world(owner_url: str, **source: Any) -> World:
    """Tables, a person who may query everything, and this database as a source (as the application's role)."""
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
        connection.execute(TABLES)
        owner = connection.execute(
            "INSERT INTO users (email, name, password, role, status) "
            "VALUES ('ana@example.org', 'Ana', '!', 'admin', 'active') RETURNING id"
        ).fetchone()
        url = make_url(owner_url)
        host = url.query.get("host", url.host)
        config = {"host": host, "port": url.port, "dbname": url.database, "user": "datapulse_app", **source}
        row = connection.execute(
            "INSERT INTO data_sources (name, type, connection_config, status) "
            "VALUES ('shop', 'postgresql', %s, 'connected') RETURNING id",
            [json.dumps({key: value for key, value in config.items() if value is not None})],
        ).fetchone()
    assert owner is not None
    assert row is not None
    return World(owner_url, owner[0], row[0])


def another_source(world: World, name: str, **changes: Any) -> UUID:
    """A source like the world's own, with other settings."""
    return world.one(
        "INSERT INTO data_sources (name, type, connection_config, status) "
        "SELECT %s, type, connection_config || %s, status FROM data_sources WHERE id = %s RETURNING id",
        [name, json.dumps(changes), world.source],
    )


def offsets(queries: Sequence[UUID], interval: int) -> set[int]:
    """The offsets of queries' slots."""
    return {slot_offset(query, interval) for query in queries}
