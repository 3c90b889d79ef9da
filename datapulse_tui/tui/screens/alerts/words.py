"""Incidents in words: the cells of a row, and the paragraphs of the detail. Pure; `now` and the zone are arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.durations import format_duration
from datapulse_tui.alerts.rules import IncidentStatus, Severity, ThresholdType, label_text
from datapulse_tui.charts.numbers import MISSING, format_number
from datapulse_tui.tui.times import ago, full_time
from datapulse_tui.tui.widgets.pane import Item, Kind
from datapulse_tui.tui.widgets.rows import Tone

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import EventRow, IncidentRow, IncidentView, SimilarRow, SnoozeRow
    from datapulse_tui.notify.reads import DeliveryRow

LEVELS = "▁▂▃▄▅▆▇█"
NOBODY = "nobody"
OURSELVES = "DataPulse"  # who did what no person did: it goes without saying
TELLING = ("told", "repeated")


class Badge(NamedTuple):
    """A severity or a state as people see it: a mark with a word, the same shorter, and its colour."""

    words: str
    short: str
    tone: Tone

    @property
    def sign(self) -> str:
        """The mark alone."""
        return self.words[0]


SEVERITIES: Mapping[Severity, Badge] = MappingProxyType(
    {
        Severity.CRITICAL: Badge("✖ critical", "✖ crit", "critical"),
        Severity.WARNING: Badge("▲ warning", "▲ warn", "warning"),
        Severity.INFO: Badge("● info", "● info", "accent"),
    }
)
STATES: Mapping[IncidentStatus, Badge] = MappingProxyType(
    {
        IncidentStatus.TRIGGERED: Badge("triggered", "triggered", ""),
        IncidentStatus.ACKNOWLEDGED: Badge("acknowledged", "acked", "good"),
        IncidentStatus.SNOOZED: Badge("snoozed", "snoozed", "dim"),
        IncidentStatus.RESOLVED: Badge("resolved", "resolved", "dim"),
    }
)
EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "held_back": "held back",
        "unacknowledged": "acknowledgement taken back",
        "snooze_extended": "snooze extended",
        "snooze_ended": "snooze ended",
        "repeated": "told again",
        "reopened": "opened again",
    }
)
DELIVERIES: Mapping[str, str] = MappingProxyType(
    {
        "pending": "waits",
        "sending": "is being sent",
        "sent": "sent",
        "failed": "failed",
        "cancelled": "not sent",
        "suppressed": "not sent",
    }
)


def severity_of(row: IncidentRow | SnoozeRow) -> Badge:
    """The severity of an incident or of what a snooze silences."""
    return SEVERITIES[row.severity]


def name_of(row: IncidentRow) -> str:
    """Rule and labels, by which people know an incident."""
    return f"{row.rule} · {label_text(row.labels)}" if row.labels else row.rule


def short_name_of(row: IncidentRow) -> str:
    """The same where there is little room: without the labels' names."""
    return f"{row.rule} · {' '.join(row.labels.values())}" if row.labels else row.rule


def state_of(row: IncidentRow, now: datetime, zone: ZoneInfo, *, short: bool) -> str:
    """`triggered`, `acked`, `til 16:00`, `til Mon`."""
    badge = STATES[row.status]
    if row.status is not IncidentStatus.SNOOZED or row.snoozed_until is None:
        return badge.short if short else badge.words
    until = row.snoozed_until.astimezone(zone)
    today = until.date() == now.astimezone(zone).date()
    return f"{'til' if short else 'until'} {until:{'%H:%M' if today else '%a'}}"


def value(number: float | None) -> str:
    """A value of a metric."""
    return MISSING if number is None else format_number(number)


def from_to(row: IncidentRow) -> str:
    """The value at the start and now in few cells: `91→97.2`."""
    return f"{value(row.start_value)}→{value(row.value_now)}"


def sparkline(values: Sequence[float], cells: int) -> str:
    """The newest `cells` values as a row of blocks; all the same is a low line."""
    shown = values[-cells:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(LEVELS[round((each - low) / span * (len(LEVELS) - 1))] for each in shown)


def moment(when: datetime, zone: ZoneInfo) -> str:
    """`Mon 02 Mar 16:00`, in the reader's zone."""
    return f"{when.astimezone(zone):%a %d %b %H:%M}"


def clock(when: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`14:05` on the day of `now`, else `03-01 14:05`: at most eleven cells."""
    local = when.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%m-%d %H:%M}"


def condition(view: IncidentView) -> str:
    """The rule in words: `p95_ms of Latency above 500, clears at 450`."""
    what = f"{view.metric} of {view.query}"
    if view.threshold_type is ThresholdType.CHANGE_PERCENT:
        way = "rises" if view.threshold >= 0 else "falls"
        within = format_duration(view.window_seconds)
        words = f"{what} {way} by {value(abs(view.threshold))}% or more within {within}"
    else:
        words = f"{what} {view.threshold_type} {value(view.threshold)}"
    return words if view.recovery is None else f"{words}, clears at {value(view.recovery)}"


def head(view: IncidentView, now: datetime, zone: ZoneInfo) -> list[Item]:
    """What stands above the chart: what it is, how bad, since when, who has it."""
    row = view.row
    badge, state = SEVERITIES[row.severity], STATES[row.status]
    items = [Item("title", f"#{row.number} {row.title}")]
    mood: Kind = "critical" if row.severity is Severity.CRITICAL and row.status is IncidentStatus.TRIGGERED else "text"
    firing = "" if row.status is IncidentStatus.RESOLVED or row.firing else ", its condition no longer holds"
    items.append(Item(mood, f"{badge.words} · {state.words}{firing}"))
    items.append(Item("gap"))
    items.append(Item("fact", _holder(row, now, zone), "has it"))
    items.append(Item("fact", f"{full_time(row.opened_at, zone)} ({ago(row.opened_at, now)})", "opened"))
    if row.labels:
        items.append(Item("fact", label_text(row.labels), "labels"))
    values = f"{value(row.start_value)} at the start, now {value(row.value_now)}"
    worst = "" if view.worst_value is None else f", worst {value(view.worst_value)}"
    items.append(Item("fact", values + worst, "value"))
    items.append(Item("fact", condition(view), "rule"))
    if view.runbook_url:
        items.append(Item("fact", view.runbook_url, "runbook"))
    if view.snooze is not None:
        items.append(Item("fact", snooze_words(view.snooze, zone), "snoozed"))
    if row.resolved_at is not None:
        how = f" by {view.resolved_by.name}" if view.resolved_by else f" ({view.reason or 'by itself'})"
        items.append(Item("fact", full_time(row.resolved_at, zone) + how, "resolved"))
    return items


def _holder(row: IncidentRow, now: datetime, zone: ZoneInfo) -> str:
    assigned, acknowledged = row.assigned_to, row.acknowledged_by
    if acknowledged is None:
        return f"{assigned.name}, not acknowledged yet" if assigned else NOBODY
    if assigned is not None and assigned != acknowledged:
        return f"{assigned.name} (acknowledged by {acknowledged.name})"
    since = f", since {clock(row.acknowledged_at, now, zone)}" if row.acknowledged_at else ""
    return acknowledged.name + since


def snooze_words(snooze: SnoozeRow, zone: ZoneInfo) -> str:
    """Until when, by whom and why."""
    by = snooze.created_by.name if snooze.created_by else "DataPulse"
    what = "the whole rule " if snooze.incident_id is None else ""
    kind = {"until_recovery": "until it recovers, at the latest ", "until_workflow": "until decided, at the latest "}
    until = f"{kind.get(snooze.kind, 'until ')}{moment(snooze.until, zone)}"
    return f"{what}{until}, by {by}: {snooze.reason}"


def timeline(events: Sequence[EventRow], now: datetime, zone: ZoneInfo) -> list[Item]:
    """What happened, the newest first."""
    items = [Item("gap"), Item("title", "Timeline")]
    for event in reversed(events):
        words = EVENTS.get(event.kind, event.kind)
        if event.actor and event.actor != OURSELVES and not event.actor.startswith("system:"):
            words += f" by {event.actor}"
        words += _details(event, zone)
        if event.comment:
            words += f": {event.comment}"
        items.append(Item("fact", words, clock(event.at, now, zone)))
    return items


def _details(event: EventRow, zone: ZoneInfo) -> str:
    """What an event tells beside its words; the rest of it is for the audit trail."""
    to, until, at = (event.details.get(name) for name in ("to", "until", "value"))
    words = f" to {to or NOBODY}" if event.kind == "assigned" else ""
    if event.kind in TELLING:
        channel = event.details.get("channel")
        words += f" {to}" if to else ""
        words += f" through {channel}" if channel else ""
    if isinstance(until, str):
        words += f" until {moment(datetime.fromisoformat(until), zone)}"
    if isinstance(at, int | float):
        words += f" at {value(float(at))}"
    if event.details.get("whole_rule"):
        words += ", with the whole rule"
    return words


def deliveries(rows: Sequence[DeliveryRow], now: datetime, zone: ZoneInfo) -> list[Item]:
    """Who was told, through what, and what became of it."""
    items = [Item("gap"), Item("title", "Deliveries")]
    if not rows:
        return [*items, Item("dim", "None yet.")]
    for row in rows:
        outcome = DELIVERIES.get(row.status, row.status)
        why = row.reason or (row.answer if row.status == "failed" else "")
        channel = row.channel or row.channel_type
        through = f" through {channel}" if channel != row.recipient else ""
        words = f"{outcome}: {row.kind} to {row.recipient or 'nobody'}{through}"
        tries = f", {row.attempts} attempts" if row.attempts > 1 else ""
        mood: Kind = "critical" if row.status == "failed" else "fact"
        text = f"{words}{tries}{f' ({why})' if why else ''}"
        at = clock(row.sent_at or row.created_at, now, zone)
        items.append(Item("fact", text, at) if mood == "fact" else Item("critical", f"▲ {at}  {text}"))
    return items


def similar(rows: Sequence[SimilarRow], now: datetime, zone: ZoneInfo) -> list[Item]:
    """The same before, and how it ended."""
    items = [Item("gap"), Item("title", "The same before")]
    if not rows:
        return [*items, Item("dim", "Never, as far as it is kept.")]
    for row in rows:
        end = f" to {clock(row.resolved_at, now, zone)}" if row.resolved_at else ""
        by = f", resolved by {row.resolved_by.name}" if row.resolved_by else f", {row.reason}" if row.reason else ""
        said = f": {row.last_comment}" if row.last_comment else ""
        items.append(Item("fact", f"#{row.number}{end}{by}{said}", clock(row.opened_at, now, zone)))
    return items


def rule_facts(view: IncidentView) -> list[Item]:
    """The rule that opened it."""
    items = [
        Item("gap"),
        Item("title", "Rule"),
        Item("fact", view.row.rule, "name"),
        Item("fact", condition(view), "condition"),
        Item("fact", f"{view.rule_owner.name} ({view.rule_owner.email})", "owner"),
        Item("fact", view.source, "source"),
    ]
    if view.department:
        items.append(Item("fact", view.department, "department"))
    if view.rule_labels:
        items.append(Item("fact", label_text(view.rule_labels), "labels"))
    return items
