"""Questions with more than two answers: what becomes of a draft, and of a rule that somebody else changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button

from datapulse_tui.tui.screens.confirm import Dialog
from datapulse_tui.tui.widgets.form import Note


class Answer(NamedTuple):
    """One way to answer: what the dialog answers with, and the word on its button."""

    id: str
    label: str
    bad: bool = False


KEEP_DRAFT, THROW_AWAY = Answer("keep", "Keep as a draft"), Answer("drop", "Throw away", bad=True)
KEEP_MINE, RELOAD = Answer("mine", "Keep mine", bad=True), Answer("theirs", "Take theirs")


class QuestionScreen(Dialog[str]):
    """Answers with the id of what was chosen; None for Cancel, which is focused, and for esc."""

    def __init__(self, question: str, answers: Sequence[Answer]) -> None:
        super().__init__()
        self._question = question
        self._answers = answers

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Note(self._question, id="question")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                for each in self._answers:
                    yield Button(each.label, id=each.id, variant="error" if each.bad else "default", compact=True)

    def on_mount(self) -> None:
        self.query_one("#cancel", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(None if event.button.id == "cancel" else event.button.id)
