"""The field in which a filter is typed, and the line below it that offers how it can go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from datapulse_tui.charts.cells import cell_width, clean
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.form import Field
from datapulse_tui.tui.widgets.lines import Line, LinesWidget, Part


class Offers(LinesWidget):
    """What the word under the cursor can become, one of them chosen; or what is wrong with the filter."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.start = 0
        self.options: Sequence[str] = ()
        self.at = 0
        self.problem = ""

    def offer(self, start: int, options: Sequence[str]) -> None:
        """Offer `options` for what stands between `start` and the cursor."""
        self.start, self.options, self.at, self.problem = start, options, 0, ""
        self.redraw()

    def complain(self, problem: str) -> None:
        """Say what is wrong in the place of what could come."""
        self.options, self.problem = (), problem
        self.redraw()

    def step(self, by: int) -> None:
        """Choose another of the options."""
        if self.options:
            self.at = (self.at + by) % len(self.options)
            self.redraw()

    @property
    def chosen(self) -> str | None:
        """The chosen option."""
        return self.options[self.at] if self.options else None

    def draw(self, width: int, _height: int, look: Look, /) -> Sequence[Line]:
        if self.problem:
            return [[(" ▲ ", look.critical), (clean(self.problem), look.critical)]]
        if not self.options:
            return [[("  enter shows it · esc takes it away", look.dim)]]
        line: list[Part] = [("  ", look.text)]
        room = width - 2 - len(_HINT)
        # The chosen one is always in view: those before it that find no room are passed over.
        first = 0
        while first < self.at and sum(cell_width(clean(each)) + 2 for each in self.options[first : self.at + 1]) > room:
            first += 1
        for index, option in enumerate(self.options[first:], first):
            words = clean(option)
            if cell_width(words) + 2 > room and index > self.at:
                break
            room -= cell_width(words) + 2
            line += [(words, look.cursor if index == self.at else look.dim), ("  ", look.text)]
        return [[*line, (_HINT, look.dim)]]


_HINT = "tab takes it"


class FilterField(Field):
    """Tab takes the chosen offer, up and down choose another."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "take", show=False),
        Binding("down", "offer(1)", show=False),
        Binding("up", "offer(-1)", show=False),
    ]

    class Taking(Message):
        """Tab was pressed."""

    class Stepping(Message):
        """Another offer is wanted."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def action_take(self) -> None:
        """Tab."""
        self.post_message(self.Taking())

    def action_offer(self, by: int) -> None:
        """Up or down."""
        self.post_message(self.Stepping(by))

    def replace_word(self, start: int, option: str) -> None:
        """Put `option` in the place of what stands between `start` and the cursor."""
        before, after = self.value[:start] + option, self.value[self.cursor_position :]
        self.value = before + after
        self.cursor_position = len(before)
