from __future__ import annotations

import math
import time

from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.charts.reduce import is_ascending, reduce_points


def column_of(x: float, columns: int, low: float, high: float) -> int:
    return min(int((x - low) / (high - low) * columns), columns - 1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=400), st.integers(1, 20))
def test_each_column_keeps_its_lowest_and_highest(ys: list[float], columns: int) -> None:
    xs = [float(at) for at in range(len(ys))]
    low, high = xs[0], xs[-1]
    kept_x, kept_y = reduce_points(xs, ys, columns, low, high)
    assert len(kept_x) == len(kept_y) <= max(len(ys), 4)
    assert is_ascending(kept_x)
    assert set(zip(kept_x, kept_y, strict=True)) <= set(zip(xs, ys, strict=True))
    assert (kept_x[0], kept_x[-1]) == (low, high)
    assert (min(kept_y), max(kept_y)) == (min(ys), max(ys))


def test_one_spike_among_a_million_stays_and_it_is_fast() -> None:
    xs = [float(at) for at in range(1_000_000)]
    ys = [1.0] * len(xs)
    ys[123_457] = 99.0
    ys[654_321] = -99.0
    started = time.perf_counter()
    kept_x, kept_y = reduce_points(xs, ys, 200, xs[0], xs[-1])
    took = time.perf_counter() - started
    assert len(kept_x) <= 800
    assert (123_457.0, 99.0) in zip(kept_x, kept_y, strict=True)
    assert (654_321.0, -99.0) in zip(kept_x, kept_y, strict=True)
    # About 0.08 s on one quiet core; the bound leaves room for a busy machine.
    assert took < 10


def test_gaps_stay_where_a_column_holds_nothing_else() -> None:
    xs = [float(at) for at in range(1000)]
    ys = [math.nan if 300 <= at < 500 else float(at % 7) for at in range(1000)]
    kept_x, kept_y = reduce_points(xs, ys, 10, 0.0, 999.0)
    gaps = [x for x, y in zip(kept_x, kept_y, strict=True) if math.isnan(y)]
    assert gaps
    assert all(300 <= x < 500 for x in gaps)
    assert not [x for x, y in zip(kept_x, kept_y, strict=True) if 300 <= x < 500 and not math.isnan(y)]


def test_few_points_are_all_kept() -> None:
    xs, ys = [1.0, 1.0, 2.0], [3.0, 4.0, 5.0]
    assert reduce_points(xs, ys, 10, 1.0, 2.0) == (xs, ys)
