"""Triage: what people do with incidents. Each verb takes many, in the caller's transaction: it holds the rows, changes
those that are as the person saw them, and says of each what became of it.

With one incident what is refused is raised (NotFound, NotAllowed, Conflict with who and when); with more it is told in
the Outcome. A change makes the version one more than the one seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.alerts.reads.incident_rows import FIRING
from datapulse_tui.alerts.rules import COMMENT, VIEW, IncidentStatus
from datapulse_tui.alerts.service.acting import (
    ACKNOWLEDGED,
    OPEN,
    Held,
    Seen,
    change,
    hold,
    record,
    tell_desks,
    timers,
)
from datapulse_tui.data.verbs import Refusal, kept_comment
from datapulse_tui.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.alerts.views import Outcome
    from datapulse_tui.audit.actor import Actor

BY_HAND = "by_hand"  # the reason of an incident that a person resolved

_NO_TIMERS = "timer_at = NULL, repeat_at = NULL, escalate_at = NULL"
_CONCERNS = """
told AS (
    INSERT INTO alert_notifications (alert_id, incident_id, user_id)
    SELECT alert_id, id, CAST(:person AS uuid) FROM changed WHERE CAST(:person AS uuid) IS NOT NULL
    ON CONFLICT (incident_id, user_id) DO NOTHING)
"""
_MINE_ACKNOWLEDGED = """
mine AS (
    UPDATE alert_notifications n SET acknowledged_at = {at} FROM changed
    WHERE n.incident_id = changed.id AND n.user_id = CAST(:me AS uuid))
"""
_ALL_RESOLVED = """
all_of_them AS (
    UPDATE alert_notifications n SET resolved_at = {at} FROM changed WHERE n.incident_id = changed.id)
"""


async def acknowledge(session: AsyncSession, actor: Actor, ids: Seen) -> tuple[Outcome, ...]:
    """Take triggered incidents: nobody is told about them any more, and everybody sees who has them."""
    from datapulse_tui.notify.service import cancel

    held = await hold(session, actor, ids, frozenset({IncidentStatus.TRIGGERED}))
    if held.rows:
        sets = f"status = 'acknowledged', acknowledged_at = now(), acknowledged_by = CAST(:me AS uuid), {_NO_TIMERS}"
        await change(session, actor, held.ids, "acknowledged", sets, more=_MINE_ACKNOWLEDGED.format(at="now()"))
        await cancel(session, held.ids, f"acknowledged by {actor.label}")
        await record(session, actor, "incident.acknowledged", held, ("status",), {"status": "acknowledged"})
        await tell_desks(session, held.ids)
    return held.outcomes("acknowledged")


async def unacknowledge(session: AsyncSession, actor: Actor, ids: Seen) -> tuple[Outcome, ...]:
    """Put acknowledged incidents back to triggered. What was taken back unsent stays so; the time until people are told
    again starts now."""
    held = await hold(session, actor, ids, frozenset({IncidentStatus.ACKNOWLEDGED}))
    if held.rows:
        sets = f"status = 'triggered', acknowledged_at = NULL, acknowledged_by = NULL, {timers('false')}"
        await change(session, actor, held.ids, "unacknowledged", sets, more=_MINE_ACKNOWLEDGED.format(at="NULL"))
        await record(session, actor, "incident.unacknowledged", held, ("status",), {"status": "triggered"})
        await tell_desks(session, held.ids)
    return held.outcomes("back to triggered")


async def resolve(session: AsyncSession, actor: Actor, ids: Seen, comment: str = "") -> tuple[Outcome, ...]:
    """Close open incidents by hand. A series that goes on firing opens a new one only after it has recovered once."""
    from datapulse_tui.alerts.episodes import refresh_status
    from datapulse_tui.alerts.service.snooze_ends import end_of_resolved
    from datapulse_tui.alerts.telling import over

    said = kept_comment(comment) if comment.strip() else None
    held = await hold(session, actor, ids, OPEN, rules=True)
    if held.rows:
        sets = (
            "status = 'resolved', resolved_at = now(), resolved_by = CAST(:me AS uuid), reason = :reason, "
            f"snooze_id = NULL, {_NO_TIMERS}"
        )
        more = _ALL_RESOLVED.format(at="now()")
        await change(session, actor, held.ids, "resolved", sets, comment=said, more=more, reason=BY_HAND)
        await end_of_resolved(session, actor, held.ids)
        await over(session, held.ids)
        await refresh_status(session, held.alert_ids)
        note = {"comment": said} if said else None
        await record(session, actor, "incident.resolved", held, ("status",), {"status": "resolved"}, note)
        await tell_desks(session, held.ids)
    return held.outcomes("resolved")


async def reopen(session: AsyncSession, actor: Actor, ids: Seen) -> tuple[Outcome, ...]:
    """Undo `resolve`: open again what a person closed, acknowledged if it was, as long as the condition still holds and
    no newer incident of the series is open."""
    from sqlalchemy.exc import IntegrityError

    from datapulse_tui.alerts.episodes import refresh_status

    held = await hold(session, actor, ids, frozenset({IncidentStatus.RESOLVED}), rules=True)
    held = held.refuse(await _closed_for_good(session, held))
    if held.rows:
        sets = (
            f"status = CASE WHEN {ACKNOWLEDGED} THEN 'acknowledged' ELSE 'triggered' END, resolved_at = NULL, "
            f"resolved_by = NULL, reason = NULL, {timers()}"
        )
        try:
            await change(session, actor, held.ids, "reopened", sets, more=_ALL_RESOLVED.format(at="NULL"))
        except IntegrityError as error:
            raise Conflict(
                "A newer incident of the same series opened this moment. Nothing was changed.",
                hint="Look at the inbox again.",
            ) from error
        await refresh_status(session, held.alert_ids)
        await record(session, actor, "incident.reopened", held, ("status",), {"status": "open"})
        await tell_desks(session, held.ids)
    return held.outcomes("open again")


async def assign(session: AsyncSession, actor: Actor, ids: Seen, user_id: UUID | None) -> tuple[Outcome, ...]:
    """Give open incidents to an active person, who from then on sees them, or to nobody (None). Raises Invalid for
    somebody who cannot have them."""
    name = await _assignable(session, user_id) if user_id is not None else ""
    held = await hold(session, actor, ids, OPEN)
    if held.rows:
        details: dict[str, object] = {"to": name, "user_id": str(user_id) if user_id else None}
        sets = "assigned_to = CAST(:person AS uuid)"
        await change(session, actor, held.ids, "assigned", sets, details=details, more=_CONCERNS, person=user_id)
        after = {"assigned_to": details["user_id"]}
        await record(session, actor, "incident.assigned", held, ("assigned_to",), after, {"to": name} if name else None)
        await tell_desks(session, held.ids)
    return held.outcomes(f"assigned to {name}" if name else "assigned to nobody")


async def comment(session: AsyncSession, actor: Actor, ids: Seen, text: str) -> tuple[Outcome, ...]:
    """Add a comment to incidents, open or not. Changes of others do not stand in its way. Raises Invalid for a comment
    that is empty or too long."""
    from sqlalchemy import text as statement

    said = kept_comment(text)
    held = await hold(session, actor, ids, frozenset(IncidentStatus), permission=COMMENT, any_version=True)
    if held.rows:
        await session.execute(
            statement(
                "INSERT INTO incident_events (incident_id, kind, actor_id, actor, comment) "
                "SELECT unnest(CAST(:ids AS uuid[])), 'commented', CAST(:me AS uuid), :label, :said"
            ),
            {"ids": held.ids, "me": actor.user_id, "label": actor.recorded_as, "said": said},
        )
        await record(session, actor, "incident.commented", held, (), {}, {"comment": said})
        await tell_desks(session, held.ids)
    return held.outcomes("commented")


async def _assignable(session: AsyncSession, user_id: UUID) -> str:
    """The name of an active person who may see incidents. Raises Invalid."""
    from datapulse_tui.people.actors import actor_for

    try:
        person = await actor_for(session, user_id)
    except NotFound as error:
        raise Invalid(
            "This person has no active account, so nobody would look after it. Nothing was changed.",
            hint="Assign it to somebody else.",
        ) from error
    if not person.can(VIEW):
        raise Invalid(f"{person.label} may not see incidents. Nothing was changed.", hint="Assign it to somebody else.")
    return person.label


_REOPENABLE = f"""
SELECT i.id, newer.number AS newer,
    {FIRING} AND a.is_active AS holds
FROM alert_incidents i
JOIN alerts a ON a.id = i.alert_id
LEFT JOIN LATERAL (
    SELECT n.number FROM alert_incidents n
    WHERE n.alert_id = i.alert_id AND n.series_id IS NOT DISTINCT FROM i.series_id AND n.kind = i.kind
      AND n.resolved_at IS NULL LIMIT 1) newer ON true
WHERE i.id = ANY(CAST(:ids AS uuid[]))
"""  # noqa: S608  (pieces of this program, values are bound)


async def _closed_for_good(session: AsyncSession, held: Held) -> dict[UUID, Refusal]:
    """Those that cannot be opened again, with the reason."""
    from sqlalchemy import text

    refused = {}
    for row in await session.execute(text(_REOPENABLE), {"ids": held.ids}):
        if held.rows[row.id].reason != BY_HAND:
            refused[row.id] = Refusal(Conflict, "it was not resolved by a person, but because its condition was over")
        elif row.newer is not None:
            refused[row.id] = Refusal(Conflict, f"the newer incident #{row.newer} of the same series is open")
        elif not row.holds:
            refused[row.id] = Refusal(Conflict, "its condition is over meanwhile")
    return refused
