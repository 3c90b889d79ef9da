"""The form of a person: somebody new, who is invited or waits, or an account that is there with its profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.desk_people import Choices, Draft
from datapulse_tui.tui.screens.admin import people_words as words
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.alerts.ask import Question
from datapulse_tui.tui.screens.confirm import MessageScreen
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet, SheetField, SheetText

if TYPE_CHECKING:
    from datapulse_tui.people.invitations import Invited
    from datapulse_tui.people.views import PersonDetail
    from datapulse_tui.tui.services import Person

INVITE, WAIT = "invite", "wait"
COMING = (
    Option(INVITE, "invite them", "a code, good for a day, with which they choose a password"),
    Option(WAIT, "let them wait", "pending, until they are invited or given a password"),
)


class PersonForm(Question[bool]):
    """Somebody new, or one who is there, as they were read for it. The answer is True when it was saved."""

    PLACES = (keymap.FORM, keymap.PERSON_FORM)
    BINDINGS: ClassVar[list[Any]] = [*keymap.bindings(keymap.FORM), *keymap.bindings(keymap.PERSON_FORM)]
    CSS_PATH = STYLES  # type: ignore[assignment]
    HELP = (
        "An invitation shows a code once, to be read out; it is mailed as well where there is a channel for mail. "
        "Picture and text are what others see of somebody who is there; they can change them themselves as well, and "
        "the trail keeps who did."
    )

    def __init__(self, there: PersonDetail | None, choices: Choices) -> None:
        super().__init__()
        self._there = there
        self._choices = choices
        self._saving = False

    def compose(self) -> ComposeResult:
        there = self._there
        with Vertical(classes="dialog", id="person-form"):
            title = f"The account of {there.row.name}" if there else "Somebody new"
            yield Note(title, classes="form-title", strong=True)
            shown = [Section("What others see of them", _shown(there))] if there else []
            yield Sheet([Section("Account", self._entries()), *shown], id="sheet")
            yield Note(id="problem")
            yield Note("ctrl+s saves · esc cancels · ↑ ↓ go from field to field", classes="note")

    def _entries(self) -> list[Entry]:
        row = self._there.row if self._there else None
        departments = [Option(str(each), name) for each, name in self._choices.departments]
        zone = row.zone if row else self.desk.session.zone.key
        zones = [Option(each, each) for each in dict.fromkeys((zone, *self._choices.zones))]
        department = (str(row.department_id),) if row and row.department_id else ()
        entries = [
            Entry("Name *", SheetField(id="in-name", value=row.name if row else "")),
            Entry("E-mail *", SheetField(id="in-email", value=row.email if row else "")),
            Entry("Role", Choice(words.ROLES, id="in-role", chosen=(row.role if row else words.ROLES[0].key,))),
            Entry("Department", Choice(departments, id="in-department", chosen=department, empty="none")),
            Entry("Time zone", Choice(zones, id="in-zone", chosen=(zone,))),
            Entry("Phone", SheetField(id="in-phone", value=(row.phone or "") if row else "", placeholder="for SMS")),
        ]
        if row is None:
            entries.append(Entry("Then", Choice(COMING, id="in-coming", chosen=(INVITE,))))
        return entries

    def on_mount(self) -> None:
        self.query_one("#problem").display = False

    def take_focus(self) -> None:
        self._sheet.go_to("name")

    @property
    def _sheet(self) -> Sheet:
        return self.query_one("#sheet", Sheet)

    def why_not(self, action_id: str) -> str:
        return "It is being saved." if action_id == "person_form.save" and self._saving else ""

    def _draft(self) -> Draft:
        values = {name: str(value) for name, value in self._sheet.values.items()}
        department = self._sheet.value("department")
        return Draft(
            values["name"].strip(),
            values["email"].strip(),
            values["role"],
            UUID(str(department)) if department else None,
            values["zone"],
            values["phone"].strip(),
            values.get("avatar", "").strip(),
            values.get("bio", "").strip(),
        )

    def do_save(self) -> None:
        """Check it as the service would, and save it; what is refused stays here with what was typed."""
        problems = self._problems()
        self._sheet.say(problems)
        if problems:
            self._sheet.go_to(next(iter(problems)))
            told = next(note for note in self._sheet.query(".entry-problem") if note.display)
            self.call_after_refresh(told.scroll_visible, animate=False)
            return
        self._saving = True
        if self._there is None:
            self._add(self._draft())
        else:
            self._change(self._there, self._draft())

    def _problems(self) -> dict[str, str]:
        from datapulse_tui.people import rules

        draft = self._draft()
        checks = (
            ("name", rules.normalise_name, draft.name),
            ("email", rules.normalise_email, draft.email),
            ("phone", rules.normalise_phone, draft.phone),
            ("avatar", rules.normalise_avatar, draft.avatar),
            ("bio", rules.normalise_bio, draft.bio),
        )
        problems = {}
        for name, check, text in checks:
            try:
                check(text)
            except DataPulseError as error:
                problems[name] = f"{error.message.removesuffix(' Nothing was changed.')} {error.hint}".strip()
        return problems

    def _add(self, draft: Draft) -> None:
        services, desk = self.desk.services, self.desk
        invite = self._sheet.value("coming") == INVITE
        made: list[Invited | None] = []

        async def work(person: Person) -> None:
            made[:] = [await services.add_person(person, draft, invite=invite)]

        def saved() -> None:
            self._saved()
            invited = made[0]
            if invited is not None:
                desk.push_screen(MessageScreen(words.invited_items(draft.name, invited, desk.session.zone)))
            else:
                desk.say(f"{draft.name} was added, and waits.")

        desk.session.save("adding a person", work, done=saved, failed=self._refuse)

    def _change(self, there: PersonDetail, draft: Draft) -> None:
        services, row = self.desk.services, there.row
        before = Draft(
            row.name,
            row.email,
            row.role,
            row.department_id,
            row.zone,
            row.phone or "",
            there.avatar.strip(),
            there.bio.strip(),
        )
        changes = {name: value for name, value in draft._asdict().items() if value != getattr(before, name)}
        if not changes:
            self._saved()
            return
        self.desk.session.save(
            "changing an account",
            lambda person: services.change_person(person, row, changes),
            done=self._saved,
            failed=self._refuse,
        )

    def _saved(self) -> None:
        self._saving = False
        if self.is_attached:
            self.dismiss(True)

    def _refuse(self, error: DataPulseError) -> None:
        self._saving = False
        if not self.is_attached:
            self.desk.report(error)
            return
        note = self.query_one("#problem", Note)
        note.display = True
        note.show(f"{error.message} {error.hint}".strip(), bad=True)


def _shown(there: PersonDetail) -> list[Entry]:
    picture = SheetField(id="in-avatar", value=there.avatar, placeholder="a path or an address")
    about = SheetText(there.bio, id="in-bio", placeholder="what others should know of them")
    return [Entry("Picture", picture), Entry("About them", about)]
