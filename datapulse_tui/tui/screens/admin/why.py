"""Why may somebody do this, or why not? A person, a permission, and the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.people.role_rules import listed
from datapulse_tui.tui import failures
from datapulse_tui.tui.screens.admin.choosing import OffersPeople
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.alerts.ask import Question
from datapulse_tui.tui.times import ago
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.sheet import Entry, Section, Sheet

if TYPE_CHECKING:
    from datetime import datetime

    from datapulse_tui.people.why import Why


class WhyMayScreen(OffersPeople, Question[None]):
    """Asks for whichever of the two is not given."""

    CSS_PATH = STYLES  # type: ignore[assignment]
    HELP = "Choose a person and a permission; the answer names the roles that give it, and how far it reaches."

    def __init__(self, who: Option | None = None, permission: str = "") -> None:
        super().__init__()
        self._who = who
        self._permission = permission
        self._asked = 0

    def compose(self) -> ComposeResult:
        who = self._who
        words = [Option(each.word, each.word, each.explanation) for each in listed()]
        chosen = (self._permission,) if self._permission else ()
        with Vertical(classes="dialog tall", id="why"):
            entries = [
                Entry(
                    "Who",
                    Choice([who] if who else [], id="in-who", chosen=(who.key,) if who else (), empty="type a name"),
                ),
                Entry("May they", Choice(words, id="in-what", chosen=chosen, empty="type a part of what it lets do")),
            ]
            yield Sheet([Section("Why may somebody do this, or why not?", entries)], id="sheet")
            yield Pane(id="answer", focusable=True, margin=0)
            yield Note("tab goes on · esc closes", classes="note")

    def on_mount(self) -> None:
        self.offer_people(self._choice("who"), "")
        self._ask()

    def take_focus(self) -> None:
        self.set_focus(self._choice("what" if self._who else "who"))

    def _choice(self, name: str) -> Choice:
        return self.query_one(f"#in-{name}", Choice)

    def on_choice_typed(self, event: Choice.Typed) -> None:
        event.stop()
        if event.choice.id == "in-who":
            self.offer_people(event.choice, event.typed)

    def on_sheet_entered(self, event: Sheet.Entered) -> None:
        event.stop()

    def on_sheet_changed(self, event: Sheet.Changed) -> None:
        event.stop()
        if event.name == "who" and not self._choice("what").key:
            self.set_focus(self._choice("what"))
        self._ask()

    def _ask(self) -> None:
        who, what = self._choice("who").key, self._choice("what").key
        if who and what:
            self._asked += 1
            work = self._answer(UUID(who), what, self._asked)
            self.run_worker(work, group="why", exclusive=True, exit_on_error=False, description="asking why")

    async def _answer(self, who: UUID, what: str, serial: int) -> None:
        person = self.desk.person
        if person is None:
            return
        try:
            items = told(await self.desk.services.why_may(person, who, what), self.desk.now())
        except Exception as error:  # noqa: BLE001 - every failure becomes a message; the log has the details
            shown: DataPulseError = self.desk.noticed(failures.shown(error, "asking why"))
            items = [Item("critical", f"▲ {shown.message} {shown.hint}".strip())]
        if serial == self._asked and self.is_attached:
            self.query_one("#answer", Pane).show(items)


def told(why: Why, now: datetime) -> list[Item]:
    """The answer as paragraphs."""
    mark, may = ("✓", "may") if why.may else ("▲", "may not")
    items = [
        Item("title", f"{mark} {why.name} {may}: {why.permission}"),
        Item("dim", f"It lets a person {why.explanation}."),
        Item("gap"),
    ]
    for each in why.reasons:
        sign = {True: "✓", False: "▲", None: "·"}[each.gives]
        since = f" ({ago(each.at, now)}{'' if ago(each.at, now) == 'now' else ' ago'})" if each.at else ""
        items.append(Item("text", f"{sign} {each.words}{since}"))
    return items
