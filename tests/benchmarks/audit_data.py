"""A trail of millions of records on a real embedded server: three years, two thousand people, and what is rare in it.

Records are made by SQL as the owner, without indexes and foreign key, which are put back as the migrations made them.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from datapulse_tui.audit import chain
from datapulse_tui.audit.actor import Actor
from datapulse_tui.config import Settings
from datapulse_tui.data import migrate
from datapulse_tui.data.addresses import embedded_server
from datapulse_tui.data.embedded import erase
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role

PEOPLE = 2_000
ADMIN = "ada@example.org"
RARE = "rare@example.org"  # five records, four of them of the first days
GONE = "gone@example.org"  # many records, all of the first tenth
BUSY = "busy@example.org"  # every tenth record
NEVER = "never@example.org"
SEALED_AT = datetime(2026, 1, 1, tzinfo=UTC)

_PEOPLE = f"""
INSERT INTO users (email, name, password, role, status) VALUES
    ('{ADMIN}', 'Ada', '!', 'admin', 'active'), ('{RARE}', 'Rare Bird', '!', 'analyst', 'active'),
    ('{GONE}', 'Gone Long', '!', 'analyst', 'inactive'), ('{BUSY}', 'Busy Bee', '!', 'ops_manager', 'active'),
    ('{NEVER}', 'Never Did', '!', 'analyst', 'active');
INSERT INTO users (email, name, password, role, status)
    SELECT 'p' || n || '@example.org', 'Person ' || n, '!', 'analyst', 'active' FROM generate_series(1, {PEOPLE}) n;
INSERT INTO dashboards (user_id, name) SELECT u.id, 'Board ' || n FROM users u, generate_series(1, 200) n
    WHERE u.email = '{ADMIN}';
"""

# A quarter is the worker's, a tenth Busy's, of the first tenth every fifth Gone's, the rest of people with a long tail.
# Sixty actions: a few are most of it, `user.locked` happened a thousand times and not for two years, `role.deleted`
# five times.
_RECORDS = """
CREATE TEMP TABLE folk AS SELECT row_number() OVER (ORDER BY email) - 1 AS n, id FROM users WHERE email LIKE 'p%';
CREATE TEMP TABLE boards AS SELECT row_number() OVER (ORDER BY name) - 1 AS n, id FROM dashboards;
CREATE INDEX ON folk (n);
CREATE INDEX ON boards (n);
ANALYZE folk, boards;
INSERT INTO audit_logs (id, user_id, actor, action, resource_type, resource_id, ip_address, user_agent, details,
        created_at, seq, xid, epoch) OVERRIDING SYSTEM VALUE
    SELECT gen_random_uuid(),
        CASE WHEN nr % 4 = 0 THEN NULL
             WHEN nr % {total} IN (101, 207, 1003, 2001) OR nr = {total} - 1003 THEN (SELECT id FROM users
                 WHERE email = '{rare}')
             WHEN nr % 10 = 1 THEN (SELECT id FROM users WHERE email = '{busy}')
             WHEN nr < {total} / 10 AND nr % 5 = 2 THEN (SELECT id FROM users WHERE email = '{gone}')
             ELSE f.id END,
        CASE WHEN nr % 4 = 0 THEN CASE WHEN nr % 100 = 0 THEN 'operator:root@host' ELSE 'system:worker' END END,
        CASE WHEN nr % 1000000 = 777777 THEN 'role.deleted'
             WHEN nr < {total} / 3 AND nr % 1667 = 5 THEN 'user.locked'
             WHEN nr % 4 = 0 THEN (ARRAY['incident.opened', 'incident.resolved', 'delivery.failed'])[1 + nr / 4 % 3]
             ELSE k.type || '.' || (ARRAY['updated', 'created', 'shared', 'changed', 'deleted'])[1 + (nr / 7 % 5)::int]
        END,
        CASE WHEN nr % 1000000 = 777777 THEN 'role' WHEN nr < {total} / 3 AND nr % 1667 = 5 THEN 'user'
             WHEN nr % 4 = 0 THEN 'incident' ELSE k.type END,
        CASE WHEN k.type = 'dashboard' THEN b.id ELSE md5((nr % 50021)::text)::uuid END,
        CASE WHEN nr % 4 > 0 THEN '10.0.' || nr % 7 || '.' || nr % 251 END,
        CASE WHEN nr % 4 > 0 THEN 'datapulse desk' END,
        jsonb_build_object('before', jsonb_build_object('name', 'Orders ' || nr % 1000, 'version', nr % 17),
            'after', jsonb_build_object('name', 'Orders of the week ' || nr % 1001, 'version', nr % 17 + 1)),
        now() - interval '3 years' * (({total} - nr)::float8 / {total}),
        nr + 1, 1000 + nr / 2, timestamptz '2023-01-01 00:00:00+00' + interval '30 days' * (nr / ({total} / 36 + 1))
    FROM generate_series({start}::bigint, {end}::bigint) AS g(nr)
    JOIN folk f ON f.n = floor({people} * power(((nr * 7919) % 1000003)::float8 / 1000003, 3))::int
    JOIN boards b ON b.n = nr % 200
    CROSS JOIN LATERAL (SELECT (ARRAY['dashboard', 'query', 'alert', 'user', 'workflow', 'channel', 'view', 'source',
        'snooze', 'delegation', 'dashboard'])[1 + (nr * 31 % 11)::int] AS type) k
"""


@dataclass(frozen=True)
class AuditWorkspace:
    """Where it is: addresses for SQLAlchemy and for libpq (application's and owner's role), and who looks."""

    url: str
    dsn: str
    owner_dsn: str
    admin: Actor


def fill(owner: psycopg.Connection[tuple[object, ...]], records: int) -> None:
    """Put `records` records into the empty trail of a migrated database."""
    for statement in _PEOPLE.split(";\n"):
        if statement.strip():
            owner.execute(statement.encode())
    indexes = owner.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = 'audit_logs'::regclass AND NOT indisunique"
    ).fetchall()
    owner.execute("ALTER TABLE audit_logs DROP CONSTRAINT audit_logs_user_id_fkey")
    owner.execute("ALTER TABLE audit_logs DROP CONSTRAINT audit_logs_seq_idx, DROP CONSTRAINT audit_logs_pkey")
    for name, _ in indexes:
        owner.execute(f"DROP INDEX {name}".encode())
    script = _RECORDS.format(total=records, start=0, end=records - 1, people=PEOPLE, rare=RARE, busy=BUSY, gone=GONE)
    for statement in script.split(";\n"):
        owner.execute(statement.encode())
    owner.execute("SET maintenance_work_mem = '512MB'")
    owner.execute(
        "ALTER TABLE audit_logs ADD CONSTRAINT audit_logs_pkey PRIMARY KEY (id), "
        "ADD CONSTRAINT audit_logs_seq_idx UNIQUE (seq), ADD CONSTRAINT audit_logs_user_id_fkey "
        "FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL"
    )
    for _, definition in indexes:
        owner.execute(str(definition).encode())
    owner.execute("SELECT setval(pg_get_serial_sequence('audit_logs', 'seq'), %s)", [records])
    owner.execute("VACUUM (FREEZE, ANALYZE) audit_logs")  # as records of years are: nothing of them is left to write


@contextlib.contextmanager
def audit_workspace(records: int) -> Iterator[AuditWorkspace]:
    """A workspace with `records` audit records; five million take about three minutes to make and 4 GB."""
    with tempfile.TemporaryDirectory(prefix="dp-audit-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        server = embedded_server(Settings(home=home).home)
        try:
            migrate.upgrade(server.owner_url)
            owner = make_url(server.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(owner, autocommit=True) as connection:
                fill(connection, records)
            yield opened(server.owner_url)
        finally:
            server.release()
            erase(home)


def opened(owner_url: str) -> AuditWorkspace:
    """The workspace that stands at the owner's address."""
    owner = make_url(owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
    app = make_url(owner_url).set(username="datapulse_app")
    with psycopg.connect(owner) as connection:
        row = connection.execute("SELECT id FROM users WHERE email = %s", [ADMIN]).fetchone()
        assert row is not None
    return AuditWorkspace(
        app.render_as_string(hide_password=False),
        app.set(drivername="postgresql").render_as_string(hide_password=False),
        owner,
        Actor(row[0], "Ada", ROLE_PERMISSIONS[Role.ADMIN], role=Role.ADMIN, email=ADMIN),
    )


def seal(owner: psycopg.Connection[tuple[object, ...]], per_seal: int) -> int:
    """Seal the whole unsealed trail with `per_seal` records a seal, as the sealer would; returns how many seals."""
    previous, number, head = chain.FIRST_HASH, 0, ""
    with owner.transaction(), owner.cursor(name="members") as reader, owner.cursor() as writer:
        reader.itersize = 50_000
        reader.execute(
            f"SELECT l.epoch, l.xid, l.seq, {chain.MEMBER} FROM audit_logs l ORDER BY l.epoch, l.xid, l.seq".encode()
        )
        rows: Iterator[tuple[datetime, int, int, bytes]] = iter(reader)  # type: ignore[arg-type]
        made: list[tuple[object, ...]] = []
        for epoch, in_epoch in itertools.groupby(rows, key=lambda row: row[0]):
            start = (0, 0)
            while some := list(itertools.islice(in_epoch, per_seal)):
                number += 1
                end = (some[-1][1], some[-1][2] + 1)
                members = b"".join(row[3] for row in some)
                stands_for = chain.Seal(number, epoch, *start, *end, len(some), SEALED_AT)
                previous, start = stands_for.hash(previous, members), end
                head = epoch.isoformat()
                made.append((number, epoch, *stands_for.start, *end, len(some), members, previous))
        with writer.copy(
            "COPY audit_seals (id, epoch, from_xid, from_seq, to_xid, to_seq, records, members, hash, created_at) "
            "FROM STDIN"
        ) as copy:
            for row in made:
                copy.write_row((*row, SEALED_AT))
        writer.execute("UPDATE audit_head SET seal_id = %s, hash = %s, epoch = %s", [number, previous, head])
    owner.execute("VACUUM ANALYZE audit_seals")
    return number


def unseal(owner: psycopg.Connection[tuple[object, ...]]) -> None:
    """Take every seal away again; the guards are off meanwhile."""
    for table in ("audit_seals", "audit_head"):
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
    owner.execute("TRUNCATE audit_seals")
    owner.execute("UPDATE audit_head SET seal_id = 0, hash = decode(repeat('00', 32), 'hex'), epoch = NULL")
    for table in ("audit_seals", "audit_head"):
        owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())
