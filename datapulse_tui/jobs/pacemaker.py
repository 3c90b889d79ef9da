"""The pacemaker of a worker: asks about once a second what is due, and queues a job for it.

Any number of workers may do so: a queueing lock makes what several ask for one job. Rules that are being evaluated have
a lease and are not due.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from sqlalchemy import text

from datapulse_tui.alerts.evaluation.due import Due, bring_back, due
from datapulse_tui.alerts.jobs import EVALUATE, QUEUE, TIMERS
from datapulse_tui.data.enqueue import enqueue
from datapulse_tui.workflows import jobs as workflows

if TYPE_CHECKING:
    from datapulse_tui.data.database import Database

logger = logging.getLogger(__name__)

BEAT = 1.0  # seconds between two looks; the next slot may be sooner
SHORTEST_BEAT = 0.1
LOOK_AT_CLOCK_EVERY = 60.0
DRAIN = "notify:drain"
DELIVERIES_QUEUE = "deliveries"

_DELIVERIES = text("""
SELECT EXISTS (SELECT FROM deliveries WHERE status = 'pending' AND due_at <= now())
    OR EXISTS (SELECT FROM deliveries WHERE status = 'sending' AND lease_until <= now())
""")


async def run_pacemaker(data: Database, stop: asyncio.Event) -> None:
    """Beat until `stop`. Raises what the database raises."""
    loop = asyncio.get_running_loop()
    looked_at_clock = loop.time() - LOOK_AT_CLOCK_EVERY
    while not stop.is_set():
        if loop.time() - looked_at_clock >= LOOK_AT_CLOCK_EVERY:
            looked_at_clock = loop.time()
            await _look_at_clock(data)
        found = await beat(data)
        pause = BEAT if found.next_in is None else min(BEAT, max(SHORTEST_BEAT, found.next_in))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()


async def beat(data: Database) -> Due:
    """Queue jobs for what is due now; returns what alerting said."""
    async with data.reading() as session:
        found = await due(session)
        deliveries = bool((await session.execute(_DELIVERIES)).scalar_one())
        requests = await workflows.due(session)
    if found.sources or found.timers or deliveries or requests:
        async with data.transaction() as session:
            for source in found.sources:
                lock = f"{EVALUATE}:{source or 'none'}"
                await enqueue(session, EVALUATE, queue=QUEUE, queueing_lock=lock, source=source and str(source))
            if found.timers:
                await enqueue(session, TIMERS, queue=QUEUE, queueing_lock=TIMERS)
            if deliveries:
                await enqueue(session, DRAIN, queue=DELIVERIES_QUEUE, queueing_lock=DRAIN)
            for job in requests:
                await enqueue(session, job, queue=workflows.QUEUE, queueing_lock=job)
    return found


async def _look_at_clock(data: Database) -> None:
    async with data.transaction() as session:
        rules = await bring_back(session)
    if rules:
        logger.warning("the database's clock was put back: %s rules waited for times that are far away, now due", rules)
