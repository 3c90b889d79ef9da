"""Anything else: a question to those who decide, to one person or to the head of a department, done by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from datapulse_tui.errors import Invalid, NotFound
from datapulse_tui.workflows.rules import COMMENT, DECIDE
from datapulse_tui.workflows.types.base import ADMINS, Audience, Details, Form, Line, Long, Prepared, RequestType
from datapulse_tui.workflows.types.finding import shown

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

ANYBODY = Audience((f"permission:{DECIDE}",), "anybody who decides requests")
_DEPARTMENT = """
SELECT d.id, d.name, u.id AS head FROM departments d LEFT JOIN users u ON u.id = d.head_id AND u.status = 'active'
WHERE d.name = :name
"""


class FreeForm(Form):
    """What is wanted, and of whom."""

    subject: Line = Field(min_length=1, title="Subject", description="What you ask for, in one line.")
    text: Long = Field(
        "", title="Text", description="What those who decide should know.", json_schema_extra={"long": True}
    )
    person: Line = Field(
        "",
        title="Whom",
        description="The address of who is to decide; empty for anybody who may.",
        json_schema_extra={"choices": "people"},
    )
    department: Line = Field(
        "",
        title="Department",
        description="Its head is to decide, instead of a person.",
        json_schema_extra={"choices": "departments"},
    )


class FreeFormRequest(RequestType[FreeForm]):
    """A request in words."""

    name = "free_form"
    title = "Something else"
    explanation = "Ask for anything else in your own words; whoever approves it sees to it that it is done."
    form = FreeForm
    has_effect = False

    async def prepare(self, session: AsyncSession, actor: Actor, form: FreeForm) -> Prepared:
        """See RequestType. Whoever is named must be somebody who takes part in requests at all."""
        if form.person and form.department:
            raise Invalid("A request goes to a person or to a department's head. Nothing was changed.")
        if form.department:
            audience, fallback, whom = await self._head(session, actor, form.department), ANYBODY, ""
        elif form.person:
            audience, fallback, whom = await self._named(session, actor, form.person), ANYBODY, form.person
        else:
            audience, fallback, whom = ANYBODY, ADMINS, ""
        return self.prepared(
            form, form.subject, audience, fallback=fallback, subject=form.subject, text=form.text,
            whom={"name": audience.in_words, "email": whom},
        )  # fmt: skip

    def values(self, details: Details) -> tuple[tuple[str, str], ...]:
        """See RequestType."""
        rows = (("Subject", details["subject"]), ("Text", details["text"]), ("To", shown(details["whom"])))
        return tuple((label, value) for label, value in rows if value)

    async def _named(self, session: AsyncSession, actor: Actor, email: str) -> Audience:
        from datapulse_tui.people.actors import actor_for

        person = await actor_for(session, email)
        _require_another(actor, person)
        return Audience((f"user:{person.user_id}",), person.label)

    async def _head(self, session: AsyncSession, actor: Actor, department: str) -> Audience:
        from sqlalchemy import text

        from datapulse_tui.people.actors import actor_for

        row = (await session.execute(text(_DEPARTMENT), {"name": department})).first()
        if row is None:
            raise NotFound(f"There is no department called {department[:80]!r}. Nothing was changed.")
        if row.head is None:
            raise Invalid(
                f"The department {row.name} has no head now. Nothing was changed.", hint="Name a person, or nobody."
            )
        _require_another(actor, await actor_for(session, row.head))
        return Audience((f"head:{row.id}",), f"the head of {row.name}")


def _require_another(actor: Actor, person: Actor) -> None:
    if person.user_id == actor.user_id:
        raise Invalid("Nobody decides their own request. Nothing was changed.", hint="Name somebody else.")
    if not person.can(COMMENT):
        raise Invalid(
            f"{person.label} takes no part in requests. Nothing was changed.", hint="Name somebody else, or nobody."
        )


TYPE = FreeFormRequest()
