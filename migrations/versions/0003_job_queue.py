"""The tables of the job queue (procrastinate 3.10), made from the installed package's own schema file.

Nothing here outlives the transaction that it runs in, so a pooler in
transaction mode may stand between.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from pathlib import Path

from alembic import op
from sqlalchemy import Connection, text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SERIES = "3.10."
APP_ROLE = "datapulse_app"
_CREATED = re.compile(
    r"^CREATE (TYPE|TABLE|FUNCTION|TRIGGER) (procrastinate_\w+)"
    r"(?:\s+(?:AFTER|BEFORE)[^;]*?\sON\s+(procrastinate_\w+))?",
    re.MULTILINE | re.DOTALL,
)


def upgrade() -> None:
    """Create the queue's types, tables, functions and triggers and give the application's role what workers and
    writers need: rows, sequences and functions. Raises RuntimeError when another release of procrastinate is there."""
    connection = op.get_bind()
    connection.exec_driver_sql(_schema(), execution_options={"no_parameters": True})
    tables = ", ".join(_names("TABLE"))
    functions = ", ".join(_names("FUNCTION"))
    sequences = ", ".join(_sequences(connection))
    connection.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {APP_ROLE}"))
    connection.execute(text(f"GRANT USAGE ON SEQUENCE {sequences} TO {APP_ROLE}"))
    connection.execute(text(f"GRANT EXECUTE ON FUNCTION {functions} TO {APP_ROLE}"))


def downgrade() -> None:
    """Drop exactly what the upgrade made, jobs included. Fails, changing nothing, if something else depends on it."""
    connection = op.get_bind()
    for kind, name, table in reversed(_objects()):
        on_table = f" ON {table}" if kind == "TRIGGER" else ""
        connection.execute(text(f"DROP {kind} {name}{on_table}"))


def _schema() -> str:
    """The SQL of the installed package, found without importing it (which takes 0.3 s)."""
    version = importlib.metadata.version("procrastinate")
    if not f"{version}.".startswith(SERIES):
        raise RuntimeError(f"This migration is written for procrastinate {SERIES}x, but {version} is installed.")
    package = importlib.util.find_spec("procrastinate")
    if package is None or package.origin is None:
        raise RuntimeError("The package procrastinate is not installed.")
    return (Path(package.origin).parent / "sql" / "schema.sql").read_text(encoding="utf-8")


def _objects() -> list[tuple[str, str, str]]:
    """(kind, name, table of a trigger) in the order in which the schema makes them."""
    return [(found[1], found[2], found[3] or "") for found in _CREATED.finditer(_schema())]


def _names(kind: str) -> list[str]:
    return [name for found, name, _ in _objects() if found == kind]


def _sequences(connection: Connection) -> list[str]:
    """The sequences behind `bigserial` columns (identity columns need no grant)."""
    found = connection.execute(
        text(
            "SELECT DISTINCT dep.objid::regclass::text FROM pg_depend dep JOIN pg_class seq ON seq.oid = dep.objid "
            "WHERE dep.classid = 'pg_class'::regclass AND dep.refclassid = 'pg_class'::regclass AND dep.deptype = 'a' "
            "AND seq.relkind = 'S' AND dep.refobjid = ANY (CAST(:tables AS regclass[]))"
        ),
        {"tables": _names("TABLE")},
    )
    return sorted(found.scalars())
