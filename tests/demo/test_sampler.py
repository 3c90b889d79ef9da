"""Samples of the statistics: what happened between two readings, taken by a companion that ends with its desk."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from datapulse_tui.data.connect import Connection
from datapulse_tui.data.embedded import locks
from datapulse_tui.demo import sampler, workload
from datapulse_tui.demo.companion import start_companion
from datapulse_tui.demo.sampler import Reading, between
from datapulse_tui.demo.tables import demo_url
from datapulse_tui.demo.workspace import sample_folder
from tests.databases import dsn

START = datetime(2026, 3, 1, tzinfo=UTC)


def reading(seconds: float, count: int, **io: tuple[int, int]) -> Reading:
    return Reading(START + timedelta(seconds=seconds), (count,) * 6, (1, 2, 0, 9000), io)


def test_a_sample_is_what_happened_between_two_readings():
    sample = between(reading(0, 10, client=(8192, 0)), reading(2, 50, client=(8192, 4096), walwriter=(0, 0)))
    assert sample is not None
    assert sample.row == (START + timedelta(seconds=2), 2.0, *(40,) * 6, 1, 2, 0, 9000)
    assert sample.io == ((START + timedelta(seconds=2), "client", 0, 4096),)


def test_what_cannot_be_told_is_no_sample():
    assert between(reading(0, 50), reading(2, 10)) is None  # the statistics were reset
    assert between(reading(0, 10), reading(3600, 50)) is None  # the machine slept
    assert between(reading(2, 10), reading(2, 10)) is None
    assert between(reading(2, 10), reading(0, 50)) is None  # the clock was set back


def test_the_workload_moves_and_stays_small():
    wave = [workload.transactions(tick) for tick in range(600)]
    assert 2 <= min(wave) < 8 < 20 < max(wave) <= 30


async def count(connection: Connection) -> int:
    reader = await psycopg.AsyncConnection.connect(dsn(demo_url(connection.addresses.owner)), autocommit=True)
    async with reader:
        row = await (await reader.execute("SELECT count(*) FROM demo.pg_samples WHERE commits > 0")).fetchone()
    assert row is not None
    return int(row[0])


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as `true` is; fail when it is not within half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if await true():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never came true")


async def until(connection: Connection, more_than: int) -> None:
    async def more() -> bool:
        return await count(connection) > more_than

    await eventually(more)


async def until_held(lock: Path, *, held: bool) -> None:
    async def so() -> bool:
        return locks.held(lock) == held

    await eventually(so)


async def test_sampling_goes_on_after_the_database_was_away(demo: Connection):
    stop = asyncio.Event()
    monitor, url = str(demo.addresses.monitor), demo_url(demo.addresses.owner)
    task = asyncio.create_task(sampler.sample_forever(monitor, url, sample_folder(demo.settings.home), stop))
    try:
        await until(demo, await count(demo))
        killer = await psycopg.AsyncConnection.connect(
            dsn(url.replace("datapulse_demo", "datapulse_super")), autocommit=True
        )
        async with killer:
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name IN ('datapulse sampler', 'datapulse workload')"
            )
        await until(demo, await count(demo) + 1)
    finally:
        stop.set()
        await task


async def test_one_of_several_companions_works_and_each_ends_with_its_desk(demo: Connection):
    lock = demo.settings.home / "demo.lock"
    first = await start_companion(demo)
    await until(demo, await count(demo))
    assert locks.held(lock)
    second = await start_companion(demo)
    await first.stop()
    await until_held(lock, held=True)
    await second.stop()
    assert not locks.held(lock)


async def test_a_companion_ends_when_its_desk_is_killed(demo: Connection):
    lock = demo.settings.home / "demo.lock"
    code = """
import asyncio, sys
from pathlib import Path
from datapulse_tui.config import Settings
from datapulse_tui.demo.companion import start_companion
from datapulse_tui.demo.workspace import demo_settings, open_demo
async def desk():
    connection = await open_demo(demo_settings(Settings(home=Path(sys.argv[1]))))
    await start_companion(connection)
    await asyncio.Event().wait()
asyncio.run(desk())
"""
    desk = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(demo.settings.home.parent))
    try:
        await until_held(lock, held=True)
    finally:
        desk.kill()
        await desk.wait()
    await until_held(lock, held=False)
