"""`--reset` deletes a demo and nothing else; a home that is not a demo's is never touched."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from datapulse_tui.config import Settings
from datapulse_tui.demo import generate, workspace
from datapulse_tui.errors import Conflict
from tests.demo.conftest import datapulse


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return workspace.demo_settings(Settings(home=tmp_path))


def test_the_demo_has_a_home_of_its_own_and_never_a_shared_server(tmp_path: Path):
    given = Settings(
        home=tmp_path, database_url="postgresql://prod.example/app", owner_url="postgresql://prod.example/o"
    )
    settings = workspace.demo_settings(given)
    assert settings.home == tmp_path / "demo"
    assert settings.embedded
    assert settings.owner_url is None
    assert settings.direct_url is None


def test_reset_deletes_the_database_and_the_sample_files_only(settings: Settings):
    home = settings.home
    workspace._claim(home)
    (home / "postgres" / "data").mkdir(parents=True, mode=0o700)
    (home / "postgres" / "data" / "PG_VERSION").write_text("18")
    folder = workspace.sample_folder(home)
    generate.write(folder, datetime.now(UTC))
    mine = folder / "mine.csv"
    mine.write_text("kept")

    workspace.reset(settings)
    assert not (home / "postgres").exists()
    assert [path.name for path in folder.iterdir()] == ["mine.csv"]
    workspace.reset(settings)  # again, with nothing there


def test_a_workspace_that_is_not_a_demo_is_left_alone(settings: Settings):
    database = settings.home / "postgres" / "data"
    database.mkdir(parents=True)
    (database / "PG_VERSION").write_text("18")
    for words in (["--reset", "--headless"], ["--headless"]):
        ran = datapulse(settings.home.parent, "demo", *words)
        assert ran.returncode == 1
        assert "not a demo" in ran.stderr
        assert (database / "PG_VERSION").read_text() == "18"
    with pytest.raises(Conflict):
        workspace.reset(settings)


def test_a_home_that_is_not_there_needs_no_reset(settings: Settings):
    workspace.reset(settings)
    assert not settings.home.exists()
