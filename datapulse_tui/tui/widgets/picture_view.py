"""Draws one widget's answer: in a thread, only while it can be seen, again after a resize, and only when it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.timer import Timer

from datapulse_tui.charts.cells import cell_width, clean, wrap
from datapulse_tui.charts.picture import Picture
from datapulse_tui.data.result import Result
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import failures
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, LinesWidget
from datapulse_tui.tui.widgets.pictures import picture_lines

if TYPE_CHECKING:
    from textual.worker import WorkType

    from datapulse_tui.dashboards.reads import WidgetView
    from datapulse_tui.dashboards.runner import WidgetAnswer

RESIZE_PAUSE = 0.08  # seconds that a size must hold before a picture is drawn for it


@dataclass(frozen=True, slots=True)
class Drawn:
    """For what the picture was drawn: anything else than this needs a new one."""

    answer: int
    width: int
    height: int
    theme: str


class PictureView(LinesWidget):
    """The picture of a widget's last good answer; loading, empty and failed are pictures of their own."""

    def __init__(self, widget: WidgetView, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.shown = widget
        self.answer: WidgetAnswer | None = None
        self.error: DataPulseError | None = None
        self.picture: Picture | None = None
        self.empty_words = "No rows."
        self._serial = 0
        self._drawn: Drawn | None = None
        self._pause: Timer | None = None

    def look_changed(self) -> None:
        self.draw_if_due()

    def picture_size(self) -> tuple[int, int]:
        """Cells that the picture may take."""
        return self.size.width, self.size.height

    def is_seen(self) -> bool:
        """Whether any of it is in view; what is scrolled away is not drawn."""
        return self.is_attached and self.screen.is_active

    def answered(self, answer: WidgetAnswer) -> None:
        """A good answer came. The same data as before are not drawn again."""
        before, self.answer = self.answer, answer
        self.error = None
        if before is None or not same_data(before, answer):
            self._serial += 1
        self.draw_if_due()
        self.redraw()

    def failed(self, error: DataPulseError) -> None:
        """The query failed; the last good picture stays."""
        self.error = error
        self.redraw()

    def draw_if_due(self) -> None:
        """Start drawing when the picture on hand is not the one that is wanted."""
        width, height = self.picture_size()
        wanted = Drawn(self._serial, width, height, self.desk.look.chart.name)
        if self.answer is None or wanted == self._drawn or width <= 0 or height <= 0 or not self.is_seen():
            return
        # Not the coroutine itself: a desk that closes first would never await it.
        work: WorkType[None] = partial(self._paint, self.answer, wanted)
        self.run_worker(
            work,
            group="picture",
            exclusive=True,
            exit_on_error=False,
            description="drawing",
        )

    async def _paint(self, answer: WidgetAnswer, wanted: Drawn) -> None:
        try:
            self.picture = await asyncio.to_thread(self._paint_now, answer, wanted)
        except Exception as error:  # noqa: BLE001 - a picture that cannot be drawn must not end the desk
            self.failed(failures.shown(error, "drawing a widget"))
            return
        self._drawn = wanted
        self.redraw()

    def _paint_now(self, answer: WidgetAnswer, wanted: Drawn) -> Picture:
        from datapulse_tui.charts.draw import draw

        return draw(
            answer.result,
            self.shown.type,
            self.shown.options,
            width=wanted.width,
            height=wanted.height,
            theme=self.desk.look.chart,
            zone=self.desk.session.zone,
            now=answer.ran_at,
            span=answer.span,
        )

    def on_resize(self) -> None:
        self.redraw()
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(RESIZE_PAUSE if self.picture else 0.001, self.draw_if_due)

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        return self.picture_part(width, height, look)

    def picture_part(self, width: int, height: int, look: Look) -> list[Line]:
        """The four pictures: the chart, or that it is loading, empty, or failed without ever having had an answer."""
        if self.answer is not None and isinstance(self.answer.result, Result) and not self.answer.result.rows:
            return centred([self.empty_words], width, height, look, "dim")
        if self.picture is not None:
            return [*picture_lines(self.picture)[:height]]
        if self.error is not None:
            return centred(["▲ " + self.error.message, "! shows the details"], width, height, look, "critical")
        return centred(["loading …"], width, height, look, "dim")


def same_data(one: WidgetAnswer, other: WidgetAnswer) -> bool:
    """Whether two answers give the same picture: equal columns and rows over the same time, whatever they took."""
    before, after = one.result, other.result
    if one.span != other.span:
        return False
    if isinstance(before, Result) and isinstance(after, Result):
        return (before.columns, before.truncated) == (after.columns, after.truncated) and before.rows == after.rows
    return before == after


def centred(texts: Sequence[str], width: int, height: int, look: Look, mood: str) -> list[Line]:
    """A short message in the middle of a box, the first text in its mood and the others dim."""
    lines: list[Line] = []
    for at, text in enumerate(texts):
        style = look.critical if mood == "critical" and at == 0 else look.dim
        lines += [
            [(" " * ((width - cell_width(line)) // 2), look.text), (line, style)]
            for line in wrap(clean(text), max(4, width - 2))
        ]
    lines = lines[: max(1, height)]
    return [*([()] * ((height - len(lines)) // 2)), *lines]
