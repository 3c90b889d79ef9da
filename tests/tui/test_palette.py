"""The palette: what it offers, in which order, and where it leads."""

from __future__ import annotations

import pytest

from datapulse_tui.tui.screens.alerts.snoozes import SnoozesScreen
from datapulse_tui.tui.screens.palette import Offer, matches, rank
from tests.tui.conftest import ANA, World, screen_text, see, type_in, until


def offer(label: str, help: str) -> Offer:
    return Offer(label, label, help, "", lambda: None)


@pytest.mark.parametrize(
    ("typed", "found", "place"),
    [
        ("", True, 0),
        ("dep", True, 0),
        ("DEPART", True, 0),
        (" depart ", True, 0),
        ("part", True, 1),
        ("admin", True, 2),
        ("go depart", True, 2),
        ("people", False, 2),
    ],
)
def test_what_is_called_so_comes_first(typed: str, *, found: bool, place: int) -> None:
    shown = offer("Departments", "Go to Admin: Departments.")
    assert matches(typed, shown) is found
    assert rank(typed, shown) == place


async def test_it_leads_to_the_tabs_of_other_rooms(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await see(pilot, "Today")
        await pilot.press("colon")
        await see(pilot, "what do you want to do?")
        assert "Go to Admin" not in screen_text(app)  # nothing there is hers
        await type_in(pilot, "snooze")
        await see(pilot, "Go to Alerts: Snoozes.")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SnoozesScreen))


async def test_it_leads_to_the_tabs_of_the_screen_that_is_open(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await see(pilot, "Today")
        await pilot.press("4", "colon")
        await see(pilot, "what do you want to do?")
        await type_in(pilot, "decided")
        await see(pilot, "Go to Decided.")
        await pilot.press("enter")
        await see(pilot, "You have decided nothing yet")
