"""Saved views: the filters that a person keeps under names, with how much is in each. Those of the inbox and, with a
counter of their own, those of other rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from datapulse_tui.alerts.reads.counts import count
from datapulse_tui.alerts.views import Count, ViewRow
from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

INBOX = "alerts"  # the room of the inbox
# Views of the inbox that everybody has: name -> filter. They are nowhere stored.
DEFAULT_VIEWS = {
    "Open": "",
    "Critical": "severity:critical",
    "Mine": "assigned:me",
    "Unassigned": "assigned:none",
}

Counter = Callable[["Reader", "Actor", str], Awaitable[Count]]

_LIST = """
SELECT id, name, filter FROM saved_views
WHERE user_id = CAST(:me AS uuid) AND room = :room ORDER BY position, lower(name), id
"""


async def list_views(session: Reader, actor: Actor, room: str = INBOX, counter: Counter = count) -> tuple[ViewRow, ...]:
    """The actor's own views of a room in their order; `counter` counts what a filter of the room finds, bounded."""
    rows = await fetch(session, _LIST, {"me": actor.user_id, "room": room})
    return tuple([ViewRow(row.id, row.name, row.filter, await counter(session, actor, row.filter)) for row in rows])


async def default_counts(session: Reader, actor: Actor) -> dict[str, Count]:
    """How much is in each of DEFAULT_VIEWS, by name."""
    return {name: await count(session, actor, filter_) for name, filter_ in DEFAULT_VIEWS.items()}
