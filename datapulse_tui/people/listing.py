"""The list of people: pages in any of its orders, with any filter, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import UUID

from datapulse_tui.data.glance import fetch
from datapulse_tui.data.page import decode_cursor, make_page
from datapulse_tui.errors import Invalid
from datapulse_tui.people.filter_sql import LAST_LOGIN, Where, where
from datapulse_tui.people.filters import parse
from datapulse_tui.people.locks import delayed
from datapulse_tui.people.rules import NO_PASSWORD
from datapulse_tui.people.views import PersonRow

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page

VIEW = "user:view"
WHAT = "see everybody's account"
LARGEST_PAGE = 1_000
BOUND = 1_000  # people that are counted

Order = Literal["name", "email", "seen", "created"]
ORDERS: tuple[Order, ...] = ("name", "email", "seen", "created")


class _Key(NamedTuple):
    """An order: its column as its index has it, what of a row goes into a cursor, its types, and its direction."""

    column: str
    field: str
    sql_type: str
    python_type: type
    direction: str = ""


_KEYS: dict[Order, _Key] = {
    "name": _Key("u.name", "name", "text", str),
    "email": _Key("u.email", "email", "text", str),
    "seen": _Key(LAST_LOGIN, "last_login", "timestamptz", datetime, "DESC"),
    "created": _Key("u.created_at", "created_at", "timestamptz", datetime, "DESC"),
}

COLUMNS = f"""
u.id, u.email, u.name, u.role, u.status, u.department_id, d.name AS department, u.phone, u.timezone,
u.password <> '{NO_PASSWORD}' AS has_password, u.last_login, u.created_at, u.updated_at,
ARRAY(SELECT r.name FROM user_roles m JOIN roles r ON r.id = m.role_id WHERE m.user_id = u.id
      ORDER BY lower(r.name), r.name) AS custom,
(SELECT i.expires_at FROM invitations i
 WHERE i.user_id = u.id AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()) AS invited_until
"""  # noqa: S608  (pieces of this program, values are bound)
_PLANNING = """
SELECT set_config('plan_cache_mode', 'force_custom_plan', true) AS plan,
       set_config('random_page_cost', '1.1', true) AS cost
"""
JOINS = "LEFT JOIN departments d ON d.id = u.department_id"


async def list_people(
    session: Reader,
    actor: Actor,
    *,
    filter: str = "",
    order: Order = "name",
    after: str | None = None,
    limit: int = 200,
) -> Page[PersonRow]:
    """People that `filter` (see filters.py) asks for, by name or address, or those who signed in last or are the newest
    first.

    Raises NotAllowed without `user:view`, InvalidFilter with the position, Invalid for a limit or a cursor.
    """
    actor.require(VIEW, WHAT)
    if not 1 <= limit <= LARGEST_PAGE:
        raise Invalid(f"A page holds 1 to {LARGEST_PAGE} people.", hint="Ask for the next page with its cursor.")
    condition = await where(session, parse(filter), datetime.now(UTC))
    sql = page_sql(condition, order, decode_cursor(after, 2) if after else None)
    await _plan_for_lists(session)
    found = await fetch(session, sql, {**condition.params, "limit": limit + 1})
    rows = await make_rows(session, found[:limit])
    by_id = {row.id: row for row in rows}
    field = _KEYS[order].field
    return make_page(found, limit, lambda row: by_id[row.id], lambda row: [getattr(row, field), row.id])


async def these_people(session: Reader, actor: Actor, ids: Sequence[UUID]) -> tuple[PersonRow, ...]:
    """The people of these ids as they are now, in their order; those that are not there are left out.

    Raises NotAllowed without `user:view`.
    """
    actor.require(VIEW, WHAT)
    sql = f"SELECT {COLUMNS} FROM users u {JOINS} WHERE u.id = ANY(CAST(:ids AS uuid[]))"  # noqa: S608
    rows = await make_rows(session, await fetch(session, sql, {"ids": list(ids)}))
    by_id = {row.id: row for row in rows}
    return tuple(by_id[each] for each in dict.fromkeys(ids) if each in by_id)


async def count(session: Reader, actor: Actor, filter: str, bound: int = BOUND) -> int:
    """How many people `filter` asks for, counted to one more than `bound` at most: it costs the same however many
    there are. Raises InvalidFilter, and NotAllowed without `user:view`."""
    actor.require(VIEW, WHAT)
    condition = await where(session, parse(filter), datetime.now(UTC))
    await _plan_for_lists(session)
    found = await fetch(
        session,
        f"SELECT count(*) AS number FROM (SELECT 1 FROM users u WHERE {condition.sql} LIMIT :bound) counted",  # noqa: S608
        {**condition.params, "bound": bound + 1},
    )
    return int(found[0].number)


def page_sql(condition: Where, order: Order, after: Sequence[Any] | None) -> str:
    """The statement of a page; what a cursor brought is bound in `condition`. The page is found first, by its order
    alone, and what stands in its rows is looked up for those."""
    key = _KEYS[order]
    unique = order == "email"
    direction = f" {key.direction}" if key.direction else ""
    by = f"{key.column}{direction}" + ("" if unique else f", u.id{direction}")
    beyond = f" AND {_beyond(condition, key, unique, after)}" if after is not None else ""
    page = f"SELECT u.id FROM users u WHERE {condition.sql}{beyond} ORDER BY {by} LIMIT :limit"  # noqa: S608
    if order != "name" and (condition.few or (condition.searches and unique)):
        # Those who are looked for may stand together at the end of this order, where reading along its index costs a
        # multiple of reading everybody. That of the names has in it what is asked for.
        found = f"SELECT u.id, {key.column} AS place FROM users u WHERE {condition.sql}{beyond} OFFSET 0"  # noqa: S608
        page = f"SELECT id FROM ({found}) f ORDER BY place{direction}, id{direction} LIMIT :limit"  # noqa: S608
    return (
        f"WITH page AS MATERIALIZED ({page}) "  # noqa: S608
        f"SELECT {COLUMNS} FROM page p JOIN users u ON u.id = p.id {JOINS} ORDER BY {by}"
    )


def _beyond(condition: Where, key: _Key, unique: bool, after: Sequence[Any]) -> str:  # noqa: FBT001
    """The condition for what comes after the cursor, as a range of the order's index."""
    value, last = after
    never = value is None and key.field == "last_login"
    if not isinstance(last, UUID) or not (never or isinstance(value, key.python_type)):
        raise Invalid("The page cursor belongs to another order.", hint="Start again from the first page.")
    comparison = "<" if key.direction else ">"
    bound = "CAST('-infinity' AS timestamptz)" if never else f"CAST(:{condition.bind(value)} AS {key.sql_type})"
    if unique:
        return f"{key.column} {comparison} {bound}"
    return f"({key.column}, u.id) {comparison} ({bound}, CAST(:{condition.bind(last)} AS uuid))"


async def make_rows(session: Reader, rows: Sequence[Any]) -> tuple[PersonRow, ...]:
    """The people of rows of COLUMNS, with who has to wait."""
    waits = await delayed(session, [row.email for row in rows])
    return tuple(
        PersonRow(
            id=row.id,
            email=row.email,
            name=row.name,
            role=row.role,
            status=row.status,
            department_id=row.department_id,
            department=row.department,
            phone=row.phone,
            zone=row.timezone or "UTC",
            has_password=row.has_password,
            last_login=row.last_login,
            created_at=row.created_at,
            updated_at=row.updated_at,
            custom_roles=tuple(row.custom),
            locked_until=waits.get(row.email),
            invited_until=row.invited_until,
        )
        for row in rows
    )


async def _plan_for_lists(session: Reader) -> None:
    """Have the statements of this transaction planned for the values that they get, and for indexes in memory.

    The driver prepares what it sends often, and a plan for any value reads everybody where one for these reads two
    hundred. Reckoned with the costs of a turning disk, the index that carries what people are filtered by seems dearer
    than the table.
    """
    await fetch(session, _PLANNING, {})
