"""Requests in words: the cells of a row, and the paragraphs of the detail. Pure; `now` and the zone are arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.tui.screens.alerts.words import Badge, clock, moment
from datapulse_tui.tui.times import ago, full_time, time_left
from datapulse_tui.tui.widgets.incident_list import short_age
from datapulse_tui.tui.widgets.pane import Item, Kind
from datapulse_tui.tui.widgets.timed_rows import Told
from datapulse_tui.workflows.rules import EffectState, Priority, Result, Status, Vote, WaitingOn

if TYPE_CHECKING:
    from datapulse_tui.workflows.views import EventRow, RequestRow, RequestView

PRIORITIES: Mapping[Priority, Badge] = MappingProxyType(
    {
        Priority.CRITICAL: Badge("✖ critical", "✖ crit", "critical"),
        Priority.HIGH: Badge("▲ high", "▲ high", "warning"),
        Priority.NORMAL: Badge("● normal", "● norm", ""),
        Priority.LOW: Badge("○ low", "○ low", "dim"),
    }
)
VOTED: Mapping[Vote, Badge] = MappingProxyType(
    {Vote.APPROVE: Badge("✓ approved", "✓", "good"), Vote.REJECT: Badge("✖ rejected", "✖", "critical")}
)
EFFECTS: Mapping[EffectState, Badge] = MappingProxyType(
    {
        EffectState.NONE: Badge("approved, to be done by hand", "✓ to be done", "warning"),
        EffectState.WAITING: Badge("approved, is being done", "✓ approved", "good"),
        EffectState.DONE: Badge("approved", "✓ approved", "good"),
        EffectState.FAILED: Badge("▲ approved, not done", "▲ not done", "critical"),
    }
)
ENDS: Mapping[Result, Badge] = MappingProxyType(
    {
        Result.APPROVED: Badge("✓ done", "✓ done", "good"),
        Result.REJECTED: Badge("✖ rejected", "✖ rejected", "dim"),
        Result.WITHDRAWN: Badge("withdrawn", "withdrawn", "dim"),
        Result.EXPIRED: Badge("expired", "expired", "dim"),
    }
)
EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "vote_retracted": "decision taken back",
        "information_asked": "asked for information",
        "information_given": "answered",
        "delegated": "given away",
        "effect_done": "carried out",
        "effect_failed": "not carried out",
        "reminded": "reminded",
    }
)
STANDS = "stands"
BY_HAND = "Nothing by itself: it is done by hand."


def sentence(words: str) -> str:
    """`words` as a sentence: whatever begins it, and a full stop behind it."""
    return f"{words[0].upper()}{words[1:].rstrip('.')}." if words else ""


def state_of(row: RequestRow, me: UUID | None, now: datetime, zone: ZoneInfo) -> Badge:
    """Where a request stands, as `me` sees it: long, short, and its tone."""
    if row.status is not Status.PENDING:
        ended = row.status is not Status.APPROVED
        return ENDS[row.outcome or Result.REJECTED] if ended else EFFECTS[row.effect_state]
    if row.provisional is not None and row.final_at is not None:
        return _provisional(row, row.provisional, row.final_at, me, now, zone)
    if row.waiting_on is WaitingOn.REQUESTER:
        return Badge("asks you", "▲ asks you", "warning") if row.requester.id == me else Badge("asked", "asked", "dim")
    votes = f"{row.votes} of {row.quorum} votes" if row.quorum > 1 else ""
    holder = row.claimed_by or row.assignee
    if holder is not None:
        who = "you have it" if holder.id == me else f"{holder.name} has it"
        return Badge(f"{who}, {votes}" if votes else who, f"◂ {'you' if holder.id == me else holder.name}", "accent")
    words = votes or "pending"
    late = ", escalated" if row.escalated_at is not None else ""
    return Badge(words + late, "escalated" if late and not votes else words, "")


def _provisional(
    row: RequestRow, vote: Vote, final_at: datetime, me: UUID | None, now: datetime, zone: ZoneInfo
) -> Badge:
    badge = VOTED[vote]
    if row.decided_by is not None and row.decided_by.id != me:
        return Badge(f"{badge.words} by {row.decided_by.name}", f"{badge.short} {row.decided_by.name}", badge.tone)
    until = f"{final_at.astimezone(zone):%H:%M:%S}"
    if final_at <= now:
        return Badge(badge.words, badge.words, badge.tone)
    return Badge(f"{badge.words}, u until {until}", f"{badge.short} u<{until}", badge.tone)


def due(row: RequestRow, now: datetime) -> Told:
    """The time left (`in 3h`), how late it is (`late 2h`), or how long ago it was decided (`3h ago`)."""
    if row.status is not Status.PENDING:
        at = row.resolved_at or row.created_at
        age = short_age(ago(at, now))
        return Told(age if age == "now" else f"{age} ago", _minutes(now, at))
    if row.due_at is None:
        return Told(STANDS, 1.0)
    if row.due_at <= now:
        return Told(f"late {short_age(ago(row.due_at, now))}".removesuffix(" now"), _minutes(now, row.due_at))
    return Told(f"in {time_left(row.due_at, now)}", _minutes(row.due_at, now))


def is_late(row: RequestRow, now: datetime) -> bool:
    """Whether somebody should have decided by now."""
    return row.status is Status.PENDING and row.due_at is not None and row.due_at <= now


def _minutes(later: datetime, earlier: datetime) -> float:
    return max(1.0, (later - earlier).total_seconds() / 60)


# -- the detail --------------------------------------------------------------------------------------------------------


def head(row: RequestRow, me: UUID | None, now: datetime, zone: ZoneInfo) -> list[Item]:
    """What a list knows of a request."""
    badge, state = PRIORITIES[row.priority], state_of(row, me, now, zone)
    mood: Kind = "critical" if row.effect_state is EffectState.FAILED else "text"
    items = [
        Item("title", f"#{row.number} {row.subject}"),
        Item(mood, f"{badge.words} · {state.words}"),
        Item("gap"),
        Item("fact", row.type_title, "type"),
        Item("fact", f"{row.requester.name} ({row.requester.email})", "from"),
        Item("fact", f"{full_time(row.created_at, zone)} ({ago(row.created_at, now)})", "asked"),
    ]
    if row.status is Status.PENDING and row.final_at is None:
        items.append(Item("fact", _due_words(row, now, zone), "due"))
    if row.quorum > 1:
        items.append(Item("fact", f"{row.votes} of {row.quorum} people", "approved by"))
    if row.decided_by is not None:
        items.append(Item("fact", row.decided_by.name, "decided by"))
    return items


def _due_words(row: RequestRow, now: datetime, zone: ZoneInfo) -> str:
    if row.due_at is None:
        return "the clock stands until it is answered"
    late = ", escalated" if row.escalated_at is not None else ""
    return f"{moment(row.due_at, zone)} ({due(row, now).words}{late})"


def whole(view: RequestView, me: UUID | None, now: datetime, zone: ZoneInfo) -> list[Item]:
    """All of a request."""
    row = view.row
    items = head(row, me, now, zone)
    if view.waits_for:
        items.append(Item("fact", view.waits_for, "waits for"))
    if row.standing_in_for is not None:
        items.append(Item("fact", f"you decide for {row.standing_in_for.name}", "in name of"))
    elif row.status is Status.PENDING and row.final_at is None and row.cannot_decide:
        items.append(Item("fact", f"you cannot: {row.cannot_decide}", "decide"))
    items += [Item("gap"), Item("title", "What is asked")]
    items += [Item("fact", value or "–", label) for label, value in view.values]
    items += _effect(view)
    items += _history(view.events, now, zone)
    if view.related:
        items += [Item("gap"), Item("title", "In the audit trail")]
        items += [
            Item("fact", f"{each.kind} by {_who(each)}", clock(each.at, now, zone)) for each in reversed(view.related)
        ]
    return [*items, *_earlier(view.earlier, me, now, zone)]


def _effect(view: RequestView) -> list[Item]:
    row = view.row
    items = [Item("gap"), Item("title", "On approval" if row.status is Status.PENDING else "Effect")]
    items.append(Item("text", sentence(view.effect) or BY_HAND))
    if view.effect_reason:
        tries = f" ({view.effect_attempts} attempts)" if view.effect_attempts > 1 else ""
        failed = row.effect_state is EffectState.FAILED
        words = "Not done" if failed else "Not done yet, it is tried again"
        items.append(Item("critical" if failed else "text", f"▲ {words}: {view.effect_reason}{tries}"))
        if failed:
            may = "x runs it again." if view.may_run_again else "Who approved it and administrators can run it again."
            items.append(Item("dim", may))
    return items


def _history(events: Sequence[EventRow], now: datetime, zone: ZoneInfo) -> list[Item]:
    """What happened and was said, the newest first."""
    items = [Item("gap"), Item("title", "History")]
    for event in reversed(events):
        words = f"{_event(event)} by {_who(event)}"
        items.append(Item("fact", f"{words}: {event.comment}" if event.comment else words, clock(event.at, now, zone)))
    return items


def _event(event: EventRow) -> str:
    to = event.details.get("name")
    if event.kind == "delegated" and isinstance(to, str):
        return f"given to {to}"
    if event.kind == "voted":
        return "approved" if event.details.get("vote") == Vote.APPROVE else "rejected"
    return EVENTS.get(event.kind, event.kind.replace("_", " "))


def _who(event: EventRow) -> str:
    return f"{event.actor} for {event.in_name_of}" if event.in_name_of else event.actor


def _earlier(rows: Sequence[RequestRow], me: UUID | None, now: datetime, zone: ZoneInfo) -> list[Item]:
    items = [Item("gap"), Item("title", "Earlier requests of the same person")]
    if not rows:
        return [*items, Item("dim", "None that you may see.")]
    for row in rows:
        state = state_of(row, me, now, zone).words
        items.append(Item("fact", f"#{row.number} {row.subject}: {state}", clock(row.created_at, now, zone)))
    return items
