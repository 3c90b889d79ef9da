"""One role or department: its people as a list with pages and marks, and what it is beside them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.types import CSSPathType
from textual.widgets import ContentSwitcher

from datapulse_tui.errors import DataPulseError, NotFound
from datapulse_tui.tui.screens.admin.choosing import Somebody
from datapulse_tui.tui.screens.admin.groups import DETAIL_FROM, PATIENCE
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.base import EVERYTHING, DeskScreen
from datapulse_tui.tui.screens.confirm import MessageScreen
from datapulse_tui.tui.screens.pages import Pages
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList, Tone
from datapulse_tui.tui.widgets.tabs import TabLine

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.data.page import Page
    from datapulse_tui.tui.services import Person

VIEWS = ("group-people", "group-about")
MARK = "●"


D = TypeVar("D")
P = TypeVar("P", bound=Somebody)


class GroupScreen(DeskScreen, Generic[D, P]):
    """`D` is what is told of it, `P` somebody in it. `TOPICS` of the change feed have it read again."""

    TOPICS: ClassVar[frozenset[str]] = frozenset()
    COLUMNS: ClassVar[tuple[RowColumn, ...]] = ()
    NOUN: ClassVar[str] = ""
    PANE: ClassVar[type[Pane]] = Pane
    ROOM = "admin"
    CSS_PATH: ClassVar[CSSPathType | None] = STYLES

    def __init__(self, name: str) -> None:
        super().__init__()
        self._called = name
        self._detail: D | None = None
        self._people: dict[str, P] = {}
        self._marked: dict[str, None] = {}
        self._pages = Pages(self, "people")
        self._soon: Timer | None = None

    # -- what a group of a kind is -------------------------------------------------------------------------------------

    async def detail_of(self, person: Person) -> D:
        """What is told of it."""
        raise NotImplementedError

    async def people_of(self, person: Person, after: str | None) -> Page[P]:
        """One page of its people."""
        raise NotImplementedError

    def name_of(self, detail: D) -> str:
        """What it is called."""
        raise NotImplementedError

    def about(self, detail: D) -> list[Item]:
        """What it is, in full."""
        raise NotImplementedError

    def cells(self, somebody: P) -> tuple[str, ...]:
        """Somebody as they are drawn, behind the mark."""
        raise NotImplementedError

    def facts(self, somebody: P) -> list[Item]:
        """Somebody in full."""
        raise NotImplementedError

    def empty_words(self) -> list[str]:
        """What stands in place of people where there are none."""
        raise NotImplementedError

    # -- the screen ----------------------------------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        yield TabLine(["People", "About"], id="views")
        with Horizontal(id="split"):
            with ContentSwitcher(initial=VIEWS[0], id="group-views"):
                yield RowList((RowColumn("", 1), *self.COLUMNS), id=VIEWS[0])
                yield self.PANE(id=VIEWS[1], focusable=True)
            yield self.PANE(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._fit()
        self.set_focus(self.listed)
        self.reread()

    def on_resize(self) -> None:
        if self.is_mounted:
            self._fit()

    def _fit(self) -> None:
        self.query_one("#detail").display = self.app.size.width >= DETAIL_FROM
        self._head()

    @property
    def listed(self) -> RowList:
        """The people on the screen."""
        return self.query_one(f"#{VIEWS[0]}", RowList)

    @property
    def somebody(self) -> P | None:
        """Who is under the cursor."""
        return self._people.get(self.listed.key)

    def meant(self) -> list[P]:
        """Whom a verb means now: those who are marked or, without any, the one under the cursor."""
        if self._marked:
            return [self._people[key] for key in self._marked]
        return [self.somebody] if self.somebody else []

    @property
    def detail(self) -> D | None:
        """What is told of it, once it is read."""
        return self._detail

    # -- reading and showing -------------------------------------------------------------------------------------------

    def reread(self) -> None:
        person = self.desk.person
        if person is not None:
            self.read("group", f"reading a {self.NOUN}", partial(self.detail_of, person), self._came, self._failed)
            work = self._pages.again(partial(self.people_of, person), len(self._people))
            self.read("people", "reading people", work, self._first_page, self._failed)

    def changed(self, changes: Changes) -> None:
        if (EVERYTHING in changes or not self.TOPICS.isdisjoint(changes)) and self._soon is None:
            self._soon = self.set_timer(PATIENCE, self._reread_soon)

    def _reread_soon(self) -> None:
        self._soon = None
        self.reread()

    def _failed(self, error: DataPulseError) -> None:
        if isinstance(error, NotFound):
            self.do_back()
        self.desk.report(error)

    def _came(self, detail: D) -> None:
        self._detail, self._called = detail, self.name_of(detail)
        items = self.about(detail)
        self.query_one("#detail", Pane).show(items)
        self.query_one(f"#{VIEWS[1]}", Pane).show(items)
        self._head()
        self.redraw_frame()

    def _first_page(self, page: Page[P]) -> None:
        self._people = {str(each.id): each for each in page.items}
        self._pages.began(page)
        self._show()

    def on_row_list_need_more(self) -> None:
        if self.desk.person is not None:
            self._pages.ask(partial(self.people_of, self.desk.person), self._more)

    def _more(self, page: Page[P]) -> None:
        self._people |= {str(each.id): each for each in page.items}
        self._show()

    def _show(self) -> None:
        self._marked = {key: None for key in self._marked if key in self._people}
        plain: list[Tone] = ["" for _ in self.COLUMNS]
        tones: tuple[Tone, ...] = ("accent", *plain)
        rows = [
            Row(key, (MARK if key in self._marked else "", *self.cells(each)), tones)
            for key, each in self._people.items()
        ]
        self.listed.settle(rows, empty=self.empty_words())
        self._head()
        self.redraw_frame()

    def _head(self) -> None:
        views = self.query_one("#views", TabLine)
        views.labels = ["People"] if self.query_one("#detail").display else ["People", "About"]
        if views.at >= len(views.labels):
            self._view(0)
        marked = f"{len(self._marked):,} marked of " if self._marked else ""
        views.remark = f"{self._called} · {marked}{len(self._people):,}{'+' if self._pages.next else ''}"
        views.redraw()

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb = action_id.rpartition(".")[2]
        if verb in ("open", "mark", "take", "copy", "why") and self.somebody is None:
            return "Nobody is selected."
        if verb == "edit" and self._detail is None:
            return "It is not read yet."
        return ""

    def _view(self, at: int) -> None:
        views = self.query_one("#views", TabLine)
        views.at = at % len(views.labels)
        views.redraw()
        self.query_one(ContentSwitcher).current = VIEWS[views.at]
        self.set_focus(self.query_one(f"#{VIEWS[views.at]}"))
        self.redraw_frame()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        self._view(event.at)

    def do_next_view(self) -> None:
        self._view(self.query_one("#views", TabLine).at + 1)

    def do_previous_view(self) -> None:
        self._view(self.query_one("#views", TabLine).at - 1)

    def on_row_list_moved(self) -> None:
        self.redraw_frame()

    def on_row_list_opened(self) -> None:
        self.do_open()

    def do_open(self) -> None:
        if self.somebody is not None:
            self.desk.push_screen(MessageScreen(self.facts(self.somebody)))

    def do_mark(self) -> None:
        key = self.listed.key
        if key in self._marked:
            del self._marked[key]
        else:
            self._marked[key] = None
        self._show()
        self.listed.do_down()

    def do_mark_all(self) -> None:
        self._marked = {} if len(self._marked) == len(self._people) else dict.fromkeys(self._people)
        self._show()

    def do_copy(self) -> None:
        addresses = [each.email or each.name for each in self.meant()]
        self.desk.copy_to_clipboard("\n".join(addresses))
        self.desk.say(f"Copied: {named(addresses)}")

    def do_refresh(self) -> None:
        self.reread()

    def do_back(self) -> None:
        if self.is_current:
            self.desk.pop_screen()

    def unmarked(self) -> None:
        """What was marked is done with; read again."""
        if self.is_attached:
            self._marked = {}
            self.reread()


def named(names: Sequence[str], most: int = 3) -> str:
    """A few names in a sentence: `Ana, Bea and 12 more`."""
    some = ", ".join(names[:most])
    return some if len(names) <= most else f"{some} and {len(names) - most:,} more"
