"""The first minute of an empty workspace: somebody has to be the administrator."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Center

from datapulse_tui.tui.screens.sign_in import EntryScreen
from datapulse_tui.tui.widgets.form import Field, Form

EXPLAIN = (
    "This workspace is new: nobody can sign in yet. You become its first administrator, who may do everything and "
    "who invites the others."
)


class FirstAdminScreen(EntryScreen):
    """Name, e-mail and a password twice make the first administrator, who is then signed in."""

    SECRETS = ("password", "again")
    HELP = EXPLAIN

    def body(self) -> ComposeResult:
        with Center(classes="stage"):
            yield Form(
                "Welcome to DataPulse",
                [
                    ("Your name", Field(id="name")),
                    ("E-mail", Field(id="email")),
                    ("Password", Field(id="password", password=True)),
                    ("Password again", Field(id="again", password=True)),
                ],
                explain=EXPLAIN,
            )

    def on_form_submitted(self, event: Form.Submitted) -> None:
        form, values = self.query_one(Form), event.values
        for name, words in (("name", "Type your name."), ("email", "Type your e-mail address.")):
            if not values[name].strip():
                form.say(words)
                self.set_focus(form.query_one(f"#{name}", Field))
                return
        if values["password"] != values["again"]:
            form.say("The two passwords differ. Type both again.")
            form.clear(*self.SECRETS)
            return
        form.hold(True)
        form.say("Making your account …", bad=False)
        services = self.desk.services
        self.read(
            "first admin",
            "making the first administrator",
            lambda: services.first_admin(values["name"].strip(), values["email"].strip(), values["password"]),
            self.entered,
            self.failed,
        )
