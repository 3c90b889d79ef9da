"""What an evaluation means for a rule: states, incidents and health, from what its query brought. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from datapulse_tui.alerts import machine
from datapulse_tui.alerts.evaluation.model import Decision, Finished, Held, Turned
from datapulse_tui.alerts.machine import Condition, Transition, Verdict
from datapulse_tui.alerts.rules import ErrorPolicy, Health, IncidentKind, ThresholdType

NO_ROWS = "The query brought no value."
NOTHING_BEFORE = "There is no value from one window ago to compare with."
_THRESHOLD = IncidentKind.THRESHOLD


def decide(finished: Finished, ids: Mapping[str, int], before: Mapping[int, float]) -> Decision:
    """What to write for a finished slot.

    `ids` are the series' ids by label key; `before` are their values one window ago, for rules on the change.
    """
    if finished.reading.problem:
        policy = ErrorPolicy.ERROR if finished.forbidden else finished.held.rule.error_policy
        return _as_a_whole(finished, machine.failed(policy), finished.reading.problem)
    if finished.reading.empty:
        return _as_a_whole(finished, machine.no_rows(finished.held.rule.no_data_policy), NO_ROWS)
    return _evaluated(finished, ids, before)


def _as_a_whole(finished: Finished, verdict: Verdict, reason: str) -> Decision:
    """The rule could not look at its metric: what its policy says."""
    held = finished.held
    series = []
    closed = _closed_but(held, verdict.incident, verdict)
    if verdict.reset is not None:
        for series_id, state in held.states.items():
            done = machine.reset(state, verdict.reset, held.slot)
            if done.changed:
                series.append((series_id, done.series))
            if done.transition is Transition.RESOLVED:
                closed.append(Turned(series_id, _THRESHOLD, reason=verdict.reset.value))
    opened = []
    if verdict.incident is not None and (None, verdict.incident) not in held.open:
        opened.append(Turned(None, verdict.incident, reason=reason))
    return Decision(finished, verdict, _noted(held, reason), series, opened, closed)


def _evaluated(finished: Finished, ids: Mapping[str, int], before: Mapping[int, float]) -> Decision:
    held = finished.held
    rule, now, states = held.rule, held.slot, held.states
    condition = rule.condition
    changing = condition.type is ThresholdType.CHANGE_PERCENT
    series: list[tuple[int, machine.Series]] = []
    opened: list[Turned] = []
    closed = _closed_but(held, None, machine.evaluated())
    worst: list[tuple[UUID, float]] = []
    compared = known = 0
    step, values = machine.step, finished.reading.values
    for key, value in values.items():
        series_id = ids[key]
        state = states.get(series_id)
        known += state is not None
        watched = value
        if changing and value is not None:
            watched = machine.change_percent(value, before.get(series_id))
        compared += watched is not None
        done = step(condition, state, watched, now)
        if done.changed:
            series.append((series_id, done.series))
        if done.transition is Transition.FIRED:
            opened.append(Turned(series_id, _THRESHOLD, key, value, done.series.reason))
        elif done.transition is Transition.RESOLVED:
            closed.append(Turned(series_id, _THRESHOLD, key, value, done.series.reason))
        elif held.open and value is not None:
            incident = held.open.get((series_id, _THRESHOLD))
            if incident is not None and _is_worse(condition, value, incident.worst_value):
                worst.append((incident.id, value))
    if known < len(states):
        seen = {ids[key] for key in values}
        for series_id, state in states.items():
            if series_id not in seen:
                done = machine.missing(state, now)
                if done.changed:
                    series.append((series_id, done.series))
                if done.transition is Transition.RESOLVED:
                    closed.append(Turned(series_id, _THRESHOLD, reason=done.series.reason))
    if compared:
        return Decision(finished, machine.evaluated(), _noted(held, ""), series, opened, closed, worst)
    return Decision(finished, Verdict(Health.NO_DATA), NOTHING_BEFORE, series, opened, closed, worst)


def _closed_but(held: Held, kept: IncidentKind | None, verdict: Verdict) -> list[Turned]:
    """The open incidents of the rule as a whole that end with this evaluation.

    Where the policy is to keep the last state, they stay as they are, too.
    """
    if verdict.health is not Health.OK and kept is None and verdict.reset is None:
        return []
    return [
        Turned(None, kind, reason=verdict.health.value)
        for series_id, kind in held.open
        if series_id is None and kind is not kept
    ]


def _noted(held: Held, reason: str) -> str:
    """What the rule's health says: the reason or, for one that is well, that slots were skipped."""
    if reason:
        return reason
    if held.skipped:
        return skipped_note(held.skipped, held.due, held.slot)
    return held.health_reason if held.health is Health.OK else ""


def skipped_note(slots: int, due: datetime, slot: datetime) -> str:
    """That evaluations are missing, in words."""
    many = "1 evaluation was" if slots == 1 else f"{slots:,} evaluations were"
    return f"{many} skipped from {due:%Y-%m-%d %H:%M:%S} to {slot:%H:%M:%S} UTC: no worker was there to make them."


def _is_worse(condition: Condition, value: float, worst: float | None) -> bool:
    if worst is None:
        return True
    down = condition.type is ThresholdType.BELOW or (
        condition.type is ThresholdType.CHANGE_PERCENT and condition.threshold < 0
    )
    return value < worst if down else value > worst
