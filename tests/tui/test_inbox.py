"""The inbox: what stands in a row, triage by keys, filters and views, and what two desks see of each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui.screens.alerts.ask import AskScreen, ManyScreen
from datapulse_tui.tui.screens.alerts.assign import AssignScreen
from datapulse_tui.tui.screens.alerts.inbox import InboxScreen
from datapulse_tui.tui.screens.alerts.incident import IncidentScreen
from datapulse_tui.tui.screens.alerts.snooze import SnoozeScreen
from datapulse_tui.tui.screens.alerts.views import ViewsScreen
from datapulse_tui.tui.screens.alerts.why import WhyScreen
from tests.tui.conftest import ANA, World, listening, opening_on, screen_text, see, see_all_read, type_in, until
from tests.tui.inbox_world import BEA, BEN, Firing, desk, fill, fire, sql


@pytest.fixture
def inbox(world: World) -> World:
    """Six open incidents of four rules, three of them critical."""

    async def prepare() -> None:
        connection = world.connect()
        try:
            await fill(connection)
        finally:
            await connection.data.dispose()

    asyncio.run(prepare())
    return world


async def fire_one(world: World, firing: Firing) -> Any:
    connection = world.connect()
    try:
        return await fire(connection, firing)
    finally:
        await connection.data.dispose()


@asynccontextmanager
async def at_inbox(world: World, email: str = ANA, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[Any]]:
    """A desk at the inbox, its feed listening."""
    app = opening_on(desk(world, email), InboxScreen)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, InboxScreen) and app.screen.loaded.keys)
        await see_all_read(pilot)
        yield pilot


def screen(pilot: Pilot[Any]) -> InboxScreen:
    found = pilot.app.screen_stack[1]
    assert isinstance(found, InboxScreen)
    return found


def line_with(pilot: Pilot[Any], words: str) -> str:
    return next((line for line in screen_text(pilot.app).splitlines() if words in line), "")


async def said(pilot: Pilot[Any], words: str) -> None:
    """A toast said `words`; on the screen it may be broken into lines anywhere."""
    await until(pilot, lambda: any(words in each.message for each in pilot.app._notifications))


async def saved(pilot: Pilot[Any]) -> None:
    """Every change has ended, and the list was read after it."""
    assert await pilot.app.writes.finished(10)
    await until(pilot, lambda: not screen(pilot)._looking_again)


async def test_a_row_tells_severity_age_rule_labels_values_holder_and_state(inbox: World) -> None:
    async with at_inbox(inbox, size=(220, 40)) as pilot:
        first = line_with(pilot, "Checkout errors · region=eu")
        for words in ("✖ critical", "4 min", "service=checkout", "7.4", "12.8", "nobody", "triggered"):
            assert words in first
        listed = screen(pilot).listed.plain_text()
        assert listed.index("critical") < listed.index("warning") < listed.index("info")
        await until(pilot, lambda: "█" in line_with(pilot, "Checkout errors · region=eu"))
        await see(pilot, "6 · by severity")


async def test_names_and_labels_from_outside_are_inert(inbox: World) -> None:
    async with at_inbox(inbox, size=(220, 40)) as pilot:
        await see(pilot, "disk [/dev/sda1] full [/] ␛[31mred␛[0m")
        await pilot.press("down", "down")
        await see(pilot, "mount=/dev/sda1 ␛]0;x␇")
        await pilot.press("c")
        await type_in(pilot, "[/] \u202e[b]looked[/b]")
        await pilot.press("enter")
        await saved(pilot)
        await see(pilot, "[/] [b]looked[/b]")
        assert "\x1b" not in screen_text(pilot.app)


async def test_acknowledge_keeps_the_row_in_its_place_until_refresh(inbox: World) -> None:
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        assert pilot.app.why_not_here("inbox.undo") == "There is nothing of yours to take back."
        await pilot.press("a")
        await saved(pilot)
        await until(pilot, lambda: "acked" in line_with(pilot, "eu check") or "acked" in line_with(pilot, "✓"))
        row = line_with(pilot, "✓")
        assert "Ana Berger" in row
        assert "acked" in row
        assert pilot.app.why_not_here("inbox.acknowledge").startswith("You have it since")
        await pilot.press("u")
        await saved(pilot)
        await until(pilot, lambda: "triggered" in line_with(pilot, "✓"))
        await said(pilot, "Taken back: one acknowledged.")


async def test_three_quick_acknowledgements_are_three(inbox: World) -> None:
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        await pilot.press("a", "down", "a", "down", "a")
        await saved(pilot)
        await until(pilot, lambda: screen_text(pilot.app).count("acked") == 3)
    found = await sql(inbox, "SELECT count(*) FROM alert_incidents WHERE status = 'acknowledged'")
    assert found[0][0] == 3


async def test_keys_typed_ahead_mean_the_incident_as_the_person_left_it(inbox: World) -> None:
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        await pilot.press("a", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
        await type_in(pilot, "a restart helped")
        await pilot.press("enter")
        await saved(pilot)
        await until(pilot, lambda: "resolved" in line_with(pilot, "✓"))
        await pilot.press("u")
        await saved(pilot)
        await until(pilot, lambda: "acked" in line_with(pilot, "✓"))


async def test_a_minute_that_passes_while_the_desk_closes_ends_it_with_no_error(inbox: World) -> None:
    async with at_inbox(inbox) as pilot:
        await pilot.app._prune(pilot.app.screen)  # as Textual does with every screen that is there at the end
        pilot.app.redraw_frame()


async def test_acknowledged_in_one_desk_changes_the_other_within_a_second(inbox: World) -> None:
    async with at_inbox(inbox) as ana:
        other = desk(inbox, BEN)
        async with other.run_test(size=(120, 40), notifications=True) as ben:
            await until(ben, lambda: other.person is not None)
            await ben.press("3")
            await until(ben, lambda: isinstance(other.screen, InboxScreen) and other.screen.loaded.keys)
            await listening(ben)
            await ana.press("a")
            assert await ana.app.writes.finished(10)
            await until(ben, lambda: "Ana Berger" in line_with(ben, "eu checkout"))
            await ben.press("a")
            await said(ben, "Ana Berger has it since")


async def test_the_loser_is_told_who_was_first(inbox: World) -> None:
    async with at_inbox(inbox) as ben:
        row = screen(ben).loaded.rows[screen(ben).listed.key]
        screen(ben)._looking_again = True  # as if the news had not come yet
        assert ben.app.person is not None
        other = inbox.connect()
        try:
            from datapulse_tui.alerts.service.triage import acknowledge
            from datapulse_tui.people.actors import actor_for

            async with other.data.transaction() as session:
                await acknowledge(session, await actor_for(session, BEN), [(row.id, row.version)])
        finally:
            await other.data.dispose()
        await ben.press("a")
        await said(ben, "already acknowledged by Ben Okafor")
        screen(ben)._looking_again = False
        screen(ben).look_again(())
        await until(ben, lambda: "Ben Okafor" in line_with(ben, "▲  ✖"))


async def test_a_new_incident_appears_by_itself_and_moves_nothing(inbox: World) -> None:
    async with at_inbox(inbox, size=(120, 40)) as pilot:
        await pilot.press("down", "down", "down")
        listed = screen(pilot).listed
        key, text = listed.key, screen_text(pilot.app).splitlines()
        at = next(index for index, line in enumerate(text) if line.startswith("▌"))
        row = await fire_one(inbox, Firing("Checkout errors", {"region": "ap"}, timedelta(0), 9, 9))
        await see(pilot, "↑ 1 new: ✖ crit Checkout errors · region=ap")
        lines = screen_text(pilot.app).splitlines()
        assert listed.key == key
        assert lines[at].startswith("▌")
        assert lines[at][:70] == text[at][:70]
        await pilot.press("home")
        await until(pilot, lambda: "+" in line_with(pilot, "ap  ") or screen(pilot).listed.key == str(row.id))
        await until(pilot, lambda: "new:" not in screen_text(pilot.app))


async def test_many_at_once_are_previewed_and_told_one_by_one(inbox: World) -> None:
    async with at_inbox(inbox, size=(120, 40)) as pilot:
        await pilot.press("a")
        await saved(pilot)
        await until(pilot, lambda: "acked" in screen_text(pilot.app))
        await pilot.press("space", "space", "space", "a")
        await see(pilot, "Acknowledge 2 of 3 incidents?")
        assert isinstance(pilot.app.screen, ManyScreen)
        assert "You have it since" in screen_text(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, InboxScreen))
        await see(pilot, "3 marked of 6")
        await pilot.press("a", "enter")
        await see(pilot, "Acknowledged: 2 of 2")
        await pilot.press("escape", "u")
        await see(pilot, "Taken back: 2 acknowledged")


async def test_marks_go_before_the_filter(inbox: World) -> None:
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        await pilot.press("asterisk")
        await see(pilot, "6 marked of 6")
        await pilot.press("escape")
        await until(pilot, lambda: "marked" not in screen_text(pilot.app))
        assert pilot.app.why_not_here("inbox.clear") == "There is neither a mark nor a filter."


async def test_a_filter_completes_narrows_and_says_what_is_wrong(inbox: World) -> None:
    async with at_inbox(inbox, size=(120, 40)) as pilot:
        await pilot.press("slash")
        await type_in(pilot, "sev")
        await see(pilot, "severity:")
        await pilot.press("tab")
        await see(pilot, "critical")
        await until(pilot, lambda: screen(pilot).query_one("#offers-line").options)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: len(screen(pilot).loaded.keys) == 3)
        assert not screen(pilot).filter_open
        await pilot.press("slash")
        await type_in(pilot, "state:nonsense")
        await pilot.press("enter")
        await see(pilot, "'nonsense' is nothing for the field state")
        assert screen(pilot).filter_open
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(screen(pilot).loaded.keys) == 6)


async def test_views_have_counts_are_kept_renamed_and_deleted(inbox: World) -> None:
    async with at_inbox(inbox, size=(120, 40)) as pilot:
        await see(pilot, "Open 6")
        await pilot.press("right_square_bracket")
        await see(pilot, "No incident is in this view.")
        await pilot.press("slash")
        await type_in(pilot, "")
        for _ in range(12):
            await pilot.press("backspace")
        await type_in(pilot, "rule:Checkout")
        await pilot.press("enter")
        await until(pilot, lambda: len(screen(pilot).loaded.keys) == 4)
        await pilot.press("v", "n")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
        await type_in(pilot, "Shop [/]")
        await pilot.press("enter")
        await see(pilot, "rule:Checkout")
        await pilot.press("escape")
        await see(pilot, "Shop [/] 4")
        await pilot.press("v", "end", "d")
        await see(pilot, "Delete the view Shop [/]?")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ViewsScreen))
        assert await pilot.app.writes.finished(10)
        print(screen_text(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: "Shop [/] 4" not in screen_text(pilot.app))


async def test_order_goes_through_severity_newest_oldest(inbox: World) -> None:
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        await pilot.press("o")
        await see(pilot, "newest first")
        await pilot.press("o")
        await see(pilot, "oldest first")
        await until(pilot, lambda: "Stock" in screen(pilot).listed.plain_text().splitlines()[1])


async def test_pages_follow_when_the_cursor_nears_the_end(inbox: World) -> None:
    await sql(
        inbox,
        "WITH s AS (INSERT INTO metric_series (query_id, metric, label_key, labels) SELECT a.metric_id, a.metric, "
        "md5(g::text), jsonb_build_object('n', g::text) FROM alerts a, generate_series(1, 450) g "
        "WHERE a.name = 'Stock of parcels' RETURNING id) "
        "INSERT INTO alert_incidents (alert_id, title, severity, opened_at, series_id) "
        "SELECT a.id, 'Many ' || s.id, 'info', now() - make_interval(secs => s.id), s.id FROM alerts a, s "
        "WHERE a.name = 'Stock of parcels'",
    )
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        await see(pilot, "200+")
        loaded = screen(pilot).loaded
        while len(loaded.keys) < 456:
            before = len(loaded.keys)
            await pilot.press("end")
            await until(pilot, lambda before=before: len(loaded.keys) > before)
        assert len(set(loaded.keys)) == 456
        await see(pilot, "456 ·")


async def test_assign_finds_people_and_shows_who_has_it(inbox: World) -> None:
    async with at_inbox(inbox, size=(120, 40)) as pilot:
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.screen, AssignScreen))
        await see(pilot, "(you)")
        await type_in(pilot, "oka")
        await until(pilot, lambda: "Ana Berger (you)" not in screen_text(pilot.app))
        await see(pilot, "Ben Okafor")
        await pilot.press("enter")
        await saved(pilot)
        await until(pilot, lambda: "Ben Okafor" in line_with(pilot, "eu check"))
        await pilot.press("u")
        await saved(pilot)
        await until(pilot, lambda: "nobody" in line_with(pilot, "eu check"))


async def test_snooze_asks_until_when_and_why_and_can_be_taken_back(inbox: World) -> None:
    async with at_inbox(inbox, size=(120, 40)) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SnoozeScreen))
        await see(pilot, "It hides 1 open incident now.")
        await pilot.press("down", "down", "down")
        await see(pilot, "Critical: at most 4h without an approval")
        await pilot.press("home", "down", "enter", "enter")
        await see(pilot, "Say why in a few words")
        await type_in(pilot, "the region is drained")
        await pilot.press("enter")
        await saved(pilot)
        await until(pilot, lambda: " til " in line_with(pilot, "✓"))
        await see(pilot, "the region is drained")
        await pilot.press("u")
        await saved(pilot)
        await until(pilot, lambda: "triggered" in line_with(pilot, "✓"))


async def test_why_tells_ones_own_first(inbox: World) -> None:
    async with at_inbox(inbox, size=(120, 40)) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, WhyScreen))
        text = screen_text(pilot.app)
        assert text.index("You") < text.index("Others")
        await see(pilot, "the mail server")


async def test_an_incident_shows_everything_and_keeps_its_place(inbox: World) -> None:
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, IncidentScreen))
        for words in ("#1 Checkout errors region=eu", "error_rate of Checkout errors above 5", "runbooks/checkout"):
            await see(pilot, words)
        await see(pilot, "…")
        await pilot.press("pagedown")
        await see(pilot, "fired")
        await see(pilot, "the mail server")
        story = pilot.app.screen.story
        top = story._top
        await pilot.press("c")
        await type_in(pilot, "looking at it")
        await pilot.press("enter")
        assert await pilot.app.writes.finished(10)
        await until(pilot, lambda: pilot.app.screen.detail and len(pilot.app.screen.detail.events) > 1)
        assert story._top == top
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, InboxScreen))


async def test_whoever_may_not_act_is_told_why(inbox: World) -> None:
    await sql(inbox, "DELETE FROM alert_notifications WHERE user_id = (SELECT id FROM users WHERE email = :b)", b=BEA)
    app = desk(inbox, BEA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: app.person is not None)
        await pilot.press("3")
        await see(pilot, "Nothing is open.")
        await pilot.press("a")
        await see(pilot, "No incident is selected.")


async def test_the_bell_is_off_until_somebody_wants_it(inbox: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        rung: list[int] = []
        monkeypatch.setattr(pilot.app, "bell", lambda: rung.append(1))
        await fire_one(inbox, Firing("Checkout errors", {"region": "one"}, timedelta(0)))
        await until(pilot, lambda: len(screen(pilot).loaded.keys) == 7)
        assert not rung
        await pilot.press("colon", *"bell", "enter")
        await said(pilot, "The bell is on.")
        await fire_one(inbox, Firing("Stock of parcels", {"region": "two"}, timedelta(0)))
        await fire_one(inbox, Firing("Checkout errors", {"region": "three"}, timedelta(seconds=-1)))
        await until(pilot, lambda: rung)
        assert len(rung) == 1


async def test_ages_are_written_at_most_once_a_minute_and_a_few_at_a_time(inbox: World) -> None:
    async with at_inbox(inbox, size=(80, 24)) as pilot:
        listed = screen(pilot).listed
        before = listed.plain_text()
        listed.minute(listed._now)
        assert listed.plain_text() == before
        listed.minute(listed._now + timedelta(days=40))
        changed = [
            one
            for one, other in zip(before.splitlines(), listed.plain_text().splitlines(), strict=True)
            if one != other
        ]
        assert 0 < len(changed) <= 8
