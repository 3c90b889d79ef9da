"""The outbox's background work: sending what is due, and throwing away what is old."""

from __future__ import annotations

from datetime import timedelta

from procrastinate import Blueprint, JobContext

from datapulse_tui.config import Settings
from datapulse_tui.data.database import Database
from datapulse_tui.data.job_context import borrow
from datapulse_tui.notify.pruning import prune as prune_deliveries
from datapulse_tui.notify.sender import Sender

blueprint = Blueprint()


@blueprint.task(name="drain", queue="deliveries", queueing_lock="notify:drain", pass_context=True)
async def drain(context: JobContext) -> None:
    """Have what is due sent. The worker lends a Sender, and closes it after its last job."""
    await borrow(context, Sender).drain()


@blueprint.task(name="prune", queueing_lock="notify:prune", pass_context=True)
async def prune(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  (cron gives it)
    """Remove deliveries and attempts that are older than the settings have them kept."""
    await prune_deliveries(borrow(context, Database), timedelta(days=borrow(context, Settings).delivery_days))
