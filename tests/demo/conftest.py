"""One demo for all tests of this room, made by the command itself on a server of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from datapulse_tui.config import Settings
from datapulse_tui.data.connect import Connection
from datapulse_tui.data.embedded import erase, start
from datapulse_tui.demo.workspace import demo_settings, open_demo
from tests import processes


@dataclass(frozen=True)
class Made:
    """What `datapulse demo --headless` made and printed."""

    home: Path
    report: dict[str, Any]

    @property
    def settings(self) -> Settings:
        return demo_settings(Settings(home=self.home))

    def dashboard(self, name: str) -> dict[str, Any]:
        return next(each for each in self.report["dashboards"] if each["name"] == name)


def environment(home: Path) -> dict[str, str]:
    """The environment of a person whose home is `home`, and who has named a shared server: not what the demo fills."""
    return os.environ | {
        "DATAPULSE_HOME": str(home),
        "DATAPULSE_CONFIG": str(home / "config.toml"),
        "DATAPULSE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    }


def datapulse(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a home of its own."""
    return processes.run("datapulse_tui", *words, environment=environment(home), timeout=120)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The demo, and its server held until the last test."""
    home = tmp_path_factory.mktemp("demo home")
    ran = datapulse(home, "demo", "--headless")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    server = start(home / "demo")
    yield Made(home, json.loads(ran.stdout))
    server.release()
    erase(home / "demo")  # run by root, it lies outside the tests' folder


@pytest.fixture
async def demo(made: Made) -> AsyncIterator[Connection]:
    """The demo, open."""
    connection = await open_demo(made.settings)
    yield connection
    await connection.data.dispose()
