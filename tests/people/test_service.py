from __future__ import annotations

import asyncio
import json
from uuid import UUID, uuid4

import psycopg
import pytest

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data import feed
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, DataPulseError, Invalid, NotAllowed, NotFound
from datapulse_tui.people import reads, roles, service
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.sign_in import SignInFailed, sign_in
from tests.databases import dsn
from tests.people.conftest import OPERATOR, PASSWORD, Add


def rows(url: str, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn(url), autocommit=True) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []


async def status_of(data: Database, user_id: UUID) -> tuple[str, str]:
    async with data.reading() as session:
        user = await reads.get_user(session, OPERATOR, user_id)
    return user.role, user.status


async def test_a_person_is_added_pending_without_a_password(data: Database, owner_url: str) -> None:
    async with data.transaction() as session:
        user_id = await service.add_user(session, OPERATOR, email=" Ana@Example.com", name="Ana", timezone="Asia/Tokyo")
    async with data.reading() as session:
        user = await reads.get_user(session, OPERATOR, "ana@example.com")
    assert (user.id, user.role, user.status, user.has_password, user.zone) == (
        user_id, "business_user", "pending", False, "Asia/Tokyo",
    )  # fmt: skip
    (found,) = rows(owner_url, "SELECT user_id, actor, action, resource_type, resource_id, details FROM audit_logs")
    assert found[:5] == (None, "operator:tester@here", "user.added", "user", user_id)
    assert found[5] == {
        "after": {
            "email": "ana@example.com", "name": "Ana", "role": "business_user", "status": "pending",
            "timezone": "Asia/Tokyo",
        }
    }  # fmt: skip


async def test_what_is_not_valid_is_refused_and_nothing_is_written(data: Database, owner_url: str) -> None:
    wrongs = ({"email": "nobody"}, {"name": " "}, {"role": "king"}, {"timezone": "Mars/Olympus"}, {"password": "short"})
    for wrong in wrongs:
        with pytest.raises(Invalid):
            async with data.transaction() as session:
                await service.add_user(session, OPERATOR, **{"email": "a@b.c", "name": "A", **wrong})
    assert rows(owner_url, "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM audit_logs)") == [(0, 0)]


async def test_an_address_is_taken_once(data: Database, add: Add) -> None:
    await add("ana")
    with pytest.raises(Conflict, match=r"ana@example\.com"):
        await add("ana")


async def test_activate_and_deactivate(data: Database, add: Add, owner_url: str) -> None:
    user_id = await add("ana", activate=False)
    for verb, status in ((service.activate, "active"), (service.deactivate, "inactive"), (service.activate, "active")):
        async with data.transaction() as session:
            await verb(session, OPERATOR, user_id)
        assert (await status_of(data, user_id))[1] == status
        with pytest.raises(Conflict):
            async with data.transaction() as session:
                await verb(session, OPERATOR, user_id)
    details = rows(owner_url, "SELECT action, details FROM audit_logs WHERE action <> 'user.added' ORDER BY seq")
    assert details[0] == ("user.activated", {"before": {"status": "pending"}, "after": {"status": "active"}})
    assert [action for action, _ in details] == ["user.activated", "user.deactivated", "user.activated"]
    with pytest.raises(NotFound):
        async with data.transaction() as session:
            await service.activate(session, OPERATOR, uuid4())


async def test_setting_a_password(data: Database, add: Add, owner_url: str) -> None:
    first = await add("first", password=None, activate=False)
    second = await add("second", activate=False)
    for _ in range(5):
        with pytest.raises(SignInFailed):
            await sign_in(data, "first@example.com", "not the password")
    for user_id in (first, second):
        async with data.transaction() as session:
            await service.set_password(session, OPERATOR, user_id, "new horse battery")
    # the first password of a pending person activates; another one does not; failures are forgotten
    assert (await status_of(data, first), await status_of(data, second)) == (
        ("business_user", "active"), ("business_user", "pending"),
    )  # fmt: skip
    await sign_in(data, "first@example.com", "new horse battery")
    (found,) = rows(
        owner_url, "SELECT details FROM audit_logs WHERE action = 'user.password_set' AND resource_id = %s", first
    )
    assert found[0] == {
        "before": {"password": "(secret)", "status": "pending"}, "after": {"password": "(secret)", "status": "active"}
    }  # fmt: skip
    assert rows(owner_url, "SELECT count(*) FROM audit_logs WHERE details::text LIKE '%%$2b$%%'") == [(0,)]
    with pytest.raises(Invalid, match="address or name"):
        async with data.transaction() as session:
            await service.set_password(session, OPERATOR, first, "first@example.com")


async def test_profile_of_oneself_and_of_others(data: Database, add: Add, owner_url: str) -> None:
    ana, bob = await add("ana"), await add("bob")
    async with data.transaction() as session:
        me = await actor_for(session, ana)
        await service.set_profile(session, me, ana, name="Ana L", timezone="Europe/Vienna", phone="+43 1 23")
        await service.set_profile(session, me, ana, name="Ana L")
    with pytest.raises(NotAllowed):
        async with data.transaction() as session:
            await service.set_profile(session, me, bob, name="Bobby")
    async with data.reading() as session:
        user = await reads.get_user(session, me, ana)
        assert (user.name, user.zone, user.phone) == ("Ana L", "Europe/Vienna", "+43 1 23")
        with pytest.raises(NotFound):
            await reads.get_user(session, me, bob)
    changed = rows(owner_url, "SELECT user_id, actor, details FROM audit_logs WHERE action = 'user.profile_changed'")
    assert [(one[0], one[1]) for one in changed] == [(ana, None)]
    assert changed[0][2]["before"] == {"name": "Ana", "timezone": "UTC", "phone": None}  # type: ignore[index]


async def test_nobody_hands_out_or_takes_over_more_than_they_have(data: Database, add: Add, owner_url: str) -> None:
    """A helpdesk with a custom role manages people of its own rights, and cannot become an administrator by it."""
    desk, admin, plain = await add("desk"), await add("root", role="admin"), await add("plain")
    words = "user:create user:activate user:deactivate user:set_role user:set_password user:update"
    role_id = rows(
        owner_url,
        "INSERT INTO roles (name, permissions) VALUES ('helpdesk', %s::jsonb) RETURNING id",
        json.dumps(words.split()),
    )[0][0]
    rows(owner_url, "INSERT INTO user_roles (user_id, role_id) VALUES (%s, %s)", desk, role_id)
    async with data.reading() as session:
        actor = await actor_for(session, desk)

    async def attempt(verb: str, *arguments: object, **named: object) -> DataPulseError | None:
        try:
            async with data.transaction() as session:
                await getattr(service, verb)(session, actor, *arguments, **named)
        except DataPulseError as error:
            return error
        return None

    assert isinstance(await attempt("set_password", admin, "new horse battery"), NotAllowed)
    assert isinstance(await attempt("deactivate", admin), NotAllowed)
    assert isinstance(await attempt("set_profile", admin, name="x"), NotAllowed)
    assert isinstance(await attempt("set_role", desk, "admin"), NotAllowed)
    assert isinstance(await attempt("set_role", admin, "business_user"), NotAllowed)
    assert isinstance(await attempt("add_user", email="x@y.z", name="X", role="admin"), NotAllowed)
    assert await attempt("set_password", plain, "new horse battery") is None
    assert await attempt("add_user", email="x@y.z", name="X") is None
    # whoever has a custom role with more is out of reach as well
    rows(owner_url, "UPDATE roles SET permissions = permissions || '[\"audit:view\"]'")
    rows(owner_url, "INSERT INTO user_roles (user_id, role_id) VALUES (%s, %s)", plain, role_id)
    assert isinstance(await attempt("set_password", plain, "newer horse battery"), NotAllowed)


async def test_the_last_admin_stays(data: Database, add: Add) -> None:
    ana = await add("ana", role="admin")
    bob = await add("bob", role="admin", activate=False)
    for change in (
        lambda session: service.deactivate(session, OPERATOR, ana),
        lambda session: service.set_role(session, OPERATOR, ana, "analyst"),
    ):
        with pytest.raises(Conflict, match="last active administrator"):
            async with data.transaction() as session:
                await change(session)
    async with data.transaction() as session:
        await service.activate(session, OPERATOR, bob)
        await service.set_role(session, OPERATOR, ana, "analyst")
    assert await status_of(data, ana) == ("analyst", "active")


@pytest.mark.parametrize("rounds", [5, pytest.param(200, marks=pytest.mark.soak)])
async def test_two_admins_that_remove_each_other_at_the_same_time(
    data: Database, add: Add, database_url: str, owner_url: str, rounds: int
) -> None:
    ana, bob = await add("ana", role="admin"), await add("bob", role="admin")
    other = Database(database_url)

    async def remove(one: Database, actor: Actor, user_id: UUID, *, demote: bool) -> None:
        async with one.transaction() as session:
            if demote:
                await service.set_role(session, actor, user_id, "analyst")
            else:
                await service.deactivate(session, actor, user_id)

    try:
        for turn in range(rounds):
            async with data.reading() as session:
                first, second = await actor_for(session, ana), await actor_for(session, bob)
            outcomes = await asyncio.gather(
                remove(data, first, bob, demote=turn % 2 == 0),
                remove(other, second, ana, demote=turn % 3 == 0),
                return_exceptions=True,
            )
            # The later one is the last administrator's remover, or is no administrator any more.
            done, refused = sorted(outcomes, key=lambda one: isinstance(one, BaseException))
            assert done is None
            assert isinstance(refused, Conflict | NotAllowed)
            left = "SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active'"
            assert rows(owner_url, left) == [(1,)]
            rows(owner_url, "UPDATE users SET role = 'admin', status = 'active'")
    finally:
        await other.dispose()


async def test_the_first_admin_is_made_once(data: Database, database_url: str, owner_url: str) -> None:
    other = Database(database_url)
    async with data.reading() as session:
        assert not await reads.any_users(session)

    async def make(one: Database, nick: str) -> UUID:
        async with one.transaction() as session:
            return await service.first_admin(
                session, OPERATOR, email=f"{nick}@example.com", name=nick, password=PASSWORD
            )

    try:
        outcomes = await asyncio.gather(
            make(data, "a"), make(other, "b"), make(data, "c"), make(other, "d"), return_exceptions=True
        )
    finally:
        await other.dispose()
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "Conflict", "Conflict", "UUID"]
    assert rows(owner_url, "SELECT role, status FROM users") == [("admin", "active")]
    async with data.reading() as session:
        assert await reads.any_users(session)


async def test_preferences_are_one_s_own(data: Database, add: Add, owner_url: str) -> None:
    ana, bob = await add("ana"), await add("bob")
    async with data.transaction() as session:
        me = await actor_for(session, ana)
        await service.set_preference(session, me, "theme", "light")
        await service.set_preference(session, me, "stars", ["a", "b"])
        await service.set_preference(session, me, "theme", {"name": "dark"})
        await service.set_preference(session, me, "gone", 1)
        await service.set_preference(session, me, "gone", None)
        assert await reads.preferences(session, ana) == {"theme": {"name": "dark"}, "stars": ["a", "b"]}
        assert await reads.preferences(session, bob) == {}
        for key, value in (("", 1), ("x" * 101, 1), ("x", "y" * 70_000)):
            with pytest.raises(Invalid):
                await service.set_preference(session, me, key, value)
        with pytest.raises(NotAllowed):
            await service.set_preference(session, OPERATOR, "theme", "x")


async def test_every_change_is_told_to_the_desks(data: Database, database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn(database_url), autocommit=True) as listener:
        await listener.execute(f"LISTEN {feed.CHANNEL}")
        async with data.transaction() as session:
            user_id = await service.add_user(session, OPERATOR, email="a@b.c", name="A")
            await service.activate(session, OPERATOR, user_id)
        async for heard in listener.notifies(timeout=10, stop_after=1):
            assert json.loads(heard.payload) == ["people", str(user_id)]


async def test_pages_and_filters_of_the_list(data: Database, add: Add) -> None:
    for nick in ("ana", "bob", "cy_d", "cyxd", "dee"):
        await add(nick, role="analyst" if nick == "bob" else "business_user", password=None, activate=nick != "dee")
    async with data.reading() as session:
        first = await reads.list_users(session, OPERATOR, limit=2)
        second = await reads.list_users(session, OPERATOR, limit=2, after=first.next)
        third = await reads.list_users(session, OPERATOR, limit=2, after=second.next)
        assert [one.name for page in (first, second, third) for one in page.items] == [
            "Ana",
            "Bob",
            "Cy_D",
            "Cyxd",
            "Dee",
        ]
        assert third.next is None
        assert [one.name for one in (await reads.list_users(session, OPERATOR, text="Y_")).items] == ["Cy_D"]
        assert [one.name for one in (await reads.list_users(session, OPERATOR, role="analyst")).items] == ["Bob"]
        assert [one.name for one in (await reads.list_users(session, OPERATOR, status="pending")).items] == ["Dee"]
        with pytest.raises(Invalid):
            await reads.list_users(session, OPERATOR, after="rubbish")


async def test_a_role_is_raised_and_never_lowered(data: Database, add: Add, owner_url: str) -> None:
    ana = await add("ana", role="analyst")
    async with data.transaction() as session:
        assert not await service.raise_role(session, OPERATOR, ana, "business_user")
        assert not await service.raise_role(session, OPERATOR, ana, "analyst")
        assert await service.raise_role(session, OPERATOR, ana, "ops_manager")
        assert not await service.raise_role(session, OPERATOR, ana, "analyst")
    assert rows(owner_url, "SELECT role FROM users") == [("ops_manager",)]
    assert rows(owner_url, "SELECT count(*) FROM audit_logs WHERE action = 'user.role_set'") == [(1,)]


async def test_a_custom_role_is_given_once_and_not_by_who_has_less(data: Database, add: Add, owner_url: str) -> None:
    ana, bob = await add("ana"), await add("bob")
    ((helper,),) = rows(
        owner_url,
        "INSERT INTO roles (name, permissions) VALUES ('helper', '[\"role:assign\", \"made:up\"]') RETURNING id",
    )
    ((power,),) = rows(
        owner_url, "INSERT INTO roles (name, permissions) VALUES ('power', '[\"audit:view\"]') RETURNING id"
    )
    async with data.transaction() as session:
        assert await roles.give(session, OPERATOR, ana, helper)
        assert not await roles.give(session, OPERATOR, ana, helper)
        me = await actor_for(session, ana)
        assert await roles.give(session, me, bob, helper)
        with pytest.raises(NotAllowed, match="audit:view"):
            await roles.give(session, me, bob, power)
        with pytest.raises(NotFound):
            await roles.give(session, OPERATOR, bob, ana)
        assert not (await actor_for(session, bob)).can("made:up")
    assert rows(owner_url, "SELECT count(*) FROM user_roles") == [(2,)]
    assert rows(owner_url, "SELECT count(*) FROM audit_logs WHERE action = 'user.role_assigned'") == [(2,)]
