"""What works on the database: workers, channels, sources, and the secrets that they need."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from datapulse_tui.operations.doctor.findings import Finding, bad, ok, skipped, warning
from datapulse_tui.operations.doctor.setup import Setup

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

ROUND_TRIP_WITHIN = 10.0  # seconds
LOOK_EVERY = 0.05
ONE = 8.0  # seconds for one channel or source
MOST = 20  # channels and sources that are looked at
TASK = "housekeeping:round_trip"

_ASKED = "SELECT id FROM procrastinate_jobs WHERE task_name = :task ORDER BY id DESC LIMIT 1"
_STATUS = "SELECT status::text FROM procrastinate_jobs WHERE id = :id"
_CHANNELS = "SELECT name, type, config FROM notification_channels WHERE is_active ORDER BY name LIMIT :most"
_SOURCES = "SELECT id, name FROM data_sources WHERE status <> 'inactive' ORDER BY name LIMIT :most"


async def workers(setup: Setup) -> Finding:
    """Whether anybody does the background work, and whether it is of this version."""
    from datapulse_tui import __version__
    from datapulse_tui.jobs import reads
    from datapulse_tui.people.operator import operator

    async with setup.database.reading() as session:
        found = [each for each in await reads.workers(session, operator()) if each.alive]
    setup.works = bool(found)
    if not found:
        starts = " (the embedded database's starts with the first desk)" if setup.known.embedded else ""
        return warning(
            "no worker runs",
            "Rules are not evaluated, nothing is sent, approvals are not carried out.",
            f"Start one: datapulse worker{starts}",
        )
    others = sorted({each.version for each in found if each.version and each.version != __version__})
    number = f"{len(found)} {'worker' if len(found) == 1 else 'workers'}"
    if others:
        return warning(
            f"{number}, some of version {', '.join(others)}",
            "They may not know what this version asks of them.",
            "Update and restart them.",
        )
    return ok(f"{number}: {', '.join(f'{each.pid}@{each.host}' for each in found if each.pid) or 'not named'}")


async def round_trip(setup: Setup) -> Finding:
    """A job that does nothing, from here through the queue and a worker."""
    from sqlalchemy import text

    from datapulse_tui.data.enqueue import enqueue

    if not setup.works:
        return skipped("no worker runs")
    data = setup.database
    began = time.perf_counter()
    async with data.transaction() as session:
        await enqueue(session, TASK, queue="default")
    async with data.reading() as session:
        job = (await session.execute(text(_ASKED), {"task": TASK})).scalar_one()
    status = "todo"
    while time.perf_counter() - began < ROUND_TRIP_WITHIN:
        async with data.reading() as session:
            status = (await session.execute(text(_STATUS), {"id": job})).scalar() or "gone"
        if status not in ("todo", "doing"):
            break
        await asyncio.sleep(LOOK_EVERY)
    took = time.perf_counter() - began
    if status == "succeeded":
        return ok(f"a job was done after {took * 1000:.0f} ms")
    return bad(
        f"a job stands as {status} after {took:.0f} s",
        "Workers beat but do not work, or only on other queues, or are of an older version.",
        "See their logs, and `datapulse health --part workers --part queues`.",
    )


async def stored_secrets(setup: Setup) -> Finding:
    """Every stored secret opens with the present key."""
    from datapulse_tui.data.resealing import standing
    from datapulse_tui.data.secrets import SecretBox

    async with setup.database.reading() as session:
        stores = await standing(session, SecretBox.from_settings(setup.known))
    rows, unreadable = sum(each.rows for each in stores), sum(each.unreadable for each in stores)
    earlier = sum(each.earlier for each in stores)
    if unreadable:
        return bad(
            f"the secrets of {unreadable} of {rows} rows cannot be opened with the key that is here",
            "Those sources and channels do not work.",
            "Bring the earlier key back (second in DATAPULSE_SECRET_KEY, or into the key file), or enter them again.",
        )
    if earlier:
        return warning(
            f"the secrets of {earlier} of {rows} rows stand under an earlier key",
            "They need that key for as long.",
            "Run: datapulse secrets rotate",
        )
    return ok(f"all {rows} open" if rows else "there are none")


async def channels(setup: Setup) -> Finding:
    """Mail servers are greeted, hosts of webhooks are looked up; nothing is sent."""
    from sqlalchemy import text

    async with setup.database.reading() as session:
        rows = (await session.execute(text(_CHANNELS), {"most": MOST})).all()
    if not rows:
        return warning("there is no channel", "Nobody is told when something fires.", "Add one: datapulse channel add")
    troubles = await _all([(row.name, _channel(setup, row)) for row in rows])
    if troubles:
        return bad(
            "; ".join(troubles), "What should be told through them waits or fails.", "See: datapulse channel test"
        )
    return ok(f"{len(rows)} answer")


async def _channel(setup: Setup, row: Any) -> str:
    from datapulse_tui.data.secrets import SecretBox
    from datapulse_tui.notify.channels.base import Result
    from datapulse_tui.notify.checking import check_channel

    outcome = await check_channel(SecretBox.from_settings(setup.known), row.type, row.config)
    return "" if outcome.result is Result.SENT else outcome.answer


async def sources(setup: Setup) -> Finding:
    """Each source is connected to."""
    from sqlalchemy import text

    from datapulse_tui.sources.pool import Sources

    async with setup.database.reading() as session:
        rows = (await session.execute(text(_SOURCES), {"most": MOST})).all()
    if not rows:
        return ok("there are none")
    pool = Sources.from_settings(setup.known)
    try:
        troubles = await _all([(row.name, _source(setup, pool, row.id)) for row in rows])
    finally:
        await pool.close()
    if troubles:
        return bad("; ".join(troubles), "Their dashboards and rules show errors.", "See: datapulse source check NAME")
    return ok(f"{len(rows)} answer")


async def _source(setup: Setup, pool: Any, source: Any) -> str:
    from datapulse_tui.sources.reads import source_handle

    async with setup.database.reading() as session:
        handle = await source_handle(session, source)
    await pool.check(handle)
    return ""


async def _all(looks: Sequence[tuple[str, Awaitable[str]]]) -> list[str]:
    """What is wrong with each, under its name; one that takes too long or fails is wrong."""
    from datapulse_tui.errors import DataPulseError

    async def one(name: str, look: Awaitable[str]) -> str:
        try:
            async with asyncio.timeout(ONE):
                said = await look
        except TimeoutError:
            said = f"no answer within {ONE:.0f} s"
        except DataPulseError as error:
            said = error.message
        return f"{name}: {said}" if said else ""

    return [said for said in await asyncio.gather(*(one(name, look) for name, look in looks)) if said]
