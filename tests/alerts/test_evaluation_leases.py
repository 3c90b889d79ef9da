"""Evaluators beside one another, edits meanwhile, and what is written when something is in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from datapulse_tui.alerts.evaluation.claim import claim
from datapulse_tui.alerts.evaluation.definitions import RuleCache
from datapulse_tui.alerts.evaluation.due import due
from datapulse_tui.alerts.evaluation.evaluator import Evaluator
from datapulse_tui.alerts.evaluation.model import Finished, Limits
from datapulse_tui.data.database import Database
from datapulse_tui.sources.pool import Sources
from tests.alerts.evaluating import QUICK, evaluate
from tests.databases import dsn
from tests.faults.support import World, another_source, make_world


@pytest.fixture
def world(owner_url: str) -> World:
    """A person, a source and metrics to move."""
    return make_world(owner_url)


async def test_an_edit_meanwhile_drops_what_was_found(world: World, data: Database, sources: Sources) -> None:
    rule = world.rule(world.query("m"))
    world.metric("m", 15)
    held = Evaluator(data, sources, QUICK)
    written = held._desk.write

    async def edited_before_writing(finished: Any) -> None:
        world.execute("UPDATE alert_evaluations SET condition_version = 2")
        await written(finished)

    object.__setattr__(held._desk, "write", edited_before_writing)
    world.due()
    await held.evaluate(world.source)
    await held.idle()
    assert (world.incidents(), world.states(rule)) == ([], {})
    assert world.one("SELECT count(*) FROM metric_samples") == 0
    await held.close()


async def test_a_lease_keeps_others_away_and_runs_out(world: World, data: Database) -> None:
    world.rule(world.query("m"))
    mine, theirs = uuid4(), uuid4()
    limits = Limits(lease=0.2)
    async with data.transaction() as session:
        found = await claim(session, world.source, mine, limits, RuleCache())
    assert found is not None
    async with data.transaction() as session:
        assert await claim(session, world.source, theirs, limits, RuleCache()) is None
        assert (await due(session)).sources == ()
    await asyncio.sleep(0.25)
    async with data.transaction() as session:
        assert await claim(session, world.source, theirs, limits, RuleCache()) is not None


async def test_whoever_lost_the_lease_writes_nothing(world: World, data: Database, sources: Sources) -> None:
    """Two evaluators hold the same slot, because the first one's lease ran out while its query ran."""
    slow = another_source(world, "slow", allowed_functions=["pg_sleep"])
    rule = world.rule(world.query("m", "SELECT 15 AS value FROM pg_sleep(0.5)", slow))
    first, second = (Evaluator(data, sources, Limits(lease=0.2, renew=60)) for _ in range(2))
    began = asyncio.create_task(first.evaluate(slow))
    await asyncio.sleep(0.3)
    await second.evaluate(slow)
    await began
    await asyncio.gather(first.idle(), second.idle())
    assert len(world.incidents()) == 1
    assert world.one("SELECT count(*) FROM incident_events WHERE kind = 'fired'") == 1
    assert world.health(rule).next_at - world.health(rule).last_at < timedelta(seconds=61)
    await asyncio.gather(first.close(), second.close())


async def test_one_rule_that_cannot_be_written_harms_no_other(world: World, evaluator: Evaluator) -> None:
    world.metric("m", 15)
    query = world.query("m")
    good = world.rule(query)
    bad = world.rule(query, name="bad")
    world.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.title LIKE 'bad%' AND NEW.kind = 'threshold' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$"
    )
    world.execute("CREATE TRIGGER refuse BEFORE INSERT ON alert_incidents FOR EACH ROW EXECUTE FUNCTION refuse()")
    await evaluate(evaluator, world)
    assert [row.kind for row in world.incidents(good)] == ["threshold"]
    assert [row.kind for row in world.incidents(bad)] == ["error"]
    assert "inside DataPulse" in world.health(bad).health_reason


async def test_stopping_gives_back_what_is_not_done(world: World, data: Database, sources: Sources) -> None:
    slow = another_source(world, "slow", allowed_functions=["pg_sleep"])
    world.rule(world.query("m", "SELECT 1 AS value FROM pg_sleep(60)", slow))
    made = Evaluator(data, sources, Limits(job_wait=0.3, stop_wait=0.2))
    await made.evaluate(slow)
    async with asyncio.timeout(30):
        while world.one("SELECT count(lease_token) FROM alert_evaluations") != 1:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.02)
    await made.close()
    assert world.one("SELECT count(lease_token) FROM alert_evaluations") == 0
    assert world.one("SELECT count(*) FROM alert_evaluations WHERE next_at <= now()") == 1


async def test_what_ends_together_is_written_in_batches_each_rule_once(
    world: World, data: Database, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = world.query("m")
    for _ in range(25):
        world.rule(query)
    world.metric("m", 15)
    batches: list[int] = []
    made = Evaluator(data, sources, Limits(flush_rules=10))
    write = made._write

    async def noted(finished: Sequence[Finished]) -> None:
        batches.append(len(finished))
        await write(finished)

    monkeypatch.setattr(made, "_desk", replace(made._desk, write=noted))
    await evaluate(made, world)
    await made.close()
    assert sorted(batches) == [5, 10, 10]
    assert world.one("SELECT count(DISTINCT alert_id) FROM alert_incidents") == len(world.incidents()) == 25
    assert world.one("SELECT count(*) FROM metric_samples") == 1, "one series, however many batches its rules are in"


async def test_a_series_that_was_forgotten_meanwhile_is_written_again(
    world: World, data: Database, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = world.rule(world.query("m"), labels=["label"])
    world.metric("m", ("a", 1))
    await evaluate(evaluator, world)
    world.metric("m", ("a", 15), ("b", 15))
    write = evaluator._write

    async def forgotten(finished: Sequence[Finished]) -> None:
        world.execute("DELETE FROM alert_series")  # between the claim and the writing
        await write(finished)

    monkeypatch.setattr(evaluator, "_desk", replace(evaluator._desk, write=forgotten))
    await evaluate(evaluator, world)
    assert world.states(rule) == {"a": "firing", "b": "firing"}


async def test_deadlocks_and_lost_series_are_tried_again(world: World, evaluator: Evaluator) -> None:
    rule = world.rule(world.query("m"))
    world.metric("m", 1)
    await evaluate(evaluator, world)
    world.execute("DELETE FROM metric_series")  # the cache still knows its id
    world.metric("m", 15)
    await evaluate(evaluator, world)
    assert world.states(rule) == {"": "firing"}


async def test_an_edit_and_an_evaluation_wait_for_each_other(
    world: World, evaluator: Evaluator, owner_url: str
) -> None:
    """Whoever edits locks the rule first and its evaluation then, as the evaluation does: no deadlock."""
    rule = world.rule(world.query("m"))
    world.metric("m", 15)
    world.due()
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("SELECT FROM alerts WHERE id = %s FOR UPDATE", [rule])
        task = asyncio.create_task(evaluator.evaluate(world.source))
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        async with asyncio.timeout(5):
            while not await asyncio.to_thread(world.one, waits):  # noqa: ASYNC110  (nobody tells us)
                await asyncio.sleep(0.02)
        connection.execute("UPDATE alert_evaluations SET condition_version = 2 WHERE alert_id = %s", [rule])
    await task
    await evaluator.idle()
    assert world.incidents() == []
