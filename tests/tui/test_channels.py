"""Channels and deliveries on the screen: a real receiver, secrets that never come back, and sending again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui.screens.channels.channels import ChannelsScreen
from datapulse_tui.tui.screens.channels.form import ChannelScreen
from datapulse_tui.tui.screens.confirm import ConfirmScreen
from datapulse_tui.tui.widgets.sheet import Sheet
from tests.notify.receivers import Answer, HttpReceiver, http_receiver
from tests.tui.conftest import ANA, World, opening_on, screen_text, see, until
from tests.tui.inbox_world import BEN, desk, fill, sql

SECRET = "a secret of sixteen and more"


@pytest.fixture
def sent(world: World) -> World:
    """The inbox's world, whose mail to Bea failed; Ana is an admin now, Ben manages operations."""

    async def prepare() -> None:
        connection = world.connect()
        try:
            await fill(connection)
        finally:
            await connection.data.dispose()
        await sql(world, "UPDATE users SET role = 'admin' WHERE email = :ana", ana=ANA)

    asyncio.run(prepare())
    return world


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as found:
        yield found


async def go_to(pilot: Pilot[Any]) -> ChannelsScreen:
    """To the tab Channels, where the desk opened."""
    await until(pilot, lambda: isinstance(pilot.app.screen, ChannelsScreen))
    await see(pilot, "newest first")
    assert isinstance(pilot.app.screen, ChannelsScreen)
    return pilot.app.screen


async def add_webhook(pilot: Pilot[Any], url: str) -> None:
    await pilot.press("n")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChannelScreen))
    sheet = pilot.app.screen.query_one(Sheet)
    sheet.put({"name": "Ops hook", "type": "webhook", "webhook-url": url, "webhook-secret": SECRET})
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChannelsScreen))
    await see(pilot, "Ops hook")


async def test_a_channel_is_made_tested_changed_and_deleted(sent: World, receiver: HttpReceiver) -> None:
    app = opening_on(desk(sent, ANA), ChannelsScreen)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await go_to(pilot)
        await see(pilot, "There is no channel yet")
        await add_webhook(pilot, receiver.url)
        assert "secret-part" not in screen_text(app)
        await pilot.press("t")
        await see(pilot, "took the test in")
        assert len(receiver.requests) == 1
        await see(pilot, "✓ answered")

        receiver.always = Answer(503, b"down for lunch")
        await pilot.press("t")
        await see(pilot, "was not sent")
        await see(pilot, "503")
        await pilot.press("escape")
        await see(pilot, "▲ failed")

        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ChannelScreen))
        assert SECRET not in screen_text(app)
        assert "secret-part" not in screen_text(app)
        app.screen.query_one(Sheet).put({"name": "Night hook"})
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ChannelsScreen))
        await see(pilot, "Night hook")
        receiver.always = None
        await pilot.press("t")
        await see(pilot, "Night hook took the test in")  # with the address and the secret that were kept

        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("tab", "enter")
        await see(pilot, "There is no channel yet")


async def test_what_cannot_be_used_is_refused_and_stays_in_the_form(sent: World) -> None:
    app = opening_on(desk(sent, ANA), ChannelsScreen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await go_to(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ChannelScreen))
        sheet = app.screen.query_one(Sheet)
        await see(pilot, "Host *")
        assert "Token" not in screen_text(app)
        sheet.put({"name": "Mail", "email-host": "mail.example.org", "email-sender": "no address"})
        await pilot.press("ctrl+s")
        await see(pilot, "an e-mail address, such as")
        assert sheet.value("email-sender") == "no address"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ChannelsScreen))


async def test_failed_deliveries_say_why_and_are_sent_again(sent: World) -> None:
    app = opening_on(desk(sent, ANA), ChannelsScreen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await go_to(pilot)
        await see(pilot, "6 failed")
        await pilot.press("f", "tab")
        await see(pilot, "deliveries · 6")
        assert "email: Bea Lind" in screen_text(app)
        await pilot.press("enter")
        await see(pilot, "the mail server does not know this address")
        await pilot.press("escape", "r")
        await see(pilot, "It is tried again now.")
        await see(pilot, "5 failed")
        pending = await sql(sent, "SELECT count(*) FROM deliveries WHERE status = 'pending'")
        assert pending[0][0] == 1


async def test_who_may_only_look_is_told_what_it_needs(sent: World) -> None:
    app = opening_on(desk(sent, BEN), ChannelsScreen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await go_to(pilot)
        await see(pilot, "No worker runs")
        await pilot.press("n")
        await see(pilot, "This needs the permission")


async def test_the_tab_is_not_there_for_who_may_not_look(sent: World) -> None:
    await sql(sent, "UPDATE users SET role = 'analyst' WHERE email = :ana", ana=ANA)
    app = desk(sent, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Needs me")
        await pilot.press("3")
        await see(pilot, "Snoozes")
        assert "Channels" not in screen_text(app)


async def test_what_is_sent_meanwhile_shows_above_and_the_settings_stay_in_sight(
    sent: World, receiver: HttpReceiver
) -> None:
    app = opening_on(desk(sent, ANA), ChannelsScreen)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await go_to(pilot)
        await add_webhook(pilot, receiver.url)
        await see(pilot, "•••")  # the settings of the channel under the cursor, read when it rests there
        for _ in range(2):
            before = len(screen._deliveries)
            await pilot.press("t")
            await until(pilot, lambda before=before: len(screen._deliveries) > before)  # type: ignore[misc]
            listed = screen._of_deliveries
            assert listed.rows[0].cells[2] == "test"
            assert "test" in listed.plain_text().splitlines()[1]
        await see(pilot, "•••")
