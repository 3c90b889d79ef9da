"""What is known of the background work: workers, queues, and jobs that failed. Needs `health:view`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from datapulse_tui.data.page import Page, decode_cursor, make_page
from datapulse_tui.data.worker_health import STALLED_AFTER
from datapulse_tui.jobs import failures, name_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

VIEW = "health:view"
RECENT_MINUTES = 5
LARGEST_PAGE = 1_000
# Events have no index by time; the newest are those with the highest numbers. So many are looked at and no more.
EVENTS_LOOKED_AT = 20_000

_RECENT = f"""
recent AS MATERIALIZED (
    SELECT job_id, type, at FROM (
        SELECT job_id, type, at FROM procrastinate_events ORDER BY id DESC LIMIT {EVENTS_LOOKED_AT}
    ) newest
    WHERE at > now() - make_interval(mins => {RECENT_MINUTES}) AND type IN ('succeeded', 'failed')
)
"""  # noqa: S608  (numbers of this module)
_WORKERS = f"""
WITH {_RECENT}
SELECT w.id, w.last_heartbeat, w.last_heartbeat > now() - make_interval(secs => :stalled_after) AS alive,
       (SELECT count(*) FROM recent JOIN procrastinate_jobs job ON job.id = recent.job_id
        WHERE job.worker_id = w.id) AS done,
       (SELECT max(s.application_name) FROM pg_stat_activity s
        WHERE s.datname = current_database()
          AND starts_with(s.application_name, CAST(:tag AS text) || w.id || ' ')) AS tag
FROM procrastinate_workers w ORDER BY w.id
"""  # noqa: S608
_RUNNING = """
SELECT job.id, job.task_name AS task, job.worker_id AS worker,
       (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id AND type = 'started') AS since
FROM procrastinate_jobs job WHERE job.status = 'doing' ORDER BY job.id LIMIT 1000
"""
_QUEUES = f"""
WITH {_RECENT}, standing AS (
    SELECT queue_name AS queue, task_name AS task,
           count(*) FILTER (WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())) AS due,
           count(*) FILTER (WHERE status = 'todo' AND scheduled_at > now()) AS later,
           count(*) FILTER (WHERE status = 'doing') AS running,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           min(scheduled_at) FILTER (WHERE status = 'todo') AS first_time,
           min(id) FILTER (WHERE status = 'todo' AND scheduled_at IS NULL) AS first_at_once
    FROM procrastinate_jobs GROUP BY 1, 2
), done AS (
    SELECT job.queue_name AS queue, job.task_name AS task, count(*) AS done
    FROM recent JOIN procrastinate_jobs job ON job.id = recent.job_id GROUP BY 1, 2
)
SELECT standing.queue, standing.task, due, later, running, failed, coalesce(done.done, 0) AS done,
       coalesce(extract(epoch FROM clock_timestamp() - least(
           first_time, (SELECT max(at) FROM procrastinate_events WHERE job_id = first_at_once))), 0)::float8 AS waits
FROM standing LEFT JOIN done USING (queue, task) ORDER BY 1, 2
"""  # noqa: S608
_FAILED = """
SELECT job.id, job.task_name AS task, job.queue_name AS queue, job.attempts, event.at AS failed_at,
       coalesce(job.args ->> :key, '') AS error
FROM procrastinate_jobs job
LEFT JOIN LATERAL (
    SELECT max(at) AS at FROM procrastinate_events WHERE job_id = job.id AND type = 'failed') event ON true
WHERE job.status = 'failed'
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A job that a worker is doing."""

    id: int
    task: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker. `alive`: its heart beats. `pid`, `host` and `version` are those of its process, where they are known.
    `done` counts the jobs that it ended in the last RECENT_MINUTES."""

    id: int
    last_beat: datetime
    alive: bool
    pid: int | None
    host: str
    version: str
    done: int
    running: tuple[Running, ...]


@dataclass(frozen=True, slots=True)
class QueueRow:
    """The jobs of one task: due now, due later, running, failed, and done in the last RECENT_MINUTES. `waits` is for
    how many seconds the first of those that are due has waited."""

    queue: str
    task: str
    due: int
    later: int
    running: int
    failed: int
    done: int
    waits: float


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that stands as failed. `error` is the kind of the error and its first line; empty where nobody kept it."""

    id: int
    task: str
    queue: str
    attempts: int
    failed_at: datetime | None
    error: str


async def workers(reader: Reader, actor: Actor, *, stalled_after: float = STALLED_AFTER) -> tuple[WorkerRow, ...]:
    """Every worker that is registered, with what it does now."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see the workers")
    rows = await fetch(reader, _WORKERS, {"stalled_after": stalled_after, "tag": f"{name_tag.NAME} #"})
    running = await fetch(reader, _RUNNING)
    return tuple(_worker(row, running) for row in rows)


def _worker(row: Any, running: Sequence[Any]) -> WorkerRow:
    tag = name_tag.read(row.tag or "")
    does = tuple(Running(job.id, job.task, job.since) for job in running if job.worker == row.id)
    return WorkerRow(
        row.id,
        row.last_heartbeat,
        row.alive,
        tag.pid if tag else None,
        tag.host if tag else "",
        tag.version if tag else "",
        row.done,
        does,
    )


async def queues(reader: Reader, actor: Actor) -> tuple[QueueRow, ...]:
    """What waits, runs and failed, by task."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see the queues")
    rows = await fetch(reader, _QUEUES)
    return tuple(
        QueueRow(row.queue, row.task, row.due, row.later, row.running, row.failed, row.done, max(row.waits, 0.0))
        for row in rows
    )


async def failed_jobs(reader: Reader, actor: Actor, *, after: str | None = None, limit: int = 100) -> Page[FailedJob]:
    """A page of the jobs that stand as failed, the newest first."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see failed jobs")
    values: dict[str, object] = {"key": failures.KEY, "limit": min(limit, LARGEST_PAGE) + 1}
    where = ""
    if after is not None:
        (values["before"],) = decode_cursor(after, 1)
        where = "AND job.id < :before"
    rows = await fetch(reader, f"{_FAILED} {where} ORDER BY job.id DESC LIMIT :limit", values)
    return make_page(rows, min(limit, LARGEST_PAGE), _failed, lambda row: [row.id])


async def failed_by_id(reader: Reader, actor: Actor, ids: Sequence[int]) -> dict[int, FailedJob]:
    """Those of `ids` that stand as failed."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see failed jobs")
    where = "AND job.id = ANY(CAST(:ids AS bigint[]))"
    rows = await fetch(reader, f"{_FAILED} {where}", {"key": failures.KEY, "ids": list(ids)})
    return {row.id: _failed(row) for row in rows}


def _failed(row: Any) -> FailedJob:
    return FailedJob(row.id, row.task, row.queue, row.attempts, row.failed_at, row.error)
