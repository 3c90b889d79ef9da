"""Workers run, stop, die and come back, and no job is lost by it."""

from __future__ import annotations

import asyncio
import random
import signal
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.service import record
from datapulse_tui.data.database import Database
from datapulse_tui.data.enqueue import enqueue
from datapulse_tui.data.worker_health import WorkerHealth, worker_health
from datapulse_tui.jobs.app import CRON, app
from datapulse_tui.jobs.housekeeping import MOST_ATTEMPTS, put_stalled_jobs_back
from datapulse_tui.jobs.worker import WorkerOptions
from tests.databases import dsn
from tests.jobs.support import has_workers, jobs, make_tables, notes, until, worker_process, working
from tests.jobs.tasks import write

QUICK = WorkerOptions(stalled_after=0.9)


@pytest.fixture(autouse=True)
def tables(owner_url: str) -> None:
    make_tables(owner_url)


async def ask_for(data: Database, name: str, **options: object) -> None:
    async with data.transaction() as session:
        await enqueue(session, name, **options)  # type: ignore[arg-type]


async def count(data: Database, words: str) -> int:
    return (await notes(data)).count(words)


async def began(data: Database, times: int) -> bool:
    return await count(data, "began") == times


async def test_a_job_of_a_killed_worker_is_run_again_by_another(data: Database, database_url: str) -> None:
    with worker_process(database_url, stalled_after=QUICK.stalled_after) as process:
        await ask_for(data, "test:hold")
        await until(lambda: began(data, 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert await jobs(data) == [("test:hold", "doing")]
    async with working(database_url, QUICK):
        await until(lambda: began(data, 2))
        await write(data, "go")
        await until(lambda: ended(data))


async def ended(data: Database) -> bool:
    return await jobs(data) == [("test:hold", "succeeded")]


async def test_sigterm_finishes_what_runs_and_nobody_takes_it_meanwhile(data: Database, database_url: str) -> None:
    async def beat_after(moment: datetime) -> bool:
        async with data.reading() as session:
            found = await session.scalar(
                text("SELECT bool_and(last_heartbeat > :moment + interval '1 second') FROM procrastinate_workers"),
                {"moment": moment},
            )
            return bool(found)

    with worker_process(database_url, stalled_after=QUICK.stalled_after) as process:
        await ask_for(data, "test:hold")
        await until(lambda: began(data, 1))
        process.send_signal(signal.SIGTERM)
        await ask_for(data, "test:note", words="for another worker")
        asked_at = datetime.now(UTC)
        await until(lambda: beat_after(asked_at))
        async with data.transaction() as session:
            assert await put_stalled_jobs_back(session, stalled_after=QUICK.stalled_after) == 0
        assert process.poll() is None
        await write(data, "go")
        assert process.wait(timeout=10) == 0
    assert await jobs(data) == [("test:hold", "succeeded"), ("test:note", "todo")]
    assert await has_workers(data, 0)


async def test_a_second_signal_ends_it_at_once(data: Database, database_url: str) -> None:
    with worker_process(database_url) as process:
        await ask_for(data, "test:hold")
        await until(lambda: began(data, 1))
        process.send_signal(signal.SIGINT)
        await until(lambda: no_handler(process.pid))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == -signal.SIGINT


async def no_handler(pid: int) -> bool:
    """Whether the process has taken its handler for SIGINT away again."""
    status = Path(f"/proc/{pid}/status").read_text()  # noqa: ASYNC240  (no disk)
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return not int(caught.split()[1], 16) & (1 << (signal.SIGINT - 1))


async def test_a_worker_comes_back_when_the_database_does(
    data: Database, database_url: str, superuser_url: str
) -> None:
    async with working(database_url):
        with psycopg.connect(dsn(superuser_url)) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid()"
            )
        await data.dispose()
        await ask_for(data, "test:note", words="after")
        await until(lambda: written(data, "after"))


async def written(data: Database, words: str) -> bool:
    return await count(data, words) > 0


async def test_a_task_that_fails_harms_no_other(data: Database, database_url: str) -> None:
    async with working(database_url):
        await ask_for(data, "test:fail")
        await ask_for(data, "test:nobody_knows_it")
        await ask_for(data, "test:note", words="fine")
        await until(lambda: written(data, "fine"))
        await until(lambda: all_ended(data))
    assert [status for _, status in await jobs(data)] == ["failed", "failed", "succeeded"]


async def all_ended(data: Database) -> bool:
    return not {status for _, status in await jobs(data)} & {"todo", "doing"}


async def test_the_worker_seals_the_audit_trail(data: Database, database_url: str) -> None:
    async def sealed() -> bool:
        async with data.reading() as session:
            return bool(await session.scalar(text("SELECT sum(records) FROM audit_seals")))

    async with data.transaction() as session:
        await record(session, Actor(None, "operator:test", everything=True), "test.made", "test", None)
    async with working(database_url):
        await until(sealed)


async def left_behind(data: Database, name: str, *, lock: str | None = None, attempts: int = 0) -> None:
    """A job that a worker was doing which is gone now."""
    async with data.transaction() as session:
        await enqueue(session, name, queueing_lock=lock)
    async with data.transaction() as session:
        await session.execute(
            text("UPDATE procrastinate_jobs SET status = 'doing', attempts = :attempts WHERE status = 'todo'"),
            {"attempts": attempts},
        )


async def put_back(data: Database, stalled_after: float = 30) -> int:
    async with data.transaction() as session:
        return await put_stalled_jobs_back(session, stalled_after=stalled_after)


async def test_putting_back_keeps_the_queueing_lock_and_gives_up_on_killers(data: Database) -> None:
    await left_behind(data, "free")
    await left_behind(data, "locked", lock="L")
    await left_behind(data, "killer", attempts=MOST_ATTEMPTS - 1)
    await ask_for(data, "waits", queueing_lock="L")
    assert await put_back(data) == 1
    assert await jobs(data) == [("free", "todo"), ("locked", "aborted"), ("killer", "failed"), ("waits", "todo")]
    assert await put_back(data) == 0


async def test_the_job_of_a_living_worker_is_left_alone(data: Database) -> None:
    await left_behind(data, "running")
    async with data.transaction() as session:
        await session.execute(
            text("UPDATE procrastinate_jobs SET worker_id = (SELECT worker_id FROM procrastinate_register_worker_v1())")
        )
    assert await put_back(data) == 0
    async with data.transaction() as session:
        await session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 s'"))
    assert await put_back(data) == 1


async def test_finished_jobs_and_old_sign_in_attempts_are_pruned(data: Database, database_url: str) -> None:
    async with data.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO sign_in_attempts (email, created_at) "
                "VALUES ('old@example.org', now() - interval '25 h'), ('new@example.org', now())"
            )
        )
        for status, age in (("succeeded", 2), ("succeeded", 0), ("failed", 2), ("failed", 24 * 8), ("todo", 24 * 8)):
            await session.execute(
                text(
                    "WITH job AS (INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
                    "VALUES ('none', :name, CAST(:status AS procrastinate_job_status)) RETURNING id) "
                    "INSERT INTO procrastinate_events (job_id, type, at) "
                    "SELECT id, 'deferred', now() - make_interval(hours => :age) FROM job"
                ),
                {"name": f"{status} {age}", "status": status, "age": age},
            )
        await session.execute(
            text(
                "UPDATE procrastinate_events SET at = now() - interval '8 days' WHERE job_id IN "
                "(SELECT id FROM procrastinate_jobs WHERE status = 'todo')"
            )
        )
        for task in ("prune_jobs", "prune_sign_in_attempts"):
            await enqueue(session, f"housekeeping:{task}", queue="own", timestamp=0)
    async with working(database_url, WorkerOptions(queues=("own",))):
        await until(lambda: pruned(data))
    names = [name for name, _ in await jobs(data) if not name.startswith("housekeeping")]
    assert names == ["succeeded 0", "failed 2", "todo 192"]
    async with data.reading() as session:
        assert list(await session.scalars(text("SELECT email FROM sign_in_attempts"))) == ["new@example.org"]


async def pruned(data: Database) -> bool:
    return all(status == "succeeded" for name, status in await jobs(data) if name.startswith("housekeeping"))


def test_every_line_of_the_cron_table_is_registered() -> None:
    registered = {(entry.cron, entry.task.name) for entry in app.periodic_registry.periodic_tasks.values()}
    assert registered == set(CRON)
    assert all(entry.croniter.get_next() for entry in app.periodic_registry.periodic_tasks.values())


async def test_health_tells_of_workers_queue_and_lag(data: Database, database_url: str) -> None:
    async def health() -> WorkerHealth:
        async with data.reading() as session:
            return await worker_health(session)

    assert await health() == WorkerHealth(0, None, 0, 0.0)
    assert not (await health()).alive
    await ask_for(data, "test:note", queue="nobody", words="")
    await ask_for(data, "test:note", queue="nobody", schedule_at=datetime(2999, 1, 1, tzinfo=UTC), words="")
    async with data.transaction() as session:
        await session.execute(text("UPDATE procrastinate_events SET at = now() - interval '90 s'"))
    found = await health()
    assert (found.queued, round(found.lag_seconds)) == (1, 90)
    async with working(database_url, WorkerOptions(queues=("other",))):
        found = await health()
        assert found.alive
        assert found.last_beat is not None
        assert abs((datetime.now(UTC) - found.last_beat).total_seconds()) < 30
    assert (await health()).workers == 0


@pytest.mark.soak
async def test_killing_workers_leaves_nothing_undone(data: Database, database_url: str) -> None:
    """Writers write and wake the drain while its workers are killed at any moment, two hundred times."""
    kills = 0

    async def writer() -> None:
        while kills < 200:
            async with data.transaction() as session:
                await session.execute(text("INSERT INTO notes (words) VALUES ('x')"))
                await enqueue(session, "test:drain", queueing_lock="drain")
            await asyncio.sleep(random.uniform(0, 0.02))

    writers = [asyncio.create_task(writer()) for _ in range(3)]
    while kills < 200:
        with worker_process(database_url, stalled_after=QUICK.stalled_after):
            await until(lambda: any_workers(data))
            await asyncio.sleep(random.uniform(0, 0.3))
        kills += 1
    await asyncio.gather(*writers)

    async def nothing_left() -> bool:
        async with data.reading() as session:
            return await session.scalar(text("SELECT count(*) FROM notes WHERE NOT done")) == 0

    async with working(database_url, QUICK):
        await until(nothing_left)
        await until(lambda: all_ended(data))


async def any_workers(data: Database) -> bool:
    async with data.reading() as session:
        return bool(
            await session.scalar(
                text("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '0.3 s'")
            )
        )
