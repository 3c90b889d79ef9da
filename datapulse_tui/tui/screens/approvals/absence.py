"""Naming a substitute: from when until when, for which types, and, before it is saved, who would get what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from textual.app import ComposeResult
from textual.timer import Timer

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.desk_request_forms import Absence
from datapulse_tui.tui.screens.alerts.until import EXPECTED, parse_until, tomorrow
from datapulse_tui.tui.screens.approvals import words
from datapulse_tui.tui.screens.approvals.request_form import THINKS
from datapulse_tui.tui.screens.approvals.tabs import STYLES
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet, SheetField

if TYPE_CHECKING:
    from datapulse_tui.workflows.views import PersonRef, Share

GETS = (
    RowColumn("", 1),
    RowColumn("Due", 8),
    RowColumn("Request"),
    RowColumn("From", 14, needs=100),
    RowColumn("Substitute", 30),
)
WEEK = timedelta(days=7)  # the length that is offered
NEEDED = "Choose who stands in."


class AbsenceScreen(DeskScreen):
    """The form above; below it what waits now, and which of it the substitute would and would not get."""

    PLACES = (keymap.ABSENCE, keymap.LIST)
    BINDINGS = keymap.bindings(keymap.ABSENCE)
    CSS_PATH = STYLES
    ROOM = "approvals"
    HELP = (
        "Your substitute sees and decides what waits for you, in your name, as long as it holds. Their own requests "
        "are marked: those they do not get, because nobody decides their own."
    )

    def __init__(self, types: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._types = types
        self._people: dict[str, PersonRef] = {}
        self._thinking: Timer | None = None
        self._saving = False

    def body(self) -> ComposeResult:
        yield Note("A substitute for an absence", id="request-head", strong=True)
        entries = [
            Entry("Substitute", Choice(id="in-substitute", empty="type a name"), "Who decides in your name."),
            Entry("From", SheetField(id="in-from", placeholder="now"), f"Empty for now; or {EXPECTED}."),
            Entry("Until", SheetField(id="in-until"), f"Until when: {EXPECTED}."),
            Entry(
                "Types",
                Choice([Option(*each) for each in self._types], id="in-types", several=True, empty="all of them"),
                "Only these types of request; none chosen is all.",
            ),
            Entry("Reason", SheetField(id="in-reason", placeholder="may stay empty"), "Your substitute reads it."),
        ]
        yield Sheet([Section("Both of you are told when you save it", entries)], id="sheet")
        yield Note(id="explain")
        yield Note(NEEDED, id="gets-head")
        yield RowList(GETS, id="gets")

    def on_mount(self) -> None:
        super().on_mount()
        zone = self.desk.session.zone
        until = tomorrow(self.desk.now(), zone) + WEEK
        self.sheet.put({"until": f"{until.astimezone(zone):%Y-%m-%d %H:%M}"})
        self.sheet.go_to("substitute")
        self._look("")

    @property
    def sheet(self) -> Sheet:
        """The form."""
        return self.query_one(Sheet)

    # -- while one writes ----------------------------------------------------------------------------------------------

    def on_choice_typed(self, event: Choice.Typed) -> None:
        event.stop()
        if event.choice.id == "in-substitute":
            self._look(event.typed)

    def _look(self, typed: str) -> None:
        services, person = self.desk.services, self.desk.person
        if person is not None:
            work = partial(services.substitutes, person, typed)
            self.read("people", "looking for people", work, self._people_came, lambda _: None)

    def _people_came(self, found: tuple[PersonRef, ...]) -> None:
        control = self.sheet.control("substitute")
        if isinstance(control, Choice):
            control.offer([Option(str(each.id), each.name, each.email) for each in found])

    def on_sheet_entered(self, event: Sheet.Entered) -> None:
        event.stop()
        self.query_one("#explain", Note).show(event.about)

    def on_sheet_changed(self, event: Sheet.Changed) -> None:
        event.stop()
        if self._thinking is not None:
            self._thinking.stop()
        self._thinking = self.set_timer(THINKS, self._think)

    def _wanted(self) -> tuple[Absence | None, dict[str, str]]:
        """What is wanted, or what is wrong with which field."""
        values, now, zone = self.sheet.values, self.desk.now(), self.desk.session.zone
        problems: dict[str, str] = {}
        times = {}
        for name in ("from", "until"):
            typed = str(values[name]).strip()
            try:
                times[name] = parse_until(typed, now, zone) if typed or name == "until" else now
            except ValueError:
                problems[name] = f"That is no time. Expected {EXPECTED}."
        if not problems and times["until"] <= times["from"]:
            problems["until"] = "It ends before it begins."
        if not values["substitute"]:
            problems["substitute"] = NEEDED
        if problems:
            return None, problems
        types = values["types"]
        return (
            Absence(
                UUID(str(values["substitute"])),
                times["from"],
                times["until"],
                types if isinstance(types, tuple) else (),
                str(values["reason"]).strip(),
            ),
            {},
        )

    def _think(self) -> None:
        """Look who would get what, as soon as it is known what is wanted."""
        services, person = self.desk.services, self.desk.person
        absence, problems = self._wanted()
        self.sheet.say({name: said for name, said in problems.items() if name != "substitute"})
        if absence is not None and person is not None:
            work = partial(services.plan_absence, person, absence)
            self.read("plan", "looking who would get what", work, self._planned, self._not_planned)

    def _planned(self, shares: tuple[Share, ...]) -> None:
        now = self.desk.now()
        rows = [
            Row(
                str(each.row.id),
                (
                    "▲" if each.refused else "✓",
                    words.due(each.row, now).words,
                    f"#{each.row.number} {each.row.subject}",
                    each.row.requester.name,
                    each.refused or "gets it",
                ),
                ("warning" if each.refused else "good", "", "", "", "warning" if each.refused else ""),
            )
            for each in shares
        ]
        gets = sum(not each.refused for each in shares)
        self.query_one("#gets-head", Note).show(f"They would get {gets:,} of {len(shares):,} that wait for you now:")
        self.query_one(RowList).show(rows, empty=["Nothing waits for you now; they get what comes."])

    def _not_planned(self, error: DataPulseError) -> None:
        message = error.message.removesuffix(" Nothing was changed.")
        self.query_one("#gets-head", Note).show(f"{message} {error.hint}".strip(), bad=True)
        self.query_one(RowList).show([])

    # -- saving and leaving --------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        return "It is being saved." if action_id == "absence.save" and self._saving else ""

    def do_save(self) -> None:
        services = self.desk.services
        absence, problems = self._wanted()
        self.sheet.say(problems)
        if absence is None:
            self.sheet.go_to(next(name for name in self.sheet.names if name in problems))
            return
        self._saving = True
        self.desk.session.save(
            "naming a substitute",
            lambda person: services.keep_absence(person, absence),
            done=self._saved,
            failed=self._not_saved,
        )

    def _saved(self) -> None:
        self.desk.say("Saved; both of you are told.")
        if self.is_attached and self.is_current:
            self.desk.pop_screen()

    def _not_saved(self, error: DataPulseError) -> None:
        self._saving = False
        if self.is_attached:
            self._not_planned(error)
        else:
            self.desk.report(error)

    def do_back(self) -> None:
        self.desk.pop_screen()
