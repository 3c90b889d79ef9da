"""The rule editor: choosing, running, what is wrong, drafts, saving, and what somebody else saved meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.tui.screens.rules.back_test import BackTestScreen
from datapulse_tui.tui.screens.rules.rule_editor import RuleEditorScreen
from datapulse_tui.tui.screens.rules.rules import RulesScreen
from datapulse_tui.tui.widgets.choice import Choice
from tests.tui.conftest import World, screen_text, see, sql, type_in, until
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


async def open_editor(pilot: Pilot[Any], key: str) -> RuleEditorScreen:
    """Open the editor from the list, and wait until something can be written."""
    await see(pilot, "Checkout is slow")
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, RuleEditorScreen) and pilot.app.screen._ready)
    screen = pilot.app.screen
    assert isinstance(screen, RuleEditorScreen)
    return screen


async def put(pilot: Pilot[Any], screen: RuleEditorScreen, name: str, value: str) -> None:
    """Write into a control as a person would: go there, empty it, type, and choose where it is a choice."""
    screen.sheet.go_to(name)
    await pilot.pause()
    if isinstance(screen.sheet.control(name), Choice):
        await pilot.press("enter")
        await type_in(pilot, value)
        choice = screen.sheet.control(name)
        await until(pilot, lambda: choice.typed == value)
        await until(pilot, lambda: choice.shown)
        await pilot.press("enter")
    else:
        await pilot.press("end", "ctrl+u")
        await type_in(pilot, value)
        await until(pilot, lambda: screen.sheet.value(name) == value)


async def test_a_new_rule_from_a_saved_query(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await open_editor(pilot, "n")
        await put(pilot, screen, "name", "Search is slow")
        await put(pilot, screen, "query", "lat")
        await see(pilot, "2 rows, 2 series by service")  # run at once, and what can be told from it is filled in
        assert (screen.sheet.value("metric"), screen.sheet.value("label_columns")) == ("p95_ms", ("service",))
        await put(pilot, screen, "threshold", "500")
        await pilot.press("f5")
        await see(pilot, "1 beyond the threshold")
        await see(pilot, "◔ pending")
        assert "Fires when p95_ms of Latency is above 500" in screen_text(app)
        await put(pilot, screen, "email", "dep")
        await pilot.press("escape")
        await see(pilot, "the owner, department Operations")
        await put(pilot, screen, "email", "night@example.org")
        await pilot.press("escape", "ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, RulesScreen))
        await see(pilot, "Search is slow")
    rows = await sql(
        rules, "SELECT threshold_value, for_seconds, label_columns, channels FROM alerts WHERE name = 'Search is slow'"
    )
    assert (float(rows[0][0]), rows[0][1], rows[0][2]) == (500.0, 300, ["service"])
    assert [term.partition(":")[0] for term in rows[0][3][0]["to"]] == ["owner", "department", "address"]


async def test_people_are_told_through_another_channel_than_the_default(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await open_editor(pilot, "e")
        assert not screen.sheet.control("email_through").parent.display  # type: ignore[union-attr]  # one is no choice
    night = "INSERT INTO notification_channels (name, type) VALUES ('night mail', 'email') RETURNING id"
    [(night_id,)] = await sql(rules, night)
    app = desk(rules)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await open_editor(pilot, "e")
        assert screen.sheet.control("email_through").parent.display  # type: ignore[union-attr]
        assert not screen.sheet.control("sms_through").parent.display  # type: ignore[union-attr]
        await put(pilot, screen, "email_through", "night")
        await see(pilot, "e-mail through night mail")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, RulesScreen))
    [(channels,)] = await sql(rules, "SELECT channels FROM alerts WHERE name = 'Checkout is slow'")
    assert [(each["type"], each["channel"]) for each in channels] == [("email", str(night_id)), ("slack", None)]
    app = desk(rules)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await open_editor(pilot, "e")
        assert screen.sheet.value("email_through") == "night mail"
        assert screen.sheet.value("email") == ("owner", "role:ops_manager")


async def test_f6_is_the_back_test_in_a_long_text_too(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_editor(pilot, "e")
        screen.sheet.go_to("message")
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, BackTestScreen))


async def test_a_new_query_is_written_run_and_saved(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_editor(pilot, "n")
        await put(pilot, screen, "name", "Three")
        await put(pilot, screen, "query", "write")
        assert screen.sheet.value("source") == "warehouse"  # one source is no choice
        screen.sheet.go_to("sql")
        await type_in(pilot, "SELECT 3 AS n, chr(27) || '[31mred [/]' AS words")
        await pilot.press("f5")
        await see(pilot, "1 row, 1 series by words")
        assert "\x1b" not in screen_text(app)
        screen.sheet.go_to("sql")
        await pilot.press("f7")
        await type_in(pilot, "DELETE FROM alerts")
        await pilot.press("f5")
        await see(pilot, "▲")
        await pilot.press("f7")  # select all
        await type_in(pilot, "SELECT 3 AS n")
        await put(pilot, screen, "threshold", "2")
        screen.sheet.put({"label_columns": ()})
        screen._fill({"label_columns": ()})
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, RulesScreen))
    rows = await sql(
        rules, "SELECT q.name, q.sql FROM alerts a JOIN queries q ON q.id = a.metric_id WHERE a.name = 'Three'"
    )
    assert [tuple(row) for row in rows] == [("Three", "SELECT 3 AS n")]


async def test_what_is_wrong_is_said_at_its_control(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_editor(pilot, "n")
        await pilot.press("f2")
        await says(pilot, "Not saved yet")
        await see(pilot, "▲ Give the rule a name")
        assert app.focused is screen.sheet.control("name")
        await type_in(pilot, "Mine")
        await until(pilot, lambda: "Give the rule a name" not in screen_text(app))  # told while one mends it
        await put(pilot, screen, "for", "5 minutes")
        await pilot.press("tab")
        await see(pilot, "a duration from 0s to 30d")
        await pilot.press("f6")
        await says(pilot, "A back-test needs what is marked.")


async def test_a_draft_outlives_the_desk_until_it_is_thrown_away(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_editor(pilot, "e")
        await put(pilot, screen, "name", "Half written")
        await app.services.close()  # as a line that drops does
    again = desk(rules)
    async with again.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_editor(pilot, "e")
        await see(pilot, "your draft of")
        await see(pilot, "Half written")
        await pilot.press("escape")
        await see(pilot, "Keep it as a draft")
        await pilot.press("enter")  # Cancel has the focus
        await until(pilot, lambda: again.screen is screen)
        await pilot.press("escape", "tab", "tab", "enter")
        screen = await open_editor(pilot, "e")
        await see(pilot, "Half written")
        await pilot.press("escape", "tab", "enter")  # throw away
        screen = await open_editor(pilot, "e")
        assert screen.sheet.value("name") == "Checkout is slow"
        await pilot.press("escape")  # nothing to ask
        await until(pilot, lambda: isinstance(again.screen, RulesScreen))
        assert await again.writes.finished(5)
    assert await sql(rules, "SELECT 1 FROM user_preferences WHERE key LIKE 'draft.%'") == []


@pytest.mark.parametrize("mine", [True, False])
async def test_somebody_else_saved_meanwhile(rules: World, mine: bool) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_editor(pilot, "e")
        await put(pilot, screen, "threshold", "850")
        await sql(
            rules, "UPDATE alerts SET version = version + 1, threshold_value = 990 WHERE name = 'Checkout is slow'"
        )
        await pilot.press("f2")
        await see(pilot, "after you opened it")
        await pilot.press(*(("tab", "tab") if mine else ("tab",)), "enter")
        if mine:
            await until(pilot, lambda: isinstance(app.screen, RulesScreen))
        else:
            await until(pilot, lambda: screen.sheet.value("threshold") == "990")
        assert await app.writes.finished(5)
    rows = await sql(rules, "SELECT threshold_value, version FROM alerts WHERE name = 'Checkout is slow'")
    assert (float(rows[0][0]), rows[0][1]) == ((850.0, 3) if mine else (990.0, 2))


async def test_what_the_service_refuses_is_told_at_its_control(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_editor(pilot, "e")
        await sql(rules, "DELETE FROM departments")
        screen._fill({"email": ("owner", "department:Operations")})
        await pilot.press("f2")
        await see(pilot, "expected somebody, a")
        await see(pilot, "not saved")


async def test_keys_of_a_choice(rules: World) -> None:
    app = desk(rules)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_editor(pilot, "e")
        severity, people = screen.sheet.control("severity"), screen.sheet.control("email")
        assert isinstance(severity, Choice)
        assert isinstance(people, Choice)
        screen.sheet.go_to("severity")
        await pilot.press("space", "down", "down", "escape")
        assert (severity.key, severity.is_open, app.screen) == ("critical", False, screen)
        await pilot.press("w", "a", "slash", "backspace", "enter")  # typing opens and filters; no key gets out
        assert severity.key == "warning"
        screen.sheet.go_to("email")
        await pilot.press("backspace")
        assert people.keys == ("owner",)
        await pilot.press("enter", *"omar")
        await see(pilot, OMAR)
        await pilot.press("enter")
        assert people.keys == ("owner", OMAR)
        await pilot.press("tab")
        assert not people.is_open
        screen.sheet.go_to("name")
        await pilot.pause()
        await pilot.click("#in-query", offset=(2, 0))
        await until(pilot, lambda: screen.sheet.control("query").is_open)
