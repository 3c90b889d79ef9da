"""Workers for tests: in this process, or in one of their own that can be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import text

from datapulse_tui.data.database import Database
from datapulse_tui.jobs.worker import WorkerOptions, work
from tests.databases import dsn
from tests.jobs import tasks

ROOT = Path(__file__).resolve().parents[2]


def make_tables(owner_url: str) -> None:
    """The table that the tests' tasks write into."""
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute(tasks.TABLES)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Wait until `condition` holds; TimeoutError when it does not."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  (nobody tells us)
            await asyncio.sleep(0.02)


async def notes(data: Database) -> list[str]:
    """What the tasks wrote, in order."""
    async with data.reading() as session:
        return list(await session.scalars(text("SELECT words FROM notes ORDER BY id")))


async def jobs(data: Database) -> list[tuple[str, str]]:
    """(task, status) of every job, in order."""
    async with data.reading() as session:
        rows = await session.execute(text("SELECT task_name, status::text FROM procrastinate_jobs ORDER BY id"))
        return [(row[0], row[1]) for row in rows]


async def has_workers(data: Database, number: int) -> bool:
    """Whether so many workers are registered."""
    async with data.reading() as session:
        return await session.scalar(text("SELECT count(*) FROM procrastinate_workers")) == number


@asynccontextmanager
async def working(url: str, options: WorkerOptions | None = None) -> AsyncIterator[asyncio.Event]:
    """A worker in this process, registered and idle or busy; gives its stop event."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(url, options or WorkerOptions(), stop))
    data = Database(url)
    try:
        await until(lambda: has_workers(data, 1))
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 15)
        await data.dispose()


@contextmanager
def worker_process(url: str, *, stalled_after: float = 30) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, killed at the end if it still lives."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.worker_process", str(stalled_after)],
        env=os.environ | {"WORKER_URL": url},
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
