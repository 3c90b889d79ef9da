"""Sources to test with: a role of this test's own on the real server, and people with and without rights."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.models import User
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role
from datapulse_tui.sources.adapters.postgresql import PostgresAdapter
from datapulse_tui.sources.pool import Sources
from datapulse_tui.sources.schemas import PostgresConfig, parse_config
from tests.databases import Server, dsn, make_filled_template

OPERATOR = Actor(None, "operator:tester@here", everything=True)
# Runs for ever without waiting (pg_sleep is refused) and without writing to disk, as one long series would.
_SERIES = "generate_series(1, 10000)"
SLOW = f"SELECT count(*) FROM {_SERIES} AS a, {_SERIES} AS b, {_SERIES} AS c, {_SERIES} AS d"


def config_of(url: str, **more: Any) -> dict[str, Any]:
    """A source's configuration for the server of an SQLAlchemy address."""
    parsed = make_url(url)
    host = parsed.query.get("host", parsed.host)
    found = {"host": host, "port": parsed.port, "dbname": parsed.database, "user": parsed.username}
    return {key: value for key, value in {**found, **more}.items() if value is not None}


@dataclass(frozen=True)
class SourceServer:
    """This test's database as a source: a superuser to prepare it, and a role that may only read `shop.orders`."""

    superuser: str
    role: str
    config: dict[str, Any]

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(dsn(self.superuser), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def queries(self, fragment: str) -> list[tuple[Any, ...]]:
        """What the source's role is running now, if it holds `fragment`."""
        return self.execute(
            f"SELECT pid, query FROM pg_stat_activity WHERE usename = '{self.role}' AND state = 'active' "
            f"AND position('{fragment}' in query) > 0"
        )


READERS = "dp_shop_readers"
SHOP = f"""
DO $$ BEGIN IF to_regrole('{READERS}') IS NULL THEN CREATE ROLE {READERS}; END IF; END $$;
REVOKE CREATE ON SCHEMA public FROM public;
CREATE SCHEMA shop;
CREATE TYPE shop.colour AS ENUM ('red', 'blue');
CREATE DOMAIN shop.share AS numeric(5, 2);
CREATE TABLE shop.orders AS SELECT i AS id, timestamptz '2024-01-01' + i * interval '1 hour' AS at,
    (i % 5)::numeric(10, 2) AS amount, 'red'::shop.colour AS colour FROM generate_series(1, 1000) AS i;
GRANT USAGE ON SCHEMA shop TO {READERS};
GRANT SELECT ON shop.orders TO {READERS};
CREATE TABLE shop.hidden (a int);
ANALYZE shop.orders;
"""


@pytest.fixture(scope="session")
def filled_template(server: Server, template: str) -> str:
    """A template with `shop.orders` (1,000 rows), made once a run."""

    def fill(name: str) -> None:
        with psycopg.connect(dsn(server.superuser_url(name)), autocommit=True) as connection:
            connection.execute(SHOP)

    return make_filled_template(server, template, "shop", fill)


@pytest.fixture
def source_server(filled_template: str, superuser_url: str) -> Iterator[SourceServer]:
    """A database with `shop.orders` (1,000 rows) and a role of its own that may only read it."""
    role = f"dp_src_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(dsn(superuser_url), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN IN ROLE {READERS}")
    yield SourceServer(superuser_url, role, config_of(superuser_url, user=role))
    with psycopg.connect(dsn(superuser_url), autocommit=True) as connection:
        connection.execute(
            sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {}").format(role)
        )
        connection.execute(sql.SQL("DROP OWNED BY {0}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
async def make_adapter() -> AsyncIterator[Callable[..., PostgresAdapter]]:
    """Makes adapters that are closed when the test ends."""
    made: list[PostgresAdapter] = []

    def make(config: dict[str, Any], **more: Any) -> PostgresAdapter:
        parsed = parse_config("postgresql", {**config, **more})
        assert isinstance(parsed, PostgresConfig)
        made.append(PostgresAdapter(parsed))
        return made[-1]

    yield make
    for adapter in made:
        await adapter.close()


@pytest.fixture
def box(tmp_path: Path) -> SecretBox:
    """A secret box with a key file of this test's own."""
    return SecretBox(None, tmp_path / "keys" / "secret.key")


@pytest.fixture
async def sources(box: SecretBox, tmp_path: Path) -> AsyncIterator[Sources]:
    """The sources of a process; csv sources may read the test's folder."""
    made = Sources(box, csv_folders=(tmp_path,))
    yield made
    await made.close()


@pytest.fixture
def person(data: Database) -> Callable[..., Awaitable[Actor]]:
    """Adds an active person with a built-in role and returns them as an actor."""

    async def make(nick: str, role: Role = Role.ANALYST) -> Actor:
        async with data.transaction() as session:
            user = User(email=f"{nick}@example.com", name=nick.title(), password="!", role=role, status="active")
            session.add(user)
            await session.flush()
        return Actor(user.id, user.name, ROLE_PERMISSIONS[role], role=role, email=user.email)

    return make


async def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until `condition` holds; fail after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  (the condition is in another process)
            await asyncio.sleep(0.02)
