"""The worker of an embedded database: one child process for a home, from its first desk to its last.

Two lock files in the home say all there is to know, and a killed process holds none of them: every desk holds
`desks.lock` shared, the child holds `worker.lock` alone and ends when it can have `desks.lock` alone, too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from datapulse_tui.config_files import ENVIRONMENT_PREFIX, inherited
from datapulse_tui.data.embedded import locks

if TYPE_CHECKING:
    from datapulse_tui.config import Settings

logger = logging.getLogger(__name__)

CHILD_MODULE = "datapulse_tui.jobs.child"
LOOK_EVERY = 5.0  # seconds between two looks whether the child lives
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
SETTLED = 60.0  # a child that lived this long starts the pauses anew
LOCK_PATIENCE = 5.0


def desks_lock(home: Path) -> Path:
    """The file that every desk of `home` locks shared."""
    return home / "desks.lock"


def worker_lock(home: Path) -> Path:
    """The file that the child of `home` locks alone."""
    return home / "worker.lock"


def child_command(home: Path) -> list[str]:
    """How the child is started; `-P` keeps the folder it is started in off the module path."""
    return [sys.executable, "-P", "-m", CHILD_MODULE, str(home)]


def child_environment(settings: Settings) -> dict[str, str]:
    """What the child is told of `settings`, which are not always those of this process's environment (the demo's are
    not): where its secret key lies, which folders its sources may read, and that its database is the home's own."""
    folders = os.pathsep.join(str(folder) for folder in settings.allowed_csv_folders)
    nothing = dict.fromkeys(("DATABASE_URL", "DIRECT_URL", "OWNER_URL"), "")
    told = {"HOME": str(settings.home), "ALLOWED_CSV_FOLDERS": folders, **nothing}
    return {f"{ENVIRONMENT_PREFIX}{name}": value for name, value in told.items()}


async def ensure_worker(settings: Settings) -> WorkerKeeper | None:
    """See that the embedded database of `settings` has a worker for as long as this desk lives.

    Returns the keeper to `stop` when the desk closes, or None with a shared server, whose workers are run on their own
    (`datapulse worker`). Call it after the first paint: it starts a process, off the event loop.
    """
    if not settings.embedded:
        return None
    keeper = WorkerKeeper(settings.home, environment=child_environment(settings))
    await keeper.start()
    return keeper


class WorkerKeeper:
    """A desk's hold on the worker of its home: starts the child when there is none, again when it died.

    Several keepers of one home, in one or many processes, make one child: the second gets no lock and ends itself.
    """

    def __init__(
        self,
        home: Path,
        *,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._home = home
        self._environment = dict(environment)
        self._command = list(command or child_command(home))
        self._look_every = look_every
        self._desk: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._pause = FIRST_PAUSE

    @property
    def running(self) -> bool:
        """Whether a child holds the home's lock now."""
        return locks.held(worker_lock(self._home))

    async def start(self) -> None:
        """Count as a desk, and start the child unless there is one. A child that cannot start is logged."""
        self._desk = await asyncio.to_thread(locks.wait_for, desks_lock(self._home), shared=True, seconds=LOCK_PATIENCE)
        await asyncio.to_thread(self._see_to_it)
        self._task = asyncio.create_task(self._watch(), name="worker keeper")

    async def stop(self) -> None:
        """No longer count as a desk. The child ends by itself when no other desk is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._desk is not None:
            os.close(self._desk)
            self._desk = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._look_every)
            try:
                await asyncio.to_thread(self._see_to_it)
            except OSError:
                logger.exception("the worker could not be looked after")

    def _see_to_it(self) -> None:
        """Start the child if there is none and its pause is over."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        now = time.monotonic()
        if self._child is not None or self.running:
            return
        if self._started_at:
            lived = now - self._started_at
            if lived < self._pause:
                return
            self._pause = FIRST_PAUSE if lived > SETTLED else min(self._pause * 2, LONGEST_PAUSE)
            logger.warning("the worker of %s had ended and is started again", self._home)
        self._started_at = now
        try:
            self._child = self._spawn()
        except OSError:
            logger.exception("the worker could not be started")

    def _spawn(self) -> subprocess.Popen[bytes]:
        log = self._home / "log"
        log.mkdir(mode=0o700, exist_ok=True)
        # What it says before it can log, or when the interpreter itself fails; of the last start only.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(log / "worker.err", flags, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603  (a command of ours)
                self._command,
                cwd=self._home,
                env=_environment() | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
            )
        finally:
            os.close(descriptor)


def _environment() -> dict[str, str]:
    """This process's environment, in which the child finds the same package, installed or in a checkout; an API key is
    for this process alone."""
    package = str(Path(__file__).resolve().parents[2])
    before = os.environ.get("PYTHONPATH")
    return inherited(os.environ) | {"PYTHONPATH": f"{package}{os.pathsep}{before}" if before else package}
