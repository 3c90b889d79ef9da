"""The first minute of an empty workspace: somebody has to be the administrator."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Center

from datapulse_tui.errors import Invalid
from datapulse_tui.people.rules import normalise_email, normalise_name
from datapulse_tui.tui.screens.sign_in import EntryScreen
from datapulse_tui.tui.widgets.form import Field, Form

EXPLAIN = (
    "This workspace is new: nobody can sign in yet. You become its first administrator, who may do everything and "
    "who invites the others."
)
RULES = {"name": normalise_name, "email": normalise_email}


class FirstAdminScreen(EntryScreen):
    """Name, e-mail and a password twice make the first administrator, who is then signed in."""

    SECRETS = ("password", "again")
    REQUIRED: ClassVar[tuple[tuple[str, str], ...]] = (
        ("name", "Type your name."),
        ("email", "Type your e-mail address."),
    )
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

    def is_filled(self, values: dict[str, str]) -> bool:
        """Also that name and address can be ones: a slip there does not cost the passwords."""
        given = ((name, rule) for name, rule in RULES.items() if values[name].strip())
        for name, rule in given:
            try:
                rule(values[name])
            except Invalid as error:
                form = self.query_one(Form)
                form.say(f"{error.message} {error.hint}".strip())
                self.set_focus(form.query_one(f"#{name}", Field))
                return False
        return super().is_filled(values)

    def on_form_submitted(self, event: Form.Submitted) -> None:
        values = event.values
        if not self.is_filled(values):
            return
        self.busy("Making your account …")
        services = self.desk.services
        self.read(
            "first admin",
            "making the first administrator",
            lambda: services.first_admin(values["name"].strip(), values["email"].strip(), values["password"]),
            self.entered,
            self.failed,
        )
