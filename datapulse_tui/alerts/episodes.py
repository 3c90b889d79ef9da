"""The episodes of a rule: incidents open and resolve in bulk, with all that goes with it, in the caller's transaction.

Opening writes the incident, its timeline, whom it concerns, the deliveries, the rule's status and the audit record;
resolving likewise. Both are idempotent: what is open already is not opened again, what is not open is not resolved.
Whoever calls them has locked the rules (FOR NO KEY UPDATE on `alerts`) before anything else of theirs, so that
evaluation, edits and triage wait for each other instead of locking each other out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.alerts.rules import INCIDENTS_TOPIC, RULES_TOPIC, SNOOZES_TOPIC, IncidentKind, label_text
from datapulse_tui.audit.actor import Actor

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncSession

SYSTEM = Actor(None, "system:alerts", everything=True)
RESOURCE = "incident"

_TITLES = {IncidentKind.ERROR: "cannot be evaluated", IncidentKind.NO_DATA: "no data"}

# For updates that name incidents by id, and must leave out what was closed meanwhile. It stands in a CASE, so that no
# planner begins with all that is open.
STILL_OPEN = "CASE WHEN resolved_at IS NULL THEN true ELSE false END"

_OPEN = """
WITH wanted AS (
    SELECT * FROM unnest(CAST(:alerts AS uuid[]), CAST(:series AS bigint[]), CAST(:kinds AS text[]),
                         CAST(:about AS text[]), CAST(:labels AS text[]), CAST(:at AS timestamptz[]),
                         CAST(:values AS float8[]), CAST(:reasons AS text[])) WITH ORDINALITY
    AS given(alert_id, series_id, kind, about, labels, at, value, reason, place)
), opened AS (
    INSERT INTO alert_incidents (
        alert_id, series_id, kind, title, labels, severity, status, reason, department_id, opened_at, start_value,
        worst_value, last_value, snooze_id, repeat_at, escalate_at, timer_at)
    SELECT wanted.alert_id, wanted.series_id, wanted.kind,
           left(CASE WHEN about = '' THEN rule.name ELSE rule.name || ': ' || about END, 500),
           CAST(wanted.labels AS jsonb), CASE WHEN wanted.kind = 'threshold' THEN rule.severity ELSE 'warning' END,
           CASE WHEN snooze.id IS NULL THEN 'triggered' ELSE 'snoozed' END, left(wanted.reason, 255),
           owner.department_id, wanted.at, value, value, value, snooze.id,
           timers.repeat_at, timers.escalate_at, least(timers.repeat_at, timers.escalate_at)
    FROM wanted
    JOIN alerts rule ON rule.id = wanted.alert_id
    JOIN users owner ON owner.id = rule.user_id
    LEFT JOIN LATERAL (
        SELECT id FROM alert_snoozes
        WHERE alert_id = rule.id AND incident_id IS NULL AND ended_at IS NULL AND until > now()
        ORDER BY until DESC LIMIT 1
    ) snooze ON true
    LEFT JOIN LATERAL (
        SELECT now() + make_interval(secs => rule.group_wait_seconds + rule.repeat_interval_seconds) AS repeat_at,
               CASE WHEN wanted.kind = 'threshold'
                    THEN now() + make_interval(secs => rule.escalate_after_seconds) END AS escalate_at
    ) timers ON snooze.id IS NULL
    ORDER BY wanted.place
    ON CONFLICT DO NOTHING
    RETURNING id, number, alert_id, series_id, kind, title, severity, status, opened_at, start_value, reason
), events AS (
    INSERT INTO incident_events (incident_id, kind, details)
    SELECT opened.id, 'fired', jsonb_strip_nulls(jsonb_build_object(
        'value', opened.start_value, 'slot', opened.opened_at, 'reason', opened.reason, 'severity', opened.severity))
    FROM opened
)
SELECT id, number, alert_id, title, severity, status, start_value FROM opened
"""
# Each is looked for by its rule, its series and its kind, which only one index holds among what has no end yet (and by
# no join: OFFSET 0). To a planner whose statistics come from a quiet night next to nothing is open; it would start from
# all that is, for each batch, or even for each incident of it.
_RESOLVE = """
WITH closing AS (
    SELECT * FROM unnest(CAST(:alerts AS uuid[]), CAST(:series AS bigint[]), CAST(:kinds AS text[]),
                         CAST(:at AS timestamptz[]), CAST(:values AS float8[]), CAST(:reasons AS text[]))
    AS given(alert_id, series_id, kind, at, value, reason)
), resolved AS (
    UPDATE alert_incidents incident
    SET status = 'resolved', resolved_at = now(), resolved_by = :actor_id, reason = left(closing.reason, 255),
        last_value = coalesce(closing.value, last_value), timer_at = NULL, repeat_at = NULL, escalate_at = NULL,
        version = version + 1, updated_at = now()
    FROM closing CROSS JOIN LATERAL (
        SELECT id FROM alert_incidents one
        WHERE one.alert_id = closing.alert_id AND one.kind = closing.kind AND one.resolved_at IS NULL
          AND one.series_id {same} OFFSET 0) found
    WHERE incident.id = found.id AND {STILL_OPEN}
    RETURNING incident.id, incident.number, incident.alert_id, incident.title, closing.reason, closing.at,
              closing.value
), events AS (
    INSERT INTO incident_events (incident_id, kind, actor_id, actor, details)
    SELECT id, 'resolved', :actor_id, :actor, jsonb_strip_nulls(jsonb_build_object(
        'value', value, 'slot', at, 'reason', reason))
    FROM resolved
), concerned AS (
    UPDATE alert_notifications SET resolved_at = now()
    WHERE {STILL_OPEN} AND incident_id IN (SELECT id FROM resolved)
)
SELECT id, number, alert_id, title, reason, value FROM resolved
"""
_RESOLVE_SERIES = _RESOLVE.format(same="= closing.series_id", STILL_OPEN=STILL_OPEN)
_RESOLVE_WHOLE = _RESOLVE.format(same="IS NULL", STILL_OPEN=STILL_OPEN)
# A snooze is over with what it silences: that of an incident with it, one until recovery with the rule's last.
_END_SNOOZES = """
UPDATE alert_snoozes snooze SET ended_at = now(), version = version + 1
WHERE ended_at IS NULL AND (
    incident_id = ANY(CAST(:incidents AS uuid[]))
    OR (incident_id IS NULL AND kind = 'until_recovery' AND alert_id = ANY(CAST(:alerts AS uuid[]))
        AND NOT EXISTS (SELECT FROM alert_incidents incident
                        WHERE incident.alert_id = snooze.alert_id AND incident.resolved_at IS NULL)))
RETURNING id, alert_id, incident_id
"""
_OPEN_OF_RULE = """
SELECT series_id, kind FROM alert_incidents WHERE alert_id = :alert_id AND resolved_at IS NULL
"""
_STATUS = """
UPDATE alerts SET status = shown.status
FROM (
    SELECT rule.id, CASE
        WHEN NOT rule.is_active THEN 'inactive'
        WHEN EXISTS (SELECT FROM alert_incidents i WHERE i.alert_id = rule.id AND i.resolved_at IS NULL
                     AND i.status <> 'snoozed') THEN 'triggered'
        WHEN EXISTS (SELECT FROM alert_incidents i WHERE i.alert_id = rule.id AND i.resolved_at IS NULL)
          OR EXISTS (SELECT FROM alert_snoozes s WHERE s.alert_id = rule.id AND s.incident_id IS NULL
                     AND s.ended_at IS NULL AND s.until > now()) THEN 'snoozed'
        WHEN EXISTS (SELECT FROM alert_incidents i WHERE i.alert_id = rule.id) THEN 'resolved'
        ELSE 'active' END AS status
    FROM alerts rule WHERE rule.id = ANY(CAST(:alerts AS uuid[]))
) shown
WHERE alerts.id = shown.id AND alerts.status <> shown.status
RETURNING alerts.id
"""
_LOCK = "SELECT id FROM alerts WHERE id = ANY(CAST(:alerts AS uuid[])) ORDER BY id FOR NO KEY UPDATE"


@dataclass(frozen=True, slots=True)
class Opening:
    """An incident that is to be open: of a series, or (`series_id` None) of the rule as a whole. `at` is its slot."""

    alert_id: UUID
    at: datetime
    kind: IncidentKind = IncidentKind.THRESHOLD
    series_id: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    value: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """An incident that is to be resolved, by what identifies an open one. `reason` is kept with it."""

    alert_id: UUID
    at: datetime
    kind: IncidentKind = IncidentKind.THRESHOLD
    series_id: int | None = None
    value: float | None = None
    reason: str = ""


async def lock_rules(session: AsyncSession, alerts: Collection[UUID]) -> None:
    """Lock rules in one order for whoever is about to change their incidents or their status."""
    from sqlalchemy import text

    from datapulse_tui.alerts.evaluation import bulk

    await session.execute(text(_LOCK), {"alerts": bulk.plain(alerts)})


async def open_many(session: AsyncSession, openings: Sequence[Opening]) -> list[UUID]:
    """Open incidents; returns the ids of those that were not open yet.

    Where everything of the rule is snoozed, the incident begins snoozed and nobody is told.
    """
    from sqlalchemy import text

    from datapulse_tui.alerts import telling
    from datapulse_tui.alerts.evaluation import bulk
    from datapulse_tui.audit.service import Entry, record_many
    from datapulse_tui.data.feed import emit

    if not openings:
        return []
    opened = (
        await session.execute(
            text(_OPEN),
            {
                "alerts": bulk.plain(one.alert_id for one in openings),
                "series": bulk.plain(one.series_id for one in openings),
                "kinds": bulk.texts(one.kind.value for one in openings),
                "about": bulk.texts(_about(one) for one in openings),
                "labels": bulk.labels(one.labels for one in openings),
                "at": bulk.times(one.at for one in openings),
                "values": bulk.plain(one.value for one in openings),
                "reasons": bulk.texts(one.reason for one in openings),
            },
        )
    ).all()
    if not opened:
        return []
    await record_many(
        session,
        SYSTEM,
        [
            Entry(
                "incident.opened", RESOURCE, row.id,
                after={"number": row.number, "title": row.title, "status": row.status, "value": row.start_value},
            )
            for row in opened
        ],
    )  # fmt: skip
    ids = [row.id for row in opened]
    await telling.tell(session, telling.TRIGGER, ids)
    await refresh_status(session, {row.alert_id for row in opened})
    await emit(session, INCIDENTS_TOPIC, *ids)
    return ids


async def resolve_many(session: AsyncSession, closings: Sequence[Closing], *, actor: Actor = SYSTEM) -> list[UUID]:
    """Resolve incidents that are open; returns the ids of those that were.

    Their unsent deliveries are cancelled, and whoever was told that it began is told that it is over.
    """
    from sqlalchemy import text

    from datapulse_tui.alerts import telling
    from datapulse_tui.alerts.evaluation import bulk
    from datapulse_tui.audit.service import Entry, record_many
    from datapulse_tui.data.feed import emit

    resolved: list[Row[Any]] = []
    for whole, statement in ((False, _RESOLVE_SERIES), (True, _RESOLVE_WHOLE)):
        some = [one for one in closings if (one.series_id is None) is whole]
        if some:
            values = {
                "alerts": bulk.plain(one.alert_id for one in some),
                "series": bulk.plain(one.series_id for one in some),
                "kinds": bulk.texts(one.kind.value for one in some),
                "at": bulk.times(one.at for one in some),
                "values": bulk.plain(one.value for one in some),
                "reasons": bulk.texts(one.reason for one in some),
                "actor_id": actor.user_id,
                "actor": actor.label or None,
            }
            resolved += (await session.execute(text(statement), values)).all()
    if not resolved:
        return []
    await record_many(
        session,
        actor,
        [
            Entry(
                "incident.resolved", RESOURCE, row.id,
                after={"number": row.number, "title": row.title, "status": "resolved", "value": row.value},
                note={"reason": row.reason},
            )
            for row in resolved
        ],
    )  # fmt: skip
    ids = [row.id for row in resolved]
    rules = {row.alert_id for row in resolved}
    await telling.over(session, ids)
    await _end_snoozes(session, actor, ids, rules)
    await refresh_status(session, rules)
    await emit(session, INCIDENTS_TOPIC, *ids)
    return ids


async def close_for_rule(session: AsyncSession, actor: Actor, alert_id: UUID, reason: str) -> list[UUID]:
    """Resolve every open incident of a rule that was changed, paused or archived; returns their ids."""
    from sqlalchemy import text

    now: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    rows = (await session.execute(text(_OPEN_OF_RULE), {"alert_id": alert_id})).all()
    closings = [Closing(alert_id, now, IncidentKind(row.kind), row.series_id, reason=reason) for row in rows]
    return await resolve_many(session, closings, actor=actor)


async def refresh_status(session: AsyncSession, alerts: Collection[UUID]) -> None:
    """Bring the status that people see of rules in line with their incidents and snoozes."""
    from sqlalchemy import text

    from datapulse_tui.alerts.evaluation import bulk
    from datapulse_tui.data.feed import emit

    changed = (await session.scalars(text(_STATUS), {"alerts": bulk.plain(alerts)})).all()
    if changed:
        await emit(session, RULES_TOPIC, *changed)


async def _end_snoozes(session: AsyncSession, actor: Actor, incidents: Sequence[UUID], rules: Collection[UUID]) -> None:
    from sqlalchemy import text

    from datapulse_tui.alerts.evaluation import bulk
    from datapulse_tui.audit.service import Entry, record_many
    from datapulse_tui.data.feed import emit

    values = {"incidents": bulk.plain(incidents), "alerts": bulk.plain(rules)}
    ended = (await session.execute(text(_END_SNOOZES), values)).all()
    if ended:
        note = {"reason": "what it silenced is resolved"}
        await record_many(session, actor, [Entry("snooze.ended", "snooze", row.id, note=note) for row in ended])
        await emit(session, SNOOZES_TOPIC, *(row.id for row in ended))


def _about(opening: Opening) -> str:
    """What the title says after the rule's name."""
    about = _TITLES.get(opening.kind)
    if about is None and opening.series_id is None:
        return opening.reason[:100]
    return about or label_text(opening.labels)
