"""Retention: what is old goes to a file that proves itself, and the rest is still a chain."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from datapulse_tui.audit import archive
from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.purge import Purged, purge
from datapulse_tui.audit.verify import Kind, Noted, verify
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, Invalid, NotAllowed
from tests import processes
from tests.audit.conftest import OPERATOR, Seal, Tamper, Write
from tests.databases import dsn


@pytest.fixture
async def owner(owner_url: str) -> AsyncIterator[Database]:
    """The database as the owner's role sees it."""
    database = Database(owner_url)
    yield database
    await database.dispose()


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def old_and_new(write: Write, seal: Seal) -> datetime:
    """Six records in two seals, then a moment, then four in two more and one that is not sealed."""
    await write(6)
    await seal(records_per_seal=3)
    moment = datetime.now(UTC)
    await write(4)
    await seal(records_per_seal=2)
    await write(1)
    return moment


async def test_what_is_old_is_in_the_file_and_the_rest_is_a_chain(
    data: Database, owner: Database, write: Write, seal: Seal, tmp_path: Path
) -> None:
    moment = await old_and_new(write, seal)
    before = await verify(data, OPERATOR)
    file = tmp_path / "old.jsonl"
    done = await purge(owner, OPERATOR, before=moment, path=file)
    assert (done.records, done.seals, done.last_seal) == (6, 2, 2)
    assert file.stat().st_mode & 0o777 == 0o600
    assert names_in(tmp_path) == ["old.jsonl"]
    read = archive.check(file)
    assert (read.intact, read.records, read.seals, read.base_seal) == (True, 6, 2, 0)
    assert (read.last_seal, read.last_hash) == (done.last_seal, done.last_hash)
    verdict = await verify(data, OPERATOR, noted=Noted(before.last_seal, before.last_hash))
    assert verdict.intact
    assert (verdict.records, verdict.seals, verdict.unsealed, verdict.purged) == (4, 2, 2, 6)
    assert verdict.purged_before == moment
    assert (await verify(data, OPERATOR, noted=Noted(2, done.last_hash))).intact
    assert (await verify(data, OPERATOR, noted=Noted(2, "0" * 16))).problem is not None
    with psycopg.connect(dsn(owner.url)) as connection:
        (details,) = connection.execute("SELECT details FROM audit_logs WHERE action = 'audit.purged'").fetchone()  # type: ignore[misc]
    assert details["note"]["records"] == 6
    assert details["note"]["file"] == "old.jsonl"
    # and it goes on: more is sealed, purged once more, and still a chain
    await seal()
    await write(3)
    await seal()
    again = await purge(owner, OPERATOR, before=datetime.now(UTC), path=tmp_path / "more.jsonl")
    second = archive.check(tmp_path / "more.jsonl")
    assert (second.base_seal, second.base_hash, second.records) == (2, done.last_hash, again.records)
    verdict = await verify(data, OPERATOR)
    assert verdict.intact
    assert verdict.purged == 6 + again.records


async def test_purges_are_refused(
    data: Database, owner: Database, write: Write, seal: Seal, tmp_path: Path, tamper: Tamper
) -> None:
    moment = await old_and_new(write, seal)
    file = tmp_path / "old.jsonl"

    async def refused(error: type[Exception], match: str, database: Database = owner, **more: object) -> None:
        wanted = {"before": moment, "path": file} | more
        with pytest.raises(error, match=match):
            await purge(database, wanted.pop("actor", OPERATOR), **wanted)  # type: ignore[arg-type]

    await refused(NotAllowed, "operator", actor=Actor(None, "somebody", frozenset({"audit:verify"})))
    await refused(NotAllowed, "owner's role", data)
    await refused(Invalid, "to come", before=datetime.now(UTC) + timedelta(hours=1))
    await refused(Conflict, "No seal is older", before=moment - timedelta(days=1))
    assert names_in(tmp_path) == []
    file.write_text("mine")
    await refused(Invalid, "there already")
    assert file.read_text() == "mine"
    file.unlink()
    tamper("UPDATE audit_logs SET action = 'x' WHERE seq = (SELECT max(seq) - 1 FROM audit_logs)")
    await refused(Conflict, "was altered")
    assert names_in(tmp_path) == []
    assert (await verify(data, OPERATOR)).purged == 0


async def test_the_guards_let_through_what_was_based_in_the_same_transaction_alone(
    data: Database, owner: Database, write: Write, seal: Seal, tmp_path: Path
) -> None:
    moment = await old_and_new(write, seal)
    await purge(owner, OPERATOR, before=moment, path=tmp_path / "old.jsonl")
    attempts = (
        "DELETE FROM audit_logs",
        "DELETE FROM audit_seals",
        "UPDATE audit_base SET records = 0",
        "DELETE FROM audit_base",
        "TRUNCATE audit_base",
        "INSERT INTO audit_base (seal_id, hash, records, before, ends, xid) VALUES (1, '', 0, now(), '[]', 1)",
    )
    with psycopg.connect(dsn(owner.url), autocommit=True) as connection:
        for attempt in attempts:
            with pytest.raises(errors.InsufficientPrivilege, match=r"append-only|moves on"):
                connection.execute(attempt)


async def test_a_base_that_was_made_up_is_found(
    data: Database, owner: Database, write: Write, seal: Seal, tmp_path: Path, tamper: Tamper
) -> None:
    moment = await old_and_new(write, seal)
    await purge(owner, OPERATOR, before=moment, path=tmp_path / "old.jsonl")
    tamper("ALTER TABLE audit_base DISABLE TRIGGER ALL")
    tamper("UPDATE audit_base SET hash = sha256(hash)")
    problem = (await verify(data, OPERATOR)).problem
    assert problem is not None
    assert (problem.kind, problem.seal_id) == (Kind.SEAL_ALTERED, 3)
    tamper("DELETE FROM audit_base")
    problem = (await verify(data, OPERATOR)).problem
    assert problem is not None
    assert (problem.kind, problem.seal_id) == (Kind.SEAL_REMOVED, 1)


# -- the file ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def exported(owner: Database, write: Write, seal: Seal, tmp_path: Path) -> tuple[Path, Purged]:
    """A file with six records in two seals."""
    moment = await old_and_new(write, seal)
    file = tmp_path / "old.jsonl"
    return file, await purge(owner, OPERATOR, before=moment, path=file)


async def test_whatever_is_done_to_the_file_is_found(exported: tuple[Path, Purged]) -> None:
    file, _ = exported
    lines = file.read_bytes().splitlines(keepends=True)
    seqs = [json.loads(line)[0] for line in lines if line.startswith(b"[")]
    assert len(lines) == 1 + 6 + 2 + 1

    def problem(changed: list[bytes]) -> str:
        file.write_bytes(b"".join(changed))
        return archive.check(file).problem

    assert problem(lines) == ""
    assert f"Record {seqs[1]} of seal 1 was altered" in problem(
        [*lines[:2], lines[2].replace(b"thing.changed", b"thing.charged"), *lines[3:]]
    )
    assert f"Record {seqs[1]} of seal 1 was removed" in problem([*lines[:2], *lines[3:]])
    assert "was put into seal 1" in problem([*lines[:2], lines[5], *lines[2:]])
    assert "stand in another order" in problem([lines[0], lines[2], lines[1], *lines[3:]])
    assert "Seal 1 was removed" in problem([lines[0], *lines[5:]])
    assert "seals behind 1 were removed" in problem([*lines[:5], lines[-1]])
    assert "Seal 2 was altered" in problem([*lines[:8], lines[8].replace(b'"records":3', b'"records":4'), lines[-1]])
    assert "ends in the middle" in problem(lines[:-1])
    assert "ends in the middle" in problem([*lines[:-1], lines[-1].rstrip(b"\n")])
    assert "put in behind" in problem([*lines, lines[-1]])
    for rubbish in ([], [b"hello\n"], [b"{}\n"], [b"\xff\n"], [lines[0], b"[x\n"], [lines[0], b'{"seal":1}\n']):
        with pytest.raises(Invalid, match="not an export"):
            problem(rubbish)


# -- killed ------------------------------------------------------------------------------------------------------------

_KILLED = """
import asyncio, os, signal, sys
from datetime import datetime
from pathlib import Path
from datapulse_tui.audit import purge as module
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database

where = sys.argv[4]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
async def deleted(*given, real=module._delete_records):
    await real(*given)
    die()
if where == "writing":
    module.Purged = die
elif where == "written":
    module._remove = die
else:
    module._delete_records = deleted
owner = Database(sys.argv[1])
actor = Actor(None, "operator:x@y", everything=True)
asyncio.run(module.purge(owner, actor, before=datetime.fromisoformat(sys.argv[2]), path=Path(sys.argv[3])))
"""


@pytest.mark.parametrize("where", ["writing", "written", "removed"])
async def test_killed_in_the_middle_nothing_is_removed(
    data: Database, owner: Database, write: Write, seal: Seal, tmp_path: Path, where: str
) -> None:
    moment = await old_and_new(write, seal)
    file = tmp_path / "old.jsonl"
    arguments = (owner.url, moment.isoformat(), str(file), where)
    program = processes.start("-c", _KILLED, *arguments, environment=os.environ, err=tmp_path / "err")
    await asyncio.to_thread(program.join)
    assert program.exitcode == -signal.SIGKILL, (tmp_path / "err").read_text()
    verdict = await verify(data, OPERATOR)
    assert (verdict.intact, verdict.records, verdict.purged) == (True, 10, 0)
    assert file.exists() is (where != "writing")
    done = await purge(owner, OPERATOR, before=moment, path=tmp_path / "again.jsonl")
    assert done.records == 6
    assert (await verify(data, OPERATOR)).intact
