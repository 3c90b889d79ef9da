"""The state machine of a series: what one evaluation makes of it. Pure: no clock, no database.

    normal --breach--> pending --breach, `for` elapsed--> firing --clear--> recovering --clear, elapsed--> normal
    pending --clear--> normal        recovering --breach--> firing (the same episode goes on)
    for = 0: normal --breach--> firing        keep_firing_for = 0: firing --clear--> normal
    any --no value, twice in a row--> normal (missing_series)

A value between the recovery threshold and the threshold neither breaches nor clears: the series stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from datapulse_tui.alerts.rules import (
    ErrorPolicy,
    Health,
    IncidentKind,
    NoDataPolicy,
    SeriesState,
    ThresholdType,
)

MISSES_ALLOWED = 1  # evaluations in a row without a value that change nothing

_INFINITY = float("inf")
_ABOVE, _BELOW = ThresholdType.ABOVE, ThresholdType.BELOW
_NORMAL, _PENDING = SeriesState.NORMAL, SeriesState.PENDING
_FIRING, _RECOVERING = SeriesState.FIRING, SeriesState.RECOVERING


class Reason(StrEnum):
    """Why a series stands where it stands."""

    NEW = "new"
    BREACH = "breach"
    FOR_ELAPSED = "for_elapsed"
    CLEAR = "clear"
    KEEP_FIRING_ELAPSED = "keep_firing_elapsed"
    MISSING_SERIES = "missing_series"
    RULE_CHANGED = "rule_changed"
    ERROR = "error"
    NO_DATA = "no_data"


class Transition(StrEnum):
    """What the incident of a series must hear."""

    FIRED = "fired"
    RESOLVED = "resolved"


_SILENT = (Reason.MISSING_SERIES, Reason.NO_DATA, Reason.ERROR)  # normal for want of values; the next one ends it


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of a rule. Durations are in seconds; thresholds of `change_percent` are in percent."""

    type: ThresholdType
    threshold: float
    recovery: float | None = None
    for_seconds: int = 0
    keep_firing_seconds: int = 0
    window_seconds: int = 3_600

    def breaches(self, value: float) -> bool:
        """Whether `value` (for `change_percent`: the change) is beyond the threshold. NaN is not.

        A change breaches from the threshold on, upwards for a threshold of 0 or more, else downwards.
        """
        if self.type is _ABOVE:
            return value > self.threshold
        if self.type is _BELOW:
            return value < self.threshold
        return value >= self.threshold if self.threshold >= 0 else value <= self.threshold

    def clears(self, value: float) -> bool:
        """Whether `value` says that it is over: at or behind the recovery threshold, or no breach."""
        if value != value or self.breaches(value):
            return False
        if self.recovery is None:
            return True
        if self.type is _ABOVE:
            return value <= self.recovery
        if self.type is _BELOW:
            return value >= self.recovery
        return value < self.recovery if self.threshold >= 0 else value > self.recovery


# Tuples, because a hundred thousand of them are made at once, in a third of a dataclass's time.
class Series(NamedTuple):
    """Where a series stands, why, since when both are so, and how many evaluations in a row brought no value for it."""

    state: SeriesState
    reason: str
    since: datetime
    missed: int = 0


class Step(NamedTuple):
    """Where a series stands after an evaluation. `changed`: its row is to be written."""

    series: Series
    transition: Transition | None
    changed: bool


def step(condition: Condition, series: Series | None, value: float | None, now: datetime) -> Step:
    """What `value`, seen at `now`, makes of a series (None: not seen before).

    No value and NaN are as if the series had been missing; infinities are values. Where the clock was put back behind
    `since`, the time that a series has to wait counts from `now`.
    """
    if value is None or value != value:
        return missing(series, now)
    if series is None:
        after, transition = _from_normal(condition, Series(_NORMAL, Reason.NEW, now), value, now)
        return Step(after, transition, changed=True)
    state = series.state
    if state is _NORMAL:
        after, transition = _from_normal(condition, series, value, now)
    elif state is _FIRING:
        after, transition = _from_firing(condition, series, value, now)
    elif state is _PENDING:
        after, transition = _from_pending(condition, series, value, now)
    else:
        after, transition = _from_recovering(condition, series, value, now)
    if after.missed:
        after = Series(after.state, after.reason, after.since)
    return Step(after, transition, after is not series)


def missing(series: Series | None, now: datetime) -> Step:
    """What it makes of a series that an evaluation at `now` brought no value for, while others had one."""
    if series is None:
        return Step(Series(_NORMAL, Reason.NEW, now, 1), None, changed=True)
    if series.missed < MISSES_ALLOWED:
        return Step(Series(series.state, series.reason, series.since, series.missed + 1), None, changed=True)
    if series.state is _NORMAL and series.reason == Reason.MISSING_SERIES:
        return Step(series, None, changed=False)
    return _to_normal(series, Reason.MISSING_SERIES, now, series.missed + 1)


def reset(series: Series, reason: Reason, now: datetime) -> Step:
    """The series back at normal, whatever it was doing: its rule changed, or a policy says so."""
    if series.state is _NORMAL and series.reason == reason:
        return Step(series, None, changed=False)
    return _to_normal(series, reason, now, 0)


def change_percent(now_value: float, then: float | None) -> float | None:
    """The change from `then` to `now_value` in percent of |then|; None where `then` is 0, NaN or infinite."""
    if then is None or then == 0 or then != then or abs(then) == _INFINITY or now_value != now_value:
        return None
    return (now_value - then) / abs(then) * 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an evaluation makes of the rule as a whole.

    `incident` is the kind of the incident that stands for the rule itself (without a series) from now on: one is
    opened unless it is open, and those of other kinds are closed. `reset` says that all series go back to normal, with
    this reason; otherwise they stay as they are, apart from what `step` and `missing` make of them.
    """

    health: Health
    incident: IncidentKind | None = None
    reset: Reason | None = None


_WELL = Verdict(Health.OK)


def evaluated() -> Verdict:
    """The query brought at least one row: the rule itself is well."""
    return _WELL


def failed(policy: ErrorPolicy) -> Verdict:
    """The query failed, also when it was tried again."""
    match policy:
        case ErrorPolicy.ALERTING:
            return Verdict(Health.ERROR, IncidentKind.THRESHOLD)
        case ErrorPolicy.KEEP_LAST:
            return Verdict(Health.ERROR)
        case ErrorPolicy.NORMAL:
            return Verdict(Health.ERROR, reset=Reason.ERROR)
        case ErrorPolicy.ERROR:
            return Verdict(Health.ERROR, IncidentKind.ERROR)


def no_rows(policy: NoDataPolicy) -> Verdict:
    """The query ran and brought nothing at all (a row without any value is nothing, too)."""
    match policy:
        case NoDataPolicy.ALERTING:
            return Verdict(Health.NO_DATA, IncidentKind.THRESHOLD)
        case NoDataPolicy.KEEP_LAST:
            return Verdict(Health.NO_DATA)
        case NoDataPolicy.NORMAL:
            return Verdict(Health.NO_DATA, reset=Reason.NO_DATA)
        case NoDataPolicy.NO_DATA:
            return Verdict(Health.NO_DATA, IncidentKind.NO_DATA)


def _from_normal(condition: Condition, series: Series, value: float, now: datetime) -> tuple[Series, Transition | None]:
    if not condition.breaches(value):
        if series.reason in _SILENT:
            return Series(_NORMAL, Reason.CLEAR, now), None
        return series, None
    if condition.for_seconds > 0:
        return Series(_PENDING, Reason.BREACH, now), None
    return Series(_FIRING, Reason.BREACH, now), Transition.FIRED


def _from_pending(
    condition: Condition, series: Series, value: float, now: datetime
) -> tuple[Series, Transition | None]:
    if condition.breaches(value):
        if (now - series.since).total_seconds() >= condition.for_seconds:
            return Series(_FIRING, Reason.FOR_ELAPSED, now), Transition.FIRED
    elif condition.clears(value):
        return Series(_NORMAL, Reason.CLEAR, now), None
    return _not_ahead(series, now), None


def _from_firing(condition: Condition, series: Series, value: float, now: datetime) -> tuple[Series, Transition | None]:
    if not condition.clears(value):
        return series, None
    if condition.keep_firing_seconds > 0:
        return Series(_RECOVERING, Reason.CLEAR, now), None
    return Series(_NORMAL, Reason.CLEAR, now), Transition.RESOLVED


def _from_recovering(
    condition: Condition, series: Series, value: float, now: datetime
) -> tuple[Series, Transition | None]:
    if condition.breaches(value):
        return Series(_FIRING, Reason.BREACH, now), None
    if condition.clears(value) and (now - series.since).total_seconds() >= condition.keep_firing_seconds:
        return Series(_NORMAL, Reason.KEEP_FIRING_ELAPSED, now), Transition.RESOLVED
    return _not_ahead(series, now), None


def _not_ahead(series: Series, now: datetime) -> Series:
    """The series with a `since` that is not in the future: the clock was put back."""
    return series if series.since <= now else Series(series.state, series.reason, now, series.missed)


def _to_normal(series: Series, reason: Reason, now: datetime, missed: int) -> Step:
    was_open = series.state is _FIRING or series.state is _RECOVERING
    return Step(Series(_NORMAL, reason, now, missed), Transition.RESOLVED if was_open else None, changed=True)
