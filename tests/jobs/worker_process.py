"""A worker with the tests' tasks, stopped by signals as `datapulse worker` is."""

from __future__ import annotations

import asyncio
import os
import sys

from datapulse_tui.jobs.worker import WorkerOptions, stopped_by_signals, work
from tests.jobs import tasks  # noqa: F401  (registers them)


async def main() -> None:
    async with stopped_by_signals() as stop:
        await work(os.environ["WORKER_URL"], WorkerOptions(stalled_after=float(sys.argv[1])), stop)


if __name__ == "__main__":
    asyncio.run(main())
