"""One row in full: what is read of it and how it is told, beside a list or on a screen of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from textual.app import ComposeResult

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.acting import ActingScreen, Memory, Outcome, Thing
from datapulse_tui.tui.screens.base import EVERYTHING, DeskScreen
from datapulse_tui.tui.widgets.pane import Item
from datapulse_tui.tui.widgets.story import Story

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.tui.services import Person


class Detailed(Protocol):
    """All that is told of a row, with the row."""

    @property
    def row(self) -> Any: ...


R = TypeVar("R", bound=Thing)
D = TypeVar("D", bound=Detailed)


class Telling(DeskScreen, Generic[R, D]):
    """A screen that tells of rows in full. `TOPIC` is theirs in the change feed."""

    TOPIC: ClassVar[str]

    async def detail_of(self, person: Person, row_id: UUID) -> D:
        """All that is told of a row."""
        raise NotImplementedError

    def tell_brief(self, story: Story, row: R) -> None:
        """Show what the list knows of a row, until the rest is read."""
        raise NotImplementedError

    def tell_detail(self, story: Story, detail: D, *, anew: bool) -> None:
        """Show all of it; without `anew` what is in view stays there."""
        raise NotImplementedError


class DetailScreen(Telling[R, D], ActingScreen, Generic[R, D]):
    """One row on the full screen; it scrolls, keeps its place, and is read again when it changes."""

    def __init__(self, row_id: UUID, *, row: R | None = None, memory: Memory | None = None) -> None:
        super().__init__(memory)
        self._row_id = row_id
        self._row = row
        self.detail: D | None = None

    def body(self) -> ComposeResult:
        yield Story(id="story", focusable=True, margin=2)

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.story)
        if self._row is not None:
            self.tell_brief(self.story, self._row)
        self.reread()

    @property
    def story(self) -> Story:
        """What tells of it."""
        return self.query_one("#story", Story)

    def meant(self) -> list[R]:
        """The row that a verb means."""
        row: R | None = self.detail.row if self.detail else self._row
        return [row] if row is not None else []

    def reread(self) -> None:
        person = self.desk.person
        if person is not None:
            work = partial(self.detail_of, person, self._row_id)
            self.read("detail", "reading it", work, self._came, self._failed)

    def changed(self, changes: Changes) -> None:
        ids = changes.get(self.TOPIC)
        if EVERYTHING in changes or (ids is not None and (not ids or str(self._row_id) in ids)):
            self.reread()

    def _came(self, detail: D) -> None:
        first, self.detail = self.detail is None, detail
        self.tell_detail(self.story, detail, anew=first)
        self.redraw_frame()

    def _failed(self, error: DataPulseError) -> None:
        if self.detail is None and self._row is None:
            self.story.show([Item("critical", error.message), Item("text", error.hint)])
        else:
            self.desk.report(error)

    def under_way(self, ids: Sequence[UUID]) -> None:  # noqa: ARG002
        self.redraw_frame()

    def happened(self, outcomes: Sequence[Outcome]) -> None:  # noqa: ARG002
        self.reread()

    def not_saved(self, ids: Sequence[UUID], error: DataPulseError) -> None:
        super().not_saved(ids, error)
        self.reread()

    def do_refresh(self) -> None:
        self.reread()

    def do_back(self) -> None:
        self.desk.pop_screen()
