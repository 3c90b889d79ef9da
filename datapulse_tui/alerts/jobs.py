"""Background work of alerting: evaluation, timers, and the care of the metrics' history."""

from __future__ import annotations

from uuid import UUID

from procrastinate import Blueprint, JobContext
from sqlalchemy import text

from datapulse_tui.alerts import retention, telling, timers
from datapulse_tui.alerts.evaluation.evaluator import Evaluator
from datapulse_tui.config import Settings
from datapulse_tui.data.database import Database
from datapulse_tui.data.job_context import borrow
from datapulse_tui.notify import recheck

QUEUE = "alerts"
EVALUATE = "alerts:evaluate"
TIMERS = "alerts:timers"
SERIES_KEPT_SECONDS = 24 * 3600  # of series that are missing

blueprint = Blueprint()

# Whoever sends (the same workers) asks alerting before each message.
recheck.register(telling.no_longer)

# Label sets come and go (hosts, containers): without this, each that ever was would be read for every slot.
_FORGET = text("""
DELETE FROM alert_series WHERE state = 'normal' AND reason = 'missing_series'
                           AND since < now() - make_interval(secs => :seconds)
""")


@blueprint.task(name="evaluate", queue=QUEUE, pass_context=True)
async def evaluate(context: JobContext, source: str | None) -> None:
    """Evaluate the rules of a source that are due; a source that takes long goes on without the job."""
    await borrow(context, Evaluator).evaluate(UUID(source) if source else None)


@blueprint.task(name="timers", queue=QUEUE, pass_context=True)
async def run_timers(context: JobContext) -> None:
    """Repeat, escalate, and end snoozes whose time has come."""
    await timers.run_due(borrow(context, Database))


@blueprint.task(name="retention", queueing_lock="alerts:retention", pass_context=True)
async def keep_history(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  (cron gives it)
    """Roll up hours, drop old partitions and make coming ones; forget series that were long missing."""
    data, settings = borrow(context, Database), borrow(context, Settings)
    await retention.care(data, sample_days=settings.sample_days, hourly_days=settings.hourly_days)
    async with data.transaction() as session:
        await session.execute(_FORGET, {"seconds": SERIES_KEPT_SECONDS})
