"""A real PostgreSQL for the tests: one server, one migrated template, a clone of it for each test.

The server is DataPulse's own embedded one. DATAPULSE_TEST_URL (a superuser on any PostgreSQL 15+) takes its place, to
prove the same on another version.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from datapulse_tui import resources
from datapulse_tui.data import migrate

TEMPLATE_LOCK = 4_711


@dataclass(frozen=True)
class Server:
    """A running server: addresses of its maintenance database, by role."""

    superuser: str
    owner: str

    def url(self, database: str, role: str | None = None) -> str:
        """The SQLAlchemy address of `database` for `role` (default: the owner)."""
        url = make_url(self.owner).set(database=database)
        return (url.set(username=role) if role else url).render_as_string(hide_password=False)


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
    name = template_name()
    with psycopg.connect(dsn(server.superuser), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        found = connection.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is not None and not found[0]:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
            found = None
        if found is None:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER datapulse_owner").format(sql.Identifier(name)))
            migrate.upgrade(server.url(name))
            connection.execute("UPDATE pg_database SET datistemplate = true WHERE datname = %s", [name])
        connection.execute("SELECT pg_advisory_unlock(%s)", [TEMPLATE_LOCK])
    return name


def create_database(server: Server, template: str = "template0") -> str:
    """A fresh database, a clone of `template`; returns its name."""
    name = f"dp_test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(dsn(server.superuser), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER datapulse_owner TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    return name


def drop_database(server: Server, name: str) -> None:
    """Remove a test's database, whoever is still connected."""
    with psycopg.connect(dsn(server.superuser), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
