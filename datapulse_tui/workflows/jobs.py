"""Background work of requests: their effects, and what happens to them by itself when its time has come."""

from __future__ import annotations

from procrastinate import Blueprint, JobContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.data.database import Database
from datapulse_tui.data.job_context import borrow
from datapulse_tui.workflows.effects import EFFECTS, QUEUE

__all__ = ["EFFECTS", "QUEUE", "TIMERS", "blueprint", "due"]

TIMERS = "workflows:timers"

blueprint = Blueprint()

# Each part is answered by an index of its own.
_DUE = text(f"""
SELECT '{TIMERS}' AS job WHERE EXISTS (SELECT FROM workflows WHERE status = 'pending' AND timer_at <= now())
UNION ALL
SELECT '{EFFECTS}' WHERE EXISTS (
    SELECT FROM workflows WHERE effect_state = 'waiting' AND (timer_at IS NULL OR timer_at <= now()))
""")  # noqa: S608  (names of this module)


async def due(session: AsyncSession) -> tuple[str, ...]:
    """The jobs that have something to do now: for the pacemaker, which also finds what nobody was told of."""
    return tuple(await session.scalars(_DUE))


@blueprint.task(name="effects", queue=QUEUE, queueing_lock=EFFECTS, pass_context=True)
async def carry_out_effects(context: JobContext) -> None:
    """Carry out what was approved."""
    from datapulse_tui.workflows.effects import run_due

    await run_due(borrow(context, Database))


@blueprint.task(name="timers", queue=QUEUE, queueing_lock=TIMERS, pass_context=True)
async def run_timers(context: JobContext) -> None:
    """Make decisions final, remind, escalate and let expire."""
    from datapulse_tui.workflows.timers import run_due

    await run_due(borrow(context, Database))


@blueprint.task(name="delegation_turned", queue=QUEUE, pass_context=True)
async def tell_of_delegation(context: JobContext, delegation: str) -> None:
    """Tell the desks that somebody stands in from now on, or does not any more."""
    from uuid import UUID

    from datapulse_tui.workflows.service.delegations import turned

    async with borrow(context, Database).transaction() as session:
        await turned(session, UUID(delegation))
