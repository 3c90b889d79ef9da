"""Choosing people, one or many, and telling what became of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import failures, keymap
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.alerts.ask import Fate, ManyScreen, Question, ask
from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.form import Note

if TYPE_CHECKING:
    from datapulse_tui.people.many import Outcome
    from datapulse_tui.tui.app import DataPulseApp
    from datapulse_tui.tui.screens.base import DeskScreen
    from datapulse_tui.tui.services import Person


class Somebody(Protocol):
    """Somebody who can be chosen."""

    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...


class OffersPeople:
    """Mixin of a dialog or screen: a Choice offers the people whose name or address holds what is typed into it."""

    def offer_people(self, choice: Choice, typed: str) -> None:
        """Look for people and offer them; a newer look replaces an older one."""
        screen: Any = self
        work = self._offer(choice, typed)
        screen.run_worker(work, group=f"people {choice.id}", exclusive=True, exit_on_error=False)

    async def _offer(self, choice: Choice, typed: str) -> None:
        desk: DataPulseApp = self.desk  # type: ignore[attr-defined]
        if desk.person is None:
            return
        try:
            found = await desk.services.candidates(desk.person, typed)
        except Exception as error:  # noqa: BLE001 - every failure becomes a message; the log has the details
            desk.report(desk.noticed(failures.shown(error, "looking for people")))
            return
        if choice.is_attached and choice.typed == typed:
            choice.offer([person_option(each) for each in found])


def person_option(each: Somebody) -> Option:
    """Somebody as an option."""
    return Option(str(each.id), each.name, each.email)


class ChoosePeople(OffersPeople, Question[tuple[UUID, ...]]):
    """Answers with those who were chosen, at least one, or None."""

    PLACES = (keymap.FORM, keymap.GROUP_FORM)
    BINDINGS: ClassVar[list[Any]] = [*keymap.bindings(keymap.FORM), *keymap.bindings(keymap.GROUP_FORM)]
    CSS_PATH = STYLES  # type: ignore[assignment]
    HELP = "Type a part of a name or an address, enter adds or takes away; ctrl+s does it with all that are chosen."

    def __init__(self, title: str, explain: str = "") -> None:
        super().__init__()
        self._title = title
        self._explain = explain

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="choosing"):
            yield Note(self._title, classes="form-title", strong=True)
            if self._explain:
                yield Note(self._explain, classes="note")
            yield Choice(id="people", several=True, empty="type a name or an address")
            yield Note("", id="chosen", classes="note")
            yield Note("ctrl+s does it · esc cancels · enter adds or takes away", classes="note")

    def on_mount(self) -> None:
        self.offer_people(self._choice, "")

    def take_focus(self) -> None:
        self.set_focus(self._choice)

    @property
    def _choice(self) -> Choice:
        return self.query_one("#people", Choice)

    def on_choice_typed(self, event: Choice.Typed) -> None:
        event.stop()
        self.offer_people(event.choice, event.typed)

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        count = len(event.choice.keys)
        self.query_one("#chosen", Note).show(f"{count:,} chosen: {event.choice.text}" if count else "")

    def do_save(self) -> None:
        keys = self._choice.keys
        if keys:
            self.dismiss(tuple(UUID(each) for each in keys))
        else:
            self.query_one("#chosen", Note).show("Nobody is chosen yet.", bad=True)


def change_people(
    screen: DeskScreen,
    doing: str,
    title: str,
    call: Callable[[Person], Awaitable[Sequence[Outcome]]],
    done: Callable[[], None],
) -> None:
    """Do something with people; of one it is said what became of them, of many it is shown for each."""
    desk, found = screen.desk, list[Any]()

    async def work(person: Person) -> None:
        found[:] = await call(person)

    def saved() -> None:
        done()
        if len(found) == 1:
            desk.say(f"{found[0].title} {found[0].message}.")
        elif found:
            fates = [Fate(each.title, each.done, each.message) for each in found]
            good = sum(each.done for each in found)
            desk.call_later(ask, desk, ManyScreen(f"{title}: {good:,} of {len(found):,}", fates, noun="people"))

    def failed(error: DataPulseError) -> None:
        done()
        desk.report(error)

    desk.session.save(doing, work, done=saved, failed=failed)


async def choose_people(desk: DataPulseApp, title: str, explain: str, then: Callable[[tuple[UUID, ...]], None]) -> None:
    """Ask for people, and go on with them."""

    def answered(people: tuple[UUID, ...] | None) -> None:
        if people:
            then(people)

    await ask(desk, ChoosePeople(title, explain), partial(answered))
