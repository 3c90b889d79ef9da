"""What changes dashboards. Each verb checks the right, locks, writes, records and tells the desks, in the caller's
transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.dashboards import rules
from datapulse_tui.dashboards.reads import DashboardView, get_dashboard, missing, star_key
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.models.people import User

TOPIC = "dashboards"


async def share(session: AsyncSession, actor: Actor, dashboard_id: UUID, email: str, permission: str) -> None:
    """Share a dashboard with the person at `email`, to `view` or to `edit`; a share that they have is changed.

    Raises NotFound for a dashboard that the actor may not view or an address of nobody, NotAllowed, Invalid.
    """
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.dashboards import DashboardShare

    if permission not in ("view", "edit"):
        raise Invalid(f"A dashboard is shared to view or to edit, not to {permission!r}. Nothing was changed.")
    view = await open_to_administer(session, actor, dashboard_id, "share this dashboard", rules.SHARE)
    person = await active_person(session, email)
    if person.id == view.owner_id:
        raise Invalid(f"{person.email} owns this dashboard. Nothing was changed.", hint="Name somebody else.")
    before = next((each.permission for each in view.shares if each.user_id == person.id), None)
    if before == permission:
        return
    statement = insert(DashboardShare).values(
        dashboard_id=dashboard_id, user_id=person.id, permission=permission, shared_by=actor.user_id
    )
    await session.execute(
        statement.on_conflict_do_update(index_elements=["dashboard_id", "user_id"], set_={"permission": permission})
    )
    was = {"email": person.email, "permission": before} if before else None
    await _told(
        session, actor, "dashboard.shared", dashboard_id, was, {"email": person.email, "permission": permission}
    )


async def unshare(session: AsyncSession, actor: Actor, dashboard_id: UUID, email: str) -> None:
    """Take back the share of the person at `email`. Raises NotFound when there is none, NotAllowed."""
    from sqlalchemy import delete

    from datapulse_tui.data.models.dashboards import DashboardShare

    view = await open_to_administer(session, actor, dashboard_id, "take back a share of this dashboard", rules.SHARE)
    found = next((each for each in view.shares if each.email == email.strip().lower()), None)
    if found is None:
        raise NotFound(f"The dashboard {view.name!r} is not shared with {email!r}. Nothing was changed.")
    mine = (DashboardShare.dashboard_id == dashboard_id) & (DashboardShare.user_id == found.user_id)
    await session.execute(delete(DashboardShare).where(mine))
    was = {"email": found.email, "permission": found.permission}
    await _told(session, actor, "dashboard.unshared", dashboard_id, was, None)


async def set_public(session: AsyncSession, actor: Actor, dashboard_id: UUID, *, public: bool) -> None:
    """Show a dashboard to everybody, or no longer. Raises NotFound, NotAllowed."""
    from sqlalchemy import update

    from datapulse_tui.data.models.dashboards import Dashboard

    view = await open_to_administer(session, actor, dashboard_id, "change who sees this dashboard", rules.SHARE)
    if view.is_public == public:
        return
    if public:
        require_publish(actor)
    await session.execute(update(Dashboard).where(Dashboard.id == dashboard_id).values(is_public=public))
    action = "dashboard.published" if public else "dashboard.unpublished"
    await _told(session, actor, action, dashboard_id, {"public": view.is_public}, {"public": public})


async def delete(session: AsyncSession, actor: Actor, dashboard_id: UUID) -> str:
    """Delete a dashboard with its widgets and shares; returns its name. Raises NotFound, NotAllowed, and Conflict while
    reports are made of it: those would go with it unseen."""
    from sqlalchemy import delete as delete_rows
    from sqlalchemy import func, select

    from datapulse_tui.dashboards.plain import plain_view
    from datapulse_tui.data.models.dashboards import Dashboard
    from datapulse_tui.data.models.reports import Report

    view = await open_to_administer(session, actor, dashboard_id, "delete this dashboard", rules.CREATE)
    reports = await session.scalar(select(func.count()).where(Report.dashboard_id == dashboard_id))
    if reports:
        raise Conflict(
            f"{reports} scheduled report{'' if reports == 1 else 's'} of the dashboard {view.name!r} would be lost. "
            "Nothing was changed.",
            hint="Delete the reports first, or give them another dashboard.",
        )
    before = plain_view(view)
    await session.execute(delete_rows(Dashboard).where(Dashboard.id == dashboard_id))
    await _told(session, actor, "dashboard.deleted", dashboard_id, before, None)
    return view.name


async def star(session: AsyncSession, actor: Actor, dashboard_id: UUID, *, starred: bool) -> None:
    """Put a dashboard at the head of the actor's own lists, or no longer. Raises NotFound, NotAllowed."""
    from datapulse_tui.people.service import set_preference

    await get_dashboard(session, actor, dashboard_id)
    await set_preference(session, actor, star_key(dashboard_id), starred or None)


# -- for the other verbs of this room ----------------------------------------------------------------------------------


async def open_to_administer(
    session: AsyncSession, actor: Actor, dashboard_id: UUID, what: str, permission: str
) -> DashboardView:
    """The dashboard, locked until the transaction ends, for an actor who may administer it; `what` completes "You may
    not ...". Raises NotFound, NotAllowed."""
    await lock(session, dashboard_id)
    view = await get_dashboard(session, actor, dashboard_id)
    if not view.permission.may_administer:
        raise NotAllowed(
            f"You may not {what}: only its owner {view.owner_name} and administrators may. Nothing was changed.",
            hint=f"Ask {view.owner_email}.",
        )
    if view.permission is rules.Permission.OWNER:
        actor.require(permission, what)
    return view


async def lock(session: AsyncSession, dashboard_id: UUID) -> None:
    """Hold the dashboard's row until the transaction ends. Raises NotFound."""
    from sqlalchemy import select

    from datapulse_tui.data.models.dashboards import Dashboard

    if await session.scalar(select(Dashboard.id).where(Dashboard.id == dashboard_id).with_for_update()) is None:
        raise missing()


async def active_person(session: AsyncSession, email: str) -> User:
    """The person at `email`, who may sign in or was invited. Raises NotFound."""
    from sqlalchemy import select

    from datapulse_tui.data.models.people import User

    statement = select(User).where(User.email == email.strip().lower(), User.status != "inactive")
    found = await session.scalar(statement)
    if found is None:
        raise NotFound(f"There is nobody with the address {email!r}. Nothing was changed.", hint="Check the spelling.")
    return found


def require_publish(actor: Actor) -> None:
    """Raise NotAllowed unless the actor may make dashboards public."""
    if not actor.can(rules.MANAGE):
        actor.require(rules.PUBLISH, "make a dashboard public")


async def _told(
    session: AsyncSession,
    actor: Actor,
    action: str,
    dashboard_id: UUID,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    await record(session, actor, action, "dashboard", dashboard_id, before, after)
    await emit(session, TOPIC, dashboard_id)
