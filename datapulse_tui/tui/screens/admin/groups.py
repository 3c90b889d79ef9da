"""What the lists of roles and of departments share: a filter, pages, and the detail beside the list."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.types import CSSPathType
from textual.widgets import Input

from datapulse_tui.tui.screens.admin.tabs import STYLES, AdminTab
from datapulse_tui.tui.screens.base import EVERYTHING
from datapulse_tui.tui.screens.pages import Pages
from datapulse_tui.tui.widgets.form import Field
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.data.page import Page
    from datapulse_tui.tui.services import Person

DETAIL_FROM = 120  # cells of width from which the detail stands beside the list
SETTLED = 0.2  # seconds that the cursor rests on a row before its detail is read
PATIENCE = 0.4  # seconds after a change until the list is read again, however much changes
EMPTY_FILTER = "part of a name or a description; enter keeps it, esc takes it away"


class Keyed(Protocol):
    """A row of the list; `key` tells it from every other."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...


R = TypeVar("R", bound=Keyed)
D = TypeVar("D")


class PermissionPane(Pane):
    """Facts whose labels are permissions."""

    LABEL_WIDTH = 19


class GroupList(AdminTab, Generic[R, D]):
    """`R` is a row, `D` what else is told of it. `TOPICS` of the change feed have the list read again."""

    TOPICS: ClassVar[frozenset[str]] = frozenset()
    COLUMNS: ClassVar[tuple[RowColumn, ...]] = ()
    NOUN: ClassVar[str] = ""
    MANAGE: ClassVar[str] = ""
    PANE: ClassVar[type[Pane]] = Pane
    CSS_PATH: ClassVar[CSSPathType | None] = STYLES

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._rows: dict[str, R] = {}
        self._details: dict[str, D] = {}
        self._fresh: set[str] = set()  # whose detail is as it is now; of the others what was read before is shown
        self._pages = Pages(self, f"{self.NOUN}s")
        self._resting: Timer | None = None
        self._soon: Timer | None = None

    # -- what a list of a kind is --------------------------------------------------------------------------------------

    async def page_of(self, person: Person, text: str, after: str | None) -> Page[R]:
        """One page of the list."""
        raise NotImplementedError

    async def detail_of(self, person: Person, row: R) -> D:
        """What else is told of a row."""
        raise NotImplementedError

    def shown(self, row: R) -> Row:
        """A row as it is drawn."""
        raise NotImplementedError

    def items(self, row: R, detail: D | None) -> list[Item]:
        """A row in full, with its detail once it is read."""
        raise NotImplementedError

    def empty_words(self) -> list[str]:
        """What stands in place of rows where there are none."""
        raise NotImplementedError

    # -- the screen ----------------------------------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        yield self.tab_line()
        yield Field(id="filter", placeholder=EMPTY_FILTER)
        with Horizontal(id="split"):
            yield RowList(self.COLUMNS, id="list")
            yield self.PANE(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._field.display = False
        self._pane.display = self.app.size.width >= DETAIL_FROM
        self.set_focus(self.listed)
        self.reread()

    def on_resize(self) -> None:
        if self.is_mounted:
            self._pane.display = self.app.size.width >= DETAIL_FROM
            self._rest()

    @property
    def listed(self) -> RowList:
        """The rows on the screen."""
        return self.query_one("#list", RowList)

    @property
    def row(self) -> R | None:
        """The row under the cursor."""
        return self._rows.get(self.listed.key)

    @property
    def _field(self) -> Field:
        return self.query_one("#filter", Field)

    @property
    def _pane(self) -> Pane:
        return self.query_one("#detail", Pane)

    # -- reading and showing -------------------------------------------------------------------------------------------

    def reread(self) -> None:
        person, text = self.desk.person, self._text
        if person is not None:
            work = self._pages.again(partial(self.page_of, person, text), len(self._rows))
            self.read("list", f"reading the {self.NOUN}s", work, partial(self._first_page, text))

    def changed(self, changes: Changes) -> None:
        if (EVERYTHING in changes or not self.TOPICS.isdisjoint(changes)) and self._soon is None:
            self._soon = self.set_timer(PATIENCE, self._reread_soon)

    def _reread_soon(self) -> None:
        self._soon = None
        self._fresh.clear()
        self.reread()

    def _first_page(self, text: str, page: Page[R]) -> None:
        if text == self._text:
            self._rows = {row.key: row for row in page.items}
            self._pages.began(page)
            self._show()

    def on_row_list_need_more(self) -> None:
        if self.desk.person is not None:
            self._pages.ask(partial(self.page_of, self.desk.person, self._text), self._more)

    def _more(self, page: Page[R]) -> None:
        self._rows |= {row.key: row for row in page.items}
        self._show()

    def _show(self) -> None:
        self.listed.settle([self.shown(row) for row in self._rows.values()], empty=self.empty_words())
        kept = f'"{self._text}" · ' if self._text else ""
        number = f"{len(self._rows):,}{'+' if self._pages.next else ''}"
        self.remark(f"{kept}{number} {self.NOUN}{'' if number == '1' else 's'}")
        self._show_detail()
        self.redraw_frame()
        self._rest()

    def _show_detail(self) -> None:
        row = self.row
        if self._pane.display:
            self._pane.show(self.items(row, self._details.get(row.key)) if row is not None else [])

    def on_row_list_moved(self) -> None:
        self._show_detail()
        self.redraw_frame()
        self._rest()

    def _rest(self) -> None:
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(SETTLED, self._look_closer)

    def _look_closer(self) -> None:
        row, person = self.row, self.desk.person
        if row is None or person is None or not self._pane.display or row.key in self._fresh:
            return
        done = partial(self._closer, row.key)
        self.read("detail", f"reading a {self.NOUN}", partial(self.detail_of, person, row), done, lambda _: None)

    def _closer(self, key: str, detail: D) -> None:
        self._details[key] = detail
        self._fresh.add(key)
        self._show_detail()

    # -- the filter ----------------------------------------------------------------------------------------------------

    def do_filter(self) -> None:
        self._field.display = True
        self.set_focus(self._field)

    def do_clear(self) -> None:
        self._field.value = ""
        self._field.display = False
        self.set_focus(self.listed)
        self._filter("")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter(event.value.strip())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self._field.display = False
        self.set_focus(self.listed)

    def _filter(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self._pages.forget()
            self.listed.move_to(0)
            self.reread()

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb, person = action_id.rpartition(".")[2], self.desk.person
        if verb in ("new", "edit", "delete") and (person is None or not person.actor.can(self.MANAGE)):
            return f"This needs the permission {self.MANAGE}."
        if verb in ("open", "edit", "delete", "give", "copy") and self.row is None:
            return f"No {self.NOUN} is selected."
        if verb == "clear" and not self._text and not self._field.display:
            return "There is no filter."
        return ""

    def on_row_list_opened(self) -> None:
        self.do_open()

    def do_open(self) -> None:
        """Open the row under the cursor on a screen of its own."""
        raise NotImplementedError

    def do_copy(self) -> None:
        if self.row is not None:
            self.desk.copy_to_clipboard(self.row.name)
            self.desk.say(f"Copied: {self.row.name}")

    def do_refresh(self) -> None:
        self._fresh.clear()
        self.reread()
