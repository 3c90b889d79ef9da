"""The part of a live list that decides what is in it: the filter with its completion, and the views."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.widgets import Input

from datapulse_tui.charts.cells import cell_width, clean, crop
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.alerts.ask import ask
from datapulse_tui.tui.screens.alerts.loaded import Loaded
from datapulse_tui.tui.screens.tabbed import TabbedScreen
from datapulse_tui.tui.widgets.filter_line import FilterField, Offers
from datapulse_tui.tui.widgets.tabs import TabLine
from datapulse_tui.tui.widgets.timed_rows import TimedRows

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count, ViewRow
    from datapulse_tui.data.filter_words import Completion
    from datapulse_tui.tui.services import Person


class ViewStore(NamedTuple):
    """Where a room keeps its saved views: how they are read and how one is kept, and what is in them."""

    read: Callable[[Person], Awaitable[Sequence[ViewRow]]]
    keep: Callable[[Person, str, str], Awaitable[None]]
    noun: str


class FilteredList(TabbedScreen):
    """What a live list mixes in; the list itself is the screen's. Its body has a FilterField, Offers and a TabLine
    called `view-line`."""

    loaded: Loaded[Any]
    saved: Sequence[ViewRow] = ()
    fixed_counts: Sequence[Count] = ()

    @property
    def listed(self) -> TimedRows:
        """The rows on the screen."""
        raise NotImplementedError

    @property
    def filter(self) -> str:
        """The filter of what is shown."""
        raise NotImplementedError

    @property
    def fixed_views(self) -> Sequence[tuple[str, str]]:
        """Name and filter of the views that everybody has."""
        raise NotImplementedError

    @property
    def view_store(self) -> ViewStore:
        """Where the person's own views are."""
        raise NotImplementedError

    def show_filter(self, filter_: str) -> None:
        """Read the list for another filter."""
        raise NotImplementedError

    async def complete(self, person: Person, text: str, cursor: int) -> Completion:
        """How the word under the cursor can go on."""
        raise NotImplementedError

    async def count_fixed(self, person: Person) -> Sequence[Count]:
        """How much is in each of the fixed views."""
        raise NotImplementedError

    def short_words(self, key: str) -> str:
        """A row in a few words, for telling that it is new."""
        raise NotImplementedError

    # -- the filter ----------------------------------------------------------------------------------------------------

    @property
    def filter_open(self) -> bool:
        """Whether the filter is being typed."""
        return bool(self.query_one(FilterField).display)

    def do_filter(self) -> None:
        field = self.query_one(FilterField)
        field.display = self.query_one(Offers).display = True
        field.value = f"{self.filter} " if self.filter else ""
        field.cursor_position = len(field.value)
        self.set_focus(field)
        self._complete(field)

    def hide_filter(self) -> None:
        """The filter is not being typed any more."""
        self.query_one(FilterField).display = self.query_one(Offers).display = False
        self.set_focus(self.listed)

    def filter_accepted(self) -> None:
        """The list was read with the filter that was typed."""
        if self.filter_open and self.query_one(FilterField).value.strip() == self.filter:
            self.hide_filter()

    def filter_refused(self, error: DataPulseError) -> bool:
        """Tell what is wrong with the filter, with the cursor there; False where something else went wrong."""
        position = getattr(error, "position", None)
        if not isinstance(position, int):
            return False
        field = self.query_one(FilterField)
        field.display = self.query_one(Offers).display = True
        field.cursor_position = min(position, len(field.value))
        self.set_focus(field)
        self.query_one(Offers).complain(f"{error.message} {error.hint}")
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.filter_open:
            self._complete(self.query_one(FilterField))

    def _complete(self, field: FilterField) -> None:
        person = self.desk.person
        if person is not None:
            work = partial(self.complete, person, field.value, field.cursor_position)
            done = partial(self._completed, field.value)
            self.read("completion", "completing a filter", work, done, lambda _: None)

    def _completed(self, text: str, completion: Completion) -> None:
        if text == self.query_one(FilterField).value:
            self.query_one(Offers).offer(completion.start, completion.options)

    def on_filter_field_taking(self) -> None:
        offers, field = self.query_one(Offers), self.query_one(FilterField)
        if offers.chosen is not None:
            field.replace_word(offers.start, offers.chosen)

    def on_filter_field_stepping(self, event: FilterField.Stepping) -> None:
        self.query_one(Offers).step(event.by)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        typed = event.value.strip()
        if typed == self.filter:
            self.hide_filter()
        else:
            self.show_filter(typed)

    # -- the views -----------------------------------------------------------------------------------------------------

    def read_views(self) -> None:
        """Read the person's views and count what is in each view."""
        person, store = self.desk.person, self.view_store
        if person is None:
            return

        async def work() -> tuple[Sequence[ViewRow], Sequence[Count]]:
            return await store.read(person), await self.count_fixed(person)

        self.read("views", "counting the views", work, self._views_came, lambda _: None)

    def _views_came(self, found: tuple[Sequence[ViewRow], Sequence[Count]]) -> None:
        self.saved, self.fixed_counts = found
        self.show_views()

    @property
    def _filters(self) -> list[str]:
        return [*(each for _, each in self.fixed_views), *(view.filter for view in self.saved)]

    def show_views(self) -> None:
        """Name the views in their line, with the one that is shown."""
        line = self.query_one("#view-line", TabLine)
        counts = [*(str(each) for each in self.fixed_counts), *(str(view.count) for view in self.saved)]
        names = [*(name for name, _ in self.fixed_views), *(clean(view.name) for view in self.saved)]
        line.labels = [f"{name} {counts[at]}" if at < len(counts) else name for at, name in enumerate(names)]
        filters = self._filters
        line.at = filters.index(self.filter) if self.filter in filters else len(filters)
        if line.at == len(filters):
            line.labels.append(f"/ {crop(clean(self.filter), 40)}")
        self.tell_new()
        line.redraw()

    def tell_new(self) -> None:
        """Name what is new above the rows on the screen, the first of it."""
        line = self.query_one("#view-line", TabLine)
        above = [key for key in self.listed.above if key in self.loaded.new] if self.loaded.new else []
        remark = ""
        if above:
            room = self.app.size.width - sum(cell_width(label) + 2 for label in line.labels) - 4
            remark = f"↑ {len(above)} new: {clean(self.short_words(above[0]))}"
            remark = crop(remark, max(room, len(f"↑ {len(above)} new") + 1))
        if remark != line.remark:
            line.remark = remark
            line.redraw()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        if event.line == "view-line":
            self._show_view(event.at)

    def _show_view(self, at: int) -> None:
        filters = self._filters
        self.show_filter(filters[at % len(filters)])

    def do_view_next(self) -> None:
        self._step(1)

    def do_view_previous(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        filters = self._filters
        here = filters.index(self.filter) if self.filter in filters else -1 if by > 0 else 0
        self._show_view(here + by)

    async def do_views(self) -> None:
        from datapulse_tui.tui.screens.alerts.views import ViewsScreen

        def chosen(filter_: str | None) -> None:
            if filter_ is not None:
                self.show_filter(filter_)
            self.read_views()

        screen = ViewsScreen(self.fixed_views, self.fixed_counts, self.saved, self.filter, self.view_store)
        await ask(self.desk, screen, chosen)
