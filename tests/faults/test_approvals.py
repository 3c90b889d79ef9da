"""From an approval to its effect, with workers killed at every step: one decision, one effect, one of everything."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from datapulse_tui.data.database import Database
from datapulse_tui.workflows.service import decisions, requests
from tests.databases import dsn
from tests.faults.workers import Workers, workers
from tests.jobs.conftest import nothing_regular_is_due
from tests.jobs.support import until
from tests.workflows.effects_world import World

__all__ = ["nothing_regular_is_due"]

OVER = "UPDATE workflows SET final_at = now(), timer_at = now() WHERE final_at IS NOT NULL"
STUCK = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO workflow_events%' AND datname = current_database()
"""
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER INSERT ON workflow_events FOR EACH ROW EXECUTE FUNCTION slow();
"""


@pytest.fixture
def world(data: Database, home: object) -> World:
    return World(data)


async def approved(world: World, number: int) -> list[UUID]:
    """So many requests for roles that an administrator has just approved: nothing is final yet."""
    await world.rows("INSERT INTO notification_channels (name, type, is_default) VALUES ('mail', 'email', true)")
    bea, ada = await world.person("bea"), await world.person("ada", "admin")
    made = []
    for each in range(number):
        await world.role(f"role {each}")
        async with world.data.transaction() as session:
            fields = {"role": f"role {each}", "reason": "to be killed for"}
            made.append(await requests.create(session, bea, "role_grant", fields))
    async with world.data.transaction() as session:
        assert all(each.done for each in await decisions.approve(session, ada, [(each, 1) for each in made]))
    await world.rows("DELETE FROM deliveries")  # of the requests: what is counted is what comes of them
    return made


@asynccontextmanager
async def held(url: str, statement: str) -> AsyncIterator[None]:
    """Hold what `statement` locks."""
    connection = await psycopg.AsyncConnection.connect(dsn(url))
    try:
        await connection.execute(statement.encode())
        yield
    finally:
        await connection.close()


async def stands_at(world: World) -> tuple[str, str, int]:
    """Status and effect of the only request, and how many roles were given."""
    (row,) = await world.rows("SELECT status, effect_state, (SELECT count(*) FROM user_roles) FROM workflows")
    return row[0], row[1], row[2]


async def exactly_once(world: World, number: int) -> None:
    """Each of them is decided and carried out, and left one of everything."""
    assert (
        await world.one("SELECT count(*) FROM workflows WHERE status = 'completed' AND effect_state = 'done'") == number
    )
    for kind in ("decided", "effect_done"):
        rows = await world.rows(
            "SELECT count(*) FROM workflow_events WHERE kind = :kind GROUP BY workflow_id", kind=kind
        )
        assert [row[0] for row in rows] == [1] * number
    for action in ("workflow.approved", "workflow.effect_done", "user.role_assigned"):
        assert len(await world.audited(action)) == number, action
    assert await world.one("SELECT count(*) FROM user_roles") == number
    assert await world.one("SELECT count(*) FROM deliveries WHERE address = 'bea@example.org'") == 2 * number


async def test_a_worker_killed_at_each_step(world: World, database_url: str, owner_url: str, home: Path) -> None:
    await approved(world, 1)
    await world.rows(OVER)

    async def stuck() -> bool:
        return bool(await world.one(STUCK))

    async def decided() -> bool:
        return (await stands_at(world))[0] == "approved"

    async def done() -> bool:
        return (await stands_at(world))[1] == "done"

    nothing_written = "LOCK TABLE workflow_events IN SHARE ROW EXCLUSIVE MODE"
    with workers(database_url, home) as crew:
        async with held(owner_url, nothing_written):
            crew.start()
            await until(stuck, 60)
            crew.kill()  # in the middle of deciding
            assert await stands_at(world) == ("pending", "none", 0)
        # Effects pass over a request that somebody holds, and decisions do not mind.
        async with held(owner_url, "SELECT 1 FROM workflows FOR KEY SHARE"):
            crew.start()
            await until(decided, 60)
            crew.kill()  # between the decision and its effect
        assert await stands_at(world) == ("approved", "waiting", 0)
        async with held(owner_url, nothing_written):
            crew.start()
            await until(stuck, 60)
            crew.kill()  # in the middle of the effect, whose role is given and not committed
            assert await stands_at(world) == ("approved", "waiting", 0)
        crew.start()
        await until(done, 60)
        crew.stop()
    await exactly_once(world, 1)


async def kill_at_any_moment(world: World, crew: Workers, rounds: int, number: int) -> None:
    """Let decisions become final a few at a time, while workers die."""
    made = await approved(world, number)
    crew.start()
    crew.start()
    for _ in range(rounds):
        some = random.sample(made, min(len(made), -(-number // rounds) * 2))
        await world.rows(f"{OVER} AND id = ANY(CAST(:ids AS uuid[]))", ids=some)
        await asyncio.sleep(random.uniform(0.2, 1.5))
        crew.kill()
        crew.start()
    await world.rows(OVER)
    await until(lambda: all_done(world), 120)
    crew.stop()
    await exactly_once(world, number)


async def all_done(world: World) -> bool:
    return not await world.rows("SELECT 1 FROM workflows WHERE status <> 'completed'")


@pytest.mark.soak
async def test_workers_killed_at_any_moment(world: World, database_url: str, owner_url: str, home: Path) -> None:
    with psycopg.connect(dsn(owner_url), autocommit=True) as owner:
        owner.execute(SLOW)
    with workers(database_url, home) as crew:
        await kill_at_any_moment(world, crew, rounds=60, number=300)
