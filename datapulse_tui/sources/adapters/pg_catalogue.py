"""What DataPulse itself asks a PostgreSQL source: its version, what its role may do, its tables, names of types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import LiteralString, TypeAlias, TypeVar

from datapulse_tui.data.result import Column
from datapulse_tui.sources.adapters.base import SourceSchema, SourceTable
from datapulse_tui.sources.adapters.pg_connections import Connection
from datapulse_tui.sources.adapters.pg_values import catalogue_kind

T = TypeVar("T")
Reader: TypeAlias = Callable[[Connection], Awaitable[T]]

MOST_TABLES = 2_000

_VERSION: LiteralString = "SELECT split_part(version(), ' on ', 1), current_user"

_POWERS: LiteralString = """
SELECT
  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
  (SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM pg_roles
    WHERE rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_write_all_data')
      AND pg_has_role(current_user, oid, 'USAGE')),
  (SELECT string_agg(nspname, ', ' ORDER BY nspname) FROM
    (SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND has_schema_privilege(oid, 'CREATE') ORDER BY nspname LIMIT 5) AS s),
  (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
"""

_TABLES: LiteralString = """
WITH tables AS (
  SELECT c.oid, n.nspname, c.relname, c.reltuples::bigint AS rows
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
  ORDER BY n.nspname, c.relname LIMIT $1
)
SELECT t.nspname, t.relname, t.rows, a.attname, format_type(a.atttypid, a.atttypmod),
       coalesce(b.typname, y.typname), y.typcategory
FROM tables t
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  AND has_column_privilege(t.oid, a.attnum, 'SELECT')
LEFT JOIN pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_type b ON b.oid = y.typbasetype AND y.typtype = 'd'
ORDER BY t.nspname, t.relname, a.attnum
"""

_TYPES: LiteralString = "SELECT oid::int8, format_type(oid, NULL), typcategory FROM pg_type WHERE oid = ANY($1)"


async def look_around(connection: Connection) -> tuple[str, tuple[str, ...]]:
    """The server's version, and a warning for each way in which the source's role could write or leave the database."""
    version, role = await _one(connection, _VERSION)
    superuser, memberships, schemas, writable = await _one(connection, _POWERS)
    warnings: list[str] = []
    if superuser:
        warnings.append(
            f"The role {role} is a superuser: it can read files of the server and change anything. "
            "Make a role that may only SELECT, and use that."
        )
    else:
        if memberships:
            warnings.append(f"The role {role} belongs to {memberships}: take it out of those.")
        if isinstance(writable, int) and writable:
            tables = "1 table" if writable == 1 else f"{writable:,} tables"
            warnings.append(f"The role {role} may write to {tables}: grant it only SELECT.")
        if schemas:
            warnings.append(f"The role {role} may create objects in the schemas {schemas}: revoke CREATE from it.")
    return str(version), tuple(warnings)


async def read_schema(connection: Connection) -> SourceSchema:
    """Tables with their columns, by schema and name; at most MOST_TABLES of them."""
    cursor = await connection.execute(_TABLES, [MOST_TABLES + 1])
    found: dict[tuple[str, str], tuple[int | None, list[Column]]] = {}
    for schema, name, rows, column, native, base, category in await cursor.fetchall():
        estimate = rows if isinstance(rows, int) and rows >= 0 else None
        _, columns = found.setdefault((str(schema), str(name)), (estimate, []))
        if column is not None:
            columns.append(Column(str(column), catalogue_kind(str(base), str(category)), str(native)))
    tables = [SourceTable(schema, name, tuple(cols), rows) for (schema, name), (rows, cols) in found.items()]
    return SourceSchema(tuple(tables[:MOST_TABLES]), truncated=len(tables) > MOST_TABLES)


async def type_names(connection: Connection, oids: list[int]) -> dict[int, tuple[str, str]]:
    """(name, typcategory) of types that are not built in, by oid."""
    cursor = await connection.execute(_TYPES, [oids])
    return {int(str(oid)): (str(name), str(category)) for oid, name, category in await cursor.fetchall()}


async def _one(connection: Connection, query: LiteralString) -> tuple[object, ...]:
    row = await (await connection.execute(query)).fetchone()
    return row if row is not None else ()
