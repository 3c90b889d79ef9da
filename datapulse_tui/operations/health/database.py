"""The database: its size, its connections, what holds it up, its schema, and its statements where it counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datapulse_tui.operations.health.parts import Fact, Part, State, Table, bytes_words, counted, seconds_words

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

LARGEST = 8
CROWDED = 0.8  # of the connections that the server allows
LONG = 300.0  # seconds that a transaction may last: what it can see, nothing cleans up
MOST_DEAD = 0.2  # of a table's rows, where there are enough of them to matter
DEAD_FROM = 50_000
OLD = 1_000_000_000  # transactions after which the server begins to insist on cleaning up

# What other roles do is hidden from a role that may not read all statistics; their connections are counted, though.
_FACTS = """
SELECT current_database() AS name, current_setting('server_version') AS version, pg_is_in_recovery() AS standby,
       pg_database_size(current_database()) AS bytes,
       current_setting('max_connections')::int AS most,
       current_setting('superuser_reserved_connections')::int AS reserved,
       (SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL) AS connections,
       (SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datname = current_database()) AS ours,
       (SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float8 FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()) AS longest,
       (SELECT count(*) FROM pg_stat_replication) AS standbys,
       (SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()) AS damaged,
       (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()) AS deadlocks,
       (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS age,
       (SELECT pg_has_role('pg_read_all_stats', 'USAGE')) AS sees_all,
       to_regclass('pg_stat_statements') IS NOT NULL AS statements
"""
# Partitions count as their table.
_TABLES = """
SELECT coalesce(pg_partition_root(c.oid), c.oid)::regclass::text AS name, sum(pg_total_relation_size(c.oid))::bigint
       AS bytes, sum(coalesce(s.n_live_tup, 0))::bigint AS rows, sum(coalesce(s.n_dead_tup, 0))::bigint AS dead,
       max(greatest(s.last_autovacuum, s.last_vacuum)) AS vacuumed
FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relkind IN ('r', 'm') AND c.relnamespace = 'public'::regnamespace
GROUP BY 1 ORDER BY 2 DESC
"""
_STATEMENTS = """
SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), 300) AS query, calls, round(total_exec_time)::bigint AS total_ms,
       round(mean_exec_time::numeric, 1)::float8 AS mean_ms
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY total_exec_time DESC LIMIT :limit
"""


async def database(session: AsyncSession, actor: Actor) -> Part:  # noqa: ARG001
    """Facts of one moment, the largest tables, and the statements that cost most."""
    from sqlalchemy import text

    from datapulse_tui.data.schema_version import REVISIONS, SchemaState, schema_state

    row = (await session.execute(text(_FACTS))).one()
    state = await schema_state(session)
    revision = None
    if state is not SchemaState.EMPTY:
        revision = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    tables = (await session.execute(text(_TABLES))).all()
    verdict, says = _verdict(row, state, tables)
    seen = "" if row.sees_all else " by this role"
    facts = [
        Fact("database", row.name),
        Fact("size", bytes_words(row.bytes)),
        Fact("connections", f"{row.connections:,} of {row.most - row.reserved:,}, {row.ours:,} to this database"),
        Fact("longest", f"{seconds_words(row.longest)}, of the transactions that are open{seen}"),
        Fact("replication", _replication(row)),
        Fact("schema", f"{revision or 'none'}, this program knows {REVISIONS[-1]}"),
        Fact("dead rows", sum(each.dead for each in tables)),
        Fact("deadlocks", f"{row.deadlocks:,} ever"),
        Fact("unfrozen", f"for {row.age:,} transactions"),
    ]
    shown = [
        Table(
            "Largest tables",
            ("table", "size", "rows, about", "dead rows", "cleaned"),
            tuple(
                (each.name, bytes_words(each.bytes), each.rows, each.dead, each.vacuumed) for each in tables[:LARGEST]
            ),
        )
    ]
    if row.statements:
        shown += await _statements(session, facts)
    else:
        facts.append(Fact("statements", "not counted: the server has no pg_stat_statements"))
    return Part("database", "Database", verdict, says, tuple(facts), tuple(shown))


def _verdict(row: Any, schema: object, tables: Any) -> tuple[State, str]:
    """The worst first."""
    from datapulse_tui.data.schema_version import SchemaState

    crowded = row.connections >= CROWDED * (row.most - row.reserved)
    dead = [each.name for each in tables if each.dead >= DEAD_FROM and each.dead > MOST_DEAD * max(each.rows, 1)]
    checks = (
        (row.damaged, State.BAD, f"{counted(row.damaged or 0, 'page')} on the server's disk failed its checksum"),
        (row.age > OLD, State.BAD, "rows were not frozen for too long: see to it that autovacuum comes to its end"),
        (schema is not SchemaState.CURRENT, State.BAD, "the schema does not fit this program (`datapulse db upgrade`)"),
        (crowded, State.WARNING, "connections are running out"),
        (row.longest > LONG, State.WARNING, f"a transaction is open for {seconds_words(row.longest)}"),
        (dead, State.WARNING, f"many dead rows in {', '.join(dead[:3])}"),
    )
    for wrong, state, words in checks:
        if wrong:
            return state, words
    return State.GOOD, f"{bytes_words(row.bytes)}, schema up to date"


def _replication(row: Any) -> str:
    if row.standby:
        return "this is a standby"
    return f"primary, {counted(row.standbys, 'standby', 'standbys')} connected"


async def _statements(session: AsyncSession, facts: list[Fact]) -> list[Table]:
    """The dearest statements; a server that has the view but not the library says so as a fact."""
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    try:
        async with session.begin_nested():
            rows = (await session.execute(text(_STATEMENTS), {"limit": LARGEST})).all()
    except DBAPIError as error:
        facts.append(Fact("statements", f"not to be read: {str(error.orig).splitlines()[0]}"))
        return []
    columns = ("statement", "calls", "in all (ms)", "each (ms)")
    return [Table("Dearest statements", columns, tuple((r.query, r.calls, r.total_ms, r.mean_ms) for r in rows))]
