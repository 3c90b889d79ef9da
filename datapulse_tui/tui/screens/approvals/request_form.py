"""The form of a request, made from its type's fields: what is wrong is told where it stands, and below what it would
be, who decides it, and what an approval does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.timer import Timer

from datapulse_tui.errors import Conflict, DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.approvals import words
from datapulse_tui.tui.screens.approvals.fields import control_of
from datapulse_tui.tui.screens.approvals.tabs import STYLES
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.screens.rules.dialogs import KEEP_DRAFT, KEEP_MINE, RELOAD, THROW_AWAY, QuestionScreen
from datapulse_tui.tui.times import ago
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet, name_of

if TYPE_CHECKING:
    from datapulse_tui.tui.desk_request_forms import Preview, TypeRow
    from datapulse_tui.tui.drafts import KeptDraft
    from datapulse_tui.workflows.types.choices import Choice as Offer
    from datapulse_tui.workflows.views import RequestRow, RequestView

THINKS = 0.4  # seconds after the last key until it is looked up what the request would be
KEEP_EVERY = 10.0  # seconds after which a draft that changed is stored, in case this desk is killed


class RequestFormScreen(DeskScreen):
    """A new request of a type or, with `row`, a change of one that is pending."""

    PLACES = (keymap.REQUEST_FORM,)
    BINDINGS = keymap.bindings(keymap.REQUEST_FORM)
    CSS_PATH = STYLES
    ROOM = "approvals"
    HELP = (
        "enter and the arrows go from field to field. Where there is a list, typing looks for more; a name that is not "
        "in it can be written as well. Below stands who decides it and what happens when it is approved. What you "
        "write is kept as a draft until you send it or throw it away, also when the line drops."
    )

    def __init__(
        self, kind: TypeRow, fields: Mapping[str, str], row: RequestRow | None = None, draft: KeptDraft | None = None
    ) -> None:
        super().__init__()
        self._kind = kind
        self._row = row
        self._draft = draft
        self._start = {each.name: fields.get(each.name, each.default) for each in kind.fields}
        self._choices = {each.name: each.choices for each in kind.fields if each.choices}
        self._visited: set[str] = set()
        self._at = ""
        self._sending = False
        self._ready = False
        self._thinking: Timer | None = None

    def body(self) -> ComposeResult:
        yield Note(id="request-head", strong=True)
        entries = [Entry(each.title, control_of(each), each.description) for each in self._kind.fields]
        yield Sheet([Section(self._kind.explanation, entries)], id="sheet")
        yield Note(id="explain")
        yield Pane(id="preview")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(KEEP_EVERY, self._keep, name="keeping the draft")
        self.sheet.put(self._start)
        self._take_draft()
        values = self.values
        empty = [each.name for each in self._kind.fields if not values[each.name]]
        self.sheet.go_to((empty or self.sheet.names)[0])
        self._ready = True
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

    def _take_draft(self) -> None:
        """Fill in what was written before, and say so."""
        draft = self._draft
        if draft is None:
            self._head()
            return
        self.sheet.put(self._known(draft.content.get("fields")))
        when = ago(draft.at, self.desk.now()) if draft.at else "now"
        changed = self._row is not None and draft.content.get("version") != self._row.version
        note = "; the request was changed since" if changed else ""
        self._head(f"your draft of {'just now' if when == 'now' else when + ' ago'}{note}; esc throws it away")

    def _known(self, fields: object) -> dict[str, str]:
        """Of what was kept, the fields that the form has."""
        kept = fields if isinstance(fields, Mapping) else {}
        return {name: str(value) for name, value in kept.items() if name in self._start}

    # -- while one writes ----------------------------------------------------------------------------------------------

    def on_sheet_changed(self, event: Sheet.Changed) -> None:
        event.stop()
        self._remember()
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

    @property
    def _key(self) -> str:
        return draft_key(self._kind.name, self._row)

    def _remember(self) -> None:
        """Have what was written in memory; what was there at the start is no draft."""
        if self.desk.person is not None and self._ready and not self._sending:
            version = self._row.version if self._row else 0
            content = {"fields": self.values, "version": version} if self.values != self._start else None
            self.desk.services.remember_draft(self.desk.person, self._key, content)

    def _keep(self) -> None:
        services, person, key = self.desk.services, self.desk.person, self._key
        if person is not None and services.draft_waits(person, key) and not self._sending:
            self.desk.session.save("keeping a draft", lambda who: services.keep_draft(who, key), failed=lambda _: None)

    def _let_go(self) -> None:
        """There is no draft any more: it was sent, or thrown away."""
        services, person, key = self.desk.services, self.desk.person, self._key
        if person is not None:
            services.remember_draft(person, key, None)
            self.desk.session.save("keeping a draft", lambda who: services.keep_draft(who, key), failed=lambda _: None)

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
        self._send()

    def _send(self) -> None:
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
        self._let_go()
        if self.is_attached and self.is_current:
            self.desk.pop_screen()

    def _not_sent(self, error: DataPulseError) -> None:
        self._sending = False
        if not self.is_attached:
            self.desk.report(error)
            return
        self._head("not sent")
        if isinstance(error, Conflict) and self._row is not None:
            self._look_again(error, self._row)
            return
        self._no_preview(error)
        self._go_to_problem()

    def _look_again(self, error: DataPulseError, row: RequestRow) -> None:
        """Somebody was faster: where it can still be changed, ask whose content counts."""
        services, person = self.desk.services, self.desk.person
        if person is None:
            return

        def came(view: RequestView) -> None:
            if not view.may_edit or view.row.version == row.version:
                self._no_preview(error)
                return
            question = (
                f"{error.message} It was changed meanwhile, at another desk of yours perhaps. Send what you wrote in "
                "place of that, or take what is there and lose yours?"
            )
            self.desk.push_screen(QuestionScreen(question, [RELOAD, KEEP_MINE]), partial(self._chosen, view))

        self.read("again", "reading a request", partial(services.request, person, row.id), came, self._no_preview)

    def _chosen(self, view: RequestView, answer: str | None) -> None:
        if answer is None:
            return
        self._row = view.row
        self._start |= self._known(view.details.get("fields"))
        if answer == KEEP_MINE.id:
            self._send()
            return
        self.sheet.put(self._start)
        self._let_go()
        self._head("as it is by now")

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

        def answered(answer: str | None) -> None:
            if answer is None:
                return
            if answer == KEEP_DRAFT.id:
                self._remember()
                self._keep()
            else:
                self._let_go()
            self.desk.pop_screen()

        question = "What you wrote is not sent. Keep it as a draft, which comes back when you open the form again?"
        await self.desk.push_screen(QuestionScreen(question, [THROW_AWAY, KEEP_DRAFT]), answered)


def draft_key(kind: str, row: RequestRow | None) -> str:
    """Under which the draft of a new request of a type, or of a change of the request `row`, is remembered."""
    return f"draft.request.{row.id if row else kind}"
