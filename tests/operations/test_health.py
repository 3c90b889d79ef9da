"""Health: each part, what it makes of trouble, and that none of them falls with another."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from typer.testing import CliRunner

from datapulse_tui.audit.actor import Actor
from datapulse_tui.cli.main import app
from datapulse_tui.data.database import Database, PoolState
from datapulse_tui.errors import Invalid, NotAllowed
from datapulse_tui.jobs import failures
from datapulse_tui.operations.health import reading
from datapulse_tui.operations.health.parts import Part, State, bytes_words, seconds_words, worst
from datapulse_tui.operations.health.places import Process
from datapulse_tui.operations.health.reading import TITLES, health
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role
from datapulse_tui.sources.pool import Use
from tests.databases import dsn

OPERATOR = Actor(None, "operator:tester@here", everything=True)


async def part(data: Database, name: str, process: Process | None = None) -> Part:
    (found,) = await health(data, OPERATOR, only=(name,), process=process)
    return found


async def change(data: Database, sql: str, **values: object) -> None:
    async with data.transaction() as session:
        await session.execute(text(sql), values)


async def test_every_part_of_an_empty_desk_is_read(data: Database) -> None:
    found = await health(data, OPERATOR)
    assert [each.id for each in found] == list(TITLES)
    states = {each.id: each.state for each in found}
    assert states.pop("workers") is State.BAD
    assert set(states.values()) == {State.GOOD}, found
    assert worst(found) is State.BAD


async def test_who_may_look(data: Database) -> None:
    for role in Role:
        actor = Actor(None, "somebody", ROLE_PERMISSIONS[role])
        if actor.can("health:view"):
            assert State.UNKNOWN not in {each.state for each in await health(data, actor)}, role
        else:
            with pytest.raises(NotAllowed):
                await health(data, actor)
    # With this right alone, what needs another says so, and the rest is told.
    alone = await health(data, Actor(None, "somebody", frozenset({"health:view"})))
    unknown = [each for each in alone if each.state is State.UNKNOWN]
    assert [each.id for each in unknown] == ["deliveries"]
    assert "delivery:view" in unknown[0].says
    with pytest.raises(Invalid, match="nonsense"):
        await health(data, OPERATOR, only=("nonsense",))


async def test_a_part_that_fails_fails_alone(data: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made = reading._readings

    async def breaks(session: AsyncSession, _: Actor) -> Part:
        await session.execute(text("SELECT 1 / 0"))
        raise AssertionError

    async def hangs(session: AsyncSession, _: Actor) -> Part:
        await session.execute(text("SELECT pg_sleep(60)"))
        raise AssertionError

    monkeypatch.setattr(reading, "PATIENCE", 0.5)
    monkeypatch.setattr(reading, "_readings", lambda process: made(process) | {"queues": breaks, "jobs": hangs})
    found = {each.id: each for each in await health(data, OPERATOR)}
    assert "division by zero" in found["queues"].says
    assert "no answer within" in found["jobs"].says
    assert [each.id for each in found.values() if each.state is State.UNKNOWN] == ["queues", "jobs"]


async def test_a_database_that_is_away_is_told_by_every_part(tmp_path: Path) -> None:
    away = Database(f"postgresql+psycopg://nobody@/nothing?host={tmp_path}")
    found = await health(away, OPERATOR)
    unknown = [each for each in found if each.state is State.UNKNOWN]
    assert [each.id for each in found if each not in unknown] == ["pools"]  # what this process knows by itself
    assert all("does not answer" in each.says for each in unknown)
    await away.dispose()


async def test_what_waits_for_long_is_a_warning_and_then_bad(data: Database) -> None:
    for minutes, state in ((0.2, State.GOOD), (3, State.WARNING), (30, State.BAD)):
        await change(
            data,
            "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) VALUES ('default', 'x', :since)",
            since=datetime.now(UTC) - timedelta(minutes=minutes),
        )
        found = await part(data, "queues")
        assert found.state is state
    assert "3 jobs due, the first for 30 min" in found.says
    assert found.tables[0].rows[0][:3] == ("x", "default", 3)


async def test_failed_jobs_and_workers_of_another_version(data: Database, superuser_url: str) -> None:
    await change(
        data,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, args) VALUES "
        "('default', 'alerts:evaluate', 'failed', jsonb_build_object(CAST(:key AS text), 'ValueError: no'))",
        key=failures.KEY,
    )
    found = await part(data, "jobs")
    assert (found.state, found.says) == (State.WARNING, "1 job stands as failed")
    assert found.tables[0].rows[0][-1] == "ValueError: no"
    await change(data, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    assert (await part(data, "workers")).says == "1 worker"
    async with data.reading() as session:
        worker = await session.scalar(text("SELECT id FROM procrastinate_workers"))
    with psycopg.connect(dsn(superuser_url), application_name=f"datapulse worker #{worker} 42@vm 0.0.1"):
        found = await part(data, "workers")
    assert (found.state, found.says) == (State.WARNING, "1 worker, some of another version (0.0.1)")
    assert found.tables[0].rows[0][:3] == (str(worker), "42@vm", "0.0.1")


async def test_a_schema_that_does_not_fit_and_a_transaction_that_stays_open(data: Database, owner_url: str) -> None:
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    found = await part(data, "database")
    assert found.state is State.BAD
    assert "datapulse db upgrade" in found.says
    assert any(table.title == "Largest tables" for table in found.tables)
    facts = {fact.label: fact.value for fact in found.facts}
    assert "pg_stat_statements" in str(facts["statements"])


async def test_sources_in_trouble_and_queries_that_wait_are_told(data: Database) -> None:
    await change(
        data,
        "INSERT INTO data_sources (name, type, connection_config, status, metadata) "
        "VALUES ('shop', 'postgresql', '{}', 'error', CAST(:meta AS jsonb))",
        meta=json.dumps({"problem": "no route to host"}),
    )
    found = await part(data, "sources")
    assert (found.state, found.says) == (State.WARNING, "1 source, 1 in trouble")
    async with data.reading() as session:
        source = await session.scalar(text("SELECT id FROM data_sources"))
    assert source is not None
    busy = Process(PoolState(3, 1, 10), {source: Use(4, 4, 2)}, "listening")
    assert (await part(data, "sources", busy)).tables[0].rows[0][4] == "4 of 4, 2 wait"
    found = await part(data, "pools", busy)
    assert (found.state, found.says) == (State.WARNING, "2 queries wait for a free place at a source")
    full = await part(data, "pools", Process(PoolState(10, 0, 10)))
    assert full.state is State.WARNING


@pytest.mark.parametrize(
    ("say", "value", "words"),
    [
        (bytes_words, 912, "912 B"),
        (bytes_words, 48_300, "48 kB"),
        (bytes_words, 1_234_000, "1.2 MB"),
        (bytes_words, 13_400_000, "13 MB"),
        (bytes_words, 2_500_000_000_000_000, "2500 TB"),
        (seconds_words, 3, "under 5 s"),
        (seconds_words, 44, "40 s"),
        (seconds_words, 3000, "50 min"),
        (seconds_words, 90_000, "25 h"),
        (seconds_words, 900_000, "10 d"),
    ],
)
def test_figures_are_as_exact_as_they_have_to_be(say: Callable[[float], str], value: float, words: str) -> None:
    assert say(value) == words


def test_the_command_says_how_it_is(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    said = CliRunner().invoke(app, ["health"])
    assert said.exit_code == 1
    assert "✗ bad      Workers" in said.output
    assert "● good     Database" in said.output
    assert CliRunner().invoke(app, ["health", "--part", "versions"]).exit_code == 0
    found = json.loads(CliRunner().invoke(app, ["health", "--json", "--part", "queues"]).output)
    assert found["state"] == "good"
    assert found["parts"][0]["tables"][0]["columns"][0] == "task"
    assert CliRunner().invoke(app, ["health", "--part", "x"]).exit_code == 1
