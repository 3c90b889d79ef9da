"""What is silenced: by whom, why, until when, and how much of it there is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.alerts.rules import MANAGE, TRIAGE, TRIAGE_ALL, VIEW, VIEW_ALL, Severity, SnoozeKind
from datapulse_tui.alerts.views import SnoozeRow
from datapulse_tui.data.glance import fetch
from datapulse_tui.data.page import decode_cursor, make_page
from datapulse_tui.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from datapulse_tui.alerts.views import PersonRef
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page

MOST_HIDDEN = 1_000

# An incident's snooze belongs to whom the incident concerns, a rule's to those who have an incident of it or own it.
_SELECT = f"""
SELECT z.id, z.version, z.alert_id, a.name AS rule, z.incident_id, coalesce(i.title, '') AS incident_title,
    coalesce(i.severity, a.severity) AS severity, z.kind, z.until, z.reason, z.created_at, z.ended_at,
    u.id AS by_id, u.name AS by_name, u.email AS by_email,
    (SELECT count(*) FROM (SELECT 1 FROM alert_incidents h WHERE h.snooze_id = z.id AND h.status = 'snoozed'
                           LIMIT {MOST_HIDDEN}) hidden) AS hides,
    concerns.me AS receives, a.user_id = CAST(:me AS uuid) AS own
FROM alert_snoozes z
JOIN alerts a ON a.id = z.alert_id
LEFT JOIN alert_incidents i ON i.id = z.incident_id
LEFT JOIN users u ON u.id = z.created_by
CROSS JOIN LATERAL (SELECT EXISTS (
    SELECT 1 FROM alert_notifications n
    WHERE n.user_id = CAST(:me AS uuid) AND n.alert_id = z.alert_id
      AND (z.incident_id IS NULL OR n.incident_id = z.incident_id)) AS me) concerns
WHERE (:all OR concerns.me OR a.user_id = CAST(:me AS uuid))
"""  # noqa: S608  (a number of this module, values are bound)


async def list_snoozes(
    session: Reader, actor: Actor, *, ended: bool = False, after: str | None = None, limit: int = 200
) -> Page[SnoozeRow]:
    """What silences something now, what ends next first; with `ended` what did, the newest first.

    Raises NotAllowed without the right to view, Invalid for a cursor that is not ours.
    """
    actor.require(VIEW, "see what is snoozed")
    params: dict[str, Any] = {"me": actor.user_id, "all": actor.can(VIEW_ALL), "limit": limit + 1}
    beyond = ""
    if after is not None:
        params["moment"], params["last"] = decode_cursor(after, 2)
        beyond = "AND (z.ended_at, z.id) < (:moment, :last)" if ended else "AND (z.until, z.id) > (:moment, :last)"
    order = "z.ended_at DESC, z.id DESC" if ended else "z.until, z.id"
    state = "z.ended_at IS NOT NULL" if ended else "z.ended_at IS NULL"
    rows = await fetch(session, f"{_SELECT} AND {state} {beyond} ORDER BY {order} LIMIT :limit", params)
    return make_page(
        rows, limit, lambda row: _row(actor, row), lambda row: [row.ended_at if ended else row.until, row.id]
    )


async def get_snooze(session: Reader, actor: Actor, snooze_id: UUID) -> SnoozeRow:
    """One snooze, over or not. Raises NotFound for one that is not there or not visible to `actor`."""
    actor.require(VIEW, "see what is snoozed")
    params = {"me": actor.user_id, "all": actor.can(VIEW_ALL), "id": snooze_id}
    rows = await fetch(session, f"{_SELECT} AND z.id = :id", params)
    if not rows:
        raise NotFound("There is no such snooze, or it is not one of yours.", hint="Look at the snoozes again.")
    return _row(actor, rows[0])


async def expiring(session: Reader, actor: Actor, before: datetime, limit: int = 20) -> tuple[SnoozeRow, ...]:
    """The snoozes that end before `before`, the first of them first. Raises NotAllowed without the right to view."""
    actor.require(VIEW, "see what is snoozed")
    params = {"me": actor.user_id, "all": actor.can(VIEW_ALL), "before": before, "limit": limit}
    rows = await fetch(
        session,
        f"{_SELECT} AND z.ended_at IS NULL AND z.until < :before ORDER BY z.until, z.id LIMIT :limit",
        params,
    )
    return tuple(_row(actor, row) for row in rows)


def _row(actor: Actor, row: Any) -> SnoozeRow:
    from datapulse_tui.alerts.reads.incident_rows import person

    by: PersonRef | None = person(row.by_id, row.by_name, row.by_email)
    mine = row.own or (by is not None and by.id == actor.user_id)
    about_incident = row.incident_id is not None
    return SnoozeRow(
        id=row.id,
        version=row.version,
        alert_id=row.alert_id,
        rule=row.rule,
        incident_id=row.incident_id,
        incident_title=row.incident_title,
        severity=Severity(row.severity),
        kind=SnoozeKind(row.kind),
        until=row.until,
        reason=row.reason,
        created_at=row.created_at,
        created_by=by,
        ended_at=row.ended_at,
        hides=row.hides,
        may_change=row.ended_at is None
        and may_change(actor, about_incident=about_incident, concerns=row.receives, mine=mine),
    )


def may_change(actor: Actor, *, about_incident: bool, concerns: bool, mine: bool) -> bool:
    """Whether `actor` may extend or end a snooze: of an incident whoever may triage it, of a whole rule whoever may
    triage all of it, who owns the rule, or who made the snooze."""
    if actor.can(TRIAGE_ALL) or actor.can(MANAGE):
        return True
    return actor.can(TRIAGE) and (mine or (about_incident and concerns))
