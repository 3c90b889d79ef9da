"""Alert rules and assigned incidents, when a person hands over what they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.alerts.rules import CREATE, MANAGE, TRIAGE_ALL
from datapulse_tui.data.glance import fetch
from datapulse_tui.errors import Conflict
from datapulse_tui.people.belongings import AT_ONCE, Belonging, free_names

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

RULE = "alert_rule"
INCIDENT = "incident"

_RULES = """
SELECT id, name, severity, is_active FROM alerts
WHERE user_id = :who AND archived_at IS NULL ORDER BY name, id LIMIT :most
"""
_HELD_RULES = """
SELECT a.id, a.name, a.metric_id, q.user_id AS query_owner, q.data_source_id FROM alerts a
LEFT JOIN queries q ON q.id = a.metric_id
WHERE a.id = ANY(CAST(:ids AS uuid[])) AND a.user_id = :who AND a.archived_at IS NULL ORDER BY a.id
"""
_TAKEN = "SELECT name FROM alerts WHERE user_id = :who AND archived_at IS NULL"
_INCIDENTS = """
SELECT id, number, title, severity, version FROM alert_incidents
WHERE assigned_to = :who AND status <> 'resolved' ORDER BY priority, opened_at, id LIMIT :most
"""
_VERSIONS = """
SELECT id, version FROM alert_incidents
WHERE id = ANY(CAST(:ids AS uuid[])) AND assigned_to = :who AND status <> 'resolved' ORDER BY id
"""


async def rules_of(session: AsyncSession, user_id: UUID) -> list[Belonging]:
    """The rules that run in a person's name."""
    rows = await fetch(session, _RULES, {"who": user_id, "most": AT_ONCE})
    return [
        Belonging(RULE, row.id, row.name, row.severity if row.is_active else f"{row.severity}, not active")
        for row in rows
    ]


async def give_rules(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID, ids: Sequence[UUID]) -> int:
    """Have rules run in another person's name; the queries of the giver that they watch move along.

    Raises NotAllowed without `alert:manage` (nor by oneself), Conflict naming the first rule that the other may not
    have: they need `alert:create`, and the source of its query.
    """
    from datapulse_tui.alerts.episodes import lock_rules
    from datapulse_tui.alerts.service import rules_writing as writing
    from datapulse_tui.people.actors import actor_for
    from datapulse_tui.sources.belongings import give_queries, require_source

    if actor.user_id != from_id:
        actor.require(MANAGE, "hand over other people's rules")
    taker = await actor_for(session, to_id)
    await lock_rules(session, sorted(ids))
    rows = await fetch(session, _HELD_RULES, {"ids": list(ids), "who": from_id})
    if rows and not taker.can(CREATE):
        raise Conflict(
            f"The rule {rows[0].name!r} cannot go to {taker.label}, who may not have alert rules. Nothing was changed.",
            hint=f"Choose somebody with the permission {CREATE}.",
        )
    first = {row.data_source_id: row.name for row in reversed(rows)}
    for source_id, name in first.items():
        await require_source(session, taker, source_id, f"rule {name!r}")
    queries = sorted({row.metric_id for row in rows if row.metric_id is not None and row.query_owner == from_id})
    await give_queries(session, actor, from_id, to_id, queries)
    taken = {row.name for row in await fetch(session, _TAKEN, {"who": to_id})}
    for alert_id, name in free_names([(row.id, row.name) for row in rows], taken).items():
        before = await writing.now_of(session, alert_id)
        if not await writing.update_rule(session, alert_id, {"user_id": to_id, "name": name}):
            raise Conflict(f"{taker.label} got a rule called {name!r} at the same moment. Nothing was changed.")
        await writing.tell(session, actor, "alert.handed_over", alert_id, before)
    return len(rows)


async def incidents_of(session: AsyncSession, user_id: UUID) -> list[Belonging]:
    """The open incidents that are assigned to a person."""
    rows = await fetch(session, _INCIDENTS, {"who": user_id, "most": AT_ONCE})
    return [Belonging(INCIDENT, row.id, f"#{row.number} {row.title}", row.severity) for row in rows]


async def give_incidents(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID, ids: Sequence[UUID]) -> int:
    """Assign open incidents to another person.

    Raises NotAllowed without `alert:triage_all` (nor by oneself), Conflict for one that could not be assigned, Invalid
    for somebody who may not see incidents.
    """
    from datapulse_tui.alerts.service.triage import assign

    if actor.user_id != from_id:
        actor.require(TRIAGE_ALL, "hand over other people's incidents")
    seen = [(row.id, row.version) for row in await fetch(session, _VERSIONS, {"ids": list(ids), "who": from_id})]
    outcomes = await assign(session, actor, seen, to_id) if seen else ()
    for outcome in outcomes:
        if not outcome.done:
            raise Conflict(f"{outcome.title} was not handed over: {outcome.message}. Nothing was changed.")
    return len(outcomes)
