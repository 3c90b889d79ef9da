"""Roles on a shared server, made by an administrator who is no superuser, and what the application is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from sqlalchemy import make_url
from typer.testing import CliRunner

from datapulse_tui.cli.main import app
from datapulse_tui.data import migrate
from datapulse_tui.data.address import libpq_arguments
from datapulse_tui.data.embedded import erase, start
from datapulse_tui.data.roles import Names, RolesMade, described, init_roles
from datapulse_tui.errors import Conflict, NotAllowed, Unavailable
from tests.databases import dsn

PASSWORD = "hunter2-hunter2"
ROLES = ("datapulse_owner", "datapulse_app", "datapulse_monitor", "managed", "weak")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A superuser's address on a server of its own, as bare as a managed one is."""
    home = tmp_path_factory.mktemp("shared") / "home"
    server = start(home)
    yield make_url(server.superuser_url).set(database="template1").render_as_string(hide_password=False)
    server.release()
    erase(home)


@pytest.fixture
def boss(bare: str) -> Iterator[psycopg.Connection]:
    """The superuser's connection; only the administrators `managed` and `weak` are there."""
    with psycopg.connect(dsn(bare), autocommit=True) as connection:
        for name in ("datapulse", "other"):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        for role in ROLES:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(f"DROP OWNED BY {role}")
                connection.execute(f"DROP ROLE {role}")
        connection.execute("CREATE ROLE managed LOGIN CREATEROLE CREATEDB")
        connection.execute("CREATE ROLE weak LOGIN")
        yield connection


@pytest.fixture
def admin(bare: str, boss: psycopg.Connection) -> str:
    """The address of the administrator of a managed service: CREATEROLE and CREATEDB, no superuser."""
    return make_url(bare).set(username="managed", drivername="postgresql").render_as_string(hide_password=False)


def attributes(boss: psycopg.Connection, role: str) -> tuple[bool, ...]:
    found = boss.execute(
        "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles "
        "WHERE rolname = %s",
        [role],
    ).fetchone()
    assert found is not None
    return tuple(found)


def test_roles_with_least_privilege(boss: psycopg.Connection, admin: str) -> None:
    made = init_roles(admin)
    for role in ("datapulse_owner", "datapulse_app"):
        assert attributes(boss, role) == (True, False, False, False, False, False)
        stored = boss.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [role]).fetchone()
        assert stored is not None
        assert stored[0].startswith("SCRAM-SHA-256$")
    assert made.owner.password
    assert made.owner.password != made.application.password
    assert PASSWORD not in made.owner_address
    assert "@" in made.owner_address
    # The administrator is not left with the owner's rights, beyond the say over the role that making it gives.
    left = boss.execute(
        "SELECT count(*) FROM pg_auth_members WHERE member = 'managed'::regrole AND (set_option OR inherit_option)"
    ).fetchone()
    assert left == (0,)

    again = init_roles(admin)
    assert not any((again.database_made, again.owner.made, again.owner.password, again.owner.password_set))
    given = init_roles(admin, application_password=PASSWORD)
    assert given.application.password_set
    assert not given.application.password
    assert PASSWORD not in repr((made, again, given, described(given)))


@pytest.fixture
def migrated(boss: psycopg.Connection, admin: str) -> RolesMade:
    """A database as `init-roles` and `db upgrade` leave it, with a record in its trail."""
    made = init_roles(admin)
    migrate.upgrade(made.owner_address)
    with psycopg.connect(dsn(made.application_address)) as connection:
        connection.execute("INSERT INTO audit_logs (action, resource_type) VALUES ('test.done', 'test')")
    return made


REFUSED = (
    "UPDATE audit_logs SET action = 'x'",
    "DELETE FROM audit_logs",
    "TRUNCATE audit_logs",
    "UPDATE audit_seals SET records = 0",
    "DELETE FROM audit_seals",
    "DELETE FROM audit_head",
    "INSERT INTO audit_logs (action, resource_type, created_at) VALUES ('x', 'x', '2000-01-01')",
    "INSERT INTO audit_logs (action, resource_type, xid) VALUES ('x', 'x', 1)",
    "ALTER TABLE audit_logs DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_logs_no_change ON audit_logs",
    "ALTER TABLE audit_logs OWNER TO datapulse_app",
    "DROP TABLE audit_logs CASCADE",
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TABLE public.mine (id int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "SELECT rolpassword FROM pg_authid",
    "SET ROLE datapulse_owner",
    "SET SESSION AUTHORIZATION datapulse_owner",
    "SET session_replication_role = replica",
    "ALTER ROLE datapulse_app SUPERUSER",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "ALTER DATABASE datapulse OWNER TO datapulse_app",
    "UPDATE alembic_version SET version_num = '0001'",
    "COPY users TO PROGRAM 'cat'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT lo_export(1, '/tmp/x')",
)


def test_what_the_application_is_refused(migrated: RolesMade) -> None:
    answers: dict[str, str | None] = {}
    with psycopg.connect(dsn(migrated.application_address), autocommit=True) as connection:
        for statement in REFUSED:
            try:
                connection.execute(statement)
                answers[statement] = "done"
            except psycopg.Error as error:
                answers[statement] = error.sqlstate
        connection.execute("GRANT DELETE ON audit_logs TO datapulse_app")  # a warning, and no right
        right = connection.execute("SELECT has_table_privilege('audit_logs', 'DELETE')").fetchone()
    assert {statement: answer for statement, answer in answers.items() if answer != "42501"} == {}
    assert right == (False,)
    with psycopg.connect(dsn(migrated.owner_address)) as connection:
        assert connection.execute("SELECT count(*), min(action) FROM audit_logs").fetchone() == (1, "test.done")


def test_what_others_are_refused(migrated: RolesMade, bare: str) -> None:
    address = make_url(bare).set(username="weak", database="datapulse")
    with pytest.raises(psycopg.OperationalError, match="CONNECT"):
        psycopg.connect(dsn(address)).close()


def test_what_is_too_much_is_taken_away(boss: psycopg.Connection, admin: str, bare: str) -> None:
    boss.execute("SET ROLE managed")
    boss.execute("CREATE ROLE datapulse_owner LOGIN CREATEDB CREATEROLE")
    boss.execute("CREATE ROLE datapulse_app NOLOGIN")
    boss.execute("RESET ROLE")
    made = init_roles(admin)
    assert made.owner.taken == ("CREATEDB", "CREATEROLE")
    assert made.application.password  # nobody could have known one
    assert attributes(boss, "datapulse_owner") == (True, False, False, False, False, False)
    assert "CREATEDB, CREATEROLE taken away" in described(made)[0]
    boss.execute("ALTER ROLE datapulse_app SUPERUSER")
    with pytest.raises(NotAllowed, match="only a superuser can take"):
        init_roles(admin)
    superuser = make_url(bare).set(drivername="postgresql").render_as_string(hide_password=False)
    assert init_roles(superuser).application.taken == ("SUPERUSER",)


def test_an_application_that_is_the_owner_in_disguise_is_refused(boss: psycopg.Connection, admin: str) -> None:
    init_roles(admin)
    boss.execute("GRANT datapulse_owner TO datapulse_app")
    with pytest.raises(Conflict, match="member of datapulse_owner"):
        init_roles(admin)
    boss.execute("REVOKE datapulse_owner FROM datapulse_app")
    boss.execute("GRANT pg_read_all_data TO datapulse_app")
    assert "pg_read_all_data" in init_roles(admin).warnings[0]


def test_what_is_somebody_elses_is_left_alone(boss: psycopg.Connection, admin: str, bare: str) -> None:
    boss.execute("CREATE DATABASE other OWNER managed")
    url = make_url(bare).set(database="other")
    with psycopg.connect(dsn(url)) as connection:
        connection.execute("CREATE TABLE theirs (id int)")
    with pytest.raises(Conflict, match="belong to"):
        init_roles(admin, names=replace(Names(), database="other"))


def test_an_administrator_who_is_none(admin: str) -> None:
    with pytest.raises(NotAllowed, match="may not make roles"):
        init_roles(admin.replace("managed@", "weak@"))
    with pytest.raises(Unavailable) as caught:
        init_roles(f"postgresql://a:{PASSWORD}@127.0.0.1:1/x")
    assert PASSWORD not in str(caught.value)


def test_names_are_only_names(boss: psycopg.Connection, admin: str) -> None:
    names = Names(owner='o"; DROP ROLE weak; --', database='d"x')
    made = init_roles(admin, names=names)
    assert boss.execute("SELECT count(*) FROM pg_roles WHERE rolname = 'weak'").fetchone() == (1,)
    with psycopg.connect(**libpq_arguments(made.owner_address, "x")) as connection:  # type: ignore[arg-type]
        assert connection.execute("SELECT current_database(), current_user").fetchone() == ('d"x', names.owner)
    boss.execute('DROP DATABASE "d""x"')
    boss.execute('DROP ROLE "o""; DROP ROLE weak; --"')


def test_on_the_command_line(boss: psycopg.Connection, admin: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def say(*words: str) -> Result:
        return CliRunner().invoke(app, ["db", "init-roles", *words])

    monkeypatch.setenv("DATAPULSE_ADMIN_URL", f"{admin}&password={PASSWORD}")
    monkeypatch.setenv("DATAPULSE_APP_PASSWORD", PASSWORD)
    done = say()
    assert done.exit_code == 0, done.output
    assert "DATAPULSE_OWNER_URL=postgresql://datapulse_owner@" in done.stdout
    assert done.stdout.count("shown this once") == 1
    assert PASSWORD not in done.output
    again = json.loads(say("--json").stdout)
    assert again["database_made"] is False
    assert [each["password"] for each in again["roles"]] == [None, None]
    monkeypatch.setenv("DATAPULSE_ADMIN_URL", "mysql://x")
    assert "not valid" in say().output
    monkeypatch.setenv("DATAPULSE_ADMIN_URL", "")
    nobody = say()
    assert (nobody.exit_code, "Nobody is there" in nobody.output) == (1, True)
