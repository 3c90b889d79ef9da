"""Incidents as the command line prints them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from datapulse_tui.cli import output

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import IncidentRow, IncidentView, PersonRef


def print_incidents(rows: Sequence[IncidentRow], now: datetime) -> None:
    """A table of incidents, as old as they are at `now`."""
    output.emit_table(
        ("number", "severity", "state", "age", "value", "now", "who has it", "title"),
        [
            (row.number, row.severity, row.status, age(now - row.opened_at), _short(row.start_value),
             _short(row.value_now), _name(row.held_by), row.title)
            for row in rows
        ],
    )  # fmt: skip


def print_incident(view: IncidentView) -> None:
    """One incident in four tables: its facts, what happened, who was told, what was like it before."""
    row = view.row
    facts: list[tuple[str, Any]] = [
        ("number", row.number), ("title", row.title), ("rule", row.rule), ("severity", row.severity),
        ("state", row.status), ("firing", row.firing), ("opened", row.opened_at), ("resolved", row.resolved_at),
        ("reason", view.reason), ("value at start", _short(row.start_value)), ("worst", _short(view.worst_value)),
        ("now", _short(row.value_now)), ("threshold", f"{view.threshold_type} {view.threshold:g}"),
        ("assigned to", _name(row.assigned_to)), ("acknowledged by", _name(row.acknowledged_by)),
        ("snoozed until", row.snoozed_until), ("department", view.department), ("query", view.query),
        ("source", view.source), ("runbook", view.runbook_url), ("rule's owner", view.rule_owner.email),
    ]  # fmt: skip
    output.emit_table(("field", "value"), [fact for fact in facts if fact[1] not in ("", None)])
    typer.echo()
    output.emit_table(
        ("at", "event", "by", "comment"), [(each.at, each.kind, each.actor, each.comment) for each in view.events]
    )
    if view.deliveries:
        typer.echo()
        output.emit_table(
            ("created", "about", "to", "channel", "status", "reason"),
            [
                (each.created_at, each.kind, each.recipient, each.channel or each.channel_type, each.status,
                 each.reason or each.answer)
                for each in view.deliveries
            ],
        )  # fmt: skip
    if view.similar:
        typer.echo()
        output.emit_table(
            ("before", "opened", "resolved", "by", "comment"),
            [
                (each.number, each.opened_at, each.resolved_at, _name(each.resolved_by), each.last_comment)
                for each in view.similar
            ],
        )


def _short(value: float | None) -> float | None:
    """A value to six digits, which is what people read of it; `--json` has all of them."""
    return None if value is None else float(f"{value:.6g}")


def _name(person: PersonRef | None) -> str:
    return person.name if person else ""


def age(length: timedelta) -> str:
    """A length of time in its largest two units."""
    from datapulse_tui.alerts.durations import format_duration

    seconds = max(0, int(length.total_seconds()))
    size = 3_600 if seconds >= 86_400 else 60 if seconds >= 3_600 else 1
    return format_duration(seconds // size * size)
