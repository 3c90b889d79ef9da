"""A sender in a process of its own, for tests that kill it: it drains for ever, or never writes down what it sent."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.notify.lane import Lane
from datapulse_tui.notify.record import Tried
from datapulse_tui.notify.sender import Sender


async def never(lane: Lane, tried: list[Tried]) -> None:
    """Say that messages are through, and never write that down."""
    sys.stdout.write("sent\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def main() -> None:
    if sys.argv[1] == "never-records":
        Lane._record = never  # type: ignore[method-assign]
    data = Database(os.environ["SENDER_URL"])
    sender = Sender(data, SecretBox((os.environ["SENDER_KEY"],), Path(os.devnull)))
    while True:
        await sender.drain()
        await sender.idle()
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main())
