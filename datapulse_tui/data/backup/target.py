"""The database that a backup is made of, or restored into: what it is, who is connected, what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datapulse_tui.data.address import libpq_arguments, shown
from datapulse_tui.data.glance import unavailable
from datapulse_tui.errors import Conflict, Invalid

if TYPE_CHECKING:
    import psycopg

OLDEST_SERVER = 15
APPLICATION_ROLE = "datapulse_app"
NAMED = 5  # connections that a message names

# Objects that an extension brought are the extension's: nothing of them is ours, whoever owns them.
_LOOK = """
SELECT current_setting('server_version_num')::int / 10000 AS major,
       (SELECT array_agg(c.relname ORDER BY c.relname) FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.deptype = 'e')) AS relations,
       (SELECT array_agg(c.relname ORDER BY c.relname) FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
          AND NOT pg_has_role(c.relowner, 'USAGE')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.deptype = 'e')) AS not_ours,
       has_schema_privilege('public', 'CREATE') AS may_create,
       EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s) AS role_there,
       to_regclass('public.alembic_version') IS NOT NULL AS migrated,
       pg_is_in_recovery() AS standby, current_user AS role
"""
_OTHERS = """
SELECT coalesce(nullif(application_name, ''), 'a connection of ' || coalesce(usename, 'nobody')) AS name, count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND coalesce(backend_type, 'client backend') IN ('client backend', '')
  AND usename IS NOT NULL
GROUP BY 1 ORDER BY 2 DESC, 1
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What the owner's connection finds. `revision` is the schema's; None where nothing was ever migrated."""

    major: int
    relations: tuple[str, ...]
    not_ours: tuple[str, ...]
    may_create: bool
    role_there: bool
    standby: bool
    role: str
    revision: str | None


@contextmanager
def connected(url: str, application_name: str) -> Iterator[psycopg.Connection[Any]]:
    """A plain connection for the owner's look around; statements stand for themselves. Raises Unavailable."""
    import psycopg
    from psycopg.rows import namedtuple_row

    try:
        connection = psycopg.connect(
            **libpq_arguments(url, application_name),  # type: ignore[arg-type]
            autocommit=True,
            row_factory=namedtuple_row,
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        raise unavailable(url, error) from error
    with connection:
        yield connection


def look(connection: psycopg.Connection[Any]) -> Target:
    """Look at the database behind `connection`."""
    row = connection.execute(_LOOK, {"role": APPLICATION_ROLE}).fetchone()
    assert row is not None
    revision = None
    if row.migrated and "alembic_version" not in (row.not_ours or ()):
        found = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
        revision = found.version_num if found else None
    return Target(
        row.major, tuple(row.relations or ()), tuple(row.not_ours or ()), row.may_create, row.role_there, row.standby,
        row.role, revision,
    )  # fmt: skip


def require_owner(target: Target, url: str) -> None:
    """Raise Invalid unless the tables belong to the role of `url`."""
    if target.not_ours:
        raise Invalid(
            f"The tables in {shown(url)} do not belong to the role {target.role}, so it cannot do this. Nothing was "
            "changed.",
            hint="Give the owner's address in DATAPULSE_OWNER_URL.",
        )


def require_alone(connection: psycopg.Connection[Any], url: str) -> None:
    """Raise Conflict while others are connected to the database."""
    others = connection.execute(_OTHERS).fetchall()
    if not others:
        return
    named = [f"{count} × {name}" if count > 1 else str(name) for name, count in others[:NAMED]]
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    raise Conflict(
        f"Others are connected to {shown(url)}: {', '.join(named)}{more}. Nothing was changed.",
        hint="Close every desk and stop every worker (and a pooler's connections), then try again.",
    )
