"""What is silenced, on its tab: extend, end, a whole rule, and what a person may not do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from textual.pilot import Pilot

from datapulse_tui.alerts.rules import Severity
from datapulse_tui.tui.screens.alerts.inbox import InboxScreen
from datapulse_tui.tui.screens.alerts.snooze import SnoozeScreen, refusal
from datapulse_tui.tui.screens.alerts.snoozes import SnoozesScreen
from datapulse_tui.tui.screens.alerts.until import parse_until
from tests.tui.conftest import World, screen_text, see, type_in, until
from tests.tui.inbox_world import sql
from tests.tui.test_inbox import at_inbox, inbox, said

__all__ = ["inbox"]  # the fixture
NOW = datetime(2026, 3, 2, 14, 5, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("90m", "2026-03-02T16:35:00+01:00"),
        ("1h30m", "2026-03-02T16:35:00+01:00"),
        ("18:30", "2026-03-02T18:30:00+01:00"),
        ("9:00", "2026-03-03T09:00:00+01:00"),
        ("tomorrow", "2026-03-03T09:00:00+01:00"),
        ("tomorrow 17:15", "2026-03-03T17:15:00+01:00"),
        ("2026-03-04 08:00", "2026-03-04T08:00:00+01:00"),
        ("2026-03-04T08:00Z", "2026-03-04T09:00:00+01:00"),
    ],
)
def test_until_is_read_in_the_persons_zone(typed: str, expected: str) -> None:
    assert parse_until(typed, NOW, VIENNA) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("typed", ["", "soon", "25:00", "9", "99999999999d", "2026-13-01"])
def test_what_is_no_time_says_what_was_expected(typed: str) -> None:
    with pytest.raises(ValueError, match="18:30"):
        parse_until(typed, NOW, VIENNA)


@pytest.mark.parametrize(
    ("severity", "hours", "words"),
    [
        (Severity.CRITICAL, 4, ""),
        (Severity.CRITICAL, 4.1, "at most 4h without an approval"),
        (Severity.WARNING, 24 * 30, ""),
        (Severity.WARNING, 24 * 31, "at most 30 days"),
        (Severity.INFO, -1, "has passed"),
    ],
)
def test_too_long_and_past_ends_are_refused(severity: Severity, hours: float, words: str) -> None:
    found = refusal([severity], NOW + timedelta(hours=hours), NOW)
    assert (words in found) if words else not found


async def snooze_rule(pilot: Pilot[Any]) -> None:
    """Snooze everything of the rule under the cursor for an hour."""
    await pilot.press("S")
    await until(pilot, lambda: isinstance(pilot.app.screen, SnoozeScreen))
    await see(pilot, "It hides 2 open incidents now, and whatever the rule opens until then.")
    assert "until it recovers" not in screen_text(pilot.app)
    await pilot.press("down", "enter")
    await type_in(pilot, "the shop moves [/]")
    await pilot.press("enter")
    await said(pilot, "Everything of Checkout errors is snoozed.")


async def to_snoozes(pilot: Pilot[Any]) -> SnoozesScreen:
    while not isinstance(pilot.app.screen, SnoozesScreen):
        before = pilot.app.screen
        await pilot.press("right")
        await until(pilot, lambda before=before: pilot.app.screen is not before)
    return pilot.app.screen


async def test_a_whole_rule_is_snoozed_extended_and_ended(inbox: World) -> None:
    async with at_inbox(inbox, size=(120, 40)) as pilot:
        await snooze_rule(pilot)
        await until(pilot, lambda: screen_text(pilot.app).count(" til ") == 2)
        await to_snoozes(pilot)
        await see(pilot, "Checkout errors (whole rule)")
        row = pilot.app.screen.listed.plain_text()
        for words in ("✖ crit", " 2 ", "Ana Berger"):
            assert words in row
        await see(pilot, "the shop moves [/]")
        await pilot.press("e")
        await type_in(pilot, "5h")
        await pilot.press("enter")
        await see(pilot, "at most 4h without an approval")
        await pilot.press("backspace", "backspace")
        await type_in(pilot, "3h")
        await pilot.press("enter")
        assert await pilot.app.writes.finished(10)
        hours = await sql(inbox, "SELECT until > now() + interval '2 hours 50 minutes' FROM alert_snoozes")
        assert hours[0][0]
        await until(pilot, lambda: pilot.app.screen.listed.plain_text() != row)
        await pilot.press("d")
        await see(pilot, "2 incidents are open again")
        await pilot.press("tab", "enter")
        await see(pilot, "Nothing is snoozed.")
    left = await sql(inbox, "SELECT count(*) FROM alert_incidents WHERE status = 'snoozed'")
    assert left[0][0] == 0


async def test_enter_on_a_rules_snooze_shows_what_it_hides(inbox: World) -> None:
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        await snooze_rule(pilot)
        await to_snoozes(pilot)
        await see(pilot, "Checkout errors (whole rule)")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, InboxScreen))
        await until(pilot, lambda: len(pilot.app.screen.loaded.keys) == 2)


async def test_nothing_snoozed_says_how_to(inbox: World) -> None:
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        await to_snoozes(pilot)
        await see(pilot, "Nothing is snoozed.")
        await pilot.press("d")
        await said(pilot, "No snooze is selected.")
