"""How everything is: each part with its verdict, the jobs that failed, and the detail of what the cursor is on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.types import CSSPathType

from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.admin import health_words as words
from datapulse_tui.tui.screens.admin.tabs import STYLES, AdminTab
from datapulse_tui.tui.screens.alerts.ask import Fate, ManyScreen, ask
from datapulse_tui.tui.screens.base import EVERYTHING
from datapulse_tui.tui.screens.confirm import ConfirmScreen, MessageScreen
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.sections import SectionList

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from datapulse_tui.data.feed import Changes
    from datapulse_tui.jobs.reads import FailedJob
    from datapulse_tui.jobs.service import JobOutcome
    from datapulse_tui.operations.health.parts import Part
    from datapulse_tui.tui.desk_health import Health
    from datapulse_tui.tui.services import Person

AGAIN = 30.0  # seconds after which everything is read again; what stays the same is not sent
DETAIL_FROM = 120  # cells of width from which the detail stands beside the list
RUN, SEND, SEE_DELIVERIES = "health:manage", "delivery:manage", "delivery:view"
TOPIC = "jobs"


class HealthScreen(AdminTab):
    """Parts and failed jobs in one list with one cursor; the detail beside it, or by enter."""

    PLACES = (keymap.HEALTH, keymap.ADMIN, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.HEALTH), *keymap.bindings(keymap.ADMIN)]
    CSS_PATH: ClassVar[CSSPathType | None] = STYLES
    TAB = "health"
    HELP = (
        "● good, ▲ a warning, ✗ bad, ? could not be read; a part that fails fails alone. It is read again by itself "
        "and with R. r on a failed job has it run again; r on Deliveries sends what failed again. `datapulse doctor` "
        "looks further: at this machine, the configuration and the way to everything."
    )

    def __init__(self) -> None:
        super().__init__()
        self._health: Health | None = None
        self._read_at: datetime | None = None
        self._marked: dict[int, None] = {}
        self._shown: tuple[str, str] = ("", "")

    def body(self) -> ComposeResult:
        yield self.tab_line()
        with Horizontal(id="split"):
            yield SectionList(id="health")
            yield Pane(id="health-detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._make_room()
        self.set_focus(self._listed)
        self.set_interval(AGAIN, self._time_came, name="health")
        self.remark("reading …")
        self.reread()

    def on_resize(self) -> None:
        if self.is_mounted:
            self._make_room()
            self._detail()

    def _make_room(self) -> None:
        self._pane.display = self.app.size.width >= DETAIL_FROM

    @property
    def _listed(self) -> SectionList:
        return self.query_one("#health", SectionList)

    @property
    def _pane(self) -> Pane:
        return self.query_one("#health-detail", Pane)

    @property
    def _part(self) -> Part | None:
        """The part under the cursor."""
        kind, _, key = self._listed.key.partition(":")
        parts = self._health.parts if self._health and kind == words.PART else ()
        return next((each for each in parts if each.id == key), None)

    @property
    def _job(self) -> FailedJob | None:
        """The failed job under the cursor."""
        kind, _, key = self._listed.key.partition(":")
        jobs = self._health.jobs if self._health and kind == words.JOB else ()
        return next((each for each in jobs if str(each.id) == key), None)

    def _meant(self) -> list[FailedJob]:
        """The jobs that are marked or, without any, the one under the cursor."""
        jobs = self._health.jobs if self._health else ()
        marked = [job for job in jobs if job.id in self._marked]
        return marked or ([self._job] if self._job else [])

    # -- reading -------------------------------------------------------------------------------------------------------

    def reread(self) -> None:
        self._read(asked=True)

    def changed(self, changes: Changes) -> None:
        if TOPIC in changes or EVERYTHING in changes:
            self._read(asked=True)

    def _time_came(self) -> None:
        if self.is_active:
            self._read(asked=False)

    def _read(self, *, asked: bool) -> None:
        services, person = self.desk.services, self.desk.person
        if person is not None:
            work = partial(services.health, person, self._feed)
            self.read("health", "reading how everything is", work, partial(self._came, asked))

    @property
    def _feed(self) -> str:
        said = self.desk.status.database
        return "polling" if "polling" in said else "listening" if said == "live" else ""

    def _came(self, asked: bool, health: Health) -> None:  # noqa: FBT001
        self._health = health
        there = {job.id for job in health.jobs}
        self._marked = {job: None for job in self._marked if job in there}
        if asked or self._read_at is None:
            self._read_at, self._shown = self.desk.now(), ("", "")
        self._show()

    # -- showing -------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        if self._health is None:
            return
        self._listed.put(words.sections(self._health, self._marked, self.desk.now(), self.desk.session.zone))
        marked = f"{len(self._marked):,} marked · " if self._marked else ""
        self.remark(marked + words.summary(self._health))
        self._detail()
        self.redraw_frame()

    def _items(self) -> list[Item]:
        now, zone = self.desk.now(), self.desk.session.zone
        part, job = self._part, self._job
        if part is not None:
            return words.part_items(part, self._read_at or now, now, zone)
        return words.job_items(job, zone) if job is not None else []

    def _detail(self) -> None:
        """Show what the cursor is on. Its figures move all the time: they are drawn again for who asks, or when the
        verdict is another."""
        part = self._part
        shown = (self._listed.key, part.says if part is not None else "")
        if self._pane.display and shown != self._shown:
            if self._shown[0] == shown[0]:
                self._read_at = self.desk.now()
            self._shown = shown
            self._pane.show(self._items())

    def on_row_list_moved(self) -> None:
        self._detail()
        self.redraw_frame()

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb, person = action_id.rpartition(".")[2], self.desk.person
        deliveries = self._part is not None and self._part.id == "deliveries"
        if verb in ("open", "copy") and not self._listed.key:
            return "Nothing is selected."
        if verb == "mark" and self._job is None:
            return "No failed job is selected."
        if verb == "retry" and not self._meant() and not deliveries:
            return "No failed job is selected."
        if verb == "retry_all" and not (self._health and self._health.jobs):
            return "No job stands as failed."
        if verb in ("retry", "retry_all"):
            right = SEND if verb == "retry" and deliveries and not self._marked else RUN
            return "" if person is not None and person.actor.can(right) else f"This needs the permission {right}."
        if verb == "deliveries" and (person is None or not person.actor.can(SEE_DELIVERIES)):
            return f"This needs the permission {SEE_DELIVERIES}."
        return ""

    def on_row_list_opened(self) -> None:
        self.do_open()

    def do_open(self) -> None:
        self.desk.push_screen(MessageScreen(self._items()))

    def do_mark(self) -> None:
        job = self._job
        if job is not None:
            if job.id in self._marked:
                del self._marked[job.id]
            else:
                self._marked[job.id] = None
            self._show()
            self._listed.do_down()

    def do_retry(self) -> None:
        jobs = self._meant()
        if not jobs:
            self._send_again()
        else:
            self._ask_and_retry(jobs)

    def do_retry_all(self) -> None:
        self._ask_and_retry(list(self._health.jobs) if self._health else [])

    def _ask_and_retry(self, jobs: Sequence[FailedJob]) -> None:
        if len(jobs) == 1:
            self._retry(jobs)
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                self._retry(jobs)

        self.desk.push_screen(ConfirmScreen(f"Run {len(jobs):,} failed jobs again?", yes="Run again"), answered)

    def _retry(self, jobs: Sequence[FailedJob]) -> None:
        services = self.desk.services
        seen = [(job.id, job.attempts) for job in jobs]
        found: list[JobOutcome] = []

        async def work(person: Person) -> None:
            found[:] = await services.retry_jobs(person, seen)

        def done() -> None:
            self._marked = {}
            if len(found) > 1:
                fates = [Fate(f"{each.id} {each.task}", each.done, each.message) for each in found]
                again = sum(each.done for each in found)
                title = f"Run again: {again:,} of {len(found):,}"
                self.desk.call_later(ask, self.desk, ManyScreen(title, fates, noun="jobs"))
            else:
                self.desk.say("It runs again.")
            self.reread()

        self.desk.session.save("running jobs again", work, done=done)

    def _send_again(self) -> None:
        services = self.desk.services
        number = [0]

        async def work(person: Person) -> None:
            number[0] = await services.send_failed_again(person)

        def done() -> None:
            said = {0: "Nothing stands as failed.", 1: "It is sent again now."}
            self.desk.say(said.get(number[0], f"{number[0]:,} are sent again now."))
            self.reread()

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                self.desk.session.save("sending again", work, done=done)

        self.desk.push_screen(ConfirmScreen("Send everything again that failed?", yes="Send again"), answered)

    def do_deliveries(self) -> None:
        from datapulse_tui.tui.screens.channels.channels import ChannelsScreen

        self.desk.session.show(ChannelsScreen("failed"))

    def do_copy(self) -> None:
        part, job = self._part, self._job
        text = f"{part.title}: {part.state.value}, {part.says}" if part else ""
        if job is not None:
            text = f"job {job.id} {job.task}: {job.error}"
        self.desk.copy_to_clipboard(text)
        self.desk.say("Copied.")

    def do_refresh(self) -> None:
        self.reread()
