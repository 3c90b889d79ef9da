"""Channels, deliveries and workers in words. Pure; `now` and the zone are arguments."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datapulse_tui.tui.screens.alerts.words import clock
from datapulse_tui.tui.times import ago, full_time
from datapulse_tui.tui.widgets.pane import Item
from datapulse_tui.tui.widgets.rows import Row, RowColumn, Tone

if TYPE_CHECKING:
    from datapulse_tui.notify.reads import ChannelRow, ChannelView, Counts, DeliveryRow, DeliveryView
    from datapulse_tui.tui.desk_today import Outbox

CHANNEL_COLUMNS = (
    RowColumn("State", 12),
    RowColumn("Name"),
    RowColumn("Type", 8),
    RowColumn("", 7, dim=True),
    RowColumn("Leads to", dim=True),
    RowColumn("Checked", 8, "right", needs=74, dim=True),
)
DELIVERY_COLUMNS = (
    RowColumn("State", 12),
    RowColumn("To", 18),
    RowColumn("What, or why not"),
    RowColumn("At", 11, "right", dim=True),
)
STATES: dict[str, tuple[str, Tone]] = {
    "pending": ("… waits", ""),
    "sending": ("… sending", ""),
    "sent": ("✓ sent", "good"),
    "failed": ("▲ failed", "critical"),
    "cancelled": ("○ cancelled", "dim"),
    "suppressed": ("○ held back", "dim"),
}
HIDDEN = "••••"


def channel_state(row: ChannelRow) -> tuple[str, Tone]:
    """How a channel stands."""
    if not row.is_active:
        return "○ off", "dim"
    if row.problem:
        return "▲ failed", "critical"
    return ("✓ answered", "good") if row.checked_at else ("○ untested", "")


def channel_row(row: ChannelRow, now: datetime) -> Row:
    """A channel in the list."""
    state, tone = channel_state(row)
    default = "default" if row.is_default else ""
    checked = ago(row.checked_at, now) if row.checked_at else "never"
    return Row(str(row.id), (state, row.name, row.type, default, row.address, checked), (tone, "", "", "", "", ""))


def delivery_row(row: DeliveryRow, now: datetime, zone: ZoneInfo) -> Row:
    """A delivery in the list."""
    state, tone = STATES.get(row.status, (row.status, ""))
    number = f" #{row.number}" if row.number is not None else ""
    what = f"{row.kind}{number}: {why(row)}" if row.status != "sent" and why(row) else _about(row)
    cells = (state, _recipient(row), what, clock(row.sent_at or row.created_at, now, zone))
    return Row(str(row.id), cells, (tone, "", "", ""))


def _recipient(row: DeliveryRow) -> str:
    return f"{row.channel_type}: {row.recipient or 'nobody'}"


def _about(row: DeliveryRow) -> str:
    return f"{row.kind} #{row.number} {row.title}" if row.number is not None else row.kind


def why(row: DeliveryRow) -> str:
    """Why a delivery stands as it does, or what the channel said."""
    return row.reason or row.answer


def channel_items(row: ChannelRow, view: ChannelView | None, now: datetime, zone: ZoneInfo) -> list[Item]:
    """One channel; its settings once they are read."""
    state, _ = channel_state(row)
    items = [Item("title", row.name), Item("text", f"{state} · {row.type}{' · default' if row.is_default else ''}")]
    if row.problem:
        items.append(Item("critical", row.problem))
    items += [Item("gap"), Item("fact", row.address, "leads to")]
    checked = f"{full_time(row.checked_at, zone)} ({ago(row.checked_at, now)})" if row.checked_at else "never"
    items.append(Item("fact", checked, "checked"))
    if row.is_default:
        items.append(Item("fact", f"rules that name no channel tell people by {row.type} through this one", "default"))
    if view is not None:
        items += [Item("fact", str(value), name) for name, value in sorted(view.config.items())]
    return items


def delivery_items(row: DeliveryRow, view: DeliveryView | None, now: datetime, zone: ZoneInfo) -> list[Item]:
    """One delivery; its attempts once they are read."""
    state, _ = STATES.get(row.status, (row.status, ""))
    items = [Item("title", _about(row)), Item("text", f"{state} · {_recipient(row)}")]
    if why(row):
        items.append(Item("critical" if row.status == "failed" else "text", why(row)))
    items.append(Item("gap"))
    facts = [
        ("to", " ".join(part for part in (row.person, row.address) if part) or "nobody"),
        ("through", row.channel or f"the default channel of {row.channel_type}"),
        ("made", full_time(row.created_at, zone)),
        ("due", full_time(row.due_at, zone) if row.status == "pending" else ""),
        ("sent", full_time(row.sent_at, zone) if row.sent_at else ""),
        ("answer", row.answer),
        ("attempts", f"{row.attempts:,}"),
    ]
    items += [Item("fact", text, label) for label, text in facts if text]
    if view is not None:
        if view.together > 1:
            items.append(Item("fact", f"one message with {view.together:,} notifications", "together"))
        for attempt in view.attempts:
            mark = "✓" if attempt.succeeded else "▲"
            at = clock(attempt.at, now, zone)
            items.append(Item("fact", f"{mark} {attempt.answer} ({attempt.took_ms:,} ms)", at))
    return items


def workers_line(outbox: Outbox, now: datetime) -> tuple[str, bool]:
    """How the work behind it all keeps up, in one line; and whether something is wrong with it."""
    workers, evaluation, counts = outbox.workers, outbox.evaluation, outbox.counts
    if not workers.alive:
        last = f", the last one beat {ago(workers.last_beat, now)} ago" if workers.last_beat else ""
        return f"No worker runs{last}: nothing is evaluated and nothing is sent. `datapulse worker` starts one.", True
    number = "1 worker" if workers.workers == 1 else f"{workers.workers:,} workers"
    parts = [
        number,
        f"queue {workers.queued:,}",
        f"lag {max(workers.lag_seconds, evaluation.lag_seconds):.0f} s",
        f"{evaluation.per_second:g} evaluations/s",
        f"{evaluation.overdue:,} of {evaluation.rules:,} rules late",
        _waiting(counts),
    ]
    return " · ".join(parts), bool(evaluation.overdue or counts.late)


def _waiting(counts: Counts) -> str:
    from datapulse_tui.notify.reads import COUNT_BOUND

    more = "+" if counts.waiting >= COUNT_BOUND else ""
    return f"{counts.waiting:,}{more} to send" + (f", {counts.late:,} late" if counts.late else "")


def worker_items(outbox: Outbox, now: datetime, zone: ZoneInfo) -> list[Item]:
    """The same as facts, where there is room."""
    workers, evaluation = outbox.workers, outbox.evaluation
    beat = f"{full_time(workers.last_beat, zone)} ({ago(workers.last_beat, now)})" if workers.last_beat else "never"
    facts = [
        ("workers", f"{workers.workers:,} alive" if workers.alive else "none: nothing is evaluated or sent"),
        ("last beat", beat),
        ("queue", f"{workers.queued:,} jobs, the oldest for {workers.lag_seconds:.0f} s"),
        ("evaluated", f"{evaluation.per_second:g} a second, {evaluation.rules:,} rules"),
        ("late", f"{evaluation.overdue:,} rules, at most by {evaluation.lag_seconds:.0f} s"),
        ("failing", f"{evaluation.failing:,} rules stand as error"),
        ("skipped", f"{evaluation.skipped:,} evaluations ever"),
        ("outbox", _waiting(outbox.counts)),
    ]
    return [Item("gap"), Item("title", "Workers"), *(Item("fact", text, label) for label, text in facts)]
