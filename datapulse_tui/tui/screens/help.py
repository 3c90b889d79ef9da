"""Help: what this screen is for, the keys that work on it, and those that work everywhere."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen

from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.confirm import Dialog
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item, Pane


class HelpScreen(Dialog[None]):
    """Made from the registry, and from the help that the screen and the focused widget bring along."""

    def __init__(self, below: Screen[object]) -> None:
        super().__init__()
        self._below = below

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Note("Help", classes="form-title", strong=True)
            yield Pane(self._items(), id="message", focusable=True, margin=0)
            yield Note("esc closes · ↑ ↓ scroll", classes="note")

    def _items(self) -> list[Item]:
        focused = self._below.focused
        about = [getattr(node, "HELP", "") for node in (self._below, focused) if node is not None]
        items: list[Item] = []
        for words in about:
            if isinstance(words, str) and words:
                items += [Item("text", words), Item("gap")]
        places = [*getattr(self._below, "PLACES", ()), getattr(focused, "PLACE", ""), keymap.APP]
        for place in dict.fromkeys(places):
            items += self._group(place, keymap.actions(place))
        return items

    def _group(self, place: str, actions: Iterable[keymap.Action]) -> list[Item]:
        facts = [
            Item("fact", each.help, " ".join(keymap.key_names(each, self.desk.user_keymap)) or "palette")
            for each in actions
        ]
        return [Item("title", f"Keys: {place}"), *facts, Item("gap")] if facts else []
