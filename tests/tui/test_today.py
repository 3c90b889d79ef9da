"""Today: what needs a person, the metrics they keep in sight, and what went wrong."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from datapulse_tui.alerts.views import Count
from datapulse_tui.errors import Conflict
from datapulse_tui.tui.screens.alerts.incident import IncidentScreen
from datapulse_tui.tui.screens.alerts.snoozes import SnoozesScreen
from datapulse_tui.tui.screens.channels.channels import ChannelsScreen
from datapulse_tui.tui.screens.today.today import TodayScreen
from datapulse_tui.tui.services import Person
from datapulse_tui.tui.widgets.sections import SectionList
from datapulse_tui.tui.widgets.task_rows import TaskRows
from datapulse_tui.workflows.views import RequestRow
from tests.tui.conftest import ANA, World, at_rest, listening, screen_text, see, until
from tests.tui.inbox_world import BEA, BEN, Firing, desk, fill, fire, sql

ESCALATIONS = (
    "UPDATE alert_incidents SET escalate_at = CASE number WHEN 2 THEN now() + interval '4.5 min' "
    "WHEN 4 THEN now() + interval '3.5 h' END"
)


@pytest.fixture
def waiting(world: World) -> World:
    """The inbox's world, in which the second and the fourth incident escalate."""

    async def prepare() -> None:
        connection = world.connect()
        try:
            await fill(connection)
        finally:
            await connection.data.dispose()
        await sql(world, ESCALATIONS)

    asyncio.run(prepare())
    return world


def rows(pilot: Pilot[Any]) -> list[str]:
    """The lines of what needs the person, without the header."""
    return [line for line in pilot.app.screen.query_one(TaskRows).plain_text().splitlines()[1:] if line.strip()]


def around(pilot: Pilot[Any]) -> str:
    return pilot.app.screen.query_one(SectionList).plain_text()


async def opened(pilot: Pilot[Any]) -> TodayScreen:
    await see(pilot, "Needs me")
    return cast(TodayScreen, pilot.app.screen)


async def test_the_desk_opens_on_what_breaches_first(waiting: World) -> None:
    app = desk(waiting, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot)
        lines = rows(pilot)
        assert len(lines) == 6
        assert "Checkout errors · us" in lines[0]
        assert lines[0].endswith("4m")
        assert "Checkout latency · eu" in lines[1]
        assert lines[1].endswith("3h")
        await see(pilot, "3 Alerts 6")
        await pilot.resize_terminal(200, 40)
        await see(pilot, "escalates in 4m")


async def test_what_one_has_is_there_and_what_another_has_is_not(waiting: World) -> None:
    await sql(
        waiting,
        "UPDATE alert_incidents SET status = 'acknowledged', version = version + 1, acknowledged_at = now(), "
        "acknowledged_by = (SELECT id FROM users WHERE email = CASE number WHEN 1 THEN :ana ELSE :ben END) "
        "WHERE number IN (1, 3)",
        ana=ANA,
        ben=BEN,
    )
    app = desk(waiting, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot)
        lines = rows(pilot)
        assert len(lines) == 5
        assert [line for line in lines if "you" in line and "eu checkout" in line]
        assert not [line for line in lines if "disk" in line]


async def test_acknowledging_keeps_the_row_where_it_is_and_undo_takes_it_back(waiting: World) -> None:
    app = desk(waiting, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("a")
        await until(pilot, lambda: "✓" in rows(pilot)[0] and "you" in rows(pilot)[0])
        assert "Checkout errors · us" in rows(pilot)[0]
        assert await app.writes.finished(5)
        await see(pilot, "3 Alerts 5")
        await pilot.press("u")
        await until(pilot, lambda: "nobody" in rows(pilot)[0])
        await see(pilot, "3 Alerts 6")


async def test_the_dialogs_of_triage_open_from_here(waiting: World) -> None:
    app = desk(waiting, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot)
        for key in "srgc":
            await pilot.press(key)
            await until(pilot, lambda: not isinstance(app.screen, TodayScreen))
            assert "#2 Checkout errors" in screen_text(app)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, TodayScreen))


async def test_what_is_new_moves_nothing_under_the_cursor(waiting: World) -> None:
    app = desk(waiting, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await opened(pilot)
        await listening(pilot)
        await pilot.press("down")
        needs = screen.query_one(TaskRows)
        before, line = needs.key, needs.cursor - needs._top
        connection = waiting.connect()
        try:
            row = await fire(connection, Firing("Checkout errors", {"region": "ap"}, timedelta(seconds=5)))
        finally:
            await connection.data.dispose()
        await sql(waiting, f"UPDATE alert_incidents SET escalate_at = now() + interval '1.5 min' WHERE id = '{row.id}'")
        await sql(waiting, """SELECT pg_notify('datapulse', '["incidents"]')""")
        await until(pilot, lambda: len(needs.rows) == 7)
        await pilot.pause()  # the list has grown by a line
        assert (needs.key, needs.cursor - needs._top) == (before, line)
        await see(pilot, "3 Alerts 7")


async def test_what_others_settle_stays_only_under_the_cursor(waiting: World) -> None:
    app = desk(waiting, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await opened(pilot)
        await listening(pilot)
        await sql(waiting, "UPDATE alert_incidents SET status = 'resolved', resolved_at = now() WHERE number IN (2, 4)")
        await sql(waiting, """SELECT pg_notify('datapulse', '["incidents"]')""")
        await until(pilot, lambda: len(rows(pilot)) == 5)
        assert rows(pilot)[0].endswith("✓")
        assert "Needs me · 4" in screen_text(app)
        await pilot.press("R")
        await until(pilot, lambda: len(rows(pilot)) == 4)
        assert screen.tasks.gone == set()


async def test_a_metric_is_pinned_in_the_incident_and_let_go_here(waiting: World) -> None:
    app = desk(waiting, ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, IncidentScreen))
        await until(pilot, lambda: not cast(IncidentScreen, app.screen).why_not("incident.pin"))
        await pilot.press("p")
        await see(pilot, "us · checkout · Checkout errors")
        assert await app.writes.finished(5)
        await pilot.press("escape")
        await see(pilot, "Pinned metrics")
        assert "▲ us · checkout" in around(pilot)
        assert "5.2" in around(pilot)
        assert "Failed deliveries" in around(pilot)
        await pilot.press("right")
        assert isinstance(app.focused, SectionList)
        await pilot.press("home", "p")
        await see(pilot, "no longer on")
        await until(pilot, lambda: "Pinned" not in around(pilot))


async def test_the_rest_stands_in_sections_that_lead_on(waiting: World) -> None:
    await sql(
        waiting,
        "INSERT INTO alert_snoozes (alert_id, kind, until, reason, created_by) "
        "SELECT id, 'until_time', now() + interval '20 min', 'Deploy', user_id FROM alerts WHERE name LIKE 'Stock%'",
    )
    await sql(
        waiting,
        "UPDATE data_sources SET status = 'error', "
        "metadata = jsonb_build_object('problem', 'no route to [/] host ' || chr(27) || '[31m')",
    )
    app = desk(waiting, ANA)
    async with app.run_test(size=(160, 40), notifications=True) as pilot:
        await opened(pilot)
        text = around(pilot)
        assert "Stock of parcels (whole rule)" in text
        assert "email to Bea Lind ×6: the mail server" in text
        assert "warehouse: no route to [/] host" in text
        await pilot.press("l", "enter")
        await until(pilot, lambda: isinstance(app.screen, SnoozesScreen))
        await pilot.press("1")
        await opened(pilot)
        await pilot.press("l", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ChannelsScreen))
        await pilot.press("1")
        await opened(pilot)
        await pilot.press("l", "end", "enter")
        await see(pilot, "asks it again. Rules on it wait")


async def test_the_cursor_goes_from_one_list_to_the_other(waiting: World) -> None:
    app = desk(waiting, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("end", "down")
        assert isinstance(app.focused, SectionList)
        await pilot.press("a")
        await see(pilot, "No incident is selected.")
        await pilot.press("up")
        assert isinstance(app.focused, TaskRows)


async def test_who_is_told_sees_their_own_and_no_deliveries(waiting: World) -> None:
    await sql(waiting, "DELETE FROM alert_notifications WHERE incident_id IN (SELECT id FROM alert_incidents "
              "WHERE number > 1)")  # fmt: skip
    app = desk(waiting, BEA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await see(pilot, "Needs me · 1")
        assert not app.screen.query_one(SectionList).display
        await see(pilot, "3 Alerts 1")


async def test_a_number_that_is_counted_while_the_session_begins_is_there(waiting: World) -> None:
    app = desk(waiting, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Alerts 6")
        await at_rest(pilot)
        count = app.services.badge

        async def begins_meanwhile(person: Person) -> Count:
            app.services.badge = count  # type: ignore[method-assign]
            app.session.person = person._replace(preferences={})
            return await count(person)

        app.services.badge = begins_meanwhile  # type: ignore[method-assign]
        app.session.badges.welcome()
        assert app.session.badges.words == {}
        await until(pilot, lambda: app.session.badges.words.get("alerts") == "6")


async def test_an_empty_desk_says_how_to_begin(world: World) -> None:
    await sql(world, "DELETE FROM dashboards")
    await sql(world, "DELETE FROM data_sources")
    app = desk(world, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Nothing is here yet. Three ways to begin:")
        await pilot.press("enter")
        await see(pilot, "Nothing is selected.")


async def test_that_nothing_waits_is_said_only_once_everything_was_looked_at(
    waiting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sql(waiting, "DELETE FROM deliveries")
    await sql(waiting, "UPDATE alert_incidents SET status = 'resolved', resolved_at = now()")
    app = desk(waiting, ANA)
    answer, read = asyncio.Event(), app.services.waiting_requests

    async def fails(person: Person) -> tuple[RequestRow, ...]:
        await answer.wait()
        raise Conflict("The requests are being moved.", hint="Wait.")

    monkeypatch.setattr(app.services, "waiting_requests", fails)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "No incident needs you; looking for requests")
        answer.set()
        await see(pilot, "the requests could not be read. R tries again.")
        await see(pilot, "The requests are being moved.")
        monkeypatch.setattr(app.services, "waiting_requests", read)
        await pilot.press("R")
        await see(pilot, "there is no rule yet")


async def test_all_is_well_when_nothing_waits(waiting: World) -> None:
    await sql(waiting, "DELETE FROM deliveries")
    await sql(waiting, "UPDATE alert_incidents SET status = 'resolved', resolved_at = now()")
    app = desk(waiting, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "there is no rule yet")
        await sql(waiting, "INSERT INTO alert_evaluations (alert_id, next_at, last_at) SELECT id, now(), now() "
                  "FROM alerts")  # fmt: skip
        await pilot.press("R")
        await see(pilot, "✓ Nothing needs you now.")
        await see(pilot, "4 rules are watched")
