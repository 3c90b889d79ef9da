"""A line of tabs, for the filters of a list and the views of a widget."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from textual.events import Click
from textual.message import Message

from datapulse_tui.charts.cells import cell_width, clean, crop
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, LinesWidget, Part, spread

UNDERLINE = Style(underline=True)


class TabLine(LinesWidget):
    """One of several, with a remark at the right end."""

    class Chosen(Message):
        """A tab was clicked; `line` is the id of the line that it is in."""

        def __init__(self, at: int, line: str) -> None:
            super().__init__()
            self.at = at
            self.line = line

    def __init__(self, labels: Sequence[str], *, id: str) -> None:
        super().__init__(id=id)
        self.labels = list(labels)
        self.at = 0
        self.remark = ""
        self._spots: list[tuple[int, int]] = []

    def draw(self, width: int, _height: int, look: Look, /) -> Sequence[Line]:
        line: list[Part] = [(" ", look.text)]
        used, self._spots = 1, []
        for index, label in enumerate(self.labels):
            here = index == self.at
            part = f"[{label}]" if here and look.chart.colour == "none" else f" {label} "
            line.append((part, look.accent + UNDERLINE if here else look.dim))
            self._spots.append((used, used + cell_width(part)))
            used += cell_width(part)
        remark = crop(clean(self.remark), max(0, width - used - 2))
        return [spread(line, [(remark + " ", look.dim)], width, look.text)]

    def on_click(self, event: Click) -> None:
        for at, (start, end) in enumerate(self._spots):
            if start <= event.x < end:
                self.post_message(self.Chosen(at, self.id or ""))
