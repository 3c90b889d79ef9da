"""Access to a dashboard: its owner says, and who manages all dashboards where the owner cannot or is late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from datapulse_tui.dashboards.rules import CREATE, MANAGE, SHARE, VIEW, permission_of
from datapulse_tui.errors import Invalid, NotFound
from datapulse_tui.workflows.rules import COMMENT
from datapulse_tui.workflows.types import finding
from datapulse_tui.workflows.types.base import Approved, Audience, Details, Form, Line, Long, Prepared, Ref, RequestType

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

MANAGERS = Audience((f"permission:{MANAGE}",), "who manages all dashboards")


class DashboardAccess(Form):
    """Which dashboard, for whom, to do what."""

    dashboard: Line = Field(
        min_length=1,
        title="Dashboard",
        description="Its name (OWNER@ADDRESS/NAME where several have one of that name), or its id.",
        json_schema_extra={"choices": "dashboards"},
    )
    permission: Literal["view", "edit"] = Field("view", title="To", description="Whether to view it or to edit it.")
    person: Line = Field(
        "",
        title=finding.PERSON_TITLE,
        description=finding.PERSON_HELP,
        json_schema_extra={"choices": "people"},
    )
    reason: Long = Field(
        min_length=1,
        title=finding.REASON_TITLE,
        description=finding.REASON_HELP,
        json_schema_extra={"long": True},
    )


class DashboardAccessRequest(RequestType[DashboardAccess]):
    """A share of a dashboard."""

    name = "dashboard_access"
    title = "Access to a dashboard"
    explanation = "Ask to view or to edit a dashboard that is not shared with you."
    form = DashboardAccess

    async def prepare(self, session: AsyncSession, actor: Actor, form: DashboardAccess) -> Prepared:
        """See RequestType."""
        person = await finding.beneficiary(session, actor, form.person)
        ref = finding.person_ref(person)
        row = await finding.dashboard(session, form.dashboard, ref.id)
        if row.owner_id == actor.user_id and actor.can(CREATE):
            raise Invalid("This dashboard is your own. Nothing was changed.", hint="Share it with them yourself.")
        if _has(person, row, form.permission):
            raise Invalid(f"{person.label} may {form.permission} {row.name} already. Nothing was changed.")
        needed = CREATE if form.permission == "edit" else VIEW
        if not person.can(needed):
            raise Invalid(
                f"{person.label} could not use it: to {form.permission} dashboards needs the permission {needed}. "
                "Nothing was changed.",
                hint="Ask for a role first (role_grant).",
            )
        return self.prepared(
            form,
            f"{person.label}: {form.permission} {row.name}",
            await _audience(session, actor, row),
            fallback=MANAGERS,
            about=(ref.id,),
            dashboard=Ref(row.id, row.name, {"owner": row.owner}).json(),
            person=ref.json(),
            permission=form.permission,
            reason=form.reason,
        )

    def values(self, details: Details) -> tuple[tuple[str, str], ...]:
        """See RequestType."""
        return (
            ("Dashboard", f"{details['dashboard']['name']} (of {details['dashboard']['owner']})"),
            ("For", finding.shown(details["person"])),
            ("To", details["permission"]),
            ("Reason", details["reason"]),
        )

    def effect_text(self, details: Details) -> str:
        """See RequestType."""
        return f"{details['person']['name']} gets {details['permission']} on {details['dashboard']['name']}"

    async def still_makes_sense(self, session: AsyncSession, details: Details) -> str:
        """See RequestType."""
        dashboard = Ref.of(details, "dashboard")
        try:
            await finding.dashboard(session, dashboard.id, None)
        except NotFound:
            return f"The dashboard {dashboard.name} is gone."
        return await finding.no_longer_active(session, details)

    async def carry_out(self, session: AsyncSession, authority: Actor, request: Approved) -> str:
        """See RequestType. What the person has already is never made less."""
        from datapulse_tui.dashboards import service
        from datapulse_tui.people.actors import actor_for

        wanted, given = Ref.of(request.details, "dashboard"), Ref.of(request.details, "person")
        permission = request.details["permission"]
        await service.lock(session, wanted.id)
        row = await finding.dashboard(session, wanted.id, given.id)
        person = await actor_for(session, given.id)
        if row.owner_id == given.id or row.share in ("edit", permission):
            return f"{person.label} had {permission} on {row.name} already"
        await service.share(session, authority, row.id, person.email, permission)
        return f"{person.label} got {permission} on {row.name}"


def _has(person: Actor, row: Any, permission: str) -> bool:
    has = permission_of(person, row.owner_id, is_public=row.is_public, share=row.share)
    return has is not None and (permission == "view" or has.may_edit)


async def _audience(session: AsyncSession, actor: Actor, row: Any) -> Audience:
    """The owner, who could share it as well; where they cannot (any more) whoever manages all dashboards."""
    from datapulse_tui.people.actors import actor_for

    if row.owner_active and row.owner_id != actor.user_id:
        owner = await actor_for(session, row.owner_id)
        if owner.can(SHARE) and owner.can(COMMENT):
            return Audience((f"user:{row.owner_id}",), f"its owner {row.owner}")
    return MANAGERS


TYPE = DashboardAccessRequest()
