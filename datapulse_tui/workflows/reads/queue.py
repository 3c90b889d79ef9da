"""The queue: pages of requests in its lists, those with the least time left first, then what is decided, the newest
first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.reads.planning import plan_for_values
from datapulse_tui.data.glance import fetch
from datapulse_tui.data.page import decode_cursor, make_page
from datapulse_tui.errors import Invalid
from datapulse_tui.workflows.filter_sql import MY_DECISIONS, MY_VOTES, PENDING, SETTLED, parts, visible, where
from datapulse_tui.workflows.filters import RequestFilter, parse
from datapulse_tui.workflows.reads.rows import COLUMNS, JOINS, make_rows
from datapulse_tui.workflows.reads.standing import standing
from datapulse_tui.workflows.rules import VIEW_ALL, Scope

if TYPE_CHECKING:
    from datapulse_tui.alerts.filter_sql import Where
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page
    from datapulse_tui.workflows.views import RequestRow

MOST_WAITING = 50

Order = Literal["due", "newest"]


async def list_requests(
    session: Reader,
    actor: Actor,
    *,
    scope: Scope = Scope.FOR_ME,
    filter: str = "",
    order: Order = "due",
    after: str | None = None,
    limit: int = 200,
) -> Page[RequestRow]:
    """Requests of a list that `filter` (see filters.py) asks for: what is pending by the time left or, with `order`
    "newest", the newest first, and behind it what is decided.

    Without a state in the filter, those for the actor are those that wait for them (and what was decided a moment ago
    and can be taken back), and all requests are those that are pending. Raises InvalidFilter with the position,
    NotAllowed for all requests without the right to see them, Invalid for a cursor that is not ours.
    """
    if scope is Scope.ALL:
        actor.require(VIEW_ALL, "see everybody's requests")
    now = datetime.now(UTC)
    wanted = parse(filter, now, ZoneInfo(actor.zone))
    mine = await standing(session, actor)
    condition = await where(session, actor, mine, scope, wanted)
    sql = page_sql(condition, scope, wanted, decode_cursor(after, 3) if after else None, order)
    await plan_for_values(session)
    rows = await fetch(session, sql, {**condition.params, "limit": limit + 1})
    shown = await make_rows(session, actor, rows[:limit], mine)
    by_id = {row.id: row for row in shown}
    return make_page(rows, limit, lambda row: by_id[row.id], lambda row: [row.part, row.at, row.id])


async def waiting(session: Reader, actor: Actor, limit: int = MOST_WAITING) -> tuple[RequestRow, ...]:
    """The requests that wait for `actor`, those with the least time left first; what is decided waits for nobody."""
    mine = await standing(session, actor)
    condition = await where(session, actor, mine, Scope.FOR_ME, RequestFilter())
    condition.conditions.append("w.final_at IS NULL")
    await plan_for_values(session)
    sql = page_sql(condition, Scope.FOR_ME, RequestFilter(), None)
    return await make_rows(session, actor, await fetch(session, sql, {**condition.params, "limit": limit}), mine)


async def versions(session: Reader, actor: Actor, wanted: Sequence[UUID | int]) -> dict[UUID | int, tuple[UUID, int]]:
    """Id and version, as they are now, of requests given by id or number; what is not visible is left out."""
    seen = visible(actor, await standing(session, actor))
    rows = await fetch(
        session,
        "SELECT w.id, w.number, w.version FROM workflows w "  # noqa: S608  (pieces of this program)
        f"WHERE (w.id = ANY(CAST(:ids AS uuid[])) OR w.number = ANY(CAST(:numbers AS bigint[]))) AND {seen.sql}",
        {
            "ids": [each for each in wanted if isinstance(each, UUID)],
            "numbers": [each for each in wanted if isinstance(each, int)],
        }
        | (seen.params if seen.conditions else {}),
    )
    known: dict[UUID | int, tuple[UUID, int]] = {}
    for row in rows:
        known[row.id] = known[row.number] = (row.id, row.version)
    return {each: known[each] for each in wanted if each in known}


# -- the order ---------------------------------------------------------------------------------------------------------

_FIRST, _SECOND = 0, 1  # the parts of a list: what is pending, and what is decided
_NEWEST = "coalesce(w.decided_at, w.created_at)"  # word for word what the index says


def page_sql(
    condition: Where, scope: Scope, wanted: RequestFilter, after: Sequence[Any] | None, order: Order = "due"
) -> str:
    """The statement of a page; what a cursor brought is bound in `condition`. The page is found first, by its order
    alone, and what stands in its rows is looked up for those."""
    pending, settled = parts(scope, wanted)
    voted = f" AND {MY_VOTES}" if scope is Scope.DECIDED else ""
    decided = [f" AND {each}" for each in MY_DECISIONS] if scope is Scope.DECIDED else [""]
    found = []
    if pending and order == "newest":
        found += [
            f"(SELECT w.id, {_FIRST} AS part, w.created_at AS at FROM workflows w "  # noqa: S608
            f"WHERE {PENDING} AND {condition.sql}{voted}{beyond} ORDER BY w.created_at DESC, w.id LIMIT :limit)"
            for beyond in _beyond_newest(condition, "w.created_at", after, _FIRST)
        ]
    elif pending:
        found += [
            f"(SELECT w.id, {_FIRST} AS part, w.due_at AS at FROM workflows w "  # noqa: S608
            f"WHERE {PENDING} AND {condition.sql}{voted}{beyond} ORDER BY w.due_at, w.id LIMIT :limit)"
            for beyond in _beyond_due(condition, after)
        ]
    if settled:
        found += [
            f"(SELECT w.id, {_SECOND} AS part, {_NEWEST} AS at FROM workflows w "  # noqa: S608
            f"WHERE {SETTLED} AND {condition.sql}{mine}{beyond} ORDER BY {_NEWEST} DESC, w.id LIMIT :limit)"
            for beyond in _beyond_newest(condition, _NEWEST, after, _SECOND)
            for mine in decided
        ]
    if not found:
        found = [f"(SELECT w.id, {_FIRST} AS part, w.due_at AS at FROM workflows w WHERE false AND {condition.sql})"]  # noqa: S608
    by_due = _FIRST if order == "due" else -1  # the part that begins with the earliest
    sorting = (
        f"p.part, CASE p.part WHEN {by_due} THEN p.at END ASC NULLS LAST, "
        f"CASE p.part WHEN {by_due} THEN NULL ELSE p.at END DESC NULLS LAST, p.id"
    )
    return (
        f"WITH page AS MATERIALIZED (SELECT * FROM ({' UNION ALL '.join(found)}) p ORDER BY {sorting} LIMIT :limit) "  # noqa: S608
        f"SELECT {COLUMNS}, p.part, p.at FROM page p JOIN workflows w ON w.id = p.id {JOINS} ORDER BY {sorting}"
    )


def _beyond_due(condition: Where, after: Sequence[Any] | None) -> list[str]:
    """What comes after the cursor among what is pending, in parts that are each a range of the index. A request
    without a due time (made before there were any) is the last."""
    if after is None:
        return [""]
    part, at, last = _checked(after)
    if part != _FIRST:
        return []
    last_id = f"CAST(:{condition.bind(last)} AS uuid)"
    if at is None:
        return [f" AND w.due_at IS NULL AND w.id > {last_id}"]
    due = f"CAST(:{condition.bind(at)} AS timestamptz)"
    return [f" AND w.due_at = {due} AND w.id > {last_id}", f" AND w.due_at > {due}", " AND w.due_at IS NULL"]


def _beyond_newest(condition: Where, newest: str, after: Sequence[Any] | None, of: int) -> list[str]:
    """What comes after the cursor in the part `of`, which begins with the newest."""
    if after is None:
        return [""]
    part, at, last = _checked(after)
    if part != of:
        return [""] if part < of else []
    moment = f"CAST(:{condition.bind(at)} AS timestamptz)"
    last_id = f"CAST(:{condition.bind(last)} AS uuid)"
    return [f" AND {newest} = {moment} AND w.id > {last_id}", f" AND {newest} < {moment}"]


def _checked(after: Sequence[Any]) -> tuple[int, datetime | None, UUID]:
    part, at, last = after
    if (
        part not in (_FIRST, _SECOND)
        or not isinstance(last, UUID)
        or not (isinstance(at, datetime) or (at is None and part == _FIRST))
    ):
        raise Invalid("The page cursor belongs to another order.", hint="Start again from the first page.")
    return part, at, last
