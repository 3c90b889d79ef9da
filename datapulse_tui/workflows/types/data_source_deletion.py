"""Deleting a data source, which two people have to want besides the one who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from datapulse_tui.errors import Invalid, NotAllowed, NotFound
from datapulse_tui.sources.rules import MANAGE, VIEW
from datapulse_tui.workflows.types import finding
from datapulse_tui.workflows.types.base import Approved, Audience, Details, Form, Line, Long, Prepared, Ref, RequestType

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

KEEPERS = Audience((f"permission:{MANAGE}",), "those who manage the data sources")


class DataSourceDeletion(Form):
    """Which source, and why."""

    source: Line = Field(
        min_length=1, title="Source", description="The source's name.", json_schema_extra={"choices": "sources"}
    )
    reason: Long = Field(
        min_length=1,
        title=finding.REASON_TITLE,
        description=finding.REASON_HELP,
        json_schema_extra={"long": True},
    )


class DataSourceDeletionRequest(RequestType[DataSourceDeletion]):
    """The end of a source."""

    name = "data_source_deletion"
    title = "Delete a data source"
    explanation = "Ask to delete a data source that nothing uses any more. Two people have to approve."
    form = DataSourceDeletion
    quorum = 2

    async def prepare(self, session: AsyncSession, actor: Actor, form: DataSourceDeletion) -> Prepared:
        """See RequestType."""
        from datapulse_tui.sources import reads

        actor.require(VIEW, "ask to delete a source")
        if actor.user_id is None:
            raise NotAllowed("A request is made by a person. Nothing was changed.", hint="Use --as EMAIL.")
        source = await reads.source_handle(session, finding.as_id(form.source) or form.source)
        used = await reads.used_by(session, source.id)
        if used:
            raise Invalid(
                f"The source {source.name} is in use: {used}. Nothing was changed.",
                hint="Have those take another source, or deleted, first.",
            )
        await finding.require_enough(session, KEEPERS, self.quorum, [actor.user_id])
        return self.prepared(
            form, f"delete the source {source.name}", KEEPERS,
            source=Ref(source.id, source.name, {"type": source.type}).json(), reason=form.reason,
        )  # fmt: skip

    def values(self, details: Details) -> tuple[tuple[str, str], ...]:
        """See RequestType."""
        source = details["source"]
        return (("Source", f"{source['name']} ({source['type']})"), ("Reason", details["reason"]))

    def effect_text(self, details: Details) -> str:
        """See RequestType."""
        return f"the source {details['source']['name']} is deleted with its grants"

    async def still_makes_sense(self, session: AsyncSession, details: Details) -> str:
        """See RequestType. A source that is gone already is what was wanted."""
        from datapulse_tui.sources import reads

        used = await reads.used_by(session, Ref.of(details, "source").id)
        return f"The source {details['source']['name']} is in use: {used}." if used else ""

    async def carry_out(self, session: AsyncSession, authority: Actor, request: Approved) -> str:
        """See RequestType."""
        from datapulse_tui.sources import service

        source = Ref.of(request.details, "source")
        try:
            name = await service.delete_source(session, authority, source.id)
        except NotFound:
            return f"the source {source.name} was gone already"
        return f"the source {name} is deleted"


TYPE = DataSourceDeletionRequest()
