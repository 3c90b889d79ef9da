"""What can be done with incidents, and for each whether it can be done now: decided on what the person sees. Pure.

The services decide again, on what is; this is so that keys are greyed and previews told before anything is asked.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.rules import COMMENT, IncidentStatus
from datapulse_tui.tui.screens.acting import Verb
from datapulse_tui.tui.screens.alerts.words import clock

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import IncidentRow
    from datapulse_tui.tui.services import Person

ACKNOWLEDGE = Verb("acknowledge", "Acknowledge", "acknowledging", "acknowledged")
SNOOZE = Verb("snooze", "Snooze", "snoozing", "snoozed")
RESOLVE = Verb("resolve", "Resolve", "resolving", "resolved")
ASSIGN = Verb("assign", "Assign", "assigning", "assigned")
REMARK = Verb("comment", "Comment on", "commenting on", "commented", moves=False)

VERBS = {verb.id: verb for verb in (ACKNOWLEDGE, SNOOZE, RESOLVE, ASSIGN, REMARK)}


def obstacle(verb: Verb, row: IncidentRow, person: Person, now: datetime) -> str:
    """Why `verb` cannot be done with this incident, in one sentence; empty when it can."""
    if verb is REMARK:
        return "" if person.actor.can(COMMENT) else "You may not comment on incidents."
    if not row.may_triage:
        return "It is not yours to triage."
    zone = ZoneInfo(person.actor.zone)
    if row.status is IncidentStatus.RESOLVED:
        when = f" since {clock(row.resolved_at, now, zone)}" if row.resolved_at else ""
        return f"It is resolved{when}."
    if verb is ACKNOWLEDGE and row.status is IncidentStatus.ACKNOWLEDGED:
        who = row.acknowledged_by.name if row.acknowledged_by else "Somebody"
        me = row.acknowledged_by is not None and row.acknowledged_by.id == person.actor.user_id
        since = f" since {clock(row.acknowledged_at, now, zone)}" if row.acknowledged_at else ""
        return f"{'You have' if me else f'{who} has'} it{since}."
    if verb is ACKNOWLEDGE and row.status is IncidentStatus.SNOOZED:
        until = f" until {clock(row.snoozed_until, now, zone)}" if row.snoozed_until else ""
        return f"It is snoozed{until}."
    if verb is SNOOZE and row.status is IncidentStatus.SNOOZED:
        return "It is snoozed already; the tab Snoozes extends it."
    return ""
