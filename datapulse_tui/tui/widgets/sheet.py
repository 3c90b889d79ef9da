"""A long form that scrolls: sections of labelled controls, what is wrong with each told where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, TextArea

from datapulse_tui.charts.cells import clean
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.choice import Choice
from datapulse_tui.tui.widgets.form import Field, Note
from datapulse_tui.tui.widgets.lines import Line, LinesWidget

Value = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A control with its label; `about` explains it in a sentence or two.

    The control's id is the entry's name behind `in-`, which keeps it apart from other widgets in the style sheets.
    """

    label: str
    control: Widget
    about: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Entries under a heading; a widget among them that is no entry stands there as it is."""

    title: str
    entries: Sequence[Entry | Widget]


def name_of(control: Widget) -> str:
    """The name of the entry that `control` is of."""
    return (control.id or "").removeprefix("in-")


class SheetField(Field):
    """A field of a sheet: enter goes on to the next control."""

    def action_go_on(self) -> None:
        sheet = next((node for node in self.ancestors if isinstance(node, Sheet)), None)
        if sheet is not None:
            sheet.step(1)


class SheetText(TextArea, inherit_bindings=False):
    """Several lines of text. Tab leaves it; it neither blinks nor numbers its lines. f6 is the screen's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        each for each in TextArea.BINDINGS if isinstance(each, Binding) and each.key != "f6"
    ]

    def __init__(self, text: str = "", *, id: str, placeholder: str = "") -> None:
        super().__init__(text, id=id, compact=True, placeholder=Content(placeholder), highlight_cursor_line=False)
        self.cursor_blink = False


class EntryLabel(LinesWidget):
    """The label of a control: bright where one is, marked where something is wrong."""

    def __init__(self, words: str) -> None:
        super().__init__(classes="entry-label")
        self.words = words
        self.here = False
        self.bad = False

    def draw(self, _width: int, _height: int, look: Look, /) -> Sequence[Line]:
        style = look.critical if self.bad else look.accent if self.here else look.dim
        return [[(("▲ " if self.bad else "▌ " if self.here else "  ") + clean(self.words), style)]]


class EntryRow(Horizontal):
    """One line of a sheet, or a few for a text of several lines."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(classes="entry")
        self.entry = entry
        self.label = EntryLabel(entry.label)

    def compose(self) -> ComposeResult:
        yield self.label
        yield self.entry.control


class Sheet(VerticalScroll, can_focus=False):
    """Enter, tab and the arrows go from control to control; `value` and `put` reach them by name."""

    class Changed(Message):
        """The control called `name` holds something else."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Entered(Message):
        """The focus came to the control called `name`."""

        def __init__(self, name: str, about: str) -> None:
            super().__init__()
            self.name = name
            self.about = about

    def __init__(self, sections: Sequence[Section], *, id: str) -> None:
        super().__init__(id=id)
        self._sections = sections
        self._rows: dict[str, EntryRow] = {}
        self._problems: dict[str, Note] = {}

    def compose(self) -> ComposeResult:
        for section in self._sections:
            yield Note(section.title, classes="section", strong=True)
            for each in section.entries:
                if isinstance(each, Entry):
                    name = name_of(each.control)
                    row = self._rows[name] = EntryRow(each)
                    problem = self._problems[name] = Note(classes="entry-problem")
                    problem.display = False
                    yield row
                    yield problem
                else:
                    yield each

    # -- values --------------------------------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The controls' names from top to bottom."""
        return list(self._rows)

    def control(self, name: str) -> Widget:
        """The control called `name`."""
        return self._rows[name].entry.control

    def value(self, name: str) -> Value:
        """What the control called `name` holds: text, the key of a choice, or the keys of one that takes several."""
        control = self.control(name)
        if isinstance(control, Choice):
            return control.keys if control.several else control.key
        if isinstance(control, TextArea):
            return control.text
        return control.value if isinstance(control, Input) else ""

    @property
    def values(self) -> dict[str, Value]:
        """Everything that the sheet holds, by name."""
        return {name: self.value(name) for name in self._rows}

    def put(self, values: Mapping[str, Value]) -> None:
        """Put these values into their controls; names that the sheet does not have are passed over."""
        for name, value in values.items():
            if name not in self._rows:
                continue
            control = self.control(name)
            if isinstance(control, Choice):
                control.choose(*((value,) if isinstance(value, str) and value else value))
            elif isinstance(control, TextArea) and isinstance(value, str) and control.text != value:
                control.text = value
            elif isinstance(control, Input) and isinstance(value, str):
                control.value = value

    # -- what is shown -------------------------------------------------------------------------------------------------

    def offer_only(self, name: str, *, shown: bool) -> None:
        """Show the entry called `name`, or hide it where it means nothing."""
        row = self._rows[name]
        if row.display != shown:
            row.display = shown
            self._problems[name].display = shown and row.label.bad

    def relabel(self, name: str, label: str) -> None:
        """Give the entry called `name` another label."""
        self._rows[name].label.words = label
        self._rows[name].label.redraw()

    def say(self, problems: Mapping[str, str]) -> None:
        """Tell what is wrong, each at its control; what stands there from before goes."""
        for name, row in self._rows.items():
            words = problems.get(name, "")
            note = self._problems[name]
            if words:
                note.show(words, bad=True)
            if note.display != bool(words and row.display):
                note.display = bool(words and row.display)
            if row.label.bad != bool(words):
                row.label.bad = bool(words)
                row.label.redraw()

    def go_to(self, name: str) -> None:
        """Put the focus on the control called `name` and bring it into view."""
        self.screen.set_focus(self.control(name))

    def step(self, by: int) -> None:
        """Go on to the next control that is shown, or back to the one before."""
        shown = [name for name, row in self._rows.items() if row.display]
        here = next((at for at, name in enumerate(shown) if self.control(name).has_focus), None)
        if here is None:
            return
        if 0 <= here + by < len(shown):
            self.go_to(shown[here + by])

    # -- events --------------------------------------------------------------------------------------------------------

    def on_key(self, event: Key) -> None:
        if event.key in ("up", "down"):
            event.stop()
            self.step(-1 if event.key == "up" else 1)

    def on_descendant_focus(self) -> None:
        for name, row in self._rows.items():
            here = row.entry.control.has_focus
            if row.label.here != here:
                row.label.here = here
                row.label.redraw()
                if here:
                    self.post_message(self.Entered(name, row.entry.about))

    def on_descendant_blur(self) -> None:
        for row in self._rows.values():
            if row.label.here and not row.entry.control.has_focus:
                row.label.here = False
                row.label.redraw()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(name_of(event.input)))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(name_of(event.text_area)))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(name_of(event.choice)))
