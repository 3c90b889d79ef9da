"""What needs a person now: incidents that they have or may take, by time to breach, and the metrics they pinned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from datapulse_tui.alerts.reads.incident_rows import COLUMNS, JOINS, SAMPLES, make_row
from datapulse_tui.alerts.reads.planning import plan_for_values
from datapulse_tui.alerts.rows import RECEIVES, IncidentRow
from datapulse_tui.alerts.rules import TRIAGE, TRIAGE_ALL, VIEW, VIEW_ALL
from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from uuid import UUID

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

PIN_PREFIX = "pin:series:"
MOST_NEEDS = 50
MOST_PINS = 12
MOST_TROUBLES = 20
PIN_POINTS = 40
SEE_SOURCES = "source:view"


class Need(NamedTuple):
    """An incident that waits for the reader. `breach_at` is when it escalates unless somebody takes it; `mine` tells
    whether the reader has it already."""

    row: IncidentRow
    breach_at: datetime | None
    mine: bool


class Pin(NamedTuple):
    """A metric that a person keeps in sight: `values` are its newest samples, the newest last, `at` the newest's time.

    `rule_id` and `rule` are a rule that watches it (None and empty: none does any more), and `firing` whether one
    fires on it.
    """

    series_id: int
    metric: str
    query: str
    labels: Mapping[str, str]
    values: tuple[float, ...]
    at: datetime | None
    rule_id: UUID | None
    rule: str
    firing: bool


class Trouble(NamedTuple):
    """A source that did not answer when it was last asked, and why, as far as it said."""

    name: str
    problem: str


class Watched(NamedTuple):
    """What there is to watch: whether there are sources at all, rules that run, and when one was last evaluated; and
    whether any snooze ends before the moment that was asked for, and any delivery stands as failed."""

    sources: bool
    rules: int
    last_at: datetime | None
    ending: bool
    failed: bool


# First by time to breach; what nobody waits for by severity and age. An incident is the reader's when they have it.
_NEEDS = f"""
WITH wanted AS MATERIALIZED (
    SELECT i.id, i.priority, i.opened_at, i.escalate_at,
           coalesce(i.assigned_to, i.acknowledged_by) = CAST(:me AS uuid) AS mine
    FROM alert_incidents i
    WHERE i.status <> 'resolved' AND i.status <> 'snoozed'
      AND (coalesce(i.assigned_to, i.acknowledged_by) = CAST(:me AS uuid)
           OR (i.status = 'triggered' AND i.assigned_to IS NULL AND (:all OR (:some AND {RECEIVES}))))
    ORDER BY coalesce(i.escalate_at, 'infinity'), i.priority, i.opened_at DESC, i.id
    LIMIT :limit
)
SELECT {COLUMNS}, w.escalate_at, w.mine IS TRUE AS mine
FROM wanted w JOIN alert_incidents i ON i.id = w.id {JOINS}
ORDER BY coalesce(w.escalate_at, 'infinity'), w.priority, w.opened_at DESC, w.id
"""  # noqa: S608  (pieces of this program, values are bound)
_PINS = """
SELECT s.id, s.metric, s.labels, q.name AS query, newest.at,
       watched.id AS rule_id, coalesce(watched.name, '') AS rule, coalesce(watched.firing, false) AS firing
FROM user_preferences p
JOIN metric_series s ON s.id = CAST(substr(p.key, length(:prefix) + 1) AS bigint)
JOIN queries q ON q.id = s.query_id
LEFT JOIN LATERAL (
    SELECT at FROM metric_samples m WHERE m.series_id = s.id AND m.at > :samples_after ORDER BY at DESC LIMIT 1
) newest ON true
LEFT JOIN LATERAL (
    SELECT a.id, a.name, coalesce(x.state IN ('firing', 'recovering'), false) AS firing
    FROM alerts a LEFT JOIN alert_series x ON x.alert_id = a.id AND x.series_id = s.id
    WHERE a.metric_id = s.query_id AND a.metric = s.metric AND a.archived_at IS NULL
    ORDER BY firing DESC, a.name LIMIT 1
) watched ON true
WHERE p.user_id = CAST(:me AS uuid) AND p.key ~ ('^' || :prefix || '[0-9]{1,18}$')
ORDER BY q.name, s.metric, s.id LIMIT :limit
"""
_PINNED = """
SELECT s.id FROM user_preferences p
JOIN metric_series s ON s.id = CAST(substr(p.key, length(:prefix) + 1) AS bigint)
WHERE p.user_id = CAST(:me AS uuid) AND p.key ~ ('^' || :prefix || '[0-9]{1,18}$')
"""
_TROUBLES = """
SELECT s.name, coalesce(s.metadata ->> 'problem', '') AS problem FROM data_sources s
WHERE s.status = 'error' AND (:all OR EXISTS (
    SELECT FROM data_source_grants g WHERE g.data_source_id = s.id AND g.user_id = CAST(:me AS uuid)))
ORDER BY s.name LIMIT :limit
"""
_WATCHED = """
SELECT EXISTS (SELECT FROM data_sources) AS sources, count(*) AS rules, max(last_at) AS last_at,
    EXISTS (SELECT FROM alert_snoozes WHERE ended_at IS NULL AND until < :before) AS ending,
    EXISTS (SELECT FROM deliveries WHERE status = 'failed') AS failed
FROM alert_evaluations
"""


def pin_key(series_id: int) -> str:
    """The preference that keeps a metric in sight."""
    return f"{PIN_PREFIX}{series_id}"


async def needs(session: Reader, actor: Actor, limit: int = MOST_NEEDS) -> tuple[Need, ...]:
    """The incidents that `actor` has or may take, the first to breach first. Snoozed ones wait for no one.

    Raises NotAllowed without the right to view.
    """
    actor.require(VIEW, "see incidents")
    await plan_for_values(session)
    params: dict[str, Any] = {"me": actor.user_id, "all": actor.can(TRIAGE_ALL), "some": actor.can(TRIAGE)}
    rows = await fetch(session, _NEEDS, {**params, "limit": limit, "samples_after": datetime.now(UTC) - SAMPLES})
    return tuple(Need(make_row(actor, row), row.escalate_at, row.mine) for row in rows)


async def pins(session: Reader, actor: Actor) -> tuple[Pin, ...]:
    """The metrics that `actor` pinned, at most MOST_PINS. A metric whose query is gone is left out.

    Whoever sees all incidents sees every metric's values, and others those of incidents that concerned them: who loses
    the right to see a metric no longer sees its pin.
    """
    from datapulse_tui.alerts.history import recent

    actor.require(VIEW, "see metrics")
    params: dict[str, Any] = {"me": actor.user_id, "prefix": PIN_PREFIX, "limit": MOST_PINS}
    rows = await fetch(session, _PINS, {**params, "samples_after": datetime.now(UTC) - SAMPLES})
    allowed = await _visible_series(session, actor, [row.id for row in rows])
    values = await recent(session, sorted(allowed), points=PIN_POINTS)
    return tuple(
        Pin(
            row.id,
            row.metric,
            row.query,
            row.labels,
            values.get(row.id, ()),
            row.at,
            row.rule_id,
            row.rule,
            row.firing,
        )
        for row in rows
        if row.id in allowed
    )


async def troubles(session: Reader, actor: Actor, limit: int = MOST_TROUBLES) -> tuple[Trouble, ...]:
    """The sources that stand as error, of those that `actor` may see. Plain SQL: the first screen waits for it."""
    params = {"me": actor.user_id, "all": actor.can(SEE_SOURCES), "limit": limit}
    return tuple(Trouble(row.name, row.problem) for row in await fetch(session, _TROUBLES, params))


async def watched(session: Reader, before: datetime) -> Watched:
    """What is watched and what there is to read more of, whoever asks: numbers only."""
    (row,) = await fetch(session, _WATCHED, {"before": before})
    return Watched(*row)


async def _visible_series(session: Reader, actor: Actor, series: list[int]) -> set[int]:
    if actor.can(VIEW_ALL):
        return set(series)
    rows = await fetch(
        session,
        "SELECT DISTINCT i.series_id FROM alert_incidents i JOIN alert_notifications n ON n.incident_id = i.id "
        "WHERE i.series_id = ANY(CAST(:series AS bigint[])) AND n.user_id = CAST(:me AS uuid)",
        {"series": series, "me": actor.user_id},
    )
    return {row.series_id for row in rows}


async def pinned(session: Reader, actor: Actor) -> set[int]:
    """The series that `actor` has pinned and that are there."""
    rows = await fetch(session, _PINNED, {"me": actor.user_id, "prefix": PIN_PREFIX})
    return {row.id for row in rows}


async def may_pin(session: Reader, actor: Actor, series_id: int) -> bool:
    """Whether `actor` may see this metric, and so pin it."""
    return actor.can(VIEW) and series_id in await _visible_series(session, actor, [series_id])
