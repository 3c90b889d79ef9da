"""Fixtures of the outbox's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.notify import recheck
from tests.notify.outbox import World, make_world


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms that were imported by other tests know nothing about these incidents."""
    monkeypatch.setattr(recheck, "_registered", [])


@pytest.fixture
def secrets(tmp_path: Path) -> SecretBox:
    """A key of this test's own."""
    return SecretBox((Fernet.generate_key().decode(),), tmp_path / "unused")


@pytest.fixture
async def world(data: Database, secrets: SecretBox) -> World:
    """A rule and its owner."""
    return await make_world(data, secrets)
