"""Pictures of the people's screens at the two sizes that matter; look at the report when one changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui import watch
from datapulse_tui.tui.desk_people import PersonView
from datapulse_tui.tui.screens.admin.people import PeopleScreen
from datapulse_tui.tui.screens.admin.people_dialogs import DeactivateScreen, FatesScreen, PickScreen
from datapulse_tui.tui.screens.admin.people_import import ImportScreen
from datapulse_tui.tui.screens.admin.person import PersonScreen
from datapulse_tui.tui.screens.admin.person_form import PersonForm
from tests.tui.conftest import NOW, World, at_rest, opening_on, see, type_in, until
from tests.tui.people_world import ROOT, go_to, prepare
from tests.tui.test_inbox_snapshots import steady

SIZES = [(80, 24), (120, 40)]
Steps = Callable[[Pilot[Any]], Awaitable[None]]
FILE = "team.csv"
LINES = (
    "email,name,role,custom_roles\neve@example.org,Eve [/] New,analyst,Auditor\nbea@example.org,Bea Lang,king,\n"
    "cy@example.org,Cy Marsh,ops_manager,Nobody\n"
)


@pytest.fixture
def team(empty_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Five people as they stand at NOW, and a file; nobody looks at the worker meanwhile."""
    monkeypatch.setattr(watch, "WORKER_LOOKS", ())
    monkeypatch.chdir(tmp_path)
    Path(FILE).write_text(LINES)
    return prepare(empty_world, NOW)


def at_now(view: PersonView) -> PersonView:
    """The trail and sessions go by the clock: as if they had been at NOW."""
    records = tuple(replace(each, at=NOW) for each in view.detail.records)
    sessions = tuple(replace(each, ip_address="pts", started_at=NOW, last_seen_at=NOW) for each in view.detail.sessions)
    return view._replace(detail=replace(view.detail, records=records, sessions=sessions))


async def at_people(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: pilot.app.person is not None)
    await at_rest(pilot)
    await until(pilot, lambda: isinstance(pilot.app.screen, PeopleScreen) and pilot.app.screen.loaded.keys)
    await see(pilot, "Waiting 1")
    await detail_is_read(pilot)
    await pilot.pause()
    steady(pilot)


async def detail_is_read(pilot: Pilot[Any]) -> None:
    """The person under the cursor is told beside the list, where there is room."""
    screen = pilot.app.screen
    if pilot.app.size.width >= 120:
        await until(pilot, lambda: screen.row is not None and str(screen.row.id) in screen.details)
        screen.details = {key: at_now(view) for key, view in screen.details.items()}
        screen.tell_detail(screen.story, screen.details[str(screen.row.id)], anew=True)


async def at_person(pilot: Pilot[Any]) -> None:
    await at_people(pilot)
    await go_to(pilot, "ben")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, PersonScreen) and pilot.app.screen.detail)
    screen = pilot.app.screen
    screen.tell_detail(screen.story, at_now(screen.detail), anew=True)
    await pilot.pause()
    steady(pilot)


async def at_pick(pilot: Pilot[Any]) -> None:
    await at_people(pilot)
    await pilot.press("asterisk", "r")
    await until(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
    await pilot.press("enter")
    await see(pilot, "of 5 people?")


async def at_form(pilot: Pilot[Any]) -> None:
    await at_people(pilot)
    await pilot.press("n")
    await until(pilot, lambda: isinstance(pilot.app.screen, PersonForm))
    await pilot.press("ctrl+s")
    await see(pilot, "A name has 1 to 100")


async def at_edit(pilot: Pilot[Any]) -> None:
    await at_people(pilot)
    await go_to(pilot, "ben")
    await detail_is_read(pilot)
    await pilot.press("e")
    await until(pilot, lambda: isinstance(pilot.app.screen, PersonForm))
    pilot.app.screen._sheet.put({"avatar": "~/ben.png", "bio": "Nights and weekends.\nAsk me about [/] sockets."})
    pilot.app.screen._sheet.go_to("bio")
    await pilot.pause()


async def at_leaving(pilot: Pilot[Any]) -> None:
    await at_deactivate(pilot)
    dialog = pilot.app.screen
    dialog.query_one("#to").choose(str(pilot.app.person.actor.user_id))
    dialog.set_focus(dialog.query_one("#yes"))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, FatesScreen))
    await see(pilot, "of 5 people?")


async def at_deactivate(pilot: Pilot[Any]) -> None:
    await at_people(pilot)
    await pilot.press("asterisk", "d")
    await until(pilot, lambda: isinstance(pilot.app.screen, DeactivateScreen))
    await see(pilot, "Cancel")


async def at_import(pilot: Pilot[Any]) -> None:
    await at_people(pilot)
    await pilot.press("I")
    await until(pilot, lambda: isinstance(pilot.app.screen, ImportScreen))
    await type_in(pilot, FILE)
    await pilot.press("enter")
    await see(pilot, "2 things are wrong")
    await pilot.pause()
    steady(pilot)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "steps",
    [at_people, at_person, at_pick, at_form, at_edit, at_deactivate, at_leaving, at_import],
    ids=lambda steps: steps.__name__,
)
def test_people(team: World, snap_compare: Any, steps: Steps, size: tuple[int, int]) -> None:
    assert snap_compare(opening_on(team.desk(as_email=ROOT), PeopleScreen), terminal_size=size, run_before=steps)
