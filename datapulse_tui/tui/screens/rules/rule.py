"""One rule: where each of its series stands, what it found lately, whom it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.types import CSSPathType
from textual.widgets import ContentSwitcher

from datapulse_tui.alerts.rules import INCIDENTS_TOPIC, RULES_TOPIC, label_text
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.alerts.words import sparkline
from datapulse_tui.tui.screens.base import EVERYTHING
from datapulse_tui.tui.screens.rules.verbs import RuleVerbs
from datapulse_tui.tui.screens.rules.words import (
    SERIES_WORDS,
    STYLES,
    number,
    severity_of,
    standing_items,
    state_of,
    telling_items,
)
from datapulse_tui.tui.screens.today.pinning import Pins
from datapulse_tui.tui.times import ago, full_time
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList
from datapulse_tui.tui.widgets.tabs import TabLine

if TYPE_CHECKING:
    from datapulse_tui.alerts.reads.rules import RuleDetail, SeriesRow
    from datapulse_tui.alerts.views import IncidentRow, RuleRow
    from datapulse_tui.data.feed import Changes

VIEWS = ("rule-series", "rule-incidents", "rule-about")
ABOUT_BESIDE_FROM = 120  # cells of width from which the rule itself stands beside its series
SPARK = 20
SERIES_COLUMNS = (
    RowColumn("State", 13),
    RowColumn("Series"),
    RowColumn("", SPARK, needs=70, dim=True),
    RowColumn("Now", 10, "right"),
    RowColumn("Since", 6, "right", dim=True),
)
INCIDENT_COLUMNS = (
    RowColumn("State", 14),
    RowColumn("Incident"),
    RowColumn("At start", 10, "right", needs=60),
    RowColumn("Opened", 7, "right", dim=True),
    RowColumn("Who", 14, needs=80, dim=True),
)


class RuleScreen(Pins, RuleVerbs):
    """Series and incidents as lists; what the rule says beside them where there is room, else a view of its own."""

    PLACES = (keymap.RULE, keymap.LIST, keymap.TEXT)
    BINDINGS = keymap.bindings(keymap.RULE)
    ROOM = "alerts"
    CSS_PATH: ClassVar[CSSPathType | None] = STYLES
    HELP = (
        "The series of a rule are the label sets that its query brings. A series is pending while its value is beyond "
        "the threshold and `for` has not passed yet, and recovering while it is back and `keep firing for` runs."
    )

    def __init__(self, alert_id: UUID, name: str) -> None:
        super().__init__()
        self._alert_id = alert_id
        self._rule_name = name
        self._detail: RuleDetail | None = None
        self._incidents: dict[str, IncidentRow] = {}

    def body(self) -> ComposeResult:
        yield TabLine(["Series", "Incidents", "About"], id="views")
        with Horizontal(id="split"):
            with ContentSwitcher(initial=VIEWS[0], id="rule-views"):
                yield RowList(SERIES_COLUMNS, id="rule-series")
                yield RowList(INCIDENT_COLUMNS, id="rule-incidents")
                yield Pane(id="rule-about", focusable=True)
            yield Pane(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._fit()
        self.set_focus(self.query_one("#rule-series"))
        self.reread()

    def on_resize(self) -> None:
        if self.is_mounted:
            self._fit()

    def _fit(self) -> None:
        beside = self.app.size.width >= ABOUT_BESIDE_FROM
        self.query_one("#detail").display = beside
        tabs = self.query_one("#views", TabLine)
        tabs.labels = ["Series", "Incidents"] if beside else ["Series", "Incidents", "About"]
        if tabs.at >= len(tabs.labels):
            self._view(0)
        self._head()

    @property
    def row(self) -> RuleRow | None:
        return self._detail.row if self._detail else None

    # -- reading -------------------------------------------------------------------------------------------------------

    def reread(self) -> None:
        services, person = self.desk.services, self.desk.person
        if person is None:
            return
        alert_id = self._alert_id
        self.read("rule", "reading a rule", lambda: services.rule(person, alert_id), self._came, self._failed)

    def changed(self, changes: Changes) -> None:
        if {EVERYTHING, RULES_TOPIC, INCIDENTS_TOPIC} & set(changes):
            self.reread()

    def _failed(self, error: DataPulseError) -> None:
        tabs = self.query_one("#views", TabLine)
        tabs.remark = f"▲ {error.message}"
        tabs.redraw()

    def _came(self, detail: RuleDetail) -> None:
        self._detail, self._rule_name = detail, detail.row.name
        self._show_series(detail)
        self.query_one("#detail", Pane).show(self._about(detail))
        self.query_one("#rule-about", Pane).show(self._about(detail))
        self._head()
        self.redraw_frame()
        services, person = self.desk.services, self.desk.person
        if person is not None:
            row = detail.row
            work = lambda: services.incidents_of_rule(person, row)  # noqa: E731
            self.read("incidents", "reading a rule's incidents", work, self._incidents_came)

    def _incidents_came(self, rows: tuple[IncidentRow, ...]) -> None:
        self._incidents = {str(row.id): row for row in rows}
        shown = [self._incident_row(row) for row in rows]
        self.query_one("#rule-incidents", RowList).show(shown, empty=["It never fired, as far as you may see."])
        self.redraw_frame()

    # -- showing -------------------------------------------------------------------------------------------------------

    def _head(self) -> None:
        tabs, row = self.query_one("#views", TabLine), self.row
        tabs.remark = self._rule_name
        if row is not None:
            tabs.remark = f"{row.name} · {state_of(row)[0]} · {severity_of(row.severity).words}"
        tabs.redraw()

    def _show_series(self, detail: RuleDetail) -> None:
        empty = ["No series yet: they appear with the first evaluation."]
        if not detail.row.is_active:
            empty = ["The rule is paused. p lets it go on."]
        self.query_one("#rule-series", RowList).show([self._series_row(each) for each in detail.series], empty=empty)

    def _series_row(self, series: SeriesRow) -> Row:
        state, tone = SERIES_WORDS[series.state]
        name = label_text(series.labels) or "(the only one)"
        value = "missing" if series.missed else number(series.value)
        cells = (state, name, sparkline(series.recent, SPARK), value, ago(series.since, self.desk.now()))
        return Row(str(series.id), cells, (tone, "", "", tone if tone == "critical" else "", ""))

    def _incident_row(self, row: IncidentRow) -> Row:
        mark = "▲" if row.firing else "✓" if row.resolved_at else "○"
        who = row.held_by.name if row.held_by else ""
        cells = (
            f"{mark} {row.status.value}",
            f"#{row.number} {row.title}",
            number(row.start_value),
            ago(row.opened_at, self.desk.now()),
            who,
        )
        return Row(str(row.id), cells, ("critical" if row.firing else "", "", "", "", ""))

    def _about(self, detail: RuleDetail) -> list[Item]:
        row, now, zone = detail.row, self.desk.now(), self.desk.session.zone
        items = [Item("title", row.name)]
        if detail.spec.description:
            items.append(Item("dim", detail.spec.description))
        items.append(Item("gap"))
        if row.health_reason and row.is_active:
            items += [Item("critical", row.health_reason), Item("gap")]
        items += [*standing_items(row, now, zone), Item("gap"), *telling_items(detail)]
        if detail.skipped_at is not None:
            items.append(Item("fact", full_time(detail.skipped_at, zone), "skipped at"))
        if detail.spec.message:
            items += [Item("gap"), Item("title", "Message"), Item("code", detail.spec.message)]
        sql = [Item("gap"), Item("title", "SQL"), Item("code", detail.query_sql)] if detail.query_sql else []
        changed = Item("fact", f"{full_time(detail.updated_at, zone)} ({ago(detail.updated_at, now)})", "changed")
        return [*items, changed, *sql]

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb = action_id.rpartition(".")[2]
        if verb == "open" and self._incident is None:
            return "No incident is selected. tab goes to them."
        return self.why_not_pin() if verb == "pin" else self.why_not_verb(action_id)

    def pinnable(self) -> tuple[int, str] | None:
        detail, listed = self._detail, self.query_one("#rule-series", RowList)
        series = next((each for each in detail.series if str(each.id) == listed.key), None) if detail else None
        if detail is None or series is None or not listed.has_focus:
            return None
        return series.id, " · ".join([*series.labels.values(), detail.row.query])

    @property
    def _incident(self) -> IncidentRow | None:
        incidents = self.query_one("#rule-incidents", RowList)
        return self._incidents.get(incidents.key) if incidents.has_focus else None

    def _view(self, at: int) -> None:
        tabs = self.query_one("#views", TabLine)
        tabs.at = at % len(tabs.labels)
        tabs.redraw()
        name = VIEWS[tabs.at]
        self.query_one(ContentSwitcher).current = name
        self.set_focus(self.query_one(f"#{name}"))
        self.redraw_frame()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        self._view(event.at)

    def do_next_view(self) -> None:
        self._view(self.query_one("#views", TabLine).at + 1)

    def do_previous_view(self) -> None:
        self._view(self.query_one("#views", TabLine).at - 1)

    def on_row_list_opened(self) -> None:
        if self._incident is not None:
            self.do_open()

    def do_open(self) -> None:
        from datapulse_tui.tui.screens.alerts.incident import IncidentScreen

        incident = self._incident
        if incident is not None:
            self.desk.push_screen(IncidentScreen(incident.id, row=incident))

    def do_back_test(self) -> None:
        from datapulse_tui.tui.screens.rules.back_test import BackTestScreen
        from datapulse_tui.tui.screens.rules.draft import draft_of

        if self._detail is not None:
            draft = draft_of(self._detail.spec, str(self._alert_id), self._detail.row.version)
            series = tuple(each.labels for each in self._detail.series)
            self.desk.push_screen(BackTestScreen(draft, self._rule_name, series))

    def do_refresh(self) -> None:
        self.reread()

    def do_back(self) -> None:
        self.desk.pop_screen()

    def gone(self) -> None:
        if self.is_current:
            self.desk.pop_screen()
