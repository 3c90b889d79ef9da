"""Publishing a dashboard of one's own, for those who may not do it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from datapulse_tui.dashboards.rules import CREATE, MANAGE, PUBLISH
from datapulse_tui.errors import Invalid, NotAllowed, NotFound
from datapulse_tui.workflows.types import finding
from datapulse_tui.workflows.types.base import Approved, Audience, Details, Form, Line, Long, Prepared, Ref, RequestType

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

# Both, as set_public asks for either: whoever may publish their own, and whoever manages all.
PUBLISHERS = Audience((f"permission:{PUBLISH}", f"permission:{MANAGE}"), "who may make dashboards public")


class DashboardPublication(Form):
    """Which dashboard, and why."""

    dashboard: Line = Field(
        min_length=1,
        title="Dashboard",
        description="The name or id of a dashboard of yours.",
        json_schema_extra={"choices": "own_dashboards"},
    )
    reason: Long = Field(
        min_length=1,
        title=finding.REASON_TITLE,
        description=finding.REASON_HELP,
        json_schema_extra={"long": True},
    )


class DashboardPublicationRequest(RequestType[DashboardPublication]):
    """A dashboard for everybody."""

    name = "dashboard_publication"
    title = "Publish a dashboard"
    explanation = "Ask to show a dashboard of yours to everybody."
    form = DashboardPublication

    async def prepare(self, session: AsyncSession, actor: Actor, form: DashboardPublication) -> Prepared:
        """See RequestType."""
        row = await finding.dashboard(session, form.dashboard, actor.user_id)
        if row.owner_id != actor.user_id or not actor.can(CREATE):
            raise NotAllowed(
                "Only its owner, an author of dashboards, asks to publish one. Nothing was changed.",
                hint=f"Ask {row.owner} to." if row.share or row.is_public else "",
            )
        if row.is_public:
            raise Invalid(f"{row.name} is public already. Nothing was changed.")
        if actor.can(PUBLISH) or actor.can(MANAGE):
            raise Invalid("You may publish it yourself. Nothing was changed.", hint="Publish it on the dashboard.")
        return self.prepared(
            form,
            f"make {row.name} public",
            PUBLISHERS,
            dashboard=Ref(row.id, row.name, {"owner": row.owner}).json(),
            reason=form.reason,
        )

    def values(self, details: Details) -> tuple[tuple[str, str], ...]:
        """See RequestType."""
        return (
            ("Dashboard", f"{details['dashboard']['name']} (of {details['dashboard']['owner']})"),
            ("Reason", details["reason"]),
        )

    def effect_text(self, details: Details) -> str:
        """See RequestType."""
        return f"everybody sees {details['dashboard']['name']}"

    async def still_makes_sense(self, session: AsyncSession, details: Details) -> str:
        """See RequestType."""
        dashboard = Ref.of(details, "dashboard")
        try:
            await finding.dashboard(session, dashboard.id, None)
        except NotFound:
            return f"The dashboard {dashboard.name} is gone."
        return ""

    async def carry_out(self, session: AsyncSession, authority: Actor, request: Approved) -> str:
        """See RequestType."""
        from datapulse_tui.dashboards import service

        wanted = Ref.of(request.details, "dashboard")
        await service.lock(session, wanted.id)
        row = await finding.dashboard(session, wanted.id, None)
        if row.is_public:
            return f"{row.name} was public already"
        await service.set_public(session, authority, row.id, public=True)
        return f"{row.name} is public"


TYPE = DashboardPublicationRequest()
