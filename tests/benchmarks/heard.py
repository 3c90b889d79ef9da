"""How soon a desk shows what others committed: a new incident in an open inbox, and that its person was deactivated.

Real desks on (pseudo-)terminals; another process's commits through the services that people and workers use. From the
moment the commit is answered to the last byte that shows it, in seconds.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.alerts.episodes import Opening, open_many
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.people.service import activate, deactivate
from tests.benchmarks.bench_workspace import bench_server
from tests.benchmarks.figures import median, p95
from tests.benchmarks.recorder import Recorder
from tests.faults.support import World, make_world

Change = Callable[[AsyncSession], Awaitable[object]]

OPERATOR = Actor(None, "operator:benchmark@here", everything=True)
ROOM = "3"
OPEN = "Nothing is open"
TARGET = 1.0  # seconds
REST = 1.5  # seconds between two changes: a feed that has just told something waits a quarter of a second


def measure(rounds: int) -> dict[str, object]:
    """Medians and 95th percentiles."""
    with _workspace() as (home, world, url):
        return {
            "incident_in_the_inbox": _figures(_incidents(home, world, url, max(rounds * 3, 20))),
            "sign_in_after_a_deactivation": _figures(_deactivations(home, world, url, rounds)),
        }


def _figures(took: list[float]) -> dict[str, object]:
    found = p95(took, 3)
    return {"median_s": median(took, 3), "p95_s": found, "target_s": TARGET, "reached": found <= TARGET}


@contextmanager
def _workspace() -> Iterator[tuple[Path, World, str]]:
    with bench_server() as (settings, server):
        world = make_world(server.owner_url)
        world.execute(
            "INSERT INTO users (email, name, password, role, status) "
            "VALUES ('root@example.org', 'Root', '!', 'admin', 'active')"
        )
        yield settings.home, world, server.app_url


@contextmanager
def _desk(home: Path) -> Iterator[Recorder]:
    environment = {"DATAPULSE_HOME": str(home), "DATAPULSE_CONFIG": str(home / "config.toml")}
    command = [sys.executable, "-m", "tests.benchmarks.monitored", "desk", "ana@example.org", str(home / "late.json")]
    with Recorder(command, environment=environment, timeout=60) as terminal:
        terminal.wait("Nothing needs you")
        terminal.wait("live")
        terminal.settle(REST)
        yield terminal


def _incidents(home: Path, world: World, url: str, rounds: int) -> list[float]:
    query = world.query("orders")
    rules = [world.rule(query, name=f"rule {number:03}") for number in range(rounds)]
    took = []
    with _desk(home) as terminal:
        terminal.send(ROOM)
        terminal.wait(OPEN)
        for number, rule in enumerate(rules):
            terminal.settle(REST + random.uniform(0, 0.3))
            opening = Opening(rule, datetime.now(UTC), value=99.0)
            committed = asyncio.run(_commit(url, lambda session, opening=opening: open_many(session, [opening])))
            took.append(terminal.shown(lambda screen, name=f"rule {number:03}": name in screen, 0.4) - committed)
    return took


def _deactivations(home: Path, world: World, url: str, rounds: int) -> list[float]:
    async def out(session: AsyncSession) -> None:
        await deactivate(session, OPERATOR, world.owner)

    async def back(session: AsyncSession) -> None:
        await activate(session, OPERATOR, world.owner)

    world.execute("DELETE FROM alert_incidents")
    took = []
    for _ in range(rounds):
        with _desk(home) as terminal:
            committed = asyncio.run(_commit(url, out))
            took.append(terminal.shown(lambda screen: "Your session was ended" in screen, 0.4) - committed)
        asyncio.run(_commit(url, back))
    return took


async def _commit(url: str, change: Change) -> float:
    """When the commit of a change was answered."""
    data = Database(url)
    try:
        async with data.transaction() as session:
            await change(session)
        return time.perf_counter()
    finally:
        await data.dispose()
