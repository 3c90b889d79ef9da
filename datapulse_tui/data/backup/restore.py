"""Restoring a backup in one transaction: what was there goes and what comes is there, or nothing happened.

pg_restore turns the archive into a script, which goes through this process into psql. The word COMMIT is ours, and the
last: it is said only when pg_restore has come to the archive's end without a complaint. Whichever of the three is
killed before, the server sees a connection end within a transaction and takes all of it back.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from datapulse_tui.data.address import shown
from datapulse_tui.data.backup.archive import Archive, read_archive
from datapulse_tui.data.backup.dump import CHUNK, Progress, Told, Watcher
from datapulse_tui.data.backup.programs import environment, last_word
from datapulse_tui.data.backup.target import OLDEST_SERVER, connected, look, require_alone, require_owner
from datapulse_tui.data.schema_version import SchemaState, SchemaTooNew
from datapulse_tui.errors import Conflict, Invalid, Unavailable

NAME = "datapulse restore"
_TABLE = re.compile(rb'processing data for table "([^"]+)"')
HEAD = 8192  # bytes of the script within which its settings stand

# Of PostgreSQL 17: an older server does not know it, and refuses the script for it.
_NEW_SETTING = b"SET transaction_timeout = 0;\n"

_BEGIN = b"""\
BEGIN;
SET LOCAL lock_timeout = '10s';
"""
# Everything of ours in the schema; what belongs to an extension stays. Collected first: one DROP may take others along.
_EMPTY = b"""\
DO $empty$
DECLARE
    statements text[];
    statement text;
BEGIN
    SELECT array_agg(words) INTO statements FROM (
        SELECT format('DROP %s IF EXISTS public.%I CASCADE', CASE relkind WHEN 'v' THEN 'VIEW'
                   WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE'
                   ELSE 'TABLE' END, relname) AS words
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT relispartition
          AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
                          AND (deptype = 'e' OR (deptype = 'i' AND relkind = 'S')))
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid
                          AND deptype = 'e')
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS public.%I CASCADE', typname) FROM pg_type
        WHERE typnamespace = 'public'::regnamespace
          AND (typtype IN ('e', 'd', 'r')
               OR (typtype = 'c' AND EXISTS (SELECT FROM pg_class WHERE oid = typrelid AND relkind = 'c')))
          AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_type'::regclass AND objid = pg_type.oid
                          AND deptype = 'e')
    ) found;
    FOREACH statement IN ARRAY coalesce(statements, '{}') LOOP
        EXECUTE statement;
    END LOOP;
END $empty$;
"""
_COMMIT = b"COMMIT;\n"


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that was restored. `older` says that its schema is older than this program's: an upgrade is due."""

    archive: Archive
    replaced: bool
    seconds: float

    @property
    def older(self) -> bool:
        """Whether the schema has to be upgraded before a desk opens."""
        return self.archive.state is SchemaState.OLDER


def restore(url: str, path: Path, *, replace: bool = False, watch: Watcher | None = None) -> Restored:
    """Put the backup in `path` into the database at the owner's `url`. Blocking.

    Into an empty database, or with `replace` in place of all that DataPulse has there. Raises Conflict when something
    is there or others are connected, SchemaTooNew, Invalid for what cannot be restored, Unavailable: the database is as
    it was then. Only OutcomeUnknown leaves that open.
    """
    began = time.monotonic()
    archive = read_archive(path)
    if archive.state is SchemaState.NEWER:
        raise SchemaTooNew(
            f"{path} was made by a newer DataPulse (schema {archive.revision}). Nothing was changed.",
            hint="Update this installation.",
        )
    with connected(url, NAME) as connection:
        target = look(connection)
        if target.major < OLDEST_SERVER:
            raise Invalid(f"DataPulse needs PostgreSQL {OLDEST_SERVER} or later. Nothing was changed.")
        if target.standby:
            raise Invalid(f"{shown(url)} is a standby, which takes no changes. Nothing was changed.")
        if target.relations and not replace:
            raise Conflict(
                f"The database {shown(url)} is not empty ({len(target.relations)} tables and sequences). "
                "Nothing was changed.",
                hint="With --replace, what DataPulse has there is thrown away for what is in the backup.",
            )
        require_owner(target, url)
        if not target.may_create:
            raise Invalid(
                f"The role {target.role} may make no tables in {shown(url)}. Nothing was changed.",
                hint="Give the owner's address in DATAPULSE_OWNER_URL.",
            )
        if not target.role_there:
            raise Invalid(
                "The application's role datapulse_app is not there, to which the backup gives rights. Nothing was "
                "changed.",
                hint="Make it first: datapulse db init-roles",
            )
        require_alone(connection, url)
    _run(url, archive, target.major, watch or (lambda _: None), replace=bool(target.relations))
    with connected(url, NAME) as connection:
        connection.execute("ANALYZE")  # a planner that knows nothing of the tables takes minutes for milliseconds
    return Restored(archive, bool(target.relations), time.monotonic() - began)


def _run(url: str, archive: Archive, major: int, watch: Watcher, *, replace: bool) -> None:
    with _script(archive) as (script, told), tempfile.TemporaryFile() as complaints:
        assert script.stdout is not None
        psql = subprocess.Popen(  # noqa: S603 - a program of PostgreSQL's; the address is in its environment
            [archive.programs.psql, "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"],
            env=environment(url, NAME),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        assert psql.stdin is not None
        whole = False
        try:
            with suppress(BrokenPipeError):  # psql has ended: its own complaint says why
                psql.stdin.write(_BEGIN + (_EMPTY if replace else b""))
                _pump(script.stdout, psql.stdin, archive, told, watch, older=major < 17)
                whole = script.wait() == 0
                if whole:
                    psql.stdin.write(_COMMIT)
                    psql.stdin.flush()
        except BaseException:
            psql.kill()
            raise
        finally:
            if not whole:
                psql.kill()
            with suppress(BrokenPipeError):
                psql.stdin.close()
            code = psql.wait()
        if code == 0 and whole:
            return
        complaints.seek(0)
        said = complaints.read()
        told.join(5)
        reason = last_word(said if said.strip() else told.said)
        if whole:
            from datapulse_tui.data.engine import OutcomeUnknown

            raise OutcomeUnknown(
                f"The connection was lost while the restored database was being saved: {reason}. It may or may not "
                "have happened.",
                hint="See what is there: datapulse db check",
            )
        raise Unavailable(
            f"The backup was not restored: {reason}. The database is as it was.",
            hint="See that the file is whole and that nobody else uses the database, and try again.",
        )


@contextmanager
def _script(archive: Archive) -> Iterator[tuple[subprocess.Popen[bytes], Told]]:
    """pg_restore, writing the archive as a script; owners are left out, so that all is owned by who restores."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".list") as entries:
        entries.write("\n".join(archive.entries) + "\n")
        entries.flush()
        options = ["--file=-", "--no-owner", "--verbose", "--exit-on-error", f"--use-list={entries.name}"]
        process = subprocess.Popen(  # noqa: S603 - a program of PostgreSQL's
            [archive.programs.restore, *options, str(archive.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        told = Told(process.stderr, _TABLE)
        try:
            yield process, told
        finally:
            if process.poll() is None:
                process.kill()
            if process.stdout is not None:
                process.stdout.close()
            process.wait()


def _pump(source: IO[bytes], sink: IO[bytes], archive: Archive, told: Told, watch: Watcher, *, older: bool) -> None:
    size = 0
    head = b""
    while len(head) < HEAD and (chunk := source.read(HEAD - len(head))):
        head += chunk
    sink.write(head.replace(_NEW_SETTING, b"", 1) if older else head)
    while chunk := source.read1(CHUNK):  # type: ignore[attr-defined]  # a BufferedReader
        sink.write(chunk)
        size += len(chunk)
        watch(Progress(told.tables, archive.tables, size, told.table))
    sink.flush()
    watch(Progress(archive.tables, archive.tables, size + len(head)))
