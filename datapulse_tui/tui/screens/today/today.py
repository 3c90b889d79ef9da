"""Today, where the desk opens: what needs a person now, the metrics they keep in sight, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Container
from textual.types import CSSPathType

from datapulse_tui.alerts.rules import INCIDENTS_TOPIC, RULES_TOPIC, SNOOZES_TOPIC
from datapulse_tui.resources import styles_path
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.acting import Outcome
from datapulse_tui.tui.screens.alerts import words as incident_words
from datapulse_tui.tui.screens.alerts.loaded import DONE, FAILED, TONES, UNDER_WAY
from datapulse_tui.tui.screens.base import EVERYTHING
from datapulse_tui.tui.screens.today import words
from datapulse_tui.tui.screens.today.settling import SettlingScreen
from datapulse_tui.tui.screens.today.tasks import Task, TaskList, by_breach
from datapulse_tui.tui.widgets.sections import SectionList
from datapulse_tui.tui.widgets.tabs import TabLine
from datapulse_tui.tui.widgets.task_rows import TaskCells, TaskRows
from datapulse_tui.workflows.rules import DELEGATIONS_TOPIC, WORKFLOWS_TOPIC

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.errors import DataPulseError
    from datapulse_tui.tui.desk_today import Today
    from datapulse_tui.workflows.views import RequestRow

TOPICS = frozenset({INCIDENTS_TOPIC, SNOOZES_TOPIC, RULES_TOPIC, "deliveries", "channels", "sources"})
REQUEST_TOPICS = frozenset({WORKFLOWS_TOPIC, DELEGATIONS_TOPIC})
BESIDE_FROM = 120  # cells of width from which what needs a person has the left half to itself
FRAME = 5  # lines of the screen that are not the lists'
LEAST = 5  # lines that each of the two lists has at least, one above the other
URGENT = 600  # seconds before a breach from which the time that is left is marked
READING = 10.0  # seconds since the last key for which somebody is taken to be reading: nothing moves then
MOVES = 10.0  # seconds after which pinned metrics are read again: samples are not told


class TodayScreen(SettlingScreen):
    """One list of what waits, by time to breach, and short lists of the rest; nothing moves under the cursor."""

    PLACES = (keymap.TODAY, keymap.LIST)
    BINDINGS = keymap.bindings(keymap.TODAY)
    CSS_PATH: ClassVar[CSSPathType | None] = styles_path() / "today.tcss"  # no more: the desk opens here
    ROOM = "today"
    HELP = (
        "What you have, may take or have to decide, the least time left first; p on an incident or a series keeps its "
        "metric in sight here. A sign in front: ✓ you did something with it, + it is new, ▲ it was not done. What is "
        "settled stays until R or until the cursor leaves it."
    )

    def __init__(self) -> None:
        super().__init__()
        self.tasks = TaskList()
        self._today: Today | None = None
        self._requests: Sequence[RequestRow] | None = None
        self._requests_failed = False
        self._looking = False
        self._due = False
        self._left = False
        self._sent = False  # the focus went to the sections because there was nothing else, not because of a key

    def body(self) -> ComposeResult:
        yield TabLine([], id="today-head")
        with Container(id="today"):
            yield TaskRows(self._write, id="needs")
            yield SectionList(id="around")

    def begin(self) -> None:
        self._read(anew=True)

    def on_mount(self) -> None:
        super().on_mount()
        self._make_room()
        self.set_focus(self._needs)
        self.set_interval(MOVES, self._moved, name="metrics")

    def on_resize(self) -> None:
        if self.is_mounted:
            self._make_room()

    @property
    def _needs(self) -> TaskRows:
        return self.query_one("#needs", TaskRows)

    @property
    def _around(self) -> SectionList:
        return self.query_one("#around", SectionList)

    def selected_task(self) -> Task | None:
        """The task under the cursor, while the cursor is among the tasks."""
        return None if self._around.has_focus else self.tasks.tasks.get(self._needs.key)

    @property
    def _entry(self) -> tuple[str, str]:
        """Kind and id of the entry under the cursor, while it is among the sections."""
        kind, _, key = self._around.key.partition(":") if self._around.has_focus else ("", "", "")
        return kind, key

    # -- reading -------------------------------------------------------------------------------------------------------

    def reread(self) -> None:
        self._read(anew=self._today is None)
        self._read_requests()

    def changed(self, changes: Changes) -> None:
        if EVERYTHING in changes or not TOPICS.isdisjoint(changes):
            self._read()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self._left and self._today is not None:
            self._read()  # what was pinned meanwhile is told to nobody

    def on_screen_suspend(self) -> None:
        self._left = True

    def _moved(self) -> None:
        if self.is_active and self._today is not None and self._today.pins:
            self._read()

    def _read(self, *, anew: bool = False) -> None:
        """Read everything; one look at a time, and none is lost."""
        services, person = self.desk.services, self.desk.person
        if person is None:
            return
        if self._looking and not anew:
            self._due = True
            return
        self._looking, self._due = True, False
        work, done = partial(services.today, person), partial(self._came, anew)
        self.read("today", "reading what needs you", work, done, self._not_read)

    def _came(self, anew: bool, today: Today) -> None:  # noqa: FBT001
        first, self._looking, self._today = self._today is None, False, today
        self._arrange(anew=anew)
        if first:
            self.call_after_refresh(self._read_requests, anew=True)
        if self._due:
            self._read()

    def _read_requests(self, *, anew: bool = False) -> None:
        """Read what waits for a decision. For itself, and behind the first paint of the rest: it imports more."""
        services, person = self.desk.services, self.desk.person
        if person is not None:
            work, done = partial(services.waiting_requests, person), partial(self._requests_came, anew)
            self.read("requests", "reading the requests that wait", work, done, self._requests_not_read)

    def _requests_came(self, anew: bool, requests: Sequence[RequestRow]) -> None:  # noqa: FBT001
        self._requests, self._requests_failed = requests, False
        if self._today is not None:
            self._arrange(anew=anew)

    def _requests_not_read(self, error: DataPulseError) -> None:
        self._requests_failed = True
        self.desk.report(error)
        self._show()

    def _arrange(self, *, anew: bool) -> None:
        """Put incidents and requests into one list."""
        if self._today is None:
            return
        me = self.desk.person.actor.user_id if self.desk.person else None
        at_top = anew and self._needs.cursor == 0
        tasks = by_breach(
            [words.incident_task(need, me) for need in self._today.needs],
            [words.request_task(row, me) for row in self._requests or ()],
        )
        if anew:
            self.tasks.anew(tasks)
        else:
            self.tasks.again(tasks, self._needs.key)
        self._show()
        if at_top:
            self._needs.move_to(0)

    def _not_read(self, error: DataPulseError) -> None:
        self._looking = False
        self.desk.report(error)

    # -- showing -------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        today, now, zone = self._today, self.desk.now(), self.desk.session.zone
        if today is None:
            return
        self._around.put(words.sections(today, now, zone))
        calm = self._calm_words(today)
        beside = bool(self._around.rows)
        self._needs.put(self.tasks.keys, empty=() if beside else calm, still=self._somebody_reads)
        self._make_room()
        self.redraw_frame()

    def _calm_words(self, today: Today) -> list[str]:
        """What stands in place of tasks; that nothing waits is only said once everything was looked at."""
        if self._requests_failed:
            return [words.REQUESTS_FAILED]
        if self._requests is None:
            return [words.STILL_LOOKING]
        return words.quiet(today.watched, self.desk.now(), self.desk.session.zone)

    @property
    def _somebody_reads(self) -> bool:
        return self.desk.watch_over.idle_seconds < READING

    def _show_head(self, today: Today) -> None:
        head = self.query_one("#today-head", TabLine)
        above = self._needs.above
        if self.tasks.keys:
            head.labels = [f"Needs me · {self.tasks.waiting:,}"]
            head.remark = f"▲ {above:,} above" if above else "least time left first"
        else:
            calm = self._calm_words(today)
            head.labels, head.remark = (calm[:1], "") if self._around.rows else ([], "")
        head.redraw()

    def _make_room(self) -> None:
        """Room for what there is: side by side where the screen is wide, else one above the other."""
        needs, around = self._needs, self._around
        width, height = self.app.size
        both = bool(self.tasks.keys and around.rows)
        needs.display = bool(self.tasks.keys) or not around.rows
        around.display = bool(around.rows)
        if around.has_focus and (not around.display or (self._sent and needs.display)):
            self.set_focus(needs)
            self._sent = False
        elif needs.has_focus and not needs.display:
            self.set_focus(around)
            self._sent = True
        beside = width >= BESIDE_FROM
        self.query_one("#today").styles.layout = "horizontal" if beside else "vertical"
        needs.styles.width = "3fr" if both and beside else "1fr"
        around.styles.width = "2fr" if both and beside else "1fr"
        room = height - FRAME
        if both and not beside:
            wanted = min(len(self.tasks.keys) + 2, room - max(LEAST, min(around.lines_wanted, room // 2)))
            needs.styles.height = max(LEAST, wanted)
        else:
            needs.styles.height = "1fr"

    def _write(self, key: str) -> TaskCells:
        task, now, zone = self.tasks.tasks[key], self.desk.now(), self.desk.session.zone
        sign = self.tasks.sign_of(key)
        gone = key in self.tasks.gone
        left = ("settled", "✓") if gone else words.escalation(task, now)
        urgent = not gone and task.breach_at is not None and (task.breach_at - now).total_seconds() < URGENT
        since = incident_words.clock(task.since, now, zone)
        return TaskCells((sign, TONES.get(sign, "")), task.badge, task.what, task.value, since, task.who, left, urgent)

    def redraw_frame(self) -> None:
        super().redraw_frame()
        if self.is_mounted and self._today is not None:
            self._show_head(self._today)
            self._needs.redraw()

    def on_key(self) -> None:
        self._sent = False

    def on_row_list_moved(self) -> None:
        self.tasks.seen(self._needs.key)
        self.redraw_frame()

    def on_row_list_opened(self) -> None:
        self.do_open()

    def on_task_rows_beyond(self) -> None:
        if self._around.display:
            self.set_focus(self._around)
            self.redraw_frame()

    def on_section_list_beyond(self) -> None:
        if self._needs.display:
            self.set_focus(self._needs)
            self.redraw_frame()

    # -- what becomes of a verb ----------------------------------------------------------------------------------------

    def under_way(self, ids: Sequence[UUID]) -> None:
        self._sign(ids, UNDER_WAY)

    def happened(self, outcomes: Sequence[Outcome]) -> None:
        for each in outcomes:
            self._sign([each.id], DONE if each.done else FAILED)
            if each.message and self._kind_of(each.id) == words.INCIDENT:
                self.desk.say(f"{each.title} {each.message}.".strip())
        self.reread()

    def not_saved(self, ids: Sequence[UUID], error: DataPulseError) -> None:
        self._sign(ids, FAILED)
        super().not_saved(ids, error)
        self.reread()

    def _kind_of(self, thing: UUID) -> str:
        return words.REQUEST if f"{words.REQUEST}:{thing}" in self.tasks.tasks else words.INCIDENT

    def _sign(self, ids: Sequence[UUID], sign: str) -> None:
        self.tasks.sign([f"{self._kind_of(each)}:{each}" for each in ids], sign)
        self._needs.redraw()

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb = action_id.rpartition(".")[2]
        kind, _ = self._entry
        if verb == "open":
            return "" if kind or self.selected_task() is not None else "Nothing is selected."
        if verb == "unpin":
            return "" if kind == words.PINNED else "No pinned metric is selected. p on an incident pins its metric."
        return super().why_not(action_id)

    def do_open(self) -> None:
        task = self.selected_task()
        if task is None:
            self._open_entry(*self._entry)
        elif self.chosen():
            from datapulse_tui.tui.screens.alerts.incident import IncidentScreen

            row = self.chosen()[0]
            self.desk.push_screen(IncidentScreen(row.id, row=row, memory=self.memory))
        elif self.chosen_requests():
            from datapulse_tui.tui.screens.approvals.request import RequestScreen

            request = self.chosen_requests()[0]
            self.desk.push_screen(RequestScreen(request.id, row=request, memory=self.memory))

    def _open_entry(self, kind: str, key: str) -> None:
        """Go to what an entry is about."""
        today = self._today
        if today is None:
            return
        if kind == words.PINNED:
            self._open_pin(int(key))
        elif kind == words.SNOOZED:
            from datapulse_tui.tui.screens.alerts.snoozes import SnoozesScreen

            self.desk.session.show(SnoozesScreen())
        elif kind == words.UNSENT:
            from datapulse_tui.tui.screens.channels.channels import ChannelsScreen

            self.desk.session.show(ChannelsScreen("failed"))
        elif kind == words.TROUBLED:
            from datapulse_tui.tui.screens.confirm import MessageScreen
            from datapulse_tui.tui.widgets.pane import Item

            problem = next((each.problem for each in today.troubles if each.name == key), "")
            hint = f"`datapulse source check {key!r}` asks it again. Rules on it wait meanwhile."
            self.desk.push_screen(
                MessageScreen([Item("title", key), Item("critical", problem), Item("gap"), Item("dim", hint)])
            )

    def _open_pin(self, series_id: int) -> None:
        from datapulse_tui.tui.screens.rules.rule import RuleScreen

        pin = next((each for each in self._today.pins if each.series_id == series_id), None) if self._today else None
        if pin is not None and pin.rule_id is not None:
            self.desk.push_screen(RuleScreen(pin.rule_id, pin.rule))
        elif pin is not None:
            self.desk.say("No rule watches this metric any more; p lets it go.")

    def do_unpin(self) -> None:
        from datapulse_tui.tui.screens.today.pinning import pin

        kind, key = self._entry
        found = next((each for each in self._today.pins if str(each.series_id) == key), None) if self._today else None
        if kind == words.PINNED and found is not None:
            pin(self, found.series_id, words.metric_name(found), done=self._read)

    def do_across(self) -> None:
        other = self._around if self._needs.has_focus else self._needs
        if other.display:
            self.set_focus(other)
            self.redraw_frame()

    def do_refresh(self) -> None:
        self._read(anew=True)
        self._read_requests(anew=True)
