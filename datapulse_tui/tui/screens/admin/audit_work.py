"""Long work on the trail from its screen: verifying and exporting, one at a time, with progress, and a way to stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.alerts.ask import AskScreen, ask
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.screens.confirm import MessageScreen
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item

if TYPE_CHECKING:
    from datapulse_tui.tui.desk_audit import Checked

T = TypeVar("T")
VERIFY = "audit:verify"
GROUP = "audit work"  # of workers


class AuditWork(DeskScreen):
    """What the screen of the trail mixes in. Its body has a Note called `audit-line`."""

    working: str = ""  # what is going on, in words; empty while nothing is
    _far: str = ""

    @property
    def filter(self) -> str:
        """The filter of what is shown."""
        raise NotImplementedError

    def export_path(self) -> Path:
        """The file that is offered for an export."""
        raise NotImplementedError

    def tell_work(self) -> None:
        """Tell how far the work is or, at rest, what the last verification found."""
        note, checked = self.query_one("#audit-line", Note), self.desk.services.checked
        bad, line = False, ""
        if self.working:
            line = f"{self.working} {self._far} · esc stops it"
        elif checked is not None:
            at = self.desk.session.local(checked.at).strftime("%H:%M")
            bad, line = not checked.intact, f"{at} {checked.lines[0]} · V verifies again, W tells all of it"
        note.display = bool(line)
        if (note.text, note.bad) != (line, bad):
            note.show(line, bad=bad)

    def why_not_work(self, verb: str) -> str:
        """Why `verify`, `verdict` or `export` cannot be done now; empty for all else."""
        person = self.desk.person
        if verb == "verify" and (person is None or not person.actor.can(VERIFY)):
            return f"This needs the permission {VERIFY}."
        if verb in ("verify", "export") and self.working:
            return f"{self.working}: wait for it, or stop it with esc."
        if verb == "verdict" and self.desk.services.checked is None:
            return "Nothing was verified at this desk yet; V does it."
        return ""

    def stop_work(self) -> None:
        """Stop what is going on; in the database, too."""
        said, self.working = self.working, ""
        self.workers.cancel_group(self, GROUP)
        self.desk.say(f"Stopped: {said.lower()}.")
        self.tell_work()

    def _begin(self, words: str, work: Callable[[], Awaitable[T]], done: Callable[[T], None]) -> None:
        self.working, self._far = words, "…"
        self.tell_work()

        def ended(value: T) -> None:
            self.working = ""
            done(value)
            self.tell_work()

        def failed(error: DataPulseError) -> None:
            self.working = ""
            self.desk.report(error)
            self.tell_work()

        self.read(GROUP, words.lower(), work, ended, failed)

    def _progress(self, words: str) -> None:
        if words != self._far and self.is_attached:
            self._far = words
            self.tell_work()

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def do_verify(self) -> None:
        services, person = self.desk.services, self.desk.person
        if person is None:
            return

        def progress(done: int, total: int) -> None:
            self._progress(f"{100 * done // total if total else 100} %")

        def done(checked: Checked) -> None:
            self.desk.say(checked.lines[0], severity="information" if checked.intact else "error")

        self._begin("Verifying the trail", lambda: services.verify_audit(person, progress), done)

    def do_verdict(self) -> None:
        checked = self.desk.services.checked
        if checked is not None:
            at = self.desk.session.local(checked.at).strftime("%Y-%m-%d %H:%M")
            first, *rest = checked.lines
            kind: Item = Item("text" if checked.intact else "critical", first)
            advice = (
                "Note the last seal elsewhere: `datapulse audit verify --noted SEAL:HASH` then proves that the chain "
            )
            advice += "was not made anew. The trail is tamper-evident, not tamper-proof."
            items = [Item("title", f"Verified at {at}"), kind, *(Item("text", line) for line in rest)]
            self.desk.push_screen(MessageScreen([*items, Item("gap"), Item("dim", advice)]))

    async def do_export(self) -> None:
        services, filter_ = self.desk.services, self.filter

        def answered(answer: str | None) -> None:
            person = self.desk.person
            if not answer or person is None:
                return
            path = Path(answer).expanduser()

            def progress(records: int) -> None:
                self._progress(f"{records:,} records")

            def done(records: int) -> None:
                self.desk.say(f"{records:,} records are in {path}")

            self._begin("Exporting records", lambda: services.export_audit(person, filter_, path, progress), done)

        explain = f"Those of the filter {filter_}" if filter_ else "Every record"
        explain += (
            ", the oldest first: CSV with a name that ends in .csv, JSON lines else. That you did it is recorded."
        )
        screen = AskScreen(
            "Export records to a file", "File", explain=explain, value=str(self.export_path()),
            needed="Say where it shall be.",
        )  # fmt: skip
        await ask(self.desk, screen, answered)
