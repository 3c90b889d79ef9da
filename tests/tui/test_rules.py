"""The list of rules and a rule's own screen: what they say, what can be done there, and what cannot."""

from __future__ import annotations

import asyncio

import pytest

from datapulse_tui.tui.screens.alerts.incident import IncidentScreen
from datapulse_tui.tui.screens.rules.rule import RuleScreen
from datapulse_tui.tui.screens.rules.rules import RulesScreen
from tests.tui.conftest import ANA, World, screen_text, see, see_all_read, sql, type_in, until
from tests.tui.rules_world import OMAR, desk, fill, says


@pytest.fixture
def rules(world: World) -> World:
    """Omar's three rules."""

    async def prepare() -> None:
        connection = world.connect()
        try:
            await fill(connection)
        finally:
            await connection.data.dispose()

    asyncio.run(prepare())
    return world


async def test_a_row_says_how_a_rule_stands_and_the_detail_why(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await see(pilot, "service=checkout")  # read when the cursor rests
        words = screen_text(app)
        for expected in ("● active", "✕ error", "‖ paused", "p95_ms above 800 for 5m,", "12 slots"):
            assert expected in words, words
        await see(pilot, "e-mail to the owner")
        words = screen_text(app)
        assert "disk [/dev/sda1]" in words
        assert "\x1b" not in words
        await pilot.press("end")
        await see(pilot, "The source does not answer.")
        await pilot.press("exclamation_mark")
        await see(pilot, "log file")
        await pilot.press("escape")
        # What others do appears without a key.
        await sql(rules, "UPDATE alerts SET name = 'Renamed' WHERE name = 'No parcels'")
        await sql(rules, """SELECT pg_notify('datapulse', '["alerts"]')""")
        await see(pilot, "Renamed")


async def test_a_filter_narrows_and_pages_follow_each_other(rules: World) -> None:
    await sql(
        rules,
        "INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, is_active) "
        "SELECT user_id, metric_id, 'n', 'Many ' || to_char(g, 'FM0000'), 'above', g, false "
        "FROM alerts, generate_series(1, 450) g WHERE name = 'No parcels'",
    )
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "200+")
        await see_all_read(pilot)
        listed = app.screen.listed
        while len(listed.rows) < 453:
            before = len(listed.rows)
            await pilot.press("end")
            await until(pilot, lambda before=before: len(listed.rows) > before)
        assert len({row.key for row in listed.rows}) == 453
        here = app.screen.row.id
        await sql(rules, "UPDATE alerts SET name = 'Many and new' WHERE name = 'Many 0001'")
        await sql(rules, """SELECT pg_notify('datapulse', '["alerts"]')""")
        await until(pilot, lambda: any("Many and new" in row.cells for row in listed.rows))
        assert (len(listed.rows), app.screen.row.id) == (453, here)  # nobody is taken back to the first page
        await pilot.press("slash")
        await type_in(pilot, "checkout slow")
        await until(pilot, lambda: len(listed.rows) == 1)
        await pilot.press("enter", "escape")
        await until(pilot, lambda: len(listed.rows) == 200)


async def test_what_needs_somebody_comes_first(rules: World) -> None:
    await sql(
        rules,
        "INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, is_active) "
        "SELECT user_id, metric_id, 'n', 'Many ' || to_char(g, 'FM0000'), 'above', g, false "
        "FROM alerts, generate_series(1, 250) g WHERE name = 'No parcels'",
    )
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "200+ · by name")
        await pilot.press("o")
        await see(pilot, "what needs you first")
        listed = app.screen.listed
        await until(pilot, lambda: listed.rows[0].cells[1] == "No parcels")  # its query fails
        assert listed.rows[1].cells[1] == "Checkout is slow"
        await see_all_read(pilot)
        while len(listed.rows) < 253:
            before = len(listed.rows)
            await pilot.press("end")
            await until(pilot, lambda before=before: len(listed.rows) > before)
        assert len({row.key for row in listed.rows}) == 253


async def test_pause_copy_and_delete(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Checkout is slow")
        await pilot.press("p")
        await see(pilot, "‖ paused     Checkout")
        await pilot.press("p")
        await see(pilot, "● active     Checkout")
        await pilot.press("C")
        await says(pilot, "The copy is paused.")
        listed = app.screen.listed
        await until(pilot, lambda: len(listed.rows) == 4)
        await pilot.press("down", "d")
        await see(pilot, "Delete the rule Checkout is slow (copy)?")
        await pilot.press("enter")  # Cancel has the focus
        await until(pilot, lambda: isinstance(app.screen, RulesScreen))
        await pilot.press("d", "tab", "enter")
        await until(pilot, lambda: len(listed.rows) == 3)
    rows = await sql(rules, "SELECT archived_at IS NULL FROM alerts WHERE name = 'Checkout is slow (copy)'")
    assert [row[0] for row in rows] == [False]


async def test_what_somebody_saw_no_longer_holds(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Checkout is slow")
        await see_all_read(pilot)
        await sql(rules, "UPDATE alerts SET version = version + 1")
        await pilot.press("p")
        await says(pilot, "after you opened it")


async def test_without_the_right_every_verb_says_why(rules: World) -> None:
    await sql(rules, "UPDATE users SET role = 'ops_manager' WHERE email = :ana", ana=ANA)
    app = desk(rules, ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Checkout is slow")
        for key in ("e", "p", "d"):
            await pilot.press(key)
            await says(pilot, "This rule belongs to Omar Keller")
    await sql(rules, "UPDATE users SET role = 'business_user' WHERE email = :omar", omar=OMAR)
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Checkout is slow")  # one's own
        await pilot.press("n")
        await says(pilot, "needs the permission alert:create")


async def test_a_rules_own_screen(rules: World) -> None:
    await sql(
        rules,
        "INSERT INTO alert_incidents (alert_id, title, status, severity, opened_at, start_value) "
        "SELECT id, 'Checkout is slow', 'triggered', 'critical', '2026-03-02 13:25Z', 950 "
        "FROM alerts WHERE name = 'Checkout is slow'",
    )
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Checkout is slow")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RuleScreen))
        await see(pilot, "▲ firing")
        words = screen_text(app)
        assert "service=checkout" in words
        assert "40 min" in words
        assert "█" in words
        await pilot.press("tab")
        await see(pilot, "triggered")
        await pilot.press("tab")
        await see(pilot, "https://wiki.example.org/latency")
        await pilot.press("pagedown", "pagedown")
        await see(pilot, "FROM (VALUES")
        await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, IncidentScreen))
        await pilot.press("escape")
        await pilot.resize_terminal(120, 40)
        await see(pilot, "fires when")
        await pilot.press("d", "tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, RulesScreen))
