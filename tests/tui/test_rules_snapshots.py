"""Pictures of the rule screens at the two sizes that matter; look at the report when one changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui.screens.rules.back_test import BackTestScreen
from datapulse_tui.tui.screens.rules.rule import RuleScreen
from datapulse_tui.tui.widgets.curve import Curve
from tests.tui.conftest import World, at_rest, see, until
from tests.tui.rules_world import desk, fill
from tests.tui.test_rules_editor import open_editor
from tests.tui.test_snapshots import SIZES, steady

Steps = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture
def rules(world: World) -> World:
    """Omar's three rules with a week of samples."""

    async def prepare() -> None:
        connection = world.connect()
        try:
            await fill(connection, samples=True)
        finally:
            await connection.data.dispose()

    asyncio.run(prepare())
    return world


async def at_list(pilot: Pilot[Any]) -> None:
    await see(pilot, "Checkout is slow")
    await at_rest(pilot)
    if pilot.app.size.width >= 120:
        await see(pilot, "service=checkout")
    steady(pilot)


async def at_rule(pilot: Pilot[Any]) -> None:
    await at_list(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, RuleScreen) and pilot.app.screen.row)
    steady(pilot)


async def at_editor(pilot: Pilot[Any]) -> None:
    await at_rest(pilot)
    screen = await open_editor(pilot, "e")
    await see(pilot, "2 rows, 2 series")
    screen._preview = replace(screen._preview, took=0.012)
    screen._brought(screen._preview)
    steady(pilot)


async def at_choice(pilot: Pilot[Any]) -> None:
    await at_editor(pilot)
    screen: Any = pilot.app.screen
    screen.sheet.go_to("email")
    await pilot.pause()
    await pilot.press("enter")
    await see(pilot, "role analyst")


async def at_back_test(pilot: Pilot[Any]) -> None:
    await at_rule(pilot)
    await pilot.press("b")
    await until(pilot, lambda: isinstance(pilot.app.screen, BackTestScreen) and len(pilot.app.screen._found) == 2)
    await until(pilot, lambda: pilot.app.screen.query_one(Curve)._picture)
    steady(pilot)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("steps", [at_list, at_rule, at_editor, at_choice, at_back_test], ids=lambda s: s.__name__)
def test_rules(rules: World, snap_compare: Any, steps: Steps, size: tuple[int, int]) -> None:
    assert snap_compare(desk(rules), terminal_size=size, run_before=steps)
