"""Pictures of the screens at the two sizes that matter; look at the report when one changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui.screens.dashboard import DashboardScreen
from datapulse_tui.tui.widgets.card import Card
from tests.tui.conftest import ANA, World, at_rest, hold_status, see, until

pytestmark = pytest.mark.usefixtures("dashboards_first")

SIZES = [(80, 24), (120, 40)]
Steps = Callable[[Pilot[Any]], Awaitable[None]]


def steady(pilot: Pilot[Any]) -> None:
    """Where the server is and how long a query took differ from run to run."""
    app = pilot.app
    hold_status(app)
    for card in app.screen.query(Card):
        if card.answer is not None:
            card.answer = replace(card.answer, took=0.012)
            card.redraw()


async def at_list(pilot: Pilot[Any]) -> None:
    await see(pilot, "Slow")
    await at_rest(pilot)
    await pilot.press("down")
    if pilot.app.size.width >= 120:
        await see(pilot, "Broken")
    steady(pilot)


async def at_dashboard(pilot: Pilot[Any]) -> None:
    await at_list(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen) and pilot.app.screen.grid.cards)
    cards = pilot.app.screen.grid.cards
    await until(pilot, lambda: all(card.picture or card.error for card in cards if card.is_seen()))
    steady(pilot)
    await pilot.pause()


async def at_help(pilot: Pilot[Any]) -> None:
    await at_list(pilot)
    await pilot.press("question_mark")
    await see(pilot, "Keys: dashboards")


async def at_palette(pilot: Pilot[Any]) -> None:
    await at_list(pilot)
    await pilot.press("colon", "t", "h", "e")
    await see(pilot, "theme light")


async def at_sign_in(pilot: Pilot[Any]) -> None:
    await see(pilot, "Password")
    await at_rest(pilot)
    steady(pilot)
    await pilot.pause()


async def at_first_admin(pilot: Pilot[Any]) -> None:
    await see(pilot, "Password again")
    await at_rest(pilot)
    steady(pilot)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("steps", [at_list, at_dashboard, at_help, at_palette], ids=lambda steps: steps.__name__)
def test_inside(world: World, snap_compare: Any, steps: Steps, size: tuple[int, int]) -> None:
    assert snap_compare(world.desk(as_email=ANA), terminal_size=size, run_before=steps)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_sign_in(world: World, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(world.desk(), terminal_size=size, run_before=at_sign_in)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_first_admin(empty_world: World, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(empty_world.desk(), terminal_size=size, run_before=at_first_admin)
