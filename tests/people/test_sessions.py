from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people import service, sessions
from datapulse_tui.people.actors import SessionOver, actor_for, actor_now
from datapulse_tui.people.attempts import SignInDelayed, SignInFailed
from datapulse_tui.people.locks import delayed
from datapulse_tui.people.own_password import change_own_password
from datapulse_tui.people.sign_in import sign_in
from tests.databases import dsn
from tests.people.conftest import OPERATOR, PASSWORD, Add

WISH = "another horse battery"


def rows(url: str, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn(url), autocommit=True) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []


async def enter(data: Database, nick: str, password: str = PASSWORD) -> Actor:
    return await sign_in(data, f"{nick}@example.com", password, ip="10.0.0.7", user_agent="a\0 desk", kind="desk")


async def here(data: Database, actor: Actor) -> bool:
    async with data.reading() as session:
        try:
            await actor_now(session, actor)
        except SessionOver:
            return False
    return True


async def test_a_sign_in_begins_a_session_and_signing_out_ends_it(data: Database, add: Add, owner_url: str) -> None:
    ana = await add("ana")
    actor = await enter(data, "ana")
    async with data.reading() as session:
        (row,) = (await sessions.live_sessions(session, actor, user_id=ana)).items
    assert (row.id, row.person, row.kind, row.ip_address, row.lost) == (
        actor.session_id, "Ana", "desk", "10.0.0.7", False,
    )  # fmt: skip
    assert row.user_agent == "a\N{REPLACEMENT CHARACTER} desk"
    assert actor.session_id is not None
    async with data.transaction() as session:
        await sessions.end(session, actor, actor.session_id)
    assert rows(owner_url, "SELECT ended_reason, ended_by FROM sessions") == [("signed_out", ana)]
    assert not await here(data, actor)
    with pytest.raises(Conflict):
        async with data.transaction() as session:
            await sessions.end(session, actor, actor.session_id)
    noted = rows(owner_url, "SELECT details FROM audit_logs WHERE action = 'session.ended'")
    assert noted == [({"note": {"person": str(ana), "reason": "signed_out"}},)]
    # a password that is only looked at begins none
    await sign_in(data, "ana@example.com", PASSWORD)
    assert rows(owner_url, "SELECT count(*) FROM sessions") == [(1,)]


async def test_touching_writes_once_a_minute_and_a_lost_desk_comes_back(
    data: Database, add: Add, owner_url: str
) -> None:
    await add("ana")
    actor = await enter(data, "ana")

    async def touch() -> None:
        async with data.transaction() as session:
            await sessions.touch(session, actor)

    seen = "SELECT last_seen_at FROM sessions"
    before = rows(owner_url, seen)
    await touch()
    assert rows(owner_url, seen) == before
    rows(owner_url, "UPDATE sessions SET last_seen_at = now() - interval '11 min'")
    async with data.reading() as session:
        assert (await sessions.live_sessions(session, OPERATOR)).items[0].lost
    async with data.transaction() as session:
        assert await sessions.close_lost(session) == 1
        assert await sessions.close_lost(session) == 0
    assert rows(owner_url, "SELECT ended_reason FROM sessions") == [("lost",)]
    assert rows(owner_url, "SELECT actor FROM audit_logs WHERE action = 'session.ended'") == [("system:housekeeping",)]
    assert not await here(data, actor)
    await touch()
    assert await here(data, actor)
    rows(owner_url, "UPDATE sessions SET ended_at = now(), ended_reason = 'lost'")
    async with data.transaction() as session:
        assert await sessions.come_back(session, actor)
        assert not await sessions.come_back(session, actor)
    rows(owner_url, "UPDATE sessions SET ended_at = now() - interval '13 h', ended_reason = 'lost'")
    async with data.transaction() as session:
        assert not await sessions.come_back(session, actor)


async def test_what_was_lost_and_then_ended_does_not_come_back(data: Database, add: Add, owner_url: str) -> None:
    ana = await add("ana")
    actor = await enter(data, "ana")
    rows(owner_url, "UPDATE sessions SET ended_at = now(), ended_reason = 'lost'")
    async with data.transaction() as session:
        await service.deactivate(session, OPERATOR, ana)
        await service.activate(session, OPERATOR, ana)
    async with data.transaction() as session:
        assert not await sessions.come_back(session, actor)
        await sessions.touch(session, actor)
    assert not await here(data, actor)


async def test_deactivating_and_new_passwords_end_sessions(data: Database, add: Add, owner_url: str) -> None:
    ana, root = await add("ana"), await add("root", role="admin")
    at_home, at_work = await enter(data, "ana"), await enter(data, "ana")
    admin = await enter(data, "root")
    async with data.transaction() as session:
        assert await sessions.end_all(session, at_home, ana, but=at_home.session_id) == 1
    assert (await here(data, at_home), await here(data, at_work)) == (True, False)
    async with data.transaction() as session:
        await service.set_password(session, admin, root, WISH)  # one's own session stays
        await service.set_password(session, admin, ana, WISH)
    assert (await here(data, admin), await here(data, at_home)) == (True, False)
    again = await enter(data, "ana", WISH)
    async with data.transaction() as session:
        await service.deactivate(session, admin, ana)
    assert not await here(data, again)
    reasons = rows(owner_url, "SELECT ended_reason FROM sessions WHERE user_id = %s ORDER BY ended_at", ana)
    assert [reason for (reason,) in reasons] == ["ended", "password_changed", "deactivated"]
    assert rows(owner_url, "SELECT deactivated_at IS NOT NULL FROM users WHERE id = %s", ana) == [(True,)]


async def test_whose_sessions_one_sees_and_ends(data: Database, add: Add) -> None:
    ana, _bob, root = await add("ana"), await add("bob"), await add("root", role="admin")
    first, second, admin = await enter(data, "ana"), await enter(data, "bob"), await enter(data, "root")
    assert first.session_id
    assert admin.session_id
    async with data.reading() as session:
        for whose in (None, root):
            with pytest.raises(NotAllowed):
                await sessions.live_sessions(session, first, user_id=whose)
        page = await sessions.live_sessions(session, admin, limit=2)
        rest = await sessions.live_sessions(session, admin, after=page.next)
        assert [row.email for row in (*page.items, *rest.items)] == [f"{n}@example.com" for n in ("root", "bob", "ana")]
    helper = replace(second, permissions=second.permissions | {"session:manage"})
    for actor, wanted, error in ((second, first.session_id, NotFound), (helper, admin.session_id, NotAllowed)):
        with pytest.raises(error):
            async with data.transaction() as session:
                await sessions.end(session, actor, wanted)
    with pytest.raises(NotAllowed):
        async with data.transaction() as session:
            await sessions.end_all(session, second, ana)
    with pytest.raises(NotFound):
        async with data.transaction() as session:
            await sessions.end(session, admin, uuid4())
    async with data.transaction() as session:
        await sessions.end(session, helper, first.session_id)
    assert not await here(data, first)


async def test_a_sign_in_against_a_deactivation_leaves_no_session(
    data: Database, add: Add, database_url: str, owner_url: str
) -> None:
    ana = await add("ana")
    other = Database(database_url)

    async def deactivate() -> None:
        async with other.transaction() as session:
            await service.deactivate(session, OPERATOR, ana)

    try:
        for _ in range(5):
            await asyncio.gather(enter(data, "ana"), deactivate(), return_exceptions=True)
            assert rows(owner_url, "SELECT count(*) FROM sessions WHERE ended_at IS NULL") == [(0,)]
            async with data.transaction() as session:
                await service.activate(session, OPERATOR, ana)
    finally:
        await other.dispose()


async def test_the_last_admin_stays_whatever_two_do_at_once(
    data: Database, add: Add, database_url: str, owner_url: str
) -> None:
    first, second = await add("first", role="admin"), await add("second", role="admin")
    heir = await add("heir")
    other = Database(database_url)

    async def one(database: Database, who: UUID, how: int) -> None:
        async with database.transaction() as session:
            if how == 0:
                await service.deactivate(session, OPERATOR, who)
            elif how == 1:
                await service.set_role(session, OPERATOR, who, "analyst")
            else:
                await service.deactivate(session, OPERATOR, who, hand_over_to=heir)

    try:
        for ways in ((0, 0), (0, 1), (1, 2), (2, 2)):
            outcomes = await asyncio.gather(
                one(data, first, ways[0]), one(other, second, ways[1]), return_exceptions=True
            )
            assert sorted(type(each).__name__ for each in outcomes) == ["Conflict", "NoneType"]
            rows(owner_url, "UPDATE users SET role = 'admin', status = 'active' WHERE id IN (%s, %s)", first, second)
    finally:
        await other.dispose()


# -- passwords ---------------------------------------------------------------------------------------------------------


async def test_a_reset_password_is_temporary(data: Database, add: Add, owner_url: str) -> None:
    ana = await add("ana")
    before = await enter(data, "ana")
    for _ in range(5):
        with pytest.raises(SignInFailed):
            await sign_in(data, "ana@example.com", "not the password")
    async with data.transaction() as session:
        temporary = await service.reset_password(session, OPERATOR, ana)
    assert len(temporary) >= 14
    assert not await here(data, before)
    with pytest.raises(SignInFailed):
        await sign_in(data, "ana@example.com", PASSWORD)
    now = await enter(data, "ana", temporary)
    assert rows(owner_url, "SELECT must_change_password FROM users") == [(True,)]
    noted = rows(owner_url, "SELECT details FROM audit_logs WHERE action = 'user.password_reset'")
    assert noted == [({"before": {"password": "(secret)"}, "after": {"password": "(secret)"}},)]
    await change_own_password(data, now, temporary, WISH)
    assert rows(owner_url, "SELECT must_change_password FROM users") == [(False,)]
    assert await here(data, now)


async def test_whose_password_is_not_reset(data: Database, add: Add) -> None:
    root, waits = await add("root", role="admin"), await add("waits", password=None, activate=False)
    admin = await enter(data, "root")
    helper = replace(admin, user_id=uuid4(), permissions=frozenset({"user:set_password"}))
    for actor, who, error in (
        (admin, root, Invalid),
        (admin, waits, Conflict),
        (admin, uuid4(), NotFound),
        (helper, root, NotAllowed),
    ):
        with pytest.raises(error):
            async with data.transaction() as session:
                await service.reset_password(session, actor, who)


async def test_changing_ones_own_password(data: Database, add: Add, owner_url: str) -> None:
    await add("ana")
    at_home, at_work = await enter(data, "ana"), await enter(data, "ana")
    for wish in ("short", PASSWORD, "ana@example.com"):
        with pytest.raises(Invalid):
            await change_own_password(data, at_home, PASSWORD, wish)
    with pytest.raises(SignInFailed, match="present password"):
        await change_own_password(data, at_home, "not the password", WISH)
    assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(1,)]
    await change_own_password(data, at_home, PASSWORD, WISH)
    assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(0,)]
    assert (await here(data, at_home), await here(data, at_work)) == (True, False)
    with pytest.raises(SessionOver):
        await change_own_password(data, at_work, WISH, "one more battery")
    with pytest.raises(NotAllowed):
        await change_own_password(data, OPERATOR, WISH, "one more battery")
    with pytest.raises(NotAllowed):
        await change_own_password(data, replace(at_home, scopes=frozenset()), WISH, "one more battery")
    for _ in range(5):
        with pytest.raises(SignInFailed):
            await change_own_password(data, at_home, "not the password", "one more battery")
    with pytest.raises(SignInDelayed):
        await change_own_password(data, at_home, WISH, "one more battery")


async def test_unlocking_lets_try_again_at_once(data: Database, add: Add, owner_url: str) -> None:
    ana = await add("ana")
    for _ in range(4):
        with pytest.raises(SignInFailed):
            await sign_in(data, "ana@example.com", "not the password")
    with pytest.raises(Conflict, match="not delayed"):
        async with data.transaction() as session:
            await service.unlock(session, OPERATOR, ana)
    with pytest.raises(SignInFailed):
        await sign_in(data, "ana@example.com", "not the password")
    async with data.reading() as session:
        waiting = await delayed(session, ["ana@example.com", "nobody@example.com", "ana@example.com"])
        assert await delayed(session, []) == {}
    assert list(waiting) == ["ana@example.com"]
    (now,) = rows(owner_url, "SELECT now()")[0]
    assert 20 < (waiting["ana@example.com"] - now).total_seconds() <= 30  # type: ignore[operator]
    async with data.reading() as session:
        plain = await actor_for(session, ana)
    with pytest.raises(NotAllowed, match="user:unlock"):
        async with data.transaction() as session:
            await service.unlock(session, plain, ana)
    async with data.transaction() as session:
        await service.unlock(session, OPERATOR, ana)
    await sign_in(data, "ana@example.com", PASSWORD)
    noted = rows(owner_url, "SELECT details->'note'->'failures' FROM audit_logs WHERE action = 'user.unlocked'")
    assert noted == [(5,)]
