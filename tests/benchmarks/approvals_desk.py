"""Another desk, in a process of its own: `python -m tests.benchmarks.approvals_desk URL EMAIL` hears the feed.

For each change of requests it prints one line of JSON: the ids, when it heard of them, and when it had read the queue
again (moments of `time.time`).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from datapulse_tui.data.database import Database
from datapulse_tui.data.feed import Changes, Feed
from datapulse_tui.people.actors import actor_for
from datapulse_tui.workflows.reads.queue import list_requests
from datapulse_tui.workflows.rules import WORKFLOWS_TOPIC


async def main(url: str, email: str) -> None:
    data = Database(url)
    async with data.reading() as session:
        actor = await actor_for(session, email)

    async def read() -> None:
        async with data.glance() as session:
            await list_requests(session, actor)

    async def changed(changes: Changes) -> None:
        heard = time.time()
        ids = sorted(changes.get(WORKFLOWS_TOPIC, ()))
        if ids:
            await read()
        print(json.dumps({"ids": ids, "heard": heard, "read": time.time()}), flush=True)

    await read()
    feed = Feed(url, on_change=changed)
    await feed.start()
    await asyncio.to_thread(sys.stdin.read)  # until the other end closes it
    await feed.stop()
    await data.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
