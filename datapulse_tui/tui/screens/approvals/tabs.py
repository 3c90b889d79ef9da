"""The tabs of the room Approvals: the lists of the queue, and absences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from datapulse_tui.resources import styles_path
from datapulse_tui.tui.screens.tabbed import TabbedScreen
from datapulse_tui.workflows.rules import DECIDE, VIEW_ALL, Scope

STYLES: list[str | PurePath] = [
    styles_path() / name for name in ("desk.tcss", "lists.tcss", "sheets.tcss", "approvals.tcss")
]
ABSENCES = "absences"

# Without the permission nobody sees the tab.
TABS: tuple[tuple[str, str, str], ...] = (
    (Scope.FOR_ME.value, "For me", ""),
    (Scope.MINE.value, "Mine", ""),
    (Scope.DECIDED.value, "Decided", ""),
    (Scope.ALL.value, "All", VIEW_ALL),
    (ABSENCES, "Absences", DECIDE),
)


class ApprovalsTab(TabbedScreen):
    """A screen that shows one tab of the room, or several of them."""

    ROOM = "approvals"

    def tabs(self) -> Sequence[tuple[str, str]]:
        person = self.desk.person
        return [
            (tab, label)
            for tab, label, permission in TABS
            if person is not None and (not permission or person.actor.can(permission))
        ]

    def open_tab(self, tab: str) -> None:
        if tab == ABSENCES:
            from datapulse_tui.tui.screens.approvals.absences import AbsencesScreen

            self.desk.session.show(AbsencesScreen())
        else:
            from datapulse_tui.tui.screens.approvals.queue import QueueScreen

            self.desk.session.show(QueueScreen(Scope(tab)))
