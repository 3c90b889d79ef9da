"""The embedded database's worker: one for all desks, gone with the last of them, back when it was killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from datapulse_tui.config import Settings, load_settings
from datapulse_tui.data import embedded, worker_child
from datapulse_tui.data.connect import connect
from datapulse_tui.data.embedded import locks
from datapulse_tui.data.worker_child import WorkerKeeper, ensure_worker, worker_lock
from datapulse_tui.data.worker_health import worker_health
from tests.jobs.support import ROOT, until

DESK = """
import asyncio
from datapulse_tui.config import load_settings
from datapulse_tui.data.worker_child import ensure_worker

async def desk():
    await ensure_worker(load_settings())
    print("open", flush=True)
    await asyncio.Event().wait()

asyncio.run(desk())
"""


@pytest.fixture
async def settings(home: Path) -> AsyncIterator[Settings]:
    """A home whose embedded database is migrated, gone afterwards."""
    found = load_settings()
    connection = await connect(found)
    await connection.data.dispose()
    yield found
    await asyncio.to_thread(embedded.erase, home)


def child_pids(home: Path) -> list[int]:
    """The children of this home that have begun to work, from their log."""
    log = home / "log" / "worker.log"
    return [int(pid) for pid in re.findall(r"worker (\d+) began", log.read_text())] if log.exists() else []


async def began(home: Path, number: int) -> bool:
    return len(child_pids(home)) == number


async def workers(settings: Settings, number: int) -> bool:
    connection = await connect(settings)
    try:
        async with connection.data.reading() as session:
            return (await worker_health(session)).workers == number
    finally:
        await connection.data.dispose()


async def free(home: Path) -> bool:
    return not locks.held(worker_lock(home))


async def test_one_child_for_all_desks_until_the_last_has_gone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_child, "FIRST_PAUSE", 0.1)
    home = settings.home
    ours = WorkerKeeper(home, look_every=0.1)
    process = subprocess.Popen([sys.executable, "-c", DESK], cwd=ROOT, stdout=subprocess.PIPE)  # noqa: ASYNC220
    another = await ensure_worker(settings)
    assert another is not None
    try:
        await ours.start()
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"open\n"
        await until(lambda: workers(settings, 1))
        assert len(child_pids(home)) == 1
        assert ours.running

        os.kill(child_pids(home)[0], signal.SIGKILL)
        await until(lambda: began(home, 2))
        await until(lambda: runs(ours))

        await another.stop()
        await ours.stop()
        assert process.poll() is None
        assert not await free(home)
    finally:
        process.kill()
        process.wait()
        await another.stop()
        await ours.stop()
    await until(lambda: free(home))
    assert len(child_pids(home)) == 2
    assert await workers(settings, 1)  # the one that was killed still counts for half a minute, the other said good-bye
    log = (home / "log" / "worker.log").read_text()
    assert "the last desk has gone" in log
    assert (home / "log" / "worker.log").stat().st_mode & 0o077 == 0


async def runs(keeper: WorkerKeeper) -> bool:
    return keeper.running


async def test_a_child_that_cannot_start_is_tried_less_and_less(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_child, "FIRST_PAUSE", 0.1)
    keeper = WorkerKeeper(home, command=[sys.executable, "-c", "import sys; sys.exit('no')"], look_every=0.01)
    starts: list[float] = []
    spawn = keeper._spawn

    def noted() -> subprocess.Popen[bytes]:
        starts.append(time.monotonic())
        return spawn()

    monkeypatch.setattr(keeper, "_spawn", noted)
    await keeper.start()

    async def four() -> bool:
        return len(starts) >= 4

    async def told() -> bool:
        return (home / "log" / "worker.err").read_text() == "no\n"

    try:
        await until(four)
    finally:
        await keeper.stop()
    for pause, one, other in zip((0.1, 0.2, 0.4), starts, starts[1:4], strict=False):
        assert other - one > pause * 0.99
    await until(told)


async def test_a_shared_server_gets_no_child(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert await ensure_worker(load_settings()) is None
    assert not (home / "desks.lock").exists()
