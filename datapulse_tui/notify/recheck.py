"""Asking, immediately before a message goes out, whether it still should. Higher rooms register who knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

Recheck = Callable[["AsyncSession", Sequence[UUID]], Awaitable[Mapping[UUID, str]]]
"""Incident ids -> for those that nobody should be told about any more, the reason (`acknowledged by Ana`).

It must only read: while it is asked, the deliveries are locked, and whoever changes an incident waits for them.
"""

# An end is told to whoever heard of the beginning, and a notice is about a snoozed incident: they are not asked about.
RECHECKED_KINDS = frozenset({"trigger", "update", "repeat", "escalation"})

_registered: list[Recheck] = []


def register(ask: Recheck) -> None:
    """Have `ask` asked before every sending; registering it again changes nothing."""
    if ask not in _registered:
        _registered.append(ask)


async def reasons(session: AsyncSession, incident_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Why those of `incident_ids` that are missing their moment should not be told about; the first reason counts."""
    found: dict[UUID, str] = {}
    if incident_ids:
        for ask in _registered:
            found = {**await ask(session, incident_ids), **found}
    return found
