"""Sign-in: with a password, with the code of an invitation, and with a temporary password that has to be changed."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Center

from datapulse_tui.errors import DataPulseError, Invalid
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.services import Person
from datapulse_tui.tui.widgets.form import Field, Form

DIFFER = "The two passwords differ. Type both again."


class EntryScreen(DeskScreen):
    """A form that ends with a person signed in. `REQUIRED` are the fields that must not be empty, with what is said."""

    SECRETS: tuple[str, ...] = ("password",)
    REQUIRED: ClassVar[tuple[tuple[str, str], ...]] = ()

    def failed(self, error: DataPulseError) -> None:
        """Say what is wrong; secrets are typed again."""
        form = self.query_one(Form)
        form.hold(False)
        form.say(f"{error.message} {error.hint}".strip())
        form.clear(*self.SECRETS)

    def entered(self, person: Person) -> None:
        """The form did its work."""
        self.desk.session.welcome(person)

    def is_filled(self, values: dict[str, str]) -> bool:
        """Whether every required field is; says which is not, and whether a password that is typed twice differs."""
        form = self.query_one(Form)
        for name, words in self.REQUIRED:
            if not values[name].strip():
                form.say(words)
                self.set_focus(form.query_one(f"#{name}", Field))
                return False
        if "again" in values and values["password"] != values["again"]:
            form.say(DIFFER)
            form.clear("password", "again")
            return False
        return True

    def busy(self, words: str) -> None:
        """No typing until there is an answer."""
        form = self.query_one(Form)
        form.hold(True)
        form.say(words, bad=False)


class SignInScreen(EntryScreen):
    """E-mail and password. The hash is computed off the event loop; a delay after failures is told.

    `told` is why somebody who sat here is asked again.
    """

    PLACES = (keymap.SIGN_IN,)
    BINDINGS = keymap.bindings(keymap.SIGN_IN)
    REQUIRED: ClassVar[tuple[tuple[str, str], ...]] = (("email", "Type your e-mail address."),)
    HELP = (
        "Sign in with the e-mail address and password of your account. An administrator can give you a new password. "
        "Whoever was invited chooses the first password with the code of the invitation."
    )

    def __init__(self, told: str = "") -> None:
        super().__init__()
        self._told = told

    def body(self) -> ComposeResult:
        with Center(classes="stage"):
            yield Form(
                "Sign in",
                [("E-mail", Field(id="email")), ("Password", Field(id="password", password=True))],
                explain=self.desk.services.greeting,
            )

    def on_mount(self) -> None:
        super().on_mount()
        if self._told:
            self.query_one(Form).say(self._told)

    def on_form_submitted(self, event: Form.Submitted) -> None:
        values, services = event.values, self.desk.services
        if not self.is_filled(values):
            return
        self.busy("Checking …")
        self.read(
            "sign in",
            "signing in",
            lambda: services.sign_in(values["email"], values["password"]),
            partial(self._came, values["password"]),
            self.failed,
        )

    def _came(self, password: str, person: Person) -> None:
        self.entered(person)
        if person.must_change:
            self.desk.session.show(MustChangeScreen(person, password))

    def do_invitation(self) -> None:
        """Go on with a code instead of a password; an address that was typed goes along."""
        self.desk.session.show(AcceptScreen(self.query_one("#email", Field).value))


class AcceptScreen(EntryScreen):
    """An invited person: address, code, and the first password twice."""

    PLACES = (keymap.ENTRY,)
    BINDINGS = keymap.bindings(keymap.ENTRY)
    SECRETS = ("password", "again")
    REQUIRED: ClassVar[tuple[tuple[str, str], ...]] = (
        ("email", "Type the e-mail address to which you were invited."),
        ("code", "Type the code of your invitation."),
        ("password", "Choose a password."),
    )
    HELP = (
        "Your invitation has a code of 16 letters and digits, good once and for 24 hours. Dashes and capitals do not "
        "matter. The password that you choose here is yours alone."
    )

    def __init__(self, email: str = "") -> None:
        super().__init__()
        self._email = email

    def body(self) -> ComposeResult:
        with Center(classes="stage"):
            yield Form(
                "I have an invitation",
                [
                    ("E-mail", Field(id="email", value=self._email)),
                    ("Code", Field(id="code", placeholder="7K2M-Q4TD-09WX-ABCD")),
                    ("New password", Field(id="password", password=True)),
                    ("New password again", Field(id="again", password=True)),
                ],
            )

    def on_mount(self) -> None:
        super().on_mount()
        if self._email.strip():
            self.set_focus(self.query_one("#code", Field))

    def on_form_submitted(self, event: Form.Submitted) -> None:
        values, services = event.values, self.desk.services
        if not self.is_filled(values):
            return
        self.busy("Checking …")
        self.read(
            "accept",
            "accepting the invitation",
            lambda: services.accept(values["email"], values["code"], values["password"]),
            self.entered,
            self.failed,
        )

    def failed(self, error: DataPulseError) -> None:
        super().failed(error)
        if not isinstance(error, Invalid):  # the password may be used; it is the code that has to be looked at
            self.set_focus(self.query_one("#code", Field))

    def do_back(self) -> None:
        self.desk.session.sign_out()


class MustChangeScreen(EntryScreen):
    """A temporary password let the person in; nothing else opens until they have one of their own."""

    PLACES = (keymap.ENTRY,)
    BINDINGS = keymap.bindings(keymap.ENTRY)
    SECRETS = ("password", "again")
    REQUIRED: ClassVar[tuple[tuple[str, str], ...]] = (("password", "Choose a password."),)
    HELP = (
        "Somebody gave you a new password, which they know. Choose one that only you know; then the desk opens. esc "
        "goes back to the sign-in, and the temporary password stays good."
    )

    def __init__(self, person: Person, temporary: str) -> None:
        super().__init__()
        self._person = person
        self._temporary = temporary

    def body(self) -> ComposeResult:
        with Center(classes="stage"):
            yield Form(
                "Choose a new password",
                [
                    ("New password", Field(id="password", password=True)),
                    ("New password again", Field(id="again", password=True)),
                ],
                explain=f"{self._person.name}, the password that you signed in with is a temporary one.",
            )

    def on_form_submitted(self, event: Form.Submitted) -> None:
        values, services, person = event.values, self.desk.services, self._person
        if not self.is_filled(values):
            return
        self.busy("Saving …")
        self.read(
            "must change",
            "changing the password",
            lambda: services.change_password(person, self._temporary, values["password"]),
            lambda _: self.entered(person._replace(must_change=False)),
            self.failed,
        )

    def do_back(self) -> None:
        self.desk.session.sign_out()
