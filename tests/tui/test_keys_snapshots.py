"""How keys look, at both sizes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.config import Secret
from datapulse_tui.people.api_keys import NewKey
from datapulse_tui.tui.app import DataPulseApp
from datapulse_tui.tui.screens.admin.key_forms import AddSshKeyScreen, ApiKeyFormScreen, KeyShownScreen
from datapulse_tui.tui.screens.admin.keys import KeysScreen
from datapulse_tui.tui.screens.admin.my_keys import MyKeysScreen
from datapulse_tui.tui.services import Services
from tests.tui.conftest import ANA, World, at_rest, hold_status, opening_on, see, until
from tests.tui.keys_world import BEA, LATER, fill, hold_still

SIZES = ((80, 24), (120, 40))


@pytest.fixture
def keyed(world: World) -> World:
    async def prepare() -> None:
        connection = world.connect()
        try:
            await fill(connection)
            await hold_still(connection)
        finally:
            await connection.data.dispose()

    asyncio.run(prepare())
    return world


def app_for(world: World, email: str) -> DataPulseApp:
    return DataPulseApp(Services(connection=world.connect(), as_email=email), now=lambda: LATER)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_everybodys(keyed: World, snap_compare: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await at_rest(pilot)
        await see(pilot, "backup check")
        await see(pilot, "ana at home")
        hold_status(pilot.app)  # type: ignore[arg-type]

    assert snap_compare(opening_on(app_for(keyed, ANA), KeysScreen), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_ones_own(keyed: World, snap_compare: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await see(pilot, "Nothing needs you")
        await at_rest(pilot)
        await pilot.app.push_screen(MyKeysScreen())
        await see(pilot, "nightly export")
        await see(pilot, "work laptop")
        await pilot.press("tab")
        hold_status(pilot.app)  # type: ignore[arg-type]

    assert snap_compare(app_for(keyed, BEA), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_form(keyed: World, snap_compare: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await see(pilot, "Nothing needs you")
        await at_rest(pilot)
        await pilot.app.push_screen(ApiKeyFormScreen())
        await see(pilot, "0 of")
        await pilot.press("tab")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApiKeyFormScreen))
        hold_status(pilot.app)  # type: ignore[arg-type]

    assert snap_compare(app_for(keyed, BEA), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_key_that_is_shown_once(keyed: World, snap_compare: Any, size: tuple[int, int]) -> None:
    made = NewKey(
        id=None, name="nightly export", prefix="dp_Example11", key=Secret("dp_" + "Example11" * 4 + "Exampl7"),  # type: ignore[arg-type]
        scopes=("dashboard:view", "source:query"), expires_at=LATER,
    )  # fmt: skip

    async def before(pilot: Pilot[Any]) -> None:
        await see(pilot, "Nothing needs you")
        await at_rest(pilot)
        await pilot.app.push_screen(KeyShownScreen(made))
        await see(pilot, "It is shown only now.")
        hold_status(pilot.app)  # type: ignore[arg-type]

    assert snap_compare(app_for(keyed, BEA), terminal_size=size, run_before=before)


def test_a_private_key_is_refused(keyed: World, snap_compare: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await see(pilot, "Nothing needs you")
        await at_rest(pilot)
        screen = AddSshKeyScreen()
        await pilot.app.push_screen(screen)
        from datapulse_tui.tui.widgets.sheet import Sheet

        screen.query_one(Sheet).put({"key": "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n"})
        await pilot.press("ctrl+s")
        await see(pilot, "PRIVATE")
        hold_status(pilot.app)  # type: ignore[arg-type]

    assert snap_compare(app_for(keyed, BEA), terminal_size=(80, 24), run_before=before)
