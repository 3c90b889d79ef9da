"""Worker processes that a test starts, kills and stops."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests import processes
from tests.faults.support import World


class Workers:
    """Worker processes of one database."""

    def __init__(self, url: str, home: Path) -> None:
        self.environment = os.environ | {"WORKER_URL": url, "DATAPULSE_HOME": str(home)}
        self.processes: list[ForkServerProcess] = []

    def start(self) -> None:
        """Start one more."""
        self.processes.append(processes.start("tests.faults.worker_process", environment=self.environment))

    def kill(self) -> None:
        """Kill one of them, whatever it is doing; more often the one that has worked the longest."""
        process = self.processes.pop(random.choice((0, 0, -1)))
        process.kill()
        process.join()

    def stop(self) -> None:
        """End them all in order."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join(30)
            # One that was still importing when it was told so had nothing to end in order.
            assert process.exitcode in (0, -signal.SIGTERM)
        self.processes.clear()


@contextmanager
def workers(url: str, home: Path) -> Iterator[Workers]:
    """Workers that are gone at the end, whatever happens."""
    made = Workers(url, home)
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.join()


def at_rest(world: World) -> None:
    """Wait until every rule was evaluated after the last kill: no lease of a killed worker holds one back."""
    began = world.one("SELECT clock_timestamp()")
    late = "SELECT count(*) FROM alert_evaluations WHERE last_at IS NULL OR last_at < %s"
    for _ in range(600):
        if not world.one(late, [began]):
            return
        time.sleep(0.05)
    raise AssertionError(f"not evaluated: {world.execute('SELECT * FROM alert_evaluations')}")


def first_sample(world: World) -> None:
    """Wait until a worker has evaluated something."""
    for _ in range(400):
        if world.one("SELECT count(*) FROM metric_samples"):
            return
        time.sleep(0.05)
    raise AssertionError("no worker evaluates anything")
