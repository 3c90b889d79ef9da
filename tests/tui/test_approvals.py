"""The queue of approvals: what stands in a row, deciding by keys, and what two desks see of each other."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui.screens.alerts.ask import AskScreen, ManyScreen
from datapulse_tui.tui.screens.alerts.assign import AssignScreen
from datapulse_tui.tui.screens.approvals.queue import QueueScreen
from datapulse_tui.tui.screens.approvals.request import RequestScreen
from datapulse_tui.workflows.service import decisions
from tests.tui.approvals_world import CLEO, acting, at_queue, make, pass_time, prepare
from tests.tui.conftest import World, screen_text, see, type_in, until
from tests.tui.inbox_world import BEA, desk, sql


@pytest.fixture
def asked(world: World) -> World:
    """Five requests, of three people."""
    return prepare(world)


def screen(pilot: Pilot[Any]) -> QueueScreen:
    found = pilot.app.screen_stack[1]
    assert isinstance(found, QueueScreen)
    return found


def line_with(pilot: Pilot[Any], words: str) -> str:
    return next((line for line in screen(pilot).listed.plain_text().splitlines() if words in line), "")


async def said(pilot: Pilot[Any], words: str) -> None:
    await until(pilot, lambda: any(words in each.message for each in pilot.app._notifications))


async def saved(pilot: Pilot[Any]) -> None:
    """Every change has ended, and the list was read after it."""
    assert await pilot.app.writes.finished(10)
    await until(pilot, lambda: not screen(pilot)._looking_again)


async def go_to(pilot: Pilot[Any], words: str) -> None:
    """Put the cursor on the row of the request with these words."""
    await until(pilot, lambda: any(words in row.subject for row in screen(pilot).loaded.rows.values()))
    key = next(key for key, row in screen(pilot).loaded.rows.items() if words in row.subject)
    screen(pilot).listed.move_to(screen(pilot).loaded.keys.index(key))
    await pilot.pause()


async def test_its_digit_leads_to_the_queue(asked: World) -> None:
    app = desk(asked, CLEO)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: app.person is not None)
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, QueueScreen) and app.screen.loaded.keys)


async def test_a_row_tells_priority_time_type_subject_requester_and_state(asked: World) -> None:
    async with at_queue(asked, size=(220, 40)) as pilot:
        row = line_with(pilot, "the role analyst")
        for words in ("● normal", "in ", "A role", "Bea Lind", "pending"):
            assert words in row
        assert "0 of 2 votes" in line_with(pilot, "attic")
        await see(pilot, "least time left first")


async def test_the_detail_tells_values_effect_history_and_earlier_requests(asked: World) -> None:
    async with at_queue(asked, size=(120, 40)) as pilot:
        await go_to(pilot, "the role analyst")
        for words in (
            "What is asked",
            "I write the weekly",
            "On approval",
            "Bea Lind gets",
            "History",
            "requested by Bea",
        ):
            await see(pilot, words)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RequestScreen))
        await see(pilot, "Earlier requests of the same person")
        await see(pilot, "an administrator")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, QueueScreen))


async def test_words_from_outside_are_inert(asked: World) -> None:
    async with at_queue(asked, size=(220, 40)) as pilot:
        await go_to(pilot, "A second screen")
        await see(pilot, "[/dev/sda1] full [/]")
        assert "\x1b" not in screen_text(pilot.app)


async def test_approve_is_provisional_and_can_be_taken_back(asked: World) -> None:
    async with at_queue(asked, size=(80, 24)) as pilot:
        await go_to(pilot, "the role analyst")
        assert pilot.app.why_not_here("queue.undo") == "There is nothing of yours to take back."
        await pilot.press("a")
        await saved(pilot)
        await until(pilot, lambda: "u<" in line_with(pilot, "the role analyst"))
        await said(pilot, "Approved. u takes it back for 10 seconds.")
        assert "lready approved by Cleo Marsh" in pilot.app.why_not_here("queue.approve")
        await pilot.press("u")
        await saved(pilot)
        await until(pilot, lambda: "pending" in line_with(pilot, "the role analyst"))
    found = await sql(asked, "SELECT count(*) FROM workflows WHERE final_at IS NOT NULL")
    assert found[0][0] == 0


async def test_what_was_approved_is_carried_out_and_the_row_says_so(asked: World) -> None:
    async with at_queue(asked) as pilot:
        await go_to(pilot, "the role analyst")
        await pilot.press("a")
        await saved(pilot)
        await pass_time(asked)
        await until(pilot, lambda: "✓ done" in line_with(pilot, "the role analyst"))
    assert (await sql(asked, "SELECT role FROM users WHERE email = :e", e=BEA))[0][0] == "analyst"


async def test_reject_asks_for_a_comment(asked: World) -> None:
    async with at_queue(asked, size=(120, 40)) as pilot:
        await go_to(pilot, "the role admin")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
        await pilot.press("enter")
        await see(pilot, "Say why in a few words")
        await type_in(pilot, "two are enough")
        await pilot.press("enter")
        await saved(pilot)
        await until(pilot, lambda: "✖ u<" in line_with(pilot, "the role admin"))
        await see(pilot, "two are enough")


async def test_the_loser_is_told_who_was_first_and_sees_it_at_once(asked: World) -> None:
    async with at_queue(asked, size=(80, 24)) as pilot:
        await go_to(pilot, "the role analyst")
        row = screen(pilot).row
        assert row is not None
        await acting(asked, "dan@example.org", decisions.approve, [(row.id, row.version)])
        await until(pilot, lambda: "✓ Dan Abe" in line_with(pilot, "the role analyst"))
        await pilot.press("a")
        await said(pilot, "lready approved by Dan Abe")


async def test_two_quick_approvals_are_two_and_need_no_look_at_the_list_between(asked: World) -> None:
    async with at_queue(asked, size=(80, 24)) as pilot:
        await until(pilot, lambda: len(screen(pilot).loaded.keys) == 4)
        await pilot.press("a", "down", "a")
        await saved(pilot)
        await until(pilot, lambda: screen(pilot).listed.plain_text().count("✓") >= 2)
    assert (await sql(asked, "SELECT count(*) FROM workflow_votes WHERE retracted_at IS NULL"))[0][0] == 2


async def test_many_are_looked_over_first_and_told_one_by_one_afterwards(asked: World) -> None:
    await make(asked, CLEO, "free_form", {"subject": "My own"})
    async with at_queue(asked, size=(120, 40)) as pilot:
        await pilot.press("right", "right", "right")
        await see(pilot, "My own")
        await until(pilot, lambda: len(screen(pilot).loaded.keys) == 6)
        await pilot.press("asterisk")
        await see(pilot, "6 marked of 6")
        await pilot.press("a")
        await see(pilot, "Approve 4 of 6 requests?")
        assert isinstance(pilot.app.screen, ManyScreen)
        await see(pilot, "It is your own request.")
        await pilot.press("escape", "a", "enter")
        await see(pilot, "Approved: 4 of 4")
        await see(pilot, "it needs 1 more")
        await pilot.press("escape", "u")
        await see(pilot, "Taken back: 4 approved")


async def test_ask_goes_back_to_the_requester_who_answers_it(asked: World) -> None:
    async with at_queue(asked) as cleo:
        await go_to(cleo, "the role analyst")
        await cleo.press("i")
        await type_in(cleo, "For how long?")
        await cleo.press("enter")
        await saved(cleo)
        await until(cleo, lambda: "stands" in line_with(cleo, "the role analyst"))
        async with at_queue(asked, BEA, (80, 24)) as bea:
            await bea.press("right")
            await go_to(bea, "the role analyst")
            assert "▲ asks you" in line_with(bea, "the role analyst")
            assert "It is your own request" in bea.app.why_not_here("queue.approve")
            await bea.press("e")
            await see(bea, "Cleo Marsh asks: For how long?")
            await type_in(bea, "Until the summer.")
            await bea.press("enter")
            await saved(bea)
        await until(cleo, lambda: "pending" in line_with(cleo, "the role analyst"))
        await see(cleo, "Until the summer.")


async def test_claim_release_and_give_away(asked: World) -> None:
    async with at_queue(asked) as pilot:
        await go_to(pilot, "A second screen")
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.screen, AssignScreen))
        await see(pilot, "claim it")
        await pilot.press("enter")
        await saved(pilot)
        await until(pilot, lambda: "◂ you" in line_with(pilot, "A second screen"))
        await pilot.press("g")
        await see(pilot, "release it")
        await type_in(pilot, "oka")
        await until(
            pilot, lambda: "Ben Okafor" in screen_text(pilot.app) and "release it" not in screen_text(pilot.app)
        )
        await pilot.press("enter")
        await saved(pilot)
        await until(pilot, lambda: "◂ Ben Okafor" in line_with(pilot, "A second screen"))


async def test_withdraw_asks_and_is_for_ones_own_alone(asked: World) -> None:
    async with at_queue(asked, BEA) as pilot:
        await pilot.press("right")
        await go_to(pilot, "the role analyst")
        await pilot.press("d")
        await see(pilot, "It is then over for good")
        await type_in(pilot, "I am told another way")
        await pilot.press("enter")
        await saved(pilot)
        await until(pilot, lambda: "withdrawn" in line_with(pilot, "the role analyst"))
    async with at_queue(asked) as pilot:
        await go_to(pilot, "the role admin")
        assert pilot.app.why_not_here("queue.withdraw") == "It is a request of Ben Okafor."


async def test_a_failed_effect_shows_its_reason_and_is_run_again(asked: World) -> None:
    async with at_queue(asked) as pilot:
        await go_to(pilot, "the role analyst")
        await pilot.press("a")
        await saved(pilot)
        await sql(asked, "UPDATE users SET status = 'inactive' WHERE email = :e", e=BEA)
        await pass_time(asked)
        await until(pilot, lambda: "▲ not done" in line_with(pilot, "the role analyst"))
        await see(pilot, "is not active")
        await see(pilot, "x runs it again.")
        await sql(asked, "UPDATE users SET status = 'active' WHERE email = :e", e=BEA)
        await pilot.press("x")
        await saved(pilot)
        await said(pilot, "It runs again.")
        await pass_time(asked)
        await until(pilot, lambda: "✓ done" in line_with(pilot, "the role analyst"))


async def test_filters_complete_and_views_are_kept_for_this_room(asked: World) -> None:
    async with at_queue(asked) as pilot:
        await pilot.press("slash")
        await type_in(pilot, "ty")
        await see(pilot, "type:")
        await pilot.press("tab")
        await type_in(pilot, "role_grant")
        await pilot.press("enter")
        await until(pilot, lambda: len(screen(pilot).loaded.keys) == 2)
        await pilot.press("v", "n")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
        await type_in(pilot, "Roles [/]")
        await pilot.press("enter")
        await see(pilot, "type:role_grant")
        await pilot.press("escape")
        await see(pilot, "Roles [/] 2")
        await pilot.press("slash")
        await type_in(pilot, "late:maybe")
        await pilot.press("enter")
        await see(pilot, "'maybe' is nothing for the field late")
    assert (await sql(asked, "SELECT room FROM saved_views"))[0][0] == "workflows"


async def test_who_decides_nothing_sees_their_own(asked: World) -> None:
    async with at_queue(asked, BEA, (80, 24)) as pilot:
        await see(pilot, "Nothing waits for you.")
        assert "All" not in screen_text(pilot.app).splitlines()[1]
        await pilot.press("a")
        await said(pilot, "No request is selected.")


async def test_the_number_in_the_top_line_counts_what_waits(asked: World) -> None:
    async with at_queue(asked, size=(80, 24)) as pilot:
        await see(pilot, "Approvals 4")
        row = next(row for row in screen(pilot).loaded.rows.values() if "analyst" in row.subject)
        await acting(asked, "dan@example.org", decisions.approve, [(row.id, row.version)])
        await see(pilot, "Approvals 3")


async def test_order_goes_between_time_left_and_newest_over_all_pages(
    asked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datapulse_tui.tui import desk_approvals

    monkeypatch.setattr(desk_approvals, "REQUESTS_PAGE", 2)
    await sql(asked, "UPDATE workflows SET created_at = created_at - number * interval '1 hour'")
    async with at_queue(asked, size=(120, 40)) as pilot:
        await pilot.press("o")
        await see(pilot, "newest first")
        await saved(pilot)
        loaded = screen(pilot).loaded
        await until(pilot, lambda: [row.number for row in loaded.rows.values()][:2] == [2, 3])
        await pilot.press("end")
        await until(pilot, lambda: len(loaded.keys) == 4)
        numbers = [loaded.rows[key].number for key in loaded.keys]
        assert numbers == sorted(numbers)
        await pilot.press("o")
        await see(pilot, "least time left first")
