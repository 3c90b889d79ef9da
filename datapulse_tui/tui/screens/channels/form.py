"""The form of a channel: what its type needs, and nothing else. Secrets go in and never come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.resources import styles_path
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.confirm import Dialog
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet, SheetField

if TYPE_CHECKING:
    from datapulse_tui.notify.reads import ChannelView

TYPES = (
    Option("email", "email", "an SMTP server"),
    Option("slack", "slack", "an incoming webhook of Slack"),
    Option("sms", "sms", "Twilio, or a provider that speaks its interface"),
    Option("webhook", "webhook", "signed JSON to an address of yours"),
)
YES_NO = (Option("yes", "yes"), Option("no", "no"))
LABELS = {"ca_file": "CA file", "base_url": "Provider's URL", "url": "URL", "sender_name": "Sender's name"}
STYLES = [styles_path() / f"{name}.tcss" for name in ("desk", "sheets", "channels")]
KEPT = "stored; leave empty to keep it"


class ChannelScreen(Dialog[bool]):
    """A new channel, or (with a view) one that is there."""

    PLACES = (keymap.FORM, keymap.CHANNEL)
    BINDINGS: ClassVar[list[Any]] = [*keymap.bindings(keymap.FORM), *keymap.bindings(keymap.CHANNEL)]
    CSS_PATH = STYLES  # type: ignore[assignment]
    HELP = "Fields of another type are hidden. A secret is stored encrypted and never shown again."

    def __init__(self, view: ChannelView | None) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        view = self._view
        title = f"The channel {view.row.name}" if view else "A new channel"
        with Vertical(classes="dialog tall"):
            yield Note(title, classes="form-title", strong=True)
            yield Sheet([Section("What it is", self._general()), Section("Settings", self._settings())], id="sheet")
            yield Note(id="channel-problem")
            yield Note("ctrl+s saves · esc cancels · ↑ ↓ go from field to field", classes="note")

    def on_mount(self) -> None:
        self.query_one("#channel-problem").display = False
        self._fit_type()
        self._sheet.go_to("name")

    @property
    def _sheet(self) -> Sheet:
        return self.query_one("#sheet", Sheet)

    @property
    def _type(self) -> str:
        return self._view.row.type if self._view else str(self._sheet.value("type"))

    def _general(self) -> list[Entry]:
        row = self._view.row if self._view else None
        entries = [Entry("Name", SheetField(id="name", value=row.name if row else ""))]
        if row is None:
            return [*entries, Entry("Type", Choice(TYPES, id="type", chosen=("email",)))]
        on, default = ("yes" if row.is_active else "no"), ("yes" if row.is_default else "no")
        return [
            *entries,
            Entry("In use", Choice(YES_NO, id="active", chosen=(on,))),
            Entry(f"Default of {row.type}", Choice(YES_NO, id="default", chosen=(default,))),
        ]

    def _settings(self) -> list[Entry]:
        from datapulse_tui.notify.schemas import CONFIGS

        view = self._view
        types = (view.row.type,) if view else tuple(CONFIGS)
        return [
            Entry(self._label(name, field.is_required()), self._control(type_, name, field))
            for type_ in types
            for name, field in CONFIGS[type_].model_fields.items()
        ]

    @staticmethod
    def _label(name: str, required: bool) -> str:  # noqa: FBT001
        return LABELS.get(name, name.replace("_", " ").capitalize()) + (" *" if required else "")

    def _control(self, type_: str, name: str, field: Any) -> SheetField | Choice:
        from datapulse_tui.notify.schemas import CONFIGS

        config: Mapping[str, Any] = self._view.config if self._view else {}
        secret = name in CONFIGS[type_].secret_fields
        usual = "" if field.is_required() or field.default is None else str(field.default)
        words = get_args(field.annotation)
        choices = words if words and all(isinstance(each, str) for each in words) else ()
        if choices:
            chosen = str(config.get(name, usual))
            return Choice([Option(each, each) for each in choices], id=f"{type_}-{name}", chosen=(chosen,))
        value = "" if secret else str(config.get(name, ""))
        hint = KEPT if secret and name in config else f"{usual} unless you say otherwise" if usual else ""
        return SheetField(id=f"{type_}-{name}", value=value, password=secret, placeholder=hint)

    def _fit_type(self) -> None:
        """Show the fields of the chosen type."""
        for name in self._sheet.names:
            type_, dash, _ = name.partition("-")
            if dash:
                self._sheet.offer_only(name, shown=type_ == self._type)

    def on_sheet_changed(self, event: Sheet.Changed) -> None:
        if event.name == "type":
            self._fit_type()

    def do_save(self) -> None:
        """Check it as the service would, and save it; what is refused stays here with what was typed."""
        from datapulse_tui.errors import Invalid
        from datapulse_tui.notify.schemas import parse_config

        services, view, sheet, type_ = self.desk.services, self._view, self._sheet, self._type
        name, given = str(sheet.value("name")).strip(), self._given()
        if not name:
            self._refuse(Invalid("A channel needs a name."))
            return
        if view is None:
            try:
                parse_config(type_, given)
            except DataPulseError as error:
                self._refuse(error)
                return
            self.desk.session.save(
                "adding a channel",
                lambda person: services.add_channel(person, name, type_, given),
                done=self._saved,
                failed=self._refuse,
            )
            return
        active, default = sheet.value("active") == "yes", sheet.value("default") == "yes"
        self.desk.session.save(
            "changing a channel",
            lambda person: services.change_channel(person, view.row, given, name=name, active=active, default=default),
            done=self._saved,
            failed=self._refuse,
        )

    def _given(self) -> dict[str, object]:
        """What was filled in; None takes away what was there and is empty now, secrets that are empty stay."""
        from datapulse_tui.notify.schemas import CONFIGS

        config: Mapping[str, Any] = self._view.config if self._view else {}
        model = CONFIGS[self._type]
        given: dict[str, object] = {}
        for field in model.model_fields:
            value = str(self._sheet.value(f"{self._type}-{field}"))
            if field not in model.secret_fields:
                value = value.strip()
            if value == str(config.get(field, "")) and field not in model.secret_fields:
                continue
            if value:
                given[field] = int(value) if value.isdigit() and field == "port" else value
            elif field in config and field not in model.secret_fields:
                given[field] = None
        return given

    def _saved(self) -> None:
        if self.is_attached:
            self.dismiss(True)

    def _refuse(self, error: DataPulseError) -> None:
        if not self.is_attached:
            self.desk.report(error)
            return
        note = self.query_one("#channel-problem", Note)
        note.display = True
        note.show(f"{error.message} {error.hint}".strip(), bad=True)
