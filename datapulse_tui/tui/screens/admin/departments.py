"""Departments: who leads them and who is in them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.people.departments import MANAGE, MOVE
from datapulse_tui.tui import keymap
from datapulse_tui.tui.desk_roles import DepartmentDraft
from datapulse_tui.tui.screens.admin.choosing import OffersPeople, change_people, choose_people
from datapulse_tui.tui.screens.admin.group import GroupScreen, named
from datapulse_tui.tui.screens.admin.groups import GroupList
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.alerts.ask import Question, ask
from datapulse_tui.tui.screens.confirm import ConfirmScreen
from datapulse_tui.tui.times import full_time
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item
from datapulse_tui.tui.widgets.rows import Row, RowColumn
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet, SheetField

if TYPE_CHECKING:
    from collections.abc import Callable

    from datapulse_tui.data.page import Page
    from datapulse_tui.people.department_reads import DepartmentRow, Member
    from datapulse_tui.tui.desk_roles import DepartmentDetail
    from datapulse_tui.tui.screens.base import DeskScreen
    from datapulse_tui.tui.services import Person

TOPICS = frozenset({"people"})


class DepartmentsScreen(GroupList["DepartmentRow", "DepartmentDetail"]):
    """The list, with the selected one beside it where there is room."""

    PLACES = (keymap.DEPARTMENTS, keymap.ADMIN, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.DEPARTMENTS), *keymap.bindings(keymap.ADMIN)]
    TAB = "departments"
    TOPICS = TOPICS
    NOUN = "department"
    MANAGE = MANAGE
    COLUMNS = (
        RowColumn("Department", 24),
        RowColumn("Head", 20),
        RowColumn("People", 7, "right"),
        RowColumn("What it does", dim=True),
    )
    HELP = (
        "A department has people and may have a head, who is asked to decide requests of its people. Rules can tell "
        "everybody in one. Being in a department gives no rights by itself."
    )

    async def page_of(self, person: Person, text: str, after: str | None) -> Page[DepartmentRow]:
        return await self.desk.services.departments(person, text, after)

    async def detail_of(self, person: Person, row: DepartmentRow) -> DepartmentDetail:
        return await self.desk.services.department(person, row.id)

    def shown(self, row: DepartmentRow) -> Row:
        gone = row.head_status == "inactive"
        head = f"▲ {row.head}" if gone else row.head or "nobody"
        tone = "warning" if gone else "" if row.head else "dim"
        cells = (row.name, head, f"{row.members:,}", row.description)
        return Row(row.key, cells, ("", tone, "", ""))  # type: ignore[arg-type]

    def items(self, row: DepartmentRow, detail: DepartmentDetail | None) -> list[Item]:
        return department_items(self, row, detail)

    def empty_words(self) -> list[str]:
        if self._text:
            return [f'No department holds "{self._text}".', "esc takes the filter away."]
        return ["There is no department yet.", "n makes one."]

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        person = self.desk.person
        if action_id == "departments.give" and (person is None or not person.actor.can(MOVE)):
            return f"This needs the permission {MOVE}."
        return super().why_not(action_id)

    def do_open(self) -> None:
        if self.row is not None:
            self.desk.push_screen(DepartmentScreen(self.row.id, self.row.name))

    async def do_new(self) -> None:
        await ask(self.desk, DepartmentFormScreen(None))

    def do_edit(self) -> None:
        if self.row is not None:
            edit_department(self, self.row.id)

    async def do_give(self) -> None:
        if self.row is not None:
            await add_people(self, self.row.id, self.row.name, self.reread)

    def do_delete(self) -> None:
        services, row = self.desk.services, self.row
        if row is None:
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                work = lambda person: services.delete_department(person, row)  # noqa: E731
                self.desk.session.save("deleting a department", work, done=self.reread)

        were = {0: "Nobody is in it.", 1: "One person is in it, and in none then."}.get(
            row.members, f"{row.members:,} people are in it, and in none then."
        )
        question = f"Delete the department {row.name}? {were} A rule that tells its people tells nobody through it."
        self.desk.push_screen(ConfirmScreen(question, yes="Delete"), answered)


class DepartmentScreen(GroupScreen["DepartmentDetail", "Member"]):
    """One department with everybody in it."""

    PLACES = (keymap.DEPARTMENT, keymap.LIST, keymap.TEXT)
    BINDINGS = keymap.bindings(keymap.DEPARTMENT)
    TOPICS = TOPICS
    NOUN = "department"
    COLUMNS = (
        RowColumn("Name"),
        RowColumn("Address", dim=True),
        RowColumn("Role", 14, needs=70),
        RowColumn("Status", 8, needs=70),
    )
    HELP = "Everybody is in one department at most: whoever comes here leaves the one in which they were."

    def __init__(self, department_id: UUID, name: str) -> None:
        super().__init__(name)
        self._department = department_id

    async def detail_of(self, person: Person) -> DepartmentDetail:
        return await self.desk.services.department(person, self._department)

    async def people_of(self, person: Person, after: str | None) -> Page[Member]:
        return await self.desk.services.department_members(person, self._department, after)

    def name_of(self, detail: DepartmentDetail) -> str:
        return detail.view.row.name

    def about(self, detail: DepartmentDetail) -> list[Item]:
        return department_items(self, detail.view.row, detail._replace(people=()))

    def cells(self, somebody: Member) -> tuple[str, ...]:
        return somebody.name, somebody.email, somebody.role, somebody.status

    def facts(self, somebody: Member) -> list[Item]:
        facts = (("address", somebody.email), ("role", somebody.role), ("status", somebody.status))
        return [Item("title", somebody.name), *(Item("fact", text, label) for label, text in facts if text)]

    def empty_words(self) -> list[str]:
        return ["Nobody is in this department.", "g puts people into it."]

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb, person = action_id.rpartition(".")[2], self.desk.person
        needed = {"edit": MANAGE, "head": MANAGE, "give": MOVE, "take": MOVE}.get(verb, "")
        if needed and (person is None or not person.actor.can(needed)):
            return f"This needs the permission {needed}."
        if verb == "head" and (self.somebody is None or self.detail is None):
            return "Nobody is selected."
        return super().why_not(action_id)

    async def do_give(self) -> None:
        await add_people(self, self._department, self._called, self.unmarked)

    def do_take(self) -> None:
        services, people = self.desk.services, [each.id for each in self.meant()]

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                call = lambda person: services.move_people(person, people, None)  # noqa: E731
                change_people(self, "taking people out of a department", "Taken out", call, self.unmarked)

        who = named([each.name for each in self.meant()])
        question = f"Take {who} out of {self._called}? They are in no department then."
        self.desk.push_screen(ConfirmScreen(question, yes="Take out"), answered)

    def do_head(self) -> None:
        """Have the one under the cursor lead it, or nobody when they do already."""
        services, who, detail = self.desk.services, self.somebody, self.detail
        if who is None or detail is None:
            return
        row = detail.view.row
        leads = row.head_id == who.id
        draft = DepartmentDraft(row.name, row.description, None if leads else who.id)
        said = f"Nobody leads {row.name} now." if leads else f"{who.name} leads {row.name} now."

        def led() -> None:
            self.desk.say(said)
            self.unmarked()

        self.desk.session.save(
            "saying who leads a department",
            lambda person: services.save_department(person, row, draft),
            done=led,
        )

    def do_edit(self) -> None:
        edit_department(self, self._department)


class DepartmentFormScreen(OffersPeople, Question[None]):
    """A new department, or (with a row) one that is there, in the version that was seen."""

    PLACES = (keymap.FORM, keymap.GROUP_FORM)
    BINDINGS: ClassVar[list[Any]] = [*keymap.bindings(keymap.FORM), *keymap.bindings(keymap.GROUP_FORM)]
    CSS_PATH = STYLES  # type: ignore[assignment]
    HELP = "The head need not be in the department; backspace in the field takes the head away."

    def __init__(self, row: DepartmentRow | None) -> None:
        super().__init__()
        self._row = row

    def compose(self) -> ComposeResult:
        row = self._row
        head = [Option(str(row.head_id), row.head, row.head_email)] if row and row.head_id else []
        entries = [
            Entry("Name", SheetField(id="in-name", value=row.name if row else "")),
            Entry("What it does", SheetField(id="in-description", value=row.description if row else "")),
            Entry("Head", Choice(head, id="in-head", chosen=tuple(each.key for each in head), empty="nobody")),
        ]
        with Vertical(classes="dialog", id="department-form"):
            yield Sheet([Section(f"The department {row.name}" if row else "A new department", entries)], id="sheet")
            yield Note(id="problem")
            yield Note("ctrl+s saves · esc cancels · ↑ ↓ go from field to field", classes="note")

    def on_mount(self) -> None:
        self.query_one("#problem").display = False
        self.offer_people(self._head, "")

    def take_focus(self) -> None:
        self.query_one(Sheet).go_to("name")

    @property
    def _head(self) -> Choice:
        return self.query_one("#in-head", Choice)

    def on_choice_typed(self, event: Choice.Typed) -> None:
        event.stop()
        self.offer_people(event.choice, event.typed)

    def do_save(self) -> None:
        services, row, sheet = self.desk.services, self._row, self.query_one(Sheet)
        name, description, head = (str(sheet.value(each)).strip() for each in ("name", "description", "head"))
        if not name:
            self._refuse("A department needs a name.")
            return
        draft = DepartmentDraft(name, description, UUID(head) if head else None)
        self.desk.session.save(
            "saving a department",
            lambda person: services.save_department(person, row, draft),
            done=self._saved,
            failed=self._failed,
        )

    def _saved(self) -> None:
        if self.is_attached:
            self.dismiss(None)

    def _failed(self, error: DataPulseError) -> None:
        if self.is_attached:
            self._refuse(f"{error.message} {error.hint}".strip())
        else:
            self.desk.report(error)

    def _refuse(self, words: str) -> None:
        note = self.query_one("#problem", Note)
        note.display = True
        note.show(words, bad=True)


# -- what both do ------------------------------------------------------------------------------------------------------


def edit_department(screen: DeskScreen, department_id: UUID) -> None:
    """Read a department as it is now, and open it in the form."""
    services, person = screen.desk.services, screen.desk.person

    def came(detail: DepartmentDetail) -> None:
        screen.desk.call_later(ask, screen.desk, DepartmentFormScreen(detail.view.row))

    if person is not None:
        screen.read("edit", "reading a department", partial(services.department, person, department_id), came)


async def add_people(screen: DeskScreen, department_id: UUID, name: str, done: Callable[[], None]) -> None:
    """Ask who comes into a department, and put them into it."""
    services = screen.desk.services

    def chosen(people: tuple[UUID, ...]) -> None:
        call = lambda person: services.move_people(person, people, department_id)  # noqa: E731
        change_people(screen, "moving people", f"In {name} now", call, done)

    await choose_people(screen.desk, f"Who comes into {name}?", "They leave the department in which they were.", chosen)


def department_items(screen: DeskScreen, row: DepartmentRow, detail: DepartmentDetail | None) -> list[Item]:
    """A department in full; who is in it and who changed it once that is read."""
    zone = screen.desk.session.zone
    items = [Item("title", row.name)]
    if row.description:
        items.append(Item("text", row.description))
    items.append(Item("gap"))
    head = " ".join(part for part in (row.head, row.head_email and f"<{row.head_email}>") if part)
    items.append(Item("fact", head or "nobody", "led by"))
    if row.head_status == "inactive":
        items.append(Item("critical", f"▲ {row.head} is deactivated, so nobody decides as the head. e names another."))
    items.append(Item("fact", f"{row.members:,}", "people"))
    if detail is not None and detail.people:
        names = [each.name for each in detail.people]
        more = row.members - len(names)
        items.append(Item("fact", ", ".join(names) + (f" and {more:,} more" if more > 0 else ""), "in it"))
    items.append(Item("fact", full_time(row.version, zone), "changed"))
    if detail is not None and detail.view.changed_by:
        items.append(Item("fact", detail.view.changed_by, "by"))
    return items
