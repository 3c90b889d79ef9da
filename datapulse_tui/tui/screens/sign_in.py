"""Sign-in, and the first admin of an empty workspace."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Center

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.services import Person
from datapulse_tui.tui.widgets.form import Field, Form

REMEMBER = "Nothing was changed."


class EntryScreen(DeskScreen):
    """A form that ends with a person signed in."""

    SECRETS: tuple[str, ...] = ("password",)

    def failed(self, error: DataPulseError) -> None:
        """Say what is wrong; secrets are typed again."""
        form = self.query_one(Form)
        form.hold(False)
        form.say(f"{error.message} {error.hint}".strip())
        form.clear(*self.SECRETS)

    def entered(self, person: Person) -> None:
        """The form did its work."""
        self.desk.session.welcome(person)


class SignInScreen(EntryScreen):
    """E-mail and password. The hash is computed off the event loop; a delay after failures is told."""

    HELP = "Sign in with the e-mail address and password of your account. An administrator can give you a new password."

    def body(self) -> ComposeResult:
        with Center(classes="stage"):
            yield Form(
                "Sign in",
                [("E-mail", Field(id="email")), ("Password", Field(id="password", password=True))],
                explain=self.desk.services.greeting,
            )

    def on_form_submitted(self, event: Form.Submitted) -> None:
        form, values = self.query_one(Form), event.values
        if not values["email"].strip():
            form.say("Type your e-mail address.")
            self.set_focus(form.query_one("#email", Field))
            return
        form.hold(True)
        form.say("Checking …", bad=False)
        services = self.desk.services
        self.read(
            "sign in",
            "signing in",
            lambda: services.sign_in(values["email"], values["password"]),
            self.entered,
            self.failed,
        )
