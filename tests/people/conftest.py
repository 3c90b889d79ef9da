"""People to test with, and a bcrypt that does not take a third of a second."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.people import passwords, service

PASSWORD = "correct horse battery"
OPERATOR = Actor(None, "operator:tester@here", everything=True, ip_address="/dev/pts/1", user_agent="tests")

Add = Callable[..., Awaitable[UUID]]


@pytest.fixture(autouse=True)
def cheap_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lowest cost that bcrypt knows; the product's own is asserted in test_passwords."""
    monkeypatch.setattr(passwords, "COST", 4)


@pytest.fixture
def add(data: Database) -> Add:
    """Adds an active person: `await add("ana", role="analyst")`, with PASSWORD."""

    async def make(
        nick: str, *, role: str = "business_user", password: str | None = PASSWORD, activate: bool = True
    ) -> UUID:
        async with data.transaction() as session:
            return await service.add_user(
                session,
                OPERATOR,
                email=f"{nick}@example.com",
                name=nick.title(),
                role=role,
                password=password,
                activate=activate,
            )

    return make
