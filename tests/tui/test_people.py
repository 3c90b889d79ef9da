"""The people's screens: what stands in a row, the verbs by keys, one person, the forms, importing and exporting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.people import service
from datapulse_tui.tui.screens.admin.people_dialogs import DeactivateScreen, FatesScreen, PickScreen
from datapulse_tui.tui.screens.admin.people_import import ImportScreen
from datapulse_tui.tui.screens.admin.person import PersonScreen
from datapulse_tui.tui.screens.admin.person_form import PersonForm
from datapulse_tui.tui.screens.confirm import ConfirmScreen, MessageScreen
from tests.tui.approvals_world import acting
from tests.tui.conftest import World, screen_text, see, type_in, until
from tests.tui.inbox_world import sql
from tests.tui.people_world import DIM, ROOT, at_people, go_to, listed, prepare


@pytest.fixture
def team(empty_world: World) -> World:
    """Five people."""
    return prepare(empty_world)


def line_with(pilot: Pilot[Any], words: str) -> str:
    return next((line for line in listed(pilot).listed.plain_text().splitlines() if words in line), "")


def row(pilot: Pilot[Any], nick: str) -> Any:
    return next(each.person for each in listed(pilot).loaded.rows.values() if each.person.email.startswith(nick))


async def said(pilot: Pilot[Any], words: str) -> None:
    await until(pilot, lambda: any(words in each.message for each in pilot.app._notifications))


async def at(pilot: Pilot[Any], screen: type) -> Any:
    await until(pilot, lambda: isinstance(pilot.app.screen, screen))
    return pilot.app.screen


async def test_a_row_tells_how_the_account_stands(team: World) -> None:
    async with at_people(team, size=(220, 40)) as pilot:
        for words in ("✓ active", "ben@example.org", "Operations", "ops manager", "Auditor", "5 wk"):
            assert words in line_with(pilot, "Ben Okafor")
        assert "… pending" in line_with(pilot, "Cy Marsh")
        assert "never" in line_with(pilot, "Cy Marsh")
        assert "○ inactive" in line_with(pilot, DIM)
        assert "[/dev/sda1]" in line_with(pilot, DIM)
        assert "\x1b" not in screen_text(pilot.app)
        await see(pilot, "by name")
        await pilot.press("o", "o")
        await see(pilot, "last seen first")
        await until(pilot, lambda: list(listed(pilot).loaded.rows.values())[-1].person.email.startswith("cy"))


async def test_a_filter_is_completed_kept_and_taken_away(team: World) -> None:
    async with at_people(team) as pilot:
        await pilot.press("slash")
        await type_in(pilot, "role:ops")
        await see(pilot, "ops_manager")
        await pilot.press("tab")
        await until(pilot, lambda: "role:ops_manager" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: len(listed(pilot).loaded.keys) == 1)
        await pilot.press("v", "n")
        await see(pilot, "Keep this filter")
        await type_in(pilot, "Managers")
        await pilot.press("enter")
        await see(pilot, "Managers")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(listed(pilot).loaded.keys) == 5)
        await see(pilot, "Managers 1")
        await pilot.press("slash")
        await type_in(pilot, "role:king")
        await pilot.press("enter")
        await see(pilot, "is nothing for the field role")


async def test_what_others_do_is_shown_where_it_stands(team: World) -> None:
    async with at_people(team) as pilot:
        ben = await go_to(pilot, "ben")
        await acting(team, ROOT, service.set_role, ben, "admin")
        await until(pilot, lambda: row(pilot, "ben").role == "admin")
        assert listed(pilot).row.person.id == ben
        await sql(team, "INSERT INTO sign_in_attempts (email) SELECT 'bea@example.org' FROM generate_series(1, 6)")
        await pilot.press("R")
        await until(pilot, lambda: "▲ locked" in line_with(pilot, "Bea Lind"))
        await go_to(pilot, "bea")
        await pilot.press("U")
        await said(pilot, "Bea Lind can try again now.")
        await until(pilot, lambda: "✓ active" in line_with(pilot, "Bea Lind"))


async def test_the_role_of_one_and_of_many_with_a_preview(team: World) -> None:
    async with at_people(team) as pilot:
        await go_to(pilot, "bea")
        await pilot.press("r")
        await at(pilot, PickScreen)
        await type_in(pilot, "analyst")
        await pilot.press("enter")
        await said(pilot, "Bea Lind was business user, is analyst now.")
        await until(pilot, lambda: row(pilot, "bea").role == "analyst")
        await pilot.press("asterisk", "r")
        await at(pilot, PickScreen)
        await type_in(pilot, "analyst")
        await pilot.press("enter")
        await at(pilot, FatesScreen)
        await see(pilot, "Set the role of 2 of 5 people?")
        await see(pilot, "last active administrator")
        await pilot.press("enter")
        await see(pilot, "Given the role: 2 of 2")
        await pilot.press("escape")
        await until(pilot, lambda: row(pilot, "ben").role == "analyst")
        assert row(pilot, "root").role == "admin"


async def test_departments_and_custom_roles(team: World) -> None:
    async with at_people(team) as pilot:
        await go_to(pilot, "cy")
        await pilot.press("g")
        await at(pilot, PickScreen)
        await type_in(pilot, "sal")
        await pilot.press("enter")
        await until(pilot, lambda: row(pilot, "cy").department == "Sales")
        await pilot.press("c")
        await at(pilot, PickScreen)
        await pilot.press("enter")
        await until(pilot, lambda: row(pilot, "cy").custom_roles == ("Auditor",))
        await pilot.press("C")
        await at(pilot, PickScreen)
        await pilot.press("enter")
        await until(pilot, lambda: row(pilot, "cy").custom_roles == ())
        await pilot.press("C")
        await said(pilot, "No custom role is there to be taken away.")
        await pilot.press("p")
        await said(pilot, "Cy Marsh has no password yet; i invites them.")


async def test_deactivating_lists_what_they_have_with_cancel_focused(team: World) -> None:
    await sql(team, "INSERT INTO dashboards (name, user_id) SELECT 'Orders', id FROM users WHERE email LIKE 'ben@%'")
    async with at_people(team) as pilot:
        await go_to(pilot, "ben")
        await pilot.press("d")
        dialog = await at(pilot, DeactivateScreen)
        await see(pilot, "Orders")
        assert dialog.focused.id == "cancel"
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is listed(pilot))
        assert row(pilot, "ben").status == "active"
        await pilot.press("d")
        dialog = await at(pilot, DeactivateScreen)
        await see(pilot, "Orders")
        dialog.set_focus(dialog.query_one("#to"))
        await type_in(pilot, "bea")
        await see(pilot, "bea@example.org")
        await pilot.press("enter")
        await until(pilot, lambda: dialog.query_one("#to").key)
        dialog.set_focus(dialog.query_one("#yes"))
        await pilot.press("enter")
        await until(pilot, lambda: row(pilot, "ben").status == "inactive")
        await said(pilot, "Ben Okafor ")
        await pilot.press("a")
        await until(pilot, lambda: row(pilot, "ben").status == "active")
        await go_to(pilot, "root")
        await pilot.press("d")
        dialog = await at(pilot, DeactivateScreen)
        dialog.set_focus(dialog.query_one("#yes"))
        await pilot.press("enter")
        await said(pilot, "last active administrator")


async def test_many_leave_and_one_person_gets_what_they_have(team: World) -> None:
    await sql(team, "INSERT INTO dashboards (name, user_id) SELECT 'Orders [/] of ' || split_part(email, '@', 1), id "
                    "FROM users WHERE email LIKE 'b%'")  # fmt: skip
    await sql(
        team, "INSERT INTO data_models (name, created_by) SELECT 'Margins', id FROM users WHERE email LIKE 'ben@%'"
    )
    async with at_people(team, size=(80, 24)) as pilot:
        for nick in ("bea", "ben", "dim"):
            await go_to(pilot, nick)
            await pilot.press("space")
        await pilot.press("d")
        dialog = await at(pilot, DeactivateScreen)
        await see(pilot, "the next step lists it")
        dialog.set_focus(dialog.query_one("#to"))
        await type_in(pilot, "root")
        await see(pilot, "root@example.org")
        await pilot.press("enter")
        await until(pilot, lambda: dialog.query_one("#to").key)
        dialog.set_focus(dialog.query_one("#yes"))
        await pilot.press("enter")
        preview = await at(pilot, FatesScreen)
        await see(pilot, "Deactivate 2 of 3 people?")
        await see(pilot, "Bea Lind hands over dashboards 1 to Root Admin, and is deactivated")
        await see(pilot, "Orders [/] of bea")
        await pilot.press("down")
        await see(pilot, "dashboards 1, data models 1")
        await see(pilot, "Margins")
        assert row(pilot, "ben").status == "active"
        assert preview.focused.id == "fates"
        await pilot.press("enter")
        await see(pilot, "Deactivated: 2 of 2")
        await see(pilot, "Orders [/] of bea")
        await pilot.press("escape")
        await until(pilot, lambda: {row(pilot, each).status for each in ("bea", "ben")} == {"inactive"})
    owners = "SELECT DISTINCT u.email FROM users u JOIN (SELECT user_id FROM dashboards UNION SELECT created_by FROM "
    found = await sql(team, owners + "data_models) has (id) USING (id)")
    assert [tuple(each) for each in found] == [(ROOT,)]


async def test_what_others_see_of_a_person_is_edited(team: World) -> None:
    async with at_people(team, size=(80, 24)) as pilot:
        bea = await go_to(pilot, "bea")
        await acting(team, ROOT, service.set_profile, bea, avatar="bea.png", bio="one\n[two]")
        await pilot.press("enter")
        person = await at(pilot, PersonScreen)
        await see(pilot, "bea.png")
        await pilot.press("e")
        form = await at(pilot, PersonForm)
        assert (form._sheet.value("avatar"), form._sheet.value("bio")) == ("bea.png", "one\n[two]")
        form._sheet.put({"bio": "x" * 2_001})
        await pilot.press("ctrl+s")
        await see(pilot, "at most 2,000")  # the form has scrolled to it
        form._sheet.put({"bio": "Sales [/] in Graz\nsince 2019", "avatar": ""})
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is person)
        await see(pilot, "Sales [/] in Graz")
        await see(pilot, "since 2019")
        assert person.detail.detail.avatar == ""
        await pilot.press("e")
        form = await at(pilot, PersonForm)
        await acting(team, "bea@example.org", service.set_profile, bea, bio="mine")
        form._sheet.put({"bio": "theirs"})
        await pilot.press("ctrl+s")
        await see(pilot, "changed meanwhile by Bea Lind")
        assert form._sheet.value("bio") == "theirs"


async def test_somebody_new_is_invited_and_the_code_is_shown_once(team: World) -> None:
    async with at_people(team) as pilot:
        await pilot.press("n")
        form = await at(pilot, PersonForm)
        await type_in(pilot, "Eve [/] New")
        await pilot.press("ctrl+s")
        await see(pilot, "not an e-mail address")
        form._sheet.go_to("email")
        await type_in(pilot, "Bea@example.org")
        await pilot.press("ctrl+s")
        await see(pilot, "already")
        form._sheet.put({"email": "eve@example.org", "phone": "+43 1 23 45"})
        await pilot.press("ctrl+s")
        await at(pilot, MessageScreen)
        await see(pilot, "Eve [/] New is invited")
        await pilot.press("escape")
        await until(pilot, lambda: "… invited" in line_with(pilot, "eve@"))
        assert row(pilot, "eve").phone == "+43 1 23 45"
        await go_to(pilot, "eve")
        await pilot.press("i")
        await at(pilot, MessageScreen)
        await see(pilot, "kept nowhere")


async def test_an_edit_of_what_somebody_else_changed_keeps_what_was_typed(team: World) -> None:
    async with at_people(team) as pilot:
        bea = await go_to(pilot, "bea")
        await pilot.press("e")
        form = await at(pilot, PersonForm)
        await sql(team, "INSERT INTO users (email, name, password, role, status) "
                        "VALUES ('zoe@example.org', 'Zoe', '!', 'admin', 'active')")  # fmt: skip
        await acting(team, "zoe@example.org", service.set_profile, bea, name="Bea L")
        form._sheet.put({"name": "Bea Lang"})
        await pilot.press("ctrl+s")
        await see(pilot, "changed meanwhile by Zoe")
        assert form._sheet.value("name") == "Bea Lang"
        await pilot.press("escape")
        await until(pilot, lambda: row(pilot, "bea").name == "Bea L")
        await pilot.press("e")
        form = await at(pilot, PersonForm)
        form._sheet.put({"name": "Bea Lang", "role": "analyst"})
        await pilot.press("ctrl+s")
        await until(pilot, lambda: (row(pilot, "bea").name, row(pilot, "bea").role) == ("Bea Lang", "analyst"))


async def test_a_temporary_password_is_shown_once(team: World) -> None:
    async with at_people(team) as pilot:
        await go_to(pilot, "bea")
        await pilot.press("p")
        dialog = await at(pilot, ConfirmScreen)
        assert dialog.focused.id == "cancel"
        dialog.set_focus(dialog.query_one("#yes"))
        await pilot.press("enter")
        await at(pilot, MessageScreen)
        await see(pilot, "temporary password")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is listed(pilot))


async def test_one_person_with_everything_and_their_sessions_ended(team: World) -> None:
    await sql(
        team, "INSERT INTO sessions (user_id, ip_address) SELECT id, '10.1.2.3' FROM users WHERE email LIKE 'ben@%'"
    )
    async with at_people(team, size=(80, 24)) as pilot:
        await go_to(pilot, "ben")
        await pilot.press("enter")
        person = await at(pilot, PersonScreen)
        await see(pilot, "10.1.2.3")
        await see(pilot, "Custom roles")
        await pilot.press("x")
        await at(pilot, PickScreen)
        await pilot.press("enter")
        await said(pilot, "All sessions of Ben Okafor have ended.")
        await until(pilot, lambda: person.detail and not person.detail.detail.sessions)
        await pilot.press("x")
        await said(pilot, "They have no session that goes on.")
        await pilot.press("r")
        await at(pilot, PickScreen)
        await type_in(pilot, "analyst")
        await pilot.press("enter")
        await until(pilot, lambda: person.detail.row.person.role == "analyst")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is listed(pilot))


async def test_without_the_right_the_keys_say_so(team: World) -> None:
    await sql(team, "UPDATE roles SET permissions = '[\"user:view\"]'")
    async with at_people(team, "ben@example.org") as pilot:
        for key in ("n", "e", "a", "d", "r", "c", "p", "I"):
            pilot.app.clear_notifications()
            await pilot.press(key)
            await said(pilot, "This needs the permission")


async def test_importing_shows_each_line_first_and_does_all_or_nothing(team: World, tmp_path: Path) -> None:
    file = tmp_path / "team.csv"
    file.write_text("email,name,role\neve@example.org,Eve [/] \x1bX,king\nbea@example.org,Bea Lang,analyst\n")
    async with at_people(team) as pilot:
        await pilot.press("I")
        screen = await at(pilot, ImportScreen)
        await pilot.press("ctrl+s")
        await said(pilot, "Look first at what the file would do.")
        await type_in(pilot, str(file))
        await pilot.press("enter")
        await see(pilot, "2 things are wrong")
        await see(pilot, "'king' is not a role")
        assert "\x1b" not in screen_text(pilot.app)
        await pilot.press("ctrl+s")
        await said(pilot, "Something is wrong with the file")
        file.write_text("email,name,role\neve@example.org,Eve [/] New,analyst\nbea@example.org,Bea Lang,analyst\n")
        screen._sheet.put({"coming": "invite"})
        await pilot.press("f5")
        await see(pilot, "It would be 1 new, 1 changed")
        await pilot.press("down", "enter")
        await see(pilot, "name: Bea Lind → Bea Lang")
        await pilot.press("escape")
        await pilot.press("ctrl+s")
        await at(pilot, MessageScreen)
        await see(pilot, "eve@example.org")
        await pilot.press("escape")
        await until(pilot, lambda: row(pilot, "bea").name == "Bea Lang")
        await until(pilot, lambda: "… invited" in line_with(pilot, "eve@"))


async def test_exporting_the_list(team: World, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    async with at_people(team) as pilot:
        for expected in ("5 people are in", "is there already"):
            await pilot.press("X")
            await see(pilot, "Export to a CSV file")
            pilot.app.screen.query_one("#answer").value = ""
            await type_in(pilot, str(file))
            await pilot.press("enter")
            await said(pilot, expected)
    assert len(file.read_bytes().split(b"\r\n")) == 7
    kept = await sql(team, "SELECT u.email, l.details FROM audit_logs l JOIN users u ON u.id = l.user_id "
                           "WHERE action = 'user.exported'")  # fmt: skip
    assert [tuple(each) for each in kept] == [(ROOT, {"note": {"filter": "", "people": 5}})]
