"""A back-test as a picture: the series, where it would have fired, and the thresholds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.backtest import Episode, Point, observed
from datapulse_tui.alerts.machine import Condition
from datapulse_tui.alerts.rules import ThresholdType
from datapulse_tui.data.result import Column, ColumnKind, Result

if TYPE_CHECKING:
    from datapulse_tui.charts.picture import Picture
    from datapulse_tui.charts.theme import ChartTheme

NOTHING = "There is no past of this series to test on."
_TIME, _FIRING, _VALUE, _CHANGE = "time", "firing", "value", "change"


def picture(
    points: Sequence[Point],
    episodes: Sequence[Episode],
    condition: Condition,
    width: int,
    height: int,
    theme: ChartTheme,
    zone: ZoneInfo,
    now: datetime,
    *,
    interval_seconds: int = 0,
) -> Picture:
    """The series (for `change_percent` its changes in percent) with what fired as a line of its own over it.

    `points` and `interval_seconds` are what `episodes` come from; the thresholds stand as rules across the chart.
    Exactly `width` x `height` cells. Where nothing can be drawn, the picture says why in `problem`.
    """
    from datapulse_tui.charts.draw import draw
    from datapulse_tui.charts.problem import message_picture

    seen = observed(condition, points, interval_seconds=interval_seconds)
    if not any(value is not None for _, value in seen):
        return message_picture(NOTHING, max(0, width), max(0, height), theme)
    changing = condition.type is ThresholdType.CHANGE_PERCENT
    name = _CHANGE if changing else _VALUE
    drawn = [_FIRING, name] if episodes else [name]  # the first one lies on top
    columns = (
        Column(_TIME, ColumnKind.TIME),
        Column(name, ColumnKind.NUMBER),
        Column(_FIRING, ColumnKind.NUMBER),
    )
    thresholds: list[dict[str, object]] = [
        {"value": condition.threshold, "label": "threshold", "severity": "critical"},
    ]
    if condition.recovery is not None and condition.recovery != condition.threshold:
        thresholds.append({"value": condition.recovery, "label": "recovery", "severity": "good"})
    options: dict[str, object] = {"x": _TIME, "y": drawn, "thresholds": thresholds, "unit": "%" if changing else ""}
    result = Result(columns, _rows(seen, episodes))
    return draw(result, "line_chart", options, width=width, height=height, theme=theme, zone=zone, now=now)


def _rows(seen: Sequence[Point], episodes: Sequence[Episode]) -> list[tuple[datetime, float | None, float | None]]:
    """Each point with its value and, while it fires (the point that ends it included), the value again."""
    rows: list[tuple[datetime, float | None, float | None]] = []
    coming = iter(episodes)
    episode = next(coming, None)
    for at, value in seen:
        while episode is not None and episode.end is not None and at > episode.end:
            episode = next(coming, None)
        fires = episode is not None and at >= episode.fired_at
        rows.append((at, value, value if fires else None))
    return rows
