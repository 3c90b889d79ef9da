"""A worker whose leases are short, so that tests need not wait long for those of killed ones."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from datapulse_tui.alerts.evaluation.model import Limits
from datapulse_tui.jobs.worker import WorkerOptions, log_to, stopped_by_signals, work

LEASE = 2.0


async def main() -> None:
    log_to(logging.StreamHandler(sys.stderr), "WARNING")
    options = WorkerOptions(stalled_after=1.5, evaluation=Limits(lease=LEASE, renew=LEASE / 3))
    async with stopped_by_signals() as stop:
        await work(os.environ["WORKER_URL"], options, stop)


if __name__ == "__main__":
    asyncio.run(main())
