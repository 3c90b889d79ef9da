"""Rules evaluated on a real database and a real source."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from datapulse_tui.alerts.evaluation.claim import Claim
from datapulse_tui.alerts.evaluation.definitions import Owner
from datapulse_tui.alerts.evaluation.due import bring_back, due
from datapulse_tui.alerts.evaluation.evaluator import Evaluator
from datapulse_tui.alerts.evaluation.lane import Desk, Lane
from datapulse_tui.alerts.evaluation.model import Finished, Held, Rule
from datapulse_tui.alerts.evaluation_health import evaluation_health
from datapulse_tui.alerts.history import recent
from datapulse_tui.alerts.machine import Condition
from datapulse_tui.alerts.rules import ErrorPolicy, Health, NoDataPolicy, ThresholdType
from datapulse_tui.alerts.service.rules_queries import query_changed
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.result import Result
from datapulse_tui.jobs.pacemaker import beat
from datapulse_tui.sources.adapters.base import SourceAway
from datapulse_tui.sources.pool import SourceHandle, Sources
from tests.alerts.evaluating import QUICK, evaluate
from tests.faults.support import World, make_world


@pytest.fixture
def world(owner_url: str) -> World:
    """A person, a source and metrics to move."""
    return make_world(owner_url)


async def test_from_breach_to_incident_and_back(world: World, evaluator: Evaluator) -> None:
    rule = world.rule(world.query("m"), labels=["label"])
    world.metric("m", ("a", 5), ("b", 15))
    await evaluate(evaluator, world)
    (incident,) = world.incidents()
    assert (incident.label, incident.status, incident.severity, incident.start_value) == (
        "b",
        "triggered",
        "critical",
        15,
    )
    assert incident.title.endswith(": label=b")
    assert incident.labels == {"label": "b"}
    assert incident.timer_at is not None
    assert world.states(rule) == {"a": "normal", "b": "firing"}
    assert world.one("SELECT status FROM alerts") == "triggered"
    assert world.one("SELECT count(*) FROM metric_samples") == 2
    assert world.one("SELECT user_id FROM alert_notifications") == world.owner
    assert world.health(rule).health == "ok"
    assert world.health(rule).lease_token is None

    world.metric("m", ("a", 5), ("b", 20))
    await evaluate(evaluator, world)
    assert [row.worst_value for row in world.incidents()] == [20]
    assert world.incidents()[0].version == 1, "a person who acknowledges now has seen the same incident"

    world.metric("m", ("a", 5), ("b", 1))
    await evaluate(evaluator, world)
    (incident,) = world.incidents()
    assert (incident.status, incident.reason, incident.last_value, incident.worst_value) == ("resolved", "clear", 1, 20)
    assert incident.timer_at is None
    assert world.one("SELECT status FROM alerts") == "resolved"
    assert [row.kind for row in world.execute("SELECT kind FROM incident_events ORDER BY id")] == [
        "fired", "held_back", "resolved",
    ]  # fmt: skip
    assert world.one("SELECT resolved_at IS NOT NULL FROM alert_notifications")
    actions = world.execute("SELECT action, actor FROM audit_logs ORDER BY seq")
    assert actions == [("incident.opened", "system:alerts"), ("incident.resolved", "system:alerts")]


async def test_a_query_is_run_once_for_all_its_rules(
    world: World, evaluator: Evaluator, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    run = sources.run

    async def noted(source: Any, sql: str, *values: Any, **more: Any) -> Any:
        asked.append(sql)
        return await run(source, sql, *values, **more)

    monkeypatch.setattr(sources, "run", noted)
    query = world.query("once", "SELECT value, 7 AS other FROM shop.metrics WHERE name = 'm'")
    world.metric("m", 15)
    rules = [world.rule(query, threshold=threshold) for threshold in (10, 20)] + [world.rule(query, metric="other")]
    await evaluate(evaluator, world)
    assert len(asked) == 1
    assert [world.states(rule)[""] for rule in rules] == ["firing", "normal", "normal"]
    assert world.one("SELECT count(*) FROM metric_samples") == world.one("SELECT count(*) FROM metric_series") == 2


async def test_a_query_sees_the_window_up_to_the_slot(world: World, evaluator: Evaluator) -> None:
    """`:from` and `:to` are the rule's own: two windows make two runs of the same text."""
    query = world.query("range", "SELECT extract(epoch FROM CAST(:to AS timestamptz) - :from) AS value")
    rules = [world.rule(query, threshold=600, window=window) for window in (300, 3600)]
    await evaluate(evaluator, world)
    assert [world.health(rule).health for rule in rules] == ["ok", "ok"]
    assert [world.states(rule)[""] for rule in rules] == ["normal", "firing"]


async def test_for_and_keep_firing_count_slots_not_evaluations(world: World, evaluator: Evaluator) -> None:
    rule = world.rule(world.query("m"), for_=120)
    world.metric("m", 15)
    await evaluate(evaluator, world)
    assert world.states(rule) == {"": "pending"}
    world.execute("UPDATE alert_series SET since = since - interval '2 minutes'")
    await evaluate(evaluator, world)
    assert world.states(rule) == {"": "firing"}


async def test_change_is_compared_with_the_samples_of_one_window_ago(world: World, evaluator: Evaluator) -> None:
    rule = world.rule(world.query("m"), type="change_percent", threshold=50, window=600)
    world.metric("m", 10)
    await evaluate(evaluator, world)
    assert (world.health(rule).health, world.incidents()) == ("no_data", [])
    assert "one window ago" in world.health(rule).health_reason
    world.execute("UPDATE metric_samples SET at = at - interval '10 minutes'")
    world.metric("m", 16)
    await evaluate(evaluator, world)
    assert world.health(rule).health == "ok"
    assert [row.start_value for row in world.incidents()] == [16]


async def test_what_a_query_brought_before_its_text_changed_is_not_compared_with(
    world: World, evaluator: Evaluator, data: Database
) -> None:
    query = world.query("m")
    rule = world.rule(query, type="change_percent", threshold=50, window=600)
    world.metric("m", 10)
    await evaluate(evaluator, world)
    world.execute("UPDATE metric_samples SET at = at - interval '10 minutes'")
    world.execute("UPDATE queries SET sql = 'SELECT 1000 AS value' WHERE id = %s", [query])
    async with data.transaction() as session:
        await query_changed(session, Actor(None, "system:test", everything=True), query)
    await evaluate(evaluator, world)
    assert world.incidents() == []
    assert "one window ago" in world.health(rule).health_reason
    series = world.one("SELECT id FROM metric_series")
    world.execute("UPDATE metric_samples SET at = now() + interval '1 second' WHERE value = 1000")
    async with data.reading() as session:
        assert await recent(session, [series]) == {series: (1000,)}
    assert world.one("SELECT count(*) FROM metric_samples") == 2, "the charts of what is over keep theirs"


async def test_a_failure_is_tried_three_times_and_then_the_owners(world: World, evaluator: Evaluator) -> None:
    rule = world.rule(world.query("bad", "SELECT value / 0 AS value FROM shop.metrics"), severity="critical")
    world.metric("m", 1)
    await evaluate(evaluator, world)
    (incident,) = world.incidents()
    assert (incident.kind, incident.severity, incident.series_id) == ("error", "warning", None)
    assert "division by zero" in incident.reason
    assert world.health(rule).health == "error"
    await evaluate(evaluator, world)
    assert len(world.incidents()) == 1
    world.execute("UPDATE queries SET sql = 'SELECT 1 AS value'")
    await evaluate(evaluator, world)
    assert [row.status for row in world.incidents()] == ["resolved"]
    assert (world.health(rule).health, world.health(rule).health_reason) == ("ok", None)


async def test_a_dead_host_is_found_out_once_for_all_its_queries_and_tried_again_at_the_next_slot(
    world: World, evaluator: Evaluator, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    run = sources.run

    async def noted(source: Any, sql: str, *values: Any, **more: Any) -> Any:
        asked.append(sql)
        return await run(source, sql, *values, **more)

    monkeypatch.setattr(sources, "run", noted)
    rules = [world.rule(world.query(f"q{at}", f"SELECT {at} AS value")) for at in range(40)]
    (good,) = world.execute("SELECT connection_config FROM data_sources WHERE id = %s", [world.source])
    dead = {"host": "127.0.0.1", "port": 1, "dbname": "shop", "user": "reader"}
    world.execute("UPDATE data_sources SET connection_config = %s WHERE id = %s", [json.dumps(dead), world.source])
    await evaluate(evaluator, world)
    first = QUICK.queries_at_once * (1 + len(QUICK.pauses))
    assert 3 <= len(asked) <= first, "those that ran when it was found out, and no other"
    assert {world.health(rule).health for rule in rules} == {"error"}
    assert len({world.health(rule).health_reason for rule in rules}) == 1
    assert "is not listening" in world.health(rules[0]).health_reason

    config = json.dumps(good.connection_config)
    world.execute("UPDATE data_sources SET connection_config = %s WHERE id = %s", [config, world.source])
    await evaluate(evaluator, world)
    assert {world.health(rule).health for rule in rules} == {"ok"}


async def test_a_source_that_was_away_is_asked_for_slots_that_came_due_since() -> None:
    """In one lane, which goes on while the second slot comes due."""
    handle = SourceHandle(uuid4(), "shop", "postgresql", {})
    answers = {"early": SourceAway("The source is not there."), "late": Result((), ())}
    found: dict[str, str] = {}

    async def run(source: Any, sql: str, *values: Any, **more: Any) -> Result:
        if isinstance(answers[sql], SourceAway):
            raise answers[sql]
        return answers[sql]

    def batch(sql: str, slot: datetime) -> Claim:
        condition = Condition(ThresholdType.ABOVE, 1)
        query, policies = uuid4(), (NoDataPolicy.NO_DATA, ErrorPolicy.ERROR)
        rule = Rule(uuid4(), 1, uuid4(), query, "value", (), condition, 60, 0, *policies)
        held = Held(rule, slot, slot, slot + timedelta(minutes=1), 0, 1, Health.OK, "")
        return Claim(handle, [held], {query: sql}, {rule.owner_id: Owner(rule.owner_id)})

    batches = [("early", -1), ("early", -2), ("late", 60)]

    async def claim_next(source: UUID | None) -> Claim | None:
        await asyncio.sleep(0.1)
        if not batches:
            return None
        sql, seconds = batches.pop(0)
        return batch(sql, datetime.now(UTC) + timedelta(seconds=seconds))

    async def write(finished: Sequence[Finished]) -> None:
        found.update({str(len(found) + at): one.reading.problem for at, one in enumerate(finished)})

    async def nothing(rules: Sequence[UUID]) -> None: ...

    sources = SimpleNamespace(run=run)
    lane = Lane(handle.id, Desk(sources, QUICK, claim_next, write, nothing, nothing))  # type: ignore[arg-type]
    await lane.run()
    away, also_away, asked = found.values()
    assert away == also_away == "The source is not there."
    assert "no column" in asked


async def test_a_rule_of_somebody_who_left_stands_as_error_and_admins_are_told(
    world: World, evaluator: Evaluator
) -> None:
    leaver, admin = (
        world.one(
            "INSERT INTO users (email, name, password, role, status) VALUES (%s, %s, '!', %s, %s) RETURNING id",
            [f"{name.lower()}@example.org", name, role, status],
        )
        for name, role, status in (("Leo", "ops_manager", "inactive"), ("Ada", "admin", "active"))
    )
    rule = world.rule(world.query("m"), owner=leaver, error="keep_last")
    world.metric("m", 50)
    await evaluate(evaluator, world)
    assert world.health(rule).health == "error"
    assert "Leo, is not active" in world.health(rule).health_reason
    (incident,) = world.incidents()
    assert incident.kind == "error"
    told = {row.user_id for row in world.execute("SELECT user_id FROM alert_notifications")}
    assert told == {world.owner, admin}
    assert world.one("SELECT count(*) FROM metric_samples") == 0


async def test_a_rule_needs_its_owners_grant(world: World, evaluator: Evaluator) -> None:
    olga = world.one(
        "INSERT INTO users (email, name, password, role, status) "
        "VALUES ('olga@example.org', 'Olga', '!', 'ops_manager', 'active') RETURNING id"
    )
    rule = world.rule(world.query("m"), owner=olga)
    world.metric("m", 50)
    await evaluate(evaluator, world)
    assert "a grant for the source" in world.health(rule).health_reason
    world.execute("INSERT INTO data_source_grants (data_source_id, user_id) VALUES (%s, %s)", [world.source, olga])
    await evaluate(evaluator, world)
    assert world.health(rule).health == "ok"
    assert [(row.kind, row.status) for row in world.incidents()] == [("error", "resolved"), ("threshold", "triggered")]


async def test_a_query_without_a_source_is_an_error(world: World, data: Database, evaluator: Evaluator) -> None:
    rule = world.rule(world.query("m"))
    world.execute("UPDATE queries SET data_source_id = NULL")
    async with data.reading() as session:
        assert (await due(session)).sources == (None,)
    world.due()
    await evaluator.evaluate(None)
    await evaluator.idle()
    assert "no source" in world.health(rule).health_reason


async def test_missed_slots_are_skipped_and_said(world: World, evaluator: Evaluator) -> None:
    rule = world.rule(world.query("m"), interval=60)
    world.metric("m", 1)
    await evaluate(evaluator, world)
    world.execute("UPDATE alert_evaluations SET next_at = next_at - interval '11 minutes'")
    await evaluator.evaluate(world.source)
    await evaluator.idle()
    health = world.health(rule)
    assert health.skipped_slots == 10
    assert health.skipped_at is not None
    assert "10 evaluations were skipped" in health.health_reason
    assert health.next_at > health.last_at
    assert world.one("SELECT count(*) FROM metric_samples") == 2


async def test_the_pacemaker_queues_one_job_a_source(world: World, data: Database) -> None:
    world.rule(world.query("m"))
    world.rule(world.query("n"))
    for _ in range(2):
        found = await beat(data)
    assert found.sources == (world.source,)
    jobs = world.execute("SELECT task_name, queue_name, queueing_lock, args FROM procrastinate_jobs")
    assert [(row.task_name, row.queue_name, row.args) for row in jobs] == [
        ("alerts:evaluate", "alerts", {"source": str(world.source)})
    ]
    assert jobs[0].queueing_lock == f"alerts:evaluate:{world.source}"


async def test_rules_come_back_after_the_clock_was_put_back(world: World, data: Database) -> None:
    near, far = world.rule(world.query("m")), world.rule(world.query("n"))
    world.execute("UPDATE alert_evaluations SET next_at = now() + interval '59 s' WHERE alert_id = %s", [near])
    world.execute("UPDATE alert_evaluations SET next_at = now() + interval '1 day' WHERE alert_id = %s", [far])
    async with data.transaction() as session:
        assert await bring_back(session) == 1
    async with data.reading() as session:
        found = await due(session)
    assert found.sources == (world.source,)
    assert found.next_in is not None
    assert 50 < found.next_in <= 59


async def test_health_tells_how_evaluation_keeps_up(world: World, data: Database, evaluator: Evaluator) -> None:
    rules = [world.rule(world.query(f"q{number}", "SELECT 1 AS value"), interval=10) for number in range(20)]
    await evaluate(evaluator, world)
    world.due(rules[0], ago=30)
    async with data.reading() as session:
        health = await evaluation_health(session)
    assert (health.rules, health.overdue, health.per_second, health.failing) == (20, 1, 2.0, 0)
    assert 30 <= health.lag_seconds < 40


async def test_more_series_than_allowed_is_an_error_that_says_so(world: World, evaluator: Evaluator) -> None:
    rule = world.rule(
        world.query("m", "SELECT n AS host, n AS value FROM generate_series(1, 100001) n"), labels=["host"]
    )
    await evaluate(evaluator, world)
    assert "more than 100,000 rows" in world.health(rule).health_reason
    assert json.dumps(world.states(rule)) == "{}"
