"""What is silenced: by whom, why, until when, and how many incidents it hides."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from datapulse_tui.alerts.rules import INCIDENTS_TOPIC, SNOOZES_TOPIC, SnoozeKind
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.alerts import words
from datapulse_tui.tui.screens.alerts.ask import ask
from datapulse_tui.tui.screens.alerts.snooze_extend import ExtendScreen
from datapulse_tui.tui.screens.alerts.tabs import STYLES, AlertsTab
from datapulse_tui.tui.screens.base import EVERYTHING
from datapulse_tui.tui.screens.confirm import ConfirmScreen
from datapulse_tui.tui.screens.pages import Pages
from datapulse_tui.tui.times import full_time
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

if TYPE_CHECKING:
    from datetime import datetime

    from datapulse_tui.alerts.views import SnoozeRow
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.data.page import Page

DETAIL_FROM = 120
NAMED_DAYS = timedelta(days=6)  # up to which the day of the week is enough
COLUMNS = (
    RowColumn("Sev", 6),
    RowColumn("What is silenced"),
    RowColumn("Hides", 6, "right"),
    RowColumn("Until", 9),
    RowColumn("By", 12, dim=True),
    RowColumn("Why", 24, needs=100, dim=True),
)
KINDS = {
    SnoozeKind.UNTIL_TIME: "until a time",
    SnoozeKind.UNTIL_RECOVERY: "until it recovers, or the time given",
    SnoozeKind.UNTIL_WORKFLOW: "until a request is decided, or the time given",
}


class SnoozesScreen(AlertsTab):
    """What ends next stands first."""

    PLACES = (keymap.SNOOZES, keymap.ALERTS, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.SNOOZES), *keymap.bindings(keymap.ALERTS)]
    CSS_PATH = STYLES
    TAB = "snoozes"
    HELP = (
        "While something is snoozed nobody is told about it; it goes on being watched. A snooze of a whole rule also "
        "hides what the rule opens meanwhile. S on an incident makes one."
    )

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, SnoozeRow] = {}
        self._pages = Pages(self, "snoozes")

    def body(self) -> ComposeResult:
        yield self.tab_line()
        with Horizontal(id="split"):
            yield RowList(COLUMNS, id="snoozed")
            yield Pane(id="snooze-detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#snooze-detail").display = self.app.size.width >= DETAIL_FROM
        self.set_focus(self.listed)
        self.reread()

    def on_resize(self) -> None:
        if self.is_mounted:
            self.query_one("#snooze-detail").display = self.app.size.width >= DETAIL_FROM

    @property
    def listed(self) -> RowList:
        """The rows on the screen."""
        return self.query_one("#snoozed", RowList)

    @property
    def row(self) -> SnoozeRow | None:
        """The snooze under the cursor."""
        return self._rows.get(self.listed.key)

    # -- reading -------------------------------------------------------------------------------------------------------

    def reread(self) -> None:
        services, person = self.desk.services, self.desk.person
        if person is not None:
            work = self._pages.again(partial(services.snoozes, person), len(self._rows))
            self.read("list", "reading the snoozes", work, self._first_page)

    def changed(self, changes: Changes) -> None:
        if EVERYTHING in changes or not {SNOOZES_TOPIC, INCIDENTS_TOPIC}.isdisjoint(changes):
            self.reread()

    def _first_page(self, page: Page[SnoozeRow]) -> None:
        self._rows = {str(row.id): row for row in page.items}
        self._pages.began(page)
        self._show()

    def on_row_list_need_more(self) -> None:
        if self.desk.person is not None:
            self._pages.ask(partial(self.desk.services.snoozes, self.desk.person), self._more)

    def _more(self, page: Page[SnoozeRow]) -> None:
        self._rows |= {str(row.id): row for row in page.items}
        self._show()

    # -- showing -------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        empty = ["Nothing is snoozed.", "s on an incident silences it, S its whole rule."]
        self.listed.settle([self._row(row) for row in self._rows.values()], empty=empty)
        count = f"{len(self._rows):,}{'+' if self._pages.next else ''}" if self._rows else ""
        self.remark(f"{count} · what ends next first" if count else "")
        self._detail()
        self.redraw_frame()

    def _row(self, row: SnoozeRow) -> Row:
        badge, zone = words.severity_of(row), self.desk.session.zone
        by = row.created_by.name if row.created_by else "DataPulse"
        soon = row.until - self.desk.now() < NAMED_DAYS
        until = f"{row.until.astimezone(zone):{'%a %H:%M' if soon else '%d %b'}}"
        cells = (badge.short, _silenced(row), f"{row.hides:,}", until, by, row.reason)
        return Row(str(row.id), cells, (badge.tone, "", "", "", "", ""))

    def _detail(self) -> None:
        row, pane, zone = self.row, self.query_one("#snooze-detail", Pane), self.desk.session.zone
        if row is None:
            pane.show([])
            return
        by = row.created_by.name if row.created_by else "DataPulse"
        hides = "1 open incident" if row.hides == 1 else f"{row.hides:,} open incidents"
        items = [
            Item("title", _silenced(row)),
            Item("text", f"{words.severity_of(row).words} · {KINDS[row.kind]}"),
            Item("gap"),
            Item("fact", full_time(row.until, zone), "until"),
            Item("fact", row.reason, "why"),
            Item("fact", f"{by}, {full_time(row.created_at, zone)}", "by"),
            Item("fact", hides, "hides now"),
        ]
        if row.incident_id is not None:
            items.append(Item("fact", row.rule, "rule"))
        pane.show(items)

    def on_row_list_moved(self) -> None:
        self._detail()
        self.redraw_frame()

    async def on_row_list_opened(self) -> None:
        await self.do_open()

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        if action_id in ("snoozes.open", "snoozes.extend", "snoozes.end"):
            if self.row is None:
                return "No snooze is selected."
            if action_id != "snoozes.open" and not self.row.may_change:
                return "It is not yours to change: whoever may triage what it silences can."
        return ""

    async def do_open(self) -> None:
        from datapulse_tui.alerts.filters import quoted
        from datapulse_tui.tui.screens.alerts.inbox import InboxScreen
        from datapulse_tui.tui.screens.alerts.incident import IncidentScreen

        row = self.row
        if row is not None and row.incident_id is not None:
            await self.desk.push_screen(IncidentScreen(row.incident_id))
        elif row is not None:
            self.desk.session.show(InboxScreen(f"state:snoozed rule:{quoted(row.rule)}"))

    async def do_extend(self) -> None:
        services, row = self.desk.services, self.row
        if row is None:
            return

        def answered(until: datetime | None) -> None:
            if until is not None:
                self.desk.session.save(
                    "extending a snooze",
                    lambda person: services.extend_snooze(person, row, until),
                    done=self._changed,
                    failed=self._not_saved,
                )

        await ask(self.desk, ExtendScreen(row, _silenced(row)), answered)

    async def do_end(self) -> None:
        services, row = self.desk.services, self.row
        if row is None:
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                self.desk.session.save(
                    "ending a snooze",
                    lambda person: services.end_snooze(person, row),
                    done=self._changed,
                    failed=self._not_saved,
                )

        hides = "1 incident is" if row.hides == 1 else f"{row.hides:,} incidents are"
        question = f"End the snooze of {_silenced(row)} now? {hides} open again then, and people are told about it."
        await self.desk.push_screen(ConfirmScreen(question, yes="End it"), answered)

    def _changed(self) -> None:
        if self.is_attached:
            self.reread()

    def _not_saved(self, error: DataPulseError) -> None:
        self.desk.report(error)
        self._changed()

    def do_refresh(self) -> None:
        self.reread()


def _silenced(row: SnoozeRow) -> str:
    """What a snooze silences: one incident by its title, or a rule with everything of it."""
    return row.incident_title if row.incident_id is not None else f"{row.rule} (whole rule)"
