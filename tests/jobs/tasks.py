"""Tasks that tests give to workers. They write into a table of the test's own."""

from __future__ import annotations

import asyncio

from procrastinate import Blueprint, JobContext
from sqlalchemy import text

from datapulse_tui.data.database import Database
from datapulse_tui.data.job_context import borrow
from datapulse_tui.jobs.app import app

TABLES = """
CREATE TABLE notes (id bigserial PRIMARY KEY, words text NOT NULL, done boolean NOT NULL DEFAULT false,
                    at timestamptz NOT NULL DEFAULT clock_timestamp());
GRANT ALL ON notes TO datapulse_app;
GRANT ALL ON SEQUENCE notes_id_seq TO datapulse_app;
"""

blueprint = Blueprint()


async def write(data: Database, words: str) -> None:
    """Leave a note, in a transaction of its own."""
    async with data.transaction() as session:
        await session.execute(text("INSERT INTO notes (words) VALUES (:words)"), {"words": words})


@blueprint.task(name="note", pass_context=True)
async def note(context: JobContext, words: str) -> None:
    """Write it down."""
    await write(borrow(context, Database), words)


@blueprint.task(name="drain", pass_context=True)
async def drain(context: JobContext) -> None:
    """Do all that waits."""
    async with borrow(context, Database).transaction() as session:
        await session.execute(text("UPDATE notes SET done = true WHERE NOT done"))


@blueprint.task(name="hold", pass_context=True)
async def hold(context: JobContext) -> None:
    """Say that it began, wait until somebody writes "go", say that it ended."""
    data = borrow(context, Database)
    await write(data, "began")
    while True:
        async with data.reading() as session:
            if await session.scalar(text("SELECT count(*) FROM notes WHERE words = 'go'")):
                break
        await asyncio.sleep(0.02)
    await write(data, "ended")


@blueprint.task(name="fail")
async def fail() -> None:
    """Fail."""
    raise LookupError("as asked")


app.add_tasks_from(blueprint, namespace="test")
