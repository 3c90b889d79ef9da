"""The health screen: verdicts, the detail, failed jobs that run again, and who may."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.jobs import failures
from datapulse_tui.tui.screens.admin.health import HealthScreen
from datapulse_tui.tui.screens.admin.people import PeopleScreen
from datapulse_tui.tui.screens.channels.channels import ChannelsScreen
from datapulse_tui.tui.screens.confirm import ConfirmScreen, MessageScreen
from datapulse_tui.tui.widgets.sections import SectionList
from tests.tui.conftest import ANA, HOSTILE, World, opening_on, screen_text, see, see_all_read, until
from tests.tui.inbox_world import desk, sql


async def put_failed(world: World, number: int) -> None:
    """So many jobs that failed, of one task."""
    await sql(
        world,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts, args) "
        "SELECT 'default', 'alerts:evaluate', 'failed', 1, jsonb_build_object(CAST(:key AS text), CAST(:why AS text)) "
        "FROM generate_series(1, :number)",
        key=failures.KEY,
        why=f"ValueError: {HOSTILE}",
        number=number,
    )


@pytest.fixture
def troubled(world: World) -> World:
    """Ana manages operations, and three jobs failed."""

    async def prepare() -> None:
        await sql(world, "UPDATE users SET role = 'ops_manager' WHERE email = :ana", ana=ANA)
        await put_failed(world, 3)

    asyncio.run(prepare())
    return world


async def go_to(pilot: Pilot[Any]) -> HealthScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, HealthScreen))
    await see(pilot, "Versions")
    screen = pilot.app.screen
    assert isinstance(screen, HealthScreen)
    return screen


async def to_first_job(pilot: Pilot[Any]) -> None:
    await pilot.press(*["down"] * 9)
    await until(pilot, lambda: pilot.app.screen.query_one(SectionList).key.startswith("job:"))


async def test_an_ops_manager_sees_this_tab_alone_and_what_is_wrong(troubled: World) -> None:
    app = opening_on(desk(troubled, ANA), HealthScreen)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await go_to(pilot)
        words = screen_text(app)
        assert "People" not in words
        assert "Audit" not in words
        assert "✗ Workers" in words
        assert "3 jobs stand as failed" in words
        assert "no worker runs" in words
        await pilot.press("down", "down", "down", "down", "down", "down", "down")
        await see(pilot, "Largest tables")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MessageScreen))


async def test_who_may_only_look_is_told_what_running_again_needs(troubled: World) -> None:
    app = opening_on(desk(troubled, ANA), HealthScreen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await go_to(pilot)
        await pilot.press("r")
        await see(pilot, "No failed job is selected.")
        await to_first_job(pilot)
        await pilot.press("r")
        await see(pilot, "This needs the permission")
        await pilot.press("enter")
        await see(pilot, "disk [/dev/sda1] full [/]")
    assert await standing(troubled) == {"failed": 3}


async def standing(world: World) -> dict[str, int]:
    rows = await sql(world, "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1")
    return {row[0]: row[1] for row in rows}


@pytest.fixture
def managed(troubled: World) -> World:
    """Ana is an admin."""
    asyncio.run(sql(troubled, "UPDATE users SET role = 'admin' WHERE email = :ana", ana=ANA))
    return troubled


async def go_as_admin(pilot: Pilot[Any]) -> None:
    """From the first tab of Admin around the end to the last."""
    await until(pilot, lambda: pilot.app.person is not None)
    await pilot.press("8")
    await until(pilot, lambda: isinstance(pilot.app.screen, PeopleScreen))
    await pilot.press("left")
    await until(pilot, lambda: isinstance(pilot.app.screen, HealthScreen))
    await see(pilot, "Versions")


async def test_failed_jobs_run_again_one_or_many(managed: World) -> None:
    app = desk(managed, ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await go_as_admin(pilot)
        await to_first_job(pilot)
        await pilot.press("r")
        await see(pilot, "It runs again.")
        await see(pilot, "2 jobs stand as failed")
        await pilot.press("space", "space")
        await see(pilot, "2 marked")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        # Meanwhile a worker takes one of them.
        await sql(
            managed,
            "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = "
            "(SELECT min(id) FROM procrastinate_jobs WHERE status = 'failed')",
        )
        await pilot.press("tab", "enter")
        await see(pilot, "Run again: 1 of 2")
        await see(pilot, "it does not stand as failed")
    assert await standing(managed) == {"todo": 2, "succeeded": 1}
    trail = await sql(managed, "SELECT count(*) FROM audit_logs WHERE action = 'job.retried' AND user_id IS NOT NULL")
    assert trail[0][0] == 2


async def test_failed_deliveries_are_one_key_away(managed: World) -> None:
    app = desk(managed, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await go_as_admin(pilot)
        await pilot.press("down", "down", "down", "r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("tab", "enter")
        await see(pilot, "Nothing stands as failed.")
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, ChannelsScreen))


async def test_what_changes_by_itself_is_drawn_where_it_matters_only(troubled: World) -> None:
    app = opening_on(desk(troubled, ANA), HealthScreen)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await go_to(pilot)
        await see(pilot, "last beat")
        await see_all_read(pilot)
        before = screen_text(app)
        screen._read(asked=False)
        await pilot.pause()
        await until(pilot, lambda: not app.workers._workers or screen._health is not None)
        assert screen_text(app) == before
        await sql(troubled, "INSERT INTO procrastinate_workers DEFAULT VALUES")
        screen._time_came()
        await see(pilot, "● Workers       1 worker")
        await see(pilot, "alive       1")
