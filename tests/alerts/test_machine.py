"""The state machine, arrow by arrow."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.alerts.machine import (
    Condition,
    Reason,
    Series,
    Step,
    Transition,
    Verdict,
    change_percent,
    evaluated,
    failed,
    missing,
    no_rows,
    reset,
    step,
)
from datapulse_tui.alerts.rules import ErrorPolicy, Health, IncidentKind, NoDataPolicy, SeriesState, ThresholdType
from datapulse_tui.data.models.alerts import AlertSeries

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
ABOVE, BELOW, CHANGE = ThresholdType.ABOVE, ThresholdType.BELOW, ThresholdType.CHANGE_PERCENT
NORMAL, PENDING, FIRING, RECOVERING = SeriesState
FIRED, RESOLVED = Transition
HIGH, BETWEEN, LOW = 95.0, 85.0, 70.0


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def condition(*, for_: int = 0, keep: int = 0, recovery: float | None = 80.0) -> Condition:
    return Condition(ABOVE, 90.0, recovery, for_, keep)


PLAIN = condition()
SLOW = condition(for_=60, keep=120)

# condition, state before (since when in seconds), value -> state, reason, since (seconds ago), transition
ARROWS = [
    # normal
    (PLAIN, NORMAL, 500, LOW, NORMAL, "new", 500, None),
    (PLAIN, NORMAL, 500, BETWEEN, NORMAL, "new", 500, None),
    (PLAIN, NORMAL, 500, HIGH, FIRING, "breach", 0, FIRED),
    (SLOW, NORMAL, 500, LOW, NORMAL, "new", 500, None),
    (SLOW, NORMAL, 500, BETWEEN, NORMAL, "new", 500, None),
    (SLOW, NORMAL, 500, HIGH, PENDING, "breach", 0, None),
    # pending
    (SLOW, PENDING, 59, HIGH, PENDING, "new", 59, None),
    (SLOW, PENDING, 60, HIGH, FIRING, "for_elapsed", 0, FIRED),
    (SLOW, PENDING, 900, HIGH, FIRING, "for_elapsed", 0, FIRED),
    (SLOW, PENDING, 59, LOW, NORMAL, "clear", 0, None),
    (SLOW, PENDING, 900, LOW, NORMAL, "clear", 0, None),
    (SLOW, PENDING, 30, BETWEEN, PENDING, "new", 30, None),
    (SLOW, PENDING, 900, BETWEEN, PENDING, "new", 900, None),  # only a breach fires
    (SLOW, PENDING, -30, HIGH, PENDING, "new", 0, None),  # the clock was put back
    (SLOW, PENDING, -30, BETWEEN, PENDING, "new", 0, None),
    (SLOW, PENDING, -30, LOW, NORMAL, "clear", 0, None),
    (PLAIN, PENDING, 0, HIGH, FIRING, "for_elapsed", 0, FIRED),  # `for` was set to 0 meanwhile
    # firing
    (PLAIN, FIRING, 500, HIGH, FIRING, "new", 500, None),
    (PLAIN, FIRING, 500, BETWEEN, FIRING, "new", 500, None),
    (PLAIN, FIRING, 500, LOW, NORMAL, "clear", 0, RESOLVED),
    (SLOW, FIRING, 500, HIGH, FIRING, "new", 500, None),
    (SLOW, FIRING, 500, BETWEEN, FIRING, "new", 500, None),
    (SLOW, FIRING, 500, LOW, RECOVERING, "clear", 0, None),
    (SLOW, FIRING, -30, HIGH, FIRING, "new", -30, None),
    # recovering
    (SLOW, RECOVERING, 119, LOW, RECOVERING, "new", 119, None),
    (SLOW, RECOVERING, 120, LOW, NORMAL, "keep_firing_elapsed", 0, RESOLVED),
    (SLOW, RECOVERING, 119, BETWEEN, RECOVERING, "new", 119, None),
    (SLOW, RECOVERING, 900, BETWEEN, RECOVERING, "new", 900, None),  # only a clear resolves
    (SLOW, RECOVERING, 60, HIGH, FIRING, "breach", 0, None),  # the same episode goes on
    (SLOW, RECOVERING, 900, HIGH, FIRING, "breach", 0, None),
    (SLOW, RECOVERING, -30, LOW, RECOVERING, "new", 0, None),
    (PLAIN, RECOVERING, 0, LOW, NORMAL, "keep_firing_elapsed", 0, RESOLVED),
]


@pytest.mark.parametrize(("rule", "state", "since", "value", "then", "reason", "then_since", "transition"), ARROWS)
@pytest.mark.parametrize("missed", [0, 1])
def test_every_arrow(
    rule: Condition,
    state: SeriesState,
    since: int,
    value: float,
    then: SeriesState,
    reason: str,
    then_since: int,
    transition: Transition | None,
    missed: int,
) -> None:
    before = Series(state, "new", ago(since), missed)
    after = Series(then, reason, ago(then_since))
    assert step(rule, before, value, NOW) == Step(after, transition, changed=after != before)


@pytest.mark.parametrize(
    ("rule", "value", "state", "reason", "transition"),
    [
        (PLAIN, LOW, NORMAL, "new", None),
        (PLAIN, BETWEEN, NORMAL, "new", None),
        (PLAIN, HIGH, FIRING, "breach", FIRED),
        (SLOW, HIGH, PENDING, "breach", None),
    ],
)
def test_a_series_that_is_new_starts_from_normal_and_is_written(
    rule: Condition, value: float, state: SeriesState, reason: str, transition: Transition | None
) -> None:
    assert step(rule, None, value, NOW) == Step(Series(state, reason, NOW), transition, changed=True)


@pytest.mark.parametrize("value", [None, math.nan])
@pytest.mark.parametrize("state", list(SeriesState))
def test_a_series_without_a_value_stays_once_and_is_normal_the_second_time(
    state: SeriesState, value: float | None
) -> None:
    before = Series(state, "breach", ago(500))
    first = step(SLOW, before, value, NOW)
    assert first == missing(before, NOW) == Step(Series(state, "breach", ago(500), 1), None, changed=True)
    second = step(SLOW, first.series, value, NOW)
    resolved = RESOLVED if state in (FIRING, RECOVERING) else None
    assert second == Step(Series(NORMAL, Reason.MISSING_SERIES, NOW, 2), resolved, changed=True)
    third = step(SLOW, second.series, value, NOW)
    assert third == Step(second.series, None, changed=False), "a series that stays away is written no more"


def test_a_value_between_two_misses_makes_them_two_single_ones() -> None:
    series = Series(FIRING, "breach", ago(500))
    for _ in range(5):
        series = missing(series, NOW).series
        series = step(PLAIN, series, HIGH, NOW).series
    assert series == Series(FIRING, "breach", ago(500))


def test_a_new_series_without_a_value() -> None:
    first = step(PLAIN, None, None, NOW)
    assert first == missing(None, NOW) == Step(Series(NORMAL, "new", NOW, 1), None, changed=True)
    assert missing(first.series, NOW).series == Series(NORMAL, Reason.MISSING_SERIES, NOW, 2)


@pytest.mark.parametrize("reason", [Reason.MISSING_SERIES, Reason.NO_DATA, Reason.ERROR])
def test_a_series_that_comes_back_is_as_any_other(reason: Reason) -> None:
    gone = Series(NORMAL, reason, ago(500), 2)
    assert step(PLAIN, gone, LOW, NOW) == Step(Series(NORMAL, "clear", NOW), None, changed=True)
    assert step(PLAIN, gone, HIGH, NOW) == Step(Series(FIRING, "breach", NOW), FIRED, changed=True)


def test_infinities_are_values() -> None:
    series = Series(NORMAL, "new", ago(500))
    assert step(PLAIN, series, math.inf, NOW).transition is FIRED
    assert step(PLAIN, Series(FIRING, "breach", ago(500)), -math.inf, NOW).transition is RESOLVED
    assert step(Condition(BELOW, 0.0), series, -math.inf, NOW).transition is FIRED


@pytest.mark.parametrize("state", list(SeriesState))
def test_reset_brings_back_to_normal_with_the_reason(state: SeriesState) -> None:
    before = Series(state, "breach", ago(500), 1)
    after = reset(before, Reason.RULE_CHANGED, NOW)
    resolved = RESOLVED if state in (FIRING, RECOVERING) else None
    assert after == Step(Series(NORMAL, Reason.RULE_CHANGED, NOW), resolved, changed=True)
    assert reset(after.series, Reason.RULE_CHANGED, NOW) == Step(after.series, None, changed=False)


def test_a_flapping_series_fires_once() -> None:
    series: Series | None = None
    heard = []
    for minute, value in enumerate([HIGH, HIGH, LOW, HIGH, LOW, HIGH, LOW, LOW, LOW, LOW]):
        taken = step(SLOW, series, value, NOW + timedelta(minutes=minute))
        series = taken.series
        heard.append(taken.transition)
    assert [each for each in heard if each] == [FIRED, RESOLVED]
    assert heard.index(RESOLVED) == 8, "two minutes after the first clear of the last run of clears"


@pytest.mark.parametrize(
    ("rule", "breaching", "between", "clear"),
    [
        (Condition(ABOVE, 90.0), [90.1, math.inf], [], [90.0, 0.0, -math.inf]),
        (Condition(ABOVE, 90.0, 80.0), [90.1], [90.0, 80.1], [80.0, -5.0]),
        (Condition(ABOVE, 90.0, 95.0), [90.1, 94.0, 96.0], [], [90.0, 10.0]),  # a recovery beyond it counts for nothing
        (Condition(BELOW, 10.0), [9.9, -math.inf], [], [10.0, 500.0]),
        (Condition(BELOW, 10.0, 20.0), [9.9], [10.0, 19.9], [20.0, math.inf]),
        (Condition(CHANGE, 20.0), [20.0, 500.0, math.inf], [], [19.9, -90.0]),
        (Condition(CHANGE, 20.0, 5.0), [20.0], [19.9, 5.0], [4.9, -90.0]),
        (Condition(CHANGE, -20.0), [-20.0, -100.0], [], [-19.9, 300.0]),
        (Condition(CHANGE, -20.0, -5.0), [-20.0], [-19.9, -5.0], [-4.9, 10.0]),
    ],
)
def test_thresholds(rule: Condition, breaching: list[float], between: list[float], clear: list[float]) -> None:
    def kinds(values: list[float]) -> set[tuple[bool, bool]]:
        return {(rule.breaches(value), rule.clears(value)) for value in values}

    assert kinds(breaching) == {(True, False)}
    assert kinds(between) <= {(False, False)}
    assert kinds(clear) == {(False, True)}
    assert kinds([math.nan]) == {(False, False)}


numbers = st.floats(allow_nan=False)


@given(st.sampled_from(ThresholdType), numbers, st.none() | numbers, numbers)
def test_nothing_breaches_and_clears(kind: ThresholdType, threshold: float, recovery: float | None, v: float) -> None:
    rule = Condition(kind, threshold, recovery)
    assert not (rule.breaches(v) and rule.clears(v))
    plain = Condition(kind, threshold)
    assert plain.breaches(v) != plain.clears(v), "without a recovery threshold every value is one of the two"
    assert plain.breaches(v) == rule.breaches(v)


@pytest.mark.parametrize(
    ("now_value", "then", "change"),
    [
        (110.0, 100.0, 10.0),
        (50.0, 100.0, -50.0),
        (0.0, 100.0, -100.0),
        (-50.0, -100.0, 50.0),
        (100.0, -100.0, 200.0),
        (1.0, 0.0, None),
        (1.0, -0.0, None),
        (1.0, None, None),
        (1.0, math.nan, None),
        (math.nan, 1.0, None),
        (1.0, math.inf, None),
        (math.inf, 1.0, math.inf),
        (-1e308, 1e308, -math.inf),
    ],
)
def test_change_percent(now_value: float, then: float | None, change: float | None) -> None:
    assert change_percent(now_value, then) == change


def test_policies() -> None:
    assert evaluated() == Verdict(Health.OK)
    assert {policy: failed(policy) for policy in ErrorPolicy} == {
        ErrorPolicy.ALERTING: Verdict(Health.ERROR, IncidentKind.THRESHOLD),
        ErrorPolicy.KEEP_LAST: Verdict(Health.ERROR),
        ErrorPolicy.NORMAL: Verdict(Health.ERROR, reset=Reason.ERROR),
        ErrorPolicy.ERROR: Verdict(Health.ERROR, IncidentKind.ERROR),
    }
    assert {policy: no_rows(policy) for policy in NoDataPolicy} == {
        NoDataPolicy.ALERTING: Verdict(Health.NO_DATA, IncidentKind.THRESHOLD),
        NoDataPolicy.KEEP_LAST: Verdict(Health.NO_DATA),
        NoDataPolicy.NORMAL: Verdict(Health.NO_DATA, reset=Reason.NO_DATA),
        NoDataPolicy.NO_DATA: Verdict(Health.NO_DATA, IncidentKind.NO_DATA),
    }


def test_reasons_fit_their_column() -> None:
    assert max(map(len, Reason)) <= AlertSeries.__table__.c.reason.type.length


def test_ten_thousand_steps_take_a_tenth_of_a_second() -> None:
    series = [Series(state, "breach", ago(60)) for state in SeriesState] * 2_500
    rounds = []
    for _ in range(3):
        started = time.process_time()
        for position, each in enumerate(series):
            step(SLOW, each, HIGH if position % 8 < 4 else LOW, NOW)
        rounds.append(time.process_time() - started)
    assert min(rounds) < 0.1
