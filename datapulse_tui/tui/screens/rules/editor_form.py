"""The form of a rule: what stands in it, what can be chosen, what the query brings, and the draft of it all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.types import CSSPathType

from datapulse_tui.data.result import Column, Result
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.screens.rules import checks
from datapulse_tui.tui.screens.rules.draft import (
    DEFAULT_CHANNEL,
    NEW_QUERY,
    THROUGH,
    TO_CHANNELS,
    TO_PEOPLE,
    Draft,
    draft_of,
    through_of,
)
from datapulse_tui.tui.screens.rules.sections import THE_DEFAULT, WRITE_QUERY, channel_options, sections
from datapulse_tui.tui.screens.rules.sentence import brought_words, say_items
from datapulse_tui.tui.screens.rules.words import STYLES, recipient_words
from datapulse_tui.tui.times import ago
from datapulse_tui.tui.widgets.brought import Brought
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Pane
from datapulse_tui.tui.widgets.sheet import Sheet, Value, name_of

if TYPE_CHECKING:
    from datapulse_tui.alerts.preview import Preview
    from datapulse_tui.alerts.reads.choices import RecipientChoice
    from datapulse_tui.tui.desk_rules import EditorStart

KEEP_EVERY = 10.0  # seconds after which a draft that changed is stored, in case this desk is killed
BESIDE_FROM = 120  # cells of width from which the sentence and the series stand beside the form
PEOPLE = ("email", "sms", "second_email", "second_sms")
OWNER = Option("owner", "the owner", "whoever owns the rule")
OF_NEW_QUERY = ("query_name", "source", "sql")
OF_QUERY = ("query", *OF_NEW_QUERY)


class EditorForm(DeskScreen):
    """The form and what stands beside it. Every change goes into the draft, which is stored soon after."""

    PLACES = (keymap.RULE_EDITOR,)
    BINDINGS = keymap.bindings(keymap.RULE_EDITOR)
    ROOM = "alerts"
    CSS_PATH: ClassVar[CSSPathType | None] = STYLES
    HELP = (
        "A rule runs a saved query and compares one column of each row with a threshold. f5 runs the query and offers "
        "its columns, f6 shows when the rule would have fired. What you write is kept as a draft until you save it or "
        "throw it away, also when the line drops."
    )

    def __init__(self, alert_id: UUID | None) -> None:
        super().__init__()
        self._alert_id = alert_id
        self._draft = Draft(alert_id=str(alert_id or ""))
        self._saved = self._draft
        self._ready = False
        self._saving = False
        self._visited: set[str] = set()
        self._at = ""
        self._refused: dict[str, str] = {}
        self._preview: Preview | None = None
        self._labels: dict[str, str] = {}
        self._written: dict[str, Value] = {}
        self._channels: dict[str, list[tuple[str, bool, bool]]] = {}

    def body(self) -> ComposeResult:
        yield Note("Rule", id="editor-head", strong=True)
        with Horizontal(id="split"):
            with Vertical(id="editor"):
                yield Sheet(sections([Brought(id="brought")]), id="sheet")
                yield Note(id="explain")
            yield Pane(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._fit()
        self.set_interval(KEEP_EVERY, self._keep, name="keeping the draft")
        self.query_one(Sheet).display = False
        self._head("opening …")
        services, person, alert_id = self.desk.services, self.desk.person, self._alert_id
        if person is not None:
            self.read(
                "opening", "opening a rule", lambda: services.editor_start(person, alert_id), self._opened, self._failed
            )

    def on_resize(self) -> None:
        if self.is_mounted:
            self._fit()

    def _fit(self) -> None:
        self.query_one("#detail").display = self.app.size.width >= BESIDE_FROM
        self._say()

    @property
    def sheet(self) -> Sheet:
        """The form."""
        return self.query_one(Sheet)

    # -- opening -------------------------------------------------------------------------------------------------------

    def _failed(self, error: DataPulseError) -> None:
        self._head(f"▲ {error.message} {error.hint}".strip())

    def _opened(self, start: EditorStart) -> None:
        if start.detail is not None:
            row = start.detail.row
            self._saved = draft_of(start.detail.spec, str(row.id), row.version)
            self._labels[str(start.detail.query_id or "")] = row.query
            self._written = {"query_name": row.query, "source": row.source, "sql": start.detail.query_sql}
        draft = start.draft or self._saved
        if not draft.values["source"] and len(start.sources) == 1:
            # One source is no choice.
            draft, self._saved = (each.with_values({"source": start.sources[0]}) for each in (draft, self._saved))
        self._offer(start)
        self._take(draft)
        self._head(self._of_draft(start))
        self.query_one(Sheet).display = True
        self.sheet.go_to("name")
        self.redraw_frame()
        if self._draft.values["query"] and self._draft.values["query"] != NEW_QUERY:
            self.do_preview()

    def _of_draft(self, start: EditorStart) -> str:
        if start.draft is None:
            return ""
        when = ago(start.draft_at, self.desk.now()) if start.draft_at else "now"
        changed = start.detail is not None and start.draft.version != start.detail.row.version
        note = "; the rule was changed since" if changed else ""
        return f"your draft of {'just now' if when == 'now' else when + ' ago'}{note} · : start over throws it away"

    def _offer(self, start: EditorStart) -> None:
        sheet = self.sheet
        queries = [Option(str(each.id), each.name, each.source or "source deleted") for each in start.queries]
        self._choice("query").know([Option(key, label) for key, label in self._labels.items()])
        self._choice("query").offer([WRITE_QUERY, *queries])
        self._choice("source").offer([Option(name, name) for name in start.sources])
        self._channels = {
            kind: [(each.name, each.is_default, each.is_active) for each in start.channels if each.type == kind]
            for kind in (*TO_PEOPLE, *TO_CHANNELS)
        }
        for kind in TO_CHANNELS:
            self._choice(kind).know([THE_DEFAULT])
            self._choice(kind).offer(channel_options(kind, self._channels[kind]))
        for name in PEOPLE:
            of_kind = channel_options(_kind(name), self._channels[_kind(name)])
            self._choice(through_of(name)).offer([THE_DEFAULT, *of_kind])
        for name in PEOPLE:
            self._offer_people(name, start.recipients)
        sheet.say({})

    def _offer_people(self, name: str, found: tuple[RecipientChoice, ...]) -> None:
        choice = self._choice(name)
        phones = name.endswith("sms")
        options = [*([OWNER] if not choice.typed else []), *(_offered(each) for each in found)]
        if phones:
            options.sort(key=lambda option: "phone" not in option.remark)
        choice.offer(options)

    def _choice(self, name: str) -> Choice:
        control = self.sheet.control(name)
        assert isinstance(control, Choice)
        return control

    def _take(self, draft: Draft) -> None:
        """Put a draft into the form."""
        self._ready = False
        self._draft = draft
        for name in PEOPLE:
            self._choice(name).know([Option(key, _recipient_label(key)) for key in draft.values[name]])
            through = str(draft.values[through_of(name)])
            known = [] if through == DEFAULT_CHANNEL else channel_options(_kind(name), [(through, False, True)])
            self._choice(through_of(name)).know(known)
        self.sheet.put(draft.values)
        self._show_fitting()
        self._ready = True
        self._say()

    # -- while one writes ----------------------------------------------------------------------------------------------

    def on_sheet_changed(self, event: Sheet.Changed) -> None:
        event.stop()
        value = self.sheet.value(event.name)
        if not self._ready or self._draft.values.get(event.name) == value:
            return
        self._draft = self._draft.with_values({event.name: value})
        refused = self._refused.pop(event.name, "")
        self._remember()
        if event.name in OF_QUERY:
            self._query_changed(event.name)
        if event.name in ("query", "threshold_type", *PEOPLE):
            self._show_fitting()
        if refused or event.name in self._visited:
            self._check()
        self._say()

    def on_sheet_entered(self, event: Sheet.Entered) -> None:
        event.stop()
        self.query_one("#explain", Note).show(event.about)
        if self._at and self._at != event.name:
            self._visited.add(self._at)
            self._check()
        self._at = event.name

    def on_choice_typed(self, event: Choice.Typed) -> None:
        """More people, or more saved queries, than were read at the start."""
        event.stop()
        name, services, person, typed = name_of(event.choice), self.desk.services, self.desk.person, event.typed
        if person is None:
            return
        if name in PEOPLE:
            work = lambda: services.find_recipients(person, typed)  # noqa: E731
            self.read(name, "looking for people", work, lambda found: self._offer_people(name, found))
        elif name == "query":
            search = lambda: services.saved_queries(person, typed)  # noqa: E731
            self.read(
                name,
                "looking for queries",
                search,
                lambda found: self._choice("query").offer(
                    [WRITE_QUERY, *(Option(str(each.id), each.name, each.source or "source deleted") for each in found)]
                ),
            )

    def _query_changed(self, name: str) -> None:
        self._preview = None
        if name == "query" and self._draft.values["query"] == NEW_QUERY and not self._draft.values["sql"]:
            self._fill(self._written)
        brought = self.query_one(Brought)
        brought.forget()
        if name == "query" and self._draft.values["query"] not in ("", NEW_QUERY):
            self.do_preview()

    def _show_fitting(self) -> None:
        """Hide what means nothing for what is chosen, and say in the footer what can be done."""
        self.redraw_frame()
        values = self._draft.values
        for name in OF_NEW_QUERY:
            self.sheet.offer_only(name, shown=values["query"] == NEW_QUERY)
        for name in PEOPLE:  # one channel is no choice
            through = through_of(name)
            several = len(self._channels.get(_kind(name), ())) > 1 or values[through] != DEFAULT_CHANNEL
            self.sheet.offer_only(through, shown=several and bool(values[name]))
        change = values["threshold_type"] == "change_percent"
        self.sheet.offer_only("window", shown=change)
        self.sheet.relabel("threshold", "Threshold in %" if change else "Threshold")

    def _remember(self) -> None:
        """Have what was written in memory; what equals the saved rule is no draft."""
        if self.desk.person is not None:
            content = self._draft.to_json() if self._draft != self._saved else None
            self.desk.services.remember_draft(self.desk.person, self._draft.key, content)

    def _keep(self) -> None:
        services, person, key = self.desk.services, self.desk.person, self._draft.key
        if person is not None and services.draft_waits(person, key) and not self._saving:
            self.desk.session.save("keeping a draft", lambda who: services.keep_draft(who, key), failed=lambda _: None)

    def _check(self) -> dict[str, str]:
        """What is wrong with the draft; said where somebody was already, with what the service refused before."""
        problems = checks.problems(self._draft)
        seen = {name: words for name, words in problems.items() if name in self._visited}
        self.sheet.say(self._refused | seen)
        return problems

    def _say(self) -> None:
        pane = self.query_one("#detail", Pane)
        if pane.display and self._ready:
            query = self._choice("query").words(str(self._draft.values["query"]))
            pane.show(say_items(self._draft, query, self._preview))

    def _head(self, words: str = "") -> None:
        name = "New rule" if self._alert_id is None else f"Rule {self._saved.values['name']}"
        self.query_one("#editor-head", Note).show(f"{name} · {words}" if words else name)

    # -- the preview ---------------------------------------------------------------------------------------------------

    def do_preview(self) -> None:
        services, person, draft = self.desk.services, self.desk.person, self._draft
        if person is None:
            return
        self.query_one(Brought).running()
        work = lambda: services.preview_rule(person, draft)  # noqa: E731
        self.read("preview", "running the query of a rule", work, self._brought, self._not_brought)

    def _brought(self, preview: Preview) -> None:
        self._preview = preview
        result = Result(tuple(Column(each.name, each.kind) for each in preview.columns), preview.rows)
        self.query_one(Brought).show(result, brought_words(preview), preview.problem)
        numbers = [each for each in preview.columns if each.may_be_metric]
        labels = [each for each in preview.columns if each.may_be_label]
        self._choice("metric").offer([Option(each.name, each.name, each.kind.value) for each in numbers])
        self._choice("label_columns").offer([Option(each.name, each.name, each.kind.value) for each in labels])
        if not self._draft.values["metric"] and preview.metric:
            self._fill({"metric": preview.metric, "label_columns": preview.label_columns})
        self._say()

    def _fill(self, values: Mapping[str, Value]) -> None:
        self._draft = self._draft.with_values(values)
        self.sheet.put(values)
        self._remember()

    def _not_brought(self, error: DataPulseError) -> None:
        self.query_one(Brought).failed(error)


def _kind(name: str) -> str:
    """The type of the channel that tells the people in the value `name`."""
    return name.removeprefix("second_")


def _offered(found: RecipientChoice) -> Option:
    return Option(found.term, found.label, found.remark)


def _recipient_label(key: str) -> str:
    channel, _, term = key.rpartition(THROUGH)
    words = recipient_words(term)
    return f"{words} through {channel}" if channel else words
