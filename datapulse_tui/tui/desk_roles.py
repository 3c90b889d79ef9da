"""What the screens of roles and departments ask of the domains. Everything heavy is imported in the methods."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from datapulse_tui.tui.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datapulse_tui.data.page import Page
    from datapulse_tui.people.department_reads import DepartmentRow, DepartmentView, Member
    from datapulse_tui.people.many import Outcome
    from datapulse_tui.people.role_reads import Candidate, Holder, RoleRow, RoleView
    from datapulse_tui.people.why import Why
    from datapulse_tui.tui.services import Person

PAGE = 200
SOME = 8  # people who are named beside a list


class RoleDetail(NamedTuple):
    """A role, and the first of those who have it."""

    view: RoleView
    people: tuple[Holder, ...]


class DepartmentDetail(NamedTuple):
    """A department, and the first of those in it."""

    view: DepartmentView
    people: tuple[Member, ...]


class RoleDraft(NamedTuple):
    """What a custom role is to be."""

    name: str
    description: str
    permissions: tuple[str, ...]


class DepartmentDraft(NamedTuple):
    """What a department is to be."""

    name: str
    description: str
    head_id: UUID | None


class RoleDesk(Workspace):
    """Roles, departments and why somebody may do something. Raises DataPulseError."""

    # -- roles ---------------------------------------------------------------------------------------------------------

    async def roles(self, person: Person, text: str, after: str | None) -> Page[RoleRow]:
        """A page of roles that hold `text`: the built-in ones first, then the custom ones by name."""
        from datapulse_tui.people import role_reads

        async with self.data.glance() as session:
            page = await role_reads.custom_roles(session, person.actor, text=text, after=after, limit=PAGE)
            if after is not None:
                return page
            built_in = await role_reads.built_in_roles(session, person.actor)
        found = [row for row in built_in if text.casefold() in f"{row.name} {row.description}".casefold()]
        return replace(page, items=(*found, *page.items))

    async def role(self, person: Person, role: UUID | str) -> RoleDetail:
        """A role by its id, or a built-in one by its word."""
        from datapulse_tui.people import role_reads

        async with self.data.glance() as session:
            view = await role_reads.get_role(session, person.actor, role)
            some = await role_reads.holders(session, person.actor, role, limit=SOME)
        return RoleDetail(view, some.items)

    async def role_holders(self, person: Person, role: UUID | str, after: str | None) -> Page[Holder]:
        """A page of those who have a role, by name."""
        from datapulse_tui.people import role_reads

        async with self.data.glance() as session:
            return await role_reads.holders(session, person.actor, role, after=after, limit=PAGE)

    async def save_role(self, person: Person, row: RoleRow | None, draft: RoleDraft) -> None:
        """Make a role (None), or change the one that was seen. Raises Conflict, NotAllowed, Invalid."""
        from datapulse_tui.people import roles

        async with self.acting(person) as (session, actor):
            if row is None or row.id is None:
                await roles.create(
                    session, actor, name=draft.name, description=draft.description, permissions=draft.permissions
                )
                return
            kept = row.permissions == frozenset(draft.permissions)
            await roles.update(
                session,
                actor,
                row.id,
                name=draft.name,
                description=draft.description,
                permissions=None if kept else draft.permissions,
                seen=row.version,
            )

    async def delete_role(self, person: Person, row: RoleRow) -> None:
        """Delete a custom role as it was seen, also from those whom the person saw have it."""
        from datapulse_tui.people import roles

        if row.id is None:
            return
        async with self.acting(person) as (session, actor):
            await roles.delete(session, actor, row.id, seen=row.version, take_from=row.holders)

    async def give_role(self, person: Person, role_id: UUID, people: Sequence[UUID]) -> tuple[Outcome, ...]:
        """Give a custom role to these; what became of each."""
        from datapulse_tui.people import roles

        async with self.acting(person) as (session, actor):
            return await roles.give_many(session, actor, people, role_id)

    async def take_role(self, person: Person, role_id: UUID, people: Sequence[UUID]) -> tuple[Outcome, ...]:
        """Take a custom role away from these; what became of each."""
        from datapulse_tui.people import roles

        async with self.acting(person) as (session, actor):
            return await roles.take_many(session, actor, people, role_id)

    async def candidates(self, person: Person, text: str) -> tuple[Candidate, ...]:
        """People who are not deactivated, with `text` in their name or address."""
        from datapulse_tui.people import role_reads

        async with self.data.glance() as session:
            return await role_reads.candidates(session, person.actor, text)

    async def why_may(self, person: Person, who: UUID, permission: str) -> Why:
        """Why somebody may do something, or why not."""
        from datapulse_tui.people import why

        async with self.data.glance() as session:
            return await why.why(session, person.actor, who, permission)

    # -- departments ---------------------------------------------------------------------------------------------------

    async def departments(self, person: Person, text: str, after: str | None) -> Page[DepartmentRow]:
        """A page of departments by name."""
        from datapulse_tui.people import department_reads

        async with self.data.glance() as session:
            return await department_reads.list_departments(session, person.actor, text=text, after=after, limit=PAGE)

    async def department(self, person: Person, department_id: UUID) -> DepartmentDetail:
        """One department."""
        from datapulse_tui.people import department_reads

        async with self.data.glance() as session:
            view = await department_reads.get_department(session, person.actor, department_id)
            some = await department_reads.members(session, person.actor, department_id, limit=SOME)
        return DepartmentDetail(view, some.items)

    async def department_members(self, person: Person, department_id: UUID, after: str | None) -> Page[Member]:
        """A page of those in a department, by name."""
        from datapulse_tui.people import department_reads

        async with self.data.glance() as session:
            return await department_reads.members(session, person.actor, department_id, after=after, limit=PAGE)

    async def save_department(self, person: Person, row: DepartmentRow | None, draft: DepartmentDraft) -> None:
        """Make a department (None), or change the one that was seen. Raises Conflict, NotAllowed, Invalid."""
        from datapulse_tui.people import departments

        name, description, head = draft
        async with self.acting(person) as (session, actor):
            if row is None:
                await departments.create(session, actor, name=name, description=description, head_id=head)
                return
            version = await departments.update(
                session, actor, row.id, name=name, description=description, seen=row.version
            )
            await departments.set_head(session, actor, row.id, head, seen=version)

    async def delete_department(self, person: Person, row: DepartmentRow) -> None:
        """Delete a department as it was seen; its people are in none then."""
        from datapulse_tui.people import departments

        async with self.acting(person) as (session, actor):
            await departments.delete(session, actor, row.id, seen=row.version)

    async def move_people(
        self, person: Person, people: Sequence[UUID], department_id: UUID | None
    ) -> tuple[Outcome, ...]:
        """Put these into a department, or (None) into none; what became of each."""
        from datapulse_tui.people import departments

        async with self.acting(person) as (session, actor):
            return await departments.move(session, actor, people, department_id)
