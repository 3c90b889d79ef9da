"""Pictures of the health screen at the two sizes that matter; look at the report when one changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.jobs.reads import FailedJob
from datapulse_tui.operations.health.parts import Fact, Part, State, Table
from datapulse_tui.tui import watch
from datapulse_tui.tui.desk_health import Health, HealthDesk
from datapulse_tui.tui.screens.admin.health import HealthScreen
from datapulse_tui.tui.screens.confirm import MessageScreen
from tests.tui.conftest import ANA, HOSTILE, NOW, World, at_rest, hold_status, opening_on, see, until
from tests.tui.inbox_world import sql

SIZES = [(80, 24), (120, 40)]
Steps = Callable[[Pilot[Any]], Awaitable[None]]
BEAT = NOW - timedelta(seconds=4)
TASK = Table("By task", ("task", "queue", "due", "waits (s)"), (("notify:drain", "deliveries", 3, 97.0),))
WORKER = ("7", "4242@ops-1", "0.1.0", BEAT, 312, "alerts:evaluate (job 1201)")
WORKERS = Table("Workers", ("worker", "process", "version", "beat", "done in 5 min", "does"), (WORKER,))
FACTS = (Fact("alive", 1), Fact("last beat", BEAT), Fact("a minute", 62.4))
HEALTH = Health(
    (
        Part("workers", "Workers", State.GOOD, "1 worker", FACTS, (WORKERS,)),
        Part("queues", "Queues", State.WARNING, "3 jobs due, the first for 95 s", (Fact("due", 3),), (TASK,)),
        Part("jobs", "Failed jobs", State.WARNING, "2 jobs stand as failed"),
        Part("deliveries", "Deliveries", State.UNKNOWN, "could not be read: no answer within 10 s"),
        Part("database", "Database", State.BAD, "the schema does not fit this program (`datapulse db upgrade`)"),
        Part("versions", "Versions", State.GOOD, "DataPulse 0.1.0 on PostgreSQL 18.4"),
    ),
    (
        FailedJob(1198, "alerts:evaluate", "alerts", 1, NOW - timedelta(minutes=9), f"ValueError: {HOSTILE}"),
        FailedJob(1042, "notify:drain", "deliveries", 5, NOW - timedelta(days=2), ""),
    ),
    more=False,
)


@pytest.fixture
def standing(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Ana manages operations, and everything stands as it always does."""

    async def health(*_: object) -> Health:
        return HEALTH

    monkeypatch.setattr(watch, "WORKER_LOOKS", ())
    monkeypatch.setattr(HealthDesk, "health", health)
    asyncio.run(sql(world, "UPDATE users SET role = 'ops_manager' WHERE email = :ana", ana=ANA))
    return world


async def at_list(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, HealthScreen))
    await see(pilot, "Versions")
    await at_rest(pilot)
    await pilot.press("down")
    hold_status(pilot.app)


async def at_job(pilot: Pilot[Any]) -> None:
    await at_list(pilot)
    await pilot.press(*["down"] * 5, "space")


async def at_detail(pilot: Pilot[Any]) -> None:
    await at_list(pilot)
    await pilot.press("up", "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, MessageScreen))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("steps", [at_list, at_job, at_detail], ids=["list", "job", "detail"])
def test_health(standing: World, snap_compare: Any, steps: Steps, size: tuple[int, int]) -> None:
    app = opening_on(standing.desk(as_email=ANA), HealthScreen)
    assert snap_compare(app, run_before=steps, terminal_size=size)
