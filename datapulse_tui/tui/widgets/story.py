"""A long text with charts in it: scrolled by line, drawn in a thread, kept where it is when what it tells changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from datapulse_tui.tui import failures
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.pictures import picture_lines

if TYPE_CHECKING:
    from datapulse_tui.charts.picture import Picture
    from datapulse_tui.data.result import Result


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of `height` lines between paragraphs: a widget's type and its options over a result."""

    result: Result
    type: str
    options: Mapping[str, object] = field(default_factory=dict)
    height: int = 10


class Story(Pane):
    """Paragraphs with at most one chart among them."""

    def __init__(self, *, id: str, focusable: bool = False, margin: int = 2) -> None:
        super().__init__(id=id, focusable=focusable, margin=margin)
        self._before: list[Item] = []
        self._chart: Chart | None = None
        self._after: list[Item] = []
        self._picture: Picture | None = None
        self._drawn: tuple[Chart, int, str] | None = None

    def tell(self, before: Sequence[Item], chart: Chart | None, after: Sequence[Item], *, anew: bool = False) -> None:
        """Show this; `anew` starts at its beginning, otherwise what is in view stays in view."""
        self._before, self._chart, self._after = list(before), chart, list(after)
        if anew:
            self._top = 0
        if chart is None:
            self._picture = None
        self.redraw()
        self._draw_if_due()

    @property
    def told(self) -> bool:
        """Whether it shows anything."""
        return bool(self._before)

    def show(self, items: Sequence[Item]) -> None:
        self.tell(items, None, (), anew=True)

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        inner = max(8, width - 2 * self._margin)
        lines: list[Line] = [line for item in self._before for line in self._item_lines(item, inner, look)]
        if self._chart is not None:
            lines += self._chart_lines(self._chart, look)
        lines += [line for item in self._after for line in self._item_lines(item, inner, look)]
        self._count = len(lines)
        self._top = max(0, min(self._top, len(lines) - height))
        shown = lines[self._top : self._top + height]
        if self._top + height < len(lines):
            shown[-1] = [(f"{'':{self._margin}}… {len(lines) - self._top - height + 1} more lines", look.dim)]
        return shown

    def _chart_lines(self, chart: Chart, look: Look) -> list[Line]:
        margin = (" " * self._margin, look.text)
        drawn: list[Line] = picture_lines(self._picture) if self._picture else [[("drawing …", look.dim)]]
        drawn = drawn[: chart.height] + [()] * (chart.height - len(drawn))
        return [[], *([margin, *line] for line in drawn)]

    def look_changed(self) -> None:
        self._draw_if_due()

    def on_resize(self) -> None:
        super().on_resize()
        self._draw_if_due()

    def _draw_if_due(self) -> None:
        width = max(8, self.size.width - 2 * self._margin)
        if self._chart is None or not self.size.width:
            return
        wanted = (self._chart, width, self.desk.look.chart.name)
        if self._picture is not None and wanted == self._drawn:
            return
        work = self._paint(self._chart, wanted)
        self.run_worker(work, group="picture", exclusive=True, exit_on_error=False, description="drawing a chart")

    async def _paint(self, chart: Chart, wanted: tuple[Chart, int, str]) -> None:
        try:
            picture = await asyncio.to_thread(self._paint_now, chart, wanted[1])
        except Exception as error:  # noqa: BLE001 - a chart that cannot be drawn must not end the desk
            self.desk.report(failures.shown(error, "drawing a chart"))
            return
        self._picture, self._drawn = picture, wanted
        self.redraw()

    def _paint_now(self, chart: Chart, width: int) -> Picture:
        from datapulse_tui.charts.draw import draw

        return draw(
            chart.result,
            chart.type,
            chart.options,
            width=width,
            height=chart.height,
            theme=self.desk.look.chart,
            zone=self.desk.session.zone,
            now=self.desk.now(),
        )
