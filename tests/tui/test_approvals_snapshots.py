"""Pictures of the approvals' screens at the two sizes that matter; look at the report when one changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui import watch
from datapulse_tui.tui.screens.approvals.absence import AbsenceScreen
from datapulse_tui.tui.screens.approvals.absences import AbsencesScreen
from datapulse_tui.tui.screens.approvals.queue import QueueScreen
from datapulse_tui.tui.screens.approvals.request import RequestScreen
from datapulse_tui.tui.screens.approvals.request_form import RequestFormScreen
from datapulse_tui.workflows.views import RequestView
from tests.tui.approvals_world import CLEO, prepare, standing
from tests.tui.conftest import NOW, World, at_rest, opening_on, see, type_in, until
from tests.tui.test_inbox_snapshots import steady

SIZES = [(80, 24), (120, 40)]
Steps = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The requests as they stand at NOW; nobody looks at the worker meanwhile."""
    monkeypatch.setattr(watch, "WORKER_LOOKS", ())
    return standing(prepare(world), NOW - timedelta(hours=3))


def at_now(view: RequestView) -> RequestView:
    """The trail cannot be written otherwise than by the clock: as if it had been at NOW."""
    return replace(view, related=tuple(replace(each, at=NOW) for each in view.related))


async def at_queue(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: pilot.app.person is not None)
    await at_rest(pilot)
    await until(pilot, lambda: isinstance(pilot.app.screen, QueueScreen) and pilot.app.screen.loaded.keys)
    await see(pilot, "Waiting 4")
    await see(pilot, "Approvals 4")
    if pilot.app.size.width >= 120:
        await until(pilot, lambda: pilot.app.screen.details)
        screen = pilot.app.screen
        screen.details = {key: at_now(view) for key, view in screen.details.items()}
        screen.tell_detail(screen.story, next(iter(screen.details.values())), anew=True)
    await pilot.pause()
    steady(pilot)


async def at_preview(pilot: Pilot[Any]) -> None:
    await at_queue(pilot)
    await pilot.press("asterisk", "r")
    await see(pilot, "Reject 4 of 4 requests?")


async def at_request(pilot: Pilot[Any]) -> None:
    await at_queue(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, RequestScreen) and pilot.app.screen.detail)
    screen = pilot.app.screen
    screen.tell_detail(screen.story, at_now(screen.detail), anew=True)
    await pilot.pause()
    steady(pilot)


async def at_form(pilot: Pilot[Any]) -> None:
    await at_queue(pilot)
    await pilot.press("n", "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, RequestFormScreen))
    await pilot.press("ctrl+s")
    await see(pilot, "not sent")
    await see(pilot, "it is needed")
    steady(pilot)


async def at_absence(pilot: Pilot[Any]) -> None:
    await at_queue(pilot)
    await pilot.press("left")
    await until(pilot, lambda: isinstance(pilot.app.screen, AbsencesScreen))
    await pilot.press("n")
    await until(pilot, lambda: isinstance(pilot.app.screen, AbsenceScreen))
    await pilot.pause()
    pilot.app.screen.sheet.put({"until": "2199-01-01 08:00"})
    await pilot.press("enter")
    await type_in(pilot, "oka")
    await see(pilot, "ben@example.org")
    await pilot.press("enter")
    await see(pilot, "own request")
    steady(pilot)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "steps", [at_queue, at_preview, at_request, at_form, at_absence], ids=lambda steps: steps.__name__
)
def test_approvals(asked: World, snap_compare: Any, steps: Steps, size: tuple[int, int]) -> None:
    assert snap_compare(opening_on(asked.desk(as_email=CLEO), QueueScreen), terminal_size=size, run_before=steps)
