"""Pictures of the alerts' screens at the two sizes that matter; look at the report when one changes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui import watch
from datapulse_tui.tui.screens.alerts.inbox import InboxScreen
from datapulse_tui.tui.screens.alerts.incident import IncidentScreen
from datapulse_tui.tui.screens.alerts.snoozes import SnoozesScreen
from datapulse_tui.tui.screens.alerts.story import tell
from datapulse_tui.tui.widgets.story import Story
from tests.tui.conftest import ANA, NOW, World, at_rest, hold_status, opening_on, see, until
from tests.tui.inbox_world import fill

SIZES = [(80, 24), (120, 40)]
Steps = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture
def standing(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The six incidents as they stand at NOW, and a snooze; nobody looks at the worker meanwhile."""
    monkeypatch.setattr(watch, "WORKER_LOOKS", ())

    async def prepare() -> None:
        from sqlalchemy import text

        connection = world.connect()
        try:
            await fill(connection, NOW)
            async with connection.data.transaction() as session:
                await session.execute(
                    text(
                        "INSERT INTO alert_snoozes (alert_id, kind, until, reason, created_by, created_at) "
                        "SELECT a.id, 'until_time', :until, 'the shop moves [/]', a.user_id, :now FROM alerts a "
                        "WHERE a.name = 'Stock of parcels'"
                    ),
                    {"now": NOW, "until": NOW + timedelta(hours=2)},
                )
        finally:
            await connection.data.dispose()

    asyncio.run(prepare())
    return world


def steady(pilot: Pilot[Any]) -> None:
    """Where the server is differs from run to run; samples are those of the real clock, so others take their place."""
    app = pilot.app
    hold_status(app)


async def at_inbox(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: pilot.app.person is not None)
    await at_rest(pilot)
    await until(pilot, lambda: isinstance(pilot.app.screen, InboxScreen) and pilot.app.screen.loaded.keys)
    await see(pilot, "Open 6")
    await see(pilot, "Alerts 6")
    if pilot.app.size.width >= 120:
        await until(pilot, lambda: pilot.app.screen.details)
    screen = pilot.app.screen
    for key, row in screen.loaded.rows.items():
        screen.loaded.rows[key] = replace(row, value_now=(row.start_value or 0) * 1.25)
    screen.listed.redraw()
    await settle_story(pilot)
    steady(pilot)


async def settle_story(pilot: Pilot[Any]) -> None:
    """Tell the incident in view with samples that are always the same."""
    screen = pilot.app.screen
    await until(pilot, lambda: not any(each.node is screen for each in pilot.app.workers))
    view = screen.detail if isinstance(screen, IncidentScreen) else next(iter(screen.details.values()), None)
    if view is None:
        return
    samples = tuple((NOW - timedelta(minutes=60 - at), 4 + 3 * math.sin(at / 9)) for at in range(61))
    view = replace(view, samples=samples, row=replace(view.row, value_now=9.25))
    story = screen.query_one(Story)
    tell(story, view, NOW, pilot.app.session.zone)
    await until(pilot, lambda: story._drawn is not None and story._drawn[0] == story._chart)
    await pilot.pause()


async def at_preview(pilot: Pilot[Any]) -> None:
    await at_inbox(pilot)
    await pilot.press("space", "space", "space", "a")
    await see(pilot, "Acknowledge 3 of 3 incidents?")


async def at_filter(pilot: Pilot[Any]) -> None:
    await at_inbox(pilot)
    await pilot.press("slash", "s")
    await see(pilot, "severity:")
    await pilot.press("down")
    await pilot.pause()


async def at_incident(pilot: Pilot[Any]) -> None:
    await at_inbox(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, IncidentScreen) and pilot.app.screen.detail)
    await settle_story(pilot)
    steady(pilot)


async def at_snooze(pilot: Pilot[Any]) -> None:
    await at_incident(pilot)
    await pilot.press("s")
    await see(pilot, "It hides 1 open incident now.")
    await pilot.press("down", "down", "down")
    await see(pilot, "Critical: at most 4h")


async def at_snoozes(pilot: Pilot[Any]) -> None:
    await at_inbox(pilot)
    while not isinstance(pilot.app.screen, SnoozesScreen):
        before = pilot.app.screen
        await pilot.press("right")
        await until(pilot, lambda before=before: pilot.app.screen is not before)
    await see(pilot, "Stock of parcels (whole rule)")
    steady(pilot)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "steps",
    [at_inbox, at_preview, at_filter, at_incident, at_snooze, at_snoozes],
    ids=lambda steps: steps.__name__,
)
def test_alerts(standing: World, snap_compare: Any, steps: Steps, size: tuple[int, int]) -> None:
    assert snap_compare(opening_on(standing.desk(as_email=ANA), InboxScreen), terminal_size=size, run_before=steps)
