"""Pictures of coming in and of one's own account at the two sizes that matter; look at the report when one changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from textual.pilot import Pilot

from datapulse_tui.people import service, sessions
from datapulse_tui.tui import watch
from datapulse_tui.tui.screens.account.account import AccountScreen
from datapulse_tui.tui.screens.sign_in import MustChangeScreen, SignInScreen
from tests.tui import waiting
from tests.tui.conftest import ANA, NOW, OPERATOR, World, at_rest, hold_status, listening, see, until
from tests.tui.test_account import ana_of, change, fill, rows

SIZES = [(80, 24), (120, 40)]
TEMPORARY = "7k2m-q4td-09wx-abcd"
Steps = Callable[[Pilot[Any]], Awaitable[None]]

SESSIONS = """
WITH gone AS (DELETE FROM sessions)
INSERT INTO sessions (user_id, kind, ip_address, user_agent, started_at, last_seen_at)
SELECT users.id, given.kind, given.ip, given.agent, CAST(:now AS timestamptz) - given.since,
    CAST(:now AS timestamptz) - given.seen
FROM users CROSS JOIN (VALUES
    ('desk', '10.0.0.7', 'datapulse desk', interval '2 hours', interval '1 minute'),
    ('ssh', '2001:db8::17', 'OpenSSH_9.6', interval '3 hours', interval '0'),
    ('desk', 'pts [/b]', 'datapulse desk', interval '5 days', interval '2 days')
) AS given(kind, ip, agent, since, seen)
"""
PROFILE = """
WITH one AS (
    UPDATE users SET phone = '+43 1 234 56 78', password_changed_at = CAST(:now AS timestamptz) - interval '9 d'
    RETURNING id)
INSERT INTO profiles (user_id, avatar, bio)
SELECT id, 'https://example.org/ana.png', E'Looks after the warehouse.\nKnows [b]where[/] it is kept: 売上.' FROM one
"""


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at the worker meanwhile, and no session counts as lost."""
    monkeypatch.setattr(watch, "WORKER_LOOKS", ())
    monkeypatch.setattr(sessions, "LOST_AFTER", timedelta(days=36_500))  # which the real clock would tell


@pytest.fixture
def lived_in(world: World) -> World:
    """Ana has told of herself, and is signed in elsewhere."""

    async def prepare() -> None:
        await change(world, lambda session: session.execute(text(PROFILE), {"now": NOW}))

    asyncio.run(prepare())
    return world


def at_account(world: World) -> Steps:
    async def steps(pilot: Pilot[Any]) -> None:
        app = pilot.app
        await until(pilot, lambda: app.person is not None and app.person.actor.session_id is not None)
        app.session.presence.heard = lambda _changes: None
        await change(world, lambda session: session.execute(text(SESSIONS), {"now": NOW}))
        await at_rest(pilot)
        await pilot.press("M")
        await until(pilot, lambda: isinstance(app.screen, AccountScreen) and len(app.screen._sessions) == 3)
        await until(pilot, lambda: not waiting.reading(app))  # the profile comes by itself
        hold_status(app)
        await pilot.pause()

    return steps


def then_press(key: str, words: str) -> Callable[[World], Steps]:
    def on(world: World) -> Steps:
        async def steps(pilot: Pilot[Any]) -> None:
            await at_account(world)(pilot)
            pilot.app.session.person = pilot.app.person._replace(has_password=True)
            await pilot.press(key)
            await see(pilot, words)
            await pilot.pause()

        return steps

    return on


INSIDE = {
    "account": at_account,
    "form": then_press("e", "What others see of you"),
    "password": then_press("p", "Present password"),
    "end": then_press("d", "End the session"),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", INSIDE)
def test_inside(lived_in: World, snap_compare: Any, name: str, size: tuple[int, int]) -> None:
    assert snap_compare(lived_in.desk(as_email=ANA), terminal_size=size, run_before=INSIDE[name](lived_in))


async def at_invitation(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, SignInScreen))
    await at_rest(pilot)
    await pilot.press("f3")
    await see(pilot, "New password again")
    hold_status(pilot.app)
    await pilot.pause()


async def at_must_change(pilot: Pilot[Any]) -> None:
    await at_rest(pilot)
    await fill(pilot, ANA, TEMPORARY)
    await until(pilot, lambda: isinstance(pilot.app.screen, MustChangeScreen))
    await see(pilot, "New password again")
    hold_status(pilot.app)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_invitation(world: World, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(world.desk(), terminal_size=size, run_before=at_invitation)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_must_change(world: World, snap_compare: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    from datapulse_tui.people import codes

    monkeypatch.setattr(codes, "new_password", lambda: TEMPORARY)

    async def reset() -> None:
        ana = await ana_of(world)
        await change(world, lambda session: service.reset_password(session, OPERATOR, ana))

    asyncio.run(reset())
    assert snap_compare(world.desk(), terminal_size=size, run_before=at_must_change)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_over(world: World, snap_compare: Any, size: tuple[int, int]) -> None:
    async def at_over(pilot: Pilot[Any]) -> None:
        await listening(pilot)
        app = pilot.app
        await until(pilot, lambda: app.person is not None and app.person.actor.session_id is not None)
        await rows(world, "UPDATE sessions SET ended_at = now(), ended_reason = 'ended'")
        app.session.presence.look()
        await see(pilot, "Your session was ended")
        hold_status(app)
        await pilot.pause()

    assert snap_compare(world.desk(as_email=ANA), terminal_size=size, run_before=at_over)
