"""The desk is locked: nothing of what was open can be seen until its person gives the password."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Center

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.services import Person
from datapulse_tui.tui.widgets.form import Field, Form


class LockScreen(DeskScreen):
    """Covers everything. The same person unlocks; anybody may sign out (palette) and sign in as somebody else."""

    HELP = "This desk was locked after a while without a key. The password of the person who is signed in opens it."

    def __init__(self, person: Person) -> None:
        super().__init__()
        self._person = person

    def body(self) -> ComposeResult:
        with Center(classes="stage"):
            yield Form(
                "Locked",
                [("Password", Field(id="password", password=True))],
                explain=f"{self._person.name} is signed in. Everything is as you left it.",
            )

    def on_form_submitted(self, event: Form.Submitted) -> None:
        form = self.query_one(Form)
        form.hold(True)
        form.say("Checking …", bad=False)
        services, person = self.desk.services, self._person
        password = event.values["password"]
        self.read("unlock", "unlocking", lambda: services.unlock(person, password), self._unlocked, self._failed)

    def _unlocked(self, _: None) -> None:
        self.desk.session.unlocked()

    def _failed(self, error: DataPulseError) -> None:
        form = self.query_one(Form)
        form.hold(False)
        form.say(f"{error.message} {error.hint}".strip())
        form.clear("password")
