"""Who is told when a saved query gets another text or source: what stands above this room and depends on queries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

QueryWatcher = Callable[["AsyncSession", "Actor", UUID], Awaitable[object]]
_watchers: list[QueryWatcher] = []


def on_query_changed(tell: QueryWatcher) -> None:
    """Have `tell` called with the query's id, in the transaction that saves it; again changes nothing."""
    if tell not in _watchers:
        _watchers.append(tell)


async def tell_query_changed(session: AsyncSession, actor: Actor, query_id: UUID) -> None:
    """Tell everybody who registered."""
    for tell in _watchers:
        await tell(session, actor, query_id)
