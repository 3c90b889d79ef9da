"""Two workers on one database, one of them killed at any moment: every transition happens, and happens once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from uuid import UUID

import pytest

from tests.faults.replay import Watched, compare
from tests.faults.support import World, make_world
from tests.faults.workers import at_rest, first_sample, workers

QUERIES = 12
LABELS = ("a", "b", "c")
SHAPES = (Watched(10, 0, 0), Watched(10, 2, 0), Watched(10, 0, 2))


def flipping_rules(world: World) -> dict[UUID, Watched]:
    """Rules that are due every second, on metrics with three series each; queries take long enough to be killed in."""
    world.execute("ALTER TABLE alerts DROP CONSTRAINT alerts_interval_seconds_check")
    world.execute("GRANT EXECUTE ON FUNCTION pg_sleep(float8) TO public")
    rules: dict[UUID, Watched] = {}
    for number in range(QUERIES):
        name = f"m{number}"
        world.metric(name, *((label, 0.0) for label in LABELS))
        pause = 0.05 * (number % 3)
        sql = f"SELECT label, value FROM shop.metrics WHERE name = '{name}' AND pg_sleep({pause}) IS NOT NULL"
        query = world.query(name, sql)
        for shape in SHAPES:
            times = {"for_": shape.for_, "keep": shape.keep, "interval": 1}
            # An error here is a database that is away; what counts is what is made of the values.
            rule = world.rule(query, labels=["label"], threshold=shape.threshold, error="keep_last", **times)
            rules[rule] = shape
    return rules


def flip(world: World) -> None:
    """Move some metrics, in one transaction."""
    world.execute("UPDATE shop.metrics SET value = CASE WHEN random() < 0.5 THEN 5 ELSE 15 END WHERE random() < 0.3")


async def kill_and_compare(owner_url: str, database_url: str, home: Path, rounds: int) -> tuple[int, int]:
    """Flip and kill for so many rounds, let the workers come to rest, and compare; (transitions, samples)."""
    world = make_world(owner_url, allowed_functions=["pg_sleep"])
    rules = flipping_rules(world)
    with workers(database_url, home) as crew:
        crew.start()
        crew.start()
        await asyncio.to_thread(first_sample, world)
        for _ in range(rounds):
            before = world.one("SELECT count(*) FROM metric_samples")
            # A worker takes a while to start: kills are to hit one at work.
            while world.one("SELECT count(*) FROM metric_samples") < before + len(LABELS) * QUERIES:
                await asyncio.to_thread(flip, world)
                await asyncio.sleep(random.uniform(0, 0.25))
            crew.kill()
            crew.start()
        await asyncio.to_thread(at_rest, world)
        crew.stop()
    transitions = await asyncio.to_thread(compare, world, rules)
    return transitions, world.one("SELECT count(*) FROM metric_samples")


async def test_every_transition_once(owner_url: str, database_url: str, home: Path) -> None:
    transitions, samples = await kill_and_compare(owner_url, database_url, home, 5)
    assert transitions > 20
    assert samples > QUERIES * len(LABELS) * 3


@pytest.mark.soak
async def test_every_transition_once_for_long(owner_url: str, database_url: str, home: Path) -> None:
    transitions, samples = await kill_and_compare(owner_url, database_url, home, 200)
    print(f"{transitions:,} transitions in {samples:,} samples, 200 workers killed")
