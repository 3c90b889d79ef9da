"""Small dialogs of the alerts' screens: one line of text, what would happen to many, and what did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key

from datapulse_tui.tui.screens.confirm import Dialog
from datapulse_tui.tui.widgets.form import Field, Form, Note
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

if TYPE_CHECKING:
    from datapulse_tui.tui.app import DataPulseApp

T = TypeVar("T")


class Question(Dialog[T]):
    """A dialog that says where its cursor belongs."""

    def take_focus(self) -> None:
        """Called when it stands, before the next key is looked at."""
        raise NotImplementedError


async def ask(
    desk: DataPulseApp,
    question: Question[T],
    answered: Callable[[T | None], None] | Callable[[T | None], Awaitable[None]] | None = None,
) -> None:
    """Show a dialog and wait until it stands: what was typed ahead lands in it, not in what is below."""
    await desk.push_screen(question, answered)
    question.take_focus()


class AskScreen(Question[str]):
    """One field. The answer is its text, or None; with `needed` an empty one is refused in those words."""

    def __init__(self, title: str, label: str, *, explain: str = "", value: str = "", needed: str = "") -> None:
        super().__init__()
        self._title = title
        self._label = label
        self._explain = explain
        self._value = value
        self._needed = needed

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            field = Field(id="answer", value=self._value)
            yield Form(self._title, [(self._label, field)], explain=self._explain)
            yield Note("enter does it · esc cancels", classes="note")

    def take_focus(self) -> None:
        self.set_focus(self.query_one("#answer"))

    def on_form_submitted(self, event: Form.Submitted) -> None:
        answer = event.values["answer"].strip()
        if self._needed and not answer:
            self.query_one(Form).say(self._needed)
            return
        self.dismiss(answer)


class Fate(NamedTuple):
    """What would become, or became, of one thing of many."""

    name: str
    good: bool
    words: str


AROUND = 12  # lines of the screen that a list of fates leaves to what is around it


class ManyScreen(Question[bool]):
    """A list of fates. With `yes` it asks, and the answer is True only for enter; without, it only tells."""

    def __init__(self, title: str, fates: Sequence[Fate], *, yes: str = "", noun: str = "incidents") -> None:
        super().__init__()
        self._title = title
        self._columns = (RowColumn("", 1), RowColumn(noun.removesuffix("s").capitalize()), RowColumn(""))
        self._fates = fates
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Note(self._title, classes="form-title", strong=True)
            yield RowList(self._columns, id="fates")
            yield Note(f"enter {self._yes} · esc cancels" if self._yes else "esc closes · ↑ ↓ scroll", classes="note")

    def on_mount(self) -> None:
        fates = self.query_one(RowList)
        fates.styles.height = max(3, min(len(self._fates) + 1, self.app.size.height - AROUND))
        fates.show(
            [
                Row(
                    str(at),
                    ("✓" if fate.good else "▲", fate.name, fate.words),
                    ("good" if fate.good else "warning", "", ""),
                )
                for at, fate in enumerate(self._fates)
            ]
        )

    def take_focus(self) -> None:
        self.set_focus(self.query_one(RowList))

    def key_enter(self, event: Key) -> None:
        """The list has no binding of its own for enter. It ends here: what is below has one."""
        event.stop()
        self.dismiss(bool(self._yes))
