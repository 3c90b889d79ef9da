"""Snoozing: until when, at the latest when, and why; before saving it tells how much that hides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Input

from datapulse_tui.alerts.durations import format_duration
from datapulse_tui.alerts.rules import LONG_CRITICAL_SNOOZE, LONGEST_SNOOZE, Severity, SnoozeKind
from datapulse_tui.tui import failures
from datapulse_tui.tui.screens.alerts.ask import Question
from datapulse_tui.tui.screens.alerts.until import EXPECTED, parse_until, tomorrow
from datapulse_tui.tui.screens.alerts.words import moment
from datapulse_tui.tui.widgets.form import Field, Form, Note
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count

RECOVERY, TOMORROW, OTHER = "recovery", "tomorrow", "other"
LENGTHS = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "4h": timedelta(hours=4)}
LABELS = {
    "15m": "15 minutes",
    "1h": "1 hour",
    "4h": "4 hours",
    TOMORROW: "tomorrow 09:00",
    RECOVERY: "until it recovers",
    OTHER: "another time …",
}
RECOVERY_END = timedelta(days=1)  # the hard end that is offered for a snooze until recovery


class SnoozeWish(NamedTuple):
    """What the person wants: `until` is the end, or the hard end of a snooze until recovery."""

    kind: SnoozeKind
    until: datetime
    reason: str


def refusal(severities: Sequence[Severity], until: datetime, now: datetime, *, since: datetime | None = None) -> str:
    """Why something of these severities cannot be silenced until then; empty when it can. `since` is when a snooze
    that is extended began."""
    if until <= now:
        return "That has passed already."
    if until - now > LONGEST_SNOOZE:
        return f"A snooze lasts at most {LONGEST_SNOOZE.days} days: what is silent for longer is forgotten."
    if Severity.CRITICAL in severities and until - (since or now) > LONG_CRITICAL_SNOOZE:
        longest = format_duration(int(LONG_CRITICAL_SNOOZE.total_seconds()))
        return f"Critical: at most {longest} without an approval, because nobody is told meanwhile."
    return ""


class SnoozeScreen(Question[SnoozeWish]):
    """The list chooses until when; enter goes on to the reason, and from there saves."""

    HELP = (
        "While something is snoozed nobody is told about it, and it goes on being watched. Every snooze has an end, "
        "and people are told shortly before it."
    )

    def __init__(
        self,
        what: str,
        severities: Sequence[Severity],
        hides: Callable[[], Awaitable[Count]],
        *,
        whole_rule: bool = False,
    ) -> None:
        super().__init__()
        self._what = what
        self._severities = severities
        self._hides = hides
        self._whole_rule = whole_rule
        self._count = ""
        self._now = datetime.now(UTC)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Note(f"Snooze {self._what}", classes="form-title", strong=True)
            yield RowList((RowColumn("Until", 20), RowColumn("", dim=True)), id="untils")
            yield Form(
                "",
                [
                    ("Until", Field(id="until", placeholder="90m, 2h, 18:30, tomorrow 09:00, 2026-03-04 08:00")),
                    ("Why (others will ask)", Field(id="reason")),
                ],
            )
            yield Note("", id="hides")
            yield Note("enter goes on, and saves in the last field · esc cancels", classes="note")

    def on_mount(self) -> None:
        self._now = self.desk.now()
        zone = self.desk.session.zone
        untils = self.query_one(RowList)
        rows = []
        for key, label in LABELS.items():
            if self._whole_rule and key == RECOVERY:
                continue
            until = self._offered(key)
            shown = moment(until, zone) if until else ""
            shown = f"at the latest {shown}" if key == RECOVERY else shown
            rows.append(Row(key, (label, shown)))
        untils.show(rows)
        untils.styles.height = len(rows) + 1
        self._show_fields()
        self.run_worker(self._read_hidden(), group="hides", exit_on_error=False, description="counting what it hides")

    def take_focus(self) -> None:
        self.set_focus(self.query_one(RowList))

    def _offered(self, key: str) -> datetime | None:
        """The end that a choice means; None for one that has to be typed."""
        if key in LENGTHS:
            return self._now + LENGTHS[key]
        if key == TOMORROW:
            return tomorrow(self._now, self.desk.session.zone)
        if key == RECOVERY:
            critical = Severity.CRITICAL in self._severities
            return self._now + (LONG_CRITICAL_SNOOZE if critical else RECOVERY_END)
        return None

    async def _read_hidden(self) -> None:
        try:
            count = await self._hides()
        except Exception as error:  # noqa: BLE001 - every failure becomes a message; the log has the details
            self._count = failures.shown(error, "counting what it hides").message
        else:
            one = str(count) == "1"
            self._count = f"It hides {count} open incident{'' if one else 's'} now"
            self._count += ", and whatever the rule opens until then." if self._whole_rule else "."
        if self.is_attached:
            self._tell()

    def _tell(self) -> None:
        """What it hides or, where it would be refused, why."""
        until = self._offered(self._key)
        problem = refusal(self._severities, until, self._now) if until else ""
        self.query_one("#hides", Note).show(problem or self._count, bad=bool(problem))

    @property
    def _key(self) -> str:
        return self.query_one(RowList).key

    def _show_fields(self) -> None:
        typed = self._key in (OTHER, RECOVERY)
        form = self.query_one(Form)
        form.query_one("#until").display = typed
        form.query_one("#label-until").display = typed
        form.relabel("until", "At the latest until" if self._key == RECOVERY else "Until")
        self._tell()

    def on_row_list_moved(self) -> None:
        self._show_fields()

    def on_row_list_opened(self) -> None:
        self._go_on()

    def key_enter(self, event: Key) -> None:
        """The list has no binding of its own for enter: it goes on to what has to be typed."""
        event.stop()
        self._go_on()

    def _go_on(self) -> None:
        if self.query_one(RowList).has_focus:
            self.query_one("#until" if self._key == OTHER else "#reason", Field).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def on_form_submitted(self, event: Form.Submitted) -> None:
        form, typed = self.query_one(Form), event.values["until"].strip()
        until = self._offered(self._key)
        if self._key == OTHER or (self._key == RECOVERY and typed):
            try:
                until = parse_until(typed, self._now, self.desk.session.zone)
            except ValueError:
                form.say(f"That is no time. Expected {EXPECTED}.")
                form.query_one("#until", Field).focus()
                return
        if until is None:
            return
        problem = refusal(self._severities, until, self._now)
        reason = event.values["reason"].strip()
        if problem or not reason:
            form.say(problem or "Say why in a few words: others will ask.")
            return
        kind = SnoozeKind.UNTIL_RECOVERY if self._key == RECOVERY else SnoozeKind.UNTIL_TIME
        self.dismiss(SnoozeWish(kind, until, reason))
