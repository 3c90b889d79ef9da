"""Jobs that fail: why is kept, who sees them, and how they run again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.enqueue import enqueue
from datapulse_tui.errors import Conflict, NotAllowed, NotFound
from datapulse_tui.jobs import failures, name_tag, reads
from datapulse_tui.jobs.housekeeping import GIVEN_UP, MOST_ATTEMPTS, put_stalled_jobs_back
from datapulse_tui.jobs.service import JobOutcome, retry
from tests.databases import dsn
from tests.jobs.support import jobs, make_tables, until, working
from tests.jobs.test_cli import status as run_status

OPERATOR = Actor(None, "operator:tester@here", everything=True)
LOOKER = Actor(None, "looker", frozenset({"health:view"}))
STRANGER = Actor(None, "stranger")


@pytest.fixture(autouse=True)
def tables(owner_url: str) -> None:
    make_tables(owner_url)


async def ask_for(data: Database, name: str, **options: object) -> None:
    async with data.transaction() as session:
        await enqueue(session, name, **options)  # type: ignore[arg-type]


async def failed(data: Database, actor: Actor = OPERATOR) -> Sequence[reads.FailedJob]:
    async with data.reading() as session:
        return (await reads.failed_jobs(session, actor)).items


async def again(data: Database, seen: Sequence[tuple[int, int]], actor: Actor = OPERATOR) -> tuple[JobOutcome, ...]:
    async with data.transaction() as session:
        return await retry(session, actor, seen)


def put_job(url: str, status: str, *, lock: str | None = None, args: dict[str, object] | None = None) -> int:
    """A job that stands so, as a worker left it."""
    with psycopg.connect(dsn(url)) as connection:
        found = connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, status, attempts) "
            "VALUES ('default', 'test:note', %s, %s, %s::procrastinate_job_status, 1) RETURNING id",
            [lock, json.dumps(args or {}), status],
        ).fetchone()
    assert found is not None
    return int(found[0])


async def test_a_failed_job_tells_why_and_runs_again(data: Database, database_url: str) -> None:
    await ask_for(data, "test:fail")

    async def stands_as(status: str, attempts: int) -> bool:
        async with data.reading() as session:
            row = (await session.execute(text("SELECT status::text, attempts FROM procrastinate_jobs"))).one()
        return (row.status, row.attempts) == (status, attempts)

    async with working(database_url):
        await until(lambda: stands_as("failed", 1))
        (job,) = await failed(data)
        assert (job.task, job.attempts, job.error) == ("test:fail", 1, "LookupError: as asked")
        assert job.failed_at is not None
        (outcome,) = await again(data, [(job.id, job.attempts)])
        assert outcome.done
        # Its attempts begin anew, and why it failed does not reach the task as an argument.
        await until(lambda: stands_as("failed", 1))
        assert (await failed(data))[0].error == "LookupError: as asked"
    async with data.reading() as session:
        trail = (await session.execute(text("SELECT action, details FROM audit_logs"))).all()
    assert [(row.action, row.details["note"]["task"]) for row in trail] == [("job.retried", "test:fail")]


async def test_a_job_runs_again_with_its_own_arguments(data: Database, database_url: str) -> None:
    job = put_job(database_url, "failed", args={"words": "kept", failures.KEY: "ValueError: no"})
    await again(data, [(job, 1)])
    async with working(database_url):
        await until(lambda: done(data))
    async with data.reading() as session:
        assert await session.scalar(text("SELECT words FROM notes")) == "kept"


async def done(data: Database) -> bool:
    return await jobs(data) == [("test:note", "succeeded")]


@pytest.mark.parametrize(
    ("status", "attempts", "error", "words"),
    [
        ("doing", 1, Conflict, "it runs already"),
        ("todo", 1, Conflict, "it waits already"),
        ("succeeded", 1, Conflict, "does not stand as failed any more"),
        ("failed", 0, Conflict, "tried again meanwhile"),
    ],
)
async def test_what_does_not_stand_as_it_was_seen_is_refused(
    data: Database, database_url: str, status: str, attempts: int, error: type[Exception], words: str
) -> None:
    job = put_job(database_url, status)
    with pytest.raises(error, match=words):
        await again(data, [(job, attempts)])
    assert (await jobs(data))[0][1] == status


async def test_of_many_each_has_its_own_outcome(data: Database, database_url: str) -> None:
    runs, stands, locked = (
        put_job(database_url, "doing"),
        put_job(database_url, "failed"),
        put_job(database_url, "failed", lock="one"),
    )
    put_job(database_url, "todo", lock="one")
    outcomes = await again(data, [(runs, 1), (stands, 1), (locked, 1), (999_999, 1)])
    assert [each.done for each in outcomes] == [False, True, False, False]
    assert "another one of its kind waits" in outcomes[2].message
    assert "not there any more" in outcomes[3].message
    with pytest.raises(NotFound):
        await again(data, [(999_999, 1)])


async def test_two_of_one_kind_do_not_both_wait(data: Database, database_url: str) -> None:
    first, second = (put_job(database_url, "failed", lock="one") for _ in range(2))
    outcomes = await again(data, [(first, 1), (second, 1)])
    assert [each.done for each in outcomes] == [True, False]


async def test_who_may_look_and_who_may_act(data: Database, database_url: str) -> None:
    job = put_job(database_url, "failed")
    assert len(await failed(data, LOOKER)) == 1
    with pytest.raises(NotAllowed):
        await again(data, [(job, 1)], LOOKER)
    with pytest.raises(NotAllowed):
        await failed(data, STRANGER)
    async with data.reading() as session:
        for look in (reads.workers, reads.queues):
            with pytest.raises(NotAllowed):
                await look(session, STRANGER)


async def test_a_job_that_killed_its_workers_says_so(data: Database, database_url: str) -> None:
    put_job(database_url, "doing")
    async with data.transaction() as session:
        await session.execute(text("UPDATE procrastinate_jobs SET attempts = :most"), {"most": MOST_ATTEMPTS - 1})
        await put_stalled_jobs_back(session, stalled_after=30)
    assert [each.error for each in await failed(data)] == [GIVEN_UP]


def test_a_reason_is_one_line_without_passwords() -> None:
    error = ValueError("no way to postgresql://ana:geheim@db/x\nDETAIL: more")
    assert failures.reason(error) == "ValueError: no way to postgresql://ana:(secret)@db/x"
    assert failures.reason(KeyError()) == "KeyError"
    assert len(failures.reason(ValueError("x" * 5000))) == failures.LONGEST


async def test_a_worker_is_known_by_process_machine_and_version(data: Database, database_url: str) -> None:
    async def named() -> bool:
        async with data.reading() as session:
            return any(each.pid == os.getpid() for each in await reads.workers(session, OPERATOR))

    async with working(database_url):
        await until(named)
        await ask_for(data, "test:note", words="x")
        await until(lambda: done(data))
        async with data.reading() as session:
            (worker,) = await reads.workers(session, OPERATOR)
            (queue,) = await reads.queues(session, OPERATOR)
        assert worker.alive
        assert worker.host
        assert worker.done == 1
        assert (queue.task, queue.done, queue.due, queue.running) == ("test:note", 1, 0, 0)
    async with data.reading() as session:
        assert await reads.workers(session, OPERATOR) == ()


def test_a_name_tag_survives_any_machine() -> None:
    for host in ("", "vm-1", "a" * 300, "höst mit Leerzeichen"):
        written = name_tag.written(12, host)
        assert len(written.encode()) <= name_tag.LONGEST
        read = name_tag.read(written)
        assert read is not None
        assert (read.worker, read.pid) == (12, os.getpid())
    assert name_tag.read("datapulse worker") is None


async def test_failed_and_retry_on_the_command_line(
    data: Database, database_url: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = os.environ | {"DATAPULSE_DATABASE_URL": database_url, "DATAPULSE_HOME": str(home)}
    job = put_job(database_url, "failed", args={failures.KEY: "ValueError: [/b] \x1b[31m"})

    def say(*words: str) -> tuple[int, str, str]:
        ended = run_status(environment, *words, noun=())
        return ended.returncode, ended.stdout, ended.stderr

    code, said, _ = say("worker", "failed")
    assert code == 0
    assert "ValueError: [/b]" in said
    assert "\x1b" not in said
    assert say("worker", "retry", str(job), "777")[0] == 3
    assert (await jobs(data))[0][1] == "todo"
    code, _, complaint = say("worker", "retry", str(job))
    assert code == 1
    assert "waits already" in complaint
    assert say("worker", "retry")[0] == 1
    assert "no job" in say("worker", "failed")[1].lower()
