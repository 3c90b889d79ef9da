"""What should have happened, found a second time from the samples alone, and what did."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.faults.support import World

Told = tuple[str, str]  # moment of a slot, "fired" or "resolved"


@dataclass(frozen=True)
class Watched:
    """The part of a rule that the replay knows: above `threshold`, for so long, and so long below it."""

    threshold: float
    for_: int
    keep: int


def expected(rule: Watched, samples: list[tuple[datetime, float]]) -> list[Told]:
    """The transitions of one series, by looking at every sample in turn."""
    told: list[Told] = []
    firing = False
    since: datetime | None = None  # when the opposite of the present state was first seen
    for at, value in samples:
        opposite = (value > rule.threshold) is not firing
        if not opposite:
            since = None
            continue
        first = since is None
        since = at if since is None else since
        needed = rule.keep if firing else rule.for_
        if needed == 0 or (not first and (at - since).total_seconds() >= needed):
            firing = not firing
            since = None
            told.append((at.isoformat(), "fired" if firing else "resolved"))
    return told


def compare(world: World, rules: dict[UUID, Watched]) -> int:
    """Fail unless every transition of every series happened exactly once; returns how many there were."""
    samples: dict[tuple[UUID, int], list[tuple[datetime, float]]] = defaultdict(list)
    for row in world.execute(
        "SELECT a.id AS alert_id, m.series_id, m.at, m.value FROM alerts a "
        "JOIN metric_series s ON s.query_id = a.metric_id JOIN metric_samples m ON m.series_id = s.id ORDER BY m.at"
    ):
        samples[row.alert_id, row.series_id].append((row.at, row.value))
    found: dict[tuple[UUID, int], list[Told]] = defaultdict(list)
    events = world.execute(
        "SELECT i.alert_id, i.series_id, e.kind, e.details->>'slot' AS slot, e.incident_id FROM incident_events e "
        "JOIN alert_incidents i ON i.id = e.incident_id WHERE e.kind IN ('fired', 'resolved') ORDER BY e.id"
    )
    for row in events:
        found[row.alert_id, row.series_id].append((datetime.fromisoformat(row.slot).isoformat(), row.kind))
    transitions = 0
    for key, points in samples.items():
        due = expected(rules[key[0]], points)
        assert found.get(key, []) == due, f"series {key}: {found.get(key)} instead of {due}\n{points}"
        transitions += len(due)
    assert transitions == len(events)
    _nothing_twice(world, events)
    return transitions


def _nothing_twice(world: World, events: list[Any]) -> None:
    """Incidents, deliveries and audit records are as many as there were transitions."""
    fired = [row.incident_id for row in events if row.kind == "fired"]
    resolved = [row.incident_id for row in events if row.kind == "resolved"]
    assert len(set(fired)) == len(fired) == world.one("SELECT count(*) FROM alert_incidents")
    assert len(set(resolved)) == len(resolved)
    assert world.one("SELECT count(*) FROM alert_incidents WHERE status = 'resolved'") == len(resolved)
    assert world.one("SELECT count(*) FROM deliveries WHERE kind = 'trigger'") == len(fired)
    audit = "SELECT count(*) FROM audit_logs WHERE action = %s"
    assert world.one(audit, ["incident.opened"]) == len(fired)
    assert world.one(audit, ["incident.resolved"]) == len(resolved)
