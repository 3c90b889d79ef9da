"""A role for a person: only administrators give rights away, and never to themselves."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import Field

from datapulse_tui.errors import Invalid, NotFound
from datapulse_tui.people.rules import PERMISSIONS, ROLE_PERMISSIONS, Role, role_in_words
from datapulse_tui.workflows.types import finding
from datapulse_tui.workflows.types.base import ADMINS, Approved, Details, Form, Line, Long, Prepared, Ref, RequestType

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

_ROLE = "SELECT id, name, permissions FROM roles WHERE id = CAST(:id AS uuid) OR name = :name"
_HAS = "SELECT 1 FROM user_roles WHERE user_id = :person AND role_id = :role"


class RoleGrant(Form):
    """Which role, for whom."""

    role: Line = Field(
        min_length=1,
        title="Role",
        description="A built-in role (analyst, ops_manager, admin) or the name of a custom one.",
        json_schema_extra={"choices": "roles"},
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


class RoleGrantRequest(RequestType[RoleGrant]):
    """A built-in role in place of a lower one, or a custom role beside it.

    `details` keep what a custom role may do when it is asked for: where it may do more by the time of the effect, that
    was not what was approved.
    """

    name = "role_grant"
    title = "A role"
    explanation = "Ask for a role that may do more."
    form = RoleGrant

    async def prepare(self, session: AsyncSession, actor: Actor, form: RoleGrant) -> Prepared:
        """See RequestType."""
        person = await finding.beneficiary(session, actor, form.person)
        ref = finding.person_ref(person)
        role_id, name, permissions = await _role(session, form.role)
        if role_id is None and ROLE_PERMISSIONS[Role(name)] <= ROLE_PERMISSIONS[Role(person.role)]:
            raise Invalid(f"{person.label} is {role_in_words(person.role)} already. Nothing was changed.")
        if role_id is not None and await _has(session, ref.id, role_id):
            raise Invalid(f"{person.label} has the role {name} already. Nothing was changed.")
        return self.prepared(
            form,
            f"{person.label}: the role {name if role_id else role_in_words(name)}",
            ADMINS,
            about=(ref.id,),
            person=ref.json(),
            role={"id": str(role_id or ""), "name": name, "permissions": sorted(permissions)},
            reason=form.reason,
        )

    def values(self, details: Details) -> tuple[tuple[str, str], ...]:
        """See RequestType."""
        role = details["role"]
        may = ", ".join(role["permissions"]) or "nothing"
        return (
            ("Role", f"{role['name']} (custom, may {may})" if role["id"] else _called(details)),
            ("For", finding.shown(details["person"])),
            ("Reason", details["reason"]),
        )

    def effect_text(self, details: Details) -> str:
        """See RequestType."""
        beside = " as well" if details["role"]["id"] else ""
        return f"{details['person']['name']} gets the role {_called(details)}{beside}"

    async def still_makes_sense(self, session: AsyncSession, details: Details) -> str:
        """See RequestType."""
        role = details["role"]
        if role["id"]:
            try:
                _, name, permissions = await _role(session, role["id"])
            except NotFound:
                return f"The role {role['name']} is gone."
            added = sorted(permissions - set(role["permissions"]))
            if added:
                return f"The role {name} was changed since it was asked for: now it has {added[0]} as well."
        return await finding.no_longer_active(session, details)

    async def carry_out(self, session: AsyncSession, authority: Actor, request: Approved) -> str:
        """See RequestType. Whoever has a higher built-in role by now keeps it."""
        from datapulse_tui.people import roles, service

        role, ref = request.details["role"], Ref.of(request.details, "person")
        if role["id"]:
            # Held from here on, so that what was approved is what is given.
            await roles.hold(session, UUID(role["id"]))
            changed = await self.still_makes_sense(session, request.details)
            if changed:
                raise Invalid(changed)
            made = await roles.give(session, authority, ref.id, UUID(role["id"]))
            return f"{ref.name} got the role {role['name']}" if made else f"{ref.name} had the role already"
        made = await service.raise_role(session, authority, ref.id, role["name"])
        person = await finding.account(session, ref.id)
        if made:
            return f"{person.name} got the role {_called(request.details)}"
        return f"{person.name} was {role_in_words(person.role)} already"


def _called(details: Details) -> str:
    """The role that is asked for, as people read it."""
    role = details["role"]
    return str(role["name"]) if role["id"] else role_in_words(role["name"])


async def _role(session: AsyncSession, wanted: str) -> tuple[UUID | None, str, frozenset[str]]:
    """Id (None for a built-in role), name and permissions of a role. A custom role that is called like a built-in one
    is meant by its id only. Raises NotFound."""
    from sqlalchemy import text

    if wanted in tuple(Role):
        return None, wanted, ROLE_PERMISSIONS[Role(wanted)]
    row = (await session.execute(text(_ROLE), {"id": finding.as_id(wanted), "name": wanted})).first()
    if row is None:
        raise NotFound(
            f"There is no role called {wanted[:80]!r}. Nothing was changed.",
            hint=f"The built-in roles are {', '.join(Role)}.",
        )
    return row.id, row.name, _known(row.permissions)


def _known(words: Collection[str]) -> frozenset[str]:
    """Words that are permissions; any other gives nothing."""
    return frozenset(word for word in words if word in PERMISSIONS)


async def _has(session: AsyncSession, person: UUID, role: UUID) -> bool:
    from sqlalchemy import text

    return await session.scalar(text(_HAS), {"person": person, "role": role}) is not None


TYPE = RoleGrantRequest()
