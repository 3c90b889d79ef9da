"""What people do with jobs: have those that failed run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datapulse_tui.data.verbs import Refusal, raise_if_single
from datapulse_tui.errors import Conflict, NotFound
from datapulse_tui.jobs import failures

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

MANAGE = "health:manage"
TOPIC = "jobs"
KIND = "job"

_LOCK = """
SELECT id, task_name AS task, queue_name AS queue, status::text AS status, attempts, queueing_lock
FROM procrastinate_jobs WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE
"""
# It begins anew: its attempts are counted from nothing, and why it failed is taken out of its arguments. Workers are
# told as of a new job; the queue itself tells them of those only.
_AGAIN = """
WITH again AS (
    UPDATE procrastinate_jobs
    SET status = 'todo', attempts = 0, scheduled_at = NULL, abort_requested = false, worker_id = NULL,
        args = args - CAST(:key AS text)
    WHERE id = :id
    RETURNING id, queue_name
), payload AS (
    SELECT queue_name, json_build_object('type', 'job_inserted', 'job_id', id)::text AS body FROM again
)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name, body), pg_notify('procrastinate_any_queue_v1', body)
FROM payload
"""
_WAITS = "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = :lock)"

GONE = Refusal(NotFound, "it is not there any more", "Finished jobs are kept for a while only.")
RUNS = Refusal(Conflict, "it runs already", "Look at it again when it has ended.")
WAITS = Refusal(Conflict, "it waits already for a worker", "See that a worker runs: datapulse worker status")
ENDED = Refusal(Conflict, "it does not stand as failed any more", "Look at it again.")
MEANWHILE = Refusal(Conflict, "it was tried again meanwhile and failed again", "Look at it again.")
ANOTHER = Refusal(Conflict, "another one of its kind waits already and will do its work", "There is nothing to do.")


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What became of one job: `done`, or why not."""

    id: int
    task: str
    done: bool
    message: str


async def retry(session: AsyncSession, actor: Actor, seen: Sequence[tuple[int, int]]) -> tuple[JobOutcome, ...]:
    """Have failed jobs run again, as they were `seen`: number and attempts. Raises NotAllowed without `health:manage`,
    and where there is one job only, what it is refused for (NotFound, Conflict)."""
    from sqlalchemy import text
    from sqlalchemy.exc import IntegrityError

    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    actor.require(MANAGE, "run failed jobs again")
    rows = (await session.execute(text(_LOCK), {"ids": [job for job, _ in seen]})).all()
    there: Mapping[int, Any] = {row.id: row for row in rows}
    refused: dict[int, Refusal] = {}
    for job, attempts in seen:
        row = there.get(job)
        refusal = _refusal(row, attempts)
        if row is None or refusal is not None:
            refused[job] = refusal or GONE
            continue
        if row.queueing_lock and (await session.execute(text(_WAITS), {"lock": row.queueing_lock})).scalar_one():
            refused[job] = ANOTHER
            continue
        try:
            async with session.begin_nested():
                await session.execute(text(_AGAIN), {"id": job, "key": failures.KEY})
        except IntegrityError:  # one of its kind was asked for at this moment
            refused[job] = ANOTHER
            continue
        note = {"job": job, "task": row.task, "queue": row.queue, "attempts": row.attempts}
        await record(session, actor, "job.retried", KIND, None, note=note)
    titles = {job: _title(job, there) for job, _ in seen}
    raise_if_single(titles, refused)
    if len(refused) < len(titles):
        await emit(session, TOPIC)
    return tuple(
        JobOutcome(job, there[job].task if job in there else "", job not in refused, _message(refused.get(job)))
        for job in titles
    )


def _refusal(row: Any, attempts: int) -> Refusal | None:
    if row is None:
        return GONE
    if row.status == "doing":
        return RUNS
    if row.status == "todo":
        return WAITS
    if row.status != "failed":
        return ENDED
    return None if row.attempts == attempts else MEANWHILE


def _title(job: int, there: Mapping[int, Any]) -> str:
    return f"Job {job} ({there[job].task})" if job in there else f"Job {job}"


def _message(refusal: Refusal | None) -> str:
    return refusal.message if refusal else "runs again"
