"""The database: does it answer on each address, is it one that DataPulse can use, is the application kept small."""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from datapulse_tui.operations.doctor.findings import Finding, bad, ok, skipped, warning
from datapulse_tui.operations.doctor.setup import Setup

if TYPE_CHECKING:
    import psycopg

OLDEST_SERVER = 15
NAME = "datapulse doctor"
ECHO_WITHIN = 2.0  # seconds for a notification to come back, as the desk waits for its own
SKEW = 2.0  # seconds between the clocks from which ages and due times look wrong
BAD_SKEW = 30.0  # as long as a worker may be silent until it is taken for dead
ONE_PROCESS = 10  # connections that a desk may take
ONE_WORKER = 25

_SERVER = """
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major,
       current_setting('server_encoding') AS encoding, current_setting('max_connections')::int AS most,
       current_setting('superuser_reserved_connections')::int AS reserved,
       (SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL) AS connections,
       current_setting('fsync')::bool AS fsync, current_setting('full_page_writes')::bool AS full_pages,
       current_setting('autovacuum')::bool AS autovacuum, current_setting('track_counts')::bool AS counts,
       current_setting('default_transaction_read_only')::bool AS read_only,
       current_setting('statement_timeout') AS statement_timeout, pg_is_in_recovery() AS standby,
       current_setting('synchronous_commit') AS synchronous,
       (SELECT datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid) FROM pg_database
        WHERE datname = current_database()) AS other_collation
"""
# `to_regclass` first: a right on a table that is not there cannot be asked for.
_ROLE = """
SELECT current_user AS name, r.rolsuper AS super, r.rolcreaterole AS makes_roles, r.rolbypassrls AS bypasses,
       has_schema_privilege('public', 'CREATE') AS makes_tables,
       to_regclass('public.audit_logs') IS NOT NULL AS migrated
FROM pg_roles r WHERE r.rolname = current_user
"""
_TRAIL = """
SELECT has_table_privilege('public.audit_logs', 'UPDATE') OR has_table_privilege('public.audit_logs', 'DELETE')
       OR has_table_privilege('public.audit_logs', 'TRUNCATE') OR has_table_privilege('public.audit_seals', 'UPDATE')
       OR has_table_privilege('public.audit_seals', 'DELETE') OR has_table_privilege('public.audit_seals', 'TRUNCATE')
       AS alters,
       (SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = 'public.audit_logs'::regclass) AS owns,
       (SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('public.audit_logs'::regclass, 'public.audit_seals'::regclass)
        AND NOT tgisinternal AND tgenabled = 'D') AS off
"""


async def reachable(setup: Setup) -> Finding:
    """Each address that is named answers."""
    from datapulse_tui.data.address import shown
    from datapulse_tui.data.addresses import addresses
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.secrets import SecretBox
    from datapulse_tui.errors import DataPulseError

    settings = setup.known
    try:
        found = setup.addresses = await asyncio.to_thread(addresses, settings)
    except DataPulseError as error:
        return bad(error.message, "Nothing can be read or changed; nothing is lost.", error.hint)
    setup.data = Database(found.app, pooled=found.pooled, secrets=lambda: SecretBox.from_settings(settings))
    named = {"database_url": found.app, "direct_url": found.direct, "owner_url": found.owner}
    answers = dict(zip(named, await asyncio.gather(*(_answer(url) for url in named.values())), strict=True))
    setup.answers = not answers["database_url"]
    silent = [f"{name} ({shown(named[name])}): {why}" for name, why in answers.items() if why]
    if not setup.answers:
        return bad(
            "; ".join(silent),
            "Nothing can be read or changed; nothing is lost.",
            "See that the server runs, that this machine may connect to it, and that the address is right "
            "(`datapulse db url`).",
        )
    if silent:
        return bad("; ".join(silent), "Workers, the change feed or upgrades do not work.", "Mend that address.")
    where = "embedded, " if settings.embedded else ""
    return ok(f"{where}{shown(found.app)}")


async def _answer(url: str) -> str:
    """Empty when the database at `url` answers, else the reason; never a password."""
    import psycopg

    try:
        async with await _connect(url) as connection:
            await connection.execute("SELECT 1")
    except (psycopg.Error, OSError) as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ""


async def _connect(url: str) -> psycopg.AsyncConnection[Any]:
    import psycopg
    from psycopg.rows import namedtuple_row

    from datapulse_tui.data.address import libpq_arguments

    return await psycopg.AsyncConnection.connect(
        **libpq_arguments(url, NAME),  # type: ignore[arg-type]
        autocommit=True,
        prepare_threshold=None,
        row_factory=namedtuple_row,
    )


async def server(setup: Setup) -> Finding:
    """Its version, and the settings that decide whether data is safe and things work."""
    row = await _row(setup, _SERVER)
    if row.major < OLDEST_SERVER:
        return bad(f"PostgreSQL {row.version}", f"DataPulse needs {OLDEST_SERVER} or later.", "Upgrade the server.")
    if row.encoding != "UTF8":
        return bad(
            f"the database keeps its text in {row.encoding}",
            "Some names and texts cannot be stored.",
            "Make a database with ENCODING 'UTF8' and restore a backup into it.",
        )
    if row.standby or row.read_only:
        what = "a standby" if row.standby else "read-only by default"
        return bad(f"the server is {what}", "Nothing can be changed.", "Name the primary in DATAPULSE_DATABASE_URL.")
    checks = (
        (not row.fsync or not row.full_pages, "fsync or full_page_writes is off", "A crash can lose all of it.",
         "Switch them on, unless this is for tests."),
        (not row.autovacuum or not row.counts, "autovacuum or track_counts is off", "Tables grow and grow slow.",
         "Switch them on."),
        (row.synchronous == "off", "synchronous_commit is off",
         "A crash can lose the last moments, notifications that were sent among them.", "Switch it on."),
        (row.statement_timeout not in ("0", ""), f"statements end after {row.statement_timeout}",
         "Long reads and verifications of the trail may be cut off.", "Set statement_timeout to 0 for the role."),
        (row.other_collation, "the operating system sorts text differently since the database was made",
         "Indexes on text may miss rows.", "Run REINDEX DATABASE, then ALTER DATABASE ... REFRESH COLLATION VERSION."),
        (row.most - row.reserved < 2 * ONE_PROCESS + ONE_WORKER, f"max_connections is {row.most}",
         "A desk takes up to 10 connections, a worker about 25.", "Raise it, or put a pooler in between."),
        (row.connections > 0.8 * (row.most - row.reserved),
         f"{row.connections} of {row.most - row.reserved} connections are in use",
         "Desks and workers may soon find none.", "Raise max_connections, or put a pooler in between."),
    )  # fmt: skip
    for wrong, says, means, todo in checks:
        if wrong:
            return warning(f"PostgreSQL {row.version}: {says}", means, todo)
    return ok(f"PostgreSQL {row.version}, {row.encoding}, {row.connections} of {row.most} connections in use")


async def roles(setup: Setup) -> Finding:
    """The application's role can do its work and no more: not make tables, not change the trail."""
    row = await _row(setup, _ROLE)
    means = "A mistake or a break-in could change the audit trail."
    todo = "Run `datapulse db init-roles` and use the application role's address in DATAPULSE_DATABASE_URL."
    powers = [
        word
        for has, word in (
            (row.super, "a superuser"),
            (row.makes_roles, "a maker of roles"),
            (row.bypasses, "above row security"),
            (row.makes_tables, "a maker of tables"),
        )
        if has
    ]
    if powers:
        return bad(f"the role {row.name} is {', '.join(powers)}", means, todo)
    if not row.migrated:
        return skipped("there are no tables yet")
    trail = await _row(setup, _TRAIL)
    if trail.alters or trail.owns:
        how = "owns it" if trail.owns else "has the right to"
        return bad(f"the role {row.name} can change the audit trail (it {how})", means, todo)
    if trail.off:
        return bad(
            f"{trail.off} of the trail's guards are switched off", "Its owner could change it unnoticed.",
            "Switch them on: ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER ALL; and see who switched them off.",
        )  # fmt: skip
    return ok(f"the role {row.name} reads and writes, and can neither make tables nor change the trail")


async def migrations(setup: Setup) -> Finding:
    """The schema is the one that this program knows."""
    from datapulse_tui.data.schema_version import REVISIONS, SchemaState, schema_state

    async with setup.database.reading() as session:
        state = await schema_state(session)
    setup.fits = state is SchemaState.CURRENT
    if state is SchemaState.CURRENT:
        return ok(f"schema {REVISIONS[-1]}")
    if state is SchemaState.NEWER:
        return bad("a newer DataPulse made this schema", "This one keeps its hands off.", "Update this installation.")
    what = "there are no tables yet" if state is SchemaState.EMPTY else "the schema is older than this program's"
    return bad(what, "No desk opens.", "Run `datapulse db upgrade` (a backup before it costs little).")


async def notifications(setup: Setup) -> Finding:
    """What one says another hears: on the direct address, and through the application's."""
    assert setup.addresses is not None
    direct, app = setup.addresses.direct, setup.addresses.app
    took = await _echo(direct, app)
    if took is None:
        return bad(
            f"a notification was not heard within {ECHO_WITHIN:.0f} s",
            "Desks see changes of others late, and workers start jobs late.",
            "Set DATAPULSE_DIRECT_URL to the server itself, past the pooler.",
        )
    if setup.addresses.pooled and await _echo(app, app) is None:
        return ok(f"heard after {took * 1000:.0f} ms on the direct address; the pooler passes none on, as poolers do")
    return ok(f"heard after {took * 1000:.0f} ms")


async def _echo(listening: str, saying: str) -> float | None:
    """Seconds until what is said at one address is heard at the other; None when it is not."""
    channel = f"datapulse_doctor_{secrets.token_hex(6)}"
    async with await _connect(listening) as ear, await _connect(saying) as mouth:
        await ear.execute(f"LISTEN {channel}")
        began = time.perf_counter()
        await mouth.execute("SELECT pg_notify(%s, '')", [channel])
        async for _ in ear.notifies(timeout=ECHO_WITHIN, stop_after=1):
            return time.perf_counter() - began
    return None


async def clocks(setup: Setup) -> Finding:
    """This machine's clock and the database's, which is the one that counts."""
    async with setup.database.reading() as session:
        from sqlalchemy import text

        await session.execute(text("SELECT 1"))
        before = datetime.now(UTC)
        there: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
        after = datetime.now(UTC)
    skew = (there - (before + (after - before) / 2)).total_seconds()
    says = f"{abs(skew):.1f} s apart"
    means = "Ages and times left are shown wrong here."
    todo = "Have both machines keep their time with NTP."
    if abs(skew) >= BAD_SKEW:
        return bad(says, means, todo)
    return warning(says, means, todo) if abs(skew) >= SKEW else ok("this machine and the database agree")


async def _row(setup: Setup, sql: str) -> Any:
    from sqlalchemy import text

    async with setup.database.reading() as session:
        return (await session.execute(text(sql))).one()
