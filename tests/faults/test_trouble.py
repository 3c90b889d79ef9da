"""A source that hangs, a database that is restarted: what they take along, and what goes on afterwards."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from datapulse_tui.data import embedded, migrate
from datapulse_tui.data.embedded import EmbeddedServer
from tests.faults.replay import compare
from tests.faults.support import World, another_source, make_world
from tests.faults.test_workers_killed import flip, flipping_rules
from tests.faults.workers import at_rest, first_sample, workers
from tests.jobs.support import until


async def test_a_source_that_hangs_takes_only_its_own_rules_along(
    owner_url: str, database_url: str, home: Path
) -> None:
    world = make_world(owner_url)
    world.execute("ALTER TABLE alerts DROP CONSTRAINT alerts_interval_seconds_check")
    hanging = another_source(world, "hanging", allowed_functions=["pg_sleep"])
    stuck = [
        world.rule(world.query(f"stuck {number}", f"SELECT {number} AS value FROM pg_sleep(60)", hanging), interval=1)
        for number in range(8)
    ]
    world.metric("m", 5)
    good = [world.rule(world.query(f"good {number}", "SELECT 1 AS value"), interval=2) for number in range(20)]
    new = "SELECT count(*) FROM alert_evaluations WHERE alert_id = ANY(%s) AND last_at IS NULL"
    with workers(database_url, home) as crew:
        crew.start()
        await until_none(world, new, good)
        soon = world.one("SELECT now() + interval '3 s'")
        await until_none(
            world, f"SELECT count(*) FROM alert_evaluations WHERE alert_id = ANY(%s) AND last_at < '{soon}'", good
        )
        leased = "SELECT count(*) FROM alert_evaluations WHERE alert_id = ANY(%s) AND lease_until > now()"
        assert world.one(leased, [stuck]) == 8
        began = time.monotonic()
        await asyncio.to_thread(crew.stop)
        assert time.monotonic() - began < 30, "a hanging query is waited for at the end"
    assert world.one("SELECT count(lease_token) FROM alert_evaluations") == 0, "leases were not given back"
    assert world.one("SELECT count(*) FROM alert_incidents") == 0


async def until_none(world: World, count: str, rules: list[UUID]) -> None:
    """Wait until `count` says 0 of these rules."""

    async def none() -> bool:
        return not await asyncio.to_thread(world.one, count, [rules])

    await until(none, 30)


@pytest.fixture
def own_server(home: Path) -> Iterator[EmbeddedServer]:
    """A server of this test's own, which may be restarted."""
    server = embedded.start(home)
    migrate.upgrade(server.owner_url)
    yield server
    server.release()
    embedded.erase(home)


async def test_the_database_is_restarted_in_the_middle(own_server: EmbeddedServer, home: Path) -> None:
    world = make_world(own_server.owner_url, allowed_functions=["pg_sleep"])
    rules = flipping_rules(world)
    with workers(own_server.app_url, home) as crew:
        crew.start()
        crew.start()
        await asyncio.to_thread(first_sample, world)
        for _ in range(2):
            for _ in range(10):
                await asyncio.to_thread(flip, world)
                await asyncio.sleep(random.uniform(0, 0.2))
            pid = embedded.status(home).pid
            assert pid is not None
            os.kill(pid, signal.SIGQUIT)  # at once, as in a crash
            await asyncio.to_thread(back_again, own_server)
        await asyncio.to_thread(at_rest, world)
        crew.stop()
    assert await asyncio.to_thread(compare, world, rules) > 5


def back_again(server: EmbeddedServer) -> None:
    """Wait until the server is down, and start it again."""
    for _ in range(200):
        try:
            server.ensure()
            with psycopg.connect(server.superuser_url.replace("+psycopg", ""), connect_timeout=1) as connection:
                connection.execute("SELECT 1")
            return
        except (psycopg.Error, OSError):
            time.sleep(0.05)
    raise AssertionError("the server does not come back")
