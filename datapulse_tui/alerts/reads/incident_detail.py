"""One incident with all that its detail shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.alerts.reads.incident_rows import COLUMNS, JOINS, SAMPLES, make_row, person
from datapulse_tui.alerts.rules import VIEW, VIEW_ALL, ThresholdType
from datapulse_tui.alerts.views import EventRow, IncidentView, PersonRef, SimilarRow
from datapulse_tui.data.glance import fetch
from datapulse_tui.errors import NotFound

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

MOST_EVENTS = 500
MOST_DELIVERIES = 200
MOST_SIMILAR = 5
BEFORE = timedelta(hours=1)  # of the samples before it opened, at least
AFTER = timedelta(minutes=30)
SOMEBODY = "DataPulse"  # who did what no person did

_DETAIL = f"""
SELECT {COLUMNS}, i.reason, i.worst_value, i.last_value, i.series_id, i.snooze_id, a.threshold_type, a.threshold_value,
    a.recovery_value, a.metric, a.window_seconds, coalesce(a.runbook_url, '') AS runbook_url, a.labels AS rule_labels,
    o.id AS owner_id, o.name AS owner_name, o.email AS owner_email, coalesce(d.name, '') AS department,
    coalesce(q.name, '') AS query, coalesce(c.name, '') AS source,
    res.id AS res_id, res.name AS res_name, res.email AS res_email
FROM alert_incidents i {JOINS}
JOIN users o ON o.id = a.user_id
LEFT JOIN departments d ON d.id = i.department_id
LEFT JOIN queries q ON q.id = a.metric_id
LEFT JOIN data_sources c ON c.id = q.data_source_id
LEFT JOIN users res ON res.id = i.resolved_by
WHERE i.{{key}} = :key
"""  # noqa: S608  (pieces of this module, values are bound)
_EVENTS = """
SELECT * FROM (
    SELECT e.id, e.at, e.kind, coalesce(u.name, e.actor, :somebody) AS actor, coalesce(e.comment, '') AS comment,
           e.details
    FROM incident_events e LEFT JOIN users u ON u.id = e.actor_id
    WHERE e.incident_id = :id ORDER BY e.id DESC LIMIT :limit) newest
ORDER BY id
"""
# Of the same series first, and only those that the reader may see.
_SIMILAR = """
SELECT i.id, i.number, i.title, i.opened_at, i.resolved_at, coalesce(i.reason, '') AS reason,
    u.id AS res_id, u.name AS res_name, u.email AS res_email,
    coalesce((SELECT e.comment FROM incident_events e
              WHERE e.incident_id = i.id AND e.comment <> '' ORDER BY e.id DESC LIMIT 1), '') AS last_comment
FROM (
    SELECT * FROM (SELECT *, 0 AS far FROM alert_incidents
                   WHERE series_id = :series AND alert_id = :alert AND id <> :id AND status = 'resolved'
                   ORDER BY opened_at DESC LIMIT :limit) same
    UNION ALL
    SELECT * FROM (SELECT *, 1 AS far FROM alert_incidents
                   WHERE series_id IS DISTINCT FROM CAST(:series AS bigint) AND alert_id = :alert AND id <> :id
                     AND status = 'resolved'
                   ORDER BY opened_at DESC LIMIT :limit) other
) i
LEFT JOIN users u ON u.id = i.resolved_by
WHERE :all OR EXISTS (SELECT 1 FROM alert_notifications n
                      WHERE n.incident_id = i.id AND n.user_id = CAST(:me AS uuid))
ORDER BY i.far, i.opened_at DESC LIMIT :limit
"""


async def get_incident(session: Reader, actor: Actor, wanted: UUID | int) -> IncidentView:
    """The incident with that id or number. Raises NotFound for one that is not there or not visible to `actor`."""
    from datapulse_tui.alerts.history import samples
    from datapulse_tui.alerts.reads.snoozes import get_snooze
    from datapulse_tui.notify.reads import for_incident

    actor.require(VIEW, "see incidents")
    now = datetime.now(UTC)
    row = await _find(session, actor, wanted, now)
    of_it: dict[str, Any] = {"id": row.id}
    events = await fetch(session, _EVENTS, of_it | {"limit": MOST_EVENTS, "somebody": SOMEBODY})
    deliveries = await for_incident(session, [row.id], MOST_DELIVERIES)
    similar = await fetch(
        session,
        _SIMILAR,
        of_it
        | {"series": row.series_id, "alert": row.alert_id, "limit": MOST_SIMILAR}
        | {"all": actor.can(VIEW_ALL), "me": actor.user_id},
    )
    start = row.opened_at - max(BEFORE, 2 * timedelta(seconds=row.window_seconds))
    end = min(now, row.resolved_at + AFTER) if row.resolved_at else now
    snoozed = row.snooze_id is not None and row.status == "snoozed"
    return IncidentView(
        row=make_row(actor, row),
        reason=row.reason or "",
        worst_value=row.worst_value,
        last_value=row.last_value,
        series_id=row.series_id,
        threshold_type=ThresholdType(row.threshold_type),
        threshold=float(row.threshold_value),
        recovery=None if row.recovery_value is None else float(row.recovery_value),
        window_seconds=row.window_seconds,
        metric=row.metric or "",
        query=row.query,
        source=row.source,
        runbook_url=row.runbook_url,
        rule_labels=row.rule_labels,
        rule_owner=PersonRef(row.owner_id, row.owner_name, row.owner_email),
        department=row.department,
        snooze=await get_snooze(session, actor, row.snooze_id) if snoozed else None,
        resolved_by=person(row.res_id, row.res_name, row.res_email),
        events=tuple(EventRow(each.at, each.kind, each.actor, each.comment, each.details) for each in events),
        deliveries=deliveries,
        similar=tuple(
            SimilarRow(
                each.id,
                each.number,
                each.title,
                each.opened_at,
                each.resolved_at,
                person(each.res_id, each.res_name, each.res_email),
                each.reason,
                each.last_comment,
            )
            for each in similar
        ),
        samples=await samples(session, row.series_id, start, end) if row.series_id is not None else (),
    )


async def _find(session: Reader, actor: Actor, wanted: UUID | int, now: datetime) -> Any:
    key = "id" if isinstance(wanted, UUID) else "number"
    params = {"key": wanted, "me": actor.user_id, "samples_after": now - SAMPLES}
    rows = await fetch(session, _DETAIL.format(key=key), params)
    if not rows or not (rows[0].receives or actor.can(VIEW_ALL)):
        raise NotFound(
            "There is no such incident, or it is not one of yours.", hint="`datapulse alert list` shows the open ones."
        )
    return rows[0]
