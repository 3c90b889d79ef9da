"""Coming in with an invitation or a temporary password, one's own account, and going when somebody ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from textual.pilot import Pilot

from datapulse_tui.people import invitations, passwords, service, sessions
from datapulse_tui.people.reads import get_user
from datapulse_tui.people.sign_in import sign_in as check_password
from datapulse_tui.tui.app import DataPulseApp
from datapulse_tui.tui.screens.account.account import AccountScreen
from datapulse_tui.tui.screens.sign_in import AcceptScreen, MustChangeScreen, SignInScreen
from tests.tui.conftest import ANA, OPERATOR, PASSWORD, World, screen_text, see, type_in, until

T = TypeVar("T")
WISH = "another horse battery"


@pytest.fixture(autouse=True)
def cheap_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lowest cost that bcrypt knows."""
    monkeypatch.setattr(passwords, "COST", 4)


async def change(world: World, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Somebody else changes something, on a connection of their own."""
    data = world.connect().data
    try:
        async with data.transaction() as session:
            return await work(session)
    finally:
        await data.dispose()


async def ana_of(world: World) -> UUID:
    async def find(session: AsyncSession) -> UUID:
        return (await get_user(session, OPERATOR, ANA)).id

    return await change(world, find)


async def rows(world: World, sql: str) -> list[Any]:
    async def read(session: AsyncSession) -> list[Any]:
        found: Any = await session.execute(text(sql))
        return [tuple(row) for row in found] if found.returns_rows else []

    return await change(world, read)


async def fill(pilot: Pilot[Any], *words: str) -> None:
    """Type into one field after the other; the last one submits."""
    for each in words:
        await type_in(pilot, each)
        await pilot.press("enter")


async def enter(pilot: Pilot[Any], password: str = PASSWORD) -> None:
    """Sign Ana in, and wait until what runs behind the desk stands."""
    await see(pilot, "Password")
    await fill(pilot, ANA, password)
    app: DataPulseApp = pilot.app  # type: ignore[assignment]
    await until(pilot, lambda: app.person is not None and app.session.presence.settled.is_set())
    await until(pilot, lambda: app.status.database == "live")


async def hears(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Wait without keys until `condition` holds: for less time than a desk needs that only looks now and then."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > 10:
            raise AssertionError(f"did not come true on:\n{screen_text(pilot.app)}")
        await asyncio.sleep(0.005)


# -- coming in ---------------------------------------------------------------------------------------------------------


async def test_an_invited_person_chooses_a_password_and_is_in(world: World) -> None:
    async def invite(session: AsyncSession) -> invitations.Invited:
        return await invitations.invite(session, OPERATOR, email="bo@example.org", name="Bo [b]", role="analyst")

    invited = await change(world, invite)
    app = world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Sign in")
        await type_in(pilot, "bo@example.org")
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, AcceptScreen))
        await see(pilot, "I have an invitation")
        assert app.focused is not None
        assert app.focused.id == "code"
        await fill(pilot, "0000-0000-0000-0000", WISH, WISH)
        await see(pilot, "The address or the code is wrong")
        assert app.focused.id == "code"
        await pilot.press("ctrl+u")
        await fill(pilot, invited.code.lower(), WISH, "something else")
        await see(pilot, "The two passwords differ")
        await fill(pilot, "short", "short")
        await see(pilot, "it has fewer than 10")
        await fill(pilot, WISH, WISH)
        await until(pilot, lambda: app.person is not None)
        await see(pilot, "Bo [b]")
        assert app.person is not None
        assert app.person.actor.session_id is not None
        assert invited.code not in screen_text(app)


async def test_esc_goes_back_from_the_invitation(world: World) -> None:
    app = world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Sign in")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(app.screen, AcceptScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SignInScreen))


async def test_a_temporary_password_opens_nothing_but_its_change(world: World) -> None:
    ana = await ana_of(world)
    temporary = await change(world, lambda session: service.reset_password(session, OPERATOR, ana))
    app = world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Password")
        await fill(pilot, ANA, temporary)
        await until(pilot, lambda: isinstance(app.screen, MustChangeScreen))
        await see(pilot, "Choose a new password")
        assert app.person is None
        for room in ("today", "dashboards", "alerts"):
            await app.action_do(f"room.{room}")
        assert isinstance(app.screen, MustChangeScreen)
        await fill(pilot, temporary, temporary)
        await see(pilot, "the password that you have")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SignInScreen))
        assert await app.writes.finished(5)
        assert await rows(world, "SELECT ended_reason FROM sessions") == [("signed_out",)]
        await fill(pilot, ANA, temporary)
        await until(pilot, lambda: isinstance(app.screen, MustChangeScreen))
        await fill(pilot, WISH, WISH)
        await until(pilot, lambda: app.person is not None)
    data = world.connect().data
    assert (await check_password(data, ANA, WISH)).user_id == ana
    await data.dispose()
    assert await rows(world, "SELECT must_change_password FROM users") == [(False,)]


# -- being here --------------------------------------------------------------------------------------------------------


async def test_two_desks_go_at_once_after_a_deactivation(world: World) -> None:
    ana = await ana_of(world)
    first, second = world.desk(), world.desk()
    async with AsyncExitStack() as stack:
        pilots = [
            await stack.enter_async_context(app.run_test(size=(100, 30), notifications=True)) for app in (first, second)
        ]
        for pilot in pilots:
            await enter(pilot)
        assert await rows(world, "SELECT count(*) FROM sessions WHERE ended_at IS NULL") == [(2,)]
        await change(world, lambda session: service.deactivate(session, OPERATOR, ana))
        await asyncio.gather(
            *(
                hears(pilot, lambda app=app: isinstance(app.screen, SignInScreen))
                for pilot, app in zip(pilots, (first, second), strict=True)
            )
        )
        for pilot, app in zip(pilots, (first, second), strict=True):
            await see(pilot, "Your session was ended")
            assert app.person is None
            await fill(pilot, ANA, PASSWORD)
            await see(pilot, "deactivated")


async def test_only_the_desk_whose_session_ends_goes(world: World) -> None:
    first, second = world.desk(), world.desk()
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(first.run_test(size=(100, 30), notifications=True))
        two = await stack.enter_async_context(second.run_test(size=(100, 30), notifications=True))
        await enter(one)
        await enter(two)
        await one.press("M")
        await until(one, lambda: isinstance(first.screen, AccountScreen))
        await see(one, "desk, here")
        await one.press("D")
        await see(one, "End your 1 other session?")
        await one.press("tab", "enter")
        await hears(two, lambda: isinstance(second.screen, SignInScreen))
        await see(one, "Your other sessions were ended.")
        assert first.person is not None
        await until(one, lambda: first.screen._sessions and len(first.screen._sessions) == 1)


async def test_a_role_that_is_taken_away_takes_its_rooms(world: World) -> None:
    ana = await ana_of(world)
    await change(world, lambda session: service.set_role(session, OPERATOR, ana, "admin"))
    await change(
        world,
        lambda session: session.execute(
            text(
                "INSERT INTO users (email, name, password, role, status) "
                "VALUES ('root@example.org', 'Root', '!', 'admin', 'active')"
            )
        ),
    )
    app = world.desk()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await enter(pilot)
        await see(pilot, "8 Admin")
        session_id = app.person and app.person.actor.session_id
        await change(world, lambda session: service.set_role(session, OPERATOR, ana, "business_user"))
        await hears(pilot, lambda: app.person is not None and app.person.actor.role == "business_user")
        await see(pilot, "Your rights have changed. You may no longer")
        await until(pilot, lambda: "8 Admin" not in screen_text(app))
        assert app.person is not None
        assert app.person.actor.session_id == session_id


async def test_whoever_is_let_in_without_a_password_has_a_session_too(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until(pilot, lambda: app.person is not None and app.person.actor.session_id is not None)
        assert await rows(world, "SELECT kind, user_agent, ended_at FROM sessions") == [
            ("desk", "datapulse desk", None)
        ]
        await pilot.press("q")
        await until(pilot, lambda: not app.services.is_open)
    assert await rows(world, "SELECT ended_reason FROM sessions") == [("signed_out",)]


async def test_the_minute_finds_out_without_the_feed(world: World) -> None:
    ana = await ana_of(world)
    app = world.desk()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await enter(pilot)
        app.session.presence.heard = lambda _changes: None  # type: ignore[method-assign]
        await rows(world, "UPDATE sessions SET last_seen_at = now() - interval '2 min'")
        app.session.presence.minute()
        seen = "SELECT last_seen_at > now() - interval '1 min' FROM sessions"
        await until(pilot, lambda: not app.session.presence._looking)
        assert await rows(world, seen) == [(True,)]
        await change(world, lambda session: service.deactivate(session, OPERATOR, ana))
        app.session.presence.minute()
        await until(pilot, lambda: isinstance(app.screen, SignInScreen))


async def test_a_change_is_refused_at_once_and_the_desk_goes(world: World) -> None:
    ana = await ana_of(world)
    app = world.desk()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await enter(pilot)
        app.session.presence.heard = lambda _changes: None  # type: ignore[method-assign]
        await change(world, lambda session: sessions.end_all(session, OPERATOR, ana))
        app.session.choose_theme("light")
        await until(pilot, lambda: isinstance(app.screen, SignInScreen))
        await see(pilot, "Your session was ended")
    assert await rows(world, "SELECT count(*) FROM user_preferences WHERE key = 'theme'") == [(0,)]


async def test_a_lost_desk_goes_on_where_it_was(world: World) -> None:
    app = world.desk()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await enter(pilot)
        await rows(world, "UPDATE sessions SET ended_at = now(), ended_reason = 'lost'")
        app.session.choose_theme("light")
        assert await app.writes.finished(5)
        await until(pilot, lambda: app.theme == "light")
        assert app.person is not None
    assert await rows(world, "SELECT count(*) FROM user_preferences WHERE key = 'theme'") == [(1,)]


async def test_a_locked_desk_stays_locked_when_rights_change_and_goes_when_the_session_ends(world: World) -> None:
    ana = await ana_of(world)
    app = world.desk()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await enter(pilot)
        await pilot.press("L")
        await see(pilot, "Locked")
        await change(world, lambda session: service.set_role(session, OPERATOR, ana, "business_user"))
        await until(pilot, lambda: app.person is not None and app.person.actor.role == "business_user")
        await see(pilot, "Locked")
        await change(world, lambda session: sessions.end_all(session, OPERATOR, ana))
        await until(pilot, lambda: isinstance(app.screen, SignInScreen))
        assert not app.session.locked


# -- one's own account -------------------------------------------------------------------------------------------------


async def test_the_account_is_shown_and_changed(world: World) -> None:
    app = world.desk()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await enter(pilot)
        await pilot.press(":")
        await type_in(pilot, "my account")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AccountScreen))
        await see(pilot, "Europe/Vienna")
        await pilot.press("e")
        await see(pilot, "ctrl+s saves")
        sheet = app.screen._sheet  # type: ignore[attr-defined]
        sheet.put({"name": "Ana [bold]B[/]", "phone": "no phone", "timezone": "Asia/Tokyo", "bio": "one\n[two]"})
        await pilot.press("ctrl+s")
        await see(pilot, "not a phone number")
        sheet.put({"phone": "+43 1 234"})
        await pilot.press("ctrl+s")
        await see(pilot, "Your account was saved.")
        await see(pilot, "Ana [bold]B[/]")
        await see(pilot, "Asia/Tokyo")
        await see(pilot, "[two]")
        # the desk itself hears of it: the name in the top line, the clock in the zone
        await see(pilot, "23:05")
    found = await rows(world, "SELECT name, phone, timezone FROM users")
    assert found == [("Ana [bold]B[/]", "+43 1 234", "Asia/Tokyo")]
    assert await rows(world, "SELECT bio FROM profiles") == [("one\n[two]",)]


async def test_the_password_is_changed_with_the_old_one(world: World) -> None:
    app = world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await enter(pilot)
        await pilot.press("M")
        await until(pilot, lambda: isinstance(app.screen, AccountScreen) and app.screen.account)
        await pilot.press("p")
        await see(pilot, "Change my password")
        await fill(pilot, "not the password", WISH, WISH)
        await see(pilot, "The present password is wrong")
        await fill(pilot, PASSWORD, WISH, WISH)
        await see(pilot, "Your password was changed")
        assert app.person is not None
    data = world.connect().data
    assert (await check_password(data, ANA, WISH)).email == ANA
    await data.dispose()


async def test_ending_the_session_that_one_is_in_signs_out(world: World) -> None:
    app = world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await enter(pilot)
        await pilot.press("M")
        await see(pilot, "desk, here")
        await pilot.press("d")
        await see(pilot, "Sign out?")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, SignInScreen))
