"""The background work: workers, queues, failed jobs, deliveries, evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datapulse_tui.operations.health.parts import Fact, Part, State, Table, counted, seconds_words

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.jobs.reads import WorkerRow

LATE = 60.0  # seconds that the first job may wait before somebody should look
VERY_LATE = 600.0
SHOWN = 20  # rows of a table here; the lists themselves are elsewhere


async def workers(session: AsyncSession, actor: Actor) -> Part:
    """Who works, what each does, and whether they are all of one version."""
    from datapulse_tui import __version__
    from datapulse_tui.jobs import reads

    found = await reads.workers(session, actor)
    alive = [each for each in found if each.alive]
    silent = len(found) - len(alive)
    others = sorted({each.version for each in alive if each.version and each.version != __version__})
    done = sum(each.done for each in alive)
    state, says = State.GOOD, counted(len(alive), "worker")
    if not alive:
        state, says = State.BAD, "no worker runs: nothing is evaluated, sent or carried out (`datapulse worker`)"
    elif others:
        state, says = State.WARNING, f"{says}, some of another version ({', '.join(others)})"
    elif silent:
        # Whoever comes next puts their jobs back and strikes them out.
        says = f"{says}; {silent:,} ended without a word"
    facts = (
        Fact("alive", len(alive)),
        Fact("silent", silent),
        Fact("last beat", max((each.last_beat for each in found), default=None)),
        Fact("jobs done", f"{done:,} in {reads.RECENT_MINUTES} min"),
        Fact("a minute", round(done / reads.RECENT_MINUTES, 1)),
    )
    columns = ("worker", "process", "version", "beat", f"done in {reads.RECENT_MINUTES} min", "does")
    rows = tuple(
        (str(each.id), _process(each), each.version, each.last_beat, each.done, _does(each)) for each in found[:SHOWN]
    )
    return Part("workers", "Workers", state, says, facts, (Table("Workers", columns, rows),))


def _process(worker: WorkerRow) -> str:
    return f"{worker.pid}@{worker.host}" if worker.pid else "not known"


def _does(worker: WorkerRow) -> str:
    if not worker.alive:
        return "silent"
    return ", ".join(f"{job.task} (job {job.id})" for job in worker.running) or "waits"


async def queues(session: AsyncSession, actor: Actor) -> Part:
    """What waits and for how long, by task."""
    from datapulse_tui.jobs import reads

    found = await reads.queues(session, actor)
    due, running = sum(each.due for each in found), sum(each.running for each in found)
    waits = max((each.waits for each in found if each.due), default=0.0)
    state = State.BAD if waits >= VERY_LATE else State.WARNING if waits >= LATE else State.GOOD
    # What waits a moment comes and goes all the time: a line that tells of it would never stand still.
    says = "nothing waits for long"
    if state is not State.GOOD:
        says = f"{counted(due, 'job')} due, the first for {seconds_words(waits)}"
    facts = (
        Fact("due", due),
        Fact("waits (s)", round(waits, 1)),
        Fact("due later", sum(each.later for each in found)),
        Fact("running", running),
    )
    columns = ("task", "queue", "due", "waits (s)", "later", "running", "failed", f"done in {reads.RECENT_MINUTES} min")
    rows = tuple(
        (each.task, each.queue, each.due, round(each.waits, 1), each.later, each.running, each.failed, each.done)
        for each in sorted(found, key=lambda each: (-each.due, each.task))
    )
    return Part("queues", "Queues", state, says, facts, (Table("By task", columns, rows),))


async def failed_jobs(session: AsyncSession, actor: Actor) -> Part:
    """Jobs that stand as failed."""
    from datapulse_tui.jobs import reads

    page = await reads.failed_jobs(session, actor, limit=SHOWN)
    more = "+" if page.next else ""
    number = len(page.items)
    state = State.WARNING if number else State.GOOD
    says = f"{number:,}{more} {'job stands' if number == 1 else 'jobs stand'} as failed" if number else "none failed"
    columns = ("job", "task", "at", "attempts", "why")
    rows = tuple((str(each.id), each.task, each.failed_at, each.attempts, each.error) for each in page.items)
    return Part("jobs", "Failed jobs", state, says, (), (Table("Failed jobs", columns, rows),) if rows else ())


async def deliveries(session: AsyncSession, actor: Actor) -> Part:
    """The outbox: what waits, what is late, what failed. Needs `delivery:view` as well."""
    from datapulse_tui.notify import reads

    counts = await reads.counts(session, actor)
    channels = await reads.channels(session, actor)
    failed = await reads.failed(session, actor, SHOWN)
    troubled = [each for each in channels if each.is_active and each.problem]
    words = [
        f"{_bounded(counts.failed)} failed" if counts.failed else "",
        f"{_bounded(counts.late)} late" if counts.late else "",
        f"{counted(len(troubled), 'channel')} in trouble" if troubled else "",
    ]
    says = ", ".join(word for word in words if word) or "nothing failed, nothing is late"
    state = State.WARNING if counts.failed or counts.late or troubled else State.GOOD
    facts = (
        Fact("waiting", counts.waiting),
        Fact("late", counts.late),
        Fact("failed", counts.failed),
        Fact("channels", len(channels)),
    )
    tables = []
    if troubled:
        rows = tuple((each.name, each.type, each.checked_at, each.problem) for each in troubled)
        tables.append(Table("Channels in trouble", ("channel", "type", "at", "problem"), rows))
    if failed:
        columns = ("delivery", "channel", "to", "about", "attempts", "why")
        tables.append(
            Table(
                "Failed deliveries",
                columns,
                tuple(
                    (
                        str(each.id),
                        each.channel or each.channel_type,
                        each.person or each.address,
                        f"#{each.number} {each.title}" if each.number is not None else each.kind,
                        each.attempts,
                        each.reason or each.answer,
                    )
                    for each in failed
                ),
            )
        )
    return Part("deliveries", "Deliveries", state, says, facts, tuple(tables))


def _bounded(number: int) -> str:
    from datapulse_tui.notify.reads import COUNT_BOUND

    return f"{number:,}{'+' if number >= COUNT_BOUND else ''}"


async def evaluation(session: AsyncSession, actor: Actor) -> Part:
    """Whether rules are evaluated on time, and which of them fail. Names of rules need `alert:view_all`."""
    from datapulse_tui.alerts.evaluation_health import evaluation_health, troubled_rules

    found = await evaluation_health(session)
    named = await troubled_rules(session, SHOWN) if actor.can("alert:view_all") else ()
    words = [
        f"{counted(found.failing, 'rule fails', 'rules fail')}" if found.failing else "",
        f"{counted(found.overdue, 'rule is', 'rules are')} late" if found.overdue else "",
    ]
    says = ", ".join(word for word in words if word) or (
        f"{counted(found.rules, 'rule')} on time" if found.rules else "there are no active rules"
    )
    late = found.rules and found.overdue > found.rules / 2
    state = State.BAD if late else State.WARNING if found.failing or found.overdue else State.GOOD
    facts = (
        Fact("rules", found.rules),
        Fact("late", found.overdue),
        Fact("late by (s)", found.lag_seconds),
        Fact("a second", found.per_second),
        Fact("in error", found.failing),
        Fact("skipped", found.skipped),
    )
    return Part("evaluation", "Evaluation", state, says, facts, _rules(named))


def _rules(named: Sequence[object]) -> tuple[Table, ...]:
    from datapulse_tui.alerts.evaluation_health import TroubledRule

    rules = [each for each in named if isinstance(each, TroubledRule)]
    if not rules:
        return ()
    rows = tuple(
        (each.name, each.owner, "in error" if each.health == "error" else "late", each.since or each.due, each.reason)
        for each in rules
    )
    return (Table("Rules in trouble", ("rule", "owner", "is", "since", "why"), rows),)
