from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people import departments, roles, service
from datapulse_tui.people.actors import SessionOver, actor_for
from datapulse_tui.people.detail import get_person
from datapulse_tui.people.editing import update
from datapulse_tui.people.editing_many import Change, Way, change_many, preview
from datapulse_tui.people.listing import these_people
from datapulse_tui.people.views import PersonRow
from tests.people.conftest import OPERATOR, Add


async def row(data: Database, user_id: UUID) -> PersonRow:
    async with data.reading() as session:
        return (await these_people(session, OPERATOR, [user_id]))[0]


async def acting(data: Database, user_id: UUID) -> Actor:
    async with data.reading() as session:
        return await actor_for(session, user_id)


async def records(data: Database, user_id: UUID) -> list[tuple[str, dict[str, object]]]:
    async with data.reading() as session:
        found = await session.execute(
            text("SELECT action, details FROM audit_logs WHERE resource_id = :id ORDER BY seq"), {"id": user_id}
        )
        return [(each.action, each.details) for each in found][1:]  # without their being added


async def test_one_account_in_many_fields(data: Database, add: Add) -> None:
    ana = await add("ana")
    async with data.transaction() as session:
        operations = await departments.create(session, OPERATOR, name="Operations")
    seen = (await row(data, ana)).updated_at
    changes: dict[str, object] = {
        "name": "  Ana Lang ", "email": "ANA.L@Example.com", "phone": "+43 1 23 45", "timezone": "Europe/Vienna",
        "department_id": operations, "role": "analyst",
    }  # fmt: skip
    async with data.transaction() as session:
        assert await update(session, OPERATOR, ana, seen, changes)
    now = await row(data, ana)
    assert (now.name, now.email, now.phone, now.zone, now.department, now.role) == (
        "Ana Lang", "ana.l@example.com", "+43 1 23 45", "Europe/Vienna", "Operations", "analyst",
    )  # fmt: skip
    kept = await records(data, ana)
    assert [action for action, _ in kept] == ["user.updated", "user.role_set"]
    assert kept[0][1]["before"] == {
        "name": "Ana", "email": "ana@example.com", "phone": None, "timezone": "UTC", "department_id": None,
    }  # fmt: skip
    async with data.transaction() as session:
        assert not await update(session, OPERATOR, ana, now.updated_at, changes)
        assert await update(session, OPERATOR, ana, now.updated_at, {"phone": "", "department_id": None})
    assert ((await row(data, ana)).phone, (await row(data, ana)).department) == (None, None)


async def test_what_an_edit_refuses(data: Database, add: Add) -> None:
    ana, bob, root = await add("ana"), await add("bob", role="analyst"), await add("root", role="admin")
    me = await acting(data, bob)
    some = Actor(bob, "Bob", me.permissions | {"user:update", "user:set_role"})
    seen = (await row(data, ana)).updated_at
    refusals = [
        (OPERATOR, ana, {"password": "x"}, Invalid),
        (OPERATOR, ana, {"name": " "}, Invalid),
        (OPERATOR, ana, {"email": "rubbish"}, Invalid),
        (OPERATOR, ana, {"timezone": "Mars"}, Invalid),
        (OPERATOR, ana, {"role": "king"}, Invalid),
        (OPERATOR, ana, {"department_id": uuid4()}, NotFound),
        (OPERATOR, ana, {"email": "Bob@example.com"}, Conflict),
        (OPERATOR, root, {"role": "analyst"}, Conflict),
        (OPERATOR, uuid4(), {"name": "x"}, NotFound),
        (me, ana, {"name": "x"}, NotAllowed),
        (me, ana, {"role": "analyst"}, NotAllowed),
    ]
    for actor, user_id, changes, error in refusals:
        with pytest.raises(error):
            async with data.transaction() as session:
                await update(session, actor, user_id, None, changes)
    async with data.transaction() as session:
        await session.execute(
            text("INSERT INTO roles (name, permissions) VALUES ('Clerk', '[\"user:update\", \"user:set_role\"]')")
        )
        clerk = (await session.execute(text("SELECT id FROM roles"))).scalar_one()
        await roles.give(session, OPERATOR, bob, clerk)
    for user_id, changes in ((root, {"email": "mine@example.com"}), (ana, {"role": "ops_manager"})):
        with pytest.raises(NotAllowed):
            async with data.transaction() as session:
                await update(session, some, user_id, None, changes)
    assert (await row(data, ana)).updated_at == seen
    assert await records(data, ana) == []


async def profile(data: Database, user_id: UUID) -> tuple[str, str]:
    async with data.reading() as session:
        found = await get_person(session, OPERATOR, user_id)
    return found.avatar, found.bio


async def test_what_others_see_of_a_person_by_the_rules_of_their_own_profile(data: Database, add: Add) -> None:
    ana = await add("ana")
    first = (await row(data, ana)).updated_at
    async with data.transaction() as session:
        assert await update(session, OPERATOR, ana, first, {"avatar": " ana.png ", "bio": " one \n[two]\n"})
    now = (await row(data, ana)).updated_at
    assert (await profile(data, ana), now > first) == (("ana.png", "one\n[two]"), True)
    async with data.transaction() as session:  # the same again changes nothing, and of two things one is recorded
        assert not await update(session, OPERATOR, ana, now, {"avatar": "ana.png", "bio": "one\n[two]\n\n"})
        assert await update(session, OPERATOR, ana, now, {"avatar": "ana.png", "bio": "", "name": "Ana B"})
    assert await profile(data, ana) == ("ana.png", "")
    assert await records(data, ana) == [
        ("user.profile_changed",
         {"before": {"avatar": None, "bio": None}, "after": {"avatar": "ana.png", "bio": "one\n[two]"}}),
        ("user.updated", {"before": {"name": "Ana"}, "after": {"name": "Ana B"}}),
        ("user.profile_changed", {"before": {"bio": "one\n[two]"}, "after": {"bio": None}}),
    ]  # fmt: skip
    for changes in ({"avatar": "x" * 256}, {"avatar": "a\x1b"}, {"bio": "x" * 2_001}, {"bio": "a\x07"}):
        with pytest.raises(Invalid):
            async with data.transaction() as session:
                await update(session, OPERATOR, ana, None, {"name": "Other", **changes})
    bob = await acting(data, await add("bob"))
    with pytest.raises(NotAllowed, match="user:update"):
        async with data.transaction() as session:
            await update(session, bob, ana, None, {"bio": "mine"})
    assert (await row(data, ana)).name == "Ana B"


async def test_a_profile_that_its_owner_changed_meanwhile_is_not_written_over(data: Database, add: Add) -> None:
    ana, bob = await add("ana"), await acting(data, await add("bob", role="admin"))
    me = await acting(data, ana)
    seen = (await row(data, ana)).updated_at
    async with data.transaction() as session:
        await service.set_profile(session, me, ana, bio="mine")
    with pytest.raises(Conflict, match="changed meanwhile by Ana"):
        async with data.transaction() as session:
            await update(session, bob, ana, seen, {"bio": "theirs"})
    assert await profile(data, ana) == ("", "mine")
    seen = (await row(data, ana)).updated_at
    async with data.transaction() as session:
        assert await update(session, bob, ana, seen, {"bio": "theirs"})
    with pytest.raises(Conflict, match="changed meanwhile by Bob"):
        async with data.transaction() as session:
            await update(session, OPERATOR, ana, seen, {"name": "x"})
    assert await profile(data, ana) == ("", "theirs")


async def test_an_edit_of_what_somebody_else_changed_names_them(data: Database, add: Add) -> None:
    ana, bob, zoe = await add("ana"), await add("bob", role="admin"), await add("zoe", role="admin")
    seen = (await row(data, ana)).updated_at
    async with data.transaction() as session:
        await update(session, await acting(data, bob), ana, seen, {"name": "Ana B"})
    with pytest.raises(Conflict, match="changed meanwhile by Bob"):
        async with data.transaction() as session:
            await update(session, await acting(data, zoe), ana, seen, {"name": "Ana Z"})
    async with data.transaction() as session:  # what oneself did since does not count
        assert await update(session, await acting(data, bob), ana, seen, {"name": "Ana C"})
    assert (await row(data, ana)).name == "Ana C"


async def test_many_in_one_way_with_a_preview_that_changes_nothing(data: Database, add: Add) -> None:
    root, bob, ana = await add("root", role="admin"), await add("bob", role="admin"), await add("ana")
    cy = await add("cy", activate=False)
    seen = [(each, (await row(data, each)).updated_at) for each in (root, bob, ana, cy)]
    change = Change(Way.DEACTIVATE)
    async with data.transaction() as session:
        before = await preview(session, OPERATOR, seen, change)
    assert [each.done for each in before] == [True, False, True, True]
    assert before[1].message == "is the last active administrator, so this was not done"
    assert [(await row(data, each)).updated_at for each, _ in seen] == [at for _, at in seen]
    assert await records(data, root) == []
    async with data.transaction() as session:
        after = await change_many(session, OPERATOR, seen, change)
    assert after == before
    assert [(await row(data, each)).status for each, _ in seen] == ["inactive", "active", "inactive", "inactive"]
    async with data.transaction() as session:
        again = await change_many(session, OPERATOR, seen, change)
    assert [each.message for each in again] == [
        "is deactivated already", "is the last active administrator, so this was not done", "is deactivated already",
        "is deactivated already",
    ]  # fmt: skip


async def test_every_way(data: Database, add: Add) -> None:
    await add("root", role="admin")
    ana, bob = await add("ana"), await add("bob", role="analyst")
    async with data.transaction() as session:
        operations = await departments.create(session, OPERATOR, name="Operations")
        role = await roles.create(session, OPERATOR, name="Auditor", permissions=["audit:view"])
    seen = [(each, (await row(data, each)).updated_at) for each in (ana, bob)]

    async def done(change: Change) -> list[bool]:
        async with data.transaction() as session:
            trial = await preview(session, OPERATOR, seen, change)
        async with data.transaction() as session:
            outcomes = await change_many(session, OPERATOR, seen, change)
        assert trial == outcomes
        assert [each.title for each in outcomes] == ["Ana", "Bob"]
        return [each.done for each in outcomes]

    assert await done(Change(Way.SET_ROLE, role="analyst")) == [True, False]
    assert await done(Change(Way.SET_DEPARTMENT, id=operations)) == [True, True]
    assert await done(Change(Way.SET_DEPARTMENT, id=operations)) == [False, False]
    assert await done(Change(Way.GIVE_ROLE, id=role)) == [True, True]
    assert await done(Change(Way.GIVE_ROLE, id=role)) == [False, False]
    assert await done(Change(Way.TAKE_ROLE, id=role)) == [True, True]
    assert await done(Change(Way.SET_DEPARTMENT)) == [True, True]
    assert await done(Change(Way.ACTIVATE)) == [False, False]
    assert await done(Change(Way.DEACTIVATE)) == [True, True]
    assert await done(Change(Way.ACTIVATE)) == [True, True]
    one = seen[:1]
    async with data.transaction() as session:  # one alone is itemised as well
        [outcome] = await change_many(session, OPERATOR, one, Change(Way.TAKE_ROLE, id=role))
    assert (outcome.done, outcome.title) == (False, "Ana")


async def test_what_others_changed_meanwhile_is_left_and_named(data: Database, add: Add) -> None:
    root, bob = await add("root", role="admin"), await add("bob", role="admin")
    ana, cy = await add("ana"), await add("cy")
    seen = [(each, (await row(data, each)).updated_at) for each in (ana, cy)]
    async with data.transaction() as session:
        await update(session, await acting(data, bob), ana, None, {"name": "Ana B"})
    async with data.transaction() as session:
        outcomes = await change_many(session, await acting(data, root), seen, Change(Way.DEACTIVATE))
    assert [(each.done, each.message) for each in outcomes] == [
        (False, "was changed meanwhile by Bob; look again"),
        (True, "is deactivated now"),
    ]


async def test_many_needs_the_right_and_a_number(data: Database, add: Add) -> None:
    bob = await add("bob")
    me = await acting(data, bob)
    for way in Way:
        with pytest.raises(NotAllowed):
            async with data.transaction() as session:
                await change_many(session, me, [], Change(way))
    with pytest.raises(Invalid):
        async with data.transaction() as session:
            await change_many(
                session, OPERATOR, [(uuid4(), datetime.now(UTC)) for _ in range(1_001)], Change(Way.ACTIVATE)
            )


async def test_two_admins_who_demote_each_other_leave_one(data: Database, add: Add) -> None:
    for way in (Change(Way.SET_ROLE, role="analyst"), Change(Way.DEACTIVATE)):
        suffix = way.way.value.replace("_", "")
        pair = [await add(f"one{suffix}", role="admin"), await add(f"two{suffix}", role="admin")]
        actors = [await acting(data, each) for each in pair]
        seen = [(each, (await row(data, each)).updated_at) for each in pair]

        async def race(at: int, actors: list[Actor] = actors, seen: list[tuple[UUID, datetime]] = seen) -> bool:
            try:
                async with data.transaction() as session:
                    outcomes = await change_many(session, actors[at], [seen[1 - at]], way)  # noqa: B023
            except (NotAllowed, SessionOver, Conflict):
                return False
            return outcomes[0].done

        results = await asyncio.gather(race(0), race(1))
        assert sorted(results) == [False, True]
        left = [await row(data, each) for each in pair]
        assert [(each.role, each.status) for each in left].count(("admin", "active")) == 1
        async with data.transaction() as session:  # the next pair shall be alone
            await session.execute(text("UPDATE users SET role = 'business_user'"))
