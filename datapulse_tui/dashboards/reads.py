"""What screens and commands read of dashboards: frozen dataclasses, each read one round trip.

The list stands on the way to a usable desk, so this module imports nothing heavy: its statements are plain SQL, which
spares the import of the models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from datapulse_tui.dashboards.rules import VIEW, Permission, Position, Scope, permission_of
from datapulse_tui.errors import Invalid, NotFound

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.dashboards.timerange import TimeRange
    from datapulse_tui.dashboards.variables import Variable
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page

STAR_PREFIX = "star:dashboard:"
Order = Literal["name", "updated"]


@dataclass(frozen=True, slots=True)
class DashboardRow:
    """A dashboard in a list. `permission` is what the reader may do with it; `widgets` counts them."""

    id: UUID
    name: str
    description: str
    owner_id: UUID
    owner_name: str
    owner_email: str
    is_public: bool
    permission: Permission
    starred: bool
    widgets: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WidgetView:
    """One widget. `options` are those of its type (charts.options); `source_name` is empty where it has no source."""

    id: UUID
    title: str
    type: str
    source_id: UUID | None
    source_name: str
    query: str
    options: Mapping[str, Any]
    position: Position


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A person that a dashboard is shared with; `permission` is view or edit."""

    user_id: UUID
    name: str
    email: str
    permission: str


@dataclass(frozen=True, slots=True)
class DashboardView:
    """A dashboard with its widgets in reading order. `shares` is empty for those who may not administer it."""

    id: UUID
    name: str
    description: str
    owner_id: UUID
    owner_name: str
    owner_email: str
    is_public: bool
    permission: Permission
    starred: bool
    refresh_seconds: int | None
    time_range: TimeRange
    variables: tuple[Variable, ...]
    widgets: tuple[WidgetView, ...]
    shares: tuple[ShareRow, ...]
    updated_at: datetime

    def widget(self, widget_id: UUID) -> WidgetView:
        """The widget with that id; NotFound when it is gone."""
        for widget in self.widgets:
            if widget.id == widget_id:
                return widget
        raise NotFound("This widget is no longer on the dashboard.", hint="Open the dashboard again.")


_FROM = """
FROM dashboards d
JOIN users u ON u.id = d.user_id
LEFT JOIN dashboard_shares s ON s.dashboard_id = d.id AND s.user_id = CAST(:me AS uuid)
LEFT JOIN user_preferences p ON p.user_id = CAST(:me AS uuid) AND p.key = 'star:dashboard:' || d.id
"""
_HEAD = """
SELECT d.id, d.name, coalesce(d.description, '') AS description, d.is_public, d.updated_at, d.user_id,
       u.name AS owner_name, u.email AS owner_email, s.permission AS share, p.key IS NOT NULL AS starred
"""
_VISIBLE = "(d.user_id = CAST(:me AS uuid) OR s.user_id IS NOT NULL OR d.is_public OR :manage)"
_SCOPES = {
    Scope.ALL: "true",
    Scope.MINE: "d.user_id = CAST(:me AS uuid)",
    Scope.SHARED: "s.user_id IS NOT NULL AND d.user_id IS DISTINCT FROM CAST(:me AS uuid)",
    Scope.PUBLIC: "d.is_public",
}
_WORD = (
    "(" + " OR ".join(f"{column} ILIKE :word{{0}}" for column in ("d.name", "d.description", "u.name", "u.email")) + ")"
)
# Each order: the sort columns, and the condition for what comes after a cursor of their values.
_ORDERS: dict[Order, tuple[str, str]] = {
    "name": (
        "starred DESC, lower(d.name), d.id",
        "((p.key IS NOT NULL) < :a OR ((p.key IS NOT NULL) = :a AND (lower(d.name), d.id) > (:b, CAST(:c AS uuid))))",
    ),
    "updated": (
        "starred DESC, d.updated_at DESC, d.id",
        "((p.key IS NOT NULL) < :a OR ((p.key IS NOT NULL) = :a AND (d.updated_at < CAST(:b AS timestamptz) "
        "OR (d.updated_at = CAST(:b AS timestamptz) AND d.id > CAST(:c AS uuid)))))",
    ),
}

_SORT_TYPES: dict[Order, type] = {"name": str, "updated": datetime}


async def list_dashboards(
    session: Reader,
    actor: Actor,
    *,
    scope: Scope | str = Scope.ALL,
    text: str = "",
    order: Order = "name",
    after: str | None = None,
    limit: int = 200,
) -> Page[DashboardRow]:
    """Dashboards that `actor` may view, starred ones first, then by name or newest change.

    `text`: each of its words must be in the name, the description, or the owner's name or address. `after` is the
    `next` of the page before. Raises NotAllowed without the right to view, Invalid for a cursor that is not ours.
    """
    from datapulse_tui.data.glance import fetch
    from datapulse_tui.data.page import decode_cursor, make_page

    actor.require(VIEW, "see dashboards")
    columns, beyond = _ORDERS[order]
    params: dict[str, Any] = {"me": actor.user_id, "manage": actor.can("dashboard:manage"), "limit": limit + 1}
    conditions = [_VISIBLE, _SCOPES[Scope(scope)]]
    for index, word in enumerate(text.split()[:10]):
        conditions.append(_WORD.format(index))
        params[f"word{index}"] = f"%{_literal(word)}%"
    if after is not None:
        starred, sort_value, last_id = decode_cursor(after, 3)
        if not (isinstance(starred, bool) and isinstance(sort_value, _SORT_TYPES[order]) and isinstance(last_id, UUID)):
            raise Invalid("The page cursor belongs to another order.", hint="Start again from the first page.")
        params |= {"a": starred, "b": sort_value, "c": last_id}
        conditions.append(beyond)
    rows = await fetch(
        session,
        f"{_HEAD}, lower(d.name) AS sort_name, "  # noqa: S608  (pieces of this module, values are bound)
        f"(SELECT count(*) FROM widgets w WHERE w.dashboard_id = d.id) AS widgets {_FROM} "
        f"WHERE {' AND '.join(conditions)} ORDER BY {columns} LIMIT :limit",
        params,
    )
    by_name = order == "name"
    return make_page(
        rows,
        limit,
        lambda row: _row(actor, row),
        lambda row: (row.starred, row.sort_name if by_name else row.updated_at, row.id),
    )


async def get_dashboard(session: Reader, actor: Actor, dashboard_id: UUID) -> DashboardView:
    """The dashboard with its widgets; NotFound when it is not there or not visible to `actor`."""
    from datapulse_tui.dashboards.timerange import DEFAULT_RANGE, TimeRange
    from datapulse_tui.dashboards.variables import Variable
    from datapulse_tui.data.glance import fetch

    row = next(iter(await fetch(session, _VIEW, {"me": actor.user_id, "id": dashboard_id})), None)
    permission = _permission(actor, row) if row is not None else None
    if row is None or permission is None:
        raise missing()
    layout: Mapping[str, Any] = row.layout
    shares = row.shares if permission.may_administer else []
    return DashboardView(
        id=row.id,
        name=row.name,
        description=row.description,
        owner_id=row.user_id,
        owner_name=row.owner_name,
        owner_email=row.owner_email,
        is_public=row.is_public,
        permission=permission,
        starred=row.starred,
        refresh_seconds=layout.get("refresh_seconds"),
        time_range=TimeRange.parse(layout["time_range"]) if layout.get("time_range") else DEFAULT_RANGE,
        variables=tuple(Variable.from_json(each) for each in layout.get("variables") or ()),
        widgets=tuple(sorted((_widget(each) for each in row.widgets), key=lambda each: (each.position, each.id))),
        shares=tuple(
            ShareRow(UUID(each["user_id"]), each["name"], each["email"], each["permission"]) for each in shares
        ),
        updated_at=row.updated_at,
    )


async def find_dashboard(session: AsyncSession, actor: Actor, name: str, *, owner_email: str = "") -> UUID:
    """The id of the dashboard called `name` that `actor` may view; their own wins over others of the same name.

    Raises NotFound, or Invalid naming the owners where several people have one and none of them is the actor.
    """
    from sqlalchemy import text as statement

    actor.require(VIEW, "see dashboards")
    rows = (
        await session.execute(
            statement(
                f"SELECT d.id, d.user_id, u.email {_FROM} WHERE d.name = :name AND {_VISIBLE} "
                "AND (:owner = '' OR u.email = lower(:owner)) ORDER BY u.email"
            ),
            {"me": actor.user_id, "manage": actor.can("dashboard:manage"), "name": name, "owner": owner_email},
        )
    ).all()
    own = [row for row in rows if row.user_id == actor.user_id]
    if len(own or rows) > 1:
        owners = ", ".join(row.email for row in rows[:10])
        raise Invalid(
            f"Several people have a dashboard called {name!r}: {owners}.", hint="Say whose with --owner EMAIL."
        )
    if not rows:
        raise NotFound(
            f"There is no dashboard called {name!r} that you may see.", hint="`datapulse dashboard list` shows them."
        )
    found: UUID = (own or rows)[0].id
    return found


def missing() -> NotFound:
    """The error for a dashboard that is not there, or not visible; the two look the same."""
    return NotFound(
        "There is no such dashboard, or it is not shared with you.",
        hint="Ask its owner to share it, or look for another in the list.",
    )


def star_key(dashboard_id: UUID) -> str:
    """The key of a person's preference that stars a dashboard."""
    return f"{STAR_PREFIX}{dashboard_id}"


_VIEW = f"""
{_HEAD}, d.layout,
       coalesce((SELECT jsonb_agg(jsonb_build_object('id', w.id, 'type', w.type, 'config', w.config, 'query', w.query,
                                                     'position', w.position, 'source_id', w.data_source_id,
                                                     'source_name', c.name))
                 FROM widgets w LEFT JOIN data_sources c ON c.id = w.data_source_id
                 WHERE w.dashboard_id = d.id), '[]') AS widgets,
       coalesce((SELECT jsonb_agg(jsonb_build_object('user_id', t.user_id, 'name', v.name, 'email', v.email,
                                                     'permission', t.permission) ORDER BY v.email)
                 FROM dashboard_shares t JOIN users v ON v.id = t.user_id
                 WHERE t.dashboard_id = d.id), '[]') AS shares
{_FROM}
WHERE d.id = :id
"""  # noqa: S608  (pieces of this module, values are bound)


def _permission(actor: Actor, row: Row[Any]) -> Permission | None:
    return permission_of(actor, row.user_id, is_public=row.is_public, share=row.share)


def _row(actor: Actor, row: Row[Any]) -> DashboardRow:
    return DashboardRow(
        id=row.id,
        name=row.name,
        description=row.description,
        owner_id=row.user_id,
        owner_name=row.owner_name,
        owner_email=row.owner_email,
        is_public=row.is_public,
        permission=_permission(actor, row) or Permission.VIEW,
        starred=row.starred,
        widgets=row.widgets,
        updated_at=row.updated_at,
    )


def _widget(value: Mapping[str, Any]) -> WidgetView:
    position, config = value["position"], value["config"]
    return WidgetView(
        id=UUID(value["id"]),
        title=config.get("title", ""),
        type=value["type"],
        source_id=UUID(value["source_id"]) if value["source_id"] else None,
        source_name=value["source_name"] or "",
        query=value["query"] or "",
        options=config.get("options") or {},
        position=Position(position.get("y", 0), position.get("x", 0), position.get("w", 6), position.get("h", 4)),
    )


def _literal(word: str) -> str:
    """`word` for LIKE, where it stands for itself."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
