"""Long series made as long as the chart is wide, with every spike kept."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice
from operator import le

# Up to this many points a column, drawing all of them costs less than choosing.
_DENSE = 4


def is_ascending(xs: Sequence[float]) -> bool:
    """Whether `xs` never goes down."""
    return all(map(le, xs, islice(xs, 1, None)))


def reduce_points(
    xs: Sequence[float], ys: Sequence[float], columns: int, low: float, high: float
) -> tuple[Sequence[float], Sequence[float]]:
    """The points that `columns` columns between `low` and `high` can show, in order.

    Of each column the first, lowest, highest and last value stay, so the line between columns runs where it ran and no
    spike is lost. `xs` ascends; NaN in `ys` is a gap, and a column that holds nothing else stays one gap.
    """
    if columns < 1 or len(xs) <= _DENSE * columns:
        return xs, ys
    has_gaps = any(map(math.isnan, ys))
    kept_x: list[float] = []
    kept_y: list[float] = []
    width = (high - low) / columns
    start = 0
    for column in range(1, columns + 1):
        end = len(xs) if column == columns else bisect_left(xs, low + column * width, start)
        if end > start:
            for at in _extremes(ys, start, end, has_gaps=has_gaps):
                kept_x.append(xs[at])
                kept_y.append(ys[at])
        start = end
    return kept_x, kept_y


def _extremes(ys: Sequence[float], start: int, end: int, *, has_gaps: bool) -> list[int]:
    """Positions of the first, lowest, highest and last number of a column, ascending; one gap where there is none."""
    if end - start <= _DENSE:
        return list(range(start, end))
    values = ys[start:end]
    first, last = start, end - 1
    if has_gaps:
        numbers = [value for value in values if value == value]
        if not numbers:
            return [start]
        while math.isnan(ys[first]):
            first += 1
        while math.isnan(ys[last]):
            last -= 1
    else:
        numbers = list(values)
    lowest = start + values.index(min(numbers))
    highest = start + values.index(max(numbers))
    return sorted({first, lowest, highest, last})
