"""The door of this room: a result and a widget's options in, a picture out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datapulse_tui.charts.picture import Picture
from datapulse_tui.charts.problem import CannotDraw, message_picture
from datapulse_tui.charts.theme import ChartTheme
from datapulse_tui.data.result import Result

if TYPE_CHECKING:
    from datapulse_tui.charts.box import Box
    from datapulse_tui.charts.options import ChartOptions


def draw(
    result: Result | bytes | str | None,
    type: str,
    options: Mapping[str, object] | ChartOptions | None,
    *,
    width: int,
    height: int,
    theme: ChartTheme,
    zone: ZoneInfo,
    now: datetime,
    span: tuple[datetime, datetime] | None = None,
) -> Picture:
    """A widget of `type` as a picture of exactly `width` x `height` cells.

    `result` is a Result for charts, tables and cards, the file's bytes for an image, and optionally the text itself for
    `text`. `zone` is the reader's, `now` aware. `span` (aware) is the stretch of time that lines, areas and bars over
    time show even where they have no data; data beyond it are shown as well. Nothing is raised for any data or options:
    what cannot be drawn gives a picture that says why, with `problem` set. Pure and free of shared state, so it may run
    in any thread.
    """
    # Imported here: validation needs pydantic, which must not stand in the way of the first paint.
    from datapulse_tui.charts.box import Box
    from datapulse_tui.charts.options import InvalidOptions, parse_options

    ends = None if span is None else (span[0].timestamp(), span[1].timestamp())
    box = Box(max(0, width), max(0, height), theme, zone, now, ends)
    try:
        parsed = parse_options(type, options) if options is None or isinstance(options, Mapping) else options
        return _paint(result, parsed, box)
    except InvalidOptions as error:
        return message_picture(error.message, box.width, box.height, theme)
    except CannotDraw as reason:
        return message_picture(str(reason), box.width, box.height, theme)


def _paint(data: Result | bytes | str | None, options: ChartOptions, box: Box) -> Picture:
    """Each kind is imported when it is first drawn: a desk without pictures never loads pillow."""
    from datapulse_tui.charts import options as kinds

    match options:
        case kinds.TextOptions():
            from datapulse_tui.charts.markdown import draw_text

            return draw_text(data if isinstance(data, str) else options.markdown, options, box)
        case kinds.ImageOptions():
            from datapulse_tui.charts.images import draw_image

            return draw_image(data if isinstance(data, bytes) else None, options, box)
    if not isinstance(data, Result):
        raise CannotDraw("There is no result to draw.")
    match options:
        case kinds.LineOptions():
            from datapulse_tui.charts.lines import draw_line_chart

            return draw_line_chart(data, options, box)
        case kinds.AreaOptions():
            from datapulse_tui.charts.areas import draw_area_chart

            return draw_area_chart(data, options, box)
        case kinds.BarOptions():
            from datapulse_tui.charts.bars import draw_bar_chart

            return draw_bar_chart(data, options, box)
        case kinds.PieOptions():
            from datapulse_tui.charts.pies import draw_pie_chart

            return draw_pie_chart(data, options, box)
        case kinds.TableOptions():
            from datapulse_tui.charts.tables import draw_table

            return draw_table(data, options, box)
        case kinds.MetricOptions():
            from datapulse_tui.charts.metrics import draw_metric_card

            return draw_metric_card(data, options, box)
