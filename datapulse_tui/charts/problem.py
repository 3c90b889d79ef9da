"""Pictures that say why there is nothing to see."""

from __future__ import annotations

from datapulse_tui.charts.cells import cell_width, clean, wrap
from datapulse_tui.charts.picture import Grid, Picture
from datapulse_tui.charts.theme import ChartTheme


class CannotDraw(Exception):
    """A widget that cannot be drawn; the message says why and what would help, and becomes the picture."""


def message_picture(reason: str, width: int, height: int, theme: ChartTheme) -> Picture:
    """`reason` wrapped and centred in the box, dim; cut where the box is too small, and always whole in `problem`."""
    grid = Grid(width, height)
    reason = clean(reason)
    lines = wrap(reason, max(1, width - 2) if width > 4 else width)
    if len(lines) > height > 0:
        lines = [*lines[: height - 1], lines[height - 1] + " …"]
    top = max(0, (height - len(lines)) // 2)
    for row, line in enumerate(lines):
        grid.put(max(0, (width - cell_width(line)) // 2), top + row, line, theme.dim_style)
    return grid.picture(problem=reason)
