"""A rule in words: its state with a symbol, its facts, its durations. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from textual.types import CSSPathType

from datapulse_tui.alerts.durations import format_duration
from datapulse_tui.alerts.rules import AlertStatus, Health, SeriesState, Severity, label_text
from datapulse_tui.charts.numbers import format_number
from datapulse_tui.resources import styles_path
from datapulse_tui.tui.screens.alerts.words import SEVERITIES, Badge
from datapulse_tui.tui.times import ago, full_time
from datapulse_tui.tui.widgets.pane import Item

if TYPE_CHECKING:
    from datapulse_tui.alerts.reads.rules import RuleDetail
    from datapulse_tui.alerts.spec import ChannelSpec
    from datapulse_tui.alerts.views import RuleRow
    from datapulse_tui.tui.widgets.rows import Tone

SERIES_WORDS: dict[SeriesState, tuple[str, Tone]] = {
    SeriesState.NORMAL: ("● normal", "good"),
    SeriesState.PENDING: ("◔ pending", "warning"),
    SeriesState.FIRING: ("▲ firing", "critical"),
    SeriesState.RECOVERING: ("◑ recovering", "warning"),
}
CHANNEL_WORDS = {"email": "e-mail", "sms": "SMS", "slack": "Slack", "webhook": "webhook"}
NO_DATA_WORDS = {
    "no_data": "stands as no data, the owner is told",
    "alerting": "fires",
    "keep_last": "keeps its state",
    "normal": "counts as normal",
}
ERROR_WORDS = NO_DATA_WORDS | {"error": "stands as error, the owner is told"}
SERIES_IN_PANE = 6
STYLES: CSSPathType = [styles_path() / f"{name}.tcss" for name in ("desk", "lists", "sheets", "rules")]
_STATES: dict[AlertStatus, tuple[str, Tone]] = {
    AlertStatus.INACTIVE: ("‖ paused", "dim"),
    AlertStatus.ACTIVE: ("● active", "good"),
    AlertStatus.TRIGGERED: ("▲ triggered", "critical"),
    AlertStatus.SNOOZED: ("◌ snoozed", "dim"),
    AlertStatus.RESOLVED: ("✓ resolved", "good"),
}


def state_of(row: RuleRow) -> tuple[str, Tone]:
    """What people see of a rule, and its mood. A rule that cannot be evaluated says so before anything else."""
    if not row.is_active:
        return _STATES[AlertStatus.INACTIVE]
    if row.health is Health.ERROR:
        return "✕ error", "critical"
    if row.health is Health.NO_DATA:
        return "? no data", "warning"
    return _STATES[row.status]


def severity_of(severity: Severity) -> Badge:
    """A severity with its mark, and its mood."""
    return SEVERITIES[severity]


def every(seconds: int) -> str:
    """`every 1m`."""
    return f"every {format_duration(seconds)}"


def number(value: float | None) -> str:
    """A value as people read it; a dash for none."""
    return "–" if value is None else format_number(value)


def recipient_words(term: str) -> str:
    """A recipient as rules write it, in words: `the owner`, `role ops_manager`, an address."""
    kind, colon, rest = term.partition(":")
    if term == "owner":
        return "the owner"
    if colon and kind in ("role", "department"):
        return f"{kind} {rest.replace('_', ' ') if kind == 'role' else rest}"
    return rest if colon and kind in ("address", "person") else term


def channel_words(channel: ChannelSpec) -> str:
    """One channel with its recipients: `e-mail to the owner, role ops_manager`."""
    kind = CHANNEL_WORDS[channel.type]
    through = f"{kind} {channel.channel}" if channel.channel else kind
    return f"{through} to {', '.join(map(recipient_words, channel.to))}" if channel.to else through


def told_words(channels: Iterable[ChannelSpec]) -> list[str]:
    """Who is told, a line for each channel."""
    return [channel_words(each) for each in channels] or ["nobody"]


def rule_items(row: RuleRow, detail: RuleDetail | None, now: datetime, zone: ZoneInfo) -> list[Item]:
    """A rule for the pane beside the list; its series and recipients once they were read."""
    items = [Item("title", row.name)]
    if detail is not None and detail.spec.description:
        items.append(Item("dim", detail.spec.description))
    items.append(Item("gap"))
    if row.health_reason and row.is_active:
        items += [Item("critical", row.health_reason), Item("gap")]
    items += standing_items(row, now, zone)
    if detail is None:
        return items
    items += [Item("gap"), *telling_items(detail)]
    if detail.series:
        items.append(Item("gap"))
    for at, series in enumerate(detail.series[:SERIES_IN_PANE]):
        words = f"{SERIES_WORDS[series.state][0]}  {number(series.value)}  {label_text(series.labels)}".rstrip()
        items.append(Item("fact", words, "series" if at == 0 else ""))
    if detail.series_count.number > SERIES_IN_PANE:
        items.append(Item("fact", f"… of {detail.series_count}; enter shows them", ""))
    return items


def standing_items(row: RuleRow, now: datetime, zone: ZoneInfo) -> list[Item]:
    """What a rule watches and how it stands."""
    looked = f"{full_time(row.last_at, zone)} ({ago(row.last_at, now)})" if row.last_at else "not yet"
    items = [
        Item("fact", f"{row.metric} {row.condition}", "fires when"),
        Item("fact", f"{row.query} on {row.source}" if row.source else row.query, "query"),
        Item("fact", f"{state_of(row)[0]}, {severity_of(row.severity).words}", "stands"),
        Item("fact", f"{every(row.interval_seconds)}, last {looked}", "looked"),
    ]
    if row.skipped_slots:
        items.append(Item("fact", f"{row.skipped_slots:,} slots while no worker ran", "skipped"))
    opened = f"{row.open_incidents:,} open" if row.open_incidents else "none open"
    return [*items, Item("fact", opened, "incidents"), Item("fact", row.owner.name, "owner")]


def telling_items(detail: RuleDetail) -> list[Item]:
    """Whom a rule tells, and what it does without data."""
    spec = detail.spec
    tells = told_words(spec.channels)
    items = [Item("fact", words, "tells" if at == 0 else "") for at, words in enumerate(tells)]
    if spec.frequency == "digest":
        items.append(Item("fact", "gathered, once an hour", ""))
    if spec.escalate_after is not None and spec.escalation_channels:
        later = ", ".join(told_words(spec.escalation_channels))
        items.append(Item("fact", f"{later}, after {format_duration(spec.escalate_after)}", "then"))
    items += [
        Item("fact", NO_DATA_WORDS[spec.no_data_policy.value], "no rows"),
        Item("fact", ERROR_WORDS[spec.error_policy.value], "failed"),
    ]
    if spec.runbook_url:
        items.append(Item("fact", spec.runbook_url, "runbook"))
    if spec.labels:
        items.append(Item("fact", label_text(spec.labels), "labels"))
    return items
