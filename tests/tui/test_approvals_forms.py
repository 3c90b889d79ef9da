"""Forms of the room Approvals: making a request, asking for a dashboard, absences; and requests among Today's tasks."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui.screens.approvals.absence import AbsenceScreen
from datapulse_tui.tui.screens.approvals.absences import AbsencesScreen
from datapulse_tui.tui.screens.approvals.request import RequestScreen
from datapulse_tui.tui.screens.approvals.request_form import RequestFormScreen
from datapulse_tui.tui.screens.approvals.request_types import TypesScreen
from datapulse_tui.tui.screens.dashboard import DashboardScreen
from datapulse_tui.tui.screens.rules.dialogs import QuestionScreen
from datapulse_tui.tui.screens.today.today import TodayScreen
from datapulse_tui.workflows.service import decisions, requests
from tests.tui.approvals_world import CLEO, acting, at_queue, make, pass_time, prepare
from tests.tui.conftest import ANA, World, listening, screen_text, see, type_in, until
from tests.tui.inbox_world import BEA, BEN, desk, sql


@pytest.fixture
def asked(world: World) -> World:
    """Five requests, of three people."""
    return prepare(world)


def form(pilot: Pilot[Any]) -> RequestFormScreen:
    found = pilot.app.screen
    assert isinstance(found, RequestFormScreen)
    return found


async def open_form(pilot: Pilot[Any], title: str) -> None:
    await pilot.press("n")
    await until(pilot, lambda: isinstance(pilot.app.screen, TypesScreen))
    types = pilot.app.screen.query_one("#types")
    types.move_to(next(at for at, row in enumerate(types.rows) if row.cells[0] == title))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, RequestFormScreen))
    await pilot.pause()


async def test_a_form_is_made_from_its_type_and_tells_what_the_request_would_be(asked: World) -> None:
    async with at_queue(asked, BEN, (80, 24)) as pilot:
        await open_form(pilot, "Access to a data source")
        await see(pilot, "Still to be filled in: Source, Reason.")
        await pilot.press("enter")
        await type_in(pilot, "att")
        await see(pilot, "attic (postgresql)")
        await pilot.press("enter", "tab", "tab")
        await type_in(pilot, "to look at it")
        await see(pilot, "Ben Okafor")
        await see(pilot, "on approval")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(pilot.app.screen, RequestFormScreen))
    found = await sql(asked, "SELECT count(*) FROM workflows WHERE type = 'data_source_access'")
    assert found[0][0] == 1


async def test_what_is_wrong_is_told_at_its_field(asked: World) -> None:
    async with at_queue(asked, BEA, (120, 40)) as pilot:
        await open_form(pilot, "A role")
        await pilot.press("ctrl+s")
        await see(pilot, "not sent")
        await see(pilot, "▲ Role")
        assert screen_text(pilot.app).count("it is needed") >= 2
        assert form(pilot).sheet.control("role").has_focus
        await pilot.press("enter")
        await type_in(pilot, "business")
        await pilot.press("enter", "tab", "tab")
        await type_in(pilot, "why not")
        await see(pilot, "There is no role called 'business'.")
        assert "it is needed" not in screen_text(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionScreen))


async def test_what_was_written_comes_back_until_it_is_sent_or_thrown_away(asked: World) -> None:
    async with at_queue(asked, BEA, (120, 40)) as pilot:
        await open_form(pilot, "A role")
        form(pilot).sheet.go_to("reason")
        await type_in(pilot, "half a sentence")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionScreen))
        await pilot.click("#keep")
        await until(pilot, lambda: not isinstance(pilot.app.screen, (QuestionScreen, RequestFormScreen)))
        await until(pilot, lambda: pilot.app.writes.pending == 0)
    async with at_queue(asked, BEA, (120, 40)) as pilot:
        await open_form(pilot, "A role")
        await see(pilot, "your draft of")
        assert form(pilot).values["reason"] == "half a sentence"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionScreen))
        await pilot.click("#drop")
        await until(pilot, lambda: not isinstance(pilot.app.screen, (QuestionScreen, RequestFormScreen)))
        await open_form(pilot, "A role")
        assert form(pilot).values["reason"] == ""
        assert "your draft" not in screen_text(pilot.app)


@pytest.mark.parametrize("keep", [True, False])
async def test_a_change_that_another_desk_overtook_may_still_be_sent(asked: World, keep: bool) -> None:
    async with at_queue(asked, ANA, (120, 40)) as pilot:
        await pilot.press("right")
        await see(pilot, "attic")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, RequestFormScreen))
        await pilot.pause()
        form(pilot).sheet.go_to("reason")
        await pilot.press("end")
        await type_in(pilot, " Mine.")
        row = (await sql(asked, "SELECT id, version FROM workflows WHERE type = 'data_source_deletion'"))[0]
        theirs = {"source": "attic", "reason": "Theirs."}
        await acting(asked, ANA, requests.edit, row.id, row.version, theirs)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionScreen))
        await see(pilot, "changed meanwhile")
        await pilot.click("#mine" if keep else "#theirs")
        if keep:
            await until(pilot, lambda: not isinstance(pilot.app.screen, (QuestionScreen, RequestFormScreen)))
        else:
            await see(pilot, "as it is by now")
            assert form(pilot).values["reason"] == "Theirs."
    reason = "details->'fields'->>'reason'"
    found = (await sql(asked, f"SELECT {reason} AS reason FROM workflows WHERE type = 'data_source_deletion'"))[
        0
    ].reason
    assert found == ("It moved to the new cluster. Mine." if keep else "Theirs.")


async def test_ones_own_request_is_changed_and_votes_on_it_are_void(asked: World) -> None:
    await sql(asked, "UPDATE users SET role = 'admin' WHERE email = :e", e=BEN)
    row = (await sql(asked, "SELECT id, version FROM workflows WHERE type = 'data_source_deletion'"))[0]
    await acting(asked, CLEO, decisions.approve, [(row.id, row.version)])
    async with at_queue(asked, ANA) as pilot:
        await pilot.press("right")
        await see(pilot, "1 of 2 votes")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, RequestFormScreen))
        await pilot.pause()
        assert form(pilot).values["source"] == "attic"
        assert pilot.app.why_not_here("request_form.send") == "Nothing was changed."
        form(pilot).sheet.go_to("reason")
        await type_in(pilot, "And nobody asks for it. ")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(pilot.app.screen, RequestFormScreen))
        await see(pilot, "0 of 2 votes")
        await see(pilot, "nobody asks for")


async def test_access_to_a_dashboard_is_requested_approved_and_used(asked: World) -> None:
    board = (await sql(asked, "SELECT id FROM dashboards WHERE name = 'Sales'"))[0].id
    app = desk(asked, BEN)
    async with at_queue(asked, ANA) as ana, app.run_test(size=(120, 40), notifications=True) as ben:
        await until(ben, lambda: app.person is not None)
        await listening(ben)
        await app.push_screen(DashboardScreen(board, "Sales"))
        await see(ben, "n asks for access.")
        await ben.press("n")
        await until(ben, lambda: isinstance(app.screen, RequestFormScreen))
        await ben.pause()
        assert form(ben).values["permission"] == "view"
        form(ben).sheet.go_to("reason")
        await type_in(ben, "I watch the sales")
        await see(ben, "its owner Ana Berger")
        await ben.press("ctrl+s")
        await see(ana, "Ben Okafor: view Sales")
        await ana.press("slash")
        await type_in(ana, "requester:ben")
        await ana.press("enter")
        await until(ana, lambda: len(ana.app.screen.loaded.keys) == 1)
        await ana.press("a")
        assert await ana.app.writes.finished(10)
        await pass_time(asked)
        await until(ana, lambda: "✓ done" in ana.app.screen.listed.plain_text())
        await until(ben, lambda: isinstance(app.screen, DashboardScreen) and app.screen.view is not None)
        assert app.why_not_here("dashboard.request") == ""


async def test_a_substitute_is_named_after_it_was_seen_who_would_get_what(asked: World) -> None:
    async with at_queue(asked, CLEO, (120, 40)) as cleo:
        await cleo.press("left")
        await until(cleo, lambda: isinstance(cleo.app.screen, AbsencesScreen))
        await see(cleo, "Nobody stands in for anybody now.")
        await cleo.press("n")
        await until(cleo, lambda: isinstance(cleo.app.screen, AbsenceScreen))
        await cleo.pause()
        await cleo.press("enter")
        await type_in(cleo, "oka")
        await see(cleo, BEN)
        await cleo.press("enter")
        await see(cleo, "They would get 3 of 4 that wait for you now:")
        await see(cleo, "it is Ben Okafor's own request")
        cleo.app.screen.sheet.go_to("until")
        cleo.app.screen.sheet.put({"until": "2020-01-01 08:00"})
        await see(cleo, "It ends before it begins.")
        cleo.app.screen.sheet.put({"until": "2d"})
        await see(cleo, "They would get 3 of 4")
        await cleo.press("ctrl+s")
        await until(cleo, lambda: isinstance(cleo.app.screen, AbsencesScreen))
        await see(cleo, "holds")
        async with at_queue(asked, BEN) as ben:
            await see(ben, "the role analyst")
            assert "the role admin" not in ben.app.screen.listed.plain_text()
            await ben.press("slash")
            await type_in(ben, "type:role_grant")
            await ben.press("enter")
            await until(ben, lambda: "you decide for Cleo" in screen_text(ben.app))
        await cleo.press("d")
        await see(cleo, "End it now?")
        await cleo.press("tab", "enter")
        await see(cleo, "Nobody stands in for anybody now.")
        await cleo.press("v")
        await see(cleo, "ended")


async def test_today_lists_requests_among_incidents_by_the_time_left_and_decides_them(asked: World) -> None:
    app = desk(asked, CLEO)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, TodayScreen))
        await see(pilot, "the role analyst")
        today = app.screen
        assert isinstance(today, TodayScreen)
        today._needs.move_to(
            next(at for at, key in enumerate(today.tasks.keys) if "analyst" in today.tasks.tasks[key].what[0])
        )
        await pilot.pause()
        assert app.why_not_here("today.snooze") == "That is for incidents; this is a request."
        await pilot.press("a")
        assert await app.writes.finished(10)
        await see(pilot, "settled")
        await pilot.press("u")
        assert await app.writes.finished(10)
        await until(pilot, lambda: "settled" not in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RequestScreen))
        await see(pilot, "decision taken back by Cleo Marsh")


async def test_a_late_request_that_arrives_shows_in_an_open_queue(asked: World) -> None:
    async with at_queue(asked, size=(80, 24)) as pilot:
        made = await make(asked, BEA, "free_form", {"subject": "The lift stands"})
        await see(pilot, "The lift stands")
        await sql(asked, "UPDATE workflows SET due_at = now() - interval '2 hours' WHERE id = :id", id=made)
        await pilot.press("R")
        await see(pilot, "late 2h")
        await see(pilot, "Late 1")
