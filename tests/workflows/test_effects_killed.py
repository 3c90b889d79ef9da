"""Workers that are killed between a decision and its effect: the effect happens, and happens once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from datapulse_tui.dashboards import reads
from datapulse_tui.data.database import Database
from tests.databases import dsn
from tests.faults.workers import Workers, workers
from tests.jobs.conftest import nothing_regular_is_due
from tests.jobs.support import until
from tests.workflows.effects_world import World

__all__ = ["nothing_regular_is_due"]

WHY = {"reason": "for the review"}
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER INSERT ON dashboard_shares FOR EACH ROW EXECUTE FUNCTION slow();
"""


@pytest.fixture
def world(data: Database) -> World:
    return World(data)


@asynccontextmanager
async def in_the_way(world: World) -> AsyncIterator[None]:
    """Hold every dashboard, so that an effect that shares one stops in its middle."""
    async with world.data.transaction() as session:
        await session.execute(text("SELECT 1 FROM dashboards FOR UPDATE"))
        yield


async def stuck(world: World) -> bool:
    """Whether a worker stands in the middle of an effect."""
    return bool(
        await world.one(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%dashboards%' "
            "AND datname = current_database() AND pid <> pg_backend_pid()"
        )
    )


async def all_done(world: World) -> bool:
    return not await world.rows("SELECT 1 FROM workflows WHERE effect_state = 'waiting'")


async def exactly_once(world: World, number: int) -> None:
    """Every effect has happened, and left one of everything."""
    assert (
        await world.one("SELECT count(*) FROM workflows WHERE status = 'completed' AND effect_state = 'done'") == number
    )
    assert await world.one("SELECT count(*) FROM workflow_events WHERE kind = 'effect_done'") == number
    assert await world.one("SELECT count(DISTINCT workflow_id) FROM workflow_events") == number
    assert await world.one("SELECT count(*) FROM dashboard_shares") == number
    assert len(await world.audited("dashboard.shared")) == number
    assert len(await world.audited("workflow.effect_done")) == number
    assert await world.one("SELECT count(*) FROM deliveries WHERE kind = 'message'") == number


async def approved(world: World, number: int) -> None:
    """So many requests for dashboards, approved, with nobody told yet to carry them out."""
    await world.rows("INSERT INTO notification_channels (name, type, is_default) VALUES ('mail', 'email', true)")
    ana, olga = await world.person("ana", "analyst"), await world.person("olga", "analyst")
    for each in range(number):
        await world.dashboard(olga, f"Orders {each}")
        await world.approved("dashboard_access", ana, olga, dashboard=f"Orders {each}", **WHY)


async def test_a_worker_killed_in_the_middle_of_an_effect(world: World, database_url: str, home: Path) -> None:
    await approved(world, 1)
    with workers(database_url, home) as crew:
        async with in_the_way(world):
            crew.start()
            await until(lambda: stuck(world), 30)
            crew.kill()
        assert await world.rows("SELECT 1 FROM dashboard_shares") == []
        assert (await world.rows("SELECT effect_state, effect_attempts FROM workflows"))[0] == ("waiting", 0)
        crew.start()
        await until(lambda: all_done(world), 30)
        crew.stop()
    await exactly_once(world, 1)
    (row,) = await world.rows("SELECT requester_id, (SELECT id FROM dashboards) AS dashboard FROM workflows")
    ana = await world.actor(row.requester_id)
    async with world.data.reading() as session:
        assert (await reads.get_dashboard(session, ana, row.dashboard)).name == "Orders 0"


async def kill_at_any_moment(world: World, crew: Workers, rounds: int, number: int) -> None:
    """Effects last a while, so that most workers die in the middle of one."""
    await approved(world, number)
    crew.start()
    crew.start()
    for _ in range(rounds):
        await asyncio.sleep(random.uniform(0.2, 1.5))
        crew.kill()
        crew.start()
    await until(lambda: all_done(world), 60)
    crew.stop()
    await exactly_once(world, number)


@pytest.mark.soak
async def test_workers_killed_at_any_moment(world: World, database_url: str, owner_url: str, home: Path) -> None:
    with psycopg.connect(dsn(owner_url), autocommit=True) as owner:
        owner.execute(SLOW)
    with workers(database_url, home) as crew:
        await kill_at_any_moment(world, crew, rounds=60, number=300)
