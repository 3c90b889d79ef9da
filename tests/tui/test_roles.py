"""Roles on the screen: made by marking, given to many, taken away, deleted with the holders named; and why."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from datapulse_tui.errors import Conflict
from datapulse_tui.tui.screens.admin.choosing import ChoosePeople
from datapulse_tui.tui.screens.admin.departments import DepartmentFormScreen, DepartmentScreen, DepartmentsScreen
from datapulse_tui.tui.screens.admin.role_form import RoleFormScreen
from datapulse_tui.tui.screens.admin.roles import RoleScreen, RolesScreen
from datapulse_tui.tui.screens.admin.why import WhyMayScreen
from datapulse_tui.tui.screens.alerts.ask import ManyScreen
from datapulse_tui.tui.screens.confirm import ConfirmScreen, MessageScreen
from datapulse_tui.tui.widgets.choice import Choice
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.sheet import Sheet
from tests.tui.conftest import ANA, World, listening, opening_on, screen_text, see, type_in, until
from tests.tui.inbox_world import desk, sql
from tests.tui.roles_world import BEA, MIA, as_actor, go_to, office

__all__ = ["office"]


async def put_cursor_on(pilot: Pilot[Any], name: str) -> None:
    """Move the list's cursor to the row whose name begins so."""
    listed = pilot.app.screen.listed
    await until(pilot, lambda: [row for row in listed.rows if any(cell.startswith(name) for cell in row.cells)])
    at = [any(cell.startswith(name) for cell in row.cells) for row in listed.rows].index(True)
    listed.move_to(at)
    await pilot.pause()


async def said(pilot: Pilot[Any], words: str) -> None:
    """A toast said `words`; on the screen it may be broken into lines anywhere."""
    await until(pilot, lambda: any(words in each.message for each in pilot.app._notifications))


async def asked(pilot: Pilot[Any], words: str) -> None:
    """A dialog asks with `words`, which may be broken into lines anywhere."""
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
    assert words in pilot.app.screen.query_one("#question", Note).text


async def choose(pilot: Pilot[Any], *names: str) -> None:
    """Choose these people in the dialog that is open, and go on."""
    await until(pilot, lambda: isinstance(pilot.app.screen, ChoosePeople))
    choice = pilot.app.screen.query_one(Choice)
    for name in names:
        await type_in(pilot, name)
        await until(pilot, lambda name=name: [each.label for each in choice.shown if name in each.label])
        await pilot.press("enter")
    await until(pilot, lambda: len(choice.keys) == len(names))
    await pilot.press("ctrl+s")


async def test_built_in_and_custom_roles_stand_in_one_list(office: World) -> None:
    app = opening_on(desk(office, ANA), RolesScreen)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await go_to(pilot, RolesScreen)
        assert [row.cells[0] for row in screen.listed.rows][:6] == [
            "business_user", "analyst", "ops_manager", "admin", "Night shift", "Role makers",
        ]  # fmt: skip
        await put_cursor_on(pilot, "Night shift")
        await see(pilot, "alert:triage_all")
        await see(pilot, "Bea Lind, Cleo [/] Marchetti")
        assert "acknowledge, snooze, assign and resolve every incident" in " ".join(screen_text(app).split())
        await pilot.press("slash")
        await type_in(pilot, "night")
        await until(pilot, lambda: len(screen.listed.rows) == 1)
        await pilot.press("enter", "escape")
        await until(pilot, lambda: len(screen.listed.rows) == 7)
        await put_cursor_on(pilot, "analyst")
        for key in ("e", "d"):
            await pilot.press(key)
            await said(pilot, "This is a built-in role")
        await pilot.press("g")
        await said(pilot, "exactly one built-in role")


async def test_a_role_is_made_by_marking(office: World) -> None:
    app = opening_on(desk(office, ANA), RolesScreen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await go_to(pilot, RolesScreen)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, RoleFormScreen))
        form = app.screen
        await pilot.press("ctrl+s")
        await see(pilot, "A role needs a name.")
        await type_in(pilot, "Auditors [/]")
        form.sheet.go_to("filter")
        await type_in(pilot, "audit trail")
        await until(pilot, lambda: len(form.listed.rows) == 2)
        await pilot.press("enter", "space")
        await see(pilot, "1 of")
        await pilot.press("asterisk")
        await see(pilot, "2 of")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, RolesScreen))
        await see(pilot, "Auditors [/]")
        [row] = await sql(office, "SELECT permissions FROM roles WHERE name = 'Auditors [/]'")
        assert row.permissions == ["audit:view", "audit:verify"]
        await put_cursor_on(pilot, "Auditors")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, RoleFormScreen))
        assert app.screen.query_one(Sheet).value("name") == "Auditors [/]"
        await pilot.press("tab", "v")
        await until(pilot, lambda: len(app.screen.listed.rows) == 2)
        await pilot.press("space", "escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RoleFormScreen))
        await sql(office, "UPDATE roles SET updated_at = clock_timestamp() WHERE name = 'Auditors [/]'")
        await pilot.press("ctrl+s")
        await see(pilot, "changed meanwhile by Ana Berger")
        assert isinstance(app.screen, RoleFormScreen)


async def test_what_one_may_not_do_cannot_be_marked(office: World) -> None:
    app = opening_on(desk(office, MIA), RolesScreen)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await go_to(pilot, RolesScreen)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, RoleFormScreen))
        form = app.screen
        form.sheet.go_to("filter")
        await type_in(pilot, "audit:view")
        await see(pilot, "you may not do this yourself")
        await pilot.press("tab", "space")
        await said(pilot, "so you cannot put it into a role")
        await pilot.press("asterisk", "escape")
        await until(pilot, lambda: isinstance(app.screen, RolesScreen))


async def test_many_are_given_a_role_and_lose_it(office: World) -> None:
    app = opening_on(desk(office, ANA), RolesScreen)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await go_to(pilot, RolesScreen)
        await put_cursor_on(pilot, "Night shift")
        await pilot.press("g")
        await choose(pilot, "Dan", "Bea")
        await until(pilot, lambda: isinstance(app.screen, ManyScreen))
        await see(pilot, "Given: 1 of 2")
        await see(pilot, "has the role already")
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, RoleScreen))
        role = app.screen
        await until(pilot, lambda: len(role.listed.rows) == 3)
        await see(pilot, "Ana Berger")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MessageScreen))
        await see(pilot, "bea@example.org")
        await pilot.press("escape", "space", "space", "d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await asked(pilot, "Take the role Night shift away from Bea Lind, Cleo [/] Marchetti?")
        await pilot.press("tab", "enter")
        await see(pilot, "Taken away: 2 of 2")
        await pilot.press("escape")
        await until(pilot, lambda: len(role.listed.rows) == 1)
        assert not (await as_actor(office, BEA)).can("alert:view_all")
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, WhyMayScreen))
        await type_in(pilot, "triage_all")
        await pilot.press("enter")
        await see(pilot, "It is in their custom role Night shift, given by Ana Berger.")
        await see(pilot, "waits for its activation")


async def test_deleting_names_who_loses_it_and_a_new_holder_stops_it(office: World) -> None:
    app = opening_on(desk(office, ANA), RolesScreen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await go_to(pilot, RolesScreen)
        await put_cursor_on(pilot, "Night shift")
        await pilot.press("d")
        await asked(pilot, "Bea Lind, Cleo [/] Marchetti lose it at once.")
        await sql(
            office,
            "INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u, roles r "
            "WHERE u.email = :mia AND r.name = 'Night shift'",
            mia=MIA,
        )
        await pilot.press("tab", "enter")
        await said(pilot, "by now, not 2")
        await pilot.press("d")
        await asked(pilot, "Mia Kovač lose it")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: len(screen.listed.rows) == 6)
        assert await sql(office, "SELECT FROM roles WHERE name = 'Night shift'") == []


async def test_why_may_somebody_do_this(office: World) -> None:
    app = opening_on(desk(office, ANA), RolesScreen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await go_to(pilot, RolesScreen)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, WhyMayScreen))
        await type_in(pilot, "cleo")
        await until(pilot, lambda: app.screen._choice("who").shown)
        await see(pilot, "cleo@example.org")
        await pilot.press("enter")
        await type_in(pilot, "audit:verify")
        await pilot.press("enter")
        await see(pilot, "▲ Cleo [/] Marchetti may not: audit:verify")
        await see(pilot, "Their role analyst does not come with it; admin does.")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RolesScreen))


async def test_others_changes_arrive(office: World) -> None:
    app = opening_on(desk(office, ANA), RolesScreen)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await go_to(pilot, RolesScreen)
        await listening(pilot)
        connection = office.connect()
        try:
            from datapulse_tui.people import roles
            from tests.tui.conftest import OPERATOR

            async with connection.data.transaction() as session:
                await roles.create(session, OPERATOR, name="Abend", permissions=["audit:view"])
        finally:
            await connection.data.dispose()
        await until(pilot, lambda: "Abend" in [row.cells[0] for row in screen.listed.rows])


async def test_departments(office: World) -> None:
    app = opening_on(desk(office, ANA), DepartmentsScreen)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await go_to(pilot, DepartmentsScreen)
        await see(pilot, "▲ Eve Adams")
        await see(pilot, "Eve Adams is deactivated")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, DepartmentFormScreen))
        await pilot.press("ctrl+s")
        await see(pilot, "A department needs a name.")
        await type_in(pilot, "sales")
        await pilot.press("ctrl+s")
        await see(pilot, "called sales already")
        app.screen.query_one(Sheet).put({"name": "Support [b]"})
        app.screen.query_one(Sheet).go_to("head")
        await type_in(pilot, "mia")
        await until(pilot, lambda: app.screen._head.shown and app.screen._head.shown[0].label == "Mia Kovač")
        await pilot.press("enter", "ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DepartmentsScreen))
        await see(pilot, "Support [b]")
        assert "Mia Kovač" in screen_text(app)

        await put_cursor_on(pilot, "Sales")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DepartmentScreen) and app.screen._people)
        one = app.screen
        await pilot.press("g")
        await choose(pilot, "Cleo")
        await said(pilot, "Cleo [/] Marchetti is in Sales now.")
        await until(pilot, lambda: len(one.listed.rows) == 3)
        await pilot.press("s")
        await said(pilot, "Bea Lind leads Sales now.")
        await pilot.press("asterisk", "d")
        await asked(pilot, "Take Bea Lind, Cleo [/] Marchetti, Dan Weiß out of Sales?")
        await pilot.press("tab", "enter")
        await see(pilot, "Taken out: 3 of 3")
        await pilot.press("escape")
        await see(pilot, "Nobody is in this department.")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DepartmentsScreen))
        await put_cursor_on(pilot, "Sales")
        await until(pilot, lambda: screen.row is not None and screen.row.members == 0)
        await pilot.press("d")
        await asked(pilot, "Delete the department Sales? Nobody is in it.")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: len(screen.listed.rows) == 2)


async def test_who_has_not_the_right_is_told_which(office: World) -> None:
    await sql(office, "UPDATE roles SET permissions = '[\"role:view\", \"user:view\"]' WHERE name = 'Role makers'")
    app = opening_on(desk(office, MIA), RolesScreen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await go_to(pilot, RolesScreen)
        await put_cursor_on(pilot, "Night shift")
        for key, word in (("n", "role:manage"), ("g", "role:assign"), ("d", "role:manage")):
            await pilot.press(key)
            await said(pilot, f"This needs the permission {word}.")
        app.session.show(DepartmentsScreen())
        await until(pilot, lambda: isinstance(app.screen, DepartmentsScreen) and app.screen._rows)
        for key, word in (("n", "department:manage"), ("g", "user:update")):
            await pilot.press(key)
            await said(pilot, f"This needs the permission {word}.")


def test_the_error_that_goes_to_the_name_is_a_conflict() -> None:
    assert "called" in Conflict("There is a role called x already.").message
