"""What requesters do, and what everybody who sees a request may do: make, edit, answer, withdraw, comment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.data.verbs import Refusal, kept_comment
from datapulse_tui.errors import Conflict, Invalid, NotAllowed
from datapulse_tui.workflows import clock
from datapulse_tui.workflows.deciding import settled
from datapulse_tui.workflows.rules import COMMENT, EXPIRES_AFTER, REQUEST, Priority, Result, Status, WaitingOn
from datapulse_tui.workflows.service.acting import (
    KIND,
    Held,
    Seen,
    hold,
    note,
    person,
    record,
    tell_desks,
    workspace_zone,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.workflows.types.base import Prepared
    from datapulse_tui.workflows.views import Outcome

_CREATE = """
INSERT INTO workflows (requester_id, type, priority, details, subject, audience, quorum, due_at, expires_at, timer_at)
VALUES (:me, :type, :priority, CAST(:details AS jsonb), :subject, :audience, :quorum, :due, :expires, :timer)
RETURNING id
"""
# A fall-back that has been asked already stays so.
_EDIT = """
UPDATE workflows SET details = CAST(:details AS jsonb), subject = :subject, quorum = :quorum, version = version + 1,
    audience = CASE WHEN escalated_at IS NULL THEN CAST(:audience AS text[])
                    ELSE CAST(:audience AS text[]) || CAST(:fallback AS text[]) END,
    approver_id = NULL, claimed_by = NULL, claimed_at = NULL, timer_at = now(), updated_at = now()
WHERE id = :id
"""
_RETRACT_ALL = "UPDATE workflow_votes SET retracted_at = now() WHERE workflow_id = :id AND retracted_at IS NULL"
_RESUME = """
UPDATE workflows SET waiting_on = 'approver', paused_at = NULL, due_at = :due, timer_at = now(), updated_at = now()
WHERE id = :id
"""
_WITHDRAW = """
UPDATE workflows SET status = 'rejected', outcome = 'withdrawn', resolved_at = now(), decided_at = now(),
    timer_at = NULL, updated_at = now()
WHERE id = ANY(CAST(:ids AS uuid[]))
"""


async def create(
    session: AsyncSession,
    actor: Actor,
    type: str,
    fields: Mapping[str, object],
    priority: Priority | None = None,
    comment: str = "",
) -> UUID:
    """Make a request of a type (see types/registry.py) and tell those who decide it; returns its id.

    Raises NotAllowed, NotFound for a type that is none, Invalid that names each wrong field or says why the request
    makes no sense.
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import record as record_one
    from datapulse_tui.workflows import telling

    me = person(actor)
    actor.require(REQUEST, "make requests")
    said = kept_comment(comment) if comment.strip() else ""
    prepared = await _prepare(session, actor, type, fields)
    urgency = priority or prepared.priority
    now = (await session.execute(text("SELECT now()"))).scalar_one()
    zone = workspace_zone()
    due, expires = clock.due(urgency, now, zone), now + EXPIRES_AFTER
    timer = clock.next_timer(urgency, now, due, None, escalated=False, expires_at=expires, zone=zone)
    values = _content(prepared) | {"me": me, "type": type, "priority": urgency.value}
    made: UUID = (
        await session.execute(text(_CREATE), {**values, "due": due, "expires": expires, "timer": timer})
    ).scalar_one()
    await note(session, actor, "requested", {made: _route(prepared)}, said)
    after = {"type": type, "subject": prepared.subject, "priority": urgency.value, "details": prepared.details}
    await record_one(session, actor, "workflow.requested", KIND, made, after=after)
    await telling.new(session, [made])
    await tell_desks(session, [made])
    return made


async def edit(
    session: AsyncSession, actor: Actor, request_id: UUID, version: int, fields: Mapping[str, object]
) -> None:
    """Change the content of one's own pending request; votes on what it was are void. Raises NotFound, NotAllowed,
    Invalid, and Conflict when it is decided or was changed since `version`."""
    from sqlalchemy import text

    from datapulse_tui.audit.service import record as record_one
    from datapulse_tui.workflows import telling

    held = await _mine(session, actor, [(request_id, version)], any_version=False)
    held.outcomes("")
    row = held.rows[request_id]
    prepared = await _prepare(session, actor, row.type, fields)
    values = _content(prepared) | {"id": request_id, "fallback": list(prepared.fallback.words)}
    await session.execute(text(_RETRACT_ALL), {"id": request_id})
    await session.execute(text(_EDIT), values)
    await note(session, actor, "edited", {request_id: _route(prepared)})
    after = {"subject": prepared.subject, "details": prepared.details}
    before = {"subject": row.subject, "details": row.details}
    await record_one(session, actor, "workflow.edited", KIND, request_id, before, after)
    await telling.new(session, [request_id])
    await tell_desks(session, [request_id])


async def give_information(session: AsyncSession, actor: Actor, request_id: UUID, text: str) -> None:
    """Answer what was asked about one's own request: it goes back to those who decide, with the time that was left.
    Raises NotFound, NotAllowed, Invalid for an empty answer, Conflict when nothing is asked."""
    from sqlalchemy import text as statement

    from datapulse_tui.workflows import telling

    said = kept_comment(text)
    held = await _mine(session, actor, [(request_id, 0)])
    nothing = Refusal(Conflict, "nobody waits for an answer to it")
    held = held.refuse({key: nothing for key, row in held.rows.items() if row.waiting_on != WaitingOn.REQUESTER})
    held.outcomes("")
    row = held.rows[request_id]
    due = row.due_at
    if due is not None and row.paused_at is not None:
        due = clock.resume(Priority(row.priority), due, row.paused_at, row.now, workspace_zone())
    await session.execute(statement(_RESUME), {"id": request_id, "due": due})
    await note(session, actor, "information_given", {request_id: {}}, said)
    after = {"waiting_on": WaitingOn.APPROVER.value}
    await record(session, actor, "workflow.information_given", held, after, {"answer": said})
    await telling.new(session, [request_id])
    await tell_desks(session, [request_id])


async def withdraw(session: AsyncSession, actor: Actor, ids: Seen, comment: str = "") -> tuple[Outcome, ...]:
    """Take back one's own pending requests for good."""
    from sqlalchemy import text

    said = kept_comment(comment) if comment.strip() else ""
    held = await _mine(session, actor, ids)
    if held.rows:
        await session.execute(text(_WITHDRAW), {"ids": held.ids})
        await note(session, actor, "withdrawn", {key: {} for key in held.rows}, said)
        after = {"status": Status.REJECTED.value, "outcome": Result.WITHDRAWN.value}
        await record(session, actor, "workflow.withdrawn", held, after, {"comment": said} if said else None)
        await wake(session, held.ids)
        await tell_desks(session, held.ids)
    return held.outcomes("withdrawn")


async def comment(session: AsyncSession, actor: Actor, ids: Seen, text: str) -> tuple[Outcome, ...]:
    """Add a comment to requests that one sees, decided or not. Raises Invalid for one that is empty or too long."""
    said = kept_comment(text)
    actor.require(COMMENT, "comment on requests")
    held = await hold(session, actor, ids, any_version=True)
    if held.rows:
        await note(session, actor, "commented", {key: {} for key in held.rows}, said)
        await record(session, actor, "workflow.commented", held, {}, {"comment": said})
        await tell_desks(session, held.ids)
    return held.outcomes("commented")


async def wake(session: AsyncSession, ids: list[UUID]) -> None:
    """End the snoozes of incidents that wait for requests, which are decided."""
    from sqlalchemy import text

    from datapulse_tui.alerts.service.snoozes import wake_for_workflow

    waiting = text(
        "SELECT DISTINCT workflow_id FROM alert_snoozes "
        "WHERE ended_at IS NULL AND workflow_id = ANY(CAST(:ids AS uuid[])) ORDER BY workflow_id"
    )
    for each in (await session.scalars(waiting, {"ids": ids})).all():
        await wake_for_workflow(session, each)


# -- parts -------------------------------------------------------------------------------------------------------------


async def _prepare(session: AsyncSession, actor: Actor, type: str, fields: Mapping[str, object]) -> Prepared:
    from datapulse_tui.workflows.types import registry

    kind = registry.type_of(type)
    prepared = await kind.prepare(session, actor, kind.parse(fields))
    if not prepared.audience.words:
        raise Invalid("There is nobody who could decide this. Nothing was changed.", hint="Ask an administrator.")
    return prepared


def _content(prepared: Prepared) -> dict[str, Any]:
    return {
        "details": json.dumps(dict(prepared.details)),
        "subject": prepared.subject,
        "audience": list(prepared.audience.words),
        "quorum": prepared.quorum,
    }


def _route(prepared: Prepared) -> dict[str, object]:
    """Whom a request goes to, as its history keeps it: timers and the detail look there for the newest."""
    fallback = {"words": list(prepared.fallback.words), "in_words": prepared.fallback.in_words}
    return {"waits_for": prepared.audience.in_words, "fallback": fallback}


async def _mine(session: AsyncSession, actor: Actor, ids: Seen, *, any_version: bool = True) -> Held:
    """The actor's own requests that are still pending."""
    me = person(actor)
    actor.require(REQUEST, "change requests")
    held = await hold(session, actor, ids, any_version=any_version)
    zone = ZoneInfo(actor.zone)
    refused = {}
    for key, row in held.rows.items():
        gone = settled(row, zone)
        if row.requester_id != me:
            refused[key] = Refusal(NotAllowed, f"it is a request of {row.requester_name}")
        elif gone is not None:
            refused[key] = gone
    return held.refuse(refused)
