"""A dashboard and its widgets, on queries that really run."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from datapulse_tui.errors import Unavailable
from datapulse_tui.tui.screens.dashboard import DashboardScreen
from datapulse_tui.tui.screens.dashboards import DashboardsScreen
from datapulse_tui.tui.screens.time_range import TimeRangeScreen
from datapulse_tui.tui.screens.zoom import ZoomScreen
from datapulse_tui.tui.widgets.card import Card
from datapulse_tui.tui.widgets.result_table import ResultTable
from tests.databases import dsn
from tests.tui.conftest import ANA, World, screen_text, see, see_all_read, type_in, until

pytestmark = pytest.mark.usefixtures("dashboards_first")


async def open_sales(pilot) -> list[Card]:
    await see(pilot, "Sales")
    await pilot.press("home", "down", "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen) and pilot.app.screen.grid.cards)
    cards = pilot.app.screen.grid.cards
    await until(pilot, lambda: all(card.picture or card.error for card in cards))
    return cards


async def test_each_widget_loads_and_tells_where_its_data_come_from(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        sold, product, rows, broken = await open_sales(pilot)
        await see(pilot, "product 5")
        assert "15:05:09" in sold.plain_text()
        assert "5 rows · warehouse" in product.plain_text()
        assert "40 rows" in rows.plain_text()
        assert "disk [/dev/sda1] full [/]" in screen_text(app)
        assert broken.error is not None
        assert "division by zero" in broken.plain_text()
        assert "\x1b" not in screen_text(app)


async def test_the_error_is_one_key_away(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await open_sales(pilot)
        assert app.why_not_here("dashboard.details") == "Nothing failed in this widget."
        await pilot.press("down", "right", "exclamation_mark")
        await see(pilot, "log file")
        await see(pilot, "division by zero")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))


async def test_a_failed_refresh_keeps_the_last_good_picture(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        product = (await open_sales(pilot))[1]
        good = product.picture
        product.failed(Unavailable("The source warehouse does not answer.", hint="Look whether it runs."))
        await pilot.pause()
        assert product.picture is good
        assert "▲ stale from 15:05:09 · ! shows why" in product.plain_text()
        await pilot.press("R")
        await until(pilot, lambda: product.error is None)
        assert "stale" not in product.plain_text()


async def test_a_refresh_that_brings_the_same_data_draws_nothing(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        product = (await open_sales(pilot))[1]
        picture, answer = product.picture, product.answer
        await pilot.press("R")
        await until(pilot, lambda: product.answer is not answer)
        await pilot.pause()
        assert product.picture is picture


async def test_focus_moves_by_arrows_and_letters(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        sold, product, rows, broken = await open_sales(pilot)
        for keys, card in ((["right"], product), (["j"], rows), (["l"], broken), (["k"], product), (["left"], sold)):
            await pilot.press(*keys)
            assert app.focused is card
        await pilot.press("tab")
        assert app.focused is product


async def test_variables_and_time_range_reach_the_query(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        rows = (await open_sales(pilot))[2]
        await pilot.press("v")
        await see(pilot, "Region (all, north, south)")
        await pilot.press("backspace", "backspace", "backspace", *"west", "enter")
        await see(pilot, "cannot be 'west'")
        await pilot.press(*["backspace"] * 4, *"north", "enter")
        await until(pilot, lambda: rows.answer is not None and rows.answer.result.rows[0][0] == "north")
        await see(pilot, "Region: north")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TimeRangeScreen))
        await pilot.press("end", "enter", *"2026-03-01", "enter", *"2026-02-01", "enter")
        await see(pilot, "That is not a time range.")
        await pilot.press(*["backspace"] * 10, *"2026-03-01", "enter")
        await see(pilot, "2026-03-01 – 2026-03-01")
        await until(pilot, lambda: rows.answer.start.isoformat() == "2026-02-28T23:00:00+00:00")


async def test_zoom_shows_chart_rows_and_sql_with_its_values(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await open_sales(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ZoomScreen))
        await pilot.press("tab")
        table = app.screen.query_one(ResultTable)
        assert app.focused is table
        await pilot.press("end")
        assert table.cursor == 39
        await see(pilot, "   40")
        await pilot.press("y")
        assert app.clipboard.startswith("all\t40\tdisk [/dev/sda1]")
        await pilot.press("tab")
        await see(pilot, "FROM generate_series(1, 40) g")
        assert ":region" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))


async def test_escape_cancels_the_query_in_the_source(world: World) -> None:
    app = world.desk(as_email=ANA)
    running = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE state = 'active' AND query LIKE '%CROSS JOIN%' AND pid <> pg_backend_pid()"
    )

    def count() -> int:
        with psycopg.connect(dsn(world.addresses.owner)) as connection:
            row = connection.execute(running).fetchone()
            return row[0] if row else 0

    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Slow")
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))
        await until(pilot, lambda: count() == 1)
        await see(pilot, "loading …")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DashboardsScreen))
        await until(pilot, lambda: count() == 0)


async def test_resizing_while_widgets_load_and_after(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await see(pilot, "Sales")
        await pilot.press("home", "down", "enter")
        for size in ((80, 24), (200, 60), (60, 20), (30, 10), (80, 24)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda width=size[0]: max(map(len, screen_text(app).splitlines())) <= width)
        cards = app.screen.grid.cards
        await until(
            pilot,
            lambda: all(
                card.error or (card.picture and card.picture.width == card.picture_size()[0])
                for card in cards
                if card.is_seen()
            ),
        )
        assert all(len(line) <= 80 for line in screen_text(app).splitlines())


async def test_auto_refresh_rests_while_another_screen_is_on_top(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        product = (await open_sales(pilot))[1]
        screen = app.screen
        assert isinstance(screen, DashboardScreen)
        before = product.answer
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ZoomScreen))
        screen._refresh_by_itself()
        await asyncio.sleep(0.05)
        assert product.answer is before
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        screen._refresh_by_itself()
        await until(pilot, lambda: product.answer is not before)


async def test_a_dashboard_that_is_gone_says_so(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await see(pilot, "Slow")
        await see_all_read(pilot)  # the list still shows what is gone
        with psycopg.connect(dsn(world.addresses.owner)) as connection:
            connection.execute("DELETE FROM dashboards WHERE name = 'Sales'")
        await pilot.press("home", "down", "enter")
        await see(pilot, "There is no such dashboard")


async def test_help_and_palette_know_this_screen(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await open_sales(pilot)
        await pilot.press("question_mark")
        await see(pilot, "Every widget runs its own query")
        await see(pilot, "Choose the time range.")
        await pilot.press("escape", "colon")
        await see(pilot, "what do you want to do?")
        assert "Show what failed in the focused widget." not in screen_text(app)  # not possible now
        await type_in(pilot, "time")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TimeRangeScreen))
