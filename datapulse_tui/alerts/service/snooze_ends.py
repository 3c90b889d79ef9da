"""Snoozes that are there: extending them, and the ways in which they end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.alerts import snoozing
from datapulse_tui.alerts.rules import INCIDENTS_TOPIC, SNOOZES_TOPIC, IncidentStatus
from datapulse_tui.alerts.service.acting import Refusal, Seen, change, database_now, hold, moment
from datapulse_tui.alerts.waking import KIND, end_snoozes
from datapulse_tui.errors import Conflict, NotAllowed

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.alerts.views import Outcome, SnoozeRow
    from datapulse_tui.audit.actor import Actor


async def extend(
    session: AsyncSession,
    actor: Actor,
    snooze_id: UUID,
    version: int,
    until: datetime,
    *,
    approval: UUID | None = None,
) -> None:
    """Give a snooze another hard end, later or earlier. Raises NotFound, NotAllowed, Conflict, Invalid.

    Something critical is silent for four hours altogether without an `approval`, however often it is extended.
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import record as record_one
    from datapulse_tui.data.feed import emit

    row = await _changeable(session, actor, snooze_id, version, "extend")
    now = await database_now(session)
    snoozing.check_end(until, now)
    snoozing.check_approval(row.severity, row.created_at, until, approved=approval is not None)
    find = text(
        "SELECT id FROM alert_incidents WHERE snooze_id = :id AND status = 'snoozed' ORDER BY id FOR NO KEY UPDATE"
    )
    ids = list((await session.scalars(find, {"id": snooze_id})).all())
    await session.execute(
        text("UPDATE alert_snoozes SET until = :until, notice_at = :notice, version = version + 1 WHERE id = :id"),
        {"until": until, "notice": snoozing.notice_at(now, until), "id": snooze_id},
    )
    if ids:
        details = {"until": until.isoformat()}
        await change(session, actor, ids, "snooze_extended", "snooze_id = i.snooze_id", details=details)
        await emit(session, INCIDENTS_TOPIC, *ids)
    before, after = {"until": row.until.isoformat()}, {"until": until.isoformat()}
    note = {"approval": str(approval)} if approval else None
    await record_one(session, actor, "snooze.extended", KIND, snooze_id, before, after, note=note)
    await emit(session, SNOOZES_TOPIC, snooze_id)


async def end(session: AsyncSession, actor: Actor, snooze_id: UUID, version: int) -> None:
    """End a snooze now: what it silenced is triggered again (acknowledged if it was, resolved if its condition is
    over), and people are told. Raises NotFound, NotAllowed, Conflict."""
    await _changeable(session, actor, snooze_id, version, "end")
    await end_snoozes(session, actor, [snooze_id], f"ended by {actor.label}")


async def unsnooze(session: AsyncSession, actor: Actor, ids: Seen) -> tuple[Outcome, ...]:
    """Undo `snooze`: wake incidents that are snoozed one by one. Where all of the rule is snoozed, that has to end."""
    from sqlalchemy import text

    held = await hold(session, actor, ids, frozenset({IncidentStatus.SNOOZED}), rules=True)
    of_rules = text(
        "SELECT i.id FROM alert_incidents i JOIN alert_snoozes z ON z.id = i.snooze_id "
        "WHERE i.id = ANY(CAST(:ids AS uuid[])) AND z.incident_id IS NULL"
    )
    whole = (await session.scalars(of_rules, {"ids": held.ids})).all()
    why = Refusal(Conflict, "everything of its rule is snoozed", "End that snooze (it is in the list of snoozes).")
    held = held.refuse(dict.fromkeys(whole, why))
    if held.rows:
        await end_snoozes(session, actor, [row.snooze_id for row in held.rows.values()], f"undone by {actor.label}")
    return held.outcomes("no longer snoozed")


async def wake_for_workflow(session: AsyncSession, workflow_id: UUID) -> int:
    """End the snoozes that wait for a workflow, which was decided; returns how many."""
    from sqlalchemy import text

    from datapulse_tui.alerts.episodes import SYSTEM, lock_rules

    find = text("SELECT id, alert_id FROM alert_snoozes WHERE workflow_id = :id AND ended_at IS NULL")
    rows = (await session.execute(find, {"id": workflow_id})).all()
    if not rows:
        return 0
    await lock_rules(session, {row.alert_id for row in rows})
    return await end_snoozes(session, SYSTEM, [row.id for row in rows], "the request that it waited for was decided")


async def end_of_resolved(session: AsyncSession, actor: Actor, incident_ids: Sequence[UUID]) -> None:
    """End the snoozes of incidents that were resolved: there is nothing left that they silence."""
    from sqlalchemy import text

    from datapulse_tui.audit.service import Entry, record_many
    from datapulse_tui.data.feed import emit

    ended = await session.scalars(
        text(
            "UPDATE alert_snoozes SET ended_at = now(), ended_by = CAST(:me AS uuid), version = version + 1 "
            "WHERE incident_id = ANY(CAST(:ids AS uuid[])) AND ended_at IS NULL RETURNING id"
        ),
        {"ids": list(incident_ids), "me": actor.user_id},
    )
    ids = ended.all()
    if ids:
        await record_many(session, actor, [Entry("snooze.ended", KIND, key, note={"why": "resolved"}) for key in ids])
        await emit(session, SNOOZES_TOPIC, *ids)


async def _changeable(session: AsyncSession, actor: Actor, snooze_id: UUID, version: int, verb: str) -> SnoozeRow:
    """The snooze, its rule held, which `actor` may change and saw as it is. Raises NotFound, NotAllowed, Conflict."""
    from datapulse_tui.alerts.episodes import lock_rules
    from datapulse_tui.alerts.reads.snoozes import get_snooze

    await lock_rules(session, {(await get_snooze(session, actor, snooze_id)).alert_id})
    row = await get_snooze(session, actor, snooze_id)
    if row.ended_at is not None:
        raise Conflict(f"This snooze ended at {moment(actor, row.ended_at)}. Nothing was changed.", hint="Look again.")
    if not row.may_change:
        raise NotAllowed(
            f"You may not {verb} this snooze: that may those who may triage what it silences. Nothing was changed.",
            hint=f"Ask {row.created_by.name}." if row.created_by else "Ask an ops manager.",
        )
    if row.version != version:
        raise Conflict(
            f"Somebody else changed this snooze: it now lasts until {moment(actor, row.until)}. Nothing was changed.",
            hint="Look at it again.",
        )
    return row
