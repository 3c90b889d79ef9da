"""The form of a custom role: a name, what it is for, and marks in the explained list of permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult

from datapulse_tui.errors import Conflict, DataPulseError
from datapulse_tui.people.role_rules import LIST, listed
from datapulse_tui.tui import keymap
from datapulse_tui.tui.desk_roles import RoleDraft
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.screens.confirm import ConfirmScreen
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet, SheetField

if TYPE_CHECKING:
    from datapulse_tui.people.role_reads import RoleRow
    from datapulse_tui.people.role_rules import Permission

COLUMNS = (
    RowColumn("", 3),
    RowColumn("Permission", 19),
    RowColumn("lets a person ..."),
    RowColumn("comes with", 13, needs=100, dim=True),
)
HOW = "space marks · / filters · ctrl+s saves"


class FilterField(SheetField):
    """Enter goes on to the list that it filters."""

    def action_go_on(self) -> None:
        self.screen.set_focus(self.screen.query_one("#permissions", RowList))


class RoleFormScreen(DeskScreen):
    """A new role, or (with a row) one that is there, in the version that was seen."""

    PLACES = (keymap.ROLE_FORM, keymap.LIST)
    BINDINGS = keymap.bindings(keymap.ROLE_FORM)
    CSS_PATH = STYLES
    ROOM = "admin"
    HELP = (
        "Mark what the role lets people do. What you may not do yourself you cannot put into a role: it is marked ▲. "
        "Whoever has the role has its permissions beside those of their built-in role."
    )

    def __init__(self, row: RoleRow | None) -> None:
        super().__init__()
        self._row = row
        self._marked = set(row.permissions) if row else set[str]()
        self._only_marked = False
        self._saving = False

    def body(self) -> ComposeResult:
        row = self._row
        yield Note(f"The role {row.name}" if row else "A new role", id="form-head", strong=True)
        entries = [
            Entry("Name", SheetField(id="in-name", value=row.name if row else "")),
            Entry("What it is for", SheetField(id="in-description", value=row.description if row else "")),
            Entry("Filter", FilterField(id="in-filter", placeholder="part of a permission, or of what it lets do")),
        ]
        yield Sheet([Section("It adds to the built-in role of whoever has it", entries)], id="sheet")
        yield Note(HOW, id="marks")
        yield RowList(COLUMNS, id="permissions")

    def on_mount(self) -> None:
        super().on_mount()
        self._show()
        self.sheet.go_to("name")

    @property
    def sheet(self) -> Sheet:
        """Name, description and filter."""
        return self.query_one(Sheet)

    @property
    def listed(self) -> RowList:
        """The permissions that the filter leaves."""
        return self.query_one("#permissions", RowList)

    # -- showing -------------------------------------------------------------------------------------------------------

    def _may_give(self, word: str) -> bool:
        person = self.desk.person
        return person is not None and person.actor.can(word)

    def _show(self) -> None:
        words = self._marked if self._only_marked else None
        found = listed(words, str(self.sheet.value("filter")))
        empty = ["No permission holds that." if words is None else "Nothing is marked."]
        self.listed.show([self._shown(each) for each in found], empty=empty, still=True)
        only = " · only those" if self._only_marked else ""
        self._tell(f"{len(self._marked)} of {len(LIST)} marked{only} · {HOW}")
        self.redraw_frame()

    def _shown(self, each: Permission) -> Row:
        able = self._may_give(each.word)
        mark = "[✓]" if each.word in self._marked else "[ ]" if able else " ▲ "
        first = each.first.value
        if able:
            return Row(each.word, (mark, each.word, each.explanation, first), ("accent", "", "", ""))
        return Row(
            each.word, (mark, each.word, f"you may not do this yourself: {each.explanation}", first), ("dim",) * 4
        )

    def _tell(self, words: str, *, bad: bool = False) -> None:
        note = self.query_one("#marks", Note)
        if (note.text, note.bad) != (words, bad):
            note.show(words, bad=bad)

    def on_sheet_changed(self, event: Sheet.Changed) -> None:
        event.stop()
        if event.name == "filter":
            self.listed.move_to(0)
            self._show()
        else:
            self.sheet.say({})

    def on_sheet_entered(self, event: Sheet.Entered) -> None:
        event.stop()

    def on_row_list_moved(self) -> None:
        self.redraw_frame()

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb, word = action_id.rpartition(".")[2], self.listed.key
        if verb == "save" and self._saving:
            return "It is being saved."
        if verb in ("mark", "mark_all") and not word:
            return "No permission is shown."
        if verb == "mark" and word not in self._marked and not self._may_give(word):
            return f"You may not do this yourself ({word}), so you cannot put it into a role."
        return ""

    def do_mark(self) -> None:
        word = self.listed.key
        self._marked ^= {word}
        self._show()
        if not self._only_marked:
            self.listed.do_down()

    def on_row_list_opened(self) -> None:
        if not self.why_not("role_form.mark"):
            self.do_mark()

    def do_mark_all(self) -> None:
        """Mark all that are shown and can be, or take those marks away."""
        shown = {row.key for row in self.listed.rows if self._may_give(row.key)}
        self._marked = self._marked - shown if shown <= self._marked else self._marked | shown
        self._show()

    def do_only_marked(self) -> None:
        self._only_marked = not self._only_marked
        self.listed.move_to(0)
        self._show()

    def do_filter(self) -> None:
        self.sheet.go_to("filter")

    def do_across(self) -> None:
        """From the fields to the list, and back."""
        if self.listed.has_focus:
            self.sheet.go_to("name")
        else:
            self.set_focus(self.listed)

    def do_back_across(self) -> None:
        self.do_across()

    @property
    def _draft(self) -> RoleDraft:
        name, description = (str(self.sheet.value(each)).strip() for each in ("name", "description"))
        words = tuple(each.word for each in LIST if each.word in self._marked)
        return RoleDraft(name, description, words)

    def _touched(self) -> bool:
        row, draft = self._row, self._draft
        was = RoleDraft(row.name, row.description, ()) if row else RoleDraft("", "", ())
        return draft[:2] != was[:2] or self._marked != (row.permissions if row else frozenset())

    def do_save(self) -> None:
        services, row, draft = self.desk.services, self._row, self._draft
        if not draft.name:
            self.sheet.say({"name": "A role needs a name."})
            self.sheet.go_to("name")
            return
        self._saving = True
        self.desk.session.save(
            "saving a role",
            lambda person: services.save_role(person, row, draft),
            done=self._saved,
            failed=self._refused,
        )

    def _saved(self) -> None:
        self.desk.say(f"The role {self._draft.name} is saved.")
        if self.is_attached and self.is_current:
            self.desk.pop_screen()

    def _refused(self, error: DataPulseError) -> None:
        self._saving = False
        if not self.is_attached:
            self.desk.report(error)
            return
        self._tell(f"{error.message} {error.hint}".strip(), bad=True)
        if isinstance(error, Conflict) and "called" in error.message:
            self.sheet.go_to("name")

    async def do_back(self) -> None:
        if not self._touched():
            self.desk.pop_screen()
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                self.desk.pop_screen()

        question = "Leave without saving? What was changed here is thrown away."
        await self.desk.push_screen(ConfirmScreen(question, yes="Throw away"), answered)
