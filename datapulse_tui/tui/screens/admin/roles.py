"""Roles: the built-in ones and the custom ones, what each lets people do, and who has it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.binding import BindingType

from datapulse_tui.people.role_rules import ASSIGN, MANAGE, ROLES_TOPIC, grouped, listed
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.admin.choosing import change_people, choose_people, person_option
from datapulse_tui.tui.screens.admin.group import GroupScreen, named
from datapulse_tui.tui.screens.admin.groups import GroupList, PermissionPane
from datapulse_tui.tui.screens.admin.why import WhyMayScreen
from datapulse_tui.tui.screens.alerts.ask import ask
from datapulse_tui.tui.screens.confirm import ConfirmScreen
from datapulse_tui.tui.times import ago, full_time
from datapulse_tui.tui.widgets.pane import Item
from datapulse_tui.tui.widgets.rows import Row, RowColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from datapulse_tui.data.page import Page
    from datapulse_tui.people.role_reads import Holder, RoleRow
    from datapulse_tui.people.role_rules import Permission
    from datapulse_tui.tui.desk_roles import RoleDetail
    from datapulse_tui.tui.screens.base import DeskScreen
    from datapulse_tui.tui.services import Person

TOPICS = frozenset({ROLES_TOPIC, "people"})
BUILT_IN = "This is a built-in role: it stays as it is. n makes a custom one."
ONE_EACH = "Everybody has exactly one built-in role; it is set where people are changed."


class RolesScreen(GroupList["RoleRow", "RoleDetail"]):
    """One list of both kinds."""

    PLACES = (keymap.ROLES, keymap.ADMIN, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.ROLES), *keymap.bindings(keymap.ADMIN)]
    TAB = "roles"
    TOPICS = TOPICS
    NOUN = "role"
    PANE = PermissionPane
    MANAGE = MANAGE
    COLUMNS = (
        RowColumn("Role", 20),
        RowColumn("Kind", 8, dim=True),
        RowColumn("May", 4, "right"),
        RowColumn("People", 7, "right"),
        RowColumn("What it is for", dim=True),
    )
    HELP = (
        "Everybody has one built-in role, each of which may do all that the one before may. Custom roles add to it. "
        "Nobody puts more into a role, or gives more with one, than they may do themselves. w answers why somebody may "
        "do something, or why not."
    )

    async def page_of(self, person: Person, text: str, after: str | None) -> Page[RoleRow]:
        return await self.desk.services.roles(person, text, after)

    async def detail_of(self, person: Person, row: RoleRow) -> RoleDetail:
        return await self.desk.services.role(person, row.id or row.name)

    def shown(self, row: RoleRow) -> Row:
        kind = "custom" if row.id else "built-in"
        return Row(row.key, (row.name, kind, str(len(row.permissions)), f"{row.holders:,}", row.description))

    def items(self, row: RoleRow, detail: RoleDetail | None) -> list[Item]:
        return role_items(self, row, detail)

    def empty_words(self) -> list[str]:
        return [f'No role holds "{self._text}".', "esc takes the filter away; n makes a role."]

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb, person, row = action_id.rpartition(".")[2], self.desk.person, self.row
        if verb in ("edit", "delete") and row is not None and row.id is None:
            return BUILT_IN
        if verb == "give" and row is not None and row.id is None:
            return ONE_EACH
        if verb == "give" and (person is None or not person.actor.can(ASSIGN)):
            return f"This needs the permission {ASSIGN}."
        return super().why_not(action_id)

    def do_open(self) -> None:
        if self.row is not None:
            self.desk.push_screen(RoleScreen(self.row.id or self.row.name, self.row.name))

    def do_new(self) -> None:
        from datapulse_tui.tui.screens.admin.role_form import RoleFormScreen

        self.desk.push_screen(RoleFormScreen(None))

    def do_edit(self) -> None:
        if self.row is not None:
            edit_role(self, self.row.id or self.row.name)

    async def do_give(self) -> None:
        if self.row is not None and self.row.id is not None:
            await give_role(self, self.row.id, self.row.name, self.reread)

    def do_delete(self) -> None:
        if self.row is not None:
            delete_role(self, self.row.id or self.row.name, self.reread)

    async def do_why(self) -> None:
        await ask(self.desk, WhyMayScreen())


class RoleScreen(GroupScreen["RoleDetail", "Holder"]):
    """One role with everybody who has it."""

    PLACES = (keymap.ROLE, keymap.LIST, keymap.TEXT)
    BINDINGS = keymap.bindings(keymap.ROLE)
    TOPICS = TOPICS
    NOUN = "role"
    PANE = PermissionPane
    COLUMNS = (
        RowColumn("Name"),
        RowColumn("Address", dim=True),
        RowColumn("Status", 8, needs=70),
        RowColumn("Given by", 16, needs=100, dim=True),
        RowColumn("Given", 6, "right", dim=True),
    )
    HELP = (
        "Who has a custom role may do what it says beside what their built-in role lets them do. What is given or "
        "taken counts at once, also for those who are signed in."
    )

    def __init__(self, role: UUID | str, name: str) -> None:
        super().__init__(name)
        self._role = role

    async def detail_of(self, person: Person) -> RoleDetail:
        return await self.desk.services.role(person, self._role)

    async def people_of(self, person: Person, after: str | None) -> Page[Holder]:
        return await self.desk.services.role_holders(person, self._role, after)

    def name_of(self, detail: RoleDetail) -> str:
        return detail.view.row.name

    def about(self, detail: RoleDetail) -> list[Item]:
        return role_items(self, detail.view.row, detail._replace(people=()))

    def cells(self, somebody: Holder) -> tuple[str, ...]:
        given = ago(somebody.given_at, self.desk.now()) if somebody.given_at else ""
        by = somebody.given_by or ("an operator" if somebody.given_at else "")
        return somebody.name, somebody.email, somebody.status, by, given

    def facts(self, somebody: Holder) -> list[Item]:
        zone = self.desk.session.zone
        items = [
            Item("title", somebody.name),
            Item("fact", somebody.email, "address"),
            Item("fact", somebody.role, "built-in"),
            Item("fact", somebody.status, "status"),
        ]
        if somebody.given_at:
            by = somebody.given_by or "an operator, or somebody who is gone"
            items += [Item("fact", self._called, "given"), Item("fact", by, "by")]
            items.append(Item("fact", full_time(somebody.given_at, zone), "at"))
        return items

    def empty_words(self) -> list[str]:
        return ["Nobody has this role.", "" if isinstance(self._role, str) else "g gives it to people."]

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb, person = action_id.rpartition(".")[2], self.desk.person
        if verb in ("give", "take") and isinstance(self._role, str):
            return ONE_EACH
        if verb == "edit" and isinstance(self._role, str):
            return BUILT_IN
        needed = MANAGE if verb == "edit" else ASSIGN if verb in ("give", "take") else ""
        if needed and (person is None or not person.actor.can(needed)):
            return f"This needs the permission {needed}."
        return super().why_not(action_id)

    async def do_give(self) -> None:
        if isinstance(self._role, UUID):
            await give_role(self, self._role, self._called, self.unmarked)

    def do_take(self) -> None:
        services, role, people = self.desk.services, self._role, [each.id for each in self.meant()]
        if not isinstance(role, UUID):
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                call = lambda person: services.take_role(person, role, people)  # noqa: E731
                change_people(self, "taking a role away", "Taken away", call, self.unmarked)

        who = named([each.name for each in self.meant()])
        question = f"Take the role {self._called} away from {who}? What it lets them do ends at once."
        self.desk.push_screen(ConfirmScreen(question, yes="Take away"), answered)

    def do_edit(self) -> None:
        edit_role(self, self._role)

    async def do_why(self) -> None:
        if self.somebody is not None:
            await ask(self.desk, WhyMayScreen(person_option(self.somebody)))


# -- what both do ------------------------------------------------------------------------------------------------------


def edit_role(screen: DeskScreen, role: UUID | str) -> None:
    """Read a role as it is now, and open it in the form."""
    services, person = screen.desk.services, screen.desk.person

    def came(detail: RoleDetail) -> None:
        from datapulse_tui.tui.screens.admin.role_form import RoleFormScreen

        screen.desk.push_screen(RoleFormScreen(detail.view.row))

    if person is not None:
        screen.read("edit", "reading a role", partial(services.role, person, role), came)


async def give_role(screen: DeskScreen, role_id: UUID, name: str, done: Callable[[], None]) -> None:
    """Ask to whom a role is given, and give it."""
    services = screen.desk.services

    def chosen(people: tuple[UUID, ...]) -> None:
        call = lambda person: services.give_role(person, role_id, people)  # noqa: E731
        change_people(screen, "giving a role", "Given", call, done)

    explain = "They may do what it says from then on, also where they are signed in already."
    await choose_people(screen.desk, f"Give the role {name} to", explain, chosen)


def delete_role(screen: DeskScreen, role: UUID | str, done: Callable[[], None]) -> None:
    """Read who has a role, name them, and delete it when that is meant."""
    services, person = screen.desk.services, screen.desk.person

    def came(detail: RoleDetail) -> None:
        row = detail.view.row
        some = [each.name for each in detail.people]
        rest = f" and {row.holders - len(some):,} more" if row.holders > len(some) else ""
        lose = f"{', '.join(some)}{rest} {'loses' if row.holders == 1 else 'lose'} it at once." if some else ""
        question = f"Delete the role {row.name}? {lose or 'Nobody has it.'}"

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                work = lambda person: services.delete_role(person, row)  # noqa: E731
                screen.desk.session.save("deleting a role", work, done=done)

        screen.desk.push_screen(ConfirmScreen(question, yes="Delete"), answered)

    if person is not None:
        screen.read("delete", "reading a role", partial(services.role, person, role), came)


def role_items(screen: DeskScreen, row: RoleRow, detail: RoleDetail | None) -> list[Item]:
    """A role in full; who has it and who changed it once that is read."""
    items = [Item("title", row.name)]
    if row.description:
        items.append(Item("text", row.description))
    people = "nobody has it" if not row.holders else f"{row.holders:,} {'has' if row.holders == 1 else 'have'} it"
    items.append(Item("dim", f"{'custom' if row.id else 'built-in'} · {people}"))
    if detail is not None and detail.people:
        items.append(Item("text", _some(detail)))
    if detail is not None and detail.view.changed_by and row.version:
        when = full_time(row.version, screen.desk.session.zone)
        items.append(Item("dim", f"changed last by {detail.view.changed_by}, {when}"))
    if detail is not None and detail.view.unknown:
        items.append(Item("critical", f"gives nothing: {', '.join(detail.view.unknown)}"))
    items += [Item("gap"), Item("title", "It lets a person" if row.permissions else "It lets nobody do anything.")]
    return [*items, *permission_items(listed(row.permissions))]


def permission_items(permissions: Iterable[Permission]) -> list[Item]:
    """Permissions with their explanations, those of a resource together."""
    items: list[Item] = []
    for _, group in grouped(permissions):
        items += (
            [Item("gap"), *(Item("fact", each.explanation, each.word) for each in group)]
            if items
            else [Item("fact", each.explanation, each.word) for each in group]
        )
    return items


def _some(detail: RoleDetail) -> str:
    names = [each.name for each in detail.people]
    more = detail.view.row.holders - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")
