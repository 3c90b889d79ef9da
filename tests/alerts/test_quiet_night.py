"""What a storm costs while the server's statistics still come from a quiet night, when next to nothing was open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.alerts import episodes
from datapulse_tui.alerts.evaluation import apply, bulk
from datapulse_tui.data.database import Database
from datapulse_tui.notify.service import outbox
from tests.faults.support import World, make_world

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STORM = 3_000
BATCH = 500
# Rules with one series each, an incident of every one that was over when statistics were made, and what it sent.
_YESTERDAY = f"""
INSERT INTO metric_series (query_id, metric, label_key, labels)
SELECT q.id, 'value', md5(n::text), jsonb_build_object('host', n)
FROM queries q, generate_series(1, {STORM}) n;
INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, status, severity)
SELECT q.user_id, q.id, 'value', 'rule ' || n, 'above', 10, 'active', 'critical'
FROM queries q, generate_series(1, {STORM}) n;
INSERT INTO alert_incidents (alert_id, series_id, kind, title, labels, severity, status, opened_at, resolved_at)
SELECT a.id, s.id, 'threshold', a.name, s.labels, 'critical', 'resolved', now(), now()
FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM alerts WHERE name LIKE 'rule %') a
JOIN (SELECT *, row_number() OVER (ORDER BY id) AS n FROM metric_series) s USING (n);
INSERT INTO alert_notifications (alert_id, user_id, incident_id, resolved_at)
SELECT i.alert_id, a.user_id, i.id, now() FROM alert_incidents i JOIN alerts a ON a.id = i.alert_id;
INSERT INTO deliveries (key, kind, channel_type, address, incident_id, group_key, status, due_at)
SELECT i.id::text, 'trigger', 'email', 'somebody', i.id, 'group ' || i.number, 'cancelled', now()
FROM alert_incidents i;
"""
_STATISTICS = "VACUUM ANALYZE alerts, alert_incidents, alert_notifications, deliveries"
_STORM = """
UPDATE alert_incidents SET status = 'triggered', resolved_at = NULL;
UPDATE alert_notifications SET resolved_at = NULL;
UPDATE deliveries SET status = 'pending';
"""


@pytest.fixture
def storm(owner_url: str) -> World:
    """Everything fires at once, and nobody has told the planner."""
    world = make_world(owner_url)
    world.query("m")
    world.execute(_YESTERDAY)
    world.execute(_STATISTICS)
    world.execute(_STORM)
    return world


def thrown_away(plan: dict[str, Any]) -> float:
    """Rows that a plan looked at and did not want."""
    here = sum(plan.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Join Filter", "Index Recheck"))
    return float(here * plan.get("Actual Loops", 1)) + sum(thrown_away(each) for each in plan.get("Plans", ()))


async def wasted(session: AsyncSession, statement: str, values: dict[str, Any]) -> float:
    """Run a statement as the evaluator does; the rows that it looked at in vain."""
    await session.execute(apply._BY_INDEX)
    explained = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
    return thrown_away((await session.execute(explained, values)).scalar_one()[0]["Plan"])


async def test_closing_looks_at_what_it_closes(storm: World, data: Database) -> None:
    rows: list[Any] = storm.execute(f"SELECT alert_id, series_id FROM alert_incidents LIMIT {BATCH}")
    values = {
        "alerts": bulk.plain(row.alert_id for row in rows),
        "series": bulk.plain(row.series_id for row in rows),
        "kinds": bulk.texts(["threshold"] * BATCH),
        "at": bulk.times([NOW] * BATCH),
        "values": bulk.plain([1.0] * BATCH),
        "reasons": bulk.texts(["clear"] * BATCH),
        "actor_id": None,
        "actor": None,
    }
    async with data.transaction() as session:
        assert await wasted(session, episodes._RESOLVE_SERIES, values) < 10 * BATCH
        assert await wasted(session, episodes._STATUS, {"alerts": values["alerts"]}) < 10 * BATCH
    for table in ("alert_incidents", "alert_notifications"):
        assert storm.one(f"SELECT count(*) FROM {table} WHERE resolved_at IS NOT NULL") == BATCH


async def test_worse_values_are_written_where_they_belong(storm: World, data: Database) -> None:
    ids: list[UUID] = [row.id for row in storm.execute(f"SELECT id FROM alert_incidents LIMIT {BATCH}")]
    values = {"ids": bulk.plain(ids), "values": bulk.plain([99.0] * BATCH)}
    async with data.transaction() as session:
        assert await wasted(session, apply._WORST.text, values) < 10 * BATCH
    assert storm.one("SELECT count(*) FROM alert_incidents WHERE worst_value = 99") == BATCH


async def test_queueing_looks_at_the_groups_that_it_names(storm: World, data: Database) -> None:
    groups = [row.group_key for row in storm.execute(f"SELECT group_key FROM deliveries LIMIT {BATCH}")]
    async with data.transaction() as session:
        assert await wasted(session, outbox._GROUPS, {"groups": groups}) < 10 * BATCH
        found = (await session.execute(text(outbox._GROUPS), {"groups": groups})).all()
    assert {row.group_key for row in found[1:]} == set(groups)
