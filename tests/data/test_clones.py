"""The databases that tests take turns with are as good as new ones: else one test would see what another has done."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from datapulse_tui.data import migrate
from tests.clones import Clones
from tests.databases import Server, dsn, throw_out

ANA = "INSERT INTO users (email, name, password, role, status) VALUES ('a@b.c', 'Ana', '!', 'admin', 'active')"
TRAIL = "INSERT INTO audit_logs (actor, action, resource_type, resource_id) VALUES ('x', 'y', 'z', gen_random_uuid())"


@pytest.fixture
def own(server: Server, clones: Clones) -> Iterator[Clones]:
    """Clones of this test alone: the first that it gives back is the next that it takes."""
    made = Clones(server, clones.originals)
    yield made
    made.close()


def contents(server: Server, name: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row, and every sequence."""
    with psycopg.connect(dsn(server.superuser_url(name))) as connection:
        names = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind IN ('r', 'S') "
            "AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}


def oid(server: Server, name: str) -> int:
    """Tells clones apart, whatever they are called; 0 for what is not there."""
    with psycopg.connect(dsn(server.superuser)) as connection:
        [found] = connection.execute("SELECT oid FROM pg_database WHERE datname = %s", [name]).fetchone() or (0,)
    return int(found)


@pytest.mark.parametrize("stays", [True, False])
def test_rows_are_gone_and_numbers_begin_again(own: Clones, server: Server, template: str, stays: bool) -> None:
    clone = own.take(template)
    name, number, before = clone.name, oid(server, clone.name), contents(server, clone.name)
    late = psycopg.connect(dsn(server.url(name)), autocommit=True)
    for statement in (ANA, TRAIL, "UPDATE audit_head SET seal_id = 1", "SELECT pg_advisory_lock(1)"):
        late.execute(statement)
    late.execute("INSERT INTO departments (name) SELECT 'd' || n FROM generate_series(1, 5000) n")
    late.execute("CREATE TABLE mine (id serial PRIMARY KEY, who uuid REFERENCES users)")
    late.execute("CREATE SCHEMA shop CREATE TABLE sold (day date)")
    late.execute("GRANT SELECT ON mine TO datapulse_app")
    with psycopg.connect(dsn(server.superuser_url(name)), autocommit=True) as connection:
        connection.execute("ALTER TABLE audit_logs DISABLE TRIGGER ALL; ALTER TABLE audit_head DISABLE TRIGGER USER")
        connection.execute("DELETE FROM audit_logs")
    assert contents(server, name) != before
    if not stays:
        late.close()
    own.give_back(clone)
    again = own.take(template)
    assert (again is clone, oid(server, again.name)) == (True, number)
    assert contents(server, again.name) == before
    assert migrate.drift(server.url(again.name)) == []
    with pytest.raises(psycopg.OperationalError):
        late.execute("SELECT 1")
    if stays:  # who had to be thrown out does not get in again under the old name
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn(server.url(name)))
    with psycopg.connect(dsn(server.superuser_url(again.name)), autocommit=True) as connection:
        connection.execute(TRAIL)
        connection.execute("SET session_replication_role = replica")
        for guarded in ("DELETE FROM audit_logs", "TRUNCATE audit_head"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(guarded)
    own.give_back(again)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE users ADD COLUMN mine int",
        "ALTER TABLE audit_logs DISABLE TRIGGER USER; DROP TRIGGER audit_logs_no_change ON audit_logs",
        "GRANT SELECT ON audit_head TO public",
        "GRANT EXECUTE ON FUNCTION pg_sleep(float8) TO public",
        "CREATE VIEW mine AS SELECT 1",
        "GRANT CREATE ON SCHEMA public TO datapulse_app",
        "CREATE TABLE mine (n int); ALTER TABLE users ALTER name SET DEFAULT 'x'",
        "CREATE TABLE mine (n int); CREATE RULE mine AS ON DELETE TO tags DO ALSO INSERT INTO mine VALUES (1)",
        "TRUNCATE tags CASCADE",
        "DROP INDEX comments_post_user_idx",
        "ANALYZE users",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER SEQUENCE alert_incidents_number_seq RESTART WITH 70",
        "INSERT INTO departments (name) SELECT 'd' || n FROM generate_series(1, 51000) n",
        "ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'",
        "ALTER DATABASE {name} CONNECTION LIMIT 3",
        "GRANT CREATE ON DATABASE {name} TO public",
    ],
)
def test_whatever_else_was_done_ends_the_clone(own: Clones, server: Server, template: str, statement: str) -> None:
    clone = own.take(template)
    old = clone.name
    with psycopg.connect(dsn(server.superuser_url(old)), autocommit=True) as connection:
        connection.execute(ANA)
        connection.execute(statement.format(name=old))
    own.give_back(clone)
    assert (oid(server, old), oid(server, clone.name)) == (0, 0)


def test_a_clone_whose_connections_a_test_has_ended_is_dropped(own: Clones, server: Server, template: str) -> None:
    clone = own.take(template)
    with psycopg.connect(dsn(server.superuser), autocommit=True) as connection:
        throw_out(connection, clone.name)
    own.give_back(clone)
    assert oid(server, clone.name) == 0
