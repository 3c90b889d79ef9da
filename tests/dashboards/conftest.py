"""People of every role, and sources to draw from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert, make_url

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.models.people import User
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role
from datapulse_tui.sources import service as source_service
from datapulse_tui.sources.pool import Sources
from tests.databases import dsn

OPERATOR = Actor(None, "operator:tester@here", everything=True)

People = Callable[..., Awaitable[Actor]]


@pytest.fixture
def person(data: Database) -> People:
    """Makes an active person and gives the actor: `await person("ana", "analyst")`."""

    async def make(nick: str, role: str = "analyst", zone: str = "UTC") -> Actor:
        email = f"{nick}@example.org"
        async with data.transaction() as session:
            statement = insert(User).values(email=email, name=nick.title(), password="!", role=role, status="active")
            user_id: UUID = (await session.execute(statement.returning(User.id))).scalar_one()
        return Actor(user_id, nick.title(), ROLE_PERMISSIONS[Role(role)], role=role, zone=zone, email=email)

    return make


@pytest.fixture
def secrets(tmp_path: Path) -> SecretBox:
    """A box with a key of its own."""
    return SecretBox((Fernet.generate_key().decode(),), tmp_path / "secret.key")


@pytest.fixture
def csv_folder(tmp_path: Path) -> Path:
    """A folder that csv sources may read."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
async def sources(secrets: SecretBox, csv_folder: Path) -> AsyncIterator[Sources]:
    """The sources of this process."""
    found = Sources(secrets, csv_folders=[csv_folder])
    yield found
    await found.close()


@pytest.fixture
async def warehouse(data: Database, secrets: SecretBox, owner_url: str) -> str:
    """A postgresql source called `warehouse`: the test's own database, with a table `points` (at, region, value)."""
    url = make_url(owner_url)
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
        connection.execute("CREATE TABLE points (at timestamptz, region text, value float8, amount numeric, day date)")
    host = url.query.get("host") or url.host or "localhost"
    config = {"host": str(host), "port": url.port or 5432, "dbname": url.database or "", "user": url.username or ""}
    async with data.transaction() as session:
        await source_service.add_source(session, OPERATOR, secrets, name="warehouse", type="postgresql", config=config)
    return owner_url


@pytest.fixture
async def files(data: Database, secrets: SecretBox, csv_folder: Path) -> Path:
    """A csv source called `files` over a folder; write files into it."""
    async with data.transaction() as session:
        await source_service.add_source(
            session,
            OPERATOR,
            secrets,
            name="files",
            type="csv",
            config={"path": str(csv_folder)},
            csv_folders=[csv_folder],
        )
    return csv_folder
