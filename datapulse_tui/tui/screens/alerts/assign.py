"""Choosing who gets something: type a part of a name or address, choose with the arrows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import failures
from datapulse_tui.tui.screens.typed_choice import TypedChoice
from datapulse_tui.tui.widgets.form import Field, Note
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

if TYPE_CHECKING:
    from datapulse_tui.tui.services import Person

NOBODY = "nobody"
COLUMNS = (RowColumn("", 30), RowColumn("", dim=True))


class Candidate(Protocol):
    """Somebody who can be chosen."""

    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...


class Fixed(NamedTuple):
    """An answer that is always there: what is answered, what people read, and a remark on it."""

    key: str
    label: str
    remark: str = ""


class AssignScreen(TypedChoice[str]):
    """Answers with the id of who was chosen or the key of a fixed answer, or None. The fixed ones stand `above` or
    `below` the people while nothing is typed."""

    HELP = (
        "Type a part of a name or an address; the arrows choose, enter does it. Whoever gets it sees it from then on."
    )

    def __init__(
        self,
        title: str,
        find: Callable[[Person, str], Awaitable[Sequence[Candidate]]],
        *,
        above: Sequence[Fixed] = (),
        below: Sequence[Fixed] = (),
    ) -> None:
        super().__init__()
        self._title = title
        self._find = find
        self._above = above
        self._below = below
        self._asked = 0

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Note(self._title, classes="form-title", strong=True)
            yield Field(id="typed", placeholder="part of a name or an address")
            yield RowList(COLUMNS, id="offers")
            yield Note("enter does it · ↑ ↓ choose · esc cancels", id="told", classes="note")

    def on_mount(self) -> None:
        self.look_for("")

    def look_for(self, typed: str) -> None:
        self._asked += 1
        work = self._read(typed, self._asked)
        self.run_worker(work, group="people", exclusive=True, exit_on_error=False, description="looking for people")

    async def _read(self, typed: str, serial: int) -> None:
        person = self.desk.person
        if person is None:
            return
        try:
            found = await self._find(person, typed)
        except Exception as error:  # noqa: BLE001 - every failure becomes a message; the log has the details
            shown: DataPulseError = failures.shown(error, "looking for people")
            self.query_one("#told", Note).show(f"{shown.message} {shown.hint}", bad=True)
            return
        if serial == self._asked and self.is_attached:
            self._show(typed, found)

    def _show(self, typed: str, found: Sequence[Candidate]) -> None:
        person = self.desk.person
        me = person.actor.user_id if person else None
        rows = [
            Row(str(each.id), (each.name + (" (you)" if each.id == me else ""), each.email))
            for each in sorted(found, key=lambda each: each.id != me)
        ]
        if not typed:
            above, below = (
                [Row(each.key, (each.label, each.remark)) for each in some] for some in (self._above, self._below)
            )
            rows = [*above, *rows, *below]
        self.offer(rows, empty="Nobody of that name who may have it.")

    def take(self, key: str) -> None:
        self.dismiss(key)
