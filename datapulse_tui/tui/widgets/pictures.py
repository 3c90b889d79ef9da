"""A picture of the charts room as lines that Textual sends; styles are converted once each."""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color
from rich.style import Style

from datapulse_tui.charts.picture import Picture
from datapulse_tui.charts.picture import Style as ChartStyle
from datapulse_tui.tui.widgets.lines import Line


@lru_cache(maxsize=1024)
def rich_style(style: ChartStyle) -> Style:
    """The same look in Rich's terms; what is off stays unset, so that it takes the style of what lies beneath."""
    return Style(
        color=Color.parse(style.fg) if style.fg else None,
        bgcolor=Color.parse(style.bg) if style.bg else None,
        bold=style.bold or None,
        dim=style.dim or None,
        italic=style.italic or None,
        underline=style.underline or None,
    )


def picture_lines(picture: Picture) -> list[Line]:
    """The picture's lines, top to bottom."""
    return [[(span.text, rich_style(span.style)) for span in line] for line in picture.lines]
