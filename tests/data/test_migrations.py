"""The history runs up and down, ends at the models, and is never run twice at once."""

from __future__ import annotations

import os
import re
from pathlib import Path

import psycopg
import pytest

from datapulse_tui import resources
from datapulse_tui.data import migrate, schema_version
from datapulse_tui.data.database import Database
from datapulse_tui.data.schema_version import SchemaState, SchemaTooNew, SchemaTooOld
from datapulse_tui.errors import Conflict, Unavailable
from tests import processes
from tests.databases import Server, dsn


def snapshot(url: str) -> list[tuple[str, ...]]:
    """Every object of ours in the database: relations, constraints, functions, triggers and grants."""
    with psycopg.connect(dsn(url)) as connection:
        return connection.execute(
            "SELECT 'relation', relname, relkind::text, coalesce(relacl::text, '') FROM pg_class "
            "  WHERE relnamespace = 'public'::regnamespace"
            " UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid), '' FROM pg_constraint "
            "  WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
            " UNION ALL SELECT 'function', proname, prosrc, coalesce(proacl::text, '') FROM pg_proc "
            "  WHERE pronamespace = 'public'::regnamespace"
            " UNION ALL SELECT 'trigger', tgname, tgrelid::regclass::text, '' FROM pg_trigger WHERE NOT tgisinternal"
            " UNION ALL SELECT 'type', typname, typtype::text, '' FROM pg_type "
            "  WHERE typnamespace = 'public'::regnamespace AND typtype <> 'c' AND typname NOT LIKE '\\_%'"
            " ORDER BY 1, 2, 3, 4"
        ).fetchall()


def test_every_step_goes_down_and_up_again(server: Server, empty_database_name: str) -> None:
    url = server.url(empty_database_name)
    states = []
    for revision in schema_version.REVISIONS:
        migrate.upgrade(url, revision)
        states.append(snapshot(url))
    for position in range(len(schema_version.REVISIONS) - 1, 0, -1):
        migrate.downgrade(url, schema_version.REVISIONS[position - 1])
        assert snapshot(url) == states[position - 1]
    migrate.downgrade(url, "base")
    assert {row[1] for row in snapshot(url)} == {"alembic_version", "alembic_version_pkc"}
    migrate.upgrade(url)
    assert snapshot(url) == states[-1]


def test_models_and_migrated_database_do_not_differ(owner_url: str) -> None:
    assert migrate.drift(owner_url) == []


def test_a_difference_is_found(owner_url: str) -> None:
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("ALTER TABLE tags DROP COLUMN color")
    assert any("color" in line for line in migrate.drift(owner_url))


def test_known_revisions_are_those_of_the_history() -> None:
    files = sorted((resources.migrations_path() / "versions").glob("*.py"))
    assert tuple(path.name[:4] for path in files) == schema_version.REVISIONS
    for before, path in zip((None, *schema_version.REVISIONS), files, strict=False):
        text = path.read_text()
        assert re.search(rf"^down_revision = {before and f'.{before}.'}$", text, re.MULTILINE), path


def test_two_upgrades_at_once_run_one_after_the_other(server: Server, empty_database_name: str, tmp_path: Path) -> None:
    url = server.url(empty_database_name)
    program = "import sys; from datapulse_tui.data import migrate; migrate.upgrade(sys.argv[1])"
    said = [tmp_path / str(number) for number in range(3)]
    started = [processes.start("-c", program, url, environment=os.environ, err=each) for each in said]
    for process in started:
        process.join()
    assert [(process.exitcode, each.read_text()) for process, each in zip(started, said, strict=True)] == [(0, "")] * 3
    assert migrate.current(url) == schema_version.REVISIONS[-1]


def test_a_table_in_use_stops_the_step_and_harms_nothing(owner_url: str) -> None:
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("LOCK TABLE users, audit_logs, queries")
        with pytest.raises(Conflict, match="in use"):
            migrate.downgrade(owner_url, "base")
    assert migrate.drift(owner_url) == []
    assert migrate.current(owner_url) is not None


def test_an_unreachable_server_is_named() -> None:
    with pytest.raises(Unavailable, match=r"localhost:9/nowhere"):
        migrate.upgrade("postgresql://someone:s3cret@localhost:9/nowhere")


@pytest.mark.parametrize(
    ("revision", "state", "refusal"),
    [
        (None, SchemaState.EMPTY, SchemaTooOld),
        (schema_version.REVISIONS[0], SchemaState.OLDER, SchemaTooOld),
        (schema_version.REVISIONS[-1], SchemaState.CURRENT, None),
        ("9999", SchemaState.NEWER, SchemaTooNew),
    ],
)
async def test_schema_states(
    data: Database, owner_url: str, revision: str | None, state: SchemaState, refusal: type | None
) -> None:
    with psycopg.connect(dsn(owner_url)) as connection:
        if revision is None:
            connection.execute("DROP TABLE alembic_version")
        else:
            connection.execute("UPDATE alembic_version SET version_num = %s", [revision])
    async with data.reading() as session:
        assert await schema_version.schema_state(session) is state
    error = schema_version.refusal(state)
    assert type(error) is refusal if refusal else error is None
