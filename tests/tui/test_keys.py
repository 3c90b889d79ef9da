"""Keys on the screen: everybody's and one's own, made, shown once, replaced, admitted and revoked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot

from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.people.key_sign_in import authenticate
from datapulse_tui.tui.screens.admin.key_forms import (
    AddSshKeyScreen,
    ApiKeyFormScreen,
    KeyShownScreen,
    RotateScreen,
)
from datapulse_tui.tui.screens.admin.keys import KeysScreen
from datapulse_tui.tui.screens.admin.my_keys import MyKeysScreen
from datapulse_tui.tui.screens.confirm import ConfirmScreen, MessageScreen
from datapulse_tui.tui.widgets.rows import RowList
from datapulse_tui.tui.widgets.sheet import Sheet
from tests.people import ssh_samples as samples
from tests.tui.conftest import ANA, World, opening_on, screen_text, see, until
from tests.tui.inbox_world import desk, sql
from tests.tui.keys_world import BEA, fill


@pytest.fixture
def keyed(world: World) -> World:
    async def prepare() -> None:
        connection = world.connect()
        try:
            await fill(connection)
        finally:
            await connection.data.dispose()

    asyncio.run(prepare())
    return world


async def open_all(pilot: Pilot[Any]) -> KeysScreen:
    """To the tab Keys, where the desk opened."""
    await until(pilot, lambda: isinstance(pilot.app.screen, KeysScreen))
    await see(pilot, "work laptop")
    await see(pilot, "backup check")
    assert isinstance(pilot.app.screen, KeysScreen)
    return pilot.app.screen


async def open_mine(pilot: Pilot[Any]) -> MyKeysScreen:
    await see(pilot, "Nothing needs you")
    screen = MyKeysScreen()
    await pilot.app.push_screen(screen)
    await see(pilot, "SSH keys ·")
    return screen


def cursor_to(screen: Any, name: str, words: str) -> None:
    """Put the cursor of a list on the row that holds `words`."""
    rows = screen.query_one(f"#{name}-keys", RowList)
    screen.set_focus(rows)
    rows.move_to(next(at for at, row in enumerate(rows.rows) if any(words in cell for cell in row.cells)))


async def confirm(pilot: Pilot[Any], words: str) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
    await see(pilot, words)
    await pilot.press("tab", "enter")


async def test_an_admin_admits_and_revokes(keyed: World) -> None:
    app = opening_on(desk(keyed, ANA), KeysScreen)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await open_all(pilot)
        await see(pilot, "2 to admit")
        cursor_to(screen, "ssh", "work laptop")
        await pilot.press("a")
        await confirm(pilot, "Compare its fingerprint")
        await see(pilot, "work laptop of Bea Lind: admitted.")
        await see(pilot, "1 to admit")
        [[owner]] = await sql(keyed, "SELECT u.email FROM ssh_keys k JOIN users u ON u.id = k.admitted_by "
                              "WHERE k.name = 'work laptop'")  # fmt: skip
        assert owner == ANA
        await pilot.press("a")
        await see(pilot, "No SSH key that waits is selected.")
        cursor_to(screen, "api", "nightly export")
        await see(pilot, "run and save SQL")  # the detail explains its scopes
        await pilot.press("d")
        await confirm(pilot, "Scripts that use it stop at once")
        await until(pilot, lambda: "nightly export" not in screen_text(app).partition("SSH keys")[0])
        await pilot.press("f")
        await see(pilot, "○ revoked")
        await pilot.press("f")
        await see(pilot, "API keys · 4")


async def test_many_at_once(keyed: World) -> None:
    app = opening_on(desk(keyed, ANA), KeysScreen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_all(pilot)
        cursor_to(screen, "ssh", "work laptop")
        await pilot.press("asterisk", "a")
        await confirm(pilot, "these 3 SSH keys")
        await see(pilot, "2 of 3 were done")  # one was admitted before
        await see(pilot, "it was admitted already")
        await pilot.press("escape")
        await pilot.press("space", "d")
        await confirm(pilot, "Revoke the SSH key")
        await see(pilot, ": revoked.")


async def test_a_change_of_others_is_seen(keyed: World) -> None:
    app = opening_on(desk(keyed, ANA), KeysScreen)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_all(pilot)
        await sql(keyed, "UPDATE ssh_keys SET name = 'renamed' WHERE name = 'work laptop'")
        app.session.changes_came({"keys": frozenset()})
        await see(pilot, "renamed")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, MessageScreen))
        await see(pilot, "SHA256:")


async def test_who_admits_no_ssh_keys_is_told(keyed: World) -> None:
    await sql(keyed, "INSERT INTO roles (name, permissions) VALUES ('k', '[\"apikey:manage\"]')")
    await sql(keyed, "INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u, roles r "
              "WHERE u.email = :bea", bea=BEA)  # fmt: skip
    app = desk(keyed, BEA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Nothing needs you")
        await pilot.press("8")
        await see(pilot, "You may not see SSH keys")
        await see(pilot, "backup check")


async def test_a_key_is_made_shown_once_used_and_replaced(keyed: World) -> None:
    app = desk(keyed, BEA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_mine(pilot)
        await see(pilot, "nightly export")
        assert "backup check" not in screen_text(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ApiKeyFormScreen))
        await see(pilot, "0 of")
        assert "apikey:create" not in screen_text(app)
        await pilot.press("ctrl+s")
        await see(pilot, "A key needs a name")
        app.screen.query_one(Sheet).put({"name": "from the desk", "days": "30"})
        await pilot.press("ctrl+s")
        await see(pilot, "Mark at least one scope")
        await pilot.press("space")
        await see(pilot, "1 of")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, KeyShownScreen))
        await see(pilot, "It is shown only now.")
        await pilot.press("y")
        key = app.clipboard
        assert key in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await see(pilot, "from the desk")
        assert key[12:] not in screen_text(app)

        connection = keyed.connect()
        box = SecretBox.from_settings(keyed.settings)
        assert (await authenticate(connection.data, box, key)).permissions == {"dashboard:view"}

        cursor_to(screen, "api", "from the desk")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, RotateScreen))
        app.screen.query_one(Sheet).put({"overlap": "0"})
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, KeyShownScreen))
        await see(pilot, "at once")
        await pilot.press("y", "escape")
        assert app.clipboard != key
        await refused(connection.data, box, key)
        assert (await authenticate(connection.data, box, app.clipboard)).key_id is not None
        await connection.data.dispose()


async def refused(data: Database, box: SecretBox, key: str) -> None:
    from datapulse_tui.people.key_sign_in import KeyRefused

    with pytest.raises(KeyRefused):
        await authenticate(data, box, key)


async def test_rights_that_were_taken_meanwhile(keyed: World) -> None:
    app = desk(keyed, BEA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_mine(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ApiKeyFormScreen))
        app.screen.query_one(Sheet).put({"name": "late"})
        await pilot.press("tab", "asterisk")
        await sql(keyed, "UPDATE users SET role = 'business_user' WHERE email = :bea", bea=BEA)
        await pilot.press("ctrl+s")
        await see(pilot, "apikey:create")
        assert await sql(keyed, "SELECT 1 FROM api_keys WHERE name = 'late'") == []
        await pilot.press("escape")
        await confirm(pilot, "Leave without making the key?")
        await until(pilot, lambda: isinstance(app.screen, MyKeysScreen))


async def test_an_ssh_key_is_pasted(keyed: World) -> None:
    app = desk(keyed, BEA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_mine(pilot)
        await see(pilot, "work laptop")
        await pilot.press("tab", "n")
        await until(pilot, lambda: isinstance(app.screen, AddSshKeyScreen))
        sheet = app.screen.query_one(Sheet)
        private = samples.private_key()
        sheet.put({"key": private})
        await pilot.press("ctrl+s")
        await see(pilot, "This is a PRIVATE key.")
        assert sheet.value("key") == ""
        sheet.put({"key": samples.rsa_key(1024)})
        await pilot.press("ctrl+s")
        await see(pilot, "too weak")
        sheet.put({"key": samples.ed25519_key() + " bea@tablet"})
        await pilot.press("ctrl+s")
        await see(pilot, "waits until")
        await see(pilot, "bea@tablet")
        assert app.screen is screen
        cursor_to(screen, "ssh", "bea@tablet")
        await pilot.press("y")
        assert app.clipboard.startswith("ssh-ed25519 ")
        await pilot.press("d")
        await confirm(pilot, "Revoke the SSH key bea@tablet")
        await see(pilot, "bea@tablet of Bea Lind: revoked.")


async def test_who_makes_no_api_keys_has_ssh_keys(keyed: World) -> None:
    await sql(keyed, "UPDATE users SET role = 'business_user' WHERE email = :bea", bea=BEA)
    app = desk(keyed, BEA)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_mine(pilot)
        await see(pilot, "nightly export")  # its own can be seen and ended
        await pilot.press("n")
        await see(pilot, "This needs the permission")
        await pilot.press("d")
        await confirm(pilot, "Revoke the API key")
        await until(pilot, lambda: "API keys · 1" in screen_text(app))
