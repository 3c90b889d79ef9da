"""How many requests there are, counted up to a bound: a count that costs the same however many there are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.reads.counts import BOUND, bounded
from datapulse_tui.alerts.reads.planning import plan_for_values
from datapulse_tui.alerts.views import Count
from datapulse_tui.data.glance import fetch
from datapulse_tui.workflows.filter_sql import MY_DECISIONS, MY_VOTES, PENDING, SETTLED, parts, where
from datapulse_tui.workflows.filters import RequestFilter, parse
from datapulse_tui.workflows.reads.standing import standing
from datapulse_tui.workflows.rules import VIEW_ALL, Scope

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

# Views that everybody has: name -> filter over what is for them. They are nowhere stored.
DEFAULT_VIEWS = {"For me": "", "Late": "late:yes", "Pressing": "priority:critical,high", "Claimed by me": "assigned:me"}


async def count(
    session: Reader, actor: Actor, filter: str, bound: int = BOUND, *, scope: Scope = Scope.FOR_ME
) -> Count:
    """How many requests of a list `filter` asks for; beyond `bound` the count is not exact.

    Raises InvalidFilter, and NotAllowed for all requests without the right to see them.
    """
    if scope is Scope.ALL:
        actor.require(VIEW_ALL, "see everybody's requests")
    wanted = parse(filter, datetime.now(UTC), ZoneInfo(actor.zone))
    return await _count(session, actor, scope, wanted, "", bound)


async def badge(session: Reader, actor: Actor) -> Count:
    """How many requests wait for `actor` to decide them."""
    return await _count(session, actor, Scope.FOR_ME, RequestFilter(), " AND w.final_at IS NULL", BOUND)


async def default_counts(session: Reader, actor: Actor) -> dict[str, Count]:
    """How much is in each of DEFAULT_VIEWS, by name."""
    return {name: await count(session, actor, filter_) for name, filter_ in DEFAULT_VIEWS.items()}


async def _count(session: Reader, actor: Actor, scope: Scope, wanted: RequestFilter, and_: str, bound: int) -> Count:
    condition = await where(session, actor, await standing(session, actor), scope, wanted)
    await plan_for_values(session)
    pending, settled = parts(scope, wanted)
    status = {(True, False): PENDING, (False, True): SETTLED, (True, True): "true"}.get((pending, settled), "false")
    if scope is Scope.DECIDED:
        decided = " OR ".join(f"({each})" for each in MY_DECISIONS)
        and_ += f" AND (({PENDING} AND {MY_VOTES}) OR ({SETTLED} AND ({decided})))"
    found = await fetch(
        session,
        f"SELECT count(*) AS number FROM (SELECT 1 FROM workflows w "  # noqa: S608
        f"WHERE {status} AND {condition.sql}{and_} LIMIT :bound) counted",
        {**condition.params, "bound": bound + 1},
    )
    return bounded(found[0].number, bound)
