"""Snoozes: of incidents, or of everything of a rule. Each has a reason and a hard end, and can be extended and ended.

As with triage, what is refused for one is raised, and told in the Outcome where there are more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.alerts import snoozing
from datapulse_tui.alerts.filter_sql import visible
from datapulse_tui.alerts.rules import (
    SNOOZES_TOPIC,
    TRIAGE,
    TRIAGE_ALL,
    VIEW,
    VIEW_ALL,
    IncidentStatus,
    Severity,
    SnoozeKind,
)
from datapulse_tui.alerts.service.acting import (
    OPEN,
    Held,
    Refusal,
    Seen,
    change,
    database_now,
    hold,
    moment,
    record,
    tell_desks,
)
from datapulse_tui.alerts.service.snooze_ends import end, extend, unsnooze, wake_for_workflow
from datapulse_tui.alerts.views import Count, Outcome
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

__all__ = ["end", "extend", "snooze", "snooze_rule", "unsnooze", "wake_for_workflow", "would_hide"]

_AWAKE = OPEN - {IncidentStatus.SNOOZED}
MOST_HIDDEN = 1_000
_SILENCE = "status = 'snoozed', timer_at = NULL, repeat_at = NULL, escalate_at = NULL"
_SNOOZE = """
INSERT INTO alert_snoozes (alert_id, incident_id, kind, until, reason, workflow_id, created_by, notice_at)
SELECT i.alert_id, i.id, :kind, :until, :reason, CAST(:workflow AS uuid), CAST(:me AS uuid), :notice
FROM alert_incidents i WHERE i.id = ANY(CAST(:ids AS uuid[]))
RETURNING id
"""
_SNOOZE_OF_INCIDENT = """
(SELECT z.id FROM alert_snoozes z WHERE z.incident_id = i.id AND z.ended_at IS NULL ORDER BY z.created_at DESC LIMIT 1)
"""
_SNOOZE_RULE = """
INSERT INTO alert_snoozes (alert_id, kind, until, reason, workflow_id, created_by, notice_at)
VALUES (:rule, :kind, :until, :reason, CAST(:workflow AS uuid), CAST(:me AS uuid), :notice)
RETURNING id
"""
_RULE = """
SELECT a.id, a.name, a.user_id, a.severity, now() AS now, z.until, coalesce(u.name, 'DataPulse') AS who
FROM (SELECT * FROM alerts WHERE id = :id AND archived_at IS NULL FOR NO KEY UPDATE) a
LEFT JOIN alert_snoozes z ON z.alert_id = a.id AND z.incident_id IS NULL AND z.ended_at IS NULL AND z.until > now()
LEFT JOIN users u ON u.id = z.created_by
"""


async def snooze(
    session: AsyncSession,
    actor: Actor,
    ids: Seen,
    *,
    kind: SnoozeKind | str,
    until: datetime | None,
    reason: str,
    workflow_id: UUID | None = None,
    approval: UUID | None = None,
) -> tuple[Outcome, ...]:
    """Silence incidents until a time, until they recover, or until a workflow is decided; `until` is the hard end.

    Without `until` (not for a time) it is the latest that may be. What is critical needs an `approval` (the workflow
    that gave it) for more than four hours. Raises Invalid for an end or a reason that cannot be.
    """
    kind = _kind(kind, workflow_id)
    said = snoozing.check_reason(reason)
    held = await hold(session, actor, ids, _AWAKE, rules=True)
    now = await database_now(session)
    if until is not None:
        snoozing.check_end(until, now)
    ends: dict[datetime, list[UUID]] = {}
    refused = {}
    for key, row in held.rows.items():
        try:
            latest = snoozing.hard_end(kind, until, now, Severity(row.severity), approved=approval is not None)
        except NotAllowed as error:
            refused[key] = Refusal(NotAllowed, error.message.removesuffix(". Nothing was changed."), error.hint)
        else:
            ends.setdefault(latest, []).append(key)
    held = held.refuse(refused)
    for latest, some in ends.items():
        await _silence(session, actor, some, kind, latest, said, workflow_id, now)
        part = Held({key: held.rows[key] for key in some}, {}, {})
        note = _note(kind, latest, said, workflow_id, approval)
        await record(session, actor, "incident.snoozed", part, ("status",), {"status": "snoozed"}, note)
    if held.rows:
        await _after(session, held.ids, held.alert_ids, f"snoozed by {actor.label}: {said}")
    return held.outcomes("snoozed")


async def snooze_rule(
    session: AsyncSession,
    actor: Actor,
    alert_id: UUID,
    *,
    kind: SnoozeKind | str,
    until: datetime | None,
    reason: str,
    workflow_id: UUID | None = None,
    approval: UUID | None = None,
) -> UUID:
    """Silence everything of a rule, what is open and what is to come; returns the snooze's id.

    Raises NotFound, NotAllowed (whoever may triage everything may, and the rule's owner), Conflict where everything of
    the rule is snoozed already, and what `snooze` raises.
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import record as record_one

    kind = _kind(kind, workflow_id)
    said = snoozing.check_reason(reason)
    rule = await _rule(session, actor, alert_id)
    latest = snoozing.hard_end(kind, until, rule.now, Severity(rule.severity), approved=approval is not None)
    values = _values(actor, kind, latest, said, workflow_id, rule.now)
    snooze_id: UUID = (await session.execute(text(_SNOOZE_RULE), values | {"rule": alert_id})).scalar_one()
    find = text(
        "SELECT id FROM alert_incidents WHERE alert_id = :rule AND resolved_at IS NULL AND status <> 'snoozed' "
        "ORDER BY id FOR NO KEY UPDATE"
    )
    ids = list((await session.scalars(find, {"rule": alert_id})).all())
    if ids:
        details = _details(kind, latest, said) | {"whole_rule": True}
        sets = f"{_SILENCE}, snooze_id = CAST(:snooze AS uuid)"
        await change(session, actor, ids, "snoozed", sets, comment=said, details=details, snooze=snooze_id)
    await _after(session, ids, {alert_id}, f"snoozed by {actor.label}: {said}")
    after = {"rule": rule.name, "kind": kind.value, "until": latest.isoformat()}
    note = _note(kind, latest, said, workflow_id, approval) | {"incidents": len(ids)}
    await record_one(session, actor, "alert.snoozed", "alert", alert_id, None, after, note=note)
    return snooze_id


async def would_hide(
    session: AsyncSession, actor: Actor, *, incident_ids: Sequence[UUID] = (), alert_id: UUID | None = None
) -> Count:
    """How many open incidents a snooze of these, or of everything of a rule, would hide that nothing hides yet."""
    from sqlalchemy import text

    actor.require(VIEW, "see incidents")
    seen = visible(actor)
    which = "i.alert_id = CAST(:rule AS uuid)" if alert_id is not None else "i.id = ANY(CAST(:ids AS uuid[]))"
    sql = (
        f"SELECT count(*) FROM (SELECT 1 FROM alert_incidents i WHERE {which} "  # noqa: S608
        f"AND i.status <> 'resolved' AND i.status <> 'snoozed' "
        f"AND {seen.sql} LIMIT {MOST_HIDDEN + 1}) hidden"
    )
    params: dict[str, Any] = {"rule": alert_id} if alert_id is not None else {"ids": list(incident_ids)}
    number: int = (await session.execute(text(sql), {**params, **seen.params})).scalar_one()
    return Count(min(number, MOST_HIDDEN), exact=number <= MOST_HIDDEN)


# -- parts -------------------------------------------------------------------------------------------------------------


def _kind(kind: SnoozeKind | str, workflow_id: UUID | None) -> SnoozeKind:
    if kind not in tuple(SnoozeKind):
        raise Invalid(
            f"There is no kind of snooze {kind!r}. Nothing was changed.", hint=f"One of {', '.join(SnoozeKind)}."
        )
    found = SnoozeKind(kind)
    if (found is SnoozeKind.UNTIL_WORKFLOW) != (workflow_id is not None):
        raise Invalid("A snooze until a request is decided names that request. Nothing was changed.")
    return found


def _values(
    actor: Actor, kind: SnoozeKind, until: datetime, reason: str, workflow_id: UUID | None, now: datetime
) -> dict[str, Any]:
    return {
        "kind": kind.value,
        "until": until,
        "reason": reason,
        "workflow": workflow_id,
        "me": actor.user_id,
        "notice": snoozing.notice_at(now, until),
    }


def _details(kind: SnoozeKind, until: datetime, reason: str) -> dict[str, object]:
    return {"kind": kind.value, "until": until.isoformat(), "reason": reason}


def _note(
    kind: SnoozeKind, until: datetime, reason: str, workflow_id: UUID | None, approval: UUID | None
) -> dict[str, object]:
    note = _details(kind, until, reason)
    return note | {
        name: str(value) for name, value in (("workflow", workflow_id), ("approval", approval)) if value is not None
    }


async def _silence(
    session: AsyncSession,
    actor: Actor,
    ids: Sequence[UUID],
    kind: SnoozeKind,
    until: datetime,
    reason: str,
    workflow_id: UUID | None,
    now: datetime,
) -> None:
    from sqlalchemy import text

    values = _values(actor, kind, until, reason, workflow_id, now)
    await session.execute(text(_SNOOZE), values | {"ids": list(ids)})
    sets = f"{_SILENCE}, snooze_id = {_SNOOZE_OF_INCIDENT}"
    await change(session, actor, ids, "snoozed", sets, comment=reason, details=_details(kind, until, reason))


async def _after(session: AsyncSession, ids: Sequence[UUID], alert_ids: set[UUID], why: str) -> None:
    """What follows every snooze: nothing unsent goes out, and everybody sees it."""
    from datapulse_tui.alerts.episodes import refresh_status
    from datapulse_tui.data.feed import emit
    from datapulse_tui.notify.service import cancel

    if ids:
        await cancel(session, ids, why)
        await tell_desks(session, ids)
    await refresh_status(session, alert_ids)
    await emit(session, SNOOZES_TOPIC)


async def _rule(session: AsyncSession, actor: Actor, alert_id: UUID) -> Any:
    """The rule, held, which `actor` may snooze as a whole. Raises NotFound, NotAllowed, Conflict."""
    from sqlalchemy import text

    actor.require(VIEW, "see incidents")
    row = (await session.execute(text(_RULE), {"id": alert_id})).first()
    own = row is not None and actor.user_id is not None and row.user_id == actor.user_id
    if row is None or not (own or actor.can(VIEW_ALL)):
        raise NotFound("There is no such rule, or it is not one of yours.", hint="Look at the rules again.")
    if not (own and actor.can(TRIAGE)):
        actor.require(TRIAGE_ALL, "snooze everything of this rule")
    if row.until is not None:
        raise Conflict(
            f"Everything of {row.name} is snoozed already, by {row.who} until {moment(actor, row.until)}. "
            "Nothing was changed.",
            hint="Extend that snooze, or end it.",
        )
    return row
