"""An incident as the inbox shows it: its columns, and the row made of them. Plain SQL, which the first list needs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from datapulse_tui.alerts.rows import RECEIVES, IncidentRow, PersonRef
from datapulse_tui.alerts.rules import TRIAGE, TRIAGE_ALL, IncidentKind, IncidentStatus, Severity

if TYPE_CHECKING:
    from uuid import UUID

    from datapulse_tui.audit.actor import Actor

SAMPLES = timedelta(days=2)  # how far back the newest sample of a series is looked for: rules run once a day at least

# Whether the condition of `alert_incidents i` holds: for one that is over, whether it has since before it was resolved.
FIRING = """
(CASE WHEN i.kind = 'threshold' AND i.series_id IS NOT NULL THEN EXISTS (
    SELECT 1 FROM alert_series x
    WHERE x.alert_id = i.alert_id AND x.series_id = i.series_id AND x.state IN ('firing', 'recovering')
      AND (i.resolved_at IS NULL OR x.since <= i.resolved_at))
ELSE EXISTS (
    SELECT 1 FROM alert_evaluations e
    WHERE e.alert_id = i.alert_id
      AND (e.health = i.kind OR (i.kind = 'threshold' AND e.health IN ('error', 'no_data')))
      AND (i.resolved_at IS NULL OR e.health_since <= i.resolved_at))
END)
"""
COLUMNS = f"""
i.id, i.number, i.version, i.alert_id, a.name AS rule, i.kind, i.title, i.labels, i.severity, i.status, i.opened_at,
i.start_value, i.acknowledged_at, i.resolved_at, i.priority,
ack.id AS ack_id, ack.name AS ack_name, ack.email AS ack_email,
who.id AS who_id, who.name AS who_name, who.email AS who_email,
CASE WHEN i.status = 'snoozed' THEN z.until END AS snoozed_until,
(SELECT s.value FROM metric_samples s WHERE s.series_id = i.series_id AND s.at > CAST(:samples_after AS timestamptz)
 ORDER BY s.at DESC LIMIT 1) AS value_now,
{FIRING} AS firing,
{RECEIVES} AS receives
"""  # noqa: S608  (pieces of this program, values are bound)
JOINS = """
JOIN alerts a ON a.id = i.alert_id
LEFT JOIN users ack ON ack.id = i.acknowledged_by
LEFT JOIN users who ON who.id = i.assigned_to
LEFT JOIN alert_snoozes z ON z.id = i.snooze_id
"""


def make_row(actor: Actor, row: Any) -> IncidentRow:
    """The incident of one row of COLUMNS."""
    return IncidentRow(
        id=row.id,
        number=row.number,
        version=row.version,
        alert_id=row.alert_id,
        rule=row.rule,
        kind=IncidentKind(row.kind),
        title=row.title,
        labels=row.labels,
        severity=Severity(row.severity),
        status=IncidentStatus(row.status),
        opened_at=row.opened_at,
        start_value=row.start_value,
        value_now=row.value_now,
        acknowledged_by=person(row.ack_id, row.ack_name, row.ack_email),
        acknowledged_at=row.acknowledged_at,
        assigned_to=person(row.who_id, row.who_name, row.who_email),
        snoozed_until=row.snoozed_until,
        resolved_at=row.resolved_at,
        firing=row.firing,
        may_triage=actor.can(TRIAGE_ALL) or (actor.can(TRIAGE) and row.receives),
    )


def person(user_id: UUID | None, name: str, email: str) -> PersonRef | None:
    """Somebody, or nobody without an id."""
    return PersonRef(user_id, name, email) if user_id is not None else None
