"""Importing people from a CSV file: choose it, see line by line what it would do, and do it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.widgets import Input

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.screens.confirm import MessageScreen
from datapulse_tui.tui.times import full_time
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Field, Note
from datapulse_tui.tui.widgets.pane import Item
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList, Tone
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet

if TYPE_CHECKING:
    from datapulse_tui.people.import_plan import Plan
    from datapulse_tui.people.importing import Imported
    from datapulse_tui.tui.services import Person

COLUMNS = (
    RowColumn("Line", 6, "right", dim=True),
    RowColumn("", 9),
    RowColumn("E-mail", 26),
    RowColumn("What"),
)
WAIT, INVITE = "wait", "invite"
COMING = (
    Option(WAIT, "let them wait", "pending, until they are invited"),
    Option(INVITE, "invite them", "a code for each, shown once, and mailed where there is a channel"),
)
EXPLAIN = (
    "Columns: email, name, role, department, status, phone, timezone, custom_roles (with | between); only email is "
    "needed."
)
START = "Type where the file is; enter shows what it would do, and changes nothing."


class ImportScreen(DeskScreen):
    """The file above; below it what it would do, and what is wrong with it, in the order of its lines."""

    PLACES = (keymap.IMPORT, keymap.LIST)
    BINDINGS = keymap.bindings(keymap.IMPORT)
    CSS_PATH = STYLES
    ROOM = "admin"
    HELP = (
        "All of the file is done, or nothing where one line is wrong. Who is there is changed only where the file has "
        "a column; an empty cell takes away a department, a phone number or all custom roles. Nobody gives through a "
        "file what they may not do themselves."
    )

    def __init__(self) -> None:
        super().__init__()
        self._plan: Plan | None = None
        self._of: tuple[Path, bool] | None = None
        self._saving = False

    def body(self) -> ComposeResult:
        entries = [
            Entry("File", Field(id="in-file", placeholder="~/people.csv"), EXPLAIN),
            Entry("Who is new", Choice(COMING, id="in-coming", chosen=(WAIT,)), "What becomes of those who are new."),
        ]
        yield Note("Import people", id="form-head", strong=True)
        yield Sheet([Section("From a CSV file", entries)], id="sheet")
        yield Note(EXPLAIN, id="explain")
        yield Note(START, id="import-head")
        yield RowList(COLUMNS, id="plan")

    def on_mount(self) -> None:
        super().on_mount()
        self._sheet.go_to("file")

    @property
    def _sheet(self) -> Sheet:
        return self.query_one(Sheet)

    @property
    def _listed(self) -> RowList:
        return self.query_one("#plan", RowList)

    def _say(self, words: str, *, bad: bool = False) -> None:
        self.query_one("#import-head", Note).show(words, bad=bad)

    @property
    def _wanted(self) -> tuple[Path, bool] | None:
        typed = str(self._sheet.value("file")).strip()
        return (Path(typed), self._sheet.value("coming") == INVITE) if typed else None

    # -- looking -------------------------------------------------------------------------------------------------------

    def on_sheet_entered(self, event: Sheet.Entered) -> None:
        event.stop()
        self.query_one("#explain", Note).show(event.about)

    def on_sheet_changed(self, event: Sheet.Changed) -> None:
        event.stop()
        if self._wanted != self._of:
            self._plan, self._of = None, None
            self._listed.show([])
            self._say(START)
            self.redraw_frame()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.do_look()

    def do_look(self) -> None:
        services, person, wanted = self.desk.services, self.desk.person, self._wanted
        if person is None or wanted is None:
            return
        self._say("Comparing the file with the people who are there …")
        work = partial(services.look_at_import, person, wanted[0], invite=wanted[1])
        self.read("import", "looking at a file of people", work, partial(self._looked, wanted), self._refuse)

    def _looked(self, wanted: tuple[Path, bool], plan: Plan) -> None:
        if wanted != self._wanted:
            return
        self._plan, self._of = plan, wanted
        rows = _rows(plan)
        self._listed.show(rows, empty=["The file changes nothing: everybody is as it says."])
        words, bad = _summary(plan)
        self._say(words, bad=bad)
        if rows:
            self.set_focus(self._listed)
        self.redraw_frame()

    def _refuse(self, error: DataPulseError) -> None:
        self._saving = False
        self._plan, self._of = None, None
        self._listed.show([])
        self._say(f"{error.message} {error.hint}".strip(), bad=True)
        self.redraw_frame()

    # -- doing ---------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb = action_id.rpartition(".")[2]
        if verb == "look" and self._wanted is None:
            return "Type where the file is."
        if verb == "open" and not self._listed.rows:
            return "There is no line to be shown."
        if verb != "save":
            return ""
        if self._saving:
            return "It is being done."
        if self._plan is None:
            return "Look first at what the file would do."
        if self._plan.problems:
            return "Something is wrong with the file; mend it, and look again."
        return "" if any(each.changes for each in self._plan.people) else "The file changes nothing."

    def do_save(self) -> None:
        services, of = self.desk.services, self._of
        if of is None:
            return
        self._saving = True
        found: list[Imported] = []

        async def work(person: Person) -> None:
            found[:] = [await services.import_people(person, of[0], invite=of[1])]

        def done() -> None:
            self._done(found[0])

        self.desk.session.save("importing people", work, done=done, failed=self._not_done)

    def _done(self, imported: Imported) -> None:
        self._saving = False
        plan, zone = imported.plan, self.desk.session.zone
        if plan.problems:
            if self.is_attached and self._of is not None:
                self._looked(self._of, plan)
            self.desk.say("Something changed meanwhile, and nothing of the file was done.", severity="warning")
            return
        if self.is_attached and self.is_current:
            self.desk.pop_screen()
        self.desk.say(f"{len(plan.new):,} new and {len(plan.changed):,} changed.")
        if imported.invited:
            items = [
                Item("title", f"{len(imported.invited):,} people are invited"),
                Item("text", "Read each their code out. They are shown only now, and kept nowhere:"),
                Item("gap"),
                *(Item("code", f"{each.code}  {email}") for email, each in imported.invited),
                Item("gap"),
                Item("dim", f"Good until {full_time(imported.invited[0][1].expires_at, zone)}."),
            ]
            self.desk.push_screen(MessageScreen(items))

    def _not_done(self, error: DataPulseError) -> None:
        if self.is_attached:
            self._refuse(error)
        else:
            self.desk.report(error)

    def on_row_list_opened(self) -> None:
        self.do_open()

    def do_open(self) -> None:
        line, sign, who, said = self._listed.row_at(self._listed.cursor).cells
        items = [Item("title", f"Line {line}: {who}".rstrip(": ")), Item("critical" if "▲" in sign else "dim", sign)]
        items += [Item("gap"), *(Item("text", part) for part in said.split("; "))]
        self.desk.push_screen(MessageScreen(items))

    def do_back(self) -> None:
        self.desk.pop_screen()


def _rows(plan: Plan) -> list[Row]:
    """What the file would do and what is wrong with it, in the order of its lines."""
    found: list[tuple[int, Row]] = []
    for each in plan.people:
        if each.changes:
            tones: tuple[Tone, ...] = ("", "good" if each.is_new else "accent", "", "")
            sign = "+ new" if each.is_new else "~ changed"
            cells = (str(each.line), sign, each.email, "; ".join(plan.words(each)))
            found.append((each.line, Row(each.email, cells, tones)))
    for at, problem in enumerate(plan.problems):
        said = problem.message + (f"; expected {problem.expected}" if problem.expected else "")
        cells = (str(problem.line), "▲ wrong", problem.column, said)
        found.append((problem.line, Row(f"problem {at}", cells, ("", "critical", "", ""))))
    return [row for _, row in sorted(found, key=lambda pair: pair[0])]


def _summary(plan: Plan) -> tuple[str, bool]:
    number = f"{len(plan.new):,} new, {len(plan.changed):,} changed"
    if plan.problems:
        wrong = "1 thing is" if len(plan.problems) == 1 else f"{len(plan.problems):,} things are"
        return f"{wrong} wrong, so nothing of the file can be done ({number} otherwise).", True
    return f"It would be {number}. ctrl+s does it.", False
