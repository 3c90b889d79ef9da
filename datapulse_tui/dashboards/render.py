"""A whole dashboard as one picture made of text: for `datapulse dashboard render`, over SSH, in mails and in tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.charts.cells import clean
from datapulse_tui.charts.draw import draw
from datapulse_tui.charts.picture import Grid, Picture
from datapulse_tui.charts.problem import message_picture
from datapulse_tui.charts.theme import ChartTheme
from datapulse_tui.dashboards.rules import Box, box_of, grid_rows
from datapulse_tui.dashboards.timerange import TimeRange
from datapulse_tui.errors import DataPulseError

if TYPE_CHECKING:
    from datapulse_tui.dashboards.reads import DashboardView, WidgetView
    from datapulse_tui.dashboards.runner import WidgetAnswer

ROW_HEIGHT = 3  # lines of one row of the grid, so that the usual widget of four rows has twelve
_MARGIN = 2  # cells between two widgets side by side


def row_height_for(view: DashboardView, height: int | None) -> int:
    """Lines of one grid row, so that the dashboard is about `height` lines high; at least one."""
    rows = grid_rows([widget.position for widget in view.widgets])
    return ROW_HEIGHT if height is None or not rows else max(1, (height - 1) // rows)


def inner_width(widget: WidgetView, width: int) -> int:
    """Cells that a widget's picture has on a dashboard `width` cells wide."""
    box = box_of(widget.position, width, 1)
    return max(1, box.width - (_MARGIN if box.x + box.width < width else 0))


def render(
    view: DashboardView,
    answers: Mapping[UUID, WidgetAnswer | DataPulseError],
    *,
    width: int,
    row_height: int,
    theme: ChartTheme,
    zone: ZoneInfo,
    now: datetime,
    time_range: TimeRange | None = None,
) -> Picture:
    """The dashboard `width` cells wide: a line with its name, then each widget with title, picture and provenance.

    `time_range` is the reader's choice over its own. A widget without an answer, or with an error for one, says so in
    its place.
    """
    rows = grid_rows([widget.position for widget in view.widgets])
    grid = Grid(width, 1 + rows * row_height)
    used = grid.put(0, 0, clean(view.name), theme.strong_style)
    grid.put(used, 0, f"  {(time_range or view.time_range).label(zone)}", theme.dim_style)
    for widget in view.widgets:
        box = box_of(widget.position, width, row_height)
        room = Box(box.x, box.y + 1, inner_width(widget, width), box.height)
        _put_widget(grid, room, widget, answers.get(widget.id), theme, zone, now)
    return grid.picture()


def provenance(answer: WidgetAnswer) -> str:
    """Where an answer comes from, for the dim line under a widget: `12 ms · 90 rows · warehouse`."""
    if not answer.source_name:
        return ""
    took = f"{answer.took * 1000:.0f} ms" if answer.took < 1 else f"{answer.took:.1f} s"
    if answer.reduced is not None:
        rows = f"{answer.reduced.raw_rows:,} rows in {answer.reduced.buckets:,} steps"
    else:
        rows = f"{answer.rows:,} {'of more rows' if answer.truncated else 'row' if answer.rows == 1 else 'rows'}"
    return f"{took} · {rows} · {clean(answer.source_name)}"


def _put_widget(
    grid: Grid,
    room: Box,
    widget: WidgetView,
    answer: WidgetAnswer | DataPulseError | None,
    theme: ChartTheme,
    zone: ZoneInfo,
    now: datetime,
) -> None:
    grid.put(room.x, room.y, clean(widget.title), theme.strong_style, room=room.width)
    foot = "" if answer is None or isinstance(answer, DataPulseError) else provenance(answer)
    height = max(0, room.height - 1 - bool(foot))
    if answer is None or isinstance(answer, DataPulseError):
        reason = "Not run." if answer is None else str(answer)
        picture = message_picture(reason, room.width, height, theme)
    else:
        picture = draw(
            answer.result,
            widget.type,
            widget.options,
            width=room.width,
            height=height,
            theme=theme,
            zone=zone,
            now=now,
            span=answer.span,
        )
    for line, spans in enumerate(picture.lines):
        grid.put_spans(room.x, room.y + 1 + line, spans)
    if foot:
        grid.put(room.x, room.y + 1 + height, foot, theme.dim_style, room=room.width)
