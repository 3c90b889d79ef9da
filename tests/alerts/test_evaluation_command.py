"""`datapulse worker status` tells how evaluation keeps up."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests import processes
from tests.faults.support import make_world


def test_status_tells_of_rules_that_are_overdue(owner_url: str, database_url: str, home: Path) -> None:
    world = make_world(owner_url)
    world.rule(world.query("m"))
    world.due(ago=30)
    environment = os.environ | {"DATAPULSE_DATABASE_URL": database_url, "DATAPULSE_HOME": str(home)}
    command = ("datapulse_tui", "worker", "status")
    found = processes.run(*command, "--json", environment=environment)
    assert found.returncode == 1, "no worker lives"
    evaluation = json.loads(found.stdout)["evaluation"]
    assert {name: evaluation[name] for name in ("rules", "overdue", "per_second", "failing", "skipped")} == {
        "rules": 1, "overdue": 1, "per_second": 0.0, "failing": 0, "skipped": 0,
    }  # fmt: skip
    assert evaluation["lag_seconds"] >= 30
    assert "overdue" in processes.run(*command, environment=environment).stdout
