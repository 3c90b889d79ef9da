"""What every kind of chart is told about the place it is drawn in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from datapulse_tui.charts.picture import Grid
from datapulse_tui.charts.problem import CannotDraw
from datapulse_tui.charts.theme import ChartTheme


@dataclass(frozen=True, slots=True)
class Box:
    """Size in cells, look, the reader's time zone, and the moment that counts as now (aware).

    `span` is the stretch of time that an axis of time shows at least, in seconds since 1970; None for that of the data.
    """

    width: int
    height: int
    theme: ChartTheme
    zone: ZoneInfo
    now: datetime
    span: tuple[float, float] | None = None

    def grid(self) -> Grid:
        """An empty board of this size."""
        return Grid(self.width, self.height)

    def require(self, width: int, height: int) -> None:
        """CannotDraw when the box is smaller than `width` x `height` cells."""
        if self.width < width or self.height < height:
            raise CannotDraw(f"Too small: needs {width}x{height}, has {self.width}x{self.height}.")
