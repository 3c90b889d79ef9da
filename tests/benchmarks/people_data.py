"""A workspace with a hundred thousand people, made by SQL on a real embedded server."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from datapulse_tui.audit.actor import Actor
from datapulse_tui.config import Settings
from datapulse_tui.data import migrate
from datapulse_tui.data.addresses import embedded_server
from datapulse_tui.data.embedded import erase

PEOPLE = 100_000
OPERATOR = Actor(None, "operator:benchmark@here", everything=True)

# One in ten is an analyst, one in a hundred manages operations, one in a thousand administers; one in twenty has a
# custom role, one in two hundred an invitation, and fifty have to wait after failed sign-ins.
_FILL = f"""
SELECT setseed(0.5);
INSERT INTO departments (name) SELECT 'Department ' || n FROM generate_series(1, 40) n;
INSERT INTO roles (name, permissions) SELECT 'Role ' || n, '["audit:view"]' FROM generate_series(1, 10) n;
INSERT INTO users (email, name, password, role, status, department_id, phone, last_login, created_at)
    SELECT 'person' || n || '@example.org',
        (ARRAY['Ana', 'Bob', 'Chloé', 'Dmitri', 'Élodie', 'Fatima', 'Grzegorz', 'Håkon'])[1 + n % 8] || ' '
            || (ARRAY['Berger', 'Smith', 'Müller', 'García', 'Ivanov'])[1 + n % 5] || ' ' || n,
        CASE WHEN n % 200 = 7 THEN '!' ELSE '$2b$12$' || md5(n::text) || substr(md5(n::text), 1, 21) END,
        CASE WHEN n % 1000 = 0 THEN 'admin' WHEN n % 100 = 0 THEN 'ops_manager' WHEN n % 10 = 0 THEN 'analyst'
            ELSE 'business_user' END,
        CASE WHEN n % 200 = 7 THEN 'pending' WHEN n % 20 = 3 THEN 'inactive' ELSE 'active' END,
        CASE WHEN n % 50 > 0 THEN d.id END, CASE WHEN n % 3 = 0 THEN '+43 1 ' || n END,
        CASE WHEN n % 7 > 0 THEN now() - random() * interval '400 days' END,
        now() - random() * interval '900 days'
    FROM generate_series(1, {PEOPLE}) n
    JOIN (SELECT row_number() OVER (ORDER BY name) - 1 AS at, id FROM departments) d ON d.at = n % 40;
INSERT INTO user_roles (user_id, role_id)
    SELECT u.id, r.id FROM (SELECT id, row_number() OVER (ORDER BY email) AS n FROM users) u
    JOIN (SELECT row_number() OVER (ORDER BY name) - 1 AS at, id FROM roles) r ON r.at = u.n % 10 WHERE u.n % 20 = 0;
INSERT INTO invitations (user_id, code_hash, expires_at)
    SELECT id, decode(md5(email), 'hex'), now() + interval '20 hours' FROM users WHERE status = 'pending';
INSERT INTO sign_in_attempts (email, created_at)
    SELECT email, clock_timestamp() - t * interval '1 second'
    FROM (SELECT email FROM users ORDER BY email LIMIT 50) u, generate_series(1, 12) t;
"""
_VACUUM = ("users", "departments", "roles", "user_roles", "invitations", "sign_in_attempts")


@dataclass(frozen=True)
class PeopleWorkspace:
    """Where it is: addresses for SQLAlchemy and for libpq."""

    url: str
    dsn: str


@contextlib.contextmanager
def people_workspace() -> Iterator[PeopleWorkspace]:
    """The workspace; takes about ten seconds to make."""
    with tempfile.TemporaryDirectory(prefix="dp-people-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        server = embedded_server(Settings(home=home).home)
        try:
            migrate.upgrade(server.owner_url)
            owner = make_url(server.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(owner, autocommit=True) as connection:
                for statement in _FILL.split(";\n"):
                    if statement.strip():
                        connection.execute(statement.encode())
                for table in _VACUUM:
                    connection.execute(f"VACUUM ANALYZE {table}".encode())
            url = make_url(server.owner_url).set(username="datapulse_app").render_as_string(hide_password=False)
            yield PeopleWorkspace(url, make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
        finally:
            server.release()
            erase(home)
