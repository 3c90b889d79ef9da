"""Where the domains are joined: what a lower room asks of a higher one is registered here, once a process.

Every face calls `join` before it changes anything. What is registered imports its domain only when it is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.people.belongings import Belonging, Keeper

# What people have and can hand over: its kind, what several of it are called, and the room whose module `belongings`
# knows it, with the end of the names of its two functions (`dashboards_of`, `give_dashboards`).
_KEEPERS = {
    "alert_rule": ("alert rules", "alerts", "rules"),
    "approval": ("requests that wait", "workflows", "approvals"),
    "dashboard": ("dashboards", "dashboards", "dashboards"),
    "data_model": ("data models", "sources", "models"),
    "delegation": ("absences to stand in", "workflows", "delegations"),
    "incident": ("assigned incidents", "alerts", "incidents"),
    "query": ("saved queries", "sources", "queries"),
    "report": ("reports", "dashboards", "reports"),
}

# Things in the audit trail -> what they are called now, where they still are.
_CALLED = {
    "user": "SELECT id, email AS name FROM users",
    "role": "SELECT id, name FROM roles",
    "department": "SELECT id, name FROM departments",
    "api_key": "SELECT id, name FROM api_keys",
    "ssh_key": "SELECT id, name FROM ssh_keys",
    "dashboard": "SELECT id, name FROM dashboards",
    "query": "SELECT id, name FROM queries",
    "data_source": "SELECT id, name FROM data_sources",
    "alert": "SELECT id, name FROM alerts",
    "incident": "SELECT id, '#' || number || ' ' || title AS name FROM alert_incidents",
    "workflow": "SELECT id, '#' || number || ' ' || type AS name FROM workflows",
    "notification_channel": "SELECT id, name FROM notification_channels",
    "saved_view": "SELECT id, name FROM saved_views",
}


def join() -> None:
    """Register everything; again changes nothing."""
    from datapulse_tui.audit import names
    from datapulse_tui.people import belongings
    from datapulse_tui.sources import watchers

    watchers.on_query_changed(_query_changed)
    for kind, (label, room, name) in _KEEPERS.items():
        belongings.register(_keeper(kind, label, room, name))
    for kind, sql in _CALLED.items():
        names.register(kind, partial(_called, sql))


async def _called(sql: str, session: Reader, ids: Sequence[UUID]) -> dict[UUID, str]:
    from datapulse_tui.data.glance import fetch

    rows = await fetch(session, f"{sql} WHERE id = ANY(CAST(:ids AS uuid[]))", {"ids": list(ids)})
    return {row.id: row.name for row in rows}


async def _query_changed(session: AsyncSession, actor: Actor, query_id: UUID) -> object:
    from datapulse_tui.alerts.service.rules_queries import query_changed

    return await query_changed(session, actor, query_id)


def _keeper(kind: str, label: str, room: str, name: str) -> Keeper:
    """A keeper whose room is imported, in a thread, when it is first asked."""
    from datapulse_tui.people.belongings import Give, Held, Keeper

    async def found(function: str) -> Any:
        return getattr(await asyncio.to_thread(import_module, f"datapulse_tui.{room}.belongings"), function)

    async def held(session: AsyncSession, user_id: UUID) -> Sequence[Belonging]:
        listing: Held = await found(f"{name}_of")
        return await listing(session, user_id)

    async def give(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID, ids: Sequence[UUID]) -> int:
        giving: Give = await found(f"give_{name}")
        return await giving(session, actor, from_id, to_id, ids)

    return Keeper(kind, label, held, give)
