"""The list of dashboards."""

from __future__ import annotations

import asyncio

import pytest

from datapulse_tui.tui.screens.dashboard import DashboardScreen
from datapulse_tui.tui.widgets.rows import RowList
from tests.tui.conftest import ANA, World, listening, screen_text, see, see_all_read, sql, until

pytestmark = pytest.mark.usefixtures("dashboards_first")


async def test_names_are_shown_as_they_are_and_never_parsed(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await see(pilot, "disk [/dev/sda1] full [/]")
        assert "\x1b" not in screen_text(app)
        await pilot.press("home", "enter")
        await see(pilot, "[b]Empty[/]")
        await see(pilot, "No rows")


async def test_moving_the_cursor_changes_nothing_and_shows_the_detail(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await see(pilot, "Sales")
        rows = app.screen.query_one(RowList)
        await pilot.press("down")
        await see(pilot, "What was sold, by product and hour.")
        await see(pilot, "By product")  # read when the cursor rests
        assert rows.cursor == 1
        await pilot.press("G", "k", "k", "k", "k")
        assert rows.cursor == 0


async def test_the_detail_gives_way_below_120_columns(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(119, 30), notifications=True) as pilot:
        await see(pilot, "Sales")
        assert not app.screen.query_one("#detail").display
        await pilot.resize_terminal(120, 30)
        await until(pilot, lambda: app.screen.query_one("#detail").display)


async def test_a_filter_narrows_the_list_and_escape_takes_it_away(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Slow")
        await pilot.press("slash", "s", "a", "l", "e")
        await until(pilot, lambda: "Slow" not in screen_text(app))
        assert "Sales" in screen_text(app)
        await pilot.press("enter")
        assert isinstance(app.focused, RowList)
        await pilot.press("escape")
        await see(pilot, "Slow")
        await pilot.press("slash", *"zzz")
        await see(pilot, 'No dashboard holds "zzz" here.')


async def test_the_tabs_choose_whose_dashboards(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Sales")
        await pilot.press("right", "right")
        await see(pilot, "Nobody shared a dashboard with you yet.")
        await pilot.press("right")
        await see(pilot, "No dashboard is public yet.")
        await pilot.press("left", "h", "h")
        await see(pilot, "Sales")


async def test_three_quick_stars_are_three_changes(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Sales")
        await pilot.press("s", "down", "s", "down", "s")
        assert await app.writes.finished(5)
        await until(pilot, lambda: screen_text(app).count("★") == 3)
    again = world.desk(as_email=ANA)
    async with again.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: screen_text(again).count("★") == 3)
        await pilot.press("s")
        assert await again.writes.finished(5)
        await until(pilot, lambda: screen_text(again).count("★") == 2)


async def test_pages_follow_each_other_without_a_gap(world: World) -> None:
    await sql(
        world,
        "INSERT INTO dashboards (user_id, name) SELECT id, 'Many ' || to_char(g, 'FM0000') "
        "FROM users, generate_series(1, 450) g WHERE email = 'ana@example.org'",
    )
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "200+")
        await see_all_read(pilot)
        rows = app.screen.query_one(RowList)
        while len(rows.rows) < 453:
            before = len(rows.rows)
            await pilot.press("end")
            await until(pilot, lambda before=before: len(rows.rows) > before)
        assert len({row.key for row in rows.rows}) == 453
        await see(pilot, "453 ·")
        here = app.screen.row
        await sql(world, "UPDATE dashboards SET name = 'A new name' WHERE name = 'Many 0001'")
        await sql(world, """SELECT pg_notify('datapulse', '["dashboards"]')""")
        await until(pilot, lambda: any("A new name" in row.cells for row in rows.rows))
        assert (len(rows.rows), app.screen.row) == (453, here)  # what others do takes nobody back to the first page
        await pilot.press("o")
        await see(pilot, "200+")


async def test_what_others_change_appears_without_a_key(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await listening(pilot)
        await asyncio.sleep(0)
        await sql(world, "UPDATE dashboards SET name = 'Renamed' WHERE name = 'Slow'; ")
        await sql(world, """SELECT pg_notify('datapulse', '["dashboards"]')""")
        await see(pilot, "Renamed")


async def test_the_mouse_works_as_well(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Slow")
        await pilot.click(RowList, offset=(10, 3), times=2)
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))


async def test_an_action_that_is_not_possible_says_why(world: World) -> None:
    await sql(world, "DELETE FROM dashboards")
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await see(pilot, "There are no dashboards yet. Three ways to begin:")
        await pilot.press("s")
        await see(pilot, "No dashboard is selected.")
