"""One request on the full screen."""

from __future__ import annotations

from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.approvals.deciding import DecidingScreen
from datapulse_tui.tui.screens.approvals.story import RequestTelling
from datapulse_tui.tui.screens.approvals.tabs import STYLES
from datapulse_tui.tui.screens.telling import DetailScreen
from datapulse_tui.workflows.views import RequestRow, RequestView


class RequestScreen(RequestTelling, DetailScreen[RequestRow, RequestView], DecidingScreen):
    """Values in words, what an approval does, history with comments, audit, and earlier requests."""

    PLACES = (keymap.REQUEST, keymap.TEXT)
    BINDINGS = keymap.bindings(keymap.REQUEST)
    CSS_PATH = STYLES
    ROOM = "approvals"
    HELP = (
        "What is asked, what happens on approval, and the history with the newest on top. A decision can be taken back "
        "for ten seconds; only then is it final and carried out, and only then are people told."
    )

    def chosen_requests(self) -> list[RequestRow]:
        return self.meant()
