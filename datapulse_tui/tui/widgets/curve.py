"""A picture that somebody else knows how to draw: in a thread, for the size of now, again after a resize."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from textual.timer import Timer

from datapulse_tui.charts.theme import ChartTheme
from datapulse_tui.tui import failures
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, LinesWidget
from datapulse_tui.tui.widgets.picture_view import RESIZE_PAUSE, centred
from datapulse_tui.tui.widgets.pictures import picture_lines

if TYPE_CHECKING:
    from textual.worker import WorkType

    from datapulse_tui.charts.picture import Picture

Painter = Callable[[int, int, ChartTheme, ZoneInfo], "Picture"]


class Curve(LinesWidget):
    """Shows what `painter` draws for its width and height in cells; words in its middle while there is nothing."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._painter: Painter | None = None
        self._picture: Picture | None = None
        self._words = ""
        self._bad = False
        self._pause: Timer | None = None

    def paint(self, painter: Painter) -> None:
        """Draw something else. `painter` is called in a thread."""
        self._painter = painter
        self._start()

    def say(self, words: str, *, bad: bool = False) -> None:
        """Words in place of a picture."""
        self._painter = self._picture = None
        self._words, self._bad = words, bad
        self.redraw()

    def look_changed(self) -> None:
        self._start()

    def on_resize(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(RESIZE_PAUSE if self._picture else 0.001, self._start)
        self.redraw()

    def _start(self) -> None:
        width, height = self.size
        if self._painter is None or not width or not height or not self.is_attached:
            return
        # Not the coroutine itself: a desk that closes first would never await it.
        work: WorkType[None] = partial(self._paint, self._painter, width, height)
        self.run_worker(work, group="picture", exclusive=True, exit_on_error=False, description="drawing")

    async def _paint(self, painter: Painter, width: int, height: int) -> None:
        theme, zone = self.desk.look.chart, self.desk.session.zone
        try:
            picture = await asyncio.to_thread(painter, width, height, theme, zone)
        except Exception as error:  # noqa: BLE001 - a picture that cannot be drawn must not end the desk
            self.say(failures.shown(error, "drawing a picture").message, bad=True)
            return
        if painter is self._painter:
            self._picture = picture
            self.redraw()

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        if self._picture is not None:
            return picture_lines(self._picture)[:height]
        return centred([self._words], width, height, look, "critical" if self._bad else "dim")
