"""A restored desk is the same desk; and whatever happens on the way, there is a whole file or none, the old desk or the
new one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from psycopg import sql
from sqlalchemy import text
from typer.testing import CliRunner

from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.service import record
from datapulse_tui.audit.verify import verify
from datapulse_tui.cli.main import app
from datapulse_tui.data import migrate
from datapulse_tui.data.backup import programs
from datapulse_tui.data.backup.archive import read_archive
from datapulse_tui.data.backup.dump import Progress, backup
from datapulse_tui.data.backup.restore import restore
from datapulse_tui.data.database import Database
from datapulse_tui.data.embedded import EmbeddedServer, erase, start
from datapulse_tui.data.enqueue import enqueue
from datapulse_tui.data.schema_version import SchemaTooNew
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.errors import Conflict, DataPulseError, Invalid, Unavailable
from datapulse_tui.operations.backups import note_backup, seal_all, settle
from datapulse_tui.people.sign_in import sign_in
from tests.databases import Server, dsn
from tests.jobs.support import until, working
from tests.tui.conftest import ANA, PASSWORD, World, empty_world, filled_template, world
from tests.tui.inbox_world import fill

__all__ = ["empty_world", "filled_template", "world"]  # fixtures
pytestmark = pytest.mark.usefixtures("nobody_connected")

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = Actor(None, "operator:tester@here", everything=True)


@pytest.fixture
async def desk(world: World) -> World:
    """A desk with people, a source, dashboards, rules, incidents, deliveries and a trail, part of it sealed."""
    connection = await asyncio.to_thread(world.connect)
    try:
        await fill(connection)
        await seal_all(connection.data)
        async with connection.data.transaction() as session:
            await record(session, OPERATOR, "test.done", "test", None)
    finally:
        await connection.data.dispose()
    return world


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The server of another machine, with an empty database."""
    home = tmp_path_factory.mktemp("elsewhere") / "home"
    server = start(home)
    yield server
    server.release()
    erase(home)


@pytest.fixture
def empty_elsewhere(elsewhere: EmbeddedServer) -> EmbeddedServer:
    """It, emptied."""
    with psycopg.connect(dsn(elsewhere.owner_url), autocommit=True) as connection:
        owned = connection.execute("SELECT 1 FROM pg_class WHERE relname = 'users'").fetchone()
    if owned:
        migrate.downgrade(elsewhere.owner_url, "base")
        with psycopg.connect(dsn(elsewhere.owner_url), autocommit=True) as connection:
            connection.execute("DROP TABLE alembic_version")
    return elsewhere


def contents(url: str) -> dict[str, Any]:
    """Every table's rows by number and hash, every sequence's place, every right, every trigger and function."""
    found: dict[str, Any] = {}
    with psycopg.connect(dsn(url)) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        ).fetchall()
        for (name,) in tables:
            hashed = sql.SQL("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t")
            found[name] = connection.execute(hashed.format(sql.Identifier(name))).fetchone()
        for what, query in {
            "sequences": "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1",
            "rights": "SELECT relname, array(SELECT unnest(relacl)::text ORDER BY 1) FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relacl IS NOT NULL ORDER BY 1",
            "columns": "SELECT attrelid::regclass::text, attname, attacl::text FROM pg_attribute "
            "WHERE attacl IS NOT NULL AND attrelid::regclass::text LIKE 'audit%' ORDER BY 1, 2",
            "triggers": "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal "
            "ORDER BY 1, 2",
            "functions": "SELECT oid::regprocedure::text, md5(prosrc), prosecdef, proacl::text FROM pg_proc "
            "WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
        }.items():
            found[what] = connection.execute(query).fetchall()
    return found


def others_gone(server: Server, *names: str) -> None:
    """End connections of pools that tests have left behind."""
    with psycopg.connect(dsn(server.superuser), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(%s)", [[*names]])


async def all_sealed(data: Database) -> bool:
    """Seal what can be sealed; whether the trail is intact and nothing is left."""
    await seal_all(data)
    verdict = await verify(data, OPERATOR)
    assert verdict.intact
    return verdict.unsealed == 0


async def test_a_restored_desk_is_the_same_desk(
    desk: World, empty_elsewhere: EmbeddedServer, tmp_path: Path, server: Server, database_name: str
) -> None:
    file, steps = tmp_path / "desk.dump", list[Progress]()
    made = await asyncio.to_thread(backup, desk.addresses.owner, file, watch=steps.append)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (steps[-1].tables, steps[-1].bytes) == (made.tables, file.stat().st_size)
    before = contents(desk.addresses.owner)
    owner, app = empty_elsewhere.owner_url, empty_elsewhere.app_url
    restored = await asyncio.to_thread(restore, owner, file, watch=steps.append)
    assert steps[-1].tables == restored.archive.tables == made.tables
    assert contents(owner) == before
    assert migrate.drift(owner) == []

    data = Database(app)
    try:
        box = SecretBox.from_settings(desk.settings)
        settled = await settle(data, OPERATOR, box, restored)
        assert settled.trail.intact
        assert settled.trail.unsealed == 0  # also what came unsealed, from the epoch of another server
        assert settled.unreadable == 0
        assert (await sign_in(data, ANA, PASSWORD)).email == ANA
        with psycopg.connect(dsn(app)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM audit_logs")
        async with working(app):
            async with data.transaction() as session:
                await enqueue(session, "housekeeping:round_trip")
            await until(lambda: succeeded(data))

        # And back again over the first one, whose server has not restarted: its epoch goes on.
        second = tmp_path / "second.dump"
        await data.dispose()
        await asyncio.to_thread(backup, owner, second)
        others_gone(server, database_name)
        again = await asyncio.to_thread(restore, desk.addresses.owner, second, replace=True)
        back = Database(desk.addresses.app)
        try:
            settled = await settle(back, OPERATOR, box, again)
            assert settled.trail.intact
            await until(lambda: all_sealed(back))  # other tests' transactions may still be open on this server
        finally:
            await back.dispose()
    finally:
        await data.dispose()


async def succeeded(data: Database) -> bool:
    async with data.reading() as session:
        status = "SELECT status::text FROM procrastinate_jobs WHERE task_name = 'housekeeping:round_trip'"
        return await session.scalar(text(status)) == "succeeded"


async def test_a_backup_is_of_one_moment_while_others_write(desk: World, tmp_path: Path) -> None:
    data = Database(desk.addresses.app)
    stop = asyncio.Event()

    async def writes() -> None:
        while not stop.is_set():
            async with data.transaction() as session:
                await record(session, OPERATOR, "test.done", "test", None)

    writing = [asyncio.create_task(writes()) for _ in range(3)]
    try:
        await asyncio.to_thread(backup, desk.addresses.owner, tmp_path / "busy.dump")
    finally:
        stop.set()
        await asyncio.gather(*writing)
        await data.dispose()
    assert read_archive(tmp_path / "busy.dump").tables > 50


def test_a_file_that_is_there_stays(owner_url: str, tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("precious")
    with pytest.raises(Conflict, match="there already"):
        backup(owner_url, file)
    assert file.read_text() == "precious"
    with pytest.raises(Invalid, match="cannot be written"):
        backup(owner_url, tmp_path / "no" / "such" / "folder")


def test_what_fails_half_way_leaves_no_file(owner_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(_: Progress) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable, match="No space left"):
        backup(owner_url, tmp_path / "desk.dump", watch=stumbles)
    assert list(tmp_path.iterdir()) == []
    # A server that goes away in the middle.
    monkeypatch.setattr(programs, "environment", lambda *_: os.environ | {"PGHOST": str(tmp_path)})
    from datapulse_tui.data.backup import dump

    monkeypatch.setattr(dump, "environment", programs.environment)
    with pytest.raises(Unavailable, match="pg_dump gave up"):
        backup(owner_url, tmp_path / "desk.dump")
    assert list(tmp_path.iterdir()) == []


def killed(call: str) -> None:
    """Run `call` in a process that kills itself at its first progress."""
    code = (
        "import os, signal\nfrom pathlib import Path\n"
        "from datapulse_tui.data.backup.dump import backup\nfrom datapulse_tui.data.backup.restore import restore\n"
        f"def die(_): os.kill(os.getpid(), signal.SIGKILL)\n{call}"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_killed_backup_leaves_no_file_under_its_name(owner_url: str, tmp_path: Path) -> None:
    file = tmp_path / "desk.dump"
    killed(f"backup({owner_url!r}, Path({str(file)!r}), watch=die)")
    assert not file.exists()
    assert all(each.name.endswith(".part") for each in tmp_path.iterdir())
    assert backup(owner_url, file).bytes == file.stat().st_size


@pytest.mark.parametrize("replace", [True, False])
def test_a_killed_restore_leaves_the_old_desk(
    owner_url: str, empty_database_name: str, server: Server, tmp_path: Path, *, replace: bool
) -> None:
    file = tmp_path / "desk.dump"
    backup(owner_url, file)
    target = owner_url if replace else server.url(empty_database_name)
    with psycopg.connect(dsn(target)) as connection:
        if replace:
            connection.execute("INSERT INTO departments (name) VALUES ('made since')")
    before = contents(target)
    killed(f"restore({target!r}, Path({str(file)!r}), replace={replace}, watch=die)")
    others_gone(server, psycopg.conninfo.conninfo_to_dict(dsn(target))["dbname"])  # type: ignore[arg-type]
    assert contents(target) == before


def test_a_restore_that_fails_half_way_changes_nothing(owner_url: str, tmp_path: Path) -> None:
    file = tmp_path / "desk.dump"
    backup(owner_url, file)
    before = contents(owner_url)

    def stumbles(_: Progress) -> None:
        raise RuntimeError("somebody pulled the plug")

    with pytest.raises(RuntimeError):
        restore(owner_url, file, replace=True, watch=stumbles)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(DataPulseError, match=r"as it was|Nothing was changed"):
        restore(owner_url, file, replace=True)
    assert contents(owner_url) == before


def test_only_an_empty_database_is_filled_without_being_told_to(owner_url: str, tmp_path: Path) -> None:
    backup(owner_url, tmp_path / "desk.dump")
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("CREATE TABLE of_a_newer_schema (id int)")
        connection.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
    with pytest.raises(Conflict, match="is not empty"):
        restore(owner_url, tmp_path / "desk.dump")
    restore(owner_url, tmp_path / "desk.dump", replace=True)
    with psycopg.connect(dsn(owner_url)) as connection:
        rows = connection.execute("SELECT to_regclass('of_a_newer_schema'), to_regtype('mood')").fetchone()
    assert rows == (None, None)


def test_nothing_is_restored_under_people_who_work(owner_url: str, database_url: str, tmp_path: Path) -> None:
    backup(owner_url, tmp_path / "desk.dump")
    with (
        psycopg.connect(dsn(database_url), application_name="datapulse worker"),
        pytest.raises(Conflict, match="datapulse worker"),
    ):
        restore(owner_url, tmp_path / "desk.dump", replace=True)


def test_schemas_that_are_older_newer_or_none(owner_url: str, tmp_path: Path) -> None:
    def with_revision(revision: str) -> Path:
        with psycopg.connect(dsn(owner_url)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", [revision])
        file = tmp_path / f"{revision}.dump"
        backup(owner_url, file)
        return file

    newer, older = with_revision("9999"), with_revision("0001")
    with pytest.raises(SchemaTooNew):
        restore(owner_url, newer, replace=True)
    assert restore(owner_url, older, replace=True).older
    (tmp_path / "text").write_text("no backup")
    for file in (tmp_path / "text", tmp_path / "nothing"):
        with pytest.raises(Invalid):
            restore(owner_url, file, replace=True)


def test_the_owner_is_needed(database_url: str, owner_url: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="DATAPULSE_OWNER_URL"):
        backup(database_url, tmp_path / "desk.dump")
    backup(owner_url, tmp_path / "desk.dump")
    with pytest.raises(Invalid, match="DATAPULSE_OWNER_URL"):
        restore(database_url, tmp_path / "desk.dump", replace=True)


def test_a_password_is_in_nobodys_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPULSE_OWNER_URL", "postgresql://o:geheim@h/d")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=elsewhere")
    found = programs.environment("postgresql+psycopg://o:geheim@db:5433/desk?sslmode=require", "x")
    assert (found["PGPASSWORD"], found["PGHOST"], found["PGPORT"], found["PGDATABASE"]) == (
        "geheim", "db", "5433", "desk",
    )  # fmt: skip
    assert found["PGSSLMODE"] == "require"
    assert not [name for name in found if name.startswith("DATAPULSE_")]
    assert "PGOPTIONS" not in found


def test_a_server_that_is_too_new_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert programs.for_server(15).major >= 15
    with pytest.raises(Unavailable, match="version 99") as caught:
        programs.for_server(99)
    assert "postgresql-client-99" in caught.value.hint


def test_on_the_command_line(
    home: Path, database_url: str, owner_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say(*words: str) -> Result:
        return CliRunner().invoke(app, ["db", *words])

    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    monkeypatch.setenv("DATAPULSE_OWNER_URL", owner_url)
    file = str(tmp_path / "desk.dump")
    made = say("backup", file)
    assert made.exit_code == 0, made.output
    assert "Not in it: the secret key" in made.stdout
    assert say("backup", file).exit_code == 1
    asked = say("restore", file, "--replace")
    assert asked.exit_code == 1
    assert "--yes" in asked.output
    done = say("restore", file, "--replace", "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["trail_intact"] is True
    with psycopg.connect(dsn(database_url)) as connection:
        actions = connection.execute("SELECT action FROM audit_logs ORDER BY seq").fetchall()
    # The record of the backup came after the moment that it is of.
    assert actions == [("database.restored",)]
    monkeypatch.setenv("DATAPULSE_AS", "ana@example.org")
    assert "operator's" in say("backup", str(tmp_path / "other.dump")).output


async def test_the_trail_names_the_file_and_not_its_place(desk: World, tmp_path: Path) -> None:
    made = await asyncio.to_thread(backup, desk.addresses.owner, tmp_path / "desk.dump")
    data = Database(desk.addresses.app)
    try:
        await note_backup(data, OPERATOR, made)
        async with data.reading() as session:
            details = await session.scalar(text("SELECT details FROM audit_logs WHERE action = 'database.backed_up'"))
    finally:
        await data.dispose()
    assert details["note"]["file"] == "desk.dump"
    assert str(tmp_path) not in json.dumps(details)
