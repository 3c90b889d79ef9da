"""Plain reads before SQLAlchemy is there bring what a session brings, and can do no harm."""

from __future__ import annotations

import subprocess
import sys
import uuid

import psycopg
import pytest
from sqlalchemy import text

from datapulse_tui.data.database import Database
from datapulse_tui.data.glance import Glance, fetch
from datapulse_tui.errors import Unavailable
from tests.databases import dsn

SQL = """
SELECT CAST(:id AS uuid) AS id, CAST(:name AS text) || '%' AS name, now() - now() AS gap, '{"a": 1}'::jsonb AS doc,
       CAST(:no AS text) IS NULL AS no
"""


async def test_both_ways_bring_the_same(database_url: str) -> None:
    data = Database(database_url)
    params = {"id": uuid.UUID(int=7), "name": "100 :x ", "no": None}
    async with data.glance() as reader:
        assert isinstance(reader, Glance)
        early = await fetch(reader, SQL, params)
    async with data.reading() as session:
        late = await fetch(session, SQL, params)
    async with data.glance() as reader:
        assert not isinstance(reader, Glance)  # the pool is there by now
        again = await fetch(reader, SQL, params)
    await data.dispose()
    assert tuple(early[0]) == tuple(late[0]) == tuple(again[0])
    assert early[0].doc == {"a": 1}


async def test_a_glance_cannot_write(database_url: str) -> None:
    data = Database(database_url)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with data.glance() as reader:
            await fetch(reader, "DELETE FROM tags RETURNING id")
    async with data.glance() as reader:  # and the next one is none the worse
        assert await fetch(reader, "SELECT 1 AS one")
    await data.dispose()


async def test_a_dead_line_is_unavailable_and_the_next_glance_has_a_new_one(
    database_url: str, superuser_url: str
) -> None:
    data = Database(database_url)
    with pytest.raises(Unavailable, match="does not answer"):
        async with data.glance() as reader:
            pid = (await fetch(reader, "SELECT pg_backend_pid() AS pid"))[0].pid
            with psycopg.connect(dsn(superuser_url), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            await fetch(reader, "SELECT 1")
    async with data.glance() as reader:
        assert await fetch(reader, "SELECT 1 AS one")
    await data.dispose()


async def test_a_server_that_is_not_there_is_named() -> None:
    data = Database("postgresql://ana:s3cret@127.0.0.1:9/desk")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9/desk") as caught:
        async with data.glance():
            pass
    assert "s3cret" not in str(caught.value)
    await data.dispose()


async def test_warming_up_gives_the_early_connection_back(database_url: str, superuser_url: str) -> None:
    data = Database(database_url)
    async with data.glance() as reader:
        pid = (await fetch(reader, "SELECT pg_backend_pid() AS pid"))[0].pid
    await data.warm_up()
    async with data.reading() as session:
        alive = "SELECT count(*) FROM pg_stat_activity WHERE pid = :pid AND state <> 'disabled'"
        for _ in range(200):
            if await session.scalar(text(alive), {"pid": pid}) == 0:
                break
            await session.execute(text("SELECT pg_stat_clear_snapshot(), pg_sleep(0.02)"))
        else:
            pytest.fail("the connection of the glances is still there")
    await data.dispose()


def test_the_reads_of_the_first_list_import_no_sqlalchemy(database_url: str) -> None:
    program = """
import asyncio, sys
from datapulse_tui.data.database import Database
from datapulse_tui.data.schema_version import schema_state
from datapulse_tui.dashboards.reads import list_dashboards
from datapulse_tui.people.operator import operator_actor
from datapulse_tui.people.reads import any_users

async def main():
    data = Database(sys.argv[1])
    async with data.glance() as reader:
        await schema_state(reader)
        assert not await any_users(reader)
        page = await list_dashboards(reader, await operator_actor(reader))
        assert page.items == ()
    await data.dispose()

asyncio.run(main())
assert not {"sqlalchemy", "pydantic", "alembic"} & set(sys.modules), sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program, database_url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
