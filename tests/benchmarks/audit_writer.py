"""One of the writers of the benchmark `audit_writers`: a process that does one change after the other while it is told.

Arguments: the application's address, the id of the person it acts as, and what it does (`profile` or `minimal`).
Each line on stdin is `audit SECONDS` or `plain SECONDS`; the answer is how many changes were committed, and how many
seconds of processor time they took here and in the server's process of this connection.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.audit import service
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role
from datapulse_tui.people.service import set_profile

Change = Callable[[AsyncSession, Actor, int], Awaitable[None]]


async def _profile(session: AsyncSession, actor: Actor, number: int) -> None:
    """A verb as the desk calls it: look up, lock, change, record, tell."""
    assert actor.user_id is not None
    await set_profile(session, actor, actor.user_id, name=f"Person {number}")


async def _minimal(session: AsyncSession, actor: Actor, number: int) -> None:
    """The least that a change can be: one statement, and its record."""
    await session.execute(
        text("UPDATE users SET name = :name WHERE id = :id"), {"name": f"Person {number}", "id": actor.user_id}
    )
    await service.record(
        session, actor, "user.profile_changed", "user", actor.user_id,
        before={"name": f"Person {number - 1}"}, after={"name": f"Person {number}"},
    )  # fmt: skip


CHANGES: dict[str, Change] = {"profile": _profile, "minimal": _minimal}


async def _no_record(*_: Any, **__: Any) -> None:
    """What takes the place of `record` when there is no audit."""


def switch(record: Any) -> None:
    """Put `record` wherever the program has a hold of it."""
    for module in [*sys.modules.values()]:
        held = getattr(module, "record", None) if module.__name__.startswith("datapulse_tui.") else None
        if getattr(held, "__name__", "") in ("record", "_no_record"):
            module.record = record  # type: ignore[attr-defined]


def _server_time(pid: int) -> float:
    """Seconds that the server's process has worked; 0 where it cannot be seen."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def main(url: str, person: str, what: str) -> None:
    data, change, original = Database(url, pool_size=1), CHANGES[what], service.record
    actor = Actor(UUID(person), "Writer", ROLE_PERMISSIONS[Role.ADMIN], role=Role.ADMIN, ip_address="10.0.0.1",
                  user_agent="benchmark")  # fmt: skip
    number = 0
    async with data.reading() as session:
        pid = int(await session.scalar(text("SELECT pg_backend_pid()")))
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        mode, seconds = line.split()
        switch(original if mode == "audit" else _no_record)
        done, until = 0, time.perf_counter() + float(seconds)
        here, there = time.process_time(), _server_time(pid)
        while time.perf_counter() < until:
            number += 1
            async with data.transaction() as session:
                await change(session, actor, number)
            done += 1
        sys.stdout.write(f"{done} {time.process_time() - here} {_server_time(pid) - there}\n")
        sys.stdout.flush()
    await data.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
