"""`datapulse db start | stop | status`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from datapulse_tui.cli.db_server import app
from datapulse_tui.data import embedded


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "home"
    monkeypatch.setenv("DATAPULSE_HOME", str(home))
    monkeypatch.setenv("DATAPULSE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.delenv("DATAPULSE_DATABASE_URL", raising=False)
    yield home
    embedded.erase(home)


def test_start_status_stop(own_home: Path) -> None:
    run = CliRunner().invoke
    assert "stopped" in run(app, ["status"]).stdout
    assert not own_home.exists()
    assert run(app, ["status", "--json"]).exit_code == 3
    assert run(app, ["start"]).exit_code == 0
    shown = run(app, ["status", "--json"])
    assert shown.exit_code == 0
    facts = json.loads(shown.stdout)
    assert facts["running"]
    assert facts["pinned"]
    assert facts["clients"] in (0, None)
    assert str(facts["pid"]) in run(app, ["status"]).stdout
    assert "has stopped" in run(app, ["stop"]).stdout
    assert "was not running" in run(app, ["stop"]).stdout
    assert run(app, ["status"]).exit_code == 3


def test_a_shared_server_is_not_ours_to_stop(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", "postgresql://db.example/datapulse")
    for verb in ("start", "stop", "status"):
        refused = CliRunner().invoke(app, [verb])
        assert refused.exit_code == 1
        assert "shared server" in refused.stderr
