"""Medians, percentiles and ratios, in the form the benchmarks report."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def median(values: Sequence[float], digits: int = 4) -> float:
    """The median, rounded."""
    return round(statistics.median(values), digits)


def p95(values: Sequence[float], digits: int = 4, share: float = 0.95) -> float:
    """The 95th percentile (nearest rank), or that of another `share`, rounded."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], digits)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of ours over the median of theirs."""
    return round(statistics.median(ours) / statistics.median(theirs), 3)


def against(ours: Sequence[float], theirs: Sequence[float], target: float, digits: int = 4) -> dict[str, float | bool]:
    """One figure: both medians, their ratio, the ratio to reach, and whether it is reached."""
    found = ratio(ours, theirs)
    return {
        "ours": median(ours, digits),
        "theirs": median(theirs, digits),
        "ratio": found,
        "target": target,
        "reached": found <= target,
    }
