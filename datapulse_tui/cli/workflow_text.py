"""Requests as the command line prints them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import output
from datapulse_tui.cli.alert_text import age

if TYPE_CHECKING:
    from datapulse_tui.workflows.types.base import RequestType
    from datapulse_tui.workflows.views import PersonRef, RequestRow, RequestView


def name(number: int, subject: str) -> str:
    """A request as its outcomes call it."""
    return f"#{number} {clean(subject)}"


def plain_type(kind: RequestType[Any]) -> dict[str, Any]:
    """A type of request with its fields, for programs."""
    return {
        "name": kind.name, "title": kind.title, "explanation": kind.explanation, "quorum": kind.quorum,
        "priority": kind.priority, "has_effect": kind.has_effect, "fields": list(kind.fields()),
    }  # fmt: skip


def print_type(kind: RequestType[Any]) -> None:
    """A type of request with its fields, for people."""
    typer.echo(f"{kind.title}. {kind.explanation}\n")
    output.emit_table(
        ("field", "needed", "default", "takes", "what it is"),
        [
            (field.name, field.required, field.default, " or ".join(field.options), field.description)
            for field in kind.fields()
        ],
    )


def print_requests(rows: Sequence[RequestRow], now: datetime) -> None:
    """A table of requests with the time that is left at `now`."""
    output.emit_table(
        ("number", "priority", "state", "left", "age", "type", "requester", "who has it", "subject"),
        [
            (row.number, row.priority, state(row), left(row, now), age(now - row.created_at), row.type,
             row.requester.name, _name(row.claimed_by or row.assignee or row.decided_by), row.subject)
            for row in rows
        ],
    )  # fmt: skip


def print_request(view: RequestView, now: datetime) -> None:
    """One request in tables: its facts, what was filled in, what happened to it, earlier ones of the same person."""
    row = view.row
    facts: list[tuple[str, Any]] = [
        ("number", row.number), ("subject", row.subject), ("type", row.type_title), ("priority", row.priority),
        ("state", state(row)), ("requester", _name(row.requester)), ("requested", row.created_at),
        ("due", row.due_at), ("time left", left(row, now)), ("waits for", view.waits_for),
        ("votes", f"{row.votes} of {row.quorum}" if row.quorum > 1 else ""), ("claimed by", _name(row.claimed_by)),
        ("given to", _name(row.assignee)), ("decided by", _name(row.decided_by)), ("final at", row.final_at),
        ("on approval", view.effect), ("effect failed", view.effect_reason),
        ("you stand in for", _name(row.standing_in_for)), ("you cannot decide it", row.cannot_decide),
    ]  # fmt: skip
    output.emit_table(("field", "value"), [fact for fact in facts if fact[1] not in ("", None)])
    typer.echo()
    output.emit_table(("filled in", "value"), view.values)
    typer.echo()
    output.emit_table(
        ("at", "event", "by", "in the name of", "comment"),
        [(each.at, each.kind, each.actor, each.in_name_of, each.comment) for each in view.events],
    )
    if view.earlier:
        typer.echo()
        output.emit_table(
            ("before", "state", "requested", "subject"),
            [(each.number, state(each), each.created_at, each.subject) for each in view.earlier],
        )


def state(row: RequestRow) -> str:
    """Where a request stands, in a word or two."""
    from datapulse_tui.workflows.rules import EffectState, Status, Vote, WaitingOn

    if row.status is not Status.PENDING:
        failed = ", effect failed" if row.effect_state is EffectState.FAILED else ""
        return f"{row.outcome.value if row.outcome and row.status is Status.REJECTED else row.status.value}{failed}"
    if row.final_at is not None:
        return "rejected, not final" if row.provisional is Vote.REJECT else "approved, not final"
    return "asked back" if row.waiting_on is WaitingOn.REQUESTER else "pending"


def left(row: RequestRow, now: datetime) -> str:
    """How long there is until the due time, as the desk shows it; empty where no clock runs."""
    from datapulse_tui.workflows.rules import Status

    if row.status is not Status.PENDING or row.due_at is None or row.final_at is not None:
        return ""
    return f"late {age(now - row.due_at)}" if row.due_at <= now else age(row.due_at - now)


def _name(person: PersonRef | None) -> str:
    return person.name if person else ""
