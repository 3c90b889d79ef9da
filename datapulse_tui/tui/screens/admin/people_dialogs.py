"""Dialogs about people: choosing one of a few things, what is asked before somebody is kept out, and what of theirs
would go to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Key
from textual.widgets import Button

from datapulse_tui.tui.screens.admin.choosing import OffersPeople
from datapulse_tui.tui.screens.admin.people_words import fate_items
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.alerts.ask import Question
from datapulse_tui.tui.screens.typed_choice import TypedChoice
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Field, Note
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

if TYPE_CHECKING:
    from datapulse_tui.tui.screens.acting import Outcome

NOBODY = ""  # who gets nothing
COLUMNS = (RowColumn("", 30), RowColumn("", dim=True))
AROUND = 12  # lines of the screen that a list leaves to what is around it


class PickScreen(TypedChoice[str]):
    """Answers with the key of the option that was chosen, or None. Typing leaves those that hold it."""

    HELP = "Type a part of it; the arrows choose, enter does it."

    def __init__(self, title: str, options: Sequence[Option], *, explain: str = "", empty: str = "") -> None:
        super().__init__()
        self._title = title
        self._options = options
        self._explain = explain
        self._empty = empty

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Note(self._title, classes="form-title", strong=True)
            if self._explain:
                yield Note(self._explain, classes="form-explain")
            yield Field(id="typed", placeholder="type a part of it")
            yield RowList(COLUMNS, id="picks")
            yield Note("enter does it · ↑ ↓ choose · esc cancels", classes="note")

    def on_mount(self) -> None:
        listed = self.query_one(RowList)
        listed.styles.height = max(3, min(len(self._options) + 1, self.app.size.height - AROUND))
        self.look_for("")

    def look_for(self, typed: str) -> None:
        found = [Row(each.key, (each.label, each.remark)) for each in self._options if each.matches(typed)]
        self.offer(found, empty=self._empty or "Nothing of that name.")

    def take(self, key: str) -> None:
        self.dismiss(key)


FATES = (RowColumn("", 1), RowColumn("Person", 24), RowColumn(""))
AROUND_FATES = 10  # lines of the screen around a list of fates and what is told of one
LEAST_TOLD = 7  # lines for what becomes of the person under the cursor


class FatesScreen(Question[bool]):
    """What would become, or became, of many people; below the list all of it for the one under the cursor, with what
    they hand over. With `yes` it asks, and the answer is True only for enter; without, it only tells."""

    CSS_PATH = STYLES  # type: ignore[assignment]
    HELP = "Of each it is done or not at all: ▲ says why not. The one under the cursor is told in full below the list."

    def __init__(self, title: str, outcomes: Sequence[Outcome], *, yes: str = "") -> None:
        super().__init__()
        self._title = title
        self._outcomes = {str(each.id): each for each in outcomes}
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="fates-of-people"):
            yield Note(self._title, classes="form-title", strong=True)
            yield RowList(FATES, id="fates", beside=self._tell)
            yield Pane(id="handed", focusable=True, margin=0)
            keys = f"enter {self._yes} · esc cancels" if self._yes else "esc closes"
            yield Note(f"{keys} · tab goes to the text", classes="note")

    def on_mount(self) -> None:
        fates = self.query_one("#fates", RowList)
        told = max(LEAST_TOLD, self.app.size.height // 4)
        fates.styles.height = max(3, min(len(self._outcomes) + 1, self.app.size.height - AROUND_FATES - told))
        self.query_one("#handed").styles.height = told
        fates.show(
            [
                Row(
                    key,
                    ("✓" if each.done else "▲", each.title, each.message),
                    ("good" if each.done else "warning", "", ""),
                )
                for key, each in self._outcomes.items()
            ]
        )
        self._tell()

    def take_focus(self) -> None:
        self.set_focus(self.query_one("#fates"))

    def _tell(self) -> None:
        each = self._outcomes.get(self.query_one("#fates", RowList).key)
        self.query_one("#handed", Pane).show(fate_items(each) if each else [])

    def key_enter(self, event: Key) -> None:
        """Neither the list nor the text has a binding of its own for enter. It ends here: what is below has one."""
        event.stop()
        self.dismiss(bool(self._yes))


class DeactivateScreen(OffersPeople, Question[str]):
    """Says what they have, and asks to whom it goes. Answers with that person's id, NOBODY where it stays as it is, or
    None. Cancel is focused."""

    CSS_PATH = STYLES  # type: ignore[assignment]
    HELP = "Whoever gets it owns it from then on. Where nobody is chosen it stays, and their rules stand as error."

    def __init__(self, question: str, items: Sequence[Item]) -> None:
        super().__init__()
        self._question = question
        self._items = items

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="deactivating"):
            yield Note(self._question, id="question")
            if self._items:
                yield Pane(self._items, id="belongings", focusable=True, margin=0)
                yield Note("It goes to (type a name or an address)", classes="label")
                yield Choice(id="to", empty="nobody: it stays as it is")
            yield Note("tab goes on · esc cancels", classes="note")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Deactivate", id="yes", variant="error", compact=True)

    def on_mount(self) -> None:
        if self._items:
            self.query_one("#belongings").styles.height = min(len(self._items), self.app.size.height - AROUND - 2)
            self.offer_people(self.query_one("#to", Choice), "")

    def take_focus(self) -> None:
        self.set_focus(self.query_one("#cancel"))

    def on_choice_typed(self, event: Choice.Typed) -> None:
        event.stop()
        self.offer_people(event.choice, event.typed)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id != "yes":
            self.dismiss(None)
        else:
            self.dismiss(self.query_one("#to", Choice).key if self._items else NOBODY)


def to_whom(answer: str) -> UUID | None:
    """Who gets it, as a DeactivateScreen answers."""
    return UUID(answer) if answer else None
