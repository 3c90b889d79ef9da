"""From rows to series, and from series to what is written: no database."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.alerts.evaluation import bulk
from datapulse_tui.alerts.evaluation.decide import NO_ROWS, NOTHING_BEFORE, decide
from datapulse_tui.alerts.evaluation.model import MOST_SERIES, Decision, Finished, Held, Open, Reading, Rule
from datapulse_tui.alerts.evaluation.readings import number, read
from datapulse_tui.alerts.machine import Condition, Series
from datapulse_tui.alerts.rules import (
    ErrorPolicy,
    Health,
    IncidentKind,
    NoDataPolicy,
    SeriesState,
    ThresholdType,
    label_key,
)
from datapulse_tui.data.result import Column, ColumnKind, Result

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(minutes=5)
KINDS = {"value": ColumnKind.NUMBER, "text": ColumnKind.TEXT}


def result(names: str, *rows: tuple[Any, ...], truncated: bool = False) -> Result:
    columns = tuple(Column(name, KINDS.get(name, ColumnKind.TEXT)) for name in names.split())
    return Result(columns, rows, truncated=truncated)


# -- reading -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1.0),
        (1.5, 1.5),
        (Decimal("2.5"), 2.5),
        (True, 1.0),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("NaN"), None),
        (Decimal("Infinity"), None),
        (10**400, None),
        ("7", None),
    ],
)
def test_numbers(value: object, found: float | None) -> None:
    assert number(value) == found


def test_one_row_without_labels_is_one_series() -> None:
    reading = read(result("value", (5,)), "value", ())
    assert (reading.values, reading.labels) == ({label_key({}): 5.0}, {label_key({}): {}})
    assert read(result("value"), "value", ()).empty
    assert read(result("value", (None,)), "value", ()).empty


def test_labels_are_text_and_null_is_an_empty_one() -> None:
    rows = [("a", None, 1), ("b", True, None), ("c\0", datetime(2026, 1, 1, tzinfo=UTC), 3)]
    reading = read(result("host flag value", *rows), "value", ("host", "flag"))
    assert list(reading.labels.values()) == [
        {"host": "a", "flag": ""},
        {"host": "b", "flag": "true"},
        {"host": "c\N{REPLACEMENT CHARACTER}", "flag": "2026-01-01T00:00:00+00:00"},
    ]
    assert list(reading.values.values()) == [1.0, None, 3.0]


@pytest.mark.parametrize(
    ("given_", "labels", "says"),
    [
        (result("value", (1,), (2,)), (), "2 rows"),
        (result("host value", ("a", 1), ("a", 2)), ("host",), "same labels (host=a)"),
        (result("other", (1,)), (), "no column 'value'"),
        (result("value value", (1, 2)), (), "more than one column 'value'"),
        (result("value", (1,)), ("host",), "no column 'host'"),
        (result("value", (1,), truncated=True), (), f"more than {MOST_SERIES:,} rows"),
        (Result((Column("value", ColumnKind.TEXT),), (("1",),)), (), "is text, not a number"),
    ],
)
def test_what_cannot_be_read_says_why(given_: Result, labels: tuple[str, ...], says: str) -> None:
    reading = read(given_, "value", labels)
    assert says in reading.problem
    assert not reading.values


@given(st.lists(st.one_of(st.none(), st.text())))
def test_arrays_of_any_text_are_well_formed(texts: list[str | None]) -> None:
    written = bulk.texts(texts)
    assert "\0" not in written
    written.encode()


# -- deciding ----------------------------------------------------------------------------------------------------------


def rule(
    type_: ThresholdType = ThresholdType.ABOVE,
    threshold: float = 10,
    no_data: NoDataPolicy = NoDataPolicy.NO_DATA,
    error: ErrorPolicy = ErrorPolicy.ERROR,
) -> Rule:
    return Rule(
        uuid.uuid4(),
        1,
        uuid.uuid4(),
        uuid.uuid4(),
        "value",
        ("host",),
        Condition(type_, threshold),
        60,
        0,
        no_data,
        error,
    )


def held(of: Rule, states: dict[int, SeriesState] | None = None, **more: Any) -> Held:
    stands = {id_: Series(state, "breach", BEFORE) for id_, state in (states or {}).items()}
    values: dict[str, Any] = {"skipped": 0, "health": Health.OK, "health_reason": "", "states": stands, **more}
    return Held(of, NOW, NOW, NOW + timedelta(minutes=1), condition_version=1, **values)


def seen(of: Held, before: dict[int, float] | None = None, **values: float | None) -> Decision:
    """The decision on values by host; the series of hosts a, b, c have the ids 1, 2, 3."""
    ids = {label_key({"host": host}): place for place, host in enumerate("abc", 1)}
    labels = {label_key({"host": host}): {"host": host} for host in values}
    found = {label_key({"host": host}): value for host, value in values.items()}
    return decide(Finished(of, Reading(labels, found)), ids, before or {})


def turned(decision: Decision) -> tuple[list[Any], list[Any]]:
    return (
        [(one.series_id, one.kind.value, one.value) for one in decision.opened],
        [(one.series_id, one.kind.value, one.value) for one in decision.closed],
    )


def test_series_fire_and_recover_each_on_its_own() -> None:
    decision = seen(held(rule(), {1: SeriesState.NORMAL, 2: SeriesState.FIRING}), a=11, b=9, c=1)
    assert turned(decision) == ([(1, "threshold", 11)], [(2, "threshold", 9)])
    assert {id_: series.state for id_, series in decision.series} == {1: "firing", 2: "normal", 3: "normal"}
    assert decision.verdict.health is Health.OK


def test_what_does_not_change_is_not_written() -> None:
    decision = seen(held(rule(), {1: SeriesState.NORMAL, 2: SeriesState.FIRING}), a=9, b=12)
    assert not decision.touches_rule
    assert not decision.health_changed


def test_the_worst_value_of_an_open_incident_is_kept() -> None:
    incident = Open(uuid.uuid4(), 12.0)
    of = held(rule(), {1: SeriesState.FIRING}, open={(1, IncidentKind.THRESHOLD): incident})
    assert list(seen(of, a=15).worst) == [(incident.id, 15)]
    assert list(seen(of, a=11).worst) == []
    low = held(rule(ThresholdType.BELOW), {1: SeriesState.FIRING}, open={(1, IncidentKind.THRESHOLD): incident})
    assert list(seen(low, a=3).worst) == [(incident.id, 3)]


def test_a_series_that_is_missing_twice_is_over() -> None:
    first = seen(held(rule(), {1: SeriesState.FIRING, 2: SeriesState.NORMAL}), b=1)
    assert turned(first) == ([], [])
    assert [(id_, series.missed) for id_, series in first.series] == [(1, 1)]
    of = held(rule(), {1: SeriesState.FIRING, 2: SeriesState.NORMAL})
    of.states[1] = first.series[0][1]
    second = seen(of, b=1)
    assert turned(second) == ([], [(1, "threshold", None)])
    assert second.closed[0].reason == "missing_series"
    without_value = seen(of, a=None, b=1)
    assert turned(without_value) == turned(second)


@pytest.mark.parametrize(
    ("policy", "opened", "closed"),
    [
        (NoDataPolicy.NO_DATA, [(None, "no_data", None)], []),
        (NoDataPolicy.ALERTING, [(None, "threshold", None)], []),
        (NoDataPolicy.KEEP_LAST, [], []),
        (NoDataPolicy.NORMAL, [], [(1, "threshold", None)]),
    ],
)
def test_no_value_at_all_is_for_the_policy(policy: NoDataPolicy, opened: list[Any], closed: list[Any]) -> None:
    of = held(rule(no_data=policy), {1: SeriesState.FIRING})
    for decision in (seen(of), seen(of, a=None)):
        assert turned(decision) == (opened, closed)
        assert (decision.verdict.health, decision.health_reason) == (Health.NO_DATA, NO_ROWS)


@pytest.mark.parametrize(
    ("policy", "opened", "closed"),
    [
        (ErrorPolicy.ERROR, [(None, "error", None)], []),
        (ErrorPolicy.ALERTING, [(None, "threshold", None)], []),
        (ErrorPolicy.KEEP_LAST, [], []),
        (ErrorPolicy.NORMAL, [], [(1, "threshold", None)]),
    ],
)
def test_a_failure_is_for_the_policy(policy: ErrorPolicy, opened: list[Any], closed: list[Any]) -> None:
    of = held(rule(error=policy), {1: SeriesState.FIRING})
    decision = decide(Finished(of, Reading(problem="It broke.")), {}, {})
    assert turned(decision) == (opened, closed)
    assert (decision.verdict.health, decision.health_reason) == (Health.ERROR, "It broke.")


def test_what_may_not_run_is_an_error_whatever_the_policy() -> None:
    of = held(rule(error=ErrorPolicy.KEEP_LAST))
    decision = decide(Finished(of, Reading(problem="The owner is gone."), forbidden=True), {}, {})
    assert turned(decision) == ([(None, "error", None)], [])


def test_an_incident_of_the_rule_as_a_whole_is_opened_once_and_ends_when_it_is_well() -> None:
    is_open = {(None, IncidentKind.ERROR): Open(uuid.uuid4(), None)}
    of = held(rule(), {1: SeriesState.NORMAL}, open=is_open, health=Health.ERROR, health_reason="It broke.")
    again = decide(Finished(of, Reading(problem="It broke.")), {}, {})
    assert turned(again) == ([], [])
    assert not again.health_changed
    assert turned(seen(of)) == ([(None, "no_data", None)], [(None, "error", None)])
    assert turned(seen(of, a=1)) == ([], [(None, "error", None)])
    kept = held(rule(error=ErrorPolicy.KEEP_LAST), open=is_open)
    assert turned(decide(Finished(kept, Reading(problem="It broke.")), {}, {})) == ([], [])


def test_change_is_compared_with_one_window_ago() -> None:
    of = held(rule(ThresholdType.CHANGE_PERCENT, 50), {1: SeriesState.NORMAL, 2: SeriesState.NORMAL})
    decision = seen(of, {1: 10.0, 2: 10.0}, a=16, b=14)
    assert turned(decision) == ([(1, "threshold", 16)], [])
    nothing = seen(of, {1: 0.0}, a=16, b=14)
    assert (nothing.verdict.health, nothing.health_reason) == (Health.NO_DATA, NOTHING_BEFORE)
    assert turned(nothing) == ([], [])


def test_skipped_slots_are_said_and_stay_said() -> None:
    of = held(rule(), {1: SeriesState.NORMAL}, skipped=3)
    of.due = NOW - timedelta(minutes=3)
    said = seen(of, a=1).health_reason
    assert said.startswith("3 evaluations were skipped from 2026-03-01 11:57:00 to 12:00:00 UTC")
    later = held(rule(), {1: SeriesState.NORMAL}, health_reason=said)
    assert not seen(later, a=1).health_changed
