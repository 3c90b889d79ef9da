"""Another password for oneself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.confirm import Dialog
from datapulse_tui.tui.screens.sign_in import DIFFER
from datapulse_tui.tui.widgets.form import Field, Form, Note

if TYPE_CHECKING:
    from datapulse_tui.tui.services import Person

EXPLAIN = "At least 10 characters, and not more than 72 bytes. Your other sessions end."


class PasswordScreen(Dialog[bool]):
    """The old password once, the new one twice. The answer is True when it was changed."""

    HELP = "Wrong old passwords count like failed sign-ins: after five you wait before the next one is looked at."

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog narrow"):
            yield Form(
                "Change my password",
                [
                    ("Present password", Field(id="old", password=True)),
                    ("New password", Field(id="password", password=True)),
                    ("New password again", Field(id="again", password=True)),
                ],
                explain=EXPLAIN,
            )
            yield Note("enter goes on and saves · esc cancels", classes="note")

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#old", Field))

    def on_form_submitted(self, event: Form.Submitted) -> None:
        form, values, services = self.query_one(Form), event.values, self.desk.services
        if values["password"] != values["again"]:
            form.say(DIFFER)
            form.clear("password", "again")
            return
        form.hold(True)
        form.say("Saving …", bad=False)

        async def work(person: Person) -> None:
            await services.change_password(person, values["old"], values["password"])

        self.desk.session.save("changing your password", work, done=self._changed, failed=self._refused)

    def _changed(self) -> None:
        self.desk.say("Your password was changed. Your other sessions were ended.")
        if self.is_attached:
            self.dismiss(True)

    def _refused(self, error: DataPulseError) -> None:
        if not self.is_attached:
            self.desk.report(error)
            return
        form = self.query_one(Form)
        form.hold(False)
        form.say(f"{error.message} {error.hint}".strip())
        form.clear("old", "password", "again")
