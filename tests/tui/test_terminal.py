"""The desk in a pseudo-terminal: what crosses the line, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.terminal import Terminal
from tests.tui.conftest import ANA, World

ALT_SCREEN_OFF = b"\x1b[?1049l"
CURSOR_ON = b"\x1b[?25h"


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Terminal:
    environment = {
        "DATAPULSE_HOME": str(world.settings.home),
        "DATAPULSE_CONFIG": str(tmp_path / "none.toml"),
        "DATAPULSE_DATABASE_URL": world.addresses.app,
        "DATAPULSE_SECRET_KEY": world.settings.secret_key.get_secret_value() if world.settings.secret_key else "",
    }
    command = [sys.executable, "-m", "datapulse_tui", "--as", ANA]
    return Terminal(command, environment=environment)


def bytes_of(desk: Terminal, *keys: str) -> int:
    before = desk.bytes
    desk.send(*keys)
    desk.settle(0.5)
    return desk.bytes - before


def test_a_cursor_move_a_dashboard_and_standing_still_are_cheap(desk: Terminal) -> None:
    with desk:
        desk.wait("live", timeout=40)
        desk.send("2")
        desk.wait("Slow")
        desk.settle(0.5)
        assert bytes_of(desk, "down") < 2_000
        assert bytes_of(desk, "down") < 2_000
        assert bytes_of(desk, "up", "enter") < 30_000
        desk.wait("product 5")
        desk.settle(1)
        assert bytes_of(desk, "right") < 600
        assert bytes_of(desk) < 200  # half a second of doing nothing
        desk.resize(80, 24)
        desk.wait("Ana Berger")  # at the right end of the narrower line
        desk.send("q")
        assert desk.wait_exit() == 0
        assert desk.raw.rfind(ALT_SCREEN_OFF) > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_desk_in_order(desk: Terminal, number: signal.Signals) -> None:
    with desk:
        desk.wait("live", timeout=40)
        os.kill(desk.pid, number)
        assert desk.wait_exit() == 128 + number
        assert desk.raw.rfind(ALT_SCREEN_OFF) > 0
        assert desk.raw.rfind(CURSOR_ON) > 0
