"""What may be snoozed for how long, and what becomes of an incident when its snooze is over. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from datapulse_tui.alerts.rules import LONG_CRITICAL_SNOOZE, LONGEST_SNOOZE, IncidentStatus, Severity, SnoozeKind
from datapulse_tui.errors import Invalid, NotAllowed

NOTICE = timedelta(minutes=15)  # before the end, whoever snoozed is told
LONGEST_REASON = 1_000
LEEWAY = timedelta(minutes=1)  # between the clock that chose the end and the database's


def hard_end(
    kind: SnoozeKind, until: datetime | None, now: datetime, severity: Severity, *, approved: bool = False
) -> datetime:
    """When a snooze ends at the latest. Without `until` one that waits for something lasts as long as it may.

    Raises Invalid for an end that is past or too far, and NotAllowed where something critical would be silent for
    longer than four hours without an approval.
    """
    if until is None:
        if kind is SnoozeKind.UNTIL_TIME:
            raise Invalid("A snooze needs an end. Nothing was changed.", hint="Say until when.")
        return now + (LONGEST_SNOOZE if approved or severity is not Severity.CRITICAL else LONG_CRITICAL_SNOOZE)
    check_end(until, now)
    check_approval(severity, now, until, approved=approved)
    return until


def check_end(until: datetime, now: datetime) -> None:
    """Raise Invalid unless `until` is to come and at most 30 days away."""
    if until <= now:
        raise Invalid("The end of the snooze is in the past. Nothing was changed.", hint="Choose a later time.")
    if until > now + LONGEST_SNOOZE + LEEWAY:
        raise Invalid(
            f"A snooze lasts at most {LONGEST_SNOOZE.days} days. Nothing was changed.",
            hint="Choose an earlier end; it can be extended before it comes.",
        )


def check_approval(severity: Severity, begin: datetime, until: datetime, *, approved: bool) -> None:
    """Raise NotAllowed where something critical would be silent for too long without an approval."""
    if severity is Severity.CRITICAL and not approved and until - begin > LONG_CRITICAL_SNOOZE + LEEWAY:
        hours = LONG_CRITICAL_SNOOZE // timedelta(hours=1)
        raise NotAllowed(
            f"Something critical is snoozed for more than {hours} hours only with an approval. Nothing was changed.",
            hint=f"Snooze it for up to {hours} hours, or request an approval for the longer time.",
        )


def check_reason(reason: str) -> str:
    """The reason as it is kept. Raises Invalid for an empty or a very long one."""
    said = " ".join(reason.replace("\0", "").encode("utf-8", "replace").decode().split())
    if not said:
        raise Invalid("A snooze needs a reason. Nothing was changed.", hint="Say why nobody needs to be told.")
    if len(said) > LONGEST_REASON:
        raise Invalid(f"A reason has at most {LONGEST_REASON:,} characters. Nothing was changed.")
    return said


def notice_at(now: datetime, until: datetime) -> datetime | None:
    """When whoever snoozed is told that it is about to end; None for one that is too short for that."""
    at = until - NOTICE
    return at if at > now else None


def woken(*, acknowledged: bool, holds: bool, silenced: bool) -> IncidentStatus:
    """What an incident is when its snooze is over: snoozed on where something else silences it (`silenced`), resolved
    where its condition no longer `holds`, and else what it was."""
    if not holds:
        return IncidentStatus.RESOLVED
    if silenced:
        return IncidentStatus.SNOOZED
    return IncidentStatus.ACKNOWLEDGED if acknowledged else IncidentStatus.TRIGGERED
