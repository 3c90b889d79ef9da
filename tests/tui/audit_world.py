"""A trail for the tests of its screen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from textual.pilot import Pilot

from datapulse_tui.tui.screens.admin.audit import AuditScreen
from tests.databases import dsn
from tests.tui.conftest import HOSTILE, World, until

ROOT = "root@example.org"
BOARD = UUID(int=7)
RECORDS = 300

_FILL = """
INSERT INTO users (email, name, password, role, status, timezone) VALUES
    ('root@example.org', 'Root Admin', '!', 'admin', 'active', 'Europe/Vienna'),
    ('bea@example.org', 'Bea Lind', 'x', 'analyst', 'active', 'Europe/Vienna');
INSERT INTO dashboards (id, user_id, name) SELECT %(board)s, id, 'Sales' FROM users WHERE email = 'bea@example.org';
INSERT INTO audit_logs (user_id, actor, action, resource_type, resource_id, ip_address, user_agent, details, created_at)
    SELECT CASE WHEN n %% 4 > 0 THEN (SELECT id FROM users WHERE email = 'bea@example.org') END,
        CASE WHEN n %% 4 = 0 THEN 'system:worker' END,
        CASE WHEN n %% 4 = 0 THEN 'incident.opened' ELSE 'dashboard.updated' END,
        CASE WHEN n %% 4 = 0 THEN 'incident' ELSE 'dashboard' END, %(board)s, '10.0.0.7', 'datapulse desk',
        jsonb_build_object('before', jsonb_build_object('name', 'Sales ' || n, 'time_range', '24h'),
            'after', jsonb_build_object('name', 'Sales ' || n + 1, 'time_range', '7d')),
        CAST(%(now)s AS timestamptz) - interval '1 hour' * (%(records)s - n)
    FROM generate_series(1, %(records)s) n
"""
_HOSTILE = """
INSERT INTO audit_logs (actor, action, resource_type, details, created_at)
VALUES (%(hostile)s, 'thing.changed', %(kind)s, CAST(%(details)s AS jsonb),
    CAST(%(now)s AS timestamptz) + interval '1 s')
"""


def prepare(world: World, now: datetime | None = None) -> World:
    """Three hundred records up to `now` (else the clock's), an hour apart, and one with hostile words on top."""
    values = {
        "board": BOARD, "records": RECORDS, "now": now or datetime.now(UTC), "hostile": HOSTILE[:200],
        "kind": HOSTILE[:30], "details": json.dumps({"after": {HOSTILE: [HOSTILE, {"deep": "x" * 900}]}}),
    }  # fmt: skip
    with psycopg.connect(dsn(world.addresses.owner)) as connection:
        for statement in (*_FILL.split(";\n"), _HOSTILE):
            used = {name: value for name, value in values.items() if f"%({name})s" in statement}
            connection.execute(statement.replace("%%", "%").encode() if not used else statement.encode(), used or None)
    return world


async def to_audit(pilot: Pilot[Any]) -> AuditScreen:
    """To the trail, where the desk opened; it is read."""
    await until(pilot, lambda: isinstance(pilot.app.screen, AuditScreen))
    screen: AuditScreen = pilot.app.screen
    await until(pilot, lambda: screen._was_read and not screen._searching)
    return screen
