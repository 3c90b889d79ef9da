"""Verbs on rows of a list, whatever the rows are: look over what would happen to many, act on what was seen, tell what
became of each, and take back what was done last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar
from uuid import UUID

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.alerts.ask import Fate, ManyScreen, ask
from datapulse_tui.tui.screens.alerts.loaded import Numbered
from datapulse_tui.tui.screens.base import DeskScreen

if TYPE_CHECKING:
    from datapulse_tui.tui.services import Person

Seen = Sequence[tuple[UUID, int]]
UNDO_FOR = timedelta(minutes=15)  # how long the last act can be taken back by one key


class Thing(Numbered, Protocol):
    """A row that can be acted on, in the version in which it was seen."""

    @property
    def version(self) -> int: ...
    @property
    def title(self) -> str: ...


class Outcome(Protocol):
    """What became of one of many: `done`, or why not."""

    @property
    def id(self) -> UUID: ...
    @property
    def title(self) -> str: ...
    @property
    def done(self) -> bool: ...
    @property
    def message(self) -> str: ...


class Done(NamedTuple):
    """The outcome of a change that was looked up afterwards: it happened."""

    id: UUID
    title: str = ""
    done: bool = True
    message: str = ""


Call = Callable[["Person", Seen], Awaitable[Sequence[Outcome]]]
Back = Callable[[Sequence[UUID]], Call]
T = TypeVar("T", bound=Thing)


class Verb(NamedTuple):
    """A verb in the forms that the screen says: `acknowledge`, `Acknowledging`, `acknowledged`, and of what.

    `moves` says whether it makes another version of what it is done with; `undo_for` how long it can be taken back.
    """

    id: str
    label: str
    doing: str
    done: str
    noun: str = "incidents"
    moves: bool = True
    undo_for: timedelta = UNDO_FOR

    @property
    def backwards(self) -> Verb:
        """The verb that takes it back."""
        return Verb("undo", "Undo", "taking back", "taken back", self.noun, self.moves)


class Act(NamedTuple):
    """Something that this desk did: what it was done with, in the versions since, and how it is taken back."""

    verb: Verb
    at: datetime
    seen: tuple[tuple[UUID, int], ...]
    back: Call

    @property
    def words(self) -> str:
        """What taking it back would take back."""
        return f"{len(self.seen):,} {self.verb.done}" if len(self.seen) > 1 else f"one {self.verb.done}"


class Memory:
    """What this person did on this desk: for undo, and for the versions that their own acts made.

    An act makes the version one more than the one seen. A key that was pressed before the list was read again still
    means the row as the person left it.
    """

    def __init__(self) -> None:
        self.last: Act | None = None
        self._mine: dict[UUID, set[int]] = {}

    def made(self, seen: Seen) -> None:
        """These, seen in these versions, were changed by this desk."""
        for thing, version in seen:
            self._mine.setdefault(thing, set()).add(version)

    def now(self, seen: Seen) -> list[tuple[UUID, int]]:
        """The versions that were seen, moved on over what this desk itself has done since."""
        return [(thing, self._moved_on(thing, version)) for thing, version in seen]

    def _moved_on(self, thing: UUID, version: int) -> int:
        mine = self._mine.get(thing, ())
        while version in mine:
            version += 1
        return version

    def no_undo(self, now: datetime) -> str:
        """Why nothing can be taken back; empty when something can."""
        last = self.last
        if last is None:
            return "There is nothing of yours to take back."
        if now - last.at > last.verb.undo_for:
            seconds = last.verb.undo_for.total_seconds()
            length = f"{seconds / 60:.0f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"
            return f"What you did last is more than {length} ago, and stands."
        return ""


class ActingScreen(DeskScreen):
    """A screen with rows to act on. What it shows of them while and after is its own."""

    def __init__(self, memory: Memory | None = None) -> None:
        super().__init__()
        self.memory = memory or Memory()

    def under_way(self, ids: Sequence[UUID]) -> None:
        """Something is being done with these."""

    def happened(self, outcomes: Sequence[Outcome]) -> None:
        """This became of them; they are to be read again."""

    def not_saved(self, ids: Sequence[UUID], error: DataPulseError) -> None:  # noqa: ARG002
        """Nothing was done with these; they are to be read again."""
        self.desk.report(error)

    async def came_true(self, verb: Verb, meant: Seen, since: datetime) -> bool:
        """Look up whether a change whose outcome is unknown happened; it was asked for at `since`."""
        raise NotImplementedError

    def act_said(self, verb: Verb, outcomes: Sequence[Outcome]) -> None:
        """Say what became of one thing, where the screen does not show it anyway."""

    async def look_over(
        self, verb: Verb, rows: list[T], reasons: Sequence[str], then: Callable[[list[T]], Awaitable[None]]
    ) -> None:
        """For one thing go on at once; for many show first for each what would happen. `reasons` say why not."""
        if len(rows) == 1:
            await then(rows)
            return
        able = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
        fates = [
            Fate(f"#{row.number} {row.title}", not reason, reason or f"will be {verb.done}")
            for row, reason in zip(rows, reasons, strict=True)
        ]
        title = f"{verb.label} {len(able):,} of {len(rows):,} {verb.noun}?"
        yes = f"does it with {len(able):,}"

        async def answered(go_on: bool | None) -> None:  # noqa: FBT001
            if go_on:
                await then(able)

        await ask(self.desk, ManyScreen(title, fates, yes=yes, noun=verb.noun), answered)

    def act(self, verb: Verb, rows: Sequence[Thing], call: Call, back: Back | None = None) -> None:
        """Act on what was seen. What is pressed later waits, and means the rows as this leaves them."""
        seen = [(row.id, row.version) for row in rows]

        def done(outcomes: Sequence[Outcome]) -> None:
            changed = {each.id for each in outcomes if each.done}
            if back is not None and changed:
                left = tuple((key, version) for key, version in self.memory.now(seen) if key in changed)
                self.memory.last = Act(verb, self.desk.now(), left, back([key for key, _ in left]))
                self.redraw_frame()
            if len(outcomes) > 1:
                self.tell(f"{verb.done.capitalize()}: {len(changed):,} of {len(outcomes):,}", outcomes, verb.noun)
            else:
                self.act_said(verb, outcomes)

        self._save(verb, seen, call, done)
        self.under_way([row.id for row in rows])

    def do_undo(self) -> None:
        last = self.memory.last
        if last is None:
            return
        self.memory.last = None

        def taken_back(outcomes: Sequence[Outcome]) -> None:
            if len(outcomes) > 1:
                self.tell(f"Taken back: {last.words}", outcomes, last.verb.noun)
            else:
                self.desk.say(f"Taken back: {last.words}.")

        self._save(last.verb.backwards, last.seen, last.back, taken_back)
        self.under_way([key for key, _ in last.seen])

    def _save(self, verb: Verb, seen: Seen, call: Call, done: Callable[[Sequence[Outcome]], None]) -> None:
        found: list[Outcome] = []
        ids = [key for key, _ in seen]
        meant: list[tuple[UUID, int]] = []
        since = self.desk.now()

        async def work(person: Person) -> None:
            meant[:] = self.memory.now(seen)
            found[:] = await call(person, meant)

        async def verify() -> bool:
            return await self.came_true(verb, meant, since)

        def saved() -> None:
            outcomes: Sequence[Outcome] = found or [Done(key) for key in ids]
            changed = {each.id for each in outcomes if each.done}
            if verb.moves:
                self.memory.made([each for each in meant if each[0] in changed])
            if self.is_attached:
                self.happened(outcomes)
            done(outcomes)

        def failed(error: DataPulseError) -> None:
            if self.is_attached:
                self.not_saved(ids, error)
            else:
                self.desk.report(error)

        self.desk.session.save(f"{verb.doing} {verb.noun}", work, done=saved, failed=failed, verify=verify)

    def tell(self, title: str, outcomes: Sequence[Outcome], noun: str) -> None:
        """Show what became of each of many."""
        fates = [Fate(each.title, each.done, each.message) for each in outcomes]
        self.desk.call_later(ask, self.desk, ManyScreen(title, fates, noun=noun))


def named(rows: Sequence[Thing], noun: str) -> str:
    """The one thing by number and name, or how many."""
    return f"#{rows[0].number} {rows[0].title}" if len(rows) == 1 else f"{len(rows):,} {noun}"
