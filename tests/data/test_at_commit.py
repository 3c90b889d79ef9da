"""What is said with the commit: in one statement, in order, and taken back with what it tells of."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text

from datapulse_tui.data.at_commit import AuditRow, record_row, tell
from datapulse_tui.data.database import Database
from datapulse_tui.data.feed import CHANNEL, emit
from tests.databases import dsn


def row(action: str) -> AuditRow:
    return AuditRow(uuid.uuid4(), None, "system:test", action, "thing", None, None, None, {"note": {"a": "ü\"'"}})


def said(url: str) -> list[Any]:
    with psycopg.connect(dsn(url)) as connection:
        return [found for (found,) in connection.execute("SELECT action FROM audit_logs ORDER BY seq")]


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("topics", [0, 1, 2])
async def test_one_statement_whatever_there_is_to_say(
    data: Database, database_url: str, rows: int, topics: int
) -> None:
    sent: list[str] = []
    event.listen(data.engine.sync_engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    with psycopg.connect(dsn(database_url), autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}".encode())
        async with data.transaction() as session:
            for number in range(rows):
                record_row(session, row(f"thing.{number}"))
            for number in range(topics):
                await emit(session, f"topic{number}", "x")
                await emit(session, f"topic{number}", "x")
            assert sent == []
        heard = [each.payload for each in listener.notifies(timeout=5, stop_after=topics)] if topics else []
    assert len(sent) == (1 if rows or topics else 0)
    assert said(database_url) == [f"thing.{number}" for number in range(rows)]
    assert heard == [f'["topic{number}","x"]' for number in range(topics)]


async def test_what_is_rolled_back_was_never_said(data: Database, database_url: str) -> None:
    async with data.transaction() as session:
        record_row(session, row("kept"))
        trial = await session.begin_nested()
        record_row(session, row("trial"))
        async with session.begin_nested():
            record_row(session, row("inside the trial"))
        await trial.rollback()
        async with session.begin_nested():
            record_row(session, row("kept too"))
    assert said(database_url) == ["kept", "kept too"]
    with pytest.raises(RuntimeError):
        async with data.transaction() as session:
            record_row(session, row("never"))
            raise RuntimeError
    async with data.transaction() as session:
        await session.execute(text("SELECT 1"))
    assert said(database_url) == ["kept", "kept too"]


async def test_a_record_that_cannot_be_written_undoes_the_change(data: Database, database_url: str) -> None:
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError):
        async with data.transaction() as session:
            await session.execute(text("INSERT INTO departments (name) VALUES ('never')"))
            stranger = AuditRow(uuid.uuid4(), uuid.uuid4(), None, "thing.made", "thing", None, None, None, {})
            record_row(session, stranger)
            tell(session, CHANNEL, '["never"]')
    with psycopg.connect(dsn(database_url)) as connection:
        assert connection.execute("SELECT count(*) FROM departments").fetchone() == (0,)
    assert said(database_url) == []


async def test_several_commits_of_one_session(data: Database, database_url: str) -> None:
    async with data.transaction() as session:
        record_row(session, row("first"))
        await session.commit()
        assert said(database_url) == ["first"]
        record_row(session, row("second"))
    assert said(database_url) == ["first", "second"]
