"""A dialog with a field to type in, over rows from which the arrows choose while the cursor stays in the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from textual.events import Key
from textual.widgets import Input

from datapulse_tui.tui.screens.alerts.ask import Question
from datapulse_tui.tui.widgets.form import Field
from datapulse_tui.tui.widgets.rows import Row, RowList

T = TypeVar("T")


class TypedChoice(Question[T]):
    """Holds one Field and one RowList. Each letter asks for rows, enter or a click takes the one under the cursor."""

    def look_for(self, typed: str) -> None:
        """Offer the rows that go with what is typed, by `offer`; without anything typed those to begin with."""
        raise NotImplementedError

    def take(self, key: str) -> None:
        """This row was chosen."""
        raise NotImplementedError

    def offer(self, rows: Sequence[Row], *, empty: str) -> None:
        """Show these, the first one chosen; `empty` stands there when there are none."""
        listed = self.query_one(RowList)
        listed.show(rows, empty=[empty])
        listed.move_to(0)

    def take_focus(self) -> None:
        self.set_focus(self.query_one(Field))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.look_for(event.value.strip())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._choose()

    def on_row_list_opened(self) -> None:
        self._choose()

    def key_up(self) -> None:
        """The arrows move the choice while the cursor stays in the input."""
        self.query_one(RowList).do_up()

    def key_down(self) -> None:
        """See `key_up`."""
        self.query_one(RowList).do_down()

    def key_enter(self, event: Key) -> None:
        """When the list has the focus; it ends here, and does not reach the screen below."""
        event.stop()
        self._choose()

    def _choose(self) -> None:
        listed = self.query_one(RowList)
        if listed.rows:
            self.take(listed.key)
