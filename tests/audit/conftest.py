"""A trail to test with: who acts, how records get in, and a superuser who goes around everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.sealer import seal_once
from datapulse_tui.audit.service import record
from datapulse_tui.data.database import Database
from tests.databases import dsn

THING = UUID("11111111-2222-3333-4444-555555555555")
OPERATOR = Actor(None, "operator:tester@here", everything=True, ip_address="10.0.0.7", user_agent="tests")

Write = Callable[..., Awaitable[None]]
Seal = Callable[..., Awaitable[int]]
Tamper = Callable[..., list[tuple[object, ...]]]


@pytest.fixture
def write(data: Database) -> Write:
    """`await write(3)`: three records, each in a transaction of its own."""

    async def some(count: int, *, name: str = "Orders") -> None:
        for number in range(count):
            async with data.transaction() as session:
                await record(
                    session, OPERATOR, "thing.changed", "thing", THING, before={"name": name}, after={"name": number}
                )

    return some


async def settle(data: Database) -> None:
    """Wait until every transaction of the server that runs now has ended: other tests share the server, and what they
    do holds the sealer back as any transaction does."""
    async with data.transaction() as session:
        mine = await session.scalar(text("SELECT pg_current_xact_id()::text::bigint"))
    async with asyncio.timeout(60):
        while True:
            async with data.reading() as session:
                oldest = await session.scalar(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"))
            if oldest > mine:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
def seal(data: Database) -> Seal:
    """`await seal()`: seal everything there is (without `wait`: that can be now); returns how many records were."""

    async def all_of_it(*, wait: bool = True, **limits: int) -> int:
        sealed = 0
        if wait:
            await settle(data)
        while True:
            async with data.transaction() as session:
                done = await seal_once(session, **limits)
            sealed += done.records
            if not done.more:
                return sealed

    return all_of_it


@pytest.fixture
def tamper(superuser_url: str) -> Iterator[Tamper]:
    """Runs SQL as a superuser with the trail's triggers off."""
    with psycopg.connect(dsn(superuser_url), autocommit=True) as connection:
        for table in ("audit_logs", "audit_seals", "audit_head"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")

        def run(query: str, *values: object) -> list[tuple[object, ...]]:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

        yield run
