"""The unit of work: all or nothing, and errors that say which server and what to do."""

from __future__ import annotations

import asyncio
import socket
import time

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from datapulse_tui.data.database import Database
from datapulse_tui.data.engine import OutcomeUnknown, parse_url
from datapulse_tui.data.models import Tag
from datapulse_tui.errors import Unavailable
from tests.databases import dsn


async def names(data: Database) -> list[str]:
    async with data.reading() as session:
        return list(await session.scalars(select(Tag.name).order_by(Tag.name)))


async def test_a_block_that_ends_well_is_committed(data: Database) -> None:
    async with data.transaction() as session:
        session.add(Tag(name="ops", slug="ops"))
    assert await names(data) == ["ops"]


async def test_a_block_that_raises_leaves_nothing(data: Database) -> None:
    with pytest.raises(RuntimeError, match="changed my mind"):
        async with data.transaction() as session:
            session.add(Tag(name="ops", slug="ops"))
            await session.flush()
            raise RuntimeError("changed my mind")
    assert await names(data) == []


async def test_a_constraint_that_breaks_at_the_end_is_told_and_leaves_nothing(data: Database) -> None:
    with pytest.raises(IntegrityError):
        async with data.transaction() as session:
            session.add_all([Tag(name="ops", slug="one"), Tag(name="ops", slug="two")])
    assert await names(data) == []


async def test_reading_cannot_write(data: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only"):
        async with data.reading() as session:
            await session.execute(text("DELETE FROM tags"))


async def test_updated_at_is_kept_by_the_data_layer(data: Database) -> None:
    from datapulse_tui.data.models import Department

    async with data.transaction() as session:
        department = Department(name="Operations")
        session.add(department)
    async with data.transaction() as session:
        found = (await session.scalars(select(Department))).one()
        found.description = "runs things"
    async with data.reading() as session:
        found = (await session.scalars(select(Department))).one()
        assert found.updated_at > found.created_at


async def test_jsonb_is_validated_on_the_way_in(data: Database) -> None:
    from sqlalchemy.exc import StatementError

    from datapulse_tui.data.models import Role

    with pytest.raises(StatementError, match="should match pattern"):
        async with data.transaction() as session:
            session.add(Role(name="odd", permissions=["not a permission"]))
    async with data.transaction() as session:
        session.add(Role(name="fine", permissions=["dashboard:view"]))


async def test_an_unreachable_server_is_named_within_five_seconds() -> None:
    with socket.socket() as listener:  # bound, never listening: refused at once
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        data = Database(f"postgresql://ana:s3cret@127.0.0.1:{port}/desk")
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            async with data.reading() as session:
                await session.execute(text("SELECT 1"))
        await data.dispose()
    assert time.monotonic() - started < 15
    assert f"127.0.0.1:{port}/desk" in caught.value.message
    assert "DATAPULSE_DATABASE_URL" in caught.value.hint
    assert "s3cret" not in str(caught.value)


async def test_a_silent_server_is_given_up_within_its_time() -> None:
    accepted: list[asyncio.StreamWriter] = []

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        await reader.read()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    data = Database(f"postgresql://ana@127.0.0.1:{port}/desk")
    started = time.monotonic()
    with pytest.raises(Unavailable):
        async with data.reading() as session:
            await session.execute(text("SELECT 1"))
    assert time.monotonic() - started < 15  # 5 s, and what a loaded machine adds
    await data.dispose()
    for writer in accepted:
        writer.close()
    server.close()


async def test_a_connection_that_dies_in_a_block_is_unavailable(data: Database, superuser_url: str) -> None:
    with pytest.raises(Unavailable):
        async with data.transaction() as session:
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            with psycopg.connect(dsn(superuser_url), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            await session.execute(text("SELECT 1"))
    assert await names(data) == []  # and the next block gets a new connection


async def test_a_connection_that_dies_at_the_commit_leaves_the_outcome_open(data: Database, superuser_url: str) -> None:
    with pytest.raises(OutcomeUnknown, match="may or may not"):
        async with data.transaction() as session:
            session.add(Tag(name="ops", slug="ops"))
            await session.flush()
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            with psycopg.connect(dsn(superuser_url), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert await names(data) == []


@pytest.mark.parametrize(
    "given", ["postgres://ana:s3cret@db.example:5433/desk", "postgresql+psycopg://ana:s3cret@/desk?host=/run/pg"]
)
def test_credentials_are_not_shown(given: str) -> None:
    assert parse_url(given).drivername == "postgresql+psycopg"
    assert "s3cret" not in repr(Database(given))
    assert "s3cret" not in Database(given).address
