"""Dialogs: a question with Cancel focused, and a message that can be read whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button

from datapulse_tui.resources import styles_path
from datapulse_tui.tui import keymap
from datapulse_tui.tui.acts import Acts
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item, Pane

T = TypeVar("T")


class Dialog(Acts, ModalScreen[T], inherit_bindings=False):
    """A box over the screen; escape leaves it without an answer."""

    PLACES: ClassVar[tuple[str, ...]] = (keymap.FORM,)
    BINDINGS = keymap.bindings(keymap.FORM)
    HELP: ClassVar[str] = ""
    CSS_PATH = styles_path() / "desk.tcss"

    def do_cancel(self) -> None:
        self.dismiss(None)

    def do_next(self) -> None:
        """A dialog hides the app's keys, those among them that move the focus."""
        self.focus_next()

    def do_previous(self) -> None:
        """See `do_next`."""
        self.focus_previous()


class ConfirmScreen(Dialog[bool]):
    """Asks before something that is hard to take back. The answer is True only when the person chose `yes`."""

    PLACES = (keymap.QUESTION, keymap.FORM)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.FORM), *keymap.bindings(keymap.QUESTION)]

    def __init__(self, question: str, *, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Note(self._question, id="question")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(self._yes, id="yes", variant="error", compact=True)
            yield Note("y does it · n or esc does not · ← → enter choose", classes="note")

    def on_mount(self) -> None:
        self.query_one("#cancel", Button).focus()

    def do_yes(self) -> None:
        self.dismiss(True)

    def do_no(self) -> None:
        self.dismiss(False)

    def do_other(self) -> None:
        self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")


class MessageScreen(Dialog[None]):
    """Something to read: an error with its hint, a long value. Esc closes it."""

    def __init__(self, items: Sequence[Item]) -> None:
        super().__init__()
        self._items = items

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Pane(self._items, id="message", focusable=True, margin=0)
            yield Note("esc closes · ↑ ↓ scroll", classes="note")
