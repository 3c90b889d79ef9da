"""bar_chart: which way the bars stand."""

from __future__ import annotations

from datapulse_tui.charts.bar_data import gather, order
from datapulse_tui.charts.bars_lying import draw_lying
from datapulse_tui.charts.bars_standing import draw_standing
from datapulse_tui.charts.box import Box
from datapulse_tui.charts.options import BarOptions
from datapulse_tui.charts.picture import Picture
from datapulse_tui.charts.problem import CannotDraw
from datapulse_tui.charts.series import Plot, read_plot
from datapulse_tui.data.result import Result

# No box shows more bars, and each costs time; a query that groups says what the bars mean.
MOST_ROWS = 20_000


def draw_bar_chart(result: Result, options: BarOptions, box: Box) -> Picture:
    """The picture of a bar_chart; CannotDraw says why there is none."""
    if len(result.rows) > MOST_ROWS:
        raise CannotDraw(f"{len(result.rows):,} rows are too many for bars. Group them in the query, or draw a line.")
    plot = read_plot(result, options.x, options.y, options.series, options.max_series, box.zone, categorical=True)
    standing = options.orientation == "vertical" or (options.orientation == "auto" and _stands(plot))
    # Empty places before and after the bars would count against a limit.
    span = box.span if options.limit is None else None
    bars = order(gather(plot, box, spread=standing and options.sort == "query", span=span), options)
    return draw_standing(bars, options, box) if standing else draw_lying(bars, options, box)


def _stands(plot: Plot) -> bool:
    """Times and numbers run along the ground; names are read better lying."""
    return plot.kind == "time" or all(label.replace(".", "").lstrip("-").isdigit() for label in plot.categories)
