"""From the first paint to a signed-in person, and back."""

from __future__ import annotations

import pytest
from textual.events import Key

from datapulse_tui.data.addresses import Addresses
from datapulse_tui.data.connect import Connection
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Unavailable
from datapulse_tui.tui.app import DataPulseApp
from datapulse_tui.tui.screens.dashboards import DashboardsScreen
from datapulse_tui.tui.screens.first_admin import FirstAdminScreen
from datapulse_tui.tui.screens.lock import LockScreen
from datapulse_tui.tui.screens.sign_in import SignInScreen
from datapulse_tui.tui.screens.start import StartScreen
from datapulse_tui.tui.services import Services
from datapulse_tui.tui.widgets.form import Field
from datapulse_tui.tui.workspace import Opened
from tests.tui.conftest import ANA, NOW, PASSWORD, World, pinned, screen_text, see, type_in, until

pytestmark = pytest.mark.usefixtures("dashboards_first")


async def sign_in(pilot, password: str = PASSWORD) -> None:
    await see(pilot, "Password")
    await type_in(pilot, ANA)
    await pilot.press("enter")
    await type_in(pilot, password)
    await pilot.press("enter")


async def test_a_person_signs_in_and_sees_the_dashboards(world: World) -> None:
    app = world.desk()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await sign_in(pilot)
        await see(pilot, "Sales")
        assert isinstance(app.screen, DashboardsScreen)
        assert app.person is not None
        assert app.person.name == "Ana Berger"
        await see(pilot, "Ana Berger · analyst")
        assert "15:05" in screen_text(app)  # the clock in her zone, Vienna


async def test_a_wrong_password_is_told_and_typed_again(world: World) -> None:
    app = world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await sign_in(pilot, "wrong")
        await see(pilot, "The address or the password is wrong.")
        assert app.focused is not None
        assert app.focused.id == "password"
        assert "wrong" not in app.focused.value
        await type_in(pilot, PASSWORD)
        await pilot.press("enter")
        await see(pilot, "Sales")


async def test_the_delay_after_failures_is_told(world: World) -> None:
    app = world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await sign_in(pilot, "wrong")
        for _ in range(4):
            await see(pilot, "wrong. Check both")
            await type_in(pilot, "wrong")
            await pilot.press("enter")
        await see(pilot, "wrong. Check both")
        await type_in(pilot, PASSWORD)
        await pilot.press("enter")
        await see(pilot, "Too many failed sign-ins")


async def test_an_empty_workspace_asks_for_its_first_administrator(empty_world: World) -> None:
    app = empty_world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Welcome to DataPulse")
        assert isinstance(app.screen, FirstAdminScreen)
        for field in ("Ines Carvalho", "ines@example.org", PASSWORD, "another one"):
            await type_in(pilot, field)
            await pilot.press("enter")
        await see(pilot, "The two passwords differ")
        for field in (PASSWORD, PASSWORD):
            await type_in(pilot, field)
            await pilot.press("enter")
        await see(pilot, "There are no dashboards yet")
        assert app.person is not None
        assert app.person.role == "admin"


async def test_a_slip_in_the_address_does_not_cost_the_passwords(empty_world: World) -> None:
    app = empty_world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Welcome to DataPulse")
        for field in ("Ines Carvalho", "ines@", PASSWORD, PASSWORD):
            await type_in(pilot, field)
            await pilot.press("enter")
        await see(pilot, "This is not an e-mail address.")
        await type_in(pilot, "example.org")
        await pilot.press("enter", "enter", "enter")
        await see(pilot, "There are no dashboards yet")
        assert app.person is not None
        assert app.person.actor.email == "ines@example.org"


async def test_the_lock_hides_everything_until_the_password_is_given(world: World) -> None:
    app = world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await sign_in(pilot)
        await see(pilot, "Sales")
        await pilot.press("L")
        await see(pilot, "Locked")
        assert isinstance(app.screen, LockScreen)
        assert "Sales" not in screen_text(app)
        app.say("a secret")
        await pilot.press("2")
        await pilot.pause()
        assert isinstance(app.screen, LockScreen)
        assert "a secret" not in screen_text(app)
        await type_in(pilot, "no")
        await pilot.press("enter")
        await see(pilot, "The address or the password is wrong.")
        await type_in(pilot, PASSWORD)
        await pilot.press("enter")
        await see(pilot, "Sales")


async def test_the_desk_locks_itself_when_nobody_presses_a_key(world: World) -> None:
    with pinned(world, {"idle_lock_minutes": 1}) as soon:
        app = soon.desk()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await sign_in(pilot)
            await see(pilot, "Sales")
            app.watch_over.lock_when_idle()
            assert not app.session.locked
            app.watch_over._touched -= 61
            app.watch_over.lock_when_idle()
            await until(pilot, lambda: isinstance(app.screen, LockScreen))


async def test_sign_out_leads_back_to_the_sign_in(world: World) -> None:
    app = world.desk()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await sign_in(pilot)
        await see(pilot, "Sales")
        await pilot.press(":")
        await type_in(pilot, "sign out")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SignInScreen))
        assert app.person is None
        assert "Sales" not in screen_text(app)


async def test_who_is_let_in_without_a_password_is_not_locked_out(world: World) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Sales")
        await pilot.press("L")
        await pilot.pause()
        assert isinstance(app.screen, DashboardsScreen)


async def test_nobody_by_that_address_leads_to_the_sign_in(world: World) -> None:
    app = world.desk(as_email="nobody@example.org")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SignInScreen))
        await see(pilot, "There is no active account")


async def test_a_database_that_does_not_answer_is_told_and_tried_again(world: World) -> None:
    class Away(Services):
        attempts = 0

        async def open(self) -> Opened:
            self.attempts += 1
            if self.attempts == 1:
                self._connection = None
                raise Unavailable("The database at nowhere:1/x does not answer.", hint="Check that it runs.")
            self._connection = world.connect()
            return await super().open()

    services = Away(as_email=ANA)
    app = DataPulseApp(services, now=lambda: NOW)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: services.attempts == 1)
        await see(pilot, "nowhere:1/x")
        assert isinstance(app.screen, StartScreen)
        await pilot.press("R")
        await see(pilot, "Sales")


async def test_an_older_schema_is_offered_an_upgrade(world: World, server, empty_database_name: str) -> None:
    owner, asked = server.url(empty_database_name), server.url(empty_database_name, "datapulse_app")
    settings = world.settings.changed(database_url=None)

    class Old(Services):
        async def open(self) -> Opened:
            from datapulse_tui.data.schema_version import refusal, schema_state

            connection = Connection(settings, Database(asked), Addresses(asked, asked, owner))
            async with connection.data.reading() as session:
                error = refusal(await schema_state(session))
            if error is not None:
                await connection.data.dispose()
                raise error
            self._connection = connection
            return await super().open()

        async def upgrade(self) -> None:
            import asyncio

            from datapulse_tui.data.migrate import upgrade

            await asyncio.to_thread(upgrade, owner)

        async def keep_company(self) -> None:
            """No worker is wanted here."""

    app = DataPulseApp(Old(), now=lambda: NOW)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "datapulse db upgrade")
        await pilot.press("u")
        await see(pilot, "Welcome to DataPulse", timeout=20)


@pytest.mark.parametrize("theme", ["light", "high-contrast", "colour-blind", "ansi16"])
async def test_a_theme_is_worn_at_once_and_remembered(world: World, theme: str) -> None:
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Sales")
        await pilot.press(":")
        await type_in(pilot, f"theme {theme}")
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == theme)
        assert await app.writes.finished(5)
    again = world.desk(as_email=ANA)
    async with again.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Sales")
        assert again.theme == theme


async def test_no_colour_means_no_colour(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Sales")
        assert app.look.chart.colour == "none"
        app.wear("dark")
        await pilot.pause()
        assert app.theme == "none"
        for strip in app.screen._compositor.render_strips():
            assert all(not style or not style.color or style.color.is_default for _, style, _ in strip)


async def test_keys_that_arrive_in_one_burst_go_where_they_belong(empty_world: World) -> None:
    """A slow line delivers many keys at once; what follows a tab must not land in the field before it."""
    app = empty_world.desk()
    async with app.run_test(size=(80, 24)) as pilot:
        await see(pilot, "Your name")
        for key in (*"Olga", "tab", *"o@x.org", "tab", *PASSWORD, "tab", *"again"):
            app.post_message(Key({" ": "space"}.get(key, key), key if len(key) == 1 else None))
        await until(pilot, lambda: app.screen.query_one("#again", Field).value == "again")
        assert [app.screen.query_one(f"#{name}", Field).value for name in ("name", "email", "password")] == [
            "Olga",
            "o@x.org",
            PASSWORD,
        ]
