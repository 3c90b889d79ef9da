"""The worker of an embedded database as a process: `python -m datapulse_tui.jobs.child HOME`, started by a desk."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import logging.handlers
import os
import sys
import threading
import time
from pathlib import Path

from datapulse_tui.data.embedded import EmbeddedServer, locks, start
from datapulse_tui.data.worker_child import desks_lock, worker_lock

LOG_BYTES = 1_000_000
LOGS_KEPT = 2
LOCK_TRIES = 100
NICENESS = 5  # the desk comes first

logger = logging.getLogger(__name__)


def main(home: Path) -> int:
    """Work until the last desk of `home` has gone; returns the exit code. Ends at once when another child works."""
    os.umask(0o077)
    os.nice(NICENESS)
    lock = _lock(home)
    if lock is None:
        return 0
    from datapulse_tui.jobs.worker import log_to

    log_to(_log_file(home))
    try:
        server = start(home)
        asyncio.run(_work(home, server))
        server.release()
    except Exception:
        logger.exception("the worker ends")
        return 1
    finally:
        os.close(lock)
    return 0


def _lock(home: Path) -> int | None:
    """The lock of the home's one child; None when there is one already, or no desk any more that needs it."""
    for _ in range(LOCK_TRIES):
        lock = locks.take(worker_lock(home), shared=False)
        if lock is not None:
            break
        if locks.held(worker_lock(home)):
            return None
        time.sleep(0.01)  # a desk that looked whether there is a child had it for a moment
    else:
        return None
    no_desk = locks.take(desks_lock(home), shared=False)
    if no_desk is None:
        return lock
    os.close(no_desk)
    os.close(lock)
    return None


async def _work(home: Path, server: EmbeddedServer) -> None:
    from datapulse_tui.jobs.worker import WorkerOptions, stopped_by_signals, work

    async with stopped_by_signals() as stop:
        loop = asyncio.get_running_loop()

        def last_desk_gone() -> None:
            _wait_for_desks(home)
            logger.info("the last desk has gone")
            with contextlib.suppress(RuntimeError):  # the loop was closed: the worker ends anyway
                loop.call_soon_threadsafe(stop.set)

        # A daemon: when a signal ends the worker, nobody waits for the desks any more.
        threading.Thread(target=last_desk_gone, name="desks", daemon=True).start()
        logger.info("worker %s began", os.getpid())
        await work(server.app_url, WorkerOptions(), stop, revive=server.ensure)
        logger.info("worker %s ended", os.getpid())


def _wait_for_desks(home: Path) -> None:
    """Block until no desk holds the lock, without polling."""
    descriptor = os.open(desks_lock(home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def _log_file(home: Path) -> logging.Handler:
    path = home / "log" / "worker.log"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
