"""Databases that one test after the other uses, each time as if freshly cloned.

What a test did to its clone is told by the server's own counters of rows written, table by table, the tables of the
catalogue among them. They are complete when nobody is connected any more but whoever reads them, as every server
process adds its numbers before it goes. Rows written into the catalogue mean that the schema or its rights changed: new
tables are removed, triggers are switched as they were, and when the catalogue is not the same as before after that, to
the last right, the clone is dropped.

The connection that puts a clone back stays open for its next use, as a new one would take longer than all that is to be
done. Only when somebody had to be thrown out does it go with them: then the clone gets another name, under which they
do not find it again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from tests.databases import Server, create_database, drop_database, dsn, new_name, throw_out

MOST_USES = 250  # of one clone: rows that were removed still take space until the server clears up
MANY_ROWS = 1_000  # that one test has written into a table: then their space is given back
MOST_ROWS = 50_000  # that one test has written: a new clone is made in less time than they are removed
GOING = 0.05  # seconds in which server processes are gone whose clients have closed their connection

TABLES = """
SELECT c.oid, n.nspname = 'pg_catalog', quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND NOT c.relisshared AND n.nspname <> 'information_schema'
"""
WRITTEN = """
SELECT oid, pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid) + pg_stat_get_tuples_deleted(oid)
FROM pg_class WHERE relkind = 'r' AND NOT relisshared AND relnamespace <> 'information_schema'::regnamespace
"""
SWITCHES = "SELECT tgrelid, quote_ident(tgname), tgenabled FROM pg_trigger"
HOW = {"O": "ENABLE", "D": "DISABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}
GUARDS = "SELECT tgrelid, quote_ident(tgname) FROM pg_trigger WHERE tgenabled = 'A'"
SEQUENCES = "SELECT c.oid, c.oid::regclass::text FROM pg_class c WHERE relkind = 'S'"
COLUMNS = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
HASH = "SELECT concat(count(*), ' ', bit_xor(hashtextextended(CAST({row} AS text), 0))) FROM {table} t"
# Columns of pg_class that change by themselves, or stay when what they tell of has gone.
CALM_CLASS = (
    "to_jsonb(t) - '{relpages,reltuples,relallvisible,relallfrozen,relfrozenxid,relminmxid,relhassubclass}'::text[]"
)
NEW = """
SELECT 'DROP SCHEMA ' || quote_ident(nspname) || ' CASCADE' FROM pg_namespace
WHERE nspname !~ '^pg_' AND NOT oid = ANY(%(schemas)s)
UNION ALL
SELECT 'DROP TABLE IF EXISTS ' || CAST(oid::regclass AS text) || ' CASCADE' FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relisshared AND NOT oid = ANY(%(tables)s)
"""
KNOWN = {
    "schemas": "SELECT oid FROM pg_namespace",
    "tables": "SELECT oid FROM pg_class WHERE relkind IN ('r', 'p')",
}
# What belongs to a database and stands outside of it.
OUTSIDE = """
SELECT d.datdba, d.datallowconn, d.datconnlimit, d.datistemplate, CAST(d.datacl AS text),
       (SELECT array_agg(CAST(s AS text)) FROM pg_db_role_setting s WHERE setdatabase = d.oid),
       (SELECT array_agg(CAST(s AS text)) FROM pg_shdescription s WHERE objoid = d.oid)
FROM pg_database d WHERE datname = current_database()
"""


@dataclass
class Original:
    """What a template holds, and how each of its clones is put back to that."""

    tables: dict[int, str] = field(default_factory=dict)
    catalogue: dict[int, str] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    known: dict[str, list[int]] = field(default_factory=dict)
    switches: dict[tuple[int, str], str] = field(default_factory=dict)
    guards: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    columns: dict[int, str] = field(default_factory=dict)
    rows: dict[int, bytes] = field(default_factory=dict)
    sequences: list[tuple[int, int, bool]] = field(default_factory=list)
    outside: Any = None

    @classmethod
    def of(cls, connection: psycopg.Connection[Any]) -> Original:
        """Learn it from a clone that is still untouched."""
        found = cls(outside=connection.execute(OUTSIDE).fetchone())
        for oid, catalogue, name in connection.execute(TABLES):
            (found.catalogue if catalogue else found.tables)[oid] = name
        for what, query in KNOWN.items():
            found.known[what] = [oid for (oid,) in connection.execute(query)]
        found.hashes = found.hashed(connection, list(found.catalogue))
        found.switches = {(oid, trigger): how for oid, trigger, how in connection.execute(SWITCHES)}
        for oid, trigger in connection.execute(GUARDS):
            found.guards[oid].append(trigger)
        for oid, name in found.tables.items():
            [found.columns[oid]] = connection.execute(COLUMNS, [oid]).fetchone() or ("",)
            with connection.cursor().copy(f"COPY {name} ({found.columns[oid]}) TO STDOUT") as copy:
                rows = b"".join(bytes(part) for part in copy)
            if rows:
                found.rows[oid] = rows
        for oid, name in connection.execute(SEQUENCES).fetchall():
            value, called = connection.execute(f"SELECT last_value, is_called FROM {name}").fetchone() or (1, False)
            found.sequences.append((oid, value, called))
        return found

    @property
    def triggers(self) -> int:
        """The table of the catalogue that says which trigger is on."""
        return next(oid for oid, name in self.catalogue.items() if name == "pg_catalog.pg_trigger")

    def hashed(self, connection: psycopg.Connection[Any], catalogue: list[int]) -> dict[int, str]:
        """A hash of everything in these tables of the catalogue."""
        found = {}
        for oid in catalogue:
            table = self.catalogue[oid]
            row = CALM_CLASS if table == "pg_catalog.pg_class" else "t"
            [found[oid]] = connection.execute(HASH.format(row=row, table=table)).fetchone() or ("",)
        return found

    def same_schema(self, connection: psycopg.Connection[Any], catalogue: list[int]) -> bool:
        """Remove new tables and schemas, switch triggers back; whether these tables of the catalogue are as before."""
        for (statement,) in connection.execute(NEW, self.known).fetchall():
            connection.execute(statement)
        if self.triggers in catalogue:
            for oid, trigger, how in connection.execute(SWITCHES).fetchall():
                was = self.switches.get((oid, trigger), how)
                if was != how and oid in self.tables:
                    connection.execute(f"ALTER TABLE {self.tables[oid]} {HOW[was]} TRIGGER {trigger}")
        return all(hashed == self.hashes[oid] for oid, hashed in self.hashed(connection, catalogue).items())

    def put_back(self, connection: psycopg.Connection[Any], tables: list[int]) -> None:
        """Let `tables` hold their first rows again, past every trigger, and numbers begin where they began."""
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            for oid in tables:
                for guard in self.guards[oid]:
                    connection.execute(f"ALTER TABLE {self.tables[oid]} DISABLE TRIGGER {guard}")
                connection.execute(f"DELETE FROM {self.tables[oid]}")
                if oid in self.rows:
                    command = f"COPY {self.tables[oid]} ({self.columns[oid]}) FROM STDIN"
                    with connection.cursor().copy(command) as copy:
                        copy.write(self.rows[oid])
                for guard in self.guards[oid]:
                    connection.execute(f"ALTER TABLE {self.tables[oid]} ENABLE ALWAYS TRIGGER {guard}")
            connection.execute(
                "SELECT setval(o::regclass, v, c) FROM unnest(%s::oid[], %s::bigint[], %s::bool[]) s(o, v, c)",
                [list(each) for each in zip(*self.sequences, strict=True)],
            )


@dataclass
class Clone:
    """A database of which one test makes use at a time, and what its counters were when it was handed out."""

    name: str
    template: str
    keeper: psycopg.Connection[Any]
    written: dict[int, int] = field(default_factory=dict)
    uses: int = 0

    def read_counters(self) -> dict[int, int]:
        """How many rows were written into each table, ever."""
        return dict(self.keeper.execute(WRITTEN).fetchall())


class Clones:
    """The clones of one test process."""

    def __init__(self, server: Server, originals: dict[str, Original] | None = None) -> None:
        self._server = server
        self._admin = psycopg.connect(dsn(server.superuser), autocommit=True)
        self.originals: dict[str, Original] = {} if originals is None else originals
        self._ready: dict[str, list[Clone]] = defaultdict(list)

    def take(self, template: str) -> Clone:
        """A database that holds what `template` holds and no more, under a name that nobody else knows."""
        ready = self._ready[template]
        clone = ready.pop() if ready else self._make(template)
        clone.uses += 1
        return clone

    def give_back(self, clone: Clone) -> None:
        """Whoever is still connected is thrown out; the clone is made ready for the next one, or dropped."""
        if clone.uses < MOST_USES and self._left(clone) and self._restore(clone):
            self._ready[clone.template].append(clone)
        else:
            self._drop(clone)

    def close(self) -> None:
        """Drop what is left."""
        for clone in [clone for ready in self._ready.values() for clone in ready]:
            self._drop(clone)
        self._admin.close()

    def _make(self, template: str) -> Clone:
        name = create_database(self._server, template)
        clone = Clone(name, template, self._connect(name))
        if template not in self.originals:
            self.originals[template] = Original.of(clone.keeper)
        clone.written = clone.read_counters()
        return clone

    def _drop(self, clone: Clone) -> None:
        clone.keeper.close()
        drop_database(self._server, clone.name)

    def _left(self, clone: Clone) -> bool:
        """Whether everybody has left who could still write into the clone under the name that it has then."""
        if clone.keeper.closed:
            return self._renamed(clone)
        deadline = time.monotonic() + GOING
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
        pid = clone.keeper.info.backend_pid
        while self._admin.execute(others, [clone.name, pid]).fetchone() != (0,):
            if time.monotonic() > deadline:
                return self._renamed(clone)
            time.sleep(0.001)
        return True

    def _renamed(self, clone: Clone) -> bool:
        """Throw everybody out and change the name; False when somebody stays."""
        name = new_name()
        clone.keeper.close()
        try:
            throw_out(self._admin, clone.name)
            self._admin.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(clone.name), sql.Identifier(name))
            )
        except (psycopg.errors.ObjectInUse, psycopg.errors.InvalidCatalogName, TimeoutError):
            return False
        clone.name, clone.keeper = name, self._connect(name)
        return True

    def _restore(self, clone: Clone) -> bool:
        """Take back what was written; False when that is not to be done row by row."""
        original = self.originals[clone.template]
        try:
            written = clone.read_counters()
            if clone.keeper.execute(OUTSIDE).fetchone() != original.outside:
                return False
        except psycopg.OperationalError:  # the test has restarted the server, or thrown everybody out
            return False
        changed = [oid for oid, count in written.items() if count != clone.written.get(oid)]
        rows = [oid for oid in changed if oid in original.tables]
        if sum(abs(written[oid] - clone.written[oid]) for oid in rows) > MOST_ROWS:
            return False
        schema = [oid for oid in changed if oid in original.catalogue]
        if schema and not original.same_schema(clone.keeper, schema):
            return False
        original.put_back(clone.keeper, rows)
        for oid in rows:
            if written[oid] - clone.written[oid] > MANY_ROWS:
                clone.keeper.execute(f"VACUUM {original.tables[oid]}")
        clone.keeper.execute("SELECT pg_stat_force_next_flush()")
        clone.written = clone.read_counters()
        return True

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(dsn(self._server.superuser_url(name)), autocommit=True)
