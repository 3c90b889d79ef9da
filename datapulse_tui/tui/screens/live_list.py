"""A list that lives: keyset pages kept up to date without moving what somebody looks at, rows to mark and to act on,
and the detail of the one on which the cursor rests."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, Self, TypeVar
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widget import Widget

from datapulse_tui.alerts.rules import VIEWS_TOPIC
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.acting import ActingScreen, Outcome, Thing
from datapulse_tui.tui.screens.alerts.loaded import DONE, FAILED, UNDER_WAY, Loaded
from datapulse_tui.tui.screens.base import EVERYTHING
from datapulse_tui.tui.screens.filtered import FilteredList
from datapulse_tui.tui.screens.pages import Pages
from datapulse_tui.tui.screens.telling import Detailed, Telling
from datapulse_tui.tui.widgets.filter_line import FilterField, Offers
from datapulse_tui.tui.widgets.story import Story
from datapulse_tui.tui.widgets.tabs import TabLine
from datapulse_tui.tui.widgets.timed_rows import TimedRows

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.data.page import Page
    from datapulse_tui.tui.services import Person

SETTLED = 0.2  # seconds that the cursor rests on a row before its detail is read
COUNTED_AFTER = 0.5  # seconds after a change until the views are counted again
DETAIL_FROM = 120  # cells of width from which the detail stands beside the list

R = TypeVar("R", bound=Thing)
W = TypeVar("W", bound="Wish")
D = TypeVar("D", bound=Detailed)


class Wish(Protocol):
    """What is wished to be in a list: a named tuple with the filter among the rest."""

    @property
    def filter(self) -> str: ...
    def _replace(self, *, filter: str) -> Self: ...


class Again(Protocol[R]):
    """The first page as it is now, and what became of rows that are not on it."""

    @property
    def page(self) -> Page[R]: ...
    @property
    def others(self) -> Sequence[R]: ...


class LiveList(Telling[R, D], FilteredList, ActingScreen, Generic[R, W, D]):
    """`W` is what is wished to be in the list, `D` the detail of a row. `COUNTED` are topics of the change feed
    those after which the views are counted again, `ROWS` names the rows."""

    COUNTED: ClassVar[frozenset[str]] = frozenset()
    ROWS: ClassVar[str]
    PLACEHOLDER: ClassVar[str] = ""

    def __init__(self, wish: W) -> None:
        super().__init__()
        self.wish = wish
        self.loaded: Loaded[R] = Loaded()
        self.details: dict[str, D] = {}
        self._was_read = False
        self.pages = Pages(self, self.ROWS)
        self._looking_again = False
        self._due: set[str] | None = None
        self._resting: Timer | None = None
        self._counting: Timer | None = None

    # -- what a list of a kind is --------------------------------------------------------------------------------------

    async def page_of(self, person: Person, wish: W, after: str | None) -> Page[R]:
        """One page of the list. Raises InvalidFilter with the position."""
        raise NotImplementedError

    async def page_again(self, person: Person, wish: W, shown: Sequence[tuple[UUID, int]]) -> Again[R]:
        """The first page again, and those of `shown` (id and number) that are not on it any more, as they are now."""
        raise NotImplementedError

    def rows_widget(self) -> TimedRows:
        """A new widget for the rows."""
        raise NotImplementedError

    def empty_words(self) -> list[str]:
        """What stands in place of rows where there are none."""
        raise NotImplementedError

    def order_words(self) -> str:
        """The order of the list."""
        raise NotImplementedError

    def time_moved(self, before: R, now: R) -> bool:  # noqa: ARG002
        """Whether another time is told of a row than before, beside what passing time makes of it."""
        return False

    def read_besides(self) -> None:
        """The cursor rests: read what else is shown of the rows on the screen."""

    def forget_besides(self) -> None:
        """All is read anew: what was read besides may be another."""

    # -- the screen ----------------------------------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        yield self.tab_line()
        yield TabLine([], id="view-line")
        yield FilterField(id="filter-field", placeholder=self.PLACEHOLDER)
        yield Offers(id="offers-line")
        with Horizontal(id="split"):
            yield self.rows_widget()
            yield self.detail_widget()

    def detail_widget(self) -> Widget:
        """A new widget for the detail."""
        return Story(id="row-detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.hide_filter()
        self.story.display = self.app.size.width >= DETAIL_FROM
        self.set_focus(self.listed)
        self.show_views()
        self.read_anew()
        self.read_views()

    def on_resize(self) -> None:
        if self.is_mounted:
            self.story.display = self.app.size.width >= DETAIL_FROM
            self._rest()

    @property
    def listed(self) -> TimedRows:
        return self.query_one(TimedRows)

    @property
    def story(self) -> Story:
        """The detail beside the list."""
        return self.query_one("#row-detail", Story)

    @property
    def row(self) -> R | None:
        """The row under the cursor."""
        return self.loaded.rows.get(self.listed.key)

    def meant(self) -> list[R]:
        """The rows that a verb means now: those that are marked or, without any, the one under the cursor."""
        if self.loaded.marked:
            return [self.loaded.rows[key] for key in self.loaded.marked]
        return [self.row] if self.row else []

    # -- reading -------------------------------------------------------------------------------------------------------

    def reread(self) -> None:
        if self._was_read:
            self.look_again(())
        else:
            self.read_anew()
        self.read_views()

    def changed(self, changes: Changes) -> None:
        if self.TOPIC in changes or EVERYTHING in changes:
            ids = changes.get(self.TOPIC, frozenset())
            self._forget_details(ids or self.details)
            self.look_again(ids)
        if EVERYTHING in changes or not {self.TOPIC, VIEWS_TOPIC, *self.COUNTED}.isdisjoint(changes):
            if self._counting is not None:
                self._counting.stop()
            self._counting = self.set_timer(COUNTED_AFTER, self.read_views)

    def read_anew(self) -> None:
        """Read the list from its beginning; rows that no longer belong go away."""
        person, wish = self.desk.person, self.wish
        if person is None:
            return
        self.listed.mark_stale(self._was_read)
        work = partial(self.page_of, person, wish, None)
        self.read("list", f"reading the list of {self.ROWS}", work, self._first_page, self.list_failed)

    def _first_page(self, page: Page[R]) -> None:
        self._was_read = True
        self.loaded.begin_anew(page.items)
        self.pages.began(page)
        self._forget_details(self.details)
        self.forget_besides()
        self.listed.begin_anew(self.desk.now())
        self._show()
        self.filter_accepted()

    def list_failed(self, error: DataPulseError) -> None:
        """The list could not be read; what is there stays."""
        self.listed.mark_stale(False)
        if not self.filter_refused(error):
            self.desk.report(error)

    def on_row_list_need_more(self) -> None:
        if self.desk.person is not None:
            self.pages.ask(partial(self.page_of, self.desk.person, self.wish), self._more)

    def _more(self, page: Page[R]) -> None:
        self.listed.add(self.loaded.add(page.items))
        self.tell_count()

    def look_again(self, ids: Collection[str]) -> None:
        """Read the first page again, and what may have changed or gone; one look at a time, none is lost."""
        person, wish = self.desk.person, self.wish
        if self._looking_again or not self._was_read:
            self._due = (self._due or set()) | set(ids)
            return
        if person is None:
            return
        self._looking_again, self._due = True, None
        work = partial(self.page_again, person, wish, self.loaded.to_look_at(ids))
        self.read("again", f"looking at the {self.ROWS} again", work, partial(self._again, wish), self._not_again)

    def _again(self, wish: W, again: Again[R]) -> None:
        self._looking_again = False
        if wish == self.wish:
            before = dict(self.loaded.rows)
            self.loaded.again(again.page.items, again.others)
            rows = self.loaded.rows
            self.listed.forget(key for key, row in before.items() if self.time_moved(row, rows[key]))
            if not self.loaded.keys:
                self.pages.began(again.page)
            self._show(still=True)
        if self._due is not None:
            self.look_again(self._due)

    def _not_again(self, error: DataPulseError) -> None:
        self._looking_again = False
        self.desk.report(error)

    # -- showing -------------------------------------------------------------------------------------------------------

    def _show(self, *, still: bool = False) -> None:
        self.listed.put(self.loaded.keys, empty=self.empty_words(), still=still)
        self.listed.mark_stale(False)
        self._show_detail()
        self.tell_count()
        self.tell_new()
        self.redraw_frame()
        self._rest()

    def tell_count(self) -> None:
        """Tell how many rows there are, how many are marked, and of when they are."""
        count = f"{len(self.loaded.keys):,}{'+' if self.pages.next else ''}"
        marked = f"{len(self.loaded.marked):,} marked of " if self.loaded.marked else ""
        read = self.desk.session.local(self.desk.now()).strftime("%H:%M")
        self.remark(f"{marked}{count} · {self.order_words()} · read {read}")

    def _show_detail(self, *, anew: bool = False) -> None:
        story, row = self.story, self.row
        if not story.display:
            return
        if row is None:
            story.show([])
            return
        view = self.details.get(str(row.id))
        if view is not None:
            self.tell_detail(story, view, anew=anew)
        elif anew and not story.told:
            # What is there stays, under its own number, until the new one is read: clearing it costs a thin line more
            # than all the rest of a move.
            self.tell_brief(story, row)

    def _rest(self) -> None:
        """Begin to wait for the cursor to rest."""
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(SETTLED, self._look_closer)

    def _look_closer(self) -> None:
        """The cursor rests: read the detail of its row, and what else is shown."""
        row, person = self.row, self.desk.person
        if row is None or person is None or not self.is_active:
            return
        if self.story.display and str(row.id) not in self.details:
            work = partial(self.detail_of, person, row.id)
            self.read("detail", f"reading one of the {self.ROWS}", work, self._closer, lambda _: None)
        self.read_besides()

    def _forget_details(self, keys: Collection[str]) -> None:
        """These changed. One that is being read may be of before that, so it is asked for again as well."""
        self.details = {key: view for key, view in self.details.items() if key not in keys}
        self.drop_answer("detail")
        self._rest()

    def _closer(self, view: D) -> None:
        first = str(view.row.id) not in self.details
        self.details[str(view.row.id)] = view
        if self.row is not None and self.row.id == view.row.id:
            self._show_detail(anew=first)

    def redraw_frame(self) -> None:
        super().redraw_frame()
        if self.is_mounted and self._was_read:
            now = self.desk.now()
            self.listed.minute(now.replace(second=0, microsecond=0))

    def on_row_list_moved(self) -> None:
        self.loaded.new.pop(self.listed.key, None)
        self.tell_new()
        self._show_detail(anew=True)
        self.redraw_frame()
        self._rest()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self._was_read:
            self._rest()

    # -- what becomes of a verb ----------------------------------------------------------------------------------------

    def under_way(self, ids: Sequence[UUID]) -> None:
        self.loaded.sign(ids, UNDER_WAY)
        self.loaded.marked = {}
        self.listed.redraw()
        self.tell_count()

    def happened(self, outcomes: Sequence[Outcome]) -> None:
        for each in outcomes:
            self.loaded.sign([each.id], DONE if each.done else FAILED)
        self._read_these([each.id for each in outcomes])

    def not_saved(self, ids: Sequence[UUID], error: DataPulseError) -> None:
        self.loaded.sign(ids, FAILED)
        self._read_these(ids)
        self.desk.report(error)

    def _read_these(self, ids: Sequence[UUID]) -> None:
        keys = {str(each) for each in ids}
        self._forget_details(keys)
        self.listed.redraw()
        self.look_again(keys)

    # -- actions of the list -------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb = action_id.rpartition(".")[2]
        if verb in ("open", "mark", "mark_all") and self.row is None:
            return f"There are no {self.ROWS} here."
        if verb == "clear" and not (self.loaded.marked or self.filter or self.filter_open):
            return "There is neither a mark nor a filter."
        return super().why_not(action_id)

    @property
    def filter(self) -> str:
        return self.wish.filter

    def show_filter(self, filter_: str) -> None:
        self.show_wish(self.wish._replace(filter=filter_))

    def show_wish(self, wish: W) -> None:
        """Read the list for another filter or order."""
        if wish != self.wish:
            self.wish = wish
            self.pages.forget()
            self.listed.move_to(0)
            self.read_anew()
            self.show_views()

    async def on_row_list_opened(self) -> None:
        await self.do_open()

    async def do_open(self) -> None:
        """Open the row under the cursor on the full screen."""
        raise NotImplementedError

    def do_mark(self) -> None:
        self.loaded.mark(self.listed.key)
        self.listed.redraw()
        self.tell_count()
        self.listed.do_down()
        self.redraw_frame()

    def do_mark_all(self) -> None:
        self.loaded.mark_all()
        self.listed.redraw()
        self.tell_count()
        self.redraw_frame()

    def do_refresh(self) -> None:
        self.read_anew()
        self.read_views()

    def do_clear(self) -> None:
        if self.filter_open:
            self.hide_filter()
        elif self.loaded.marked:
            self.loaded.marked = {}
            self.listed.redraw()
            self.tell_count()
            self.redraw_frame()
        else:
            self.show_filter("")
