"""Forms of a few fields: a label, an input that does not blink, and a message that says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Input

from datapulse_tui.charts.cells import clean, wrap
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, LinesWidget


class Note(LinesWidget):
    """A line or a few of text, with a mood."""

    def __init__(self, text: str = "", *, id: str | None = None, classes: str = "note", strong: bool = False) -> None:
        super().__init__(id=id, classes=classes)
        self.text = text
        self.bad = False
        self._strong = strong

    def show(self, text: str, *, bad: bool = False) -> None:
        """Show another text."""
        before = self._wrapped(self.size.width)
        self.text, self.bad = text, bad
        if len(before) != len(self._wrapped(self.size.width)):
            self.refresh(layout=True)
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return max(1, len(self._wrapped(width)))

    def draw(self, width: int, _height: int, look: Look, /) -> Sequence[Line]:
        style = look.critical if self.bad else look.accent if self._strong else look.dim
        return [[(line, style)] for line in self._wrapped(width)]

    def _wrapped(self, width: int) -> list[str]:
        mark = "▲ " if self.bad else ""
        return wrap(clean(mark + self.text), width) if width > 0 else []


class Field(Input):
    """An input without blinking and without select-all on focus.

    Enter is a priority binding, so that what is typed ahead after it lands in the next field of the form.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "go_on", show=False, priority=True)]

    def __init__(self, *, id: str, value: str = "", password: bool = False, placeholder: str = "") -> None:
        super().__init__(value, placeholder=placeholder, password=password, id=id, select_on_focus=False, compact=True)
        self.cursor_blink = False

    def action_go_on(self) -> None:
        """To the next field of the form; the last one submits, behind the keys that are still on their way."""
        form = next((node for node in self.ancestors if isinstance(node, Form)), None)
        following = form.after(self) if form else None
        if following is not None:
            self.screen.set_focus(following)
        else:
            self.call_later(self.action_submit)


class Form(Vertical):
    """Labelled fields in a box. Enter goes on to the next field, and from the last one submits."""

    class Submitted(Message):
        """All fields are filled in and enter was pressed in the last one."""

        def __init__(self, values: dict[str, str]) -> None:
            super().__init__()
            self.values = values

    def __init__(self, title: str, fields: Sequence[tuple[str, Field]], *, explain: str = "") -> None:
        super().__init__(classes="form")
        self._title = title
        self._explain = explain
        self._fields = list(fields)

    def compose(self) -> ComposeResult:
        yield Note(self._title, classes="form-title", strong=True)
        if self._explain:
            yield Note(self._explain, classes="form-explain")
        for label, field in self._fields:
            yield Note(label, id=f"label-{field.id}", classes="label")
            yield field
        yield Note(id="form-message")

    def say(self, text: str, *, bad: bool = True) -> None:
        """Tell what is wrong, or what is going on."""
        self.query_one("#form-message", Note).show(text, bad=bad)

    def relabel(self, name: str, label: str) -> None:
        """Give the field called `name` another label."""
        self.query_one(f"#label-{name}", Note).show(label)

    @property
    def values(self) -> dict[str, str]:
        """The fields' ids and texts."""
        return {field.id or "": field.value for _, field in self._fields}

    def hold(self, held: bool) -> None:  # noqa: FBT001
        """No typing while an answer is awaited."""
        for _, field in self._fields:
            field.disabled = held

    def clear(self, *names: str) -> None:
        """Empty these fields and put the cursor into the first of them."""
        fields = [field for _, field in self._fields if field.id in names]
        for field in fields:
            field.value = ""
        if fields:
            self.screen.set_focus(fields[0])

    def after(self, field: Field) -> Field | None:
        """The field behind `field`; None behind the last."""
        fields = [each for _, each in self._fields]
        return dict(pairwise(fields)).get(field)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted(self.values))
