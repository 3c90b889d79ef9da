"""Background jobs that are asked for inside a transaction: they exist if it commits, and never else.

Writes procrastinate's own table (3.10) without importing procrastinate, which would cost the desk 0.3 s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session, SessionTransaction

_WAITING = "datapulse.jobs"  # where a session keeps what its commit has to queue

# A job that waits under the same queueing lock is not added again but locked until this transaction ends, so that no
# worker (they SKIP LOCKED) takes it before it can see what this transaction wrote, and it is brought forward to the
# earlier of the two times. Workers that passed over it meanwhile are woken as if it were new.
_QUEUE_JOBS = """
WITH queued AS (
    INSERT INTO procrastinate_jobs AS waiting (queue_name, task_name, queueing_lock, args, scheduled_at)
    SELECT queue_name, task_name, queueing_lock, args, scheduled_at
    FROM jsonb_to_recordset(CAST(:jobs AS jsonb)) AS job(
        queue_name text, task_name text, queueing_lock text, args jsonb, scheduled_at timestamptz)
    ORDER BY queueing_lock
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO UPDATE SET scheduled_at = CASE
        WHEN waiting.scheduled_at IS NULL OR excluded.scheduled_at IS NULL THEN NULL
        ELSE least(waiting.scheduled_at, excluded.scheduled_at) END
    RETURNING id, queue_name
), payload AS (
    SELECT queue_name, json_build_object('type', 'job_inserted', 'job_id', id)::text AS body FROM queued
)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name, body), pg_notify('procrastinate_any_queue_v1', body)
FROM payload
"""


@dataclass(frozen=True, slots=True)
class _Job:
    queue_name: str
    task_name: str
    queueing_lock: str | None
    args: Mapping[str, object]
    scheduled_at: str | None
    inside: tuple[SessionTransaction, ...]  # the savepoints and the transaction that asked for it

    def row(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "inside"}


async def enqueue(
    session: AsyncSession,
    name: str,
    *,
    queue: str = "default",
    queueing_lock: str | None = None,
    schedule_at: datetime | None = None,
    **args: object,
) -> None:
    """Have a worker run the task `name` with `args` (JSON and UUIDs) after the transaction of `session` commits.

    With a `queueing_lock` at most one such job waits: a second call wakes that one, with the arguments of the first
    and at the earlier time, and it is sure to see what this transaction wrote. The job is written as the last
    statement before the commit: everybody who queues under one lock takes its row, and must not hold it while asking
    for others. Rolling back (a savepoint, too) takes the job back.

    Raises TypeError for arguments that are not JSON and ValueError for a time without a zone.
    """
    if schedule_at is not None and schedule_at.tzinfo is None:
        raise ValueError("schedule_at needs a time zone")
    sync_session = session.sync_session
    if not sync_session.in_transaction():
        sync_session.begin()
    job = _Job(
        queue_name=queue,
        task_name=name,
        queueing_lock=queueing_lock,
        args=json.loads(json.dumps(args, default=_plain)),
        scheduled_at=schedule_at.isoformat() if schedule_at else None,
        inside=_transactions(sync_session),
    )
    _waiting(sync_session).append(job)


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"a job cannot take a {type(value).__name__} as argument")


def _transactions(session: Session) -> tuple[SessionTransaction, ...]:
    found = []
    transaction = session.get_nested_transaction() or session.get_transaction()
    while transaction is not None:
        found.append(transaction)
        transaction = transaction.parent
    return tuple(found)


def _waiting(session: Session) -> list[_Job]:
    """The session's list of jobs to queue; its first use arranges for the commit and for rollbacks."""
    found = session.info.get(_WAITING)
    if isinstance(found, list):
        return found
    from sqlalchemy import event

    jobs: list[_Job] = []
    session.info[_WAITING] = jobs
    event.listen(session, "before_commit", _queue)
    event.listen(session, "after_soft_rollback", _forget)
    return jobs


def _queue(session: Session) -> None:
    """Before the commit of the whole transaction (not of a savepoint): write the jobs, in one statement."""
    waiting = _waiting(session)
    if not waiting or session.in_nested_transaction():
        return
    # What a closed transaction of the same session left behind was rolled back with it.
    jobs = [job for job in waiting if session.get_transaction() in job.inside]
    waiting.clear()
    from sqlalchemy import text

    session.flush()
    rows: dict[object, dict[str, object]] = {}
    for position, job in enumerate(jobs):
        key = job.queueing_lock if job.queueing_lock is not None else position
        kept = rows.setdefault(key, job.row())
        if job.queueing_lock is not None:
            kept["scheduled_at"] = _earlier(kept["scheduled_at"], job.scheduled_at)
    if rows:
        session.execute(text(_QUEUE_JOBS), {"jobs": json.dumps(list(rows.values()))})


def _earlier(one: object, other: str | None) -> str | None:
    """The earlier of two times; None means at once."""
    if not isinstance(one, str) or other is None:
        return None
    return min(one, other, key=datetime.fromisoformat)


def _forget(session: Session, ended: SessionTransaction) -> None:
    """After a rollback: jobs that were asked for inside it were never asked for."""
    jobs = _waiting(session)
    jobs[:] = [job for job in jobs if ended not in job.inside]
