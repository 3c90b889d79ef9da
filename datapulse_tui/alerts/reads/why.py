"""Why somebody was told of an incident, or was not: what was meant for them, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.filter_sql import RECEIVES
from datapulse_tui.alerts.rules import VIEW, VIEW_ALL
from datapulse_tui.alerts.views import WhyRow
from datapulse_tui.data.glance import fetch
from datapulse_tui.errors import NotAllowed, NotFound

if TYPE_CHECKING:
    from datapulse_tui.alerts.recipients import Recipient
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

OTHERS = "delivery:view"
MOST = 500
MOST_NAMED = 10

OUTCOMES = {
    "pending": "waiting",
    "sending": "being sent",
    "sent": "sent",
    "failed": "failed",
    "cancelled": "taken back",
    "suppressed": "held back",
}
_WHAT = {
    "trigger": "that it fired",
    "update": "that it changed",
    "resolve": "that it is over",
    "repeat": "that it is still open",
    "escalation": "that nobody has acknowledged it",
    "notice": "that its snooze is about to end",
    "test": "a test",
    "message": "a message",
}

_INCIDENT = f"""
SELECT i.id, i.alert_id, i.kind, i.opened_at, a.name AS rule,
    {RECEIVES} AS receives
FROM alert_incidents i JOIN alerts a ON a.id = i.alert_id WHERE i.id = :id
"""  # noqa: S608  (pieces of this program, values are bound)
_PERSON = """
SELECT u.id, u.name, u.email, u.phone, u.status, u.created_at,
    EXISTS (SELECT 1 FROM alert_notifications n WHERE n.incident_id = :id AND n.user_id = u.id) AS concerned
FROM users u WHERE u.id = :person
"""
# What is for an address counts as for the person who has it.
_DELIVERIES = """
SELECT d.created_at, d.kind, d.channel_type, coalesce(c.name, d.channel_type) AS channel,
    coalesce(u.name, nullif(d.address, ''), c.name, d.channel_type) AS recipient, d.status,
    coalesce(d.reason, '') AS reason, coalesce(d.answer, '') AS answer, d.sent_at, d.due_at, d.attempts, d.message_id
FROM deliveries d
LEFT JOIN notification_channels c ON c.id = d.channel_id
LEFT JOIN users u ON u.id = d.user_id
WHERE d.incident_id = :id
  AND (:everybody OR d.user_id = CAST(:person AS uuid) OR d.address = ANY(CAST(:addresses AS text[])))
ORDER BY d.created_at, d.id LIMIT :limit
"""
_ATTEMPTS = """
SELECT message_id, at, answer FROM delivery_attempts
WHERE message_id = ANY(CAST(:messages AS uuid[])) AND NOT succeeded ORDER BY at LIMIT :limit
"""
# What stood between the incident and people.
_EVENTS = """
SELECT e.at, e.kind, coalesce(u.name, e.actor, 'DataPulse') AS who, coalesce(e.comment, '') AS comment, e.details
FROM incident_events e LEFT JOIN users u ON u.id = e.actor_id
WHERE e.incident_id = :id AND e.kind IN ('acknowledged', 'snoozed', 'snooze_extended', 'snooze_ended', 'resolved')
ORDER BY e.id LIMIT :limit
"""


async def why(session: Reader, actor: Actor, incident_id: UUID, user_id: UUID | None = None) -> tuple[WhyRow, ...]:
    """Everything that was meant for a person about an incident, in order, with what came between.

    Somebody who was never meant gets a line that says why not. Without `user_id` it is about everybody or, for an actor
    who may not see the deliveries of others, about themselves. Raises NotFound for an incident that is not visible,
    NotAllowed for asking about others without the right to.
    """
    actor.require(VIEW, "see incidents")
    incident = next(iter(await fetch(session, _INCIDENT, {"id": incident_id, "me": actor.user_id})), None)
    if incident is None or not (incident.receives or actor.can(VIEW_ALL)):
        raise NotFound("There is no such incident, or it is not one of yours.", hint="Look at the inbox again.")
    if user_id is None and not actor.can(OTHERS):
        user_id = actor.user_id
    if user_id is not None and user_id != actor.user_id and not actor.can(OTHERS):
        raise NotAllowed(
            f"You may not see what others were told: that needs the permission {OTHERS}.", hint="Ask about yourself."
        )
    person = await _person(session, incident_id, user_id)
    deliveries = await fetch(
        session,
        _DELIVERIES,
        {
            "id": incident_id,
            "everybody": person is None,
            "person": user_id,
            "addresses": [address for address in (person.email, person.phone) if address] if person else [],
            "limit": MOST,
        },
    )
    zone = ZoneInfo(actor.zone)
    rows = [_told(row, zone) for row in deliveries]
    rows += await _failures(session, deliveries)
    if not deliveries:
        rows.append(await _never(session, incident, person))
    events = await fetch(session, _EVENTS, {"id": incident_id, "limit": MOST})
    rows += [_between(row, zone) for row in events]
    return tuple(sorted(rows, key=lambda row: row.at))


async def _person(session: Reader, incident_id: UUID, user_id: UUID | None) -> Any:
    if user_id is None:
        return None
    rows = await fetch(session, _PERSON, {"id": incident_id, "person": user_id})
    if not rows:
        raise NotFound("There is no such person.", hint="`datapulse user list` shows everybody.")
    return rows[0]


def _told(row: Any, zone: ZoneInfo) -> WhyRow:
    reason = row.reason or row.answer
    if row.status == "pending" and not reason:
        reason = f"due at {_moment(row.due_at, zone)}"
    if row.status == "sent":
        reason = ", ".join(part for part in (f"at {_moment(row.sent_at, zone)}", row.answer) if part)
    return WhyRow(row.created_at, row.recipient, row.channel, _WHAT[row.kind], OUTCOMES[row.status], reason)


async def _failures(session: Reader, deliveries: Sequence[Any]) -> list[WhyRow]:
    """The attempts that failed, each with the answer of the channel."""
    by_message = {row.message_id: row for row in deliveries if row.message_id is not None}
    if not by_message:
        return []
    attempts = await fetch(session, _ATTEMPTS, {"messages": list(by_message), "limit": MOST})
    return [
        WhyRow(each.at, row.recipient, row.channel, _WHAT[row.kind], "attempt failed", each.answer)
        for each in attempts
        for row in (by_message[each.message_id],)
    ]


def _between(row: Any, zone: ZoneInfo) -> WhyRow:
    words = {"snooze_extended": "snooze extended", "snooze_ended": "snooze ended"}.get(row.kind, row.kind)
    until = row.details.get("until")
    end = f" until {_moment(datetime.fromisoformat(until), zone)}" if until else ""
    by = "" if row.who == "DataPulse" or row.who.startswith("system:") else f" by {row.who}"
    return WhyRow(row.at, "", "", "", f"{words}{by}{end}", row.comment or str(row.details.get("why", "")))


async def _never(session: Reader, incident: Any, person: Any) -> WhyRow:
    """The line for somebody for whom nothing was meant, or (without a person) for an incident that told nobody."""
    from datapulse_tui.alerts.recipients import keepers, recipients

    find = recipients if incident.kind == "threshold" else keepers
    told = (await find(session, [incident.alert_id])).get(incident.alert_id, ())
    if person is None:
        return WhyRow(incident.opened_at, "everybody", "", _WHAT["trigger"], "not told", _named(told))
    mine = [each for each in told if each.user_id == person.id]
    if mine:
        problem = next((each.problem for each in mine if each.problem), "")
        second = all(each.level == "second" for each in mine)
        reason = problem or (
            "among the second recipients, who are told when nobody acknowledges it in time"
            if second
            else "a recipient of the rule now, but not when it opened"
        )
    else:
        reason = f"not among the recipients: {_named(told)}"
        if person.status != "active":
            reason += f"; the account is {person.status}"
        if person.concerned:
            reason += "; sees the incident because it was assigned to them"
    return WhyRow(incident.opened_at, person.name, "", _WHAT["trigger"], "not told", reason)


def _named(told: Iterable[Recipient]) -> str:
    names = list(
        dict.fromkeys(each.name or each.address or each.channel_type for each in told if each.level == "first")
    )
    if not names:
        return "the rule tells nobody"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"the rule tells {', '.join(names[:MOST_NAMED])}{more}"


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
