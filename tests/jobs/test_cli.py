"""`datapulse worker` and `datapulse worker status`, as somebody types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from datapulse_tui.data.database import Database
from tests import processes
from tests.jobs.support import ROOT, has_workers, until


@pytest.fixture
def environment(home: Path, database_url: str) -> dict[str, str]:
    return os.environ | {"DATAPULSE_DATABASE_URL": database_url, "DATAPULSE_HOME": str(home)}


def status(
    environment: dict[str, str], *options: str, noun: tuple[str, ...] = ("worker", "status")
) -> subprocess.CompletedProcess[str]:
    return processes.run("datapulse_tui", *noun, *options, environment=environment)


async def test_a_worker_runs_until_sigterm_and_status_sees_it(environment: dict[str, str], data: Database) -> None:
    before = status(environment, "--json")
    assert (before.returncode, json.loads(before.stdout)["workers"]) == (1, 0), before.stderr
    command = [sys.executable, "-m", "datapulse_tui", "worker", "--concurrency", "2", "--queues", "alerts, reports"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220
        try:
            await until(lambda: has_workers(data, 1))
            found = status(environment, "--json")
            assert found.returncode == 0, found.stderr
            health = json.loads(found.stdout)
            assert health["workers"] == 1
            assert health["queued"] == 0
            assert "queued" in status(environment).stdout
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=15)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "SIGTERM: taking no more jobs" in said
    assert await has_workers(data, 0)
