"""Pictures of the screens of roles and departments at the two sizes that matter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui import watch
from datapulse_tui.tui.screens.admin.departments import DepartmentsScreen
from datapulse_tui.tui.screens.admin.role_form import RoleFormScreen
from datapulse_tui.tui.screens.admin.roles import RoleScreen, RolesScreen
from datapulse_tui.tui.screens.admin.why import WhyMayScreen
from tests.tui.conftest import ANA, NOW, World, at_rest, hold_status, opening_on, see, type_in, until
from tests.tui.roles_world import go_to, office, stand_still
from tests.tui.test_roles import put_cursor_on

__all__ = ["office"]
SIZES = [(80, 24), (120, 40)]
Steps = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture
def still(office: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The office as it stands at NOW; nobody looks at the worker meanwhile."""
    monkeypatch.setattr(watch, "WORKER_LOOKS", ())
    asyncio.run(stand_still(office, NOW - timedelta(hours=3)))
    return office


async def at_roles(pilot: Pilot[Any]) -> None:
    await at_rest(pilot)
    screen = await go_to(pilot, RolesScreen)
    await put_cursor_on(pilot, "Night shift")
    if pilot.app.size.width >= 120:
        await until(pilot, lambda: screen.row.key in screen._details)
        await see(pilot, "changed last by Ana Berger")
    await pilot.pause()
    hold_status(pilot.app)


async def at_role(pilot: Pilot[Any]) -> None:
    await at_roles(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, RoleScreen) and pilot.app.screen._people)
    await until(pilot, lambda: pilot.app.screen.detail)
    await pilot.press("space")
    await see(pilot, "1 marked of 2")


async def at_form(pilot: Pilot[Any]) -> None:
    await at_roles(pilot)
    await pilot.press("e")
    await until(pilot, lambda: isinstance(pilot.app.screen, RoleFormScreen))
    pilot.app.screen.sheet.go_to("filter")
    await type_in(pilot, "incident")
    await until(pilot, lambda: len(pilot.app.screen.listed.rows) == 5)
    await pilot.press("tab")
    await pilot.pause()


async def at_why(pilot: Pilot[Any]) -> None:
    await at_roles(pilot)
    await pilot.press("w")
    await until(pilot, lambda: isinstance(pilot.app.screen, WhyMayScreen))
    await type_in(pilot, "bea")
    await see(pilot, "bea@example.org")
    await pilot.press("enter")
    await type_in(pilot, "triage_all")
    await pilot.press("enter")
    await see(pilot, "It is in their custom role Night shift")


async def at_departments(pilot: Pilot[Any]) -> None:
    await at_rest(pilot)
    screen = await go_to(pilot, DepartmentsScreen)
    if pilot.app.size.width >= 120:
        await until(pilot, lambda: screen.row.key in screen._details)
    await pilot.pause()
    hold_status(pilot.app)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "steps", [at_roles, at_role, at_form, at_why, at_departments], ids=lambda steps: steps.__name__
)
def test_roles(still: World, snap_compare: Any, steps: Steps, size: tuple[int, int]) -> None:
    tab = DepartmentsScreen if steps is at_departments else RolesScreen
    assert snap_compare(opening_on(still.desk(as_email=ANA), tab), terminal_size=size, run_before=steps)
