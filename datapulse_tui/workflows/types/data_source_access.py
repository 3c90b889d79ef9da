"""Access to a data source: the right to run and save SQL on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from datapulse_tui.errors import Invalid, NotFound
from datapulse_tui.sources.rules import MANAGE, QUERY
from datapulse_tui.workflows.types import finding
from datapulse_tui.workflows.types.base import Approved, Audience, Details, Form, Line, Long, Prepared, Ref, RequestType

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

KEEPERS = Audience((f"permission:{MANAGE}",), "who manages the data sources")


class DataSourceAccess(Form):
    """Which source, for whom."""

    source: Line = Field(
        min_length=1, title="Source", description="The source's name.", json_schema_extra={"choices": "sources"}
    )
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


class DataSourceAccessRequest(RequestType[DataSourceAccess]):
    """A grant of a source."""

    name = "data_source_access"
    title = "Access to a data source"
    explanation = "Ask to run and save SQL on a data source."
    form = DataSourceAccess

    async def prepare(self, session: AsyncSession, actor: Actor, form: DataSourceAccess) -> Prepared:
        """See RequestType. Only somebody who could use it is told whether there is such a source."""
        from datapulse_tui.sources import reads

        person = await finding.beneficiary(session, actor, form.person)
        if not (person.can(QUERY) and (actor.can(QUERY) or person.user_id == actor.user_id)):
            raise Invalid(
                f"{person.label} could not use it: to run SQL needs the permission {QUERY}. Nothing was changed.",
                hint="Ask for a role first (role_grant).",
            )
        ref = finding.person_ref(person)
        source = await reads.source_handle(session, finding.as_id(form.source) or form.source)
        if await reads.granted(session, person, source.id):
            raise Invalid(f"{person.label} may query {source.name} already. Nothing was changed.")
        return self.prepared(
            form,
            f"{person.label}: query {source.name}",
            KEEPERS,
            about=(ref.id,),
            source=Ref(source.id, source.name).json(),
            person=ref.json(),
            reason=form.reason,
        )

    def values(self, details: Details) -> tuple[tuple[str, str], ...]:
        """See RequestType."""
        return (
            ("Source", details["source"]["name"]),
            ("For", finding.shown(details["person"])),
            ("Reason", details["reason"]),
        )

    def effect_text(self, details: Details) -> str:
        """See RequestType."""
        return f"{details['person']['name']} may run and save SQL on {details['source']['name']}"

    async def still_makes_sense(self, session: AsyncSession, details: Details) -> str:
        """See RequestType."""
        from datapulse_tui.sources import reads

        source = Ref.of(details, "source")
        try:
            await reads.source_handle(session, source.id)
        except NotFound:
            return f"The source {source.name} is gone."
        return await finding.no_longer_active(session, details)

    async def carry_out(self, session: AsyncSession, authority: Actor, request: Approved) -> str:
        """See RequestType."""
        from datapulse_tui.sources import reads, service

        person = await finding.account(session, Ref.of(request.details, "person").id)
        source = await reads.source_handle(session, Ref.of(request.details, "source").id)
        if await service.grant_source(session, authority, source.id, person.email):
            return f"{person.name} may query {source.name}"
        return f"{person.name} had the grant of {source.name} already"


TYPE = DataSourceAccessRequest()
