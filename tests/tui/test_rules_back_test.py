"""Back-tests: from the samples of a rule, from a query with a time range, and when there is no past."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui.screens.rules.back_test import BackTestScreen
from datapulse_tui.tui.screens.rules.rule import RuleScreen
from tests.tui.conftest import World, screen_text, see, until
from tests.tui.rules_world import desk, fill
from tests.tui.test_rules_editor import open_editor

# Nine between three and four o'clock UTC, else one, as of the end of the range.
RANGED = (
    "SELECT CASE WHEN extract(hour FROM CAST(:to AS timestamptz) AT TIME ZONE 'UTC') = 3 THEN 9 ELSE 1 END AS n "
    "WHERE :from < :to"
)
SLOW = "SELECT count(*) AS n FROM generate_series(1, 20000) a CROSS JOIN generate_series(1, 100000) b"


@pytest.fixture
def rules(world: World) -> World:
    """Omar's three rules with a week of samples: checkout is above 800 for two hours each day."""

    async def prepare() -> None:
        connection = world.connect()
        try:
            await fill(connection, samples=True)
        finally:
            await connection.data.dispose()

    asyncio.run(prepare())
    return world


async def until_tested(pilot: Pilot[Any], series: int) -> BackTestScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, BackTestScreen) and len(pilot.app.screen._found) == series)
    screen = pilot.app.screen
    assert isinstance(screen, BackTestScreen)
    return screen


async def test_the_past_of_a_rule_with_episodes_what_if_and_series(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Checkout is slow")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RuleScreen))
        await see(pilot, "service=search")
        await pilot.press("b")
        screen = await until_tested(pilot, 2)
        await see(pilot, "fired 7 times in 2 of 2 series")
        await see(pilot, "threshold 800")  # drawn
        assert "950" in screen_text(app)
        await pilot.press("tab")
        await see(pilot, "← as it is now")
        await pilot.press("tab", "down")
        await see(pilot, "service=search: ")
        await pilot.press("left")
        await see(pilot, "last day")
        await until(pilot, lambda: len(screen._found) == 2)
        await see(pilot, "fired 1 time in 2 of 2 series")
        await pilot.press("left")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RuleScreen))


async def test_a_query_that_is_still_being_written_is_tested_on_its_source(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        editor = await open_editor(pilot, "n")
        values = {"query": "new", "source": "warehouse", "sql": RANGED, "metric": "n", "threshold": "5", "for": "0s"}
        editor._take(editor._draft.with_values({**values, "interval": "10m"}))
        await pilot.press("f6")
        screen = await until_tested(pilot, 1)
        await see(pilot, "from the source")
        await see(pilot, "fired 7 times")
        editor_values = screen._draft.with_values({"sql": "SELECT 1 AS n"})
        await pilot.press("escape")
        editor._take(editor_values)
        await pilot.press("f6")
        await see(pilot, "nothing is known of its past")


async def test_leaving_cancels_what_runs_in_the_source(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        editor = await open_editor(pilot, "n")
        values = {"query": "new", "source": "warehouse", "sql": SLOW, "metric": "n", "threshold": "5"}
        editor._take(editor._draft.with_values(values))
        await pilot.press("f5")
        await see(pilot, "running …")
        await pilot.press("escape", "tab", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        sources = app.services._sources
        assert sources is not None
        await until(pilot, lambda: not sources._flights)
