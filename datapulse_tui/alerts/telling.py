"""Who is told what of an incident, through which channel, and if not, why: intents for the outbox.

Every intent is written, those that nobody will receive with the reason, so that "why was I not told?" has an answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.notify.intents import Intent

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncSession

TRIGGER, UPDATE, RESOLVE = "trigger", "update", "resolve"
REPEAT, ESCALATION, NOTICE = "repeat", "escalation", "notice"

FIRST, SECOND = "first", "second"
NOBODY = "nobody to tell: the rule names no channel and no recipient"
RESOLVED_BEFORE = "resolved before it was sent"
LONGEST_ADDRESS = 120  # characters of an address in a key; a longer one stands as its digest

_FACTS = """
SELECT incident.id, incident.number, incident.alert_id, incident.kind, incident.title, incident.labels,
       incident.severity, incident.status, incident.opened_at, incident.start_value, incident.last_value,
       incident.reason, rule.name AS rule, rule.threshold_type, rule.threshold_value, rule.metric,
       rule.runbook_url, rule.message, rule.group_wait_seconds, rule.group_interval_seconds,
       snooze.until AS snoozed_until
FROM unnest(CAST(:ids AS uuid[])) AS wanted(id)
JOIN alert_incidents incident ON incident.id = wanted.id
JOIN alerts rule ON rule.id = incident.alert_id
LEFT JOIN alert_snoozes snooze ON incident.status = 'snoozed' AND snooze.id = incident.snooze_id
"""
_CONCERN = """
INSERT INTO alert_notifications (alert_id, user_id, incident_id)
SELECT alert_id, user_id, incident_id
FROM unnest(CAST(:alerts AS uuid[]), CAST(:users AS uuid[]), CAST(:incidents AS uuid[]))
     AS concerned(alert_id, user_id, incident_id)
ON CONFLICT (incident_id, user_id) DO NOTHING
"""
_HELD_BACK = """
INSERT INTO incident_events (incident_id, kind, details)
SELECT incident_id, 'held_back', jsonb_build_object('reason', reason)
FROM unnest(CAST(:incidents AS uuid[]), CAST(:reasons AS text[])) AS held(incident_id, reason)
"""
_TOLD = """
SELECT DISTINCT ON (incident_id, channel_type, channel_id, user_id, address)
       incident_id, channel_type, channel_id, user_id, address, payload->>'zone' AS zone,
       coalesce((payload->>'digest')::boolean, false) AS digest
FROM deliveries
WHERE incident_id = ANY(CAST(:ids AS uuid[])) AND status IN ('sent', 'sending') AND kind <> 'resolve'
ORDER BY incident_id, channel_type, channel_id, user_id, address
"""

_NO_LONGER = """
SELECT incident.id, incident.status, person.name, snooze.until
FROM alert_incidents incident
LEFT JOIN users person ON incident.status = 'acknowledged' AND person.id = incident.acknowledged_by
LEFT JOIN alert_snoozes snooze ON incident.status = 'snoozed' AND snooze.id = incident.snooze_id
WHERE incident.id = ANY(CAST(:ids AS uuid[])) AND incident.status <> 'triggered'
"""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to reach somebody; `problem` says why it leads nowhere."""

    user_id: UUID | None
    channel_type: str
    channel_id: UUID | None
    address: str
    zone: str = "UTC"
    digest: bool = False
    problem: str = ""

    @property
    def key(self) -> str:
        """What tells this way from others in an idempotency key."""
        who = str(self.user_id) if self.user_id else self.address
        if len(who) > LONGEST_ADDRESS:
            who = hashlib.blake2b(who.encode(), digest_size=16).hexdigest()
        return f"{who}:{self.channel_type}:{self.channel_id or 'default'}"


async def tell(
    session: AsyncSession,
    kind: str,
    incident_ids: Sequence[UUID],
    *,
    occasion: str = "",
    comment: str = "",
    who: str = "",
) -> int:
    """Have those told whom incidents concern; returns how many deliveries are new.

    `kind` is TRIGGER, UPDATE, REPEAT, ESCALATION (which goes to the second recipients) or NOTICE. Asking twice tells
    once: what may happen again to an incident (a repeat, a notice) needs another `occasion` each time, its moment for
    example. Snoozed incidents are held back, except for a notice. `who` and `comment` are facts for the text.
    """
    from sqlalchemy import text

    from datapulse_tui.alerts.evaluation import bulk
    from datapulse_tui.notify import service as notify

    if not incident_ids:
        return 0
    facts = (await session.execute(text(_FACTS), {"ids": bulk.plain(incident_ids)})).all()
    ways = await _ways(session, facts, SECOND if kind == ESCALATION else FIRST)
    if kind in (TRIGGER, ESCALATION):
        await _concern(session, facts, ways)
    transition = f"{kind}@{occasion}" if occasion else kind
    extra = {name: value for name, value in (("comment", comment), ("who", who)) if value}
    intents: list[Intent] = []
    silent: list[tuple[UUID, str]] = []
    for fact in facts:
        held = "" if kind == NOTICE else _held(fact)
        payload = _payload(fact) | extra
        mine = [_intent(fact, way, kind, transition, payload, held) for way in ways.get(_group(fact), (_NOBODY,))]
        intents += mine
        if all(intent.suppressed for intent in mine):
            silent.append((fact.id, mine[0].suppressed))
    if silent:
        values = {"incidents": bulk.plain(each[0] for each in silent), "reasons": bulk.texts(r for _, r in silent)}
        await session.execute(text(_HELD_BACK), values)
    return await notify.queue(session, intents)


async def over(session: AsyncSession, incident_ids: Sequence[UUID]) -> int:
    """Cancel what is not sent yet about resolved incidents, and tell those who were told before that it is over."""
    from sqlalchemy import text

    from datapulse_tui.alerts.evaluation import bulk
    from datapulse_tui.notify import service as notify

    await notify.cancel(session, incident_ids, RESOLVED_BEFORE)
    ids = {"ids": bulk.plain(incident_ids)}
    told: dict[UUID, list[Way]] = {}
    for row in (await session.execute(text(_TOLD), ids)).all():
        way = Way(row.user_id, row.channel_type, row.channel_id, row.address, row.zone or "UTC", row.digest)
        told.setdefault(row.incident_id, []).append(way)
    if not told:
        return 0
    facts = (await session.execute(text(_FACTS), {"ids": bulk.plain(told)})).all()
    intents = [
        _intent(fact, way, RESOLVE, RESOLVE, payload, "")
        for fact in facts
        for payload in (_payload(fact),)
        for way in told[fact.id]
    ]
    return await notify.queue(session, intents)


async def no_longer(session: AsyncSession, incident_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Why those of `incident_ids` that are taken care of need not be told about any more; asked before each sending."""
    from sqlalchemy import text

    from datapulse_tui.alerts.evaluation import bulk

    rows = (await session.execute(text(_NO_LONGER), {"ids": bulk.plain(incident_ids)})).all()
    return {row.id: _reason(row) for row in rows}


_NOBODY = Way(None, "email", None, "", problem=NOBODY)

_Group = tuple[UUID, bool]  # a rule, and whether it is about its metric


def _group(fact: Row[Any]) -> _Group:
    return fact.alert_id, fact.kind == "threshold"


async def _ways(session: AsyncSession, facts: Sequence[Row[Any]], level: str) -> Mapping[_Group, Sequence[Way]]:
    """How each rule's people are reached: those that it names or, for what is not about the metric, its owner."""
    from datapulse_tui.alerts.recipients import keepers, recipients

    found: dict[_Group, list[Way]] = {}
    for about_metric, find in ((True, recipients), (False, keepers)):
        rules = sorted({fact.alert_id for fact in facts if (fact.kind == "threshold") is about_metric})
        if not rules:
            continue
        for alert_id, people in (await find(session, rules)).items():
            ways = [
                Way(one.user_id, one.channel_type, one.channel_id, one.address, one.zone, one.digest, one.problem)
                for one in people
                if one.level == level
            ]
            if ways:
                found[alert_id, about_metric] = ways
    return found


async def _concern(session: AsyncSession, facts: Sequence[Row[Any]], ways: Mapping[_Group, Sequence[Way]]) -> None:
    from sqlalchemy import text

    from datapulse_tui.alerts.evaluation import bulk

    people = {group: sorted({way.user_id for way in some if way.user_id}) for group, some in ways.items()}
    rows = [(fact.alert_id, user, fact.id) for fact in facts for user in people.get(_group(fact), ())]
    if rows:
        alerts, users, incidents = zip(*rows, strict=True)
        values = {"alerts": bulk.plain(alerts), "users": bulk.plain(users), "incidents": bulk.plain(incidents)}
        await session.execute(text(_CONCERN), values)


def _held(fact: Row[Any]) -> str:
    """Why nobody is told of an incident at all, whoever they are."""
    return _until(fact.snoozed_until) if fact.status == "snoozed" else ""


def _reason(row: Row[Any]) -> str:
    if row.status == "acknowledged":
        return f"acknowledged by {row.name}" if row.name else "acknowledged"
    return _until(row.until) if row.status == "snoozed" else RESOLVED_BEFORE


def _until(until: datetime | None) -> str:
    return f"snoozed until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if until else "snoozed"


def _intent(fact: Row[Any], way: Way, kind: str, transition: str, payload: Mapping[str, object], held: str) -> Intent:
    channel = way.channel_id or way.channel_type
    return Intent(
        key=f"{fact.id}:{transition}:{way.key}",
        kind=kind,
        channel_type=way.channel_type,
        channel_id=way.channel_id,
        address=way.address,
        user_id=way.user_id,
        zone=way.zone,
        group_key=f"{'digest' if way.digest else fact.alert_id}:{channel}:{way.address}",
        incident_id=fact.id,
        alert_id=fact.alert_id,
        payload=payload,
        group_wait=fact.group_wait_seconds,
        group_interval=fact.group_interval_seconds,
        digest=way.digest,
        suppressed=held or way.problem,
    )


def _payload(fact: Row[Any]) -> dict[str, object]:
    return {
        "rule": fact.rule,
        "severity": fact.severity,
        "number": fact.number,
        "title": fact.title,
        "labels": fact.labels,
        "metric": fact.metric or "",
        "value": fact.start_value if fact.last_value is None else fact.last_value,
        "threshold": float(fact.threshold_value),
        "threshold_type": fact.threshold_type,
        "opened_at": fact.opened_at.isoformat(),
        "state": fact.status,
        "reason": fact.reason or "",
        "runbook_url": fact.runbook_url or "",
        "message": fact.message or "",
    }
