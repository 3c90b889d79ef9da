"""A screen of a room with tabs: the line that names them, and going between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.widgets.tabs import TabLine


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
