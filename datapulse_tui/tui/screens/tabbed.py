"""A screen of a room with tabs: the line that names them, and going between them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.widgets.tabs import TabLine

if TYPE_CHECKING:
    from datapulse_tui.tui.services import Person


class TabbedScreen(DeskScreen):
    """It yields `self.tab_line()` first in its body. `TAB` is the id of the tab that it shows."""

    TAB: ClassVar[str] = ""

    def tabs(self) -> Sequence[tuple[str, str]]:
        """Id and label of each tab that this person has."""
        raise NotImplementedError

    def open_tab(self, tab: str) -> None:
        """Show another tab."""
        raise NotImplementedError

    @property
    def tab(self) -> str:
        """The id of the tab that is shown."""
        return self.TAB

    def tab_line(self) -> TabLine:
        """The line that names the tabs; its `remark` is the screen's own."""
        line = TabLine([label for _, label in self.tabs()], id="tabs")
        line.at = self._at
        return line

    @property
    def _at(self) -> int:
        return next((at for at, (each, _) in enumerate(self.tabs()) if each == self.tab), 0)

    def tell_tab(self) -> None:
        """Another tab is shown on this screen."""
        line = self.query_one("#tabs", TabLine)
        line.at = self._at
        line.redraw()

    def remark(self, words: str) -> None:
        """Say something at the right end of the tabs' line."""
        line = self.query_one("#tabs", TabLine)
        line.remark = words
        line.redraw()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        if event.line == "tabs":
            self.go_to_tab(event.at)

    def go_to_tab(self, at: int) -> None:
        """Open the tab at this place, counted around the ends."""
        tabs = self.tabs()
        tab, _ = tabs[at % len(tabs)]
        if tab != self.tab:
            self.open_tab(tab)

    def do_tab_next(self) -> None:
        self.go_to_tab(self._at + 1)

    def do_tab_previous(self) -> None:
        self.go_to_tab(self._at - 1)


class Tab(NamedTuple):
    """A screen of the room. `screen` is its class as `module:name`; without `permission` nobody sees the tab."""

    id: str
    label: str
    screen: str
    permission: str = ""

    def make(self) -> DeskScreen:
        """The screen; its module is imported only now."""
        module, _, name = self.screen.partition(":")
        return cast("DeskScreen", getattr(import_module(module), name)())


def tabs_for(tabs: Sequence[Tab], person: Person | None) -> list[Tab]:
    """Those of `tabs` that this person has."""
    return [each for each in tabs if person is not None and (not each.permission or person.actor.can(each.permission))]


class RoomTab(TabbedScreen):
    """A screen that is one tab of a room whose tabs are screens of their own."""

    TABS: ClassVar[tuple[Tab, ...]] = ()

    def tabs(self) -> Sequence[tuple[str, str]]:
        return [(each.id, each.label) for each in tabs_for(self.TABS, self.desk.person)]

    def open_to(self, person: Person) -> bool:
        """Also the tab has to be theirs."""
        mine = tabs_for(self.TABS, person)
        return super().open_to(person) and (not self.TAB or any(each.id == self.TAB for each in mine))

    def open_tab(self, tab: str) -> None:
        self.desk.session.show(next(each for each in self.TABS if each.id == tab).make())
