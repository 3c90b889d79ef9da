"""A back-test: when a rule would have fired lately, drawn over its series, and what other settings would have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.types import CSSPathType
from textual.widgets import ContentSwitcher

from datapulse_tui.alerts.durations import format_duration
from datapulse_tui.alerts.rules import label_key, label_text
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import failures, keymap
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.screens.rules.checks import condition_of
from datapulse_tui.tui.screens.rules.draft import Draft
from datapulse_tui.tui.screens.rules.words import STYLES, number
from datapulse_tui.tui.widgets.curve import Curve
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList
from datapulse_tui.tui.widgets.tabs import TabLine

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from datapulse_tui.charts.picture import Picture
    from datapulse_tui.charts.theme import ChartTheme
    from datapulse_tui.tui.desk_rules import Tested

DAYS = (1, 7, 30)
MOST_SERIES = 12  # that one back-test looks at by itself
VIEWS = ("episodes", "what-if", "tested")
TITLES = ("Would have fired", "What if", "Series")
EPISODES = (
    RowColumn("Fired", 17),
    RowColumn("Over", 17),
    RowColumn("For", 8, "right"),
    RowColumn("Worst", 10, "right"),
    RowColumn("Beyond since", 17, needs=90, dim=True),
    RowColumn(""),
)
WHAT_IF = (
    RowColumn("Clears at", 10, "right"),
    RowColumn("For", 8, "right"),
    RowColumn("Fires", 6, "right"),
    RowColumn("Firing in all", 14, "right"),
    RowColumn(""),
)
SERIES = (RowColumn("Series"), RowColumn("Fires", 6, "right"), RowColumn("Firing in all", 14, "right"))

Labels = Mapping[str, str]


class BackTestScreen(DeskScreen):
    """Tests series one behind the other (from samples some, from a source one); leaving cancels what still runs."""

    PLACES = (keymap.BACK_TEST, keymap.LIST)
    BINDINGS = keymap.bindings(keymap.BACK_TEST)
    ROOM = "alerts"
    CSS_PATH: ClassVar[CSSPathType | None] = STYLES
    HELP = (
        "The rule is run over the past of each series: from the source where the query takes :from and :to, else from "
        "the samples that evaluations left. What if shows how often it would have fired with another recovery "
        "threshold or another `for`. In Series, the chart shows the one under the cursor."
    )

    def __init__(self, draft: Draft, name: str, series: Sequence[Labels]) -> None:
        super().__init__()
        self._draft = draft
        self._rule_name = name
        self._days = 7
        self._found: dict[str, Tested | DataPulseError] = {}
        self._labels: dict[str, Labels] = {label_key(labels): labels for labels in series}
        self._shown = ""
        self._end = datetime.min.replace(tzinfo=UTC)

    def body(self) -> ComposeResult:
        yield TabLine(TITLES, id="views")
        yield Note(id="summary")
        yield Curve(id="curve")
        with ContentSwitcher(initial=VIEWS[0], id="found"):
            yield RowList(EPISODES, id="episodes")
            yield RowList(WHAT_IF, id="what-if")
            yield RowList(SERIES, id="tested")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#episodes"))
        self._start()

    # -- testing -------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Test anew: the series that was looked at first."""
        self._found, self._end = {}, self.desk.now()
        self._head()
        self.query_one("#summary", Note).show("testing …")
        self.query_one(Curve).say("reading the past …")
        for name in VIEWS[:2]:
            self.query_one(f"#{name}", RowList).show([], empty=["testing …"])
        self._show_series()
        self.read("test", "testing a rule on its past", self._test, lambda _: self._tested(), self._failed)

    async def _test(self) -> None:
        if not self._labels:
            await self._find_series()
        first = [self._shown] if self._shown in self._labels else []
        for key in [*first, *(each for each in self._labels if each not in first)][:MOST_SERIES]:
            await self._test_one(key)
            found = self._found[key]
            if not isinstance(found, DataPulseError) and found.past.origin == "source":
                return  # each series costs the source as much again: those that somebody looks at

    async def _find_series(self) -> None:
        """The series of now, from the query itself; a rule without labels has one, whatever the query says."""
        services, person = self.desk.services, self.desk.person
        if person is None:
            return
        series: list[Labels] = [{}]
        if self._draft.values["label_columns"]:
            series = [each.labels for each in (await services.preview_rule(person, self._draft)).series]
        self._labels = {label_key(labels): labels for labels in series}

    async def _test_one(self, key: str) -> None:
        services, person = self.desk.services, self.desk.person
        if person is None:
            return
        start = self._end - timedelta(days=self._days)
        found: Tested | DataPulseError
        try:
            found = await services.back_test(person, self._draft, self._labels[key], start, self._end)
        except Exception as error:  # noqa: BLE001 - one series without a past does not end the others
            found = failures.shown(error, "testing a rule on its past")
        self._found[key] = found
        if self.is_attached:
            if self._shown not in self._found or self._shown == key:
                self._show(key)
            self._show_series()
            self._summary()

    def _tested(self) -> None:
        """Show the series that would have fired most, unless somebody chose one."""
        if not self._found:
            self.query_one(Curve).say("The query brings no series now, so there is nothing to test.")
            self.query_one("#summary", Note).show("Nothing was tested.")
        elif not self.query_one("#tested").has_focus:
            self._show(max(self._found, key=self._count))
            self._show_series()

    def _failed(self, error: DataPulseError) -> None:
        self.query_one(Curve).say(f"{error.message} {error.hint}".strip(), bad=True)
        self.query_one("#summary", Note).show("The back-test failed.", bad=True)

    def _count(self, key: str) -> int:
        found = self._found[key]
        return -1 if isinstance(found, DataPulseError) else len(found.episodes)

    # -- showing -------------------------------------------------------------------------------------------------------

    def _head(self) -> None:
        tabs = self.query_one("#views", TabLine)
        word = "day" if self._days == 1 else f"{self._days} days"
        tabs.remark = f"{self._rule_name} · last {word} ← →"
        tabs.redraw()

    def _summary(self) -> None:
        tests = [each for each in self._found.values() if not isinstance(each, DataPulseError)]
        times = sum(len(each.episodes) for each in tests)
        words = f"It would have fired {times:,} time{'s' if times != 1 else ''}"
        if len(self._labels) > 1:
            words += f" in {len(tests):,} of {len(self._labels):,} series"
        shown = self._found.get(self._shown)
        if shown is not None and not isinstance(shown, DataPulseError):
            labels = label_text(shown.labels)
            from_where = "the source" if shown.past.origin == "source" else "its samples"
            words += f" · {f'{labels}: ' if labels else ''}{len(shown.past.points):,} points from {from_where}"
            words += f". {shown.past.note}" if shown.past.note else ""
        if self._found and not tests and len(self._found) == len(self._labels):
            words = "Nothing is known of its past, so nothing could be tested."
        self.query_one("#summary", Note).show(words)

    def _show(self, key: str) -> None:
        """Show the series of this key in the chart and the lists."""
        self._shown, found = key, self._found[key]
        curve, zone = self.query_one(Curve), self.desk.session.zone
        episodes, what_if = self.query_one("#episodes", RowList), self.query_one("#what-if", RowList)
        if isinstance(found, DataPulseError):
            curve.say(f"{found.message} {found.hint}".strip(), bad=True)
            episodes.show([], empty=["Nothing could be tested."])
            what_if.show([], empty=["Nothing could be tested."])
            return
        curve.paint(partial(self._paint, found, self._end))
        rows = [
            Row(
                str(at),
                (
                    _moment(each.fired_at, zone),
                    _moment(each.end, zone) if each.end else "still firing",
                    _length((each.end or self._end) - each.fired_at),
                    number(each.peak),
                    _moment(each.start, zone),
                    "",
                ),
                ("", "" if each.end else "critical", "", "", "", ""),
            )
            for at, each in enumerate(reversed(found.episodes))
        ]
        episodes.show(rows, empty=["It would not have fired in this time."])
        what_if.show(
            [
                Row(
                    str(at),
                    (
                        "threshold" if each.recovery is None else number(each.recovery),
                        format_duration(each.for_seconds),
                        f"{each.episodes:,}",
                        _length(timedelta(seconds=each.firing_seconds)),
                        "← as it is now" if each.current else "",
                    ),
                    ("", "", "", "", "accent"),
                )
                for at, each in enumerate(found.variations)
            ],
            empty=["Nothing could be tested."],
        )
        what_if.move_to(next((at for at, each in enumerate(found.variations) if each.current), 0))
        self._summary()

    def _show_series(self) -> None:
        rows = []
        for key, labels in self._labels.items():
            name, found = label_text(labels) or "(the only one)", self._found.get(key)
            if found is None:
                rows.append(Row(key, (name, "…", ""), ("dim", "dim", "")))
            elif isinstance(found, DataPulseError):
                rows.append(Row(key, (f"{name}  ▲ {found.message}", "", ""), ("critical", "", "")))
            else:
                firing = sum(((each.end or self._end) - each.fired_at for each in found.episodes), timedelta())
                rows.append(Row(key, (name, f"{len(found.episodes):,}", _length(firing) if firing else "")))
        tested = self.query_one("#tested", RowList)
        tested.show(rows, empty=["No series yet."])
        if self._shown in self._labels and not tested.has_focus:
            tested.move_to(list(self._labels).index(self._shown))

    def _paint(
        self, found: Tested, end: datetime, width: int, height: int, theme: ChartTheme, zone: ZoneInfo
    ) -> Picture:
        from datapulse_tui.alerts.backtest_picture import picture

        condition = condition_of(self._draft)
        assert condition is not None
        points, interval = found.past.points, found.past.interval_seconds
        return picture(points, found.episodes, condition, width, height, theme, zone, end, interval_seconds=interval)

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """In the list of series the chart follows the cursor; a series that was not tested yet is tested then."""
        if not self.query_one("#tested").has_focus or event.key == self._shown or event.key not in self._labels:
            return
        if event.key in self._found:
            self._show(event.key)
            return
        self._shown = event.key
        self.query_one(Curve).say("reading the past …")
        self.read("test", "testing a rule on its past", partial(self._test_one, event.key), lambda _: None)

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        at = DAYS.index(self._days)
        if action_id == "back_test.days_next" and at == len(DAYS) - 1:
            return f"{DAYS[-1]} days is as far as it goes."
        if action_id == "back_test.days_previous" and at == 0:
            return "One day is the least."
        return ""

    def do_days_next(self) -> None:
        self._change_days(1)

    def do_days_previous(self) -> None:
        self._change_days(-1)

    def _change_days(self, by: int) -> None:
        self._days = DAYS[DAYS.index(self._days) + by]
        self._start()
        self.redraw_frame()

    def _view(self, at: int) -> None:
        tabs = self.query_one("#views", TabLine)
        tabs.at = at % len(VIEWS)
        tabs.redraw()
        self.query_one(ContentSwitcher).current = VIEWS[tabs.at]
        self.set_focus(self.query_one(f"#{VIEWS[tabs.at]}"))

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        self._view(event.at)

    def do_view(self) -> None:
        self._view(self.query_one("#views", TabLine).at + 1)

    def do_view_previous(self) -> None:
        self._view(self.query_one("#views", TabLine).at - 1)

    def do_refresh(self) -> None:
        self._start()

    def do_back(self) -> None:
        self.desk.pop_screen()


def _moment(when: datetime, zone: ZoneInfo) -> str:
    """`Mon 02 Mar 16:00`, in the reader's zone."""
    return f"{when.astimezone(zone):%a %d %b %H:%M}"


def _length(span: timedelta) -> str:
    """`5m`, `3h20m`, `2d4h`: the two largest units."""
    minutes = round(span.total_seconds() / 60)
    if minutes < 1:
        return format_duration(round(span.total_seconds()))
    if minutes >= 1440:
        return format_duration(minutes // 60 * 3600)
    return format_duration(minutes * 60)
