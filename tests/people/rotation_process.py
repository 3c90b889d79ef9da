"""A rotation in a process of its own, for tests that kill it: it says each step, and takes small ones."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data import resealing
from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.people import secret_rotation


def told(step: resealing.Step) -> None:
    sys.stdout.write(f"{step.store.table} {step.seen}\n")
    sys.stdout.flush()


async def main() -> None:
    resealing.BATCH = 7
    data = Database(os.environ["ROTATION_URL"])
    actor = Actor(None, "operator:tester@here", everything=True)
    await secret_rotation.rotate(data, actor, SecretBox(None, Path(os.environ["ROTATION_KEY"])), told)
    await data.dispose()


if __name__ == "__main__":
    asyncio.run(main())
