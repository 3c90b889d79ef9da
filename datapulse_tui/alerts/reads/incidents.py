"""The inbox: pages of incidents in any of its orders, with any filter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.filter_sql import visible, where
from datapulse_tui.alerts.filters import parse
from datapulse_tui.alerts.reads.incident_detail import get_incident
from datapulse_tui.alerts.reads.incident_rows import COLUMNS, JOINS, SAMPLES, make_row
from datapulse_tui.alerts.reads.planning import plan_for_values
from datapulse_tui.alerts.rules import VIEW
from datapulse_tui.data.glance import fetch
from datapulse_tui.data.page import decode_cursor, make_page
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.alerts.filter_sql import Where
    from datapulse_tui.alerts.views import IncidentRow
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page

__all__ = ["Order", "concerning", "get_incident", "list_incidents", "sparklines", "versions"]

Order = Literal["severity", "newest", "oldest"]
SPARKLINE_POINTS = 30

# Each order: its columns with their directions and types. Where a page goes on it is asked for once for each of them
# (the same severity and the same time, the same severity and older, less severe), so that each is a range of an index.
_PRIORITY = ("priority", "", int, "smallint")
_OPENED = ("opened_at", "DESC", datetime, "timestamptz")
_ORDERS: dict[Order, tuple[tuple[str, str, type, str], ...]] = {
    "severity": (_PRIORITY, _OPENED, ("id", "", UUID, "uuid")),
    "newest": (_OPENED, ("id", "", UUID, "uuid")),
    "oldest": (("opened_at", "", datetime, "timestamptz"), ("id", "DESC", UUID, "uuid")),
}


async def list_incidents(
    session: Reader,
    actor: Actor,
    *,
    filter: str = "",
    order: Order = "severity",
    after: str | None = None,
    limit: int = 200,
    alert_id: UUID | None = None,
) -> Page[IncidentRow]:
    """Incidents that `actor` may see and that `filter` (see filters.py) asks for, the most severe and newest first;
    only those of the rule `alert_id`, if given.

    Raises InvalidFilter with the position, NotAllowed without the right to view, Invalid for a cursor that is not ours.
    """
    actor.require(VIEW, "see incidents")
    now = datetime.now(UTC)
    wanted = parse(filter, now, ZoneInfo(actor.zone))
    condition = await where(session, actor, wanted)
    if alert_id is not None:
        condition.conditions.append(f"i.alert_id = CAST(:{condition.bind(alert_id)} AS uuid)")
    sql = page_sql(condition, order, decode_cursor(after, len(_ORDERS[order])) if after else None)
    await plan_for_values(session)
    rows = await fetch(session, sql, {**condition.params, "limit": limit + 1, "samples_after": now - SAMPLES})
    return make_page(
        rows, limit, lambda row: make_row(actor, row), lambda row: [getattr(row, key[0]) for key in _ORDERS[order]]
    )


def page_sql(condition: Where, order: Order, after: Sequence[Any] | None) -> str:
    """The statement of a page; what a cursor brought is bound in `condition`. The page is found first, by its order
    alone, and what stands in its rows is looked up for those."""
    keys = _ORDERS[order]
    columns = ", ".join(f"i.{name} {direction}" for name, direction, _, _ in keys)
    parts = [
        f"(SELECT i.id, i.priority, i.opened_at FROM alert_incidents i WHERE {condition.sql}{beyond} "  # noqa: S608
        f"ORDER BY {columns} LIMIT :limit)"
        for beyond in (_beyond(condition, keys, after) if after is not None else ("",))
    ]
    return (
        f"WITH page AS MATERIALIZED (SELECT * FROM ({' UNION ALL '.join(parts)}) i ORDER BY {columns} LIMIT :limit) "  # noqa: S608
        f"SELECT {COLUMNS} FROM page p JOIN alert_incidents i ON i.id = p.id {JOINS} ORDER BY {columns}"
    )


def _beyond(condition: Where, keys: Sequence[tuple[str, str, type, str]], after: Sequence[Any]) -> list[str]:
    """For each column of the order: the same before it, and beyond the cursor in it. The last column first."""
    same = ""
    found: list[str] = []
    for (name, direction, python_type, sql_type), value in zip(keys, after, strict=True):
        if not isinstance(value, python_type):
            raise Invalid("The page cursor belongs to another order.", hint="Start again from the first page.")
        bound = f"CAST(:{condition.bind(value)} AS {sql_type})"
        found.append(f"{same} AND i.{name} {'<' if direction else '>'} {bound}")
        same += f" AND i.{name} = {bound}"
    return found[::-1]


async def sparklines(session: Reader, rows: Sequence[IncidentRow]) -> dict[UUID, tuple[float, ...]]:
    """The newest samples of each incident's series by the incident's id, the newest last; () where there are none."""
    from datapulse_tui.alerts.history import recent

    found = await fetch(
        session,
        "SELECT id, series_id FROM alert_incidents WHERE id = ANY(CAST(:ids AS uuid[]))",
        {"ids": [row.id for row in rows]},
    )
    series = {row.id: row.series_id for row in found if row.series_id is not None}
    values = await recent(session, sorted(set(series.values())), points=SPARKLINE_POINTS)
    return {row.id: values.get(series.get(row.id, -1), ()) for row in rows}


async def concerning(session: Reader, actor: Actor, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of `ids` that concern the actor in person: they were to be told of them, or were given them."""
    rows = await fetch(
        session,
        "SELECT incident_id AS id FROM alert_notifications "
        "WHERE incident_id = ANY(CAST(:ids AS uuid[])) AND user_id = CAST(:me AS uuid)",
        {"ids": list(ids), "me": actor.user_id},
    )
    return frozenset(row.id for row in rows)


async def versions(session: Reader, actor: Actor, wanted: Sequence[UUID | int]) -> dict[UUID | int, tuple[UUID, int]]:
    """Id and version, as they are now, of incidents given by id or number; what is not visible is left out."""
    actor.require(VIEW, "see incidents")
    seen = visible(actor)
    rows = await fetch(
        session,
        "SELECT i.id, i.number, i.version FROM alert_incidents i "  # noqa: S608  (pieces of this program)
        f"WHERE (i.id = ANY(CAST(:ids AS uuid[])) OR i.number = ANY(CAST(:numbers AS bigint[]))) AND {seen.sql}",
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
