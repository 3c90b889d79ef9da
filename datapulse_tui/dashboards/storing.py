"""Writing a dashboard as code into its rows. Rights and meaning were checked before (`applying`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.dashboards.reads import DashboardView, WidgetView
from datapulse_tui.dashboards.schemas import DashboardDoc, WidgetDoc
from datapulse_tui.errors import Conflict

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor


async def write_dashboard(
    session: AsyncSession, owner: UUID, document: DashboardDoc, existing: DashboardView | None
) -> UUID:
    """Make or change the dashboard's own row; returns its id. Raises Conflict when one of that name was just made."""
    from sqlalchemy import func, update
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.dashboards import Dashboard

    layout: dict[str, Any] = {"variables": [variable.plain() for variable in document.variables]}
    if document.refresh_seconds is not None:
        layout["refresh_seconds"] = document.refresh_seconds
    if document.range is not None:
        layout["time_range"] = document.range.to_json()
    values = {"description": document.description, "is_public": document.public, "layout": layout}
    if existing is not None:
        # The time of the change is the dashboard's also when only a widget changed.
        changed = update(Dashboard).where(Dashboard.id == existing.id).values(**values, updated_at=func.now())
        await session.execute(changed)
        return existing.id
    statement = insert(Dashboard).values(user_id=owner, name=document.name, **values)
    made: UUID | None = await session.scalar(
        statement.on_conflict_do_nothing(index_elements=["user_id", "name"]).returning(Dashboard.id)
    )
    if made is None:
        raise Conflict(
            f"A dashboard called {document.name!r} was made at the same moment. Nothing was changed.",
            hint="Apply the file again; it then changes that one.",
        )
    return made


def match_widgets(wanted: Sequence[WidgetDoc], existing: Sequence[WidgetView]) -> list[WidgetView | None]:
    """For each wanted widget the one there already that it is: by title and place, else by title, else by place."""
    free = list(existing)
    matched: list[WidgetView | None] = [None] * len(wanted)
    keys = (
        (lambda each: (each.title, each.position.place.x, each.position.place.y), _title_and_place),
        (lambda each: each.title, lambda each: each.title),
        (lambda each: (each.position.place.x, each.position.place.y), lambda each: (each.position.x, each.position.y)),
    )
    for of_wanted, of_existing in keys:
        for index, widget in enumerate(wanted):
            if matched[index] is None:
                same = next((each for each in free if of_existing(each) == of_wanted(widget)), None)
                if same is not None:
                    free.remove(same)
                    matched[index] = same
    return matched


def _title_and_place(widget: WidgetView) -> tuple[str, int, int]:
    return widget.title, widget.position.x, widget.position.y


async def write_widgets(
    session: AsyncSession,
    dashboard_id: UUID,
    wanted: Sequence[WidgetDoc],
    existing: Sequence[WidgetView],
    sources: Mapping[str, UUID],
) -> None:
    """Make the widgets those that are wanted: changed ones in place, new ones added, the rest deleted."""
    from sqlalchemy import delete, insert, update

    from datapulse_tui.data.models.dashboards import Widget

    matched = match_widgets(wanted, existing)
    kept = {each.id for each in matched if each is not None}
    gone = [each.id for each in existing if each.id not in kept]
    if gone:
        await session.execute(delete(Widget).where(Widget.id.in_(gone)))
    fresh: list[dict[str, Any]] = []
    for widget, same in zip(wanted, matched, strict=True):
        values: dict[str, Any] = {
            "type": widget.type,
            "data_source_id": sources[widget.source] if widget.source else None,
            "query": widget.query,
            "config": {"title": widget.title, "options": dict(widget.config)},
            "position": widget.position.model_dump(),
        }
        if same is None:
            fresh.append({"dashboard_id": dashboard_id, **values})
        elif not _equal(widget, same):
            await session.execute(update(Widget).where(Widget.id == same.id).values(**values))
    if fresh:
        await session.execute(insert(Widget), fresh)


def _equal(wanted: WidgetDoc, there: WidgetView) -> bool:
    texts = (wanted.title, wanted.type, wanted.source or "", wanted.query or "")
    same_texts = texts == (there.title, there.type, there.source_name, there.query)
    return same_texts and wanted.config == there.options and wanted.position.place == there.position


async def write_shares(
    session: AsyncSession, actor: Actor, dashboard_id: UUID, document: DashboardDoc, people: Mapping[str, UUID]
) -> None:
    """Make the shares those of the document; `people` are ids by address."""
    from sqlalchemy import delete
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.dashboards import DashboardShare

    of_this = DashboardShare.dashboard_id == dashboard_id
    await session.execute(delete(DashboardShare).where(of_this, DashboardShare.user_id.not_in(people.values())))
    for each in document.shares or ():
        statement = insert(DashboardShare).values(
            dashboard_id=dashboard_id, user_id=people[each.email], permission=each.permission, shared_by=actor.user_id
        )
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["dashboard_id", "user_id"], set_={"permission": each.permission}
            )
        )
