"""API keys on the real database: making, using, rotating and revoking them, and every way to get more out of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox, SecretUnreadable
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people import api_keys, key_reads, key_rules, key_sign_in, service, ssh_keys
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.api_keys import NewKey
from datapulse_tui.people.key_rules import KeyState
from datapulse_tui.people.key_sign_in import KeyRefused, authenticate
from datapulse_tui.people.rules import PERMISSIONS, Role
from tests.people.conftest import OPERATOR, Add

OLD = Fernet.generate_key().decode()
NOWHERE = Path("unused")


@pytest.fixture
def box() -> SecretBox:
    return SecretBox([OLD], NOWHERE)


async def run(data: Database, sql: str, **values: object) -> Any:
    async with data.transaction() as session:
        return await session.execute(text(sql), values)


async def rows(data: Database, sql: str, **values: object) -> list[Any]:
    async with data.reading() as session:
        return list((await session.execute(text(sql), values)).all())


async def person(data: Database, user_id: UUID) -> Actor:
    async with data.reading() as session:
        return await actor_for(session, user_id, ip_address="10.1.2.3")


async def make(
    data: Database, box: SecretBox, user_id: UUID, *scopes: str, name: str = "nightly", days: int = 90
) -> NewKey:
    actor = await person(data, user_id)
    async with data.transaction() as session:
        chosen = scopes or ("dashboard:view", "source:query")
        return await api_keys.create(session, actor, box, name=name, scopes=chosen, days=days)


async def signed_in(data: Database, box: SecretBox, made: NewKey) -> Actor:
    return await authenticate(data, box, made.key.get_secret_value(), ip="10.9.8.7", user_agent="tests")


async def refused(data: Database, box: SecretBox, key: str) -> KeyRefused:
    with pytest.raises(KeyRefused) as caught:
        await authenticate(data, box, key, ip="10.9.8.7")
    return caught.value


async def test_a_key_signs_its_owner_in_with_its_scopes(data: Database, add: Add, box: SecretBox) -> None:
    ana = await add("ana", role="analyst")
    made = await make(data, box, ana)
    assert "nightly" not in repr(made.key)
    actor = await signed_in(data, box, made)
    assert (actor.user_id, actor.label, actor.everything) == (ana, "Ana", False)
    assert actor.permissions == {"dashboard:view", "source:query"} == actor.scopes
    assert actor.recorded_as == f"key nightly ({made.prefix})"
    async with data.transaction() as session:
        await service.set_preference(session, actor, "theme", "dark")
    [row] = await rows(data, "SELECT * FROM api_keys")
    assert row.key_hash.rpartition(":")[2] != made.key.get_secret_value()
    assert (row.last_used_from, row.prefix, len(row.key_hash)) == ("10.9.8.7", made.key.get_secret_value()[:12], 73)
    assert timedelta(days=89) < row.expires_at - datetime.now(UTC) <= timedelta(days=90)


async def test_the_trail_shows_the_owner_and_the_key_and_never_the_key_itself(
    data: Database, add: Add, box: SecretBox
) -> None:
    boss = await add("boss", role="admin")
    made = await make(data, box, boss, "department:manage", "alert:view")
    actor = await signed_in(data, box, made)
    from datapulse_tui.audit.service import record

    async with data.transaction() as session:
        await record(session, actor, "thing.done", "thing", uuid4())
    [done] = await rows(data, "SELECT user_id, actor, ip_address FROM audit_logs WHERE action = 'thing.done'")
    assert (done.user_id, done.actor, done.ip_address) == (boss, f"key nightly ({made.prefix})", "10.9.8.7")
    trail = str(await rows(data, "SELECT to_jsonb(a) FROM audit_logs a"))
    secret = made.key.get_secret_value()
    [stored] = await rows(data, "SELECT key_hash FROM api_keys")
    for hidden in (secret, secret[12:], stored.key_hash, stored.key_hash.partition(":")[2]):
        assert hidden not in trail
    assert secret[12:] not in str(await rows(data, "SELECT to_jsonb(k) FROM api_keys k"))
    assert made.prefix in trail


async def test_what_the_owner_loses_the_key_loses(data: Database, add: Add, box: SecretBox) -> None:
    ana = await add("ana", role="analyst")
    made = await make(data, box, ana)
    await run(data, "UPDATE users SET role = 'business_user' WHERE id = :id", id=ana)
    assert (await signed_in(data, box, made)).permissions == {"dashboard:view"}
    await run(data, "UPDATE users SET role = 'admin' WHERE id = :id", id=ana)
    assert (await signed_in(data, box, made)).permissions == {"dashboard:view", "source:query"}
    for status in ("inactive", "pending"):
        await run(data, "UPDATE users SET status = :status WHERE id = :id", id=ana, status=status)
        assert "not active" in (await refused(data, box, made.key.get_secret_value())).message


async def test_it_ends_at_the_moment_that_it_says(data: Database, add: Add, box: SecretBox) -> None:
    made = await make(data, box, await add("ana", role="analyst"), days=1)
    key = made.key.get_secret_value()
    await run(data, "UPDATE api_keys SET created_at = created_at - interval '5 days'")
    await run(data, "UPDATE api_keys SET expires_at = clock_timestamp() + interval '60 seconds'")
    assert (await authenticate(data, box, key)).key_id == made.id
    await run(data, "UPDATE api_keys SET expires_at = clock_timestamp()")
    error = await refused(data, box, key)
    assert "expired at" in error.message
    assert made.prefix in error.message
    assert key not in str(error)


async def test_a_wrong_key_is_told_nothing(data: Database, add: Add, box: SecretBox) -> None:
    made = await make(data, box, await add("ana", role="analyst"))
    key = made.key.get_secret_value()
    flipped = "B" if key[-1] == "A" else "A"
    unknown = key_rules.MARK + "x" * 43
    wrong = [key[:-1] + flipped, made.prefix + "x" * 34, unknown, "", "dp_", key[:-1], key + "x", "hunter2", "\0", "é"]
    said = {str(await refused(data, box, each)) for each in wrong}
    assert len(said) == 1
    assert made.prefix not in said.pop()


async def test_uses_of_a_known_beginning_are_recorded_sparsely(data: Database, add: Add, box: SecretBox) -> None:
    made = await make(data, box, await add("ana", role="analyst"))
    guess = made.prefix + "x" * 34
    await asyncio.gather(*(refused(data, box, guess) for _ in range(5)), refused(data, box, "dp_" + "y" * 43))
    found = await rows(data, "SELECT * FROM audit_logs WHERE action = 'apikey.refused'")
    assert [(row.resource_id, row.user_id, row.ip_address) for row in found] == [(made.id, None, "10.9.8.7")]
    assert guess not in str(found)
    await run(data, "UPDATE api_keys SET is_active = false, revoked_at = now()")
    assert "was revoked" in (await refused(data, box, made.key.get_secret_value())).message
    assert len(await rows(data, "SELECT 1 FROM audit_logs WHERE action = 'apikey.refused'")) == 1


async def test_the_last_use_is_written_once_a_minute(data: Database, add: Add, box: SecretBox) -> None:
    made = await make(data, box, await add("ana", role="analyst"))
    await signed_in(data, box, made)
    [first] = await rows(data, "SELECT last_used, xmin FROM api_keys")
    await asyncio.gather(*(signed_in(data, box, made) for _ in range(5)))
    assert await rows(data, "SELECT last_used, xmin FROM api_keys") == [first]
    await run(data, "UPDATE api_keys SET last_used = last_used - interval '61 seconds'")
    await asyncio.gather(*(signed_in(data, box, made) for _ in range(5)))
    [later] = await rows(data, "SELECT last_used, xmin FROM api_keys")
    assert later.last_used > first.last_used


# -- getting more out of one -------------------------------------------------------------------------------------------

Call = Callable[[AsyncSession, Actor, SecretBox, UUID, UUID], Coroutine[Any, Any, object]]

FORBIDDEN: dict[str, Call] = {
    "make a key": lambda s, a, b, k, u: api_keys.create(s, a, b, name="x", scopes=["alert:view"]),
    "rotate itself": lambda s, a, b, k, u: api_keys.rotate(s, a, b, k),
    "revoke itself": lambda s, a, b, k, u: api_keys.revoke(s, a, [k]),
    "list keys": lambda s, a, b, k, u: key_reads.list_api_keys(s, a),
    "list everybody's": lambda s, a, b, k, u: key_reads.list_api_keys(s, a, everybody=True),
    "name a key": lambda s, a, b, k, u: key_reads.named_api_key(s, a, str(k)),
    "name an SSH key": lambda s, a, b, k, u: key_reads.named_ssh_key(s, a, str(k)),
    "add an SSH key": lambda s, a, b, k, u: ssh_keys.request(s, a, "ssh-ed25519 AAAA"),
    "add one for somebody": lambda s, a, b, k, u: ssh_keys.add_for(s, a, u, "ssh-ed25519 AAAA"),
    "admit": lambda s, a, b, k, u: ssh_keys.admit(s, a, [k]),
    "revoke SSH": lambda s, a, b, k, u: ssh_keys.revoke(s, a, [k]),
    "list SSH keys": lambda s, a, b, k, u: key_reads.list_ssh_keys(s, a),
    "set a password": lambda s, a, b, k, u: service.set_password(s, a, u, "another horse battery"),
    "set its own password": lambda s, a, b, k, u: service.set_password(s, a, a.user_id or u, "another horse battery"),
    "add somebody": lambda s, a, b, k, u: service.add_user(s, a, email="n@example.com", name="New"),
    "raise itself": lambda s, a, b, k, u: service.set_role(s, a, a.user_id or u, "admin"),
    "raise somebody": lambda s, a, b, k, u: service.set_role(s, a, u, "analyst"),
    "activate": lambda s, a, b, k, u: service.activate(s, a, u),
    "deactivate": lambda s, a, b, k, u: service.deactivate(s, a, u),
}


async def test_what_an_admins_widest_key_cannot(data: Database, add: Add, box: SecretBox) -> None:
    boss, other = await add("boss", role="admin"), await add("other")
    everything = key_rules.choosable(PERMISSIONS)
    made = await make(data, box, boss, *everything)
    # and if a row came to hold more, by whatever way
    await run(data, "UPDATE api_keys SET permissions = to_jsonb(CAST(:all AS text[]))", all=list(PERMISSIONS))
    actor = await signed_in(data, box, made)
    assert actor.permissions == set(everything)
    before = await rows(data, "SELECT count(*) FROM audit_logs")
    done = []
    for what, call in FORBIDDEN.items():
        try:
            async with data.transaction() as session:
                await call(session, actor, box, made.id, other)
        except NotAllowed:
            continue
        done.append(what)
    assert done == []
    assert await rows(data, "SELECT count(*) FROM audit_logs") == before


@pytest.mark.parametrize("role", list(Role))
async def test_nobody_gives_a_key_what_they_lack(data: Database, add: Add, box: SecretBox, role: Role) -> None:
    me = await add("me", role=role.value)
    actor = await person(data, me)
    for word in PERMISSIONS:
        allowed = actor.can("apikey:create") and actor.can(word) and word not in key_rules.PEOPLE_ONLY
        try:
            async with data.transaction() as session:
                await api_keys.create(session, actor, box, name=word, scopes=[word])
        except (Invalid, NotAllowed):
            assert not allowed, word
        except Conflict:  # more than fifty
            await run(data, "DELETE FROM api_keys")
        else:
            assert allowed, word


async def test_rights_are_those_of_the_moment(data: Database, add: Add, box: SecretBox) -> None:
    ana = await add("ana", role="analyst")
    stale = await person(data, ana)
    await run(data, "UPDATE users SET role = 'business_user' WHERE id = :id", id=ana)
    with pytest.raises(NotAllowed, match="apikey:create"):
        async with data.transaction() as session:
            await api_keys.create(session, stale, box, name="x", scopes=["dashboard:view"])


async def test_an_operator_has_none(data: Database, box: SecretBox) -> None:
    async with data.transaction() as session:
        with pytest.raises(NotAllowed, match="operator"):
            await api_keys.create(session, OPERATOR, box, name="x", scopes=["dashboard:view"])


async def test_there_is_an_end_to_how_many(
    data: Database, add: Add, box: SecretBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rules, "MOST_KEYS", 3)
    ana = await add("ana", role="analyst")
    done = await asyncio.gather(*(make(data, box, ana, name=f"k{n}") for n in range(6)), return_exceptions=True)
    assert sum(isinstance(each, NewKey) for each in done) == 3
    assert all(isinstance(each, NewKey | Conflict) for each in done)


# -- rotating and revoking ---------------------------------------------------------------------------------------------


async def test_rotation_overlaps_and_then_the_old_one_ends(data: Database, add: Add, box: SecretBox) -> None:
    ana = await add("ana", role="analyst")
    old = await make(data, box, ana, days=30)
    actor = await person(data, ana)
    async with data.transaction() as session:
        new = await api_keys.rotate(session, actor, box, old.id, overlap=timedelta(hours=2))
    assert (new.name, new.scopes, new.dropped) == (old.name, old.scopes, ())
    assert new.prefix != old.prefix
    for key in (old, new):
        assert (await signed_in(data, box, key)).user_id == ana
    found = {row.id: row for row in await rows(data, "SELECT * FROM api_keys")}
    assert found[new.id].replaces_id == old.id
    assert abs(found[old.id].expires_at - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=1)
    assert abs(found[new.id].expires_at - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)
    with pytest.raises(Conflict, match="was replaced by"):
        async with data.transaction() as session:
            await api_keys.rotate(session, actor, box, old.id)
    # at once, and with what the owner has left
    await run(data, "UPDATE users SET role = 'business_user' WHERE id = :id", id=ana)
    with pytest.raises(NotAllowed):
        async with data.transaction() as session:
            await api_keys.rotate(session, actor, box, new.id, overlap=timedelta(0))
    await run(
        data,
        "WITH r AS (INSERT INTO roles (name, permissions) VALUES ('k', '[\"apikey:create\"]') RETURNING id) "
        "INSERT INTO user_roles (user_id, role_id) SELECT :id, id FROM r",
        id=ana,
    )
    async with data.transaction() as session:
        last = await api_keys.rotate(session, actor, box, new.id, overlap=timedelta(0), days=7)
    assert (last.scopes, last.dropped) == (("dashboard:view",), ("source:query",))
    assert "was revoked" in (await refused(data, box, new.key.get_secret_value())).message
    assert (await signed_in(data, box, last)).permissions == {"dashboard:view"}
    trail = await rows(data, "SELECT action FROM audit_logs WHERE resource_type = 'api_key' ORDER BY seq")
    assert [row.action for row in trail][:3] == ["apikey.created", "apikey.created", "apikey.rotated"]


async def test_a_rotation_never_makes_a_key_live_longer_than_a_year(data: Database, add: Add, box: SecretBox) -> None:
    ana = await add("ana", role="analyst")
    made = await make(data, box, ana, days=365)
    actor = await person(data, ana)
    async with data.transaction() as session:
        new = await api_keys.rotate(session, actor, box, made.id)
    assert new.expires_at - datetime.now(UTC) <= timedelta(days=365)
    # and the overlap never lengthens the old one
    short = await make(data, box, ana, days=1)
    async with data.transaction() as session:
        rotated = await api_keys.rotate(session, actor, box, short.id, overlap=timedelta(days=30))
    assert rotated.old_ends_at == short.expires_at


async def test_two_rotations_at_once_make_one_key(data: Database, add: Add, box: SecretBox) -> None:
    ana = await add("ana", role="analyst")
    made = await make(data, box, ana)
    actor = await person(data, ana)

    async def rotate() -> NewKey:
        async with data.transaction() as session:
            return await api_keys.rotate(session, actor, box, made.id)

    done = await asyncio.gather(rotate(), rotate(), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Conflict", "NewKey"]


async def test_revoking_ones_own_and_those_of_others(data: Database, add: Add, box: SecretBox) -> None:
    ana, ben, boss = await add("ana", role="analyst"), await add("ben", role="analyst"), await add("boss", role="admin")
    mine, his = await make(data, box, ana), await make(data, box, ben)
    actor = await person(data, ana)
    with pytest.raises(NotFound, match="no such API key"):
        async with data.transaction() as session:
            await api_keys.revoke(session, actor, [his.id])
    async with data.transaction() as session:
        outcomes = await api_keys.revoke(session, actor, [his.id, mine.id, uuid4(), mine.id])
    assert [(each.done, each.message) for each in outcomes] == [
        (False, "there is no such API key"), (True, "revoked"), (False, "there is no such API key"),
    ]  # fmt: skip
    assert outcomes[0].title == ""  # not even its name
    assert "was revoked" in (await refused(data, box, mine.key.get_secret_value())).message
    async with data.transaction() as session:
        outcomes = await api_keys.revoke(session, await person(data, boss), [mine.id, his.id])
    assert [each.message for each in outcomes] == ["it was revoked already", "revoked"]
    [row] = await rows(data, "SELECT * FROM api_keys WHERE user_id = :ben", ben=ben)
    assert (row.is_active, row.revoked_by) == (False, boss)
    with pytest.raises(NotFound):
        async with data.transaction() as session:
            await api_keys.rotate(session, await person(data, boss), box, his.id)


async def test_revoked_while_in_use(data: Database, add: Add, box: SecretBox) -> None:
    """Whoever is signed in with a key when it ends changes nothing more."""
    ana = await add("ana", role="analyst")
    made = await make(data, box, ana)
    actor = await signed_in(data, box, made)
    async with data.transaction() as session:
        await key_sign_in.still_allowed(session, actor)
    await run(data, "UPDATE users SET role = 'business_user' WHERE id = :id", id=ana)
    async with data.transaction() as session:
        with pytest.raises(KeyRefused, match="Rights"):
            await key_sign_in.still_allowed(session, actor)
    await run(data, "UPDATE users SET role = 'analyst' WHERE id = :id", id=ana)
    revoking = asyncio.Event()

    async def use() -> None:
        while True:
            try:
                await signed_in(data, box, made)
            except KeyRefused:
                assert revoking.is_set()
                return

    users = [asyncio.create_task(use()) for _ in range(3)]
    owner = await person(data, ana)
    revoking.set()
    async with data.transaction() as session:
        await api_keys.revoke(session, owner, [made.id])
    await run(data, "UPDATE api_keys SET last_used = NULL")  # so that every use would like to write
    await asyncio.gather(*users)
    assert "was revoked" in (await refused(data, box, made.key.get_secret_value())).message
    [row] = await rows(data, "SELECT is_active, last_used FROM api_keys")
    assert (row.is_active, row.last_used) == (False, None)
    async with data.transaction() as session:
        with pytest.raises(KeyRefused, match="revoked or has expired meanwhile"):
            await key_sign_in.still_allowed(session, actor)


# -- the installation's secret -----------------------------------------------------------------------------------------


async def test_keys_go_on_after_a_rotation_of_the_secret(data: Database, add: Add, box: SecretBox) -> None:
    made = await make(data, box, await add("ana", role="analyst"))
    new = Fernet.generate_key().decode()
    with pytest.raises(KeyRefused):
        await signed_in(data, SecretBox([new], NOWHERE), made)
    await signed_in(data, SecretBox([new, OLD], NOWHERE), made)  # which brings it under the new one
    await signed_in(data, SecretBox([new], NOWHERE), made)
    await refused(data, box, made.key.get_secret_value())


async def test_without_the_secret_no_key_can_be_checked_and_none_is_made_up(
    data: Database, add: Add, box: SecretBox, tmp_path: Path
) -> None:
    made = await make(data, box, await add("ana", role="analyst"))
    elsewhere = SecretBox(None, tmp_path / "secret.key")
    with pytest.raises(SecretUnreadable):
        await signed_in(data, elsewhere, made)
    assert not (tmp_path / "secret.key").exists()


async def test_who_can_only_write_into_the_database_makes_no_key(data: Database, add: Add, box: SecretBox) -> None:
    import hashlib

    made = await make(data, box, await add("ana", role="analyst"))
    chosen = key_rules.MARK + "z" * 43
    plain = hashlib.sha256(chosen.encode()).hexdigest()
    await run(data, "UPDATE api_keys SET key_hash = split_part(key_hash, ':', 1) || ':' || :plain", plain=plain)
    await refused(data, box, chosen)
    await refused(data, box, made.key.get_secret_value())


# -- reading -----------------------------------------------------------------------------------------------------------


async def test_lists_of_ones_own_and_of_everybody(data: Database, add: Add, box: SecretBox) -> None:
    ana, boss = await add("ana", role="analyst"), await add("boss", role="admin")
    keys = [await make(data, box, ana, name=f"k{n}") for n in range(3)]
    other = await make(data, box, boss, "audit:view", name="[/] 売上")
    actor, admin = await person(data, ana), await person(data, boss)
    async with data.transaction() as session:
        new = await api_keys.rotate(session, actor, box, keys[0].id, overlap=timedelta(0))
    async with data.reading() as session:
        mine = await key_reads.list_api_keys(session, actor, limit=2)
        assert [row.name for row in mine.items] == ["k0", "k2"]
        rest = await key_reads.list_api_keys(session, actor, limit=2, after=mine.next)
        assert [(row.name, row.state, row.replaced_by) for row in rest.items] == [
            ("k1", KeyState.LIVE, ""), ("k0", KeyState.REVOKED, new.prefix),
        ]  # fmt: skip
        assert (mine.items[0].replaces, rest.next) == (keys[0].prefix, None)
        everything = await key_reads.list_api_keys(session, admin, everybody=True)
        assert len(everything.items) == 5
        ended = await key_reads.list_api_keys(session, admin, everybody=True, state="ended")
        assert [row.id for row in ended.items] == [keys[0].id]
        live = await key_reads.list_api_keys(session, admin, everybody=True, state="live")
        assert {row.owner for row in live.items} == {"Ana", "Boss"}
        with pytest.raises(NotAllowed, match="apikey:manage"):
            await key_reads.list_api_keys(session, actor, everybody=True)
        assert (await key_reads.named_api_key(session, admin, "[/] 売上")).id == other.id
        assert (await key_reads.named_api_key(session, actor, keys[1].prefix + "…")).id == keys[1].id
        assert (await key_reads.named_api_key(session, actor, "k0")).id == new.id  # the other one ended
        with pytest.raises(NotFound):
            await key_reads.named_api_key(session, actor, str(other.id))
        with pytest.raises(Invalid, match="not a state"):
            await key_reads.list_api_keys(session, actor, state="'; DROP TABLE users")  # type: ignore[arg-type]
