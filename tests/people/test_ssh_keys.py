"""SSH keys: asking, admitting, revoking, and whom a key lets in."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people import key_reads, public_keys, ssh_keys
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.ssh_keys import Added
from tests.people import ssh_samples as samples
from tests.people.conftest import OPERATOR, Add


async def rows(data: Database, sql: str, **values: object) -> list[Any]:
    async with data.transaction() as session:
        found = await session.execute(text(sql), values)
        return list(found.all()) if found.returns_rows else []


async def person(data: Database, user_id: UUID) -> Actor:
    async with data.reading() as session:
        return await actor_for(session, user_id)


async def ask(data: Database, actor: Actor, key: str, name: str = "") -> Added:
    async with data.transaction() as session:
        return await ssh_keys.request(session, actor, key, name=name)


async def whose(data: Database, key: str) -> UUID | None:
    async with data.glance() as session:
        return await ssh_keys.admitted(session, public_keys.parse(key).fingerprint)


async def make_manager(data: Database, user_id: UUID) -> Actor:
    """Give a person a custom role that may admit keys, and look."""
    await rows(
        data,
        "WITH r AS (INSERT INTO roles (name, permissions) VALUES ('gate', '[\"sshkey:manage\"]') RETURNING id) "
        "INSERT INTO user_roles (user_id, role_id) SELECT :id, id FROM r",
        id=user_id,
    )
    return await person(data, user_id)


async def test_from_asking_to_being_let_in_and_out_again(data: Database, add: Add) -> None:
    ana, boss = await add("ana"), await add("boss", role="admin")
    key = samples.ed25519_key()
    added = await ask(data, await person(data, ana), f'from="10.*" {key} ana@laptop')
    assert (added.name, added.status, added.options) == ("ana@laptop", "pending", True)
    [row] = await rows(data, "SELECT * FROM ssh_keys")
    assert row.public_key == key
    assert await whose(data, key) is None
    async with data.transaction() as session:
        [outcome] = await ssh_keys.admit(session, await person(data, boss), [added.id])
    assert (outcome.done, outcome.title) == (True, "ana@laptop of Ana")
    assert await whose(data, key) == ana
    assert await whose(data, samples.ed25519_key()) is None
    await rows(data, "UPDATE users SET status = 'inactive' WHERE id = :id", id=ana)
    assert await whose(data, key) is None
    await rows(data, "UPDATE users SET status = 'active' WHERE id = :id", id=ana)
    async with data.transaction() as session:
        await ssh_keys.revoke(session, await person(data, ana), [added.id])
    assert await whose(data, key) is None
    again = await ask(data, await person(data, ana), key, "again")
    assert again.status == "pending"
    trail = await rows(data, "SELECT action FROM audit_logs WHERE resource_type = 'ssh_key' ORDER BY seq")
    assert [each.action for each in trail] == [
        "sshkey.requested", "sshkey.admitted", "sshkey.revoked", "sshkey.requested",
    ]  # fmt: skip


async def test_who_admits_keys_adds_them_admitted(data: Database, add: Add) -> None:
    ana, boss = await add("ana"), await add("boss", role="admin")
    admin = await person(data, boss)
    own, hers, other = (samples.ed25519_key() for _ in range(3))
    assert (await ask(data, admin, own)).status == "admitted"
    async with data.transaction() as session:
        assert (await ssh_keys.add_for(session, admin, ana, hers)).status == "admitted"
        assert (await ssh_keys.add_for(session, OPERATOR, ana, other)).status == "admitted"
        with pytest.raises(NotFound):
            await ssh_keys.add_for(session, admin, uuid4(), samples.ed25519_key())
    assert [await whose(data, key) for key in (own, hers, other)] == [boss, ana, ana]
    with pytest.raises(NotAllowed, match="operator"):
        await ask(data, OPERATOR, samples.ed25519_key())
    with pytest.raises(NotAllowed, match="sshkey:manage"):
        async with data.transaction() as session:
            await ssh_keys.add_for(session, await person(data, ana), boss, samples.ed25519_key())


async def test_nobody_lets_themselves_in_as_somebody_who_may_do_more(data: Database, add: Add) -> None:
    """Who admits keys without being an administrator could otherwise sign in as one."""
    gate, boss, ana = await add("gate"), await add("boss", role="admin"), await add("ana")
    manager = await make_manager(data, gate)
    asked = await ask(data, await person(data, ana), samples.ed25519_key())
    key = samples.ed25519_key()
    with pytest.raises(NotAllowed, match="permissions that you lack"):
        async with data.transaction() as session:
            await ssh_keys.add_for(session, manager, boss, key)
    [row] = await rows(
        data,
        "INSERT INTO ssh_keys (user_id, name, key_type, public_key, fingerprint) "
        "VALUES (:boss, 'k', 'ssh-ed25519', :key, :fingerprint) RETURNING id",
        boss=boss, key=key, fingerprint=public_keys.parse(key).fingerprint,
    )  # fmt: skip
    with pytest.raises(NotAllowed, match="may do what you may not"):
        async with data.transaction() as session:
            await ssh_keys.admit(session, manager, [row.id])
    async with data.transaction() as session:
        outcomes = await ssh_keys.admit(session, manager, [row.id, asked.id, uuid4()])
    assert [each.done for each in outcomes] == [False, True, False]
    assert await whose(data, key) is None


async def test_a_key_belongs_to_one_person(data: Database, add: Add) -> None:
    ana, ben = await person(data, await add("ana")), await person(data, await add("ben"))
    key = samples.ed25519_key()
    done = await asyncio.gather(ask(data, ana, key), ask(data, ben, key + " other"), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Added", "Conflict"]
    assert len(await rows(data, "SELECT 1 FROM ssh_keys")) == 1


async def test_a_private_key_is_neither_stored_nor_logged(
    data: Database, add: Add, caplog: pytest.LogCaptureFixture
) -> None:
    ana = await person(data, await add("ana"))
    private = samples.private_key()
    with caplog.at_level(logging.DEBUG), pytest.raises(Invalid, match="PRIVATE"):
        await ask(data, ana, private)
    body = private.splitlines()[2]
    assert body not in caplog.text
    for table in ("ssh_keys", "audit_logs"):
        assert body not in str(await rows(data, f"SELECT to_jsonb(t) FROM {table} t"))


async def test_what_cannot_be_done(data: Database, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_keys, "MOST_KEYS", 2)
    ana, ben, boss = await add("ana"), await add("ben"), await add("boss", role="admin")
    me, admin = await person(data, ana), await person(data, boss)
    first = await ask(data, me, samples.ed25519_key(), "[/] 売上")
    second = await ask(data, me, samples.ed25519_key() + " \x1b[31mred")
    assert second.name == "ssh-ed25519"  # a comment that cannot be a name
    with pytest.raises(Conflict, match="2 SSH keys"):
        await ask(data, me, samples.ed25519_key())
    with pytest.raises(NotAllowed):
        async with data.transaction() as session:
            await ssh_keys.admit(session, me, [first.id])
    with pytest.raises(NotFound):
        async with data.transaction() as session:
            await ssh_keys.revoke(session, await person(data, ben), [first.id])
    await rows(data, "UPDATE users SET status = 'inactive' WHERE id = :id", id=ana)
    with pytest.raises(Conflict, match="not active"):
        async with data.transaction() as session:
            await ssh_keys.admit(session, admin, [first.id])
    async with data.transaction() as session:
        outcomes = await ssh_keys.revoke(session, admin, [first.id, second.id])
        assert [each.done for each in outcomes] == [True, True]
    with pytest.raises(Conflict, match="revoked already"):
        async with data.transaction() as session:
            await ssh_keys.revoke(session, admin, [first.id])


async def test_the_list_begins_with_those_that_wait(data: Database, add: Add) -> None:
    ana, boss = await add("ana"), await add("boss", role="admin")
    me, admin = await person(data, ana), await person(data, boss)
    keys = [await ask(data, me, samples.ed25519_key(), f"k{n}") for n in range(3)]
    async with data.transaction() as session:
        await ssh_keys.admit(session, admin, [keys[2].id])
    await ask(data, admin, samples.ed25519_key(), "boss")
    async with data.reading() as session:
        names, after = [], None
        while True:
            page = await key_reads.list_ssh_keys(session, admin, everybody=True, after=after, limit=1)
            names += [row.name for row in page.items]
            after = page.next
            if after is None:
                break
        assert names == ["k1", "k0", "boss", "k2"]
        mine = await key_reads.list_ssh_keys(session, me, status="pending")
        assert [row.name for row in mine.items] == ["k1", "k0"]
        with pytest.raises(NotAllowed):
            await key_reads.list_ssh_keys(session, me, everybody=True)
        assert (await key_reads.named_ssh_key(session, me, keys[0].fingerprint)).name == "k0"
        with pytest.raises(NotFound):
            await key_reads.named_ssh_key(session, me, "boss")
