"""Pictures of the trail's screens at the two sizes that matter; look at the report when one changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui import watch
from datapulse_tui.tui.desk_audit import Checked
from datapulse_tui.tui.screens.admin.audit import AuditScreen
from datapulse_tui.tui.screens.admin.audit_record import RecordScreen
from tests.tui.audit_world import ROOT, prepare, to_audit
from tests.tui.conftest import NOW, World, at_rest, opening_on, until
from tests.tui.test_inbox_snapshots import steady

SIZES = [(80, 24), (120, 40)]
Steps = Callable[[Pilot[Any]], Awaitable[None]]
OLD = "until:2026-03-03"  # not what the desk itself records while it is looked at


@pytest.fixture
def trail(empty_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The trail as it stands at NOW; nobody looks at the worker meanwhile."""
    monkeypatch.setattr(watch, "WORKER_LOOKS", ())
    return prepare(empty_world, NOW)


async def at_trail(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: pilot.app.person is not None)
    await at_rest(pilot)
    screen = await to_audit(pilot)
    await until(pilot, lambda: bool(screen.fixed_counts))
    screen.fixed_counts = ()
    screen.show_views()
    await pilot.press("down", "down")
    await pilot.pause()
    steady(pilot)


async def at_record(pilot: Pilot[Any]) -> None:
    await at_trail(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, RecordScreen))
    await pilot.pause()
    steady(pilot)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("steps", [at_trail, at_record], ids=lambda steps: steps.__name__)
def test_audit(trail: World, snap_compare: Any, steps: Steps, size: tuple[int, int]) -> None:
    app = opening_on(trail.desk(as_email=ROOT), lambda: AuditScreen(OLD))
    app.services.checked = Checked(NOW, False, ("The audit trail was changed. Record 17 was removed.",))
    assert snap_compare(app, terminal_size=size, run_before=steps)
