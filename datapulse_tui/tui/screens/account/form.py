"""The form of one's own account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.resources import styles_path
from datapulse_tui.tui import keymap, themes
from datapulse_tui.tui.screens.confirm import Dialog
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet, SheetField, SheetText

if TYPE_CHECKING:
    from datapulse_tui.people.reads import ProfileRow
    from datapulse_tui.tui.services import Person

FIELDS = ("name", "phone", "timezone", "avatar", "bio")


class AccountFormScreen(Dialog[bool]):
    """Name, phone, time zone, colours, picture and what one says of oneself. The answer is True when it was saved."""

    PLACES = (keymap.FORM, keymap.ACCOUNT_FORM)
    BINDINGS: ClassVar[list[Any]] = [*keymap.bindings(keymap.FORM), *keymap.bindings(keymap.ACCOUNT_FORM)]
    CSS_PATH = [styles_path() / name for name in ("desk.tcss", "sheets.tcss", "account.tcss")]  # type: ignore[assignment]  # noqa: RUF012
    HELP = "Your address, role and department are given by administrators; all that stands here is yours to change."

    def __init__(self, profile: ProfileRow) -> None:
        super().__init__()
        account = profile.account
        self._before = {
            "name": account.name,
            "phone": account.phone or "",
            "timezone": account.zone,
            "avatar": profile.avatar,
            "bio": profile.bio,
        }

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Note("My account", classes="form-title", strong=True)
            yield Sheet([Section("Who you are", self._who()), Section("What others see of you", self._shown())],
                        id="sheet")  # fmt: skip
            yield Note(id="account-problem")
            yield Note("ctrl+s saves · esc cancels · ↑ ↓ go from field to field", classes="note")

    def on_mount(self) -> None:
        self.query_one("#account-problem").display = False
        self._sheet.go_to("name")

    @property
    def _sheet(self) -> Sheet:
        return self.query_one("#sheet", Sheet)

    def _who(self) -> list[Entry]:
        zones = [Option(name, name) for name in self.desk.services.zones()]
        return [
            Entry("Name", SheetField(id="in-name", value=self._before["name"])),
            Entry(
                "Phone", SheetField(id="in-phone", value=self._before["phone"], placeholder="for SMS; may stay empty")
            ),
            Entry("Time zone", Choice(zones, id="in-timezone", chosen=(self._before["timezone"],))),
            Entry("Colours", Choice(self._themes(), id="in-theme", chosen=(self.desk.look.chart.name,))),
        ]

    def _shown(self) -> list[Entry]:
        picture = SheetField(id="in-avatar", value=self._before["avatar"], placeholder="a path or an address")
        return [
            Entry("Picture", picture),
            Entry("About you", SheetText(self._before["bio"], id="in-bio", placeholder="what others should know")),
        ]

    def _themes(self) -> Sequence[Option]:
        if self.desk.no_color:
            return [Option(themes.NO_COLOUR, "none: NO_COLOR is set")]
        return [Option(name, label) for name, label in themes.LABELS.items()]

    def do_save(self) -> None:
        """Save what is another than before; what is refused stays here with what was typed."""
        sheet, services = self._sheet, self.desk.services
        theme = str(sheet.value("theme"))
        if theme != self.desk.look.chart.name and not self.desk.no_color:
            self.desk.session.choose_theme(theme)
        values = {name: str(sheet.value(name)) for name in FIELDS}
        given = {name: value for name, value in values.items() if value.strip() != self._before[name].strip()}
        if not given:
            self.dismiss(True)
            return

        async def work(person: Person) -> None:
            await services.save_account(person, given)

        self.desk.session.save("saving your account", work, done=self._saved, failed=self._refused)

    def _saved(self) -> None:
        self.desk.say("Your account was saved.")
        if self.is_attached:
            self.dismiss(True)

    def _refused(self, error: DataPulseError) -> None:
        if not self.is_attached:
            self.desk.report(error)
            return
        note = self.query_one("#account-problem", Note)
        note.display = True
        note.show(f"{error.message} {error.hint}".strip(), bad=True)
