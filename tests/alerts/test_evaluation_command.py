"""`datapulse worker status` tells how evaluation keeps up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.faults.support import make_world
from tests.faults.workers import ROOT


def test_status_tells_of_rules_that_are_overdue(owner_url: str, database_url: str, home: Path) -> None:
    world = make_world(owner_url)
    world.rule(world.query("m"))
    world.due(ago=30)
    environment = os.environ | {"DATAPULSE_DATABASE_URL": database_url, "DATAPULSE_HOME": str(home)}
    command = [sys.executable, "-m", "datapulse_tui", "worker", "status"]
    found = subprocess.run([*command, "--json"], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 1, "no worker lives"
    evaluation = json.loads(found.stdout)["evaluation"]
    assert {name: evaluation[name] for name in ("rules", "overdue", "per_second", "failing", "skipped")} == {
        "rules": 1, "overdue": 1, "per_second": 0.0, "failing": 0, "skipped": 0,
    }  # fmt: skip
    assert evaluation["lag_seconds"] >= 30
    shown = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert "overdue" in shown
