"""Reading the parts: each in a transaction of its own and within its own time, so that one that fails fails alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from datapulse_tui.errors import DataPulseError, Invalid
from datapulse_tui.operations.health.parts import Part, State
from datapulse_tui.operations.health.places import Process

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database

log = logging.getLogger(__name__)

VIEW = "health:view"
PATIENCE = 10.0  # seconds for one part
AT_ONCE = 3  # parts that are read at the same time: health must not take the connections that it counts

TITLES = {
    "workers": "Workers",
    "queues": "Queues",
    "jobs": "Failed jobs",
    "deliveries": "Deliveries",
    "evaluation": "Evaluation",
    "sources": "Sources",
    "pools": "This process",
    "database": "Database",
    "versions": "Versions",
}

Reading = Callable[["AsyncSession", "Actor"], Awaitable[Part]]


async def health(
    data: Database, actor: Actor, *, process: Process | None = None, only: Sequence[str] = ()
) -> tuple[Part, ...]:
    """All parts, or `only` those, in their order. A part that cannot be read says why and stands as unknown.

    Raises NotAllowed without `health:view`, Invalid for a part that there is none of. Never for a database that is
    away: then every part says so.
    """
    actor.require(VIEW, "see how everything is")
    unknown = [name for name in only if name not in TITLES]
    if unknown:
        raise Invalid(f"There is no part called {', '.join(unknown)}.", hint=f"There are: {', '.join(TITLES)}.")
    wanted = [name for name in TITLES if not only or name in only]
    turns = asyncio.Semaphore(AT_ONCE)
    readings = _readings(process or Process(data.pool()))

    async def one(name: str) -> Part:
        async with turns:
            return await _read(data, actor, name, readings[name])

    return tuple(await asyncio.gather(*(one(name) for name in wanted)))


def _readings(process: Process) -> dict[str, Reading]:
    from datapulse_tui.operations.health import database, places, work

    return {
        "workers": work.workers,
        "queues": work.queues,
        "jobs": work.failed_jobs,
        "deliveries": work.deliveries,
        "evaluation": work.evaluation,
        "sources": lambda session, actor: places.sources(session, actor, process),
        "pools": lambda session, actor: places.pools(session, actor, process),
        "database": database.database,
        "versions": places.versions,
    }


async def _read(data: Database, actor: Actor, name: str, reading: Reading) -> Part:
    try:
        async with asyncio.timeout(PATIENCE), data.reading() as session:
            return await reading(session, actor)
    except TimeoutError:
        reason = f"no answer within {PATIENCE:.0f} s"
    except DataPulseError as error:
        reason = error.message
    except Exception as error:
        log.exception("the part %s of the health could not be read", name)
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return Part(name, TITLES[name], State.UNKNOWN, f"could not be read: {reason}")
