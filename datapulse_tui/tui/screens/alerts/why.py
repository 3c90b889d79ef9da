"""Why was I told, or why not? What was meant for whom, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.tui.screens.alerts.ask import Question
from datapulse_tui.tui.screens.alerts.words import clock
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item, Pane

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import IncidentRow, WhyRow


class WhyScreen(Question[None]):
    """One's own first, then everybody's. Esc closes it."""

    HELP = "Each line is one thing that was meant for somebody: sent, waiting, failed, or not sent and why."

    def __init__(self, row: IncidentRow, rows: Sequence[WhyRow]) -> None:
        super().__init__()
        self._row = row
        self._rows = rows

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Note(f"Who was told about #{self._row.number} {self._row.title}", classes="form-title", strong=True)
            yield Pane(self._items(), id="message", focusable=True, margin=0)
            yield Note("esc closes · ↑ ↓ scroll", classes="note")

    def take_focus(self) -> None:
        self.set_focus(self.query_one("#message"))

    def _items(self) -> list[Item]:
        person = self.desk.person
        me = (person.name, person.actor.email) if person else ()
        mine = [each for each in self._rows if each.recipient in me]
        others = [each for each in self._rows if each.recipient not in me]
        items = [Item("title", "You")]
        items += self._lines(mine) or [Item("dim", "Nothing was meant for you: no channel of the rule names you.")]
        items += [Item("gap"), Item("title", "Others")]
        return items + (self._lines(others) or [Item("dim", "Nothing was meant for anybody else that you may see.")])

    def _lines(self, rows: Sequence[WhyRow]) -> list[Item]:
        now, zone = self.desk.now(), self.desk.session.zone
        return [Item("fact", _words(row), clock(row.at, now, zone)) for row in rows]


def _words(row: WhyRow) -> str:
    """`sent: that it fired, through Mail, to Ana Berger (...)`, `acknowledged by Omar Haddad`."""
    reason = f" ({row.reason})" if row.reason else ""
    if not row.what:  # what came between: it was meant for nobody
        return f"{row.outcome}{reason}"
    through = f", through {row.channel}" if row.channel else ""
    return f"{row.outcome}: {row.what}{through}, to {row.recipient or 'nobody'}{reason}"
