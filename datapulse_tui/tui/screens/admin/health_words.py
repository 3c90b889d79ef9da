"""Health in words: entries of the list, and the detail. Pure; `now` and the zone are arguments."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datapulse_tui.charts.cells import fit
from datapulse_tui.tui.screens.alerts.words import clock
from datapulse_tui.tui.times import full_time
from datapulse_tui.tui.widgets.pane import Item, Kind
from datapulse_tui.tui.widgets.rows import Tone
from datapulse_tui.tui.widgets.sections import Entry, Section

if TYPE_CHECKING:
    from datapulse_tui.jobs.reads import FailedJob
    from datapulse_tui.operations.health.parts import Part, Value
    from datapulse_tui.tui.desk_health import Health

PART, JOB = "part", "job"
TITLE_WIDTH = 13
TASK_WIDTH = 24
MARKED = "◆"
TONES: dict[str, Tone] = {"good": "good", "warning": "warning", "bad": "critical", "unknown": "dim"}


def sections(health: Health, marked: Collection[int], now: datetime, zone: ZoneInfo) -> list[Section]:
    """The parts with a verdict each, and the jobs that failed."""
    more = "+" if health.more else ""
    return [
        Section("How it is", [part_entry(part) for part in health.parts]),
        Section(
            f"Failed jobs · {len(health.jobs):,}{more}",
            [job_entry(job, job.id in marked, now, zone) for job in health.jobs],
        ),
    ]


def part_entry(part: Part) -> Entry:
    """One line: sign, name, what it says, and the sign in a word."""
    state = part.state.value
    words = f"{fit(part.title, TITLE_WIDTH)} {part.says}"
    return Entry(f"{PART}:{part.id}", words, state, sign=part.state.sign, tone=TONES[state])


def job_entry(job: FailedJob, marked: bool, now: datetime, zone: ZoneInfo) -> Entry:  # noqa: FBT001
    """One line: the task, why it failed, and when."""
    words = f"{fit(job.task, TASK_WIDTH)} {job.error or 'nobody kept why'}"
    at = clock(job.failed_at, now, zone) if job.failed_at else ""
    return Entry(f"{JOB}:{job.id}", words, at, sign=MARKED if marked else "▲", tone="accent" if marked else "warning")


def summary(health: Health) -> str:
    """How many parts somebody should look at."""
    wrong = sum(part.state.value in ("warning", "bad") for part in health.parts)
    unknown = sum(part.state.value == "unknown" for part in health.parts)
    words = [f"{wrong} to look at" if wrong else "", f"{unknown} could not be read" if unknown else ""]
    return ", ".join(word for word in words if word) or "all is well"


def part_items(part: Part, read_at: datetime, now: datetime, zone: ZoneInfo) -> list[Item]:
    """All that is known of a part."""
    kind: Kind = "critical" if part.state.value == "bad" else "text"
    items = [Item("title", part.title), Item(kind, f"{part.state.sign} {part.state.value}: {part.says}"), Item("gap")]
    items += [Item("fact", written(fact.value, now, zone), fact.label) for fact in part.facts]
    for table in part.tables:
        if not table.rows:
            continue
        items += [Item("gap"), Item("title", table.title)]
        for row in table.rows:
            items.append(Item("text", written(row[0], now, zone)))
            rest = [
                f"{name} {words}"
                for name, value in zip(table.columns[1:], row[1:], strict=True)
                if (words := written(value, now, zone))
            ]
            items.append(Item("dim", "  " + " · ".join(rest)))
    return [*items, Item("gap"), Item("dim", f"As of {read_at.astimezone(zone):%H:%M}. R reads it again.")]


def job_items(job: FailedJob, zone: ZoneInfo) -> list[Item]:
    """One job that failed."""
    failed = full_time(job.failed_at, zone) if job.failed_at else "not known"
    return [
        Item("title", f"Job {job.id}: {job.task}"),
        Item("critical", job.error or "Why it failed was not kept; the worker's log has it."),
        Item("gap"),
        Item("fact", failed, "failed"),
        Item("fact", f"{job.attempts:,}", "attempts"),
        Item("fact", job.queue, "queue"),
        Item("gap"),
        Item("dim", "r has it run again. Failed jobs are kept for a week."),
    ]


def written(value: Value, now: datetime, zone: ZoneInfo) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return clock(value, now, zone)
    return f"{value:,}" if isinstance(value, int | float) else value
