"""Everybody's keys: API keys of scripts, and SSH keys that wait to be admitted or are."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.admin.key_lists import KeyLists
from datapulse_tui.tui.screens.admin.tabs import STYLES, AdminTab
from datapulse_tui.tui.widgets.tabs import TabLine

SSH = "sshkey:manage"


class KeysScreen(KeyLists, AdminTab):
    """The tab Keys."""

    PLACES = (keymap.KEYS, keymap.ADMIN, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.KEYS), *keymap.bindings(keymap.ADMIN)]
    CSS_PATH = STYLES
    TAB = "keys"
    EVERYBODY = True
    HELP = (
        "Scripts sign in with an API key, and may do what both its owner and its scopes allow. People sign in over SSH "
        "with a key that you admitted: compare its fingerprint with the one that they tell you on another way."
    )

    def above(self) -> ComposeResult:
        yield self.tab_line()

    def may_read(self, name: str) -> str:
        person = self.desk.person
        if name == "ssh" and (person is None or not person.actor.can(SSH)):
            return f"You may not see SSH keys: that needs the permission {SSH}."
        return ""

    def empty(self, name: str) -> list[str]:
        if name == "api":
            return ["There is no such API key.", "People make their own under Account."]
        return ["There is no such SSH key.", "People ask for theirs to be admitted under Account."]

    def _show(self) -> None:
        super()._show()
        waiting = sum(row.status == "pending" for row in self._ssh.values())
        self.remark(f"{waiting:,} to admit" if waiting else "")

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        if event.line == "tabs":
            AdminTab.on_tab_line_chosen(self, event)
        else:
            super().on_tab_line_chosen(event)

    def why_not(self, action_id: str) -> str:
        if action_id == "keys.admit":
            waiting = [key for key in self.chosen if key in self._ssh and self._ssh[key].status == "pending"]
            return "" if waiting else "No SSH key that waits is selected."
        return super().why_not(action_id)

    def do_admit(self) -> None:
        keys = self.chosen
        row = self._ssh[keys[0]]
        if len(keys) == 1:
            question = (
                f"Let {row.owner} sign in with the SSH key {row.name}? Compare its fingerprint with the one that they "
                f"tell you: {row.fingerprint}"
            )
        else:
            question = f"Let their owners sign in with these {len(keys):,} SSH keys?"
        self.ask_and_act(question, "Admit", "admitting SSH keys", self.desk.services.admit_ssh_keys)
