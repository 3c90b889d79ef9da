"""How many incidents there are, counted up to a bound: a count that costs the same however many there are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.filter_sql import where
from datapulse_tui.alerts.filters import parse
from datapulse_tui.alerts.reads.planning import plan_for_values
from datapulse_tui.alerts.rules import VIEW
from datapulse_tui.alerts.views import Count
from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

BOUND = 1_000
BADGE = "state:triggered"


async def count(session: Reader, actor: Actor, filter: str, bound: int = BOUND) -> Count:
    """How many incidents that `actor` may see `filter` asks for; beyond `bound` the count is not exact.

    Raises InvalidFilter, and NotAllowed without the right to view.
    """
    actor.require(VIEW, "see incidents")
    condition = await where(session, actor, parse(filter, datetime.now(UTC), ZoneInfo(actor.zone)))
    await plan_for_values(session)
    found = await fetch(
        session,
        f"SELECT count(*) AS number FROM (SELECT 1 FROM alert_incidents i WHERE {condition.sql} LIMIT :bound) counted",  # noqa: S608
        {**condition.params, "bound": bound + 1},
    )
    return bounded(found[0].number, bound)


def bounded(number: int, bound: int = BOUND) -> Count:
    """The count of what was counted to one more than `bound`."""
    return Count(min(number, bound), exact=number <= bound)


async def badge(session: Reader, actor: Actor) -> Count:
    """How many incidents wait for somebody to take them: triggered, and visible to `actor`."""
    return await count(session, actor, BADGE)
