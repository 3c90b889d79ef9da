"""The list of alert rules: what each watches, how it stands, and whom it belongs to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.types import CSSPathType
from textual.widgets import Input

from datapulse_tui.alerts.rules import INCIDENTS_TOPIC, RULES_TOPIC, SNOOZES_TOPIC
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.desk_rules import RuleWish
from datapulse_tui.tui.screens.alerts.tabs import AlertsTab
from datapulse_tui.tui.screens.base import EVERYTHING
from datapulse_tui.tui.screens.pages import Pages
from datapulse_tui.tui.screens.rules.verbs import RuleVerbs
from datapulse_tui.tui.screens.rules.words import STYLES, rule_items, severity_of, state_of
from datapulse_tui.tui.times import ago
from datapulse_tui.tui.widgets.form import Field
from datapulse_tui.tui.widgets.pane import Pane
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

if TYPE_CHECKING:
    from datapulse_tui.alerts.reads.rules import RuleDetail
    from datapulse_tui.alerts.views import RuleRow
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.data.page import Page

ORDERS = {"name": "by name", "state": "what needs you first"}
SETTLED = 0.2  # seconds that the cursor rests on a rule before its series and recipients are read
DETAIL_FROM = 120  # cells of width from which the detail stands beside the list
COLUMNS = (
    RowColumn("State", 11),
    RowColumn("Name"),
    RowColumn("Fires when", needs=60, dim=True),
    RowColumn("Severity", 8),
    RowColumn("Open", 5, "right"),
    RowColumn("Series", 6, "right", needs=90, dim=True),
    RowColumn("Owner", 14, needs=100, dim=True),
    RowColumn("Looked", 6, "right", needs=70, dim=True),
)


class RulesScreen(RuleVerbs, AlertsTab):
    """Keyset pages of rules. Moving the cursor changes nothing; the detail is read when it rests."""

    PLACES = (keymap.ALERTS, keymap.RULES, keymap.LIST)
    BINDINGS = [*keymap.bindings(keymap.ALERTS), *keymap.bindings(keymap.RULES)]  # noqa: RUF012
    CSS_PATH: ClassVar[CSSPathType | None] = STYLES
    TAB = "rules"
    HELP = (
        "Rules watch a column of a saved query and tell people when it goes beyond a threshold. Looked is when a "
        "worker evaluated the rule last. A rule that stands as error could not be evaluated: ! says why."
    )

    def __init__(self) -> None:
        super().__init__()
        self._wish = RuleWish()
        self._rows: dict[str, RuleRow] = {}
        self._pages = Pages(self, "rules")
        self._looking: Timer | None = None
        self._details: dict[str, RuleDetail] = {}

    def body(self) -> ComposeResult:
        yield self.tab_line()
        yield Field(
            id="filter", placeholder="part of a name, a query, a source or an owner; enter keeps it, esc clears"
        )
        with Horizontal(id="split"):
            yield RowList(COLUMNS, id="list")
            yield Pane(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#filter").display = False
        self.query_one("#detail").display = self.app.size.width >= DETAIL_FROM
        self.set_focus(self.listed)
        self.reread()

    def on_resize(self) -> None:
        if self.is_mounted:
            self.query_one("#detail").display = self.app.size.width >= DETAIL_FROM

    @property
    def listed(self) -> RowList:
        """The rows on the screen."""
        return self.query_one("#list", RowList)

    @property
    def row(self) -> RuleRow | None:
        return self._rows.get(self.listed.key)

    # -- reading -------------------------------------------------------------------------------------------------------

    def reread(self) -> None:
        services, person, wish = self.desk.services, self.desk.person, self._wish
        if person is None:
            return
        self._remark()
        self.listed.mark_stale(bool(self._rows))
        work = self._pages.again(partial(services.rules, person, wish), len(self._rows))
        self.read("list", "reading the rules", work, self._first_page, self._failed)

    def changed(self, changes: Changes) -> None:
        if {EVERYTHING, RULES_TOPIC, INCIDENTS_TOPIC, SNOOZES_TOPIC} & set(changes):
            self.reread()

    def _first_page(self, page: Page[RuleRow]) -> None:
        self._rows = {str(row.id): row for row in page.items}
        self._details = {}
        self._pages.began(page)
        self._show()
        self._look_closer()

    def _more(self, page: Page[RuleRow]) -> None:
        self._rows |= {str(row.id): row for row in page.items}
        self._show()

    def _show(self) -> None:
        self.listed.mark_stale(False)
        self.listed.show([self._row(row) for row in self._rows.values()], empty=self._empty_words())
        self._detail()
        self._remark()
        self.redraw_frame()

    def _failed(self, error: DataPulseError) -> None:
        self.listed.mark_stale(False)
        self.desk.report(error)

    def on_row_list_need_more(self) -> None:
        if self.desk.person is not None:
            self._pages.ask(partial(self.desk.services.rules, self.desk.person, self._wish), self._more)

    # -- showing -------------------------------------------------------------------------------------------------------

    def _row(self, row: RuleRow) -> Row:
        (state, state_tone), severity = state_of(row), severity_of(row.severity)
        opened = f"{row.open_incidents:,}{'+' if row.open_incidents >= 1000 else ''}" if row.open_incidents else ""
        looked = ago(row.last_at, self.desk.now()) if row.last_at else "never"
        fires = row.condition.partition(", clears")[0]  # the rest is in the detail
        cells = (state, row.name, fires, severity.short, opened, f"{row.series:,}", row.owner.name, looked)
        return Row(str(row.id), cells, (state_tone, "", "", severity.tone, "critical" if opened else "", "", "", ""))

    def _remark(self) -> None:
        count = f"{len(self._rows):,}{'+' if self._pages.next else ''} · " if self._rows else ""
        text = f'"{self._wish.text}" · ' if self._wish.text else ""
        self.remark(f"{text}{count}{ORDERS[self._wish.order]}")

    def _empty_words(self) -> list[str]:
        if self._wish.text:
            return [f'No rule holds "{self._wish.text}".', "esc takes the filter away."]
        return [
            "There are no alert rules yet that you may see.",
            "",
            "n                                    make one here",
            "`datapulse alert rule apply FILE`    bring some in from a file",
        ]

    def _detail(self) -> None:
        row, pane = self.row, self.query_one("#detail", Pane)
        if row is None:
            pane.show([])
            return
        detail = self._details.get(str(row.id))
        pane.show(rule_items(row, detail, self.desk.now(), self.desk.session.zone))

    def _look_closer(self) -> None:
        """Read the series and recipients of the rule on which the cursor rests."""
        row, person, services = self.row, self.desk.person, self.desk.services
        if row is None or person is None or not self.query_one("#detail").display or str(row.id) in self._details:
            return
        self.read("detail", "reading a rule", lambda: services.rule(person, row.id), self._looked, lambda _: None)

    def _looked(self, detail: RuleDetail) -> None:
        self._details[str(detail.row.id)] = detail
        self._detail()

    def on_row_list_moved(self) -> None:
        self._detail()
        self.redraw_frame()
        if self._looking is not None:
            self._looking.stop()
        self._looking = self.set_timer(SETTLED, self._look_closer)

    def on_row_list_opened(self) -> None:
        self.do_open()

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        if action_id == "rules.open" and self.row is None:
            return "No rule is selected."
        if action_id == "rules.clear" and not self._wish.text and not self.query_one("#filter").display:
            return "There is no filter."
        return self.why_not_verb(action_id)

    def _change(self, wish: RuleWish) -> None:
        if wish != self._wish:
            self._wish = wish
            self._pages.forget()
            self.listed.move_to(0)
            self.reread()

    def do_open(self) -> None:
        from datapulse_tui.tui.screens.rules.rule import RuleScreen

        if self.row is not None:
            self.desk.push_screen(RuleScreen(self.row.id, self.row.name))

    def do_order(self) -> None:
        self._change(self._wish._replace(order="state" if self._wish.order == "name" else "name"))

    def do_refresh(self) -> None:
        self.reread()

    def do_filter(self) -> None:
        field = self.query_one("#filter", Field)
        field.display = True
        self.set_focus(field)

    def do_clear(self) -> None:
        field = self.query_one("#filter", Field)
        field.value = ""
        field.display = False
        self.set_focus(self.listed)
        self._change(self._wish._replace(text=""))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._change(self._wish._replace(text=event.value.strip()))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self.query_one("#filter").display = False
        self.set_focus(self.listed)
