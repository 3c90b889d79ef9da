"""A set-up that is killed at any moment is completed by the next start."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from datapulse_tui.data.embedded import erase
from tests.demo.conftest import datapulse, environment


@pytest.mark.soak
@pytest.mark.parametrize("round_", range(20))
def test_killed_set_ups_are_completed(tmp_path: Path, round_: int):
    dice = random.Random(round_)
    command = [sys.executable, "-m", "datapulse_tui", "demo", "--headless"]
    for _ in range(3):
        process = subprocess.Popen(command, env=environment(tmp_path), stdout=subprocess.DEVNULL)
        try:
            process.wait(dice.uniform(0.2, 8))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
    try:
        ran = datapulse(tmp_path, "demo", "--headless")
        assert ran.returncode == 0, ran.stdout + ran.stderr
    finally:
        erase(tmp_path / "demo")
