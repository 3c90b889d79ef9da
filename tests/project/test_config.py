"""Settings: environment over file over defaults, and mistakes that are named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from datapulse_tui import config_files
from datapulse_tui.config import load_settings
from datapulse_tui.errors import Invalid


@pytest.fixture
def config(home: Path) -> Path:
    return config_files.config_path()


def test_defaults(home: Path) -> None:
    settings = load_settings()
    assert settings.home == home
    assert settings.embedded
    assert settings.idle_lock_minutes == 15


def test_environment_wins_over_file_and_file_over_default(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('theme = "light"\nidle_lock_minutes = 3\nkeymap = { "app.quit" = "ctrl+c" }\n')
    monkeypatch.setenv("DATAPULSE_IDLE_LOCK_MINUTES", "7")
    settings = load_settings()
    assert (settings.theme, settings.idle_lock_minutes, settings.keymap) == ("light", 7, {"app.quit": "ctrl+c"})
    assert config_files.early("theme", "dark") == "light"
    assert load_settings(theme="high-contrast").theme == "high-contrast"


def test_folders_come_as_a_list(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPULSE_ALLOWED_CSV_FOLDERS", os.pathsep.join(["/srv/csv", "/data"]))
    assert load_settings().allowed_csv_folders == (Path("/srv/csv"), Path("/data"))


def test_secrets_are_not_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", "postgresql://ana:s3cret@db/desk")
    settings = load_settings()
    assert not settings.embedded
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in f"{settings} {settings.database_url}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("theme = ", "not valid TOML"),
        ("idle_lock_minutes = -1", "idle_lock_minutes"),
        ('time_zone = "Mars/Base"', "time_zone.*Mars/Base"),
        ("no_such_setting = 1", "no_such_setting"),
        ('log_level = "LOUD"', "log_level"),
        ('database_url = "s3cret"', "database_url: an address"),
        ('direct_url = "mysql://ana:s3cret@db/desk"', "direct_url: an address"),
        ('owner_url = "postgresql://ana:s3cret@db:port/desk"', "owner_url: an address"),
        ('database_url = "postgresql://ana:s3cret@db"', "database_url: an address"),
    ],
)
def test_mistakes_are_named(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    with pytest.raises(Invalid, match=message) as caught:
        load_settings()
    assert str(config) in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_broken_file_does_not_stop_the_first_paint(config: Path) -> None:
    config.write_text("theme = ")
    assert config_files.early("theme", "dark") == "dark"


def test_a_wrong_secret_is_refused_without_being_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPULSE_IDLE_LOCK_MINUTES", "s3cret")
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert "s3cret" not in str(caught.value)


def test_days_to_keep_are_bounded(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("sample_days = 7\nhourly_days = 800\n")
    monkeypatch.setenv("DATAPULSE_DELIVERY_DAYS", "14")
    found = load_settings()
    assert (found.sample_days, found.hourly_days, found.delivery_days) == (7, 800, 14)
    for name, value in (("SAMPLE_DAYS", "1"), ("HOURLY_DAYS", "61"), ("DELIVERY_DAYS", "0"), ("DELIVERY_DAYS", "x")):
        with monkeypatch.context() as patch:
            patch.setenv(f"DATAPULSE_{name}", value)
            with pytest.raises(Invalid, match="a whole number of days"):
                load_settings()
