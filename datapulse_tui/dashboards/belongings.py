"""Dashboards, and the reports that are made of them, when their owner hands over what they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.dashboards import rules
from datapulse_tui.data.glance import fetch
from datapulse_tui.errors import Conflict, NotFound
from datapulse_tui.people.belongings import AT_ONCE, Belonging, free_names, moved

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

DASHBOARD = "dashboard"
REPORT = "report"
MANAGE_REPORTS = "report:manage"
MAKE_REPORTS = "report:create"
REPORTS_TOPIC = "reports"

_DASHBOARDS = """
SELECT id, name, is_public, (SELECT count(*) FROM dashboard_shares s WHERE s.dashboard_id = d.id) AS shares
FROM dashboards d WHERE user_id = :who ORDER BY name, id LIMIT :most
"""
_HOLD_DASHBOARDS = """
SELECT id, name FROM dashboards WHERE id = ANY(CAST(:ids AS uuid[])) AND user_id = :who ORDER BY id FOR UPDATE
"""
_TAKEN = "SELECT name FROM dashboards WHERE user_id = :who"
_MOVE_DASHBOARDS = """
WITH moved AS (
    UPDATE dashboards SET user_id = :to, name = given.name, updated_at = now()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[])) AS given(id, name) WHERE dashboards.id = given.id)
DELETE FROM dashboard_shares WHERE user_id = :to AND dashboard_id = ANY(CAST(:ids AS uuid[]))
"""
_REPORTS = """
SELECT r.id, r.name, d.name AS dashboard, r.is_active FROM reports r JOIN dashboards d ON d.id = r.dashboard_id
WHERE r.created_by = :who ORDER BY r.name, r.id LIMIT :most
"""
_HOLD_REPORTS = """
SELECT id, name, dashboard_id FROM reports
WHERE id = ANY(CAST(:ids AS uuid[])) AND created_by = :who ORDER BY id FOR UPDATE
"""
_MOVE_REPORTS = "UPDATE reports SET created_by = :to, updated_at = now() WHERE id = ANY(CAST(:ids AS uuid[]))"


async def dashboards_of(session: AsyncSession, user_id: UUID) -> list[Belonging]:
    """The dashboards that a person owns."""
    rows = await fetch(session, _DASHBOARDS, {"who": user_id, "most": AT_ONCE})
    return [Belonging(DASHBOARD, row.id, row.name, _used(row)) for row in rows]


async def give_dashboards(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID, ids: Sequence[UUID]) -> int:
    """Make another person the owner; who sees them stays the same. A name that the other has is told apart.

    Raises NotAllowed without `dashboard:manage` (nor by oneself), Conflict for somebody who may not have dashboards.
    """
    from sqlalchemy import text

    from datapulse_tui.dashboards.service import TOPIC
    from datapulse_tui.people.actors import actor_for

    if actor.user_id != from_id:
        actor.require(rules.MANAGE, "hand over other people's dashboards")
    taker = await actor_for(session, to_id)
    rows = await fetch(session, _HOLD_DASHBOARDS, {"ids": list(ids), "who": from_id})
    if rows and not taker.can(rules.VIEW):
        raise Conflict(f"{taker.label} may not open dashboards, so they cannot have {rows[0].name!r}.")
    if not rows:
        return 0
    taken = {row.name for row in await fetch(session, _TAKEN, {"who": to_id})}
    names = free_names([(row.id, row.name) for row in rows], taken)
    values = {"ids": list(names), "names": list(names.values()), "to": to_id}
    await session.execute(text(_MOVE_DASHBOARDS), values)
    await moved(session, actor, DASHBOARD, TOPIC, from_id, to_id, list(names))
    return len(names)


async def reports_of(session: AsyncSession, user_id: UUID) -> list[Belonging]:
    """The reports that are made in a person's name."""
    rows = await fetch(session, _REPORTS, {"who": user_id, "most": AT_ONCE})
    return [
        Belonging(REPORT, row.id, row.name, f"of {row.dashboard}{'' if row.is_active else ', not active'}")
        for row in rows
    ]


async def give_reports(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID, ids: Sequence[UUID]) -> int:
    """Have reports made in another person's name, who may open their dashboards.

    Raises NotAllowed without `report:manage` (nor by oneself), Conflict naming the first report that they may not have.
    """
    from sqlalchemy import text

    from datapulse_tui.people.actors import actor_for

    if actor.user_id != from_id:
        actor.require(MANAGE_REPORTS, "hand over other people's reports")
    taker = await actor_for(session, to_id)
    rows = await fetch(session, _HOLD_REPORTS, {"ids": list(ids), "who": from_id})
    for row in rows:
        await _require_report(session, taker, row)
    if not rows:
        return 0
    kept = [row.id for row in rows]
    await session.execute(text(_MOVE_REPORTS), {"ids": kept, "to": to_id})
    await moved(session, actor, REPORT, REPORTS_TOPIC, from_id, to_id, kept)
    return len(kept)


async def _require_report(session: AsyncSession, taker: Actor, row: Any) -> None:
    from datapulse_tui.dashboards.reads import get_dashboard

    if not taker.can(MAKE_REPORTS):
        raise Conflict(
            f"The report {row.name!r} cannot go to {taker.label}, who may not schedule reports. Nothing was changed.",
            hint=f"Choose somebody with the permission {MAKE_REPORTS}.",
        )
    try:
        await get_dashboard(session, taker, row.dashboard_id)
    except NotFound:
        raise Conflict(
            f"The report {row.name!r} cannot go to {taker.label}, who may not open its dashboard. Nothing was changed.",
            hint="Share the dashboard with them first, or choose somebody else.",
        ) from None


def _used(row: Any) -> str:
    parts = ["public"] if row.is_public else []
    if row.shares:
        parts.append(f"shared with {row.shares}")
    return ", ".join(parts)
