"""metric_card: one number, large, with its change against the period before and its course."""

from __future__ import annotations

import math
from dataclasses import dataclass

from datapulse_tui.charts import digits
from datapulse_tui.charts.blocks import EIGHTHS, put_column
from datapulse_tui.charts.box import Box
from datapulse_tui.charts.cells import cell_width, clean
from datapulse_tui.charts.numbers import MISSING, format_number
from datapulse_tui.charts.options import MetricOptions, Threshold
from datapulse_tui.charts.picture import Grid, Picture, Span, Style
from datapulse_tui.charts.problem import CannotDraw
from datapulse_tui.charts.theme import SEVERITY_MARKS
from datapulse_tui.charts.values import column_index, columns_of, heading, instants, numbers
from datapulse_tui.data.result import ColumnKind, Result

_LEAST_WIDTH = 4
_FAINTEST, _STRONGEST = 0.4, 0.95
_TALLEST_SPARKLINE = 10


@dataclass(frozen=True, slots=True)
class _Reading:
    """The number now (NaN for NULL), what it is compared with (NaN for nothing) and its course, oldest first."""

    value: float
    before: float
    course: list[float]
    notes: list[str]


def draw_metric_card(result: Result, options: MetricOptions, box: Box) -> Picture:
    """The picture of a metric_card; CannotDraw says why there is none."""
    reading = _read(result, options, box)
    box.require(_LEAST_WIDTH, 1)
    grid = box.grid()
    text = clean(format_number(reading.value, options.number_format))
    threshold = _reached(reading.value, options.thresholds)
    style = box.theme.strong_style
    if threshold is not None:
        style = Style(fg=box.theme.severity_style(threshold.severity).fg, bold=True)
    below = [line for line in (_change(reading, options, box), _label(threshold, options, box)) if line]
    large = box.height >= digits.ROWS + min(1, len(below)) and digits.total_width(text) <= box.width and text != MISSING
    if large:
        digits.put_number(grid, 0, 0, text, style, box.theme.dim_style)
    else:
        grid.put(0, 0, text, style)
    row = digits.ROWS if large else 1
    for line in below:
        if row < box.height:
            grid.put_spans(0, row, line)
            row += 1
    if options.sparkline and sum(value == value for value in reading.course) > 1:
        top = row + (box.height - row > 2)
        _put_sparkline(grid, max(top, box.height - _TALLEST_SPARKLINE), reading.course, box)
    return grid.picture(note="; ".join(reading.notes))


def _read(result: Result, options: MetricOptions, box: Box) -> _Reading:
    if not result.columns:
        raise CannotDraw("The query returned no columns.")
    number_columns = columns_of(result, ColumnKind.NUMBER)
    if options.value is None and not number_columns:
        raise CannotDraw("There is no number column to show.")
    at = column_index(result, options.value, "value") if options.value else number_columns[0]
    named = options.compare not in ("previous", "none")
    other = column_index(result, options.compare, "compare") if named else None
    times = columns_of(result, ColumnKind.TIME, ColumnKind.DATE)
    by = column_index(result, options.time, "time") if options.time else next(iter(times), None)
    if not result.rows:
        raise CannotDraw("No rows. The query returned nothing for this time range and these variables.")
    rows = list(result.rows)
    if by is not None:
        places = instants([row[by] for row in rows], box.zone)
        # A row without a time is not the newest one.
        order = sorted(range(len(rows)), key=lambda each: (places[each] == places[each], places[each]))
        rows = [rows[each] for each in order]
    course, skipped = numbers([row[at] for row in rows])
    if result.columns[at].kind is not ColumnKind.NUMBER and all(value != value for value in course):
        raise CannotDraw(f"The column {heading(result.columns[at])} holds no numbers.")
    before = math.nan
    if other is not None:
        before = numbers([rows[-1][other]])[0][0]
    elif options.compare == "previous" and len(course) > 1:
        before = course[-2]
    return _Reading(course[-1], before, course, [str(skipped)] if str(skipped) else [])


def _reached(value: float, thresholds: tuple[Threshold, ...]) -> Threshold | None:
    reached = [each for each in thresholds if value >= each.value]
    return max(reached, key=lambda each: each.value) if reached else None


def _change(reading: _Reading, options: MetricOptions, box: Box) -> list[Span]:
    """`▲ +12.3% vs 1,234 before`: an arrow, a sign, and colour only where a direction is good news."""
    value, before = reading.value, reading.before
    if value != value or before != before:
        return []
    change = value - before
    arrow = "▲" if change > 0 else "▼" if change < 0 else "="
    sign = "+" if change > 0 else ""
    if before and options.format != "percent":
        amount = f"{sign}{_percent(100 * change / abs(before))}"
    elif options.format == "percent":
        amount = f"{sign}{change * 100:,.1f} pp"
    else:
        amount = sign + format_number(change, options.number_format)
    style = box.theme.plain_style
    if change and options.good != "neutral":
        style = box.theme.severity_style("good" if (change > 0) == (options.good == "up") else "critical")
    words = clean(options.compare_label) or f"from {format_number(before, options.number_format)}"
    spans = [Span(f"{arrow} {amount}", style)]
    if cell_width(spans[0].text) + 1 + min(cell_width(words), 8) <= box.width:
        spans.append(Span(f" {words}", box.theme.dim_style))
    return spans


def _percent(change: float) -> str:
    return f"{change:,.0f}%" if abs(change) >= 1000 else f"{change:,.1f}%"


def _label(threshold: Threshold | None, options: MetricOptions, box: Box) -> list[Span]:
    """The line under the number; a threshold that was reached is named there: never colour alone."""
    spans = []
    if threshold is not None:
        name = clean(threshold.label) or threshold.severity
        spans.append(Span(f"{SEVERITY_MARKS[threshold.severity]} {name}", box.theme.severity_style(threshold.severity)))
    if options.label:
        gap = "  " if spans else ""
        spans.append(Span(gap + clean(options.label), box.theme.dim_style))
    return spans


def _put_sparkline(grid: Grid, top: int, course: list[float], box: Box) -> None:
    """The course as a filled shape over the whole width, from its lowest value (one eighth high) to its highest."""
    rows = box.height - top
    if rows < 1:
        return
    every = [value for value in course if value == value]
    low, high = min(every), max(every)
    middle = (low + high) / 2
    theme = box.theme
    strengths = [_FAINTEST + (_STRONGEST - _FAINTEST) * step / max(1, rows - 1) for step in range(rows)]
    shades = [theme.tint(theme.accent, strength) for strength in strengths]

    for column in range(box.width):
        start = column * len(course) // box.width
        end = max(start + 1, (column + 1) * len(course) // box.width)
        values = [value for value in course[start:end] if value == value]
        if values:
            # Where several share a column, spikes must stay: the one farthest from the middle is drawn.
            value = max(values, key=lambda each: abs(each - middle))
            part = (value - low) / (high - low) if high > low else 0.5
            put_column(
                grid,
                column,
                box.height - 1,
                [(1 + round(part * (rows * EIGHTHS - 1)), 0)],
                theme,
                lambda _, step: shades[step],
            )
