"""What the forms of the room Approvals ask of the domains: requests to make, and absences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from datapulse_tui.errors import Invalid
from datapulse_tui.tui.drafts import DraftDesk
from datapulse_tui.workflows.rules import Priority

if TYPE_CHECKING:
    from datapulse_tui.alerts.rows import PersonRef as Colleague
    from datapulse_tui.tui.drafts import KeptDraft
    from datapulse_tui.tui.services import Person
    from datapulse_tui.workflows.types.base import FormField
    from datapulse_tui.workflows.types.choices import Choice
    from datapulse_tui.workflows.views import DelegationRow, RequestRow, Share


class TypeRow(NamedTuple):
    """A type of request, with the form that it asks for."""

    name: str
    title: str
    explanation: str
    fields: tuple[FormField, ...]


class Preview(NamedTuple):
    """What a form would make: what is wrong with which field or, where nothing is, the request. `effect` is what an
    approval does (empty: nothing by itself), `to` who decides, `quorum` how many of them."""

    problems: Mapping[str, str]
    subject: str = ""
    effect: str = ""
    to: str = ""
    quorum: int = 1
    priority: Priority = Priority.NORMAL


class Absence(NamedTuple):
    """A delegation that is planned: who stands in, from when until when, for which types (none: all), and why."""

    substitute: UUID
    starts_at: datetime
    ends_at: datetime
    types: tuple[str, ...] = ()
    reason: str = ""


class RequestFormDesk(DraftDesk):
    """Forms and delegations. Raises DataPulseError; Unavailable when the database is away."""

    # -- forms ---------------------------------------------------------------------------------------------------------

    async def request_types(self) -> tuple[TypeRow, ...]:
        """Every type of request that there is, by title."""
        from datapulse_tui.workflows.reads.rows import types

        return tuple(
            TypeRow(each.name, each.title, each.explanation, each.fields()) for each in (await types()).values()
        )

    async def request_choices(self, person: Person, kind: str, text: str) -> tuple[Choice, ...]:
        """What a field of a form may be filled with that has `text` in it."""
        from datapulse_tui.workflows.types.choices import choices

        async with self.data.reading() as session:
            return await choices(session, person.actor, kind, text)

    async def preview_request(self, person: Person, type_: str, fields: Mapping[str, str]) -> Preview:
        """What a request would be, or what is wrong with its form. Raises DataPulseError where it makes no sense."""
        from datapulse_tui.workflows.reads.rows import types

        kind = (await types())[type_]
        problems = kind.problems(fields)
        if problems:
            return Preview(problems)
        async with self.data.reading() as session:
            prepared = await kind.prepare(session, person.actor, kind.parse(fields))
        return Preview(
            {}, prepared.subject, kind.effect_text(prepared.details), prepared.audience.in_words, prepared.quorum,
            prepared.priority,
        )  # fmt: skip

    async def request_draft(self, person: Person, key: str) -> KeptDraft | None:
        """What this person wrote into a form under `key` and has not sent."""
        async with self.data.reading() as session:
            return await self.find_draft(session, person, key)

    async def make_request(self, person: Person, type_: str, fields: Mapping[str, str]) -> None:
        """Make a request. Raises Invalid that says what is wrong."""
        from datapulse_tui.workflows.service.requests import create

        async with self.acting(person) as (session, actor):
            await create(session, actor, type_, fields)

    async def edit_request(self, person: Person, row: RequestRow, fields: Mapping[str, str]) -> None:
        """Change the content of one's own request as it was seen."""
        from datapulse_tui.workflows.service.requests import edit

        async with self.acting(person) as (session, actor):
            await edit(session, actor, row.id, row.version, fields)

    # -- delegations ---------------------------------------------------------------------------------------------------

    async def delegations(self, person: Person, *, over: bool = False) -> tuple[DelegationRow, ...]:
        """Who stands in for this person, and for whom they do; with `over` also what is over."""
        from datapulse_tui.workflows.reads.delegations import list_delegations

        async with self.data.glance() as session:
            return await list_delegations(session, person.actor, over=over)

    async def substitutes(self, person: Person, text: str) -> tuple[Colleague, ...]:
        """Others who may decide requests."""
        from datapulse_tui.workflows.reads.delegations import substitutes

        async with self.data.reading() as session:
            return await substitutes(session, person.actor, text)

    async def plan_absence(self, person: Person, absence: Absence) -> tuple[Share, ...]:
        """Who would get what; raises what `keep_absence` would."""
        from datapulse_tui.workflows.service.delegations import plan

        range_ = (absence.starts_at, absence.ends_at)
        async with self.data.reading() as session:
            return await plan(session, person.actor, _me(person), absence.substitute, range_, absence.types)

    async def keep_absence(self, person: Person, absence: Absence) -> None:
        """Have somebody stand in; both are told."""
        from datapulse_tui.workflows.service.delegations import create

        range_ = (absence.starts_at, absence.ends_at)
        async with self.acting(person) as (session, actor):
            await create(session, actor, _me(person), absence.substitute, range_, absence.types, absence.reason)

    async def end_absence(self, person: Person, row: DelegationRow) -> None:
        """End a delegation now; both are told."""
        from datapulse_tui.workflows.service.delegations import end

        async with self.acting(person) as (session, actor):
            await end(session, actor, row.id)


def _me(person: Person) -> UUID:
    if person.actor.user_id is None:
        raise Invalid("Only a person has a substitute. Nothing was changed.", hint="Sign in as one.")
    return person.actor.user_id
