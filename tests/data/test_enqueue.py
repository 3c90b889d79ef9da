"""Jobs exist if their transaction commits, are run by a real worker at once, and never hold up or fail a writer."""

from __future__ import annotations

import asyncio
import functools
import json
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from procrastinate.worker import Worker
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.data.database import Database
from datapulse_tui.data.enqueue import enqueue
from datapulse_tui.jobs import worker
from datapulse_tui.jobs.worker import WorkerOptions
from tests.jobs.support import jobs, make_tables, notes, until, working

LATER = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def who_sleeps_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look for jobs by themselves so rarely that no test could wait for it."""
    monkeypatch.setattr(worker, "Worker", functools.partial(Worker, fetch_job_polling_interval=3_600))


@pytest.fixture(autouse=True)
def tables(owner_url: str) -> None:
    make_tables(owner_url)


async def scheduled(data: Database) -> list[datetime | None]:
    async with data.reading() as session:
        return list(await session.scalars(text("SELECT scheduled_at FROM procrastinate_jobs ORDER BY id")))


async def test_a_committed_job_is_run_at_once_with_its_arguments(data: Database, database_url: str) -> None:
    async with working(database_url):
        await until(lambda: quiet(data))
        async with data.transaction() as session:
            await enqueue(session, "test:note", words="disk [/dev/sda1] full 'é\x1b")
        await until(lambda: written(data, 1))
        assert await notes(data) == ["disk [/dev/sda1] full 'é\x1b"]


async def test_a_worker_of_some_queues_is_woken_for_them(data: Database, database_url: str) -> None:
    async with working(database_url, WorkerOptions(queues=("alerts",))):
        await until(lambda: quiet(data))
        async with data.transaction() as session:
            await enqueue(session, "test:note", words="not mine")
            await enqueue(session, "test:note", queue="alerts", words="mine")
        await until(lambda: written(data, 1))
        assert await notes(data) == ["mine"]


async def quiet(data: Database) -> bool:
    """Whether every worker waits for a notification, on its connection of its own."""
    async with data.reading() as session:
        return bool(
            await session.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'datapulse worker' "
                    "AND query LIKE 'LISTEN%' AND state = 'idle' AND datname = current_database()"
                )
            )
        )


async def written(data: Database, number: int) -> bool:
    return len(await notes(data)) == number


async def test_a_transaction_that_fails_leaves_no_job(data: Database) -> None:
    async def fail() -> None:
        async with data.transaction() as session:
            await enqueue(session, "test:note", words="a")
            await enqueue(session, "test:drain", queueing_lock="drain")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await jobs(data) == []


async def test_a_savepoint_that_is_rolled_back_takes_its_jobs_with_it(data: Database) -> None:
    async with data.transaction() as session:
        await enqueue(session, "test:note", words="kept")
        with pytest.raises(LookupError):
            async with session.begin_nested():
                async with session.begin_nested():
                    await enqueue(session, "test:drain", words="inner")
                raise LookupError
        async with session.begin_nested():
            await enqueue(session, "test:drain", words="released")
    assert await jobs(data) == [("test:note", "todo"), ("test:drain", "todo")]


async def test_a_session_that_is_used_again_starts_anew(data: Database) -> None:
    async with AsyncSession(data.engine) as session:
        await enqueue(session, "test:note", words="closed")
        await session.close()
        await enqueue(session, "test:note", words="rolled back")
        await session.rollback()
        await enqueue(session, "test:drain")
        await session.commit()
        await session.commit()
        await enqueue(session, "test:drain")
        await session.commit()
    assert await jobs(data) == [("test:drain", "todo"), ("test:drain", "todo")]


async def test_a_queueing_lock_that_is_taken_fails_nobody(data: Database) -> None:
    for words in ("one", "two"):
        async with data.transaction() as session:
            await session.execute(text("INSERT INTO notes (words) VALUES (:words)"), {"words": words})
            for _ in range(3):
                await enqueue(session, "test:drain", queueing_lock="drain")
    assert await jobs(data) == [("test:drain", "todo")]
    assert await notes(data) == ["one", "two"]


async def test_a_waiting_job_is_brought_forward_and_never_put_off(data: Database) -> None:
    sooner = LATER - timedelta(days=1)
    for asked, expected in ((LATER, LATER), (sooner, sooner), (LATER, sooner), (None, None), (LATER, None)):
        async with data.transaction() as session:
            await enqueue(session, "test:drain", queueing_lock="drain", schedule_at=asked)
        assert await scheduled(data) == [expected]
    async with data.transaction() as session:
        for asked in (LATER, sooner, LATER):
            await enqueue(session, "test:note", queueing_lock="note", schedule_at=asked, words="")
    assert await scheduled(data) == [None, sooner]


async def test_a_job_that_is_brought_forward_wakes_the_worker(data: Database, database_url: str) -> None:
    async with data.transaction() as session:
        await enqueue(session, "test:note", queueing_lock="note", schedule_at=LATER, words="now")
    async with working(database_url):
        await until(lambda: quiet(data))
        async with data.transaction() as session:
            await enqueue(session, "test:note", queueing_lock="note", words="now")
        await until(lambda: written(data, 1))


async def test_the_waiting_job_is_not_taken_before_the_writer_has_committed(data: Database) -> None:
    """Else the drain would miss what the writer wrote, and nobody would wake it again."""
    async with data.transaction() as session:
        await enqueue(session, "test:drain", queueing_lock="drain")
    async with data.transaction() as writer:
        await enqueue(writer, "test:drain", queueing_lock="drain")
        # What the commit does first; the transaction stays open for this test to look.
        await writer.run_sync(lambda session: session.dispatch.before_commit(session))
        assert await fetch(data) is None
    assert await fetch(data) is not None


async def fetch(data: Database) -> int | None:
    """Take a job as a worker does."""
    async with data.transaction() as session:
        worker = await session.scalar(text("SELECT worker_id FROM procrastinate_register_worker_v1()"))
        found = await session.scalar(
            text("SELECT id FROM procrastinate_fetch_job_v2(NULL, :worker)"), {"worker": worker}
        )
        return None if found is None else int(found)


async def test_many_writers_and_a_worker_leave_nothing_undone(data: Database, database_url: str) -> None:
    """Two writers that hold rows of each other's choice and queue under one lock do not deadlock either."""
    async with data.transaction() as session:
        await session.execute(text("INSERT INTO notes (words, done) VALUES ('a', true), ('b', true)"))

    async def writer(number: int) -> None:
        for position in range(12):
            async with data.transaction() as session:
                first, second = ("a", "b") if position % 3 else ("b", "b")
                await session.execute(text("SELECT FROM notes WHERE words = :words FOR UPDATE"), {"words": first})
                await enqueue(session, "test:drain", queueing_lock="drain")
                await session.execute(text("SELECT FROM notes WHERE words = :words FOR UPDATE"), {"words": second})
                await session.execute(text("INSERT INTO notes (words) VALUES (:words)"), {"words": f"{number}"})

    async def all_done() -> bool:
        async with data.reading() as session:
            return await session.scalar(text("SELECT count(*) FROM notes WHERE NOT done")) == 0

    async with working(database_url):
        await asyncio.gather(*(writer(number) for number in range(6)))
        await until(all_done)
    assert len(await notes(data)) == 2 + 6 * 12
    assert {status for _, status in await jobs(data)} == {"succeeded"}


async def test_ids_are_taken_and_what_is_not_json_is_refused_at_once(data: Database) -> None:
    one = uuid.uuid4()
    async with data.transaction() as session:
        await enqueue(session, "test:note", words=one, more=[one, {"a": 1.5, "b": None}])
        with pytest.raises(TypeError, match="Database"):
            await enqueue(session, "test:note", words=data)
        with pytest.raises(ValueError, match="zone"):
            await enqueue(session, "test:note", schedule_at=datetime(2026, 1, 1), words="")  # noqa: DTZ001
    async with data.reading() as session:
        args = await session.scalar(text("SELECT args FROM procrastinate_jobs"))
    assert args == {"words": str(one), "more": [str(one), {"a": 1.5, "b": None}]}


def test_asking_for_a_job_imports_no_procrastinate() -> None:
    code = (
        "import sys, json; from datapulse_tui.data import enqueue, feed, worker_health, worker_child;"
        "print(json.dumps([m for m in ('procrastinate', 'sqlalchemy', 'psycopg') if m in sys.modules]))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(output) == []
