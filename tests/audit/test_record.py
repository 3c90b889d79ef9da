from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import event

from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.reads import list_records
from datapulse_tui.audit.service import record
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Invalid, NotAllowed
from tests.audit.conftest import OPERATOR, THING, Seal, Write
from tests.databases import dsn


async def test_a_record_stands_when_its_transaction_commits(data: Database) -> None:
    async with data.transaction() as session:
        await record(
            session, OPERATOR, "thing.changed", "thing", THING,
            before={"name": "a", "same": 1, "password": "x"}, after={"name": "b", "same": 1, "password": "y"},
            note={"reason": "because"},
        )  # fmt: skip
    with pytest.raises(RuntimeError):
        async with data.transaction() as session:
            await record(session, OPERATOR, "thing.gone", "thing", THING)
            raise RuntimeError
    async with data.reading() as session:
        page = await list_records(session, OPERATOR)
    (found,) = page.items
    assert (found.who, found.through, found.action, found.resource_id) == (
        "operator:tester@here", None, "thing.changed", THING,
    )  # fmt: skip
    assert (found.ip_address, found.user_agent) == ("10.0.0.7", "tests")
    assert found.details == {
        "before": {"name": "a", "password": "(secret)"},
        "after": {"name": "b", "password": "(secret)"},
        "note": {"reason": "because"},
    }


async def test_one_statement_that_returns_nothing(data: Database) -> None:
    sent: list[str] = []
    event.listen(data.engine.sync_engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    async with data.transaction() as session:
        await record(session, OPERATOR, "thing.changed", "thing", THING)
    assert len(sent) == 1
    assert "RETURNING" not in sent[0]


async def test_over_long_and_hostile_origins_are_cut_and_never_fail(data: Database) -> None:
    actor = Actor(None, "operator:\ud800\0" + "x" * 500, ip_address="1" * 99, user_agent="y" * 9_999)
    async with data.transaction() as session:
        await record(session, actor, "thing.changed", "thing", None, after={"a\0b": "\ud800\0"})
    async with data.reading() as session:
        (found,) = (await list_records(session, OPERATOR)).items
    assert (len(found.who), len(found.ip_address or ""), len(found.user_agent or "")) == (255, 50, 500)
    assert found.details == {"after": {"a\ufffdb": "?\ufffd"}}


async def test_pages_and_filters(data: Database, write: Write) -> None:
    await write(5)
    async with data.transaction() as session:
        await record(session, OPERATOR, "user.added", "user", None)
        await record(session, OPERATOR, "userish.added", "user", None)
    async with data.reading() as session:
        first = await list_records(session, OPERATOR, limit=4)
        second = await list_records(session, OPERATOR, limit=4, after=first.next)
        seqs = [one.seq for one in (*first.items, *second.items)]
        assert seqs == sorted(seqs, reverse=True)
        assert (len(seqs), second.next) == (7, None)
        by_family = await list_records(session, OPERATOR, filter="action:user.")
        assert [one.action for one in by_family.items] == ["user.added"]
        by_thing = await list_records(session, OPERATOR, filter=f"on:thing/{THING}")
        assert len(by_thing.items) == 5
        at = first.items[0].at
        assert len((await list_records(session, OPERATOR, filter=f"since:{at.isoformat()}")).items) == 2
        assert len((await list_records(session, OPERATOR, filter=f"until:{at.isoformat()}")).items) == 5
        with pytest.raises(NotAllowed):
            await list_records(session, Actor(None, "nobody"))
        with pytest.raises(Invalid):
            await list_records(session, OPERATOR, limit=0)


# -- insert-only -------------------------------------------------------------------------------------------------------

NUMBERED = "INSERT INTO audit_logs (action, resource_type, {column}) OVERRIDING SYSTEM VALUE VALUES ('a', 'b', {value})"


REFUSED_TO_ALL = (
    "UPDATE audit_logs SET action = 'x'",
    "DELETE FROM audit_logs",
    "TRUNCATE audit_logs",
    "UPDATE audit_seals SET records = 0",
    "DELETE FROM audit_seals",
    "TRUNCATE audit_seals",
    "DELETE FROM audit_head",
    "TRUNCATE audit_head",
    "UPDATE audit_head SET seal_id = 0",
    "UPDATE audit_head SET hash = 'x'",
)


async def test_the_application_s_role_can_only_add(database_url: str, write: Write, seal: Seal) -> None:
    await write(1)
    await seal()
    attempts = (
        *REFUSED_TO_ALL,
        "INSERT INTO audit_head (id, seal_id, hash) VALUES (1, 0, '')",
        "ALTER TABLE audit_logs DISABLE TRIGGER ALL",
        "DROP TABLE audit_logs",
        "DROP TABLE audit_base",
        "DROP FUNCTION audit_refuse() CASCADE",
        "DROP TRIGGER audit_logs_no_change ON audit_logs",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
        "CREATE TRIGGER mine BEFORE INSERT ON audit_logs EXECUTE FUNCTION audit_refuse()",
        "CREATE RULE mine AS ON DELETE TO audit_logs DO INSTEAD NOTHING",
        "ALTER TABLE audit_logs ALTER seq SET GENERATED BY DEFAULT",
        "ALTER TABLE audit_logs OWNER TO datapulse_app",
        "SET session_replication_role = replica",
        "SET ROLE datapulse_owner",
        "SET SESSION AUTHORIZATION datapulse_owner",
        "ALTER SEQUENCE audit_logs_seq_seq RESTART",
        "SELECT setval('audit_logs_seq_seq', 1)",
        "INSERT INTO audit_base (seal_id, hash, records, before, ends, xid) VALUES (1, '', 1, now(), '[]', 1)",
        "UPDATE audit_base SET records = 0",
        "DELETE FROM audit_base",
        "TRUNCATE audit_base",
        "COPY audit_logs (action, resource_type, created_at) FROM PROGRAM 'true'",
        "MERGE INTO audit_logs l USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE",
        "BEGIN; LOCK TABLE audit_logs IN ACCESS EXCLUSIVE MODE",
        NUMBERED.format(column="seq", value="1"),
        NUMBERED.format(column="xid", value="1"),
        NUMBERED.format(column="epoch", value="now()"),
        NUMBERED.format(column="created_at", value="now() - interval '1 day'"),
    )
    with psycopg.connect(dsn(database_url), autocommit=True) as connection:
        for attempt in attempts:
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(attempt)
                pytest.fail(attempt)
            connection.rollback()
        connection.execute(
            "GRANT ALL ON audit_logs, audit_seals, audit_base TO datapulse_app"
        )  # no more than a warning
        rights = "has_table_privilege(t, 'UPDATE, DELETE, TRUNCATE, TRIGGER')"
        given = connection.execute(
            f"SELECT bool_or({rights}) FROM unnest(ARRAY['audit_logs', 'audit_seals', 'audit_base']) t"
        )
        assert given.fetchone() == (False,)


async def test_triggers_stop_the_owner_and_the_superuser_too(
    owner_url: str, superuser_url: str, write: Write, seal: Seal
) -> None:
    await write(1)
    await seal()
    for url in (owner_url, superuser_url):
        with psycopg.connect(dsn(url), autocommit=True) as connection:
            if url == superuser_url:
                connection.execute("SET session_replication_role = replica")
            for attempt in REFUSED_TO_ALL:
                with pytest.raises(errors.InsufficientPrivilege, match=r"append-only|moves on"):
                    connection.execute(attempt)


async def test_a_person_is_deleted_only_while_the_trail_does_not_know_them(data: Database, owner_url: str) -> None:
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
        add = "INSERT INTO users (email, password, name) VALUES (%s, '!', 'x') RETURNING id"
        known, unknown = (connection.execute(add, [email]).fetchone()[0] for email in ("a@b.c", "d@e.f"))  # type: ignore[index]
        async with data.transaction() as session:
            await record(session, Actor(known, "x"), "thing.changed", "thing", None)
        connection.execute("DELETE FROM users WHERE id = %s", [unknown])
        with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
            connection.execute("DELETE FROM users WHERE id = %s", [known])
