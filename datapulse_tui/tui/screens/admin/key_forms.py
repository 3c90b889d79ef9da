"""Making keys: the form of an API key, the key shown once, replacing one, and pasting an SSH key."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.people import key_rules
from datapulse_tui.people.rules import PERMISSIONS
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.screens.confirm import ConfirmScreen, Dialog
from datapulse_tui.tui.times import full_time
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet, SheetField, SheetText

if TYPE_CHECKING:
    from datapulse_tui.people.api_keys import NewKey
    from datapulse_tui.people.key_reads import ApiKeyRow
    from datapulse_tui.people.ssh_keys import Added
    from datapulse_tui.tui.services import Person

COLUMNS = (RowColumn("", 3), RowColumn("Scope", 19), RowColumn("lets a script ..."))
LIVES = tuple(
    Option(str(days), label, remark)
    for days, label, remark in (
        (7, "7 days", "something that you try"),
        (30, "30 days", ""),
        (90, "90 days", "what most scripts have; rotate it before"),
        (180, "180 days", ""),
        (365, "365 days", "the longest"),
    )
)
OVERLAPS = (
    Option("0", "none", "the old key ends at once"),
    Option("1", "1 hour", ""),
    Option("24", "24 hours", "time to bring the new key to every machine"),
    Option("168", "7 days", ""),
)
HOW = "space marks · tab goes to the list · ctrl+s makes the key"


class ApiKeyFormScreen(DeskScreen):
    """A new API key: a name, how long it lives, and marks in the explained list of scopes."""

    PLACES = (keymap.KEY_FORM, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings(keymap.KEY_FORM)
    CSS_PATH = STYLES
    HELP = (
        "Mark what scripts may do with the key: as little as they need. It never may what you may not, also when that "
        "changes later. What only people do (accounts, keys, deciding requests) is not in the list."
    )

    def __init__(self) -> None:
        super().__init__()
        self._marked: set[str] = set()
        self._saving = False

    def body(self) -> ComposeResult:
        yield Note("A new API key", id="form-head", strong=True)
        entries = [
            Entry("What it is for", SheetField(id="in-name", placeholder="nightly export")),
            Entry("It lives", Choice(LIVES, id="in-days", chosen=(str(key_rules.USUAL_DAYS),))),
        ]
        yield Sheet([Section("It is shown once, when it is made", entries)], id="sheet")
        yield Note(HOW, id="marks")
        yield RowList(COLUMNS, id="permissions")

    def on_mount(self) -> None:
        super().on_mount()
        self._show()
        self.sheet.go_to("name")

    @property
    def sheet(self) -> Sheet:
        """Name and life."""
        return self.query_one(Sheet)

    @property
    def listed(self) -> RowList:
        """The scopes."""
        return self.query_one("#permissions", RowList)

    def _show(self) -> None:
        person = self.desk.person
        scopes = key_rules.choosable(person.actor.permissions) if person else ()
        rows = [Row(word, ("[✓]" if word in self._marked else "[ ]", word, PERMISSIONS[word])) for word in scopes]
        self.listed.show(rows, empty=["You have no right that a key can have."], still=True)
        self._tell(f"{len(self._marked)} of {len(scopes)} marked · {HOW}")
        self.redraw_frame()

    def _tell(self, words: str, *, bad: bool = False) -> None:
        note = self.query_one("#marks", Note)
        if (note.text, note.bad) != (words, bad):
            note.show(words, bad=bad)

    def on_sheet_changed(self, event: Sheet.Changed) -> None:
        event.stop()
        self.sheet.say({})

    def on_sheet_entered(self, event: Sheet.Entered) -> None:
        event.stop()

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb = action_id.rpartition(".")[2]
        if verb == "save" and self._saving:
            return "The key is being made."
        return "There is no scope." if verb in ("mark", "mark_all") and not self.listed.key else ""

    def on_row_list_opened(self) -> None:
        self.do_mark()

    def do_mark(self) -> None:
        self._marked ^= {self.listed.key}
        self._show()
        self.listed.do_down()

    def do_mark_all(self) -> None:
        shown = {row.key for row in self.listed.rows}
        self._marked = set() if shown <= self._marked else shown
        self._show()

    def do_across(self) -> None:
        """From the fields to the list, and back."""
        if self.listed.has_focus:
            self.sheet.go_to("name")
        else:
            self.set_focus(self.listed)

    def do_back_across(self) -> None:
        self.do_across()

    def do_save(self) -> None:
        services, marked = self.desk.services, tuple(self._marked)
        name, days = str(self.sheet.value("name")).strip(), int(str(self.sheet.value("days")))
        if not name:
            self.sheet.say({"name": "A key needs a name, so that you know later what it is for."})
            self.sheet.go_to("name")
            return
        if not marked:
            self._tell("Mark at least one scope: a key without one could do nothing.", bad=True)
            self.set_focus(self.listed)
            return
        self._saving = True
        made: list[NewKey] = []

        async def work(person: Person) -> None:
            made.append(await services.create_api_key(person, name, marked, days))

        self.desk.session.save("making an API key", work, done=lambda: self._made(made[0]), failed=self._refused)

    def _made(self, made: NewKey) -> None:
        if self.is_attached and self.is_current:
            self.desk.switch_screen(KeyShownScreen(made))
        else:
            self.desk.push_screen(KeyShownScreen(made))

    def _refused(self, error: DataPulseError) -> None:
        self._saving = False
        if self.is_attached:
            self._tell(f"{error.message} {error.hint}".strip(), bad=True)
        else:
            self.desk.report(error)

    def do_back(self) -> None:
        if not self._marked and not str(self.sheet.value("name")).strip():
            self.desk.pop_screen()
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                self.desk.pop_screen()

        question = "Leave without making the key? What was filled in is thrown away."
        self.desk.push_screen(ConfirmScreen(question, yes="Throw away"), answered)


class KeyShownScreen(Dialog[None]):
    """The only time that an API key is seen."""

    PLACES = (keymap.FORM, keymap.KEY_SHOWN)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.FORM), *keymap.bindings(keymap.KEY_SHOWN)]
    CSS_PATH = STYLES  # type: ignore[assignment]  # a dialog has several as well

    def __init__(self, made: NewKey) -> None:
        super().__init__()
        self._made = made

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="key-shown"):
            yield Note(f"The API key {self._made.name}", classes="form-title", strong=True)
            yield Pane(self._items(), id="made", focusable=True, margin=0)
            yield Note("y copies the key · esc closes", classes="note")

    def on_mount(self) -> None:
        self.query_one("#made").focus()

    def _items(self) -> list[Item]:
        made, zone = self._made, self.desk.session.zone
        items = [
            Item("critical", "It is shown only now. Copy it to where your script finds it."),
            Item("gap"),
            Item("code", made.key.get_secret_value()),
            Item("gap"),
            Item("text", "Scripts give it in DATAPULSE_API_KEY, or in a file that DATAPULSE_API_KEY_FILE names."),
            Item("gap"),
            Item("fact", full_time(made.expires_at, zone), "ends"),
            Item("fact", ", ".join(made.scopes), "may"),
        ]
        if made.old_ends_at is not None:
            ended = made.old_ends_at <= self.desk.now()
            items.append(Item("fact", "at once" if ended else full_time(made.old_ends_at, zone), "old ends"))
        if made.dropped:
            items.append(Item("fact", f"{', '.join(made.dropped)}: you have them no more", "left out"))
        return items

    def do_copy(self) -> None:
        self.desk.copy_to_clipboard(self._made.key.get_secret_value())
        self.desk.say("The key was copied. Paste it now, and copy something else afterwards.")


class RotateScreen(Dialog[timedelta]):
    """How long the old key goes on beside the new one."""

    PLACES = (keymap.FORM, keymap.KEY_SAVE)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.FORM), *keymap.bindings(keymap.KEY_SAVE)]
    CSS_PATH = STYLES  # type: ignore[assignment]  # a dialog has several as well

    def __init__(self, row: ApiKeyRow) -> None:
        super().__init__()
        self._row = row

    def compose(self) -> ComposeResult:
        explain = (
            f"A new key takes the place of {self._row.prefix}…, with the same name and what you still may of its "
            "scopes. The old one ends after the overlap."
        )
        entries = [Entry("Overlap", Choice(OVERLAPS, id="in-overlap", chosen=("24",)))]
        with Vertical(classes="dialog", id="rotate"):
            yield Note(f"Replace the API key {self._row.name}", classes="form-title", strong=True)
            yield Note(explain, classes="form-explain")
            yield Sheet([Section("Both are good for", entries)], id="sheet")
            yield Note("ctrl+s makes the new key · esc cancels", classes="note")

    def on_mount(self) -> None:
        self.query_one(Sheet).go_to("overlap")

    def do_save(self) -> None:
        self.dismiss(timedelta(hours=int(str(self.query_one(Sheet).value("overlap")))))


class AddSshKeyScreen(Dialog[None]):
    """Paste a public key. What is refused stays in the form, but for a private key, which goes at once."""

    PLACES = (keymap.FORM, keymap.KEY_SAVE)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.FORM), *keymap.bindings(keymap.KEY_SAVE)]
    CSS_PATH = STYLES  # type: ignore[assignment]  # a dialog has several as well
    HELP = "Paste what stands in the file that ends with .pub. An administrator admits the key before it lets you in."

    def compose(self) -> ComposeResult:
        entries = [
            Entry("Public key", SheetText(id="in-key", placeholder="ssh-ed25519 AAAA... you@laptop")),
            Entry("Name", SheetField(id="in-name", placeholder="its comment, unless you say otherwise")),
        ]
        with Vertical(classes="dialog", id="add-ssh-key"):
            yield Note("Add an SSH key", classes="form-title", strong=True)
            yield Sheet([Section("The public part, on one line", entries)], id="sheet")
            yield Note(id="problem")
            yield Note("ctrl+s asks for it to be admitted · tab goes on · esc cancels", classes="note")

    def on_mount(self) -> None:
        self.query_one("#problem").display = False
        self.query_one(Sheet).go_to("key")

    def do_save(self) -> None:
        from datapulse_tui.people.public_keys import PrivateKeyGiven, parse

        services, sheet = self.desk.services, self.query_one(Sheet)
        text, name = str(sheet.value("key")), str(sheet.value("name")).strip()
        try:
            parse(text)
        except DataPulseError as error:
            if isinstance(error, PrivateKeyGiven):
                sheet.put({"key": ""})
            self._refuse(error)
            return
        added: list[Added] = []

        async def work(person: Person) -> None:
            added.append(await services.add_ssh_key(person, text, name))

        self.desk.session.save("adding an SSH key", work, done=lambda: self._saved(added[0]), failed=self._refuse)

    def _saved(self, added: Added) -> None:
        waits = "is admitted" if added.status == "admitted" else "waits until an administrator admits it"
        dropped = " Options that stood before it are not kept." if added.options else ""
        self.desk.say(f"The SSH key {added.name} {waits}.{dropped}")
        if self.is_attached:
            self.dismiss(None)

    def _refuse(self, error: DataPulseError) -> None:
        if not self.is_attached:
            self.desk.report(error)
            return
        note = self.query_one("#problem", Note)
        note.display = True
        note.show(f"{error.message} {error.hint}".strip(), bad=True)
