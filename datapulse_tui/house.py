"""Where the domains are joined: what a lower room asks of a higher one is registered here, once a process.

Every face calls `join` before it changes anything. What is registered imports its domain only when it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor


def join() -> None:
    """Register everything; again changes nothing."""
    from datapulse_tui.sources import watchers

    watchers.on_query_changed(_query_changed)


async def _query_changed(session: AsyncSession, actor: Actor, query_id: UUID) -> object:
    from datapulse_tui.alerts.service.rules_queries import query_changed

    return await query_changed(session, actor, query_id)
