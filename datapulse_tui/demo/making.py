"""Making the demo: its tables, people, sources, dashboards, alert rules and requests.

Each step leaves alone what is there already, and the note that the demo is complete comes last, so a set-up that was
killed is completed by the next one.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from sqlalchemy import text

from datapulse_tui.alerts.applying import apply_all as apply_rules
from datapulse_tui.alerts.as_code import load_file as load_rules
from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.service import record
from datapulse_tui.dashboards.applying import apply_all
from datapulse_tui.dashboards.as_code import load_file
from datapulse_tui.data.address import libpq_arguments
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.demo import past, requests, tables
from datapulse_tui.demo.cast import DEPARTMENTS, FILES_SOURCE, OWNERS, PASSWORD, PEOPLE, STATISTICS_SOURCE
from datapulse_tui.demo.sampler import Reading, between, connect, read, write
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.passwords import hash_password
from datapulse_tui.people.service import add_user
from datapulse_tui.sources.schemas import parse_config
from datapulse_tui.sources.service import add_source, grant_source, update_source

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.data.connect import Connection

MAKER = Actor(user_id=None, label="system:demo", everything=True, user_agent="datapulse demo")
# Any number that nothing else uses: demos that start at once take turns.
LOCK = 7_238_401_156_303

_TAKE_LOCK = "SELECT pg_advisory_lock(%s)"
_NOTE = """
INSERT INTO demo.setup (edition, monitor_url) VALUES (%s, %s)
ON CONFLICT (one) DO UPDATE SET edition = excluded.edition, monitor_url = excluded.monitor_url, finished_at = now()
"""


async def make(connection: Connection, edition: str, *, dashboards: Path, alerts: Path, files: Path) -> None:
    """Make, or complete, the demo in the open workspace `connection`, and note that it is of this `edition`.

    `dashboards` and `alerts` are the folders of the YAML files, `files` that of the sample files (no link in it), which
    are there.
    """
    monitor = connection.addresses.monitor
    if monitor is None:
        raise ValueError("a demo lives on the embedded server")
    owner = await psycopg.AsyncConnection[TupleRow].connect(
        make_conninfo(**libpq_arguments(connection.addresses.owner, "datapulse demo set-up")), autocommit=True
    )
    async with owner:
        await owner.execute(_TAKE_LOCK, (LOCK,))  # kept until the connection ends
        async with owner.transaction():
            for statement in tables.STATEMENTS:
                await owner.execute(statement)
        noted = await (await owner.execute("SELECT edition, monitor_url FROM demo.setup")).fetchone()
        if noted == (edition, monitor):
            return  # somebody else has made it while we waited
        before = await _statistics(monitor)
        async with connection.data.transaction() as session:
            await _add_people(session)
        async with connection.data.transaction() as session:
            box = SecretBox.from_settings(connection.settings)
            await _add_sources(session, box, monitor, files)
        for name, email in OWNERS.items():
            loaded = await asyncio.to_thread(load_file, dashboards / name)
            async with connection.data.transaction() as session:
                await apply_all(session, await actor_for(session, email, through=MAKER.label), loaded)
        await _add_rules(connection, alerts)
        await requests.make(connection, MAKER.label)
        # The set-up's own work is the first sample, so that the first look at the statistics is not an empty one.
        sample = between(before, await _statistics(monitor))
        if sample is not None:
            await write(owner, sample)
        await owner.execute(_NOTE, (edition, monitor))


async def _add_rules(connection: Connection, folder: Path) -> None:
    """The rules, each of its owner in the file, a day of samples for what can have them, and pinned metrics."""
    for loaded in await asyncio.to_thread(lambda: [load_rules(path) for path in sorted(folder.glob("*.yaml"))]):
        async with connection.data.transaction() as session:
            await apply_rules(session, MAKER, loaded)
    await past.fill(connection, datetime.now(UTC))
    async with connection.data.transaction() as session:
        await past.pin(session)


async def _statistics(monitor: str) -> Reading:
    async with await connect(monitor, "datapulse demo set-up") as connection:
        return await read(connection)


async def _add_people(session: AsyncSession) -> None:
    """Departments and people. All have one password, so it is hashed once: ten times would take three seconds."""
    departments = {name: await _department(session, name, about) for name, about in DEPARTMENTS.items()}
    known = set((await session.scalars(text("SELECT email FROM users"))).all())
    missing = [person for person in PEOPLE if person.email not in known]
    hashed = await hash_password(PASSWORD) if missing else ""
    for person in missing:
        user_id = await add_user(
            session, MAKER, email=person.email, name=person.name, role=person.role, timezone=person.zone,
            activate=not person.invited,
        )  # fmt: skip
        fields = {"id": user_id, "department": departments[person.department]}
        await session.execute(text("UPDATE users SET department_id = :department WHERE id = :id"), fields)
        head = "UPDATE departments SET head_id = :id WHERE id = :department AND head_id IS NULL"
        await session.execute(text(head), fields)
        if not person.invited:
            given = "UPDATE users SET password = :hash WHERE id = :id"
            await session.execute(text(given), {"id": user_id, "hash": hashed})
            await record(session, MAKER, "user.password_set", "user", user_id, note={"reason": "sample person"})


async def _department(session: AsyncSession, name: str, about: str) -> object:
    """The id of the department, made if it is not there."""
    made = await session.scalar(
        text("INSERT INTO departments (name, description) VALUES (:name, :about) ON CONFLICT DO NOTHING RETURNING id"),
        {"name": name, "about": about},
    )
    if made is not None:
        await record(session, MAKER, "department.added", "department", made, after={"name": name})
        return made
    return await session.scalar(text("SELECT id FROM departments WHERE name = :name"), {"name": name})


async def _add_sources(session: AsyncSession, box: SecretBox, monitor: str, files: Path) -> None:
    """The two sources, with the addresses that they have now, and who may query them."""
    configs = {
        FILES_SOURCE: ("csv", {"path": str(files)}),
        STATISTICS_SOURCE: ("postgresql", {"url": monitor}),
    }
    rows = await session.execute(text("SELECT name, connection_config FROM data_sources"))
    known = {row.name: row.connection_config for row in rows}
    for name, (kind, config) in configs.items():
        if known.get(name) == parse_config(kind, config).document():
            continue
        if name in known:
            await update_source(session, MAKER, box, name, changes=config, csv_folders=(files,))
        else:
            await add_source(session, MAKER, box, name=name, type=kind, config=config, csv_folders=(files,))
    for person in PEOPLE:
        for source in person.sources:
            await grant_source(session, MAKER, source, person.email)
