"""One of the processes that race for requests: it reads what to do, one line of JSON each, and says what came of it.

`{"who": [id, ...], ...}` first names the people, by index; then each order is `{"at": moment, "verb": ..., "who": ...,
"request": id, "version": n}`, carried out at the moment (of time.time) that both processes were given.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any
from uuid import UUID

from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import DataPulseError
from datapulse_tui.people.actors import actor_for
from datapulse_tui.workflows import effects, timers
from datapulse_tui.workflows.service import decisions, requests

FIELDS = {"subject": "changed", "text": "meanwhile"}


async def main() -> None:
    data = Database(os.environ["RACE_URL"], pool_size=1)
    try:
        async with data.reading() as session:
            people = [await actor_for(session, UUID(each)) for each in json.loads(sys.stdin.readline())]
        for line in sys.stdin:
            order = json.loads(line)
            # Awake and connected before the moment, and then at once: that is when it is a race.
            async with data.reading() as session:
                await session.execute(text("SELECT 1"))
            while time.time() < order["at"]:
                pass
            began = time.time()
            done, said = await carry_out(data, people, order)
            print(json.dumps({"done": done, "said": said, "began": began, "ended": time.time()}), flush=True)
    finally:
        await data.dispose()


async def carry_out(data: Database, people: list[Actor], order: dict[str, Any]) -> tuple[bool, str]:
    """Whether it was done, and what was said of it."""
    if order["verb"] == "work":
        return True, f"{await timers.run_due(data)} decided, {await effects.run_due(data)} effects"
    who, seen = people[order["who"]], [(UUID(order["request"]), order["version"])]
    try:
        async with data.transaction() as session:
            if order["verb"] == "approve":
                said = (await decisions.approve(session, who, seen))[0].message
            elif order["verb"] == "reject":
                said = (await decisions.reject(session, who, seen, "no"))[0].message
            elif order["verb"] == "undo":
                said = (await decisions.undo(session, who, seen))[0].message
            elif order["verb"] == "withdraw":
                said = (await requests.withdraw(session, who, seen))[0].message
            elif order["verb"] == "edit":
                await requests.edit(session, who, *seen[0], FIELDS)
                said = "changed"
            else:
                raise ValueError(order["verb"])
    except DataPulseError as error:
        return False, f"{type(error).__name__}: {error.message}"
    return True, said


if __name__ == "__main__":
    asyncio.run(main())
