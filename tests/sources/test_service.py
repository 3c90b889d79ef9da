"""Sources, grants and saved queries in the database: rights, secrets, the trail."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.models import AuditLog, DataSource, Query
from datapulse_tui.data.secrets import SecretBox, SecretUnreadable
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound, Unavailable
from datapulse_tui.people.rules import Role
from datapulse_tui.sources import reads, service
from datapulse_tui.sources.pool import Sources
from tests.sources.conftest import OPERATOR, SourceServer

Person = Callable[..., Awaitable[Actor]]


async def add(
    data: Database, box: SecretBox, config: dict[str, Any], name: str = "shop", actor: Actor = OPERATOR, **more: Any
) -> Any:
    async with data.transaction() as session:
        return await service.add_source(
            session, actor, box, **{"name": name, "type": "postgresql", "config": config, **more}
        )


async def trail(data: Database) -> list[tuple[str, dict[str, Any]]]:
    async with data.reading() as session:
        rows = await session.execute(select(AuditLog.action, AuditLog.details).order_by(AuditLog.seq))
        return [(row.action, row.details) for row in rows]


async def everything(data: Database) -> str:
    """All that is stored about sources, and the trail, as one text."""
    async with data.reading() as session:
        stored = await session.execute(text("SELECT to_jsonb(s)::text FROM data_sources s"))
        logged = await session.execute(text("SELECT details::text FROM audit_logs"))
        return "\n".join([*stored.scalars(), *logged.scalars()])


async def test_adding_encrypts_records_and_keeps_names_unique(
    data: Database, box: SecretBox, source_server: SourceServer
) -> None:
    made = await add(data, box, {**source_server.config, "password": "hunter2"})
    assert "hunter2" not in await everything(data)
    async with data.reading() as session:
        row = await session.get_one(DataSource, made)
        assert box.unseal(row.connection_config)["password"] == "hunter2"
        assert row.status == "pending"
        view = await reads.get_source(session, OPERATOR, "shop")
    assert "hunter2" not in repr(view)
    assert "$secret" not in repr(view)
    assert [action for action, _ in await trail(data)] == ["source.added"]
    with pytest.raises(Conflict, match="already a source called shop"):
        await add(data, box, source_server.config)


async def test_two_who_add_the_same_name_at_once(data: Database, box: SecretBox, source_server: SourceServer) -> None:
    results = await asyncio.gather(*(add(data, box, source_server.config) for _ in range(4)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict"] * 3 + ["UUID"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"type": "mysql"}, "'mysql' is not in this version"),
        ({"type": "rest_api"}, "not in this version"),
        ({"type": "nonsense"}, "not a type of source"),
        ({"name": "  "}, "needs a name"),
        ({"name": "a\x1bb"}, "control characters"),
        ({"config": {"host": "h"}}, "dbname, user must be given"),
        ({"config": {"host": "h", "dbname": "d", "user": "u", "port": 99_999, "password": "hunter2"}}, "port"),
        ({"config": {"host": "h", "dbname": "d", "user": "u", "nonsense": "hunter2"}}, "nonsense"),
        ({"config": {"url": "mysql://u:hunter2@h/d"}}, "must begin with postgresql://"),
        ({"config": {"url": "postgresql://u:hunter2@h/d?options=-csearch_path"}}, "options"),
        ({"config": {"url": "postgresql://u:hunter2@[h/d"}}, "cannot be read"),
        ({"config": {"host": "h", "dbname": "d", "user": "u", "allowed_functions": ["f(); DROP"]}}, "function's name"),
        ({"type": "csv", "config": {"path": "/etc"}}, "not inside a folder"),
        ({"type": "csv", "config": {"path": "https://example.com/a.csv"}}, "path of a file"),
    ],
)
async def test_what_is_wrong_with_a_source_is_told_without_values(
    data: Database, box: SecretBox, more: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Invalid) as caught:
        await add(data, box, more.pop("config", {"host": "h", "dbname": "d", "user": "u"}), **more)
    assert said in caught.value.message
    assert "hunter2" not in f"{caught.value}{caught.value.__cause__!r}{caplog.text}"


async def test_a_url_is_taken_apart_and_its_password_sealed(data: Database, box: SecretBox) -> None:
    await add(data, box, {"url": "postgresql://ana:hun%40ter2@db.example.com:6432/shop?sslmode=require"})
    async with data.reading() as session:
        handle = await reads.source_handle(session, "shop")
        view = await reads.get_source(session, OPERATOR, handle.id)
    plain = box.unseal(handle.config)
    assert (plain["host"], plain["port"], plain["user"], plain["password"]) == (
        "db.example.com",
        6432,
        "ana",
        "hun@ter2",
    )
    assert (plain["dbname"], plain["sslmode"]) == ("shop", "require")
    assert view.row.address == "db.example.com:6432/shop"
    assert "hun" not in await everything(data)


async def test_updating_keeps_what_is_not_named(data: Database, box: SecretBox, source_server: SourceServer) -> None:
    made = await add(data, box, {**source_server.config, "password": "hunter2"})

    async def update(**more: Any) -> dict[str, Any]:
        async with data.transaction() as session:
            await service.update_source(session, OPERATOR, box, made, **more)
        async with data.reading() as session:
            return dict((await reads.source_handle(session, made)).config)

    before = await update(changes={"statement_timeout": 5})
    assert box.unseal(before)["password"] == "hunter2"
    after = await update(name="shop 2", allow_functions=["f"])
    assert after == {**before, "allowed_functions": ["f"]}
    assert (await update(allow_functions=["g"]))["allowed_functions"] == ["f", "g"]
    assert box.unseal(await update(changes={"password": "hunter3"}))["password"] == "hunter3"
    assert "password" not in await update(changes={"password": None})
    with pytest.raises(Invalid, match="port"):
        await update(changes={"port": 0})
    await add(data, box, source_server.config, name="other")
    with pytest.raises(Conflict):
        await update(name="other")
    stored = await everything(data)
    assert "hunter" not in stored
    actions = [action for action, _ in await trail(data)]
    assert actions == ["source.added", *["source.updated"] * 5, "source.added"]
    notes = [details["note"]["changed"] for action, details in await trail(data) if action == "source.updated"]
    assert notes == [["statement_timeout"], ["allowed_functions"], ["allowed_functions"], ["password"], ["password"]]


async def test_a_lost_key_can_be_mended_by_entering_the_secret_again(
    data: Database, box: SecretBox, source_server: SourceServer, tmp_path: Path
) -> None:
    made = await add(data, box, {**source_server.config, "password": "hunter2"})
    other = SecretBox(None, tmp_path / "other.key")
    other.encrypt("make a key")
    async with data.reading() as session:
        handle = await reads.source_handle(session, made)
    with pytest.raises(SecretUnreadable):
        await Sources(other).run(handle, "SELECT 1")
    async with data.transaction() as session:
        await service.update_source(session, OPERATOR, other, made, changes={"password": "again"})
    async with data.reading() as session:
        handle = await reads.source_handle(session, made)
    assert other.unseal(handle.config)["password"] == "again"


async def test_checking_keeps_what_was_found(
    data: Database, box: SecretBox, sources: Sources, source_server: SourceServer
) -> None:
    await add(data, box, source_server.config)
    found = await service.check_source(data, sources, OPERATOR, "shop")
    assert found.check.warnings == ()
    async with data.reading() as session:
        view = await reads.get_source(session, OPERATOR, "shop")
    assert (view.row.status, view.row.problem) == ("connected", "")
    assert view.row.last_sync is not None
    assert view.version.startswith("PostgreSQL")
    assert ("id", "number", "integer") in view.tables[0].columns
    async with data.transaction() as session:
        await service.update_source(session, OPERATOR, box, "shop", changes={"dbname": "gone"})
    with pytest.raises(Unavailable, match="no database gone"):
        await service.check_source(data, sources, OPERATOR, "shop")
    async with data.reading() as session:
        broken = await reads.get_source(session, OPERATOR, "shop")
    assert broken.row.status == "error"
    assert "no database gone" in broken.row.problem
    assert broken.tables == view.tables
    assert [a for a, _ in await trail(data)] == ["source.added", "source.checked", "source.updated", "source.checked"]
    await asyncio.gather(
        *(service.check_source(data, sources, OPERATOR, "shop") for _ in range(2)), return_exceptions=True
    )
    assert len(await trail(data)) == 4  # the same again is no change


async def test_hostile_names_of_columns_can_be_kept(
    data: Database, box: SecretBox, sources: Sources, tmp_path: Path
) -> None:
    (tmp_path / "odd.csv").write_bytes(b"\x00\x01,disk [/dev/sda1] full [/]\n1,2\n")
    await add(data, box, {"path": str(tmp_path)}, type="csv", csv_folders=(tmp_path,))
    await service.check_source(data, sources, OPERATOR, "shop")
    async with data.reading() as session:
        assert len((await reads.get_source(session, OPERATOR, "shop")).tables[0].columns) == 2


async def test_who_may_query(
    data: Database, box: SecretBox, sources: Sources, source_server: SourceServer, person: Person
) -> None:
    await add(data, box, source_server.config)
    admin, ana = await person("admin", Role.ADMIN), await person("ana")
    bea, boss = await person("bea", Role.BUSINESS_USER), await person("boss", Role.OPS_MANAGER)

    async def query(actor: Actor, sql: str = "SELECT 1") -> Any:
        return (await service.run_query(data, sources, actor, source="shop", sql=sql)).rows

    assert await query(admin) == await query(OPERATOR) == ((1,),)
    for actor in (ana, boss):
        with pytest.raises(NotAllowed, match="not granted to you"):
            await query(actor)
    async with data.transaction() as session:
        assert await service.grant_source(session, admin, "shop", " ANA@example.com ")
        assert not await service.grant_source(session, admin, "shop", "ana@example.com")
        assert await service.grant_source(session, admin, "shop", "bea@example.com")
    assert await query(ana) == ((1,),)
    with pytest.raises(NotAllowed, match="source:query"):
        await query(bea)  # a grant is nothing without the permission
    with pytest.raises(Invalid):
        await query(ana, "DELETE FROM shop.orders")
    async with data.reading() as session:
        assert [(g.email, g.name) for g in await reads.list_grants(session, admin, "shop")] == [
            ("ana@example.com", "Ana"), ("bea@example.com", "Bea"),
        ]  # fmt: skip
        assert [row.granted for row in (await reads.list_sources(session, ana)).items] == [True]
        assert [row.granted for row in (await reads.list_sources(session, boss)).items] == [False]
        assert [row.granted for row in (await reads.list_sources(session, bea)).items] == [False]
    async with data.transaction() as session:
        assert await service.revoke_source(session, admin, "shop", "ana@example.com")
        assert not await service.revoke_source(session, admin, "shop", "ana@example.com")
    with pytest.raises(NotAllowed):
        await query(ana)
    assert [a for a, _ in await trail(data)] == ["source.added", "source.granted", "source.granted", "source.revoked"]


async def test_only_managers_change_sources(
    data: Database, box: SecretBox, sources: Sources, source_server: SourceServer, person: Person
) -> None:
    await add(data, box, source_server.config)
    boss = await person("boss", Role.OPS_MANAGER)
    with pytest.raises(NotAllowed):
        await add(data, box, source_server.config, name="mine", actor=boss)
    with pytest.raises(NotAllowed):
        await service.check_source(data, sources, boss, "shop")
    async with data.transaction() as session:
        for attempt in (
            service.update_source(session, boss, box, "shop", name="x"),
            service.grant_source(session, boss, "shop", "boss@example.com"),
            service.revoke_source(session, boss, "shop", "boss@example.com"),
            reads.list_grants(session, boss, "shop"),
        ):
            with pytest.raises(NotAllowed):
                await attempt
    assert len(await trail(data)) == 1


async def test_what_is_not_there_is_told(
    data: Database, sources: Sources, box: SecretBox, source_server: SourceServer, person: Person
) -> None:
    await add(data, box, source_server.config)
    custom = dataclasses.replace(await person("bea", Role.BUSINESS_USER), permissions=frozenset({"source:query"}))
    with pytest.raises(NotFound, match="no source"):  # not granted and not to be seen: the same as not there
        await service.run_query(data, sources, custom, source="shop", sql="SELECT 1")
    for source in ("nothing", uuid4()):
        with pytest.raises(NotFound):
            await service.run_query(data, sources, OPERATOR, source=source, sql="SELECT 1")
    async with data.transaction() as session:
        with pytest.raises(NotFound, match="nobody with the address"):
            await service.grant_source(session, OPERATOR, "shop", "nobody@example.com")
        with pytest.raises(NotFound):
            await reads.get_source(session, custom, "shop")
    with pytest.raises(Invalid, match="limit"):
        await service.run_query(data, sources, OPERATOR, source="shop", sql="SELECT 1", limit=0)


async def test_saving_queries(data: Database, box: SecretBox, source_server: SourceServer, person: Person) -> None:
    await add(data, box, source_server.config)
    ana, ben = await person("ana"), await person("ben")
    async with data.transaction() as session:
        await service.grant_source(session, OPERATOR, "shop", "ana@example.com")

    async def save(actor: Actor, sql: str, name: str = "orders", **more: Any) -> Any:
        async with data.transaction() as session:
            return await service.save_query(session, actor, name=name, sql=sql, source="shop", **more)

    made = await save(ana, "SELECT count(*) FROM shop.orders WHERE id > :n", description="how many")
    assert await save(ana, "SELECT 2 -- kept as written") == made
    with pytest.raises(Invalid, match="pg_sleep"):
        await save(ana, "SELECT pg_sleep(1)")
    with pytest.raises(NotAllowed, match="not granted"):
        await save(ben, "SELECT 1")
    with pytest.raises(Invalid, match="--as EMAIL"):
        await save(OPERATOR, "SELECT 1")
    async with data.reading() as session:
        row = await reads.get_query(session, ana, "orders")
        assert (row.id, row.sql, row.owner, row.source) == (made, "SELECT 2 -- kept as written", ana.email, "shop")
        assert row.description == "how many"
        assert (await reads.list_queries(session, ben)).items == ()
        with pytest.raises(NotFound):
            await reads.get_query(session, ben, made)
        assert len((await reads.list_queries(session, OPERATOR)).items) == 1
        assert (await session.get_one(Query, made)).user_id == ana.user_id
    async with data.transaction() as session:
        await service.grant_source(session, OPERATOR, "shop", "ben@example.com")
    await save(ben, "SELECT 3")
    async with data.reading() as session:
        assert (await reads.get_query(session, ben, "orders")).sql == "SELECT 3"
        assert (await reads.get_query(session, ana, "orders")).sql == "SELECT 2 -- kept as written"
        page = await reads.list_queries(session, ana, limit=1)
        more = await reads.list_queries(session, ana, limit=1, after=page.next)
    assert {page.items[0].owner, more.items[0].owner} == {ana.email, ben.email}
    assert more.next is None
    actions = [(action, "before" in details) for action, details in await trail(data) if action.startswith("query")]
    assert actions == [("query.saved", False), ("query.updated", True), ("query.saved", False)]


async def test_running_leaves_no_record(
    data: Database, box: SecretBox, sources: Sources, source_server: SourceServer
) -> None:
    await add(data, box, source_server.config)
    await service.run_query(data, sources, OPERATOR, source="shop", sql="SELECT 1")
    assert len(await trail(data)) == 1
    assert json.dumps([a for a, _ in await trail(data)]) == '["source.added"]'


async def test_a_source_is_deleted_when_nothing_uses_it(
    data: Database, box: SecretBox, source_server: SourceServer, person: Person
) -> None:
    await add(data, box, {**source_server.config, "password": "hunter2"})
    ana = await person("ana")
    async with data.transaction() as session:
        await service.grant_source(session, OPERATOR, "shop", "ana@example.com")
        for number in range(7):
            await service.save_query(session, ana, name=f"q{number}", sql="SELECT 1", source="shop")
    with pytest.raises(NotAllowed, match="source:manage"):
        async with data.transaction() as session:
            await service.delete_source(session, ana, "shop")
    with pytest.raises(Conflict, match=r"in use: query q0 of Ana, .*, query q4 of Ana and 2 more\."):
        async with data.transaction() as session:
            await service.delete_source(session, OPERATOR, "shop")
    async with data.transaction() as session:
        await session.execute(text("DELETE FROM queries"))
        assert await service.delete_source(session, OPERATOR, "shop") == "shop"
    async with data.reading() as session:
        assert (await reads.list_sources(session, OPERATOR)).items == ()
    assert "hunter2" not in await everything(data)
    assert (await trail(data))[-1][0] == "source.deleted"
    with pytest.raises(NotFound):
        async with data.transaction() as session:
            await service.delete_source(session, OPERATOR, "shop")
