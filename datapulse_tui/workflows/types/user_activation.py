"""An account that is not active yet, or no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from datapulse_tui.errors import Invalid, NotAllowed, NotFound
from datapulse_tui.people.rules import NO_PASSWORD, Status, role_in_words
from datapulse_tui.workflows.types import finding
from datapulse_tui.workflows.types.base import ADMINS, Approved, Details, Form, Line, Long, Prepared, Ref, RequestType

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

_HAS_NONE = "SELECT password = :none FROM users WHERE id = :id"


class UserActivation(Form):
    """Whose account, and why."""

    person: Line = Field(
        min_length=1,
        title="Whose account",
        description="The address of the account.",
        json_schema_extra={"choices": "inactive_people"},
    )
    reason: Long = Field(
        min_length=1,
        title=finding.REASON_TITLE,
        description=finding.REASON_HELP,
        json_schema_extra={"long": True},
    )


class UserActivationRequest(RequestType[UserActivation]):
    """An activation. Administrators decide, as the account may be one that may do everything."""

    name = "user_activation"
    title = "Activate an account"
    explanation = "Ask to let somebody in whose account is pending or was deactivated."
    form = UserActivation

    async def prepare(self, session: AsyncSession, actor: Actor, form: UserActivation) -> Prepared:
        """See RequestType."""
        if actor.user_id is None:
            raise NotAllowed("A request is made by a person. Nothing was changed.", hint="Use --as EMAIL.")
        person = await finding.account(session, form.person)
        if person.status == Status.ACTIVE:
            raise Invalid(f"The account of {person.name} is active already. Nothing was changed.")
        return self.prepared(
            form,
            f"activate {person.name}",
            ADMINS,
            about=(person.id,),
            person={**person.ref.json(), "role": person.role},
            reason=form.reason,
        )

    def values(self, details: Details) -> tuple[tuple[str, str], ...]:
        """See RequestType."""
        return (
            ("Account", finding.shown(details["person"])),
            ("Role", role_in_words(details["person"]["role"])),
            ("Reason", details["reason"]),
        )

    def effect_text(self, details: Details) -> str:
        """See RequestType."""
        name, role = details["person"]["name"], role_in_words(details["person"]["role"])
        return f"{name} may sign in, as {role}; without a password yet, by an invitation"

    async def still_makes_sense(self, session: AsyncSession, details: Details) -> str:
        """See RequestType. An account that got another role meanwhile is not the one that was approved."""
        ref = Ref.of(details, "person")
        try:
            person = await finding.account(session, ref.id)
        except NotFound:
            return f"The account of {ref.name} is gone."
        if person.role != ref.more["role"]:
            return f"{person.name} got another role since it was asked for: {role_in_words(person.role)}."
        return ""

    async def carry_out(self, session: AsyncSession, authority: Actor, request: Approved) -> str:
        """See RequestType."""
        from sqlalchemy import text

        from datapulse_tui.people import invitations, service

        person = await finding.account(session, Ref.of(request.details, "person").id)
        if person.status == Status.ACTIVE:
            return f"{person.name} was active already"
        if not await session.scalar(text(_HAS_NONE), {"none": NO_PASSWORD, "id": person.id}):
            await service.activate(session, authority, person.id)
            return f"{person.name} is active"
        invited = await invitations.invite_again(session, authority, person.id)
        if invited.mailed:
            return f"{person.name} is invited by mail, and active once they choose a password"
        return (
            f"{person.name} is invited, but there is no e-mail channel: an administrator invites them again to read "
            "the code out"
        )


TYPE = UserActivationRequest()
