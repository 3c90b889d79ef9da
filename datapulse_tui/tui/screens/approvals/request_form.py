"""The form of a request, made from its type's fields: what is wrong is told where it stands, and below what it would
be, who decides it, and what an approval does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.timer import Timer

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.approvals import words
from datapulse_tui.tui.screens.approvals.fields import control_of
from datapulse_tui.tui.screens.approvals.tabs import STYLES
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.screens.confirm import ConfirmScreen
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet, name_of

if TYPE_CHECKING:
    from datapulse_tui.tui.desk_request_forms import Preview, TypeRow
    from datapulse_tui.workflows.types.choices import Choice as Offer
    from datapulse_tui.workflows.views import RequestRow

THINKS = 0.4  # seconds after the last key until it is looked up what the request would be


class RequestFormScreen(DeskScreen):
    """A new request of a type or, with `row`, a change of one that is pending."""

    PLACES = (keymap.REQUEST_FORM,)
    BINDINGS = keymap.bindings(keymap.REQUEST_FORM)
    CSS_PATH = STYLES
    ROOM = "approvals"
    HELP = (
        "enter and the arrows go from field to field. Where there is a list, typing looks for more; a name that is not "
        "in it can be written as well. Below stands who decides it and what happens when it is approved."
    )

    def __init__(self, kind: TypeRow, fields: Mapping[str, str], row: RequestRow | None = None) -> None:
        super().__init__()
        self._kind = kind
        self._row = row
        self._start = {each.name: fields.get(each.name, each.default) for each in kind.fields}
        self._choices = {each.name: each.choices for each in kind.fields if each.choices}
        self._visited: set[str] = set()
        self._at = ""
        self._sending = False
        self._thinking: Timer | None = None

    def body(self) -> ComposeResult:
        yield Note(id="request-head", strong=True)
        entries = [Entry(each.title, control_of(each), each.description) for each in self._kind.fields]
        yield Sheet([Section(self._kind.explanation, entries)], id="sheet")
        yield Note(id="explain")
        yield Pane(id="preview")

    def on_mount(self) -> None:
        super().on_mount()
        self._head()
        self.sheet.put(self._start)
        empty = [each.name for each in self._kind.fields if not self._start[each.name]]
        self.sheet.go_to((empty or self.sheet.names)[0])
        for name in self._choices:
            self._offer(name, "")
        self._think()

    @property
    def sheet(self) -> Sheet:
        """The form."""
        return self.query_one(Sheet)

    @property
    def values(self) -> dict[str, str]:
        """What is filled in, by field."""
        return {
            name: value if isinstance(value, str) else ", ".join(value) for name, value in self.sheet.values.items()
        }

    def _head(self, said: str = "") -> None:
        name = f"Change #{self._row.number}" if self._row else f"New request: {self._kind.title}"
        self.query_one("#request-head", Note).show(f"{name} · {said}" if said else name)

    # -- while one writes ----------------------------------------------------------------------------------------------

    def on_sheet_changed(self, event: Sheet.Changed) -> None:
        event.stop()
        if self._thinking is not None:
            self._thinking.stop()
        self._thinking = self.set_timer(THINKS, self._think)

    def on_sheet_entered(self, event: Sheet.Entered) -> None:
        event.stop()
        self.query_one("#explain", Note).show(event.about)
        if self._at and self._at != event.name:
            self._visited.add(self._at)
            self._think()
        self._at = event.name

    def on_choice_typed(self, event: Choice.Typed) -> None:
        event.stop()
        self._offer(name_of(event.choice), event.typed)

    def _offer(self, name: str, typed: str) -> None:
        """Look for what the field may be filled with."""
        services, person, kind = self.desk.services, self.desk.person, self._choices.get(name, "")
        if person is None or not kind:
            return

        def came(found: tuple[Offer, ...]) -> None:
            control = self.sheet.control(name)
            if isinstance(control, Choice):
                control.offer([Option(each.value, each.label) for each in found])

        work = partial(services.request_choices, person, kind, typed)
        self.read(f"choices of {name}", "looking for what can be chosen", work, came, lambda _: None)

    def _think(self) -> None:
        services, person = self.desk.services, self.desk.person
        if person is not None and self.is_attached:
            work = partial(services.preview_request, person, self._kind.name, self.values)
            self.read("preview", "looking at a request", work, self._previewed, self._no_preview)

    def _previewed(self, preview: Preview) -> None:
        self.sheet.say({name: said for name, said in preview.problems.items() if name in self._visited})
        if preview.problems:
            left = [each.title for each in self._kind.fields if each.name in preview.problems]
            said = f"Still to be filled in: {', '.join(left)}." if left else "; ".join(preview.problems.values())
            self.query_one("#preview", Pane).show([Item("dim", said)])
            return
        who = f"{preview.quorum} of {preview.to}" if preview.quorum > 1 else preview.to
        items = [
            Item("title", preview.subject),
            Item("fact", who, "decided by"),
            Item("fact", words.PRIORITIES[preview.priority].words, "priority"),
            Item("fact", words.sentence(preview.effect) or words.BY_HAND, "on approval"),
        ]
        self.query_one("#preview", Pane).show(items)

    def _no_preview(self, error: DataPulseError) -> None:
        message = error.message.removesuffix(" Nothing was changed.")
        self.sheet.say({})  # each field for itself is as it should be
        self.query_one("#preview", Pane).show([Item("critical", f"▲ {message}"), Item("text", error.hint)])

    # -- sending and leaving -------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        if action_id == "request_form.send" and self._sending:
            return "It is being sent."
        if action_id == "request_form.send" and self._row is not None and self.values == self._start:
            return "Nothing was changed."
        return ""

    def do_send(self) -> None:
        self._visited = set(self.sheet.names)
        services, row, kind, values = self.desk.services, self._row, self._kind.name, self.values
        self._sending = True
        self._head("sending …")
        self.desk.session.save(
            "sending a request",
            lambda person: (
                services.make_request(person, kind, values)
                if row is None
                else services.edit_request(person, row, values)
            ),
            done=self._sent,
            failed=self._not_sent,
        )

    def _sent(self) -> None:
        self.desk.say("Your request was changed." if self._row else "Your request is on its way to those who decide.")
        if self.is_attached and self.is_current:
            self.desk.pop_screen()

    def _not_sent(self, error: DataPulseError) -> None:
        self._sending = False
        if not self.is_attached:
            self.desk.report(error)
            return
        self._head("not sent")
        self._no_preview(error)
        self._go_to_problem()

    def _go_to_problem(self) -> None:
        """Say at each field what is wrong with it, and go to the first."""
        services, person = self.desk.services, self.desk.person

        def came(preview: Preview) -> None:
            if preview.problems:
                self._previewed(preview)
                first = next((name for name in self.sheet.names if name in preview.problems), "")
                if first:
                    self.sheet.go_to(first)

        if person is not None:
            work = partial(services.preview_request, person, self._kind.name, self.values)
            self.read("preview", "looking at a request", work, came, self._no_preview)

    async def do_back(self) -> None:
        if self.values == self._start or self._sending:
            self.desk.pop_screen()
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                self.desk.pop_screen()

        await self.desk.push_screen(ConfirmScreen("Throw away what you wrote?", yes="Throw away"), answered)
