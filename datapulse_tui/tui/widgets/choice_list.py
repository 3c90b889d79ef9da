"""The open list of a choice: its options, those that the filter leaves, drawn over what stands below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.events import Click, MouseScrollDown, MouseScrollUp

from datapulse_tui.charts.cells import cell_width, clean, crop, fit
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, LinesWidget

if TYPE_CHECKING:
    from datapulse_tui.tui.widgets.choice import Choice

MOST_SHOWN = 8  # options in view at once


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose: what is kept, what people read, and a remark on it. Text may be hostile."""

    key: str
    label: str
    remark: str = ""

    def matches(self, typed: str) -> bool:
        """Whether every typed word is a part of it."""
        words = f"{self.label} {self.remark}".casefold()
        return all(word in words for word in typed.casefold().split())


class ChoiceList(LinesWidget):
    """The open list of a choice, drawn over whatever stands below it."""

    def __init__(self, choice: Choice) -> None:
        super().__init__(classes="choice-list")
        self._choice = choice
        self._top = 0
        self.display = False

    @property
    def lines_wanted(self) -> int:
        """Lines that the options take, and one that tells how many there are more or what to type."""
        return min(MOST_SHOWN, max(1, len(self._choice.shown))) + 1

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        choice = self._choice
        shown, room = choice.shown, max(1, height - 1)
        self._top = max(0, min(self._top, choice.at, max(0, len(shown) - room)))
        self._top = max(self._top, choice.at - room + 1)
        seen = range(self._top, min(len(shown), self._top + room))
        lines = [self._line(index, shown[index], width, look) for index in seen]
        if not shown:
            lines = [[(fit("  Nothing matches.", width), look.dim)]]
        below = len(shown) - self._top - room
        hint = "enter adds or removes · esc closes" if choice.several else "enter chooses · esc leaves it"
        more = f"{below} more ↓ · " if below > 0 else ""
        return [*lines, [(fit(f"  {more}type to filter · {hint}", width), look.dim)]]

    def _line(self, index: int, option: Option, width: int, look: Look) -> Line:
        here = index == self._choice.at
        mark = ("✓ " if self._choice.has(option.key) else "  ") if self._choice.several else ""
        remark = crop(clean(option.remark), max(0, width // 2 - 2))
        label = fit(clean(option.label), max(4, width - 3 - len(mark) - cell_width(remark) - 1))
        style, dim = (look.cursor, look.cursor_dim) if here else (look.text, look.dim)
        return [("▌ " if here else "  ", style), (mark + label + " ", style), (remark, dim), (" ", style)]

    def on_click(self, event: Click) -> None:
        event.stop()
        if event.y < len(self._choice.shown) - self._top and event.y < self.size.height - 1:
            self._choice.at = self._top + event.y
            self._choice.take(self._choice.at)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.stop()
        self._choice.move(-1)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.stop()
        self._choice.move(1)
