"""A real PostgreSQL for the tests: one server, one migrated template, and a clone of it for each test.

A clone that a test has only written rows into is put back to what its template holds and goes to the next test under
another name: that takes a tenth of the time of cloning. Whatever else a test did to it (tables, rights, functions,
settings), the clone is dropped.

The server is DataPulse's own embedded one. DATAPULSE_TEST_URL (a superuser on any PostgreSQL 15+) takes its place, to
prove the same on another version.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from datapulse_tui import resources
from datapulse_tui.data import migrate

TEMPLATE_LOCK = 4_711
LONGEST_WAIT = 10.0  # seconds for those who are thrown out of a database to be gone


@dataclass(frozen=True)
class Server:
    """A running server: addresses of its maintenance database, by role."""

    superuser: str
    owner: str

    def url(self, database: str, role: str | None = None) -> str:
        """The SQLAlchemy address of `database` for `role` (default: the owner)."""
        url = make_url(self.owner).set(database=database)
        return (url.set(username=role) if role else url).render_as_string(hide_password=False)

    def superuser_url(self, database: str) -> str:
        """The SQLAlchemy address of `database` for a superuser."""
        return make_url(self.superuser).set(database=database).render_as_string(hide_password=False)


def dsn(url: str | URL) -> str:
    """An SQLAlchemy address as libpq takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def start_server(home: Path) -> Server:
    """Start the embedded server in `home` (or use DATAPULSE_TEST_URL), without durability: the run is its life."""
    given = os.environ.get("DATAPULSE_TEST_URL")
    if given:
        server = Server(given, make_url(given).set(username="datapulse_owner").render_as_string(hide_password=False))
    else:
        from datapulse_tui.data.addresses import embedded_server

        owner = embedded_server(home).owner_url
        superuser = make_url(owner).set(username="datapulse_super").render_as_string(hide_password=False)
        server = Server(superuser, owner)
    with psycopg.connect(dsn(server.superuser), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        if given:
            for role, rights in (("datapulse_owner", "CREATEDB CREATEROLE"), ("datapulse_app", "")):
                connection.execute(
                    f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') "
                    f"THEN CREATE ROLE {role} LOGIN {rights}; END IF; END $$"
                )
                connection.execute(f"ALTER ROLE {role} LOGIN {rights}")
        else:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET synchronous_commit = off")
            connection.execute("ALTER SYSTEM SET full_page_writes = off")
            # A clone of which the server has made statistics meanwhile would not be as its template.
            connection.execute("ALTER SYSTEM SET autovacuum_naptime = '1d'")
            connection.execute("SELECT pg_reload_conf()")
        connection.execute("SELECT pg_advisory_unlock(%s)", [TEMPLATE_LOCK])
    return server


def template_name() -> str:
    """The template's name: another history is another template."""
    digest = hashlib.sha256()
    for path in sorted(resources.migrations_path().rglob("*.py")):
        digest.update(path.read_bytes())
    return f"dp_template_{digest.hexdigest()[:12]}"


def make_template(server: Server) -> str:
    """The migrated template database of this server, made by whoever comes first."""

    def migrated(name: str) -> None:
        migrate.upgrade(server.url(name))

    return _template(server, template_name(), "template1", migrated)


def make_filled_template(server: Server, template: str, what: str, fill: Callable[[str], None]) -> str:
    """A further template: what `fill`, called with the name of a clone of `template`, puts into that."""
    return _template(server, f"{template}_{what}", template, fill)


def _template(server: Server, name: str, origin: str, fill: Callable[[str], None]) -> str:
    with psycopg.connect(dsn(server.superuser), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        found = connection.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is not None and not found[0]:  # whoever made it did not come to the end
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
            found = None
        if found is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER datapulse_owner TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(origin)
                )
            )
            fill(name)
            connection.execute("UPDATE pg_database SET datistemplate = true WHERE datname = %s", [name])
        connection.execute("SELECT pg_advisory_unlock(%s)", [TEMPLATE_LOCK])
    return name


def new_name() -> str:
    """A name that no database of the server has."""
    return f"dp_test_{uuid.uuid4().hex[:16]}"


def create_database(server: Server, template: str = "template0") -> str:
    """A fresh database, a clone of `template`; returns its name."""
    name = new_name()
    with psycopg.connect(dsn(server.superuser), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER datapulse_owner TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    return name


def throw_out(connection: psycopg.Connection[Any], name: str) -> None:
    """End every connection to a database; TimeoutError when one does not go."""
    # The server itself looks ten times a second whether they have gone, which would take longer than all the rest.
    deadline = time.monotonic() + LONGEST_WAIT
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    while connection.execute(end, [name]).fetchall():
        if time.monotonic() > deadline:
            raise TimeoutError(f"somebody stays in {name}")
        time.sleep(0.002)


def drop_database(server: Server, name: str) -> None:
    """Remove a test's database, whoever is still connected."""
    with psycopg.connect(dsn(server.superuser), autocommit=True) as connection:
        throw_out(connection, name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
