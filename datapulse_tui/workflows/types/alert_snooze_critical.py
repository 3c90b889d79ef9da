"""Silence about something critical for longer than four hours: an incident, or everything of a rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field

from datapulse_tui.alerts import snoozing
from datapulse_tui.alerts.durations import EXPECTED, parse_duration
from datapulse_tui.alerts.rules import (
    LONG_CRITICAL_SNOOZE,
    TRIAGE,
    TRIAGE_ALL,
    IncidentStatus,
    Severity,
    SnoozeKind,
)
from datapulse_tui.errors import Invalid, NotAllowed
from datapulse_tui.workflows.rules import Priority
from datapulse_tui.workflows.types import finding
from datapulse_tui.workflows.types.base import Approved, Audience, Details, Form, Line, Long, Prepared, Ref, RequestType

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.alerts.views import IncidentRow, RuleRow
    from datapulse_tui.audit.actor import Actor

TRIAGERS = Audience((f"permission:{TRIAGE_ALL}",), "who triages every incident")
LONGEST_REASON = 800  # leaves room for whose request it was

# An incident, or a rule, with the snooze that silences it now.
_INCIDENT = """
SELECT i.id, i.version, i.number, i.title, i.status = 'resolved' AS over, z.id AS snooze, z.version AS snooze_version,
       z.until, z.incident_id IS NULL AS whole_rule
FROM alert_incidents i LEFT JOIN alert_snoozes z ON z.id = i.snooze_id AND i.status = 'snoozed' WHERE i.id = :id
"""
_RULE = """
SELECT a.id, a.name AS title, a.archived_at IS NOT NULL AS over, z.id AS snooze, z.version AS snooze_version, z.until,
       true AS whole_rule
FROM alerts a
LEFT JOIN alert_snoozes z ON z.alert_id = a.id AND z.incident_id IS NULL AND z.ended_at IS NULL AND z.until > now()
WHERE a.id = :id
"""


class AlertSnooze(Form):
    """What is to be silent, until when, and why."""

    incident: Line = Field(
        "", title="Incident", description="Its number, such as 12.", json_schema_extra={"choices": "critical_incidents"}
    )
    rule: Line = Field(
        "",
        title="Rule",
        description="Instead of one incident: everything of the rule of this name.",
        json_schema_extra={"choices": "critical_rules"},
    )
    until: Line = Field(
        min_length=1,
        title="Until",
        description="A time in your time zone such as 2026-03-01 08:00, or a length from now such as 12h or 2d.",
    )
    reason: Long = Field(
        min_length=1,
        max_length=LONGEST_REASON,
        title=finding.REASON_TITLE,
        description="Why nobody needs to be told.",
        json_schema_extra={"long": True},
    )


class AlertSnoozeRequest(RequestType[AlertSnooze]):
    """A snooze."""

    name = "alert_snooze_critical"
    title = "Snooze something critical"
    explanation = "Ask to silence a critical incident, or a critical rule, for more than four hours."
    form = AlertSnooze
    priority = Priority.HIGH

    async def prepare(self, session: AsyncSession, actor: Actor, form: AlertSnooze) -> Prepared:
        """See RequestType. Whoever asks must be somebody who may snooze it for a shorter time."""
        if bool(form.incident) == bool(form.rule):
            raise Invalid("Name an incident or a rule. Nothing was changed.", hint="One of the two.")
        now = await _now(session)
        until = _until(form.until, now, actor.zone)
        snoozing.check_end(until, now)
        if form.incident:
            incident = await _incident(session, actor, form.incident)
            kind, key, title, severity = (
                "incident",
                incident.id,
                f"#{incident.number} {incident.title}",
                incident.severity,
            )
        else:
            rule = await _rule(session, actor, form.rule)
            kind, key, title, severity = "rule", rule.id, rule.name, rule.severity
        if severity is not Severity.CRITICAL or until - now <= LONG_CRITICAL_SNOOZE:
            raise Invalid("This snooze needs no approval. Nothing was changed.", hint="Snooze it yourself.")
        return self.prepared(
            form, f"snooze {title} until {_moment(until, actor.zone)}", TRIAGERS,
            target={"kind": kind, **Ref(key, title).json()}, until=until, zone=actor.zone, reason=form.reason,
        )  # fmt: skip

    def values(self, details: Details) -> tuple[tuple[str, str], ...]:
        """See RequestType."""
        what = "Incident" if details["target"]["kind"] == "incident" else "Everything of the rule"
        return ((what, details["target"]["name"]), ("Until", _end(details)), ("Reason", details["reason"]))

    def effect_text(self, details: Details) -> str:
        """See RequestType."""
        everything = "" if details["target"]["kind"] == "incident" else "everything of "
        return f"nobody is told about {everything}{details['target']['name']} until {_end(details)}"

    async def still_makes_sense(self, session: AsyncSession, details: Details) -> str:
        """See RequestType."""
        target = Ref.of(details, "target")
        row = await _standing(session, details)
        if row is None or row.over:
            return f"{target.name} is {'resolved' if details['target']['kind'] == 'incident' else 'gone'}."
        if datetime.fromisoformat(details["until"]) <= await _now(session):
            return f"It was to be silent until {_end(details)}, which is over."
        return ""

    async def carry_out(self, session: AsyncSession, authority: Actor, request: Approved) -> str:
        """See RequestType. A shorter snooze is extended; a longer one stays as it is."""
        from datapulse_tui.alerts.service import snoozes

        details = request.details
        until = datetime.fromisoformat(details["until"])
        row = await _standing(session, details)
        if row is None:
            raise Invalid(f"{details['target']['name']} is gone.")
        of_incident = details["target"]["kind"] == "incident"
        done = f"{details['target']['name']} is snoozed until {_end(details)}"
        if row.snooze is not None and row.until >= until:
            return f"{details['target']['name']} was snoozed for longer already"
        if row.snooze is not None:
            if of_incident and row.whole_rule:
                raise Invalid("Everything of its rule is snoozed for a shorter time: that snooze has to end first.")
            await snoozes.extend(session, authority, row.snooze, row.snooze_version, until, approval=request.id)
            return done
        reason = f"{details['reason']} (request #{request.number} of {request.requester})"
        if of_incident:
            await snoozes.snooze(
                session, authority, [(row.id, row.version)], kind=SnoozeKind.UNTIL_TIME, until=until, reason=reason,
                approval=request.id,
            )  # fmt: skip
        else:
            await snoozes.snooze_rule(
                session, authority, row.id, kind=SnoozeKind.UNTIL_TIME, until=until, reason=reason, approval=request.id
            )
        return done


async def _incident(session: AsyncSession, actor: Actor, wanted: str) -> IncidentRow:
    """The open incident that `actor` may triage. Raises NotFound, NotAllowed, Invalid."""
    from datapulse_tui.alerts.reads.incidents import get_incident

    word = wanted.removeprefix("#")
    number = int(word) if word.isascii() and word.isdigit() and len(word) < 19 else None
    key = number if number is not None else finding.as_id(word)
    if key is None:
        raise Invalid(f"{wanted[:80]!r} is not the number of an incident. Nothing was changed.", hint="Write 12.")
    row = (await get_incident(session, actor, key)).row
    if not row.may_triage:
        raise NotAllowed("You may not snooze this incident. Nothing was changed.", hint="Ask an ops manager.")
    if row.status is IncidentStatus.RESOLVED:
        raise Invalid(f"#{row.number} is resolved already. Nothing was changed.")
    return row


async def _rule(session: AsyncSession, actor: Actor, wanted: str) -> RuleRow:
    """The rule that `actor` may snooze as a whole. Raises Invalid, NotAllowed."""
    from datapulse_tui.alerts.reads.rules import list_rules

    page = await list_rules(session, actor, text=wanted)
    found = [row for row in page.items if row.name == wanted]
    if len(found) != 1:
        many = "Several rules are" if found else "There is no rule"
        raise Invalid(f"{many} called {wanted[:80]!r} that you may see. Nothing was changed.", hint="Name an incident.")
    if not (actor.can(TRIAGE_ALL) or (found[0].owner.id == actor.user_id and actor.can(TRIAGE))):
        raise NotAllowed("You may not snooze everything of this rule. Nothing was changed.", hint="Ask an ops manager.")
    return found[0]


async def _standing(session: AsyncSession, details: Details) -> Any:
    """The target as it stands now, with what silences it; None when it is gone."""
    from sqlalchemy import text

    statement = _INCIDENT if details["target"]["kind"] == "incident" else _RULE
    return (await session.execute(text(statement), {"id": UUID(details["target"]["id"])})).first()


def _until(word: str, now: datetime, zone: str) -> datetime:
    """The end that is meant. Raises Invalid."""
    try:
        return now + timedelta(seconds=parse_duration(word))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(word)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            f"{word[:80]!r} is no end. Nothing was changed.", hint=f"Write a time (2026-03-01 08:00), or {EXPECTED}."
        ) from None


def _moment(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"


def _end(details: Details) -> str:
    return _moment(datetime.fromisoformat(details["until"]), details["zone"])


async def _now(session: AsyncSession) -> datetime:
    from sqlalchemy import text

    found: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    return found


TYPE = AlertSnoozeRequest()
