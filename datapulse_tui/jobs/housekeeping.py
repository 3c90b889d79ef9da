"""The queue's own work: put back what a dead worker left, and throw away what nobody looks at any more."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

from procrastinate import Blueprint, JobContext
from sqlalchemy import delete, func, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.data.database import Database
from datapulse_tui.data.job_context import borrow
from datapulse_tui.data.models.people import SignInAttempt
from datapulse_tui.jobs import failures

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5  # a job that killed this many workers is not given to another
SUCCEEDED_HOURS = 1
FINISHED_HOURS = 7 * 24  # failed, cancelled and aborted jobs: long enough for somebody to ask
SIGN_IN_ATTEMPTS_KEPT = timedelta(days=1)

blueprint = Blueprint()

# The locks make two workers that look at the same time take different jobs: without them the second could put back
# what a third is already doing again.
_STALLED = text("""
    SELECT job.id, job.queue_name, job.task_name, job.attempts
    FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing'
      AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => :stalled_after))
    ORDER BY job.id
    FOR UPDATE OF job SKIP LOCKED
""")
# The queue wakes workers for jobs that are new, not for those that come back.
_RETRY = text("""
    SELECT procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL),
           pg_notify('procrastinate_queue_v1#' || CAST(:queue AS text), payload),
           pg_notify('procrastinate_any_queue_v1', payload)
    FROM (SELECT json_build_object('type', 'job_inserted', 'job_id', CAST(:id AS bigint))::text AS payload) woken
""")
_FINISH = text("SELECT procrastinate_finish_job_v1(:id, CAST(:status AS procrastinate_job_status), false)")
_GIVE_UP = text("UPDATE procrastinate_jobs SET args = args || CAST(:why AS jsonb) WHERE id = :id")
GIVEN_UP = f"It lost its worker {MOST_ATTEMPTS} times; each died or was killed while it did this job."


async def put_stalled_jobs_back(session: AsyncSession, *, stalled_after: float) -> int:
    """Queue again what workers without a heartbeat for `stalled_after` seconds were doing; returns how many jobs.

    A job whose queueing lock is taken by one that waits is ended instead (the waiting one does its work), and so is a
    job that had `MOST_ATTEMPTS`.
    """
    put_back = 0
    for job in (await session.execute(_STALLED, {"stalled_after": stalled_after})).all():
        if job.attempts + 1 >= MOST_ATTEMPTS:
            await session.execute(_GIVE_UP, {"id": job.id, "why": json.dumps({failures.KEY: GIVEN_UP})})
            await session.execute(_FINISH, {"id": job.id, "status": "failed"})
            logger.error("job %s (%s) lost its worker %s times and is given up", job.id, job.task_name, MOST_ATTEMPTS)
            continue
        try:
            async with session.begin_nested():
                await session.execute(_RETRY, {"id": job.id, "queue": job.queue_name})
        except IntegrityError:
            await session.execute(_FINISH, {"id": job.id, "status": "aborted"})
            logger.info("job %s (%s) lost its worker; another one waits in its place", job.id, job.task_name)
        else:
            put_back += 1
            logger.warning("job %s (%s) lost its worker and is queued again", job.id, job.task_name)
    return put_back


@blueprint.task(name="round_trip")
async def round_trip() -> None:
    """Do nothing: who asked for it sees that a worker takes jobs and ends them."""


@blueprint.task(name="prune_jobs", queueing_lock="housekeeping:prune_jobs", pass_context=True)
async def prune_jobs(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  (cron gives it)
    """Remove finished jobs and their events."""
    jobs = context.app.job_manager
    await jobs.delete_old_jobs(nb_hours=SUCCEEDED_HOURS)
    await jobs.delete_old_jobs(
        nb_hours=FINISHED_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )


@blueprint.task(name="prune_sign_in_attempts", queueing_lock="housekeeping:prune_sign_in_attempts", pass_context=True)
async def prune_sign_in_attempts(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  (cron gives it)
    """Remove failed sign-ins that no delay counts any more."""
    async with borrow(context, Database).transaction() as session:
        await session.execute(
            delete(SignInAttempt).where(SignInAttempt.created_at < func.now() - SIGN_IN_ATTEMPTS_KEPT)
        )


@blueprint.task(name="close_lost_sessions", queueing_lock="housekeeping:close_lost_sessions", pass_context=True)
async def close_lost_sessions(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  (cron gives it)
    """End the sessions of desks that were not heard of for ten minutes."""
    from datapulse_tui.people.sessions import CLOSED_AT_ONCE, close_lost

    closed = CLOSED_AT_ONCE
    while closed == CLOSED_AT_ONCE:
        async with borrow(context, Database).transaction() as session:
            closed = await close_lost(session)
