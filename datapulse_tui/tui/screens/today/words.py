"""Today in words: the cells of a task and the entries of the sections. Pure; `now` and the zone are arguments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.tui.screens.alerts import words
from datapulse_tui.tui.screens.approvals.words import PRIORITIES
from datapulse_tui.tui.screens.today.tasks import Task
from datapulse_tui.tui.times import ago, time_left
from datapulse_tui.tui.widgets.sections import Entry, Section

if TYPE_CHECKING:
    from datapulse_tui.alerts.reads.today import Need, Pin, Trouble, Watched
    from datapulse_tui.alerts.views import SnoozeRow
    from datapulse_tui.notify.reads import DeliveryRow
    from datapulse_tui.tui.desk_today import Today
    from datapulse_tui.workflows.views import RequestRow

INCIDENT, REQUEST = "incident", "request"
YOU = "you"
SPARK = 16
PINNED, SNOOZED, UNSENT, TROUBLED = "pin", "snooze", "delivery", "source"  # what the keys of entries begin with
STALE = 900  # seconds after which the age of a pinned metric is told


def incident_task(need: Need, me: UUID | None) -> Task:
    """An incident as something that waits for its reader."""
    row = need.row
    held = row.held_by
    who = words.NOBODY if held is None else YOU if held.id == me else held.name
    return Task(
        kind=INCIDENT,
        id=f"{INCIDENT}:{row.id}",
        badge=words.SEVERITIES[row.severity],
        what=(f"#{row.number} {words.name_of(row)}", words.short_name_of(row)),
        value=(words.from_to(row), words.value(row.value_now)),
        since=row.opened_at,
        who=who,
        breach_at=need.breach_at,
        subject=row,
    )


def request_task(row: RequestRow, me: UUID | None) -> Task:
    """A request as something that waits for its reader."""
    held = row.claimed_by or row.assignee
    who = words.NOBODY if held is None else YOU if held.id == me else held.name
    return Task(
        kind=REQUEST,
        id=f"{REQUEST}:{row.id}",
        badge=PRIORITIES[row.priority],
        what=(f"#{row.number} {row.subject}", row.subject),
        value=("approval", "approve"),
        since=row.created_at,
        who=who,
        breach_at=row.due_at,
        subject=row,
    )


def escalation(task: Task, now: datetime) -> tuple[str, str]:
    """What happens when nobody settles it: `escalates in 4m`, and the same short."""
    left = time_left(task.breach_at, now)
    if not left:
        return "", ""
    if task.kind == REQUEST:
        return ("late", "late") if left == "now" else (f"due in {left}", left)
    return ("escalates now", left) if left == "now" else (f"escalates in {left}", left)


def sections(today: Today, now: datetime, zone: ZoneInfo) -> list[Section]:
    """What stands beside what needs a person."""
    return [
        Section("Pinned metrics", [_pin(pin, now) for pin in today.pins]),
        Section("Snoozes that end soon", [_snooze(row, zone) for row in today.snoozes]),
        Section("Failed deliveries", _failures(today.failed, now, zone)),
        Section("Sources with trouble", [_trouble(each) for each in today.troubles]),
    ]


def metric_name(pin: Pin) -> str:
    """A pinned metric by the names that people gave: what tells series apart first, for lists that are narrow."""
    return " · ".join([*pin.labels.values(), pin.query])


def _pin(pin: Pin, now: datetime) -> Entry:
    value = words.value(pin.values[-1]) if pin.values else "no data"
    if pin.at is not None and (now - pin.at).total_seconds() > STALE:
        value = f"{value} ({ago(pin.at, now)})"
    spark = words.sparkline(pin.values, SPARK)
    entry = Entry(f"{PINNED}:{pin.series_id}", metric_name(pin), value, spark)
    return entry._replace(sign="▲", tone="critical") if pin.firing else entry


def _snooze(row: SnoozeRow, zone: ZoneInfo) -> Entry:
    what = row.incident_title if row.incident_id is not None else f"{row.rule} (whole rule)"
    return Entry(f"{SNOOZED}:{row.id}", what, f"ends {row.until.astimezone(zone):%H:%M}")


def _failures(rows: Sequence[DeliveryRow], now: datetime, zone: ZoneInfo) -> list[Entry]:
    """One entry for what failed for one recipient for one reason, the newest first."""
    alike: dict[tuple[str, str, str], list[DeliveryRow]] = {}
    for row in rows:
        to = row.person or row.address or row.channel
        alike.setdefault((row.channel_type, to, row.reason or row.answer), []).append(row)
    entries = []
    for (channel, to, why), same in alike.items():
        times = f" ×{len(same):,}" if len(same) > 1 else ""
        what = f"{channel} to {to}" if to else channel
        at = words.clock(same[0].updated_at, now, zone)
        entries.append(Entry(f"{UNSENT}:{same[0].id}", f"{what}{times}: {why}", at, sign="▲", tone="warning"))
    return entries


def _trouble(source: Trouble) -> Entry:
    problem = source.problem or "it did not answer"
    return Entry(f"{TROUBLED}:{source.name}", f"{source.name}: {problem}", sign="▲", tone="warning")


STILL_LOOKING = "No incident needs you; looking for requests …"
REQUESTS_FAILED = "▲ No incident needs you, but the requests could not be read. R tries again."


def quiet(watched: Watched, now: datetime, zone: ZoneInfo) -> list[str]:
    """What is well when nothing waits, or how to begin."""
    if not watched.sources:
        return [
            "Nothing is here yet. Three ways to begin:",
            "",
            "`datapulse source add NAME --type postgresql ...`   connect a source",
            "`datapulse source add NAME --type csv ...`          open a CSV file",
            "`datapulse demo`                                    look at the sample workspace",
        ]
    if not watched.rules:
        return [
            "Nothing needs you, but nothing is watched either: there is no rule yet.",
            "",
            "3, then the tab Rules and n   make a rule",
            "p on a series of a rule       keeps a metric in sight here",
        ]
    rules = "1 rule is" if watched.rules == 1 else f"{watched.rules:,} rules are"
    last = f", the last look was at {words.clock(watched.last_at, now, zone)}" if watched.last_at else ""
    return ["✓ Nothing needs you now.", f"  {rules} watched{last}."]
