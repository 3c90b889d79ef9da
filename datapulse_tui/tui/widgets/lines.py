"""Widgets that draw their own lines. A line that did not change is not sent again, whatever made us draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from datapulse_tui.charts.cells import cell_width, clean, crop
from datapulse_tui.tui.acts import Acts
from datapulse_tui.tui.themes import Look

Part = tuple[str, Style]
Line = Sequence[Part]


def text(value: object, style: Style) -> Part:
    """Outside text as one part: control characters made visible, nothing in it parsed."""
    return clean(str(value)), style


def width_of(line: Iterable[Part]) -> int:
    """Cells that a line of clean parts takes."""
    return sum(cell_width(part) for part, _ in line)


def spread(left: Sequence[Part], right: Sequence[Part], width: int, fill: Style) -> list[Part]:
    """`left` and `right` at the two ends of a line; where there is no room for both, the left is cut."""
    room = width - width_of(right)
    kept: list[Part] = []
    for part, style in left:
        part = crop(part, room)
        kept.append((part, style))
        room -= cell_width(part)
        if room <= 0:
            break
    return [*kept, (" " * max(0, room), fill), *right]


class LinesWidget(Acts, Widget):
    """A widget without children, borders or markup: `draw` gives its lines, `redraw` sends those that changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []
        self._strips: list[Strip] = []
        self._drawn_as: tuple[int, int, Look, Style] | None = None

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        """The lines to show; fewer than `height` are filled up, more are dropped, longer ones cut."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw again and send what changed; nothing when nothing did."""
        width, height = self.size
        if not width or not height:
            return
        if self._prepare():
            self.refresh()
            return
        look, base = self.desk.look, self.rich_style
        lines = self._fill(self.draw(width, height, look), height)
        changed = [y for y, (old, new) in enumerate(zip(self._lines, lines, strict=True)) if old != new]
        self._lines = lines
        for y in changed:
            self._strips[y] = self._strip(lines[y], width, base)
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def watch_has_focus(self, has_focus: bool) -> None:  # noqa: FBT001
        super().watch_has_focus(has_focus)
        self.redraw()

    def render_lines(self, crop: Region) -> list[Strip]:
        self._prepare()  # not line by line: Textual works out the style anew whenever it is asked for
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def look_changed(self) -> None:
        """The theme is another one; what was prepared for the old one is prepared again."""

    def plain_text(self) -> str:
        """What it shows, for tests and for copying."""
        self._prepare()
        return "\n".join(strip.text.rstrip() for strip in self._strips)

    def _prepare(self) -> bool:
        """Draw everything, if size or look changed since it was drawn; whether it was."""
        key = (*self.size, self.desk.look, self.rich_style)
        if self._drawn_as == key:
            return False
        width, height, look, base = key
        self._lines = self._fill(self.draw(width, height, look), height)
        self._strips = [self._strip(line, width, base) for line in self._lines]
        self._drawn_as = key
        return True

    @staticmethod
    def _fill(lines: Sequence[Line], height: int) -> list[Line]:
        return [*lines[:height], *([()] * (height - len(lines)))]

    @staticmethod
    def _strip(line: Line, width: int, base: Style) -> Strip:
        segments: list[Segment] = []
        room = width
        for part, style in line:
            cells = cell_width(part)
            if cells > room:
                part = crop(part, room)
                cells = cell_width(part)
            if part:
                segments.append(Segment(part, base + style))
                room -= cells
            if room <= 0:
                break
        if room > 0:
            segments.append(Segment(" " * room, base))
        return Strip(segments, width)
