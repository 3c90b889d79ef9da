"""The inbox: incidents in order, the selected one's detail where there is room, and the verbs of triage."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.alerts.inbox_list import ORDERS, InboxList
from datapulse_tui.tui.screens.alerts.tabs import STYLES

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import IncidentRow


class InboxScreen(InboxList):
    """Keyset pages of incidents. What others do is shown where it stands; nothing moves the row under the cursor."""

    PLACES = (keymap.INBOX, keymap.ALERTS, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.INBOX), *keymap.bindings(keymap.ALERTS)]
    CSS_PATH = STYLES
    TAB = "inbox"
    HELP = (
        "What fires and waits for somebody. A row stays where it is, with a sign in front, until you refresh or leave: "
        "✓ you did something with it, + it is new, ◆ you marked it, ▲ it was not done. Verbs mean the marked rows or, "
        "without any, the one under the cursor."
    )

    def runbook(self, row: IncidentRow) -> str:
        view = self.details.get(str(row.id))
        return view.runbook_url if view else ""

    async def do_open(self) -> None:
        from datapulse_tui.tui.screens.alerts.incident import IncidentScreen

        if self.row is not None:
            await self.desk.push_screen(IncidentScreen(self.row.id, row=self.row, memory=self.memory))

    def do_order(self) -> None:
        orders = [order for order, _ in ORDERS]
        self.show_wish(self.wish._replace(order=orders[(orders.index(self.wish.order) + 1) % len(orders)]))

    def do_bell(self) -> None:
        self.desk.session.bell.switch()
