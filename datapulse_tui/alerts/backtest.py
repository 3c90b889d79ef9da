"""Back-tests: what a condition would have made of a metric's past. Pure, by the same machine that evaluates.

Points are (time, value), oldest first, about one for each evaluation; a None value or a gap is a series that was
missing. The series starts from normal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter

from datapulse_tui.alerts.machine import Condition, Reason, Series, Transition, change_percent, step
from datapulse_tui.alerts.rules import SeriesState, ThresholdType
from datapulse_tui.alerts.slots import lookback_tolerance

Point = tuple[datetime, float | None]

_CLEAR, _BREACH, _BETWEEN, _MISSING = range(4)
# What changes nothing in a state, so that most points are passed over without asking the machine.
_IDLE = {
    SeriesState.NORMAL: frozenset({_CLEAR, _BETWEEN}),
    SeriesState.PENDING: frozenset({_BETWEEN}),
    SeriesState.FIRING: frozenset({_BREACH, _BETWEEN}),
    SeriesState.RECOVERING: frozenset({_BETWEEN}),
}
_NOTHING: frozenset[int] = frozenset()
_SHARES = (0.05, 0.10)  # how far recovery thresholds that are tried lie behind the threshold
_TIMES = (0, 1, 5, 15)  # the `for` that are tried, in minutes or intervals, whichever is longer


@dataclass(frozen=True, slots=True)
class Episode:
    """One firing: since when the condition was breached, when it fired, when it was over (None: it is not yet).

    `peak` is the worst value from `start` on, in the unit of the threshold (percent for `change_percent`).
    """

    start: datetime
    fired_at: datetime
    end: datetime | None
    peak: float


@dataclass(frozen=True, slots=True)
class Variation:
    """What another recovery threshold or `for` would have done. `current`: it is the condition as it stands."""

    recovery: float | None
    for_seconds: int
    episodes: int
    firing_seconds: float
    current: bool


@dataclass(frozen=True, slots=True)
class _Span:
    """An episode by the positions of its points."""

    start: int
    fired: int
    end: int | None


def run(condition: Condition, points: Sequence[Point], *, interval_seconds: int = 0) -> list[Episode]:
    """The episodes that `condition` would have fired over `points`.

    `interval_seconds` is the rule's interval, by which gaps are told; 0 takes the usual distance of the points.
    """
    seen = observed(condition, points, interval_seconds=interval_seconds)
    worst = max if _rises(condition) else min
    return [
        Episode(
            seen[span.start][0],
            seen[span.fired][0],
            None if span.end is None else seen[span.end][0],
            worst(value for _, value in seen[span.start : span.end] if value is not None),
        )
        for span in _spans(condition, seen, _kinds(condition, seen))
    ]


def what_if(
    condition: Condition,
    points: Sequence[Point],
    *,
    interval_seconds: int = 0,
    recoveries: Sequence[float | None] = (),
    fors: Sequence[int] = (),
) -> tuple[Variation, ...]:
    """How many episodes there would have been, and how long firing in total, for other recovery thresholds and `for`.

    Without `recoveries` and `fors` some sensible ones are tried; those of `condition` always are. Ordered by both.
    """
    seen = observed(condition, points, interval_seconds=interval_seconds)
    interval = interval_seconds or usual_distance(points)
    base = max(60, interval)
    all_recoveries = {condition.recovery, *(recoveries or _recoveries(condition, seen))}
    all_fors = sorted({condition.for_seconds, *(fors or (times * base for times in _TIMES))})
    found: list[Variation] = []
    for recovery in sorted(all_recoveries, key=lambda each: (each is not None, each or 0.0)):
        with_recovery = replace(condition, recovery=recovery)
        kinds = _kinds(with_recovery, seen)
        for for_seconds in all_fors:
            tried = replace(with_recovery, for_seconds=for_seconds)
            spans = _spans(tried, seen, kinds)
            firing = sum((_end(seen, span) - seen[span.fired][0]).total_seconds() for span in spans)
            found.append(Variation(recovery, for_seconds, len(spans), firing, current=tried == condition))
    return tuple(found)


def observed(condition: Condition, points: Sequence[Point], *, interval_seconds: int = 0) -> list[Point]:
    """What the machine gets to see: the values (for `change_percent` the changes), with None where they are missing.

    A gap of three intervals or more gets the two misses after which a series counts as gone.
    """
    interval = interval_seconds or usual_distance(points)
    if condition.type is ThresholdType.CHANGE_PERCENT:
        points = _changes(points, condition.window_seconds, lookback_tolerance(interval))
    if interval <= 0:
        return list(points)
    usual, gap = timedelta(seconds=interval), timedelta(seconds=2.5 * interval)
    seen: list[Point] = []
    before: datetime | None = None
    for point in points:
        if before is not None and point[0] - before > gap:
            seen += [(before + usual, None), (before + 2 * usual, None)]
        seen.append(point)
        before = point[0]
    return seen


def usual_distance(points: Sequence[Point]) -> int:
    """The median distance of the points in seconds; 0 for fewer than two."""
    distances = sorted(later - earlier for (earlier, _), (later, _) in pairwise(points))
    return round(distances[len(distances) // 2].total_seconds()) if distances else 0


def _changes(points: Sequence[Point], window_seconds: int, tolerance_seconds: int) -> list[Point]:
    """The change of each point in percent against the newest value that is at least a window older."""
    known = [(at, value) for at, value in points if value is not None]
    window, tolerance = timedelta(seconds=window_seconds), timedelta(seconds=tolerance_seconds)
    changes: list[Point] = []
    for at, value in points:
        found = bisect_right(known, at - window, key=itemgetter(0)) - 1
        then = known[found][1] if found >= 0 and at - window - known[found][0] <= tolerance else None
        changes.append((at, None if value is None else change_percent(value, then)))
    return changes


def _kinds(condition: Condition, seen: Sequence[Point]) -> list[int]:
    breaches, clears = condition.breaches, condition.clears
    return [
        _MISSING
        if value is None or value != value
        else _BREACH
        if breaches(value)
        else _CLEAR
        if clears(value)
        else _BETWEEN
        for _, value in seen
    ]


def _spans(condition: Condition, seen: Sequence[Point], kinds: Sequence[int]) -> list[_Span]:
    if not seen:
        return []
    spans: list[_Span] = []
    series = Series(SeriesState.NORMAL, Reason.NEW, seen[0][0])
    idle = _IDLE[series.state]
    started = fired = 0
    for position, kind in enumerate(kinds):
        if kind in idle:
            continue
        at, value = seen[position]
        after = step(condition, series, value, at)
        if series.state is SeriesState.NORMAL:
            started = position
        if after.transition is Transition.FIRED:
            fired = position
        elif after.transition is Transition.RESOLVED:
            spans.append(_Span(started, fired, position))
        series = after.series
        idle = _NOTHING if series.missed else _IDLE[series.state]
    if series.state in (SeriesState.FIRING, SeriesState.RECOVERING):
        spans.append(_Span(started, fired, None))
    return spans


def _end(seen: Sequence[Point], span: _Span) -> datetime:
    return seen[-1 if span.end is None else span.end][0]


def _rises(condition: Condition) -> bool:
    """Whether more is worse."""
    if condition.type is ThresholdType.CHANGE_PERCENT:
        return condition.threshold >= 0
    return condition.type is ThresholdType.ABOVE


def _recoveries(condition: Condition, seen: Sequence[Point]) -> list[float | None]:
    """None, and thresholds a little behind that of the condition; where that is 0, by the spread of the values."""
    values = [value for _, value in seen if value is not None]
    size = abs(condition.threshold) or (max(values) - min(values) if values else 0.0)
    side = -1 if _rises(condition) else 1
    return [None, *(float(f"{condition.threshold + side * share * size:.6g}") for share in _SHARES)]
