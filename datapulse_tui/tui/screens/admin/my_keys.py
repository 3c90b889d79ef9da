"""One's own keys: API keys for scripts, SSH keys for oneself. Everybody has this screen; the account opens it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from datapulse_tui.people.key_rules import KeyState
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.admin.key_forms import AddSshKeyScreen, ApiKeyFormScreen, KeyShownScreen, RotateScreen
from datapulse_tui.tui.screens.admin.key_lists import KeyLists
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.widgets.form import Note

if TYPE_CHECKING:
    from datapulse_tui.people.api_keys import NewKey
    from datapulse_tui.tui.services import Person

CREATE = {"api": "apikey:create", "ssh": "sshkey:create"}


class MyKeysScreen(KeyLists):
    """API keys above, SSH keys below."""

    PLACES = (keymap.MY_KEYS, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings(keymap.MY_KEYS)
    CSS_PATH = STYLES
    HELP = (
        "An API key lets a script act as you, within the scopes that you choose and never beyond what you may do "
        "yourself. An SSH key lets you in once an administrator has admitted it. tab goes from the one to the other; "
        "n makes a key of the kind in which the cursor is."
    )

    def above(self) -> ComposeResult:
        yield Note("Your keys", id="form-head", strong=True)

    def empty(self, name: str) -> list[str]:
        person = self.desk.person
        able = person is not None and person.actor.can(CREATE[name])
        if name == "api":
            return ["You have no such API key.", "n   make one for a script" if able else "Your role makes none."]
        return ["You have no such SSH key.", "n   add one by pasting its public part" if able else "You may add none."]

    def why_not(self, action_id: str) -> str:
        verb, person = action_id.rpartition(".")[2], self.desk.person
        if verb == "new" and (person is None or not person.actor.can(CREATE[self.here])):
            return f"This needs the permission {CREATE[self.here]}."
        if verb == "rotate":
            if self.api is None:
                return "No API key is selected."
            if person is None or not person.actor.can(CREATE["api"]):
                return f"This needs the permission {CREATE['api']}."
            if self.api.state is not KeyState.LIVE:
                return "It has ended, so there is nothing to replace."
            if self.api.replaced_by:
                return f"It was replaced by {self.api.replaced_by}… already."
        return super().why_not(action_id)

    def do_new(self) -> None:
        if self.here == "ssh":
            self.desk.push_screen(AddSshKeyScreen())
        else:
            self.desk.push_screen(ApiKeyFormScreen())

    def do_rotate(self) -> None:
        services, row = self.desk.services, self.api
        if row is None:
            return

        made: list[NewKey] = []

        def done() -> None:
            self.desk.push_screen(KeyShownScreen(made[0]))
            self.reread()

        def answered(overlap: timedelta | None) -> None:
            if overlap is None:
                return

            async def rotate(person: Person) -> None:
                made.append(await services.rotate_api_key(person, row, overlap))

            self.desk.session.save("rotating an API key", rotate, done=done)

        self.desk.push_screen(RotateScreen(row), answered)

    def do_back(self) -> None:
        self.desk.pop_screen()
