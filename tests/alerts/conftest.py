"""What the tests of alerting start from: people, sources, queries and rules, written straight into the tables."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import func, insert, make_url

from datapulse_tui.alerts.evaluation.evaluator import Evaluator
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.models.alerts import Alert, AlertEvaluation
from datapulse_tui.data.models.people import User
from datapulse_tui.data.models.sources import DataSource, DataSourceGrant, Query
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role
from datapulse_tui.sources.pool import Sources
from tests.alerts.evaluating import QUICK
from tests.databases import dsn

SYSTEM = Actor(None, "system:alerts", everything=True)


class MakeUser(Protocol):
    """`await make_user("ana")` adds an active person and returns them as an actor; `more` are columns of users."""

    def __call__(self, nick: str = ..., role: str = ..., zone: str = ..., **more: Any) -> Awaitable[Actor]: ...


class MakeSource(Protocol):
    """`await make_source()` adds a source and returns its id: the test's own database, or the test's csv folder."""

    def __call__(self, type: str = ..., name: str = ..., **more: Any) -> Awaitable[UUID]: ...


class MakeQuery(Protocol):
    """`await make_query(owner, source_id, "SELECT 1 AS value")` adds a saved query and returns its id."""

    def __call__(self, owner: Actor, source_id: UUID, sql: str = ..., name: str = ...) -> Awaitable[UUID]: ...


class MakeRule(Protocol):
    """`await make_rule(owner, query_id)` adds an active rule (`value` above 10, each minute) and returns its id.

    `more` are columns of alerts. An active one gets its evaluation, due at `next_at` (default: now).
    """

    def __call__(
        self, owner: Actor, query_id: UUID, *, next_at: datetime | None = ..., **more: Any
    ) -> Awaitable[UUID]: ...


@pytest.fixture
def make_user(data: Database) -> MakeUser:
    """See MakeUser."""

    async def make(nick: str = "olga", role: str = "ops_manager", zone: str = "UTC", **more: Any) -> Actor:
        email = f"{nick}@example.org"
        values = {"password": "!", "status": "active", "timezone": zone, **more}
        statement = insert(User).values(email=email, name=nick.title(), role=role, **values).returning(User.id)
        async with data.transaction() as session:
            user_id: UUID = (await session.execute(statement)).scalar_one()
        return Actor(user_id, nick.title(), ROLE_PERMISSIONS[Role(role)], role=role, zone=zone, email=email)

    return make


@pytest.fixture
def secrets(tmp_path: Path) -> SecretBox:
    """A box with a key of its own."""
    return SecretBox((Fernet.generate_key().decode(),), tmp_path / "secret.key")


@pytest.fixture
def csv_folder(tmp_path: Path) -> Path:
    """The folder that a csv source reads."""
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
def run_sql(owner_url: str) -> Callable[..., Awaitable[list[tuple[Any, ...]]]]:
    """`await run_sql("CREATE TABLE ...")` in the test's database as its owner, committed; returns the rows."""

    def run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    async def run_in_thread(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(run, statement, *values)

    return run_in_thread


@pytest.fixture
def make_source(data: Database, owner_url: str, csv_folder: Path) -> MakeSource:
    """See MakeSource."""
    numbers = itertools.count(1)

    async def make(type: str = "postgresql", name: str = "", **more: Any) -> UUID:
        values = {"status": "connected", "connection_config": _config(type, owner_url, csv_folder), **more}
        name = name or f"{type}-{next(numbers)}"
        statement = insert(DataSource).values(name=name, type=type, **values).returning(DataSource.id)
        async with data.transaction() as session:
            found: UUID = (await session.execute(statement)).scalar_one()
        return found

    return make


def _config(type_: str, url: str, folder: Path) -> dict[str, Any]:
    if type_ == "csv":
        return {"path": str(folder)}
    parsed = make_url(url)
    host = parsed.query.get("host") or parsed.host or "localhost"
    found = {"host": str(host), "port": parsed.port, "dbname": parsed.database, "user": parsed.username}
    return {key: value for key, value in found.items() if value is not None}


@pytest.fixture
def make_query(data: Database) -> MakeQuery:
    """See MakeQuery; the owner is granted the source."""
    numbers = itertools.count(1)

    async def make(owner: Actor, source_id: UUID, sql: str = "SELECT 1.0 AS value", name: str = "") -> UUID:
        from sqlalchemy.dialects.postgresql import insert as upsert

        values = {"user_id": owner.user_id, "data_source_id": source_id, "sql": sql}
        name = name or f"query {next(numbers)}"
        async with data.transaction() as session:
            grant = upsert(DataSourceGrant).values(data_source_id=source_id, user_id=owner.user_id)
            await session.execute(grant.on_conflict_do_nothing())
            statement = insert(Query).values(name=name, **values).returning(Query.id)
            found: UUID = (await session.execute(statement)).scalar_one()
        return found

    return make


@pytest.fixture
def make_rule(data: Database) -> MakeRule:
    """See MakeRule."""
    numbers = itertools.count(1)

    async def make(owner: Actor, query_id: UUID, *, next_at: datetime | None = None, **more: Any) -> UUID:
        values: dict[str, Any] = {
            "name": f"rule {next(numbers)}",
            "metric": "value",
            "threshold_type": "above",
            "threshold_value": 10,
            "status": "active",
            "is_active": True,
            **more,
        }
        async with data.transaction() as session:
            statement = insert(Alert).values(user_id=owner.user_id, metric_id=query_id, **values).returning(Alert.id)
            found: UUID = (await session.execute(statement)).scalar_one()
            if values["is_active"]:
                due = func.now() if next_at is None else next_at
                await session.execute(insert(AlertEvaluation).values(alert_id=found, next_at=due))
        return found

    return make


@pytest.fixture
async def evaluator(data: Database, sources: Sources) -> AsyncIterator[Evaluator]:
    """The evaluator of this process."""
    made = Evaluator(data, sources, QUICK)
    yield made
    await made.close()
