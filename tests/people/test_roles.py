"""Custom roles: who may make them of what, give them and take them away; races; what is recorded and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data import feed
from datapulse_tui.data.database import Database
from datapulse_tui.data.page import every
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people import role_reads, roles, service
from datapulse_tui.people.actors import SessionOver, actor_for
from datapulse_tui.people.rules import PERMISSIONS, ROLE_PERMISSIONS
from tests.people.conftest import OPERATOR, Add

HOSTILE = "ops [/] <b>'; DROP TABLE roles;-- =1+1 売上"


class Desk:
    """Verbs in transactions of their own."""

    def __init__(self, data: Database) -> None:
        self.data = data

    @asynccontextmanager
    async def acting(self) -> AsyncIterator[AsyncSession]:
        async with self.data.transaction() as session:
            yield session

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.acting() as session:
            result = await session.execute(text(sql), values)
            return list(result.all()) if result.returns_rows else []

    async def actor(self, user_id: UUID) -> Actor:
        async with self.data.reading() as session:
            return await actor_for(session, user_id)

    async def role(self, name: str, *permissions: str, actor: Actor = OPERATOR, description: str = "") -> UUID:
        async with self.acting() as session:
            return await roles.create(session, actor, name=name, permissions=permissions, description=description)

    async def give(self, user_id: UUID, role_id: UUID, actor: Actor = OPERATOR) -> bool:
        async with self.acting() as session:
            return await roles.give(session, actor, user_id, role_id)

    async def version(self, role_id: UUID) -> datetime:
        [row] = await self.rows("SELECT updated_at FROM roles WHERE id = :id", id=role_id)
        return row.updated_at  # type: ignore[no-any-return]

    async def trail(self, *actions: str) -> list[Any]:
        return await self.rows(
            "SELECT action, resource_id, details FROM audit_logs WHERE action = ANY(:actions) ORDER BY seq",
            actions=list(actions),
        )


@pytest.fixture
def desk(data: Database) -> Desk:
    return Desk(data)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """What the desks are told, in order."""
    told: list[tuple[str, tuple[str, ...]]] = []

    async def emit(session: AsyncSession, topic: str, *ids: UUID | str) -> None:
        told.append((topic, tuple(str(each) for each in ids)))

    monkeypatch.setattr(feed, "emit", emit)
    return told


async def manager(desk: Desk, add: Add, nick: str = "mia", *more: str) -> tuple[UUID, Actor]:
    """A person who may make and give roles, and is an analyst otherwise."""
    who = await add(nick, role="analyst", password=None)
    await desk.give(who, await desk.role(f"managers of {nick}", "role:view", "role:manage", "role:assign", *more))
    return who, await desk.actor(who)


async def test_a_role_is_made_changed_and_read(desk: Desk, add: Add, heard: list[Any]) -> None:
    role_id = await desk.role(" Helper ", "query:view", "source:view", "query:view", description="Helps [/]")
    async with desk.data.reading() as session:
        view = await role_reads.get_role(session, OPERATOR, "Helper")
        assert (view.row.id, view.row.name, view.row.description) == (role_id, "Helper", "Helps [/]")
        assert [each.word for each in view.permissions] == ["source:view", "query:view"]
        assert all(each.explanation for each in view.permissions)
        assert view.changed_by == OPERATOR.label
    async with desk.acting() as session:
        version = await roles.update(session, OPERATOR, role_id, permissions=["audit:view"], seen=view.row.version)
        assert version == await roles.update(session, OPERATOR, role_id, permissions=["audit:view"], seen=version)
        assert await roles.update(session, OPERATOR, role_id, name="helper", description="") > version
    async with desk.data.glance() as glance:
        view = await role_reads.get_role(glance, OPERATOR, role_id)
    assert (view.row.name, view.row.description, view.row.permissions) == ("helper", "", {"audit:view"})
    created, changed, renamed = await desk.trail("role.created", "role.updated")
    assert created.details["after"]["permissions"] == ["source:view", "query:view"]
    assert changed.details == {
        "before": {"permissions": ["source:view", "query:view"]}, "after": {"permissions": ["audit:view"]},
    }  # fmt: skip
    assert renamed.details["before"] == {"name": "Helper", "description": "Helps [/]"}
    assert set(heard) == {("roles", (str(role_id),))}


@pytest.mark.parametrize(
    ("name", "permissions", "words"),
    [
        ("", [], "1 to 50 characters"),
        ("x" * 51, [], "1 to 50 characters"),
        ("two\nlines", [], "1 to 50 characters"),
        ("bidi \u202e", [], "1 to 50 characters"),
        ("Ops Manager", [], "built-in"),
        ("ADMIN", [], "built-in"),
        ("ａdmin", [], "built-in"),
        ("fine", ["audit:veiw"], "audit:view"),
        ("fine", ["*"], "not a permission"),
        ("fine", ["\x1b[31m" * 1000], "not a permission"),
    ],
)
async def test_what_cannot_be_a_role_is_refused(desk: Desk, name: str, permissions: list[str], words: str) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.role(name, *permissions)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 600
    assert await desk.rows("SELECT FROM roles") == []


async def test_a_name_is_taken_once_however_it_is_written(desk: Desk) -> None:
    first = await desk.role(HOSTILE)
    with pytest.raises(Conflict, match="already"):
        await desk.role(HOSTILE.upper())
    other = await desk.role("other")
    with pytest.raises(Conflict, match="already"):
        async with desk.acting() as session:
            await roles.update(session, OPERATOR, other, name=HOSTILE)
    async with desk.data.reading() as session:
        assert (await role_reads.get_role(session, OPERATOR, HOSTILE)).row.id == first


async def test_nobody_makes_a_role_of_what_they_lack(desk: Desk, add: Add) -> None:
    _, mia = await manager(desk, add)
    for word in PERMISSIONS:
        if mia.can(word):
            await desk.role(f"made of {word}", word, actor=mia)
        else:
            with pytest.raises(NotAllowed, match=word):
                await desk.role(f"made of {word}", word, actor=mia)
    assert len(await desk.rows("SELECT FROM roles")) == 1 + sum(map(mia.can, PERMISSIONS))
    assert mia.permissions == ROLE_PERMISSIONS["analyst"] | {"role:view", "role:manage", "role:assign"}  # type: ignore[index]


async def test_nobody_widens_the_role_that_they_have(desk: Desk, add: Add) -> None:
    who, mia = await manager(desk, add)
    async with desk.data.reading() as session:
        [mine] = await role_reads.roles_of(session, mia, who)
    for wanted in ([*mine.permissions, "audit:view"], ["user:set_role"], list(PERMISSIONS)):
        with pytest.raises(NotAllowed):
            async with desk.acting() as session:
                await roles.update(session, mia, mine.id, permissions=wanted)
    assert (await desk.actor(who)).permissions == mia.permissions
    assert await desk.trail("role.updated") == []


async def test_a_role_that_may_do_more_is_neither_given_nor_changed_nor_deleted(desk: Desk, add: Add) -> None:
    who, mia = await manager(desk, add)
    bob = await add("bob", password=None)
    power = await desk.role("power", "audit:view", "query:view")
    attempts = (
        lambda session: roles.give(session, mia, who, power),
        lambda session: roles.give(session, mia, bob, power),
        lambda session: roles.give_many(session, mia, [who, bob], power),
        lambda session: roles.update(session, mia, power, name="weak"),
        lambda session: roles.update(session, mia, power, permissions=["query:view"]),
        lambda session: roles.delete(session, mia, power),
    )
    for attempt in attempts:
        with pytest.raises(NotAllowed, match="audit:view"):
            async with desk.acting() as session:
                await attempt(session)
    assert not (await desk.actor(who)).can("audit:view")


async def test_nobody_changes_what_somebody_above_them_has(desk: Desk, add: Add) -> None:
    _, mia = await manager(desk, add)
    ada = await add("ada", role="admin", password=None)
    readers = await desk.role("readers", "query:view")
    with pytest.raises(NotAllowed, match="may do what you may not"):
        await desk.give(ada, readers, mia)
    await desk.give(ada, readers)
    for attempt in (
        lambda session: roles.take(session, mia, ada, readers),
        lambda session: roles.update(session, mia, readers, permissions=["source:view"]),
        lambda session: roles.delete(session, mia, readers, take_from=1),
    ):
        with pytest.raises(NotAllowed):
            async with desk.acting() as session:
                await attempt(session)
    async with desk.acting() as session:  # a name gives nobody anything
        await roles.update(session, mia, readers, name="Readers")
    # Through a custom role somebody may stand above as well.
    bob = await add("bob", password=None)
    await desk.give(bob, await desk.role("auditors", "audit:view"))
    with pytest.raises(NotAllowed):
        await desk.give(bob, readers, mia)


@pytest.mark.parametrize("without", ["role:manage", "role:assign"])
async def test_each_verb_needs_its_permission(desk: Desk, add: Add, without: str) -> None:
    bob, some = await add("bob", password=None), await desk.role("some")
    await desk.give(bob, some)
    admin = await add("ada", role="admin", password=None)
    me = Actor(admin, "Ada", permissions=frozenset(PERMISSIONS) - {without}, scopes=frozenset(PERMISSIONS) - {without})
    manage = (
        lambda session: roles.create(session, me, name="x", permissions=[]),
        lambda session: roles.update(session, me, some, name="y"),
        lambda session: roles.delete(session, me, some, take_from=1),
    )
    assign = (
        lambda session: roles.give(session, me, bob, some),
        lambda session: roles.give_many(session, me, [bob], some),
        lambda session: roles.take(session, me, bob, some),
        lambda session: roles.take_many(session, me, [bob], some),
        lambda session: roles.delete(session, me, some, take_from=1),  # parting somebody from it is taking it away
    )
    for attempt in manage if without == "role:manage" else assign:
        with pytest.raises(NotAllowed, match=without):
            async with desk.acting() as session:
                await attempt(session)


async def test_giving_and_taking_many_tells_what_became_of_each(desk: Desk, add: Add, heard: list[Any]) -> None:
    _, mia = await manager(desk, add)
    ada, bob, eve = [await add(nick, role=role, password=None) for nick, role in
                     (("ada", "admin"), ("bob", "analyst"), ("eve", "business_user"))]  # fmt: skip
    some, nobody = await desk.role("some", "query:view"), uuid4()
    await desk.give(bob, some)
    heard.clear()
    async with desk.acting() as session:
        became = await roles.give_many(session, mia, [ada, bob, eve, nobody, eve], some)
    assert [(each.title, each.done) for each in became] == [("Ada", False), ("Bob", False), ("Eve", True), ("", False)]
    assert [each.message.partition(":")[0] for each in became] == [
        "you may not change their account", "has the role already", "has the role now", "there is no such person",
    ]  # fmt: skip
    assert heard == [("roles", (str(some),)), ("people", (str(eve),))]
    async with desk.acting() as session:
        became = await roles.take_many(session, mia, [eve, bob, ada], some)
    assert [each.done for each in became] == [True, True, False]
    with pytest.raises(Conflict, match="does not have the role"):
        async with desk.acting() as session:
            await roles.take_many(session, mia, [eve], some)
    async with desk.acting() as session:
        assert not await roles.take(session, mia, eve, some)
    trail = await desk.trail("user.role_assigned", "user.role_removed")
    assert [(row.action, row.resource_id) for row in trail][-3:] == [
        ("user.role_assigned", eve), ("user.role_removed", eve), ("user.role_removed", bob),
    ]  # fmt: skip
    with pytest.raises(Invalid, match="At most 1,000"):
        async with desk.acting() as session:
            await roles.give_many(session, mia, [uuid4() for _ in range(1001)], some)


async def test_deleting_names_the_holders_first(desk: Desk, add: Add, heard: list[Any]) -> None:
    some = await desk.role("some", "query:view")
    people = [await add(f"p{number}", password=None) for number in range(7)]
    async with desk.acting() as session:
        await roles.give_many(session, OPERATOR, people, some)
    with pytest.raises(Conflict, match="P0, P1, P2, P3, P4 and 2 more have the role some"):
        async with desk.acting() as session:
            await roles.delete(session, OPERATOR, some)
    with pytest.raises(Conflict, match="by now, not 6"):
        async with desk.acting() as session:
            await roles.delete(session, OPERATOR, some, take_from=6)
    heard.clear()
    async with desk.acting() as session:
        assert await roles.delete(session, OPERATOR, some, take_from=7) == 7
    assert heard[0] == ("roles", (str(some),))
    assert heard[1][0] == "people"
    assert set(heard[1][1]) == {str(each) for each in people}
    assert not (await desk.actor(people[0])).can("query:view")
    [deleted] = await desk.trail("role.deleted")
    assert deleted.details["note"] == {"taken_from": 7}
    assert deleted.details["before"]["permissions"] == ["query:view"]
    assert len(await desk.trail("user.role_removed")) == 7
    for verb in (
        lambda session: roles.delete(session, OPERATOR, some),
        lambda session: roles.give(session, OPERATOR, people[0], some),
        lambda session: roles.update(session, OPERATOR, some, name="x"),
    ):
        with pytest.raises(NotFound):
            async with desk.acting() as session:
                await verb(session)


async def test_holders_who_lost_it_meanwhile_are_told_as_such(desk: Desk) -> None:
    some = await desk.role("some")
    with pytest.raises(Conflict, match="Nobody has the role some any more"):
        async with desk.acting() as session:
            await roles.delete(session, OPERATOR, some, take_from=2)


# -- at the same time --------------------------------------------------------------------------------------------------


async def test_two_who_edit_the_same_role_one_hears_of_the_other(desk: Desk, add: Add) -> None:
    some = await desk.role("some", "query:view")
    seen = await desk.version(some)
    admins = [await desk.actor(await add(nick, role="admin", password=None)) for nick in ("ada", "bea")]

    async def edit(actor: Actor) -> str:
        try:
            async with desk.acting() as session:
                await roles.update(session, actor, some, description=f"by {actor.label}", seen=seen)
        except Conflict as error:
            return str(error)
        return ""

    for _ in range(5):
        said = await asyncio.gather(*(edit(actor) for actor in admins))
        [row] = await desk.rows("SELECT description, updated_at FROM roles WHERE id = :id", id=some)
        winner = row.description.removeprefix("by ")
        assert sorted(map(bool, said)) == [False, True]
        assert f"was changed meanwhile by {winner}" in next(filter(None, said))
        seen = row.updated_at
        await desk.rows("UPDATE roles SET description = NULL WHERE id = :id", id=some)


async def test_a_role_that_is_deleted_while_it_is_given_is_given_to_nobody(desk: Desk, add: Add) -> None:
    people = [await add(f"p{number}", password=None) for number in range(4)]
    for round_ in range(5):
        some = await desk.role(f"some {round_}", "query:view")

        async def delete(some: UUID = some) -> bool:
            try:
                async with desk.acting() as session:
                    await roles.delete(session, OPERATOR, some)
            except Conflict:
                return False
            return True

        async def give(user_id: UUID, some: UUID = some) -> bool:
            try:
                return await desk.give(user_id, some)
            except NotFound:
                return False

        deleted, *given = await asyncio.gather(delete(), *(give(each) for each in people))
        [(there,)] = await desk.rows("SELECT count(*) FROM user_roles WHERE role_id = :id", id=some)
        assert there == sum(given)
        assert deleted == (there == 0)


async def test_rights_that_are_taken_while_one_waits_are_not_given_on(desk: Desk, add: Add) -> None:
    """Mia puts audit:view into her own role while an administrator takes it from her."""
    who, _ = await manager(desk, add)
    extra = await desk.role("extra", "audit:view")
    await desk.give(who, extra)
    mia = await desk.actor(who)
    async with desk.data.reading() as session:
        own = next(each for each in await role_reads.roles_of(session, mia, who) if each.id != extra)
    held, go_on = asyncio.Event(), asyncio.Event()

    async def take_it_away() -> None:
        async with desk.acting() as session:
            await roles.take(session, OPERATOR, who, extra)
            held.set()
            await go_on.wait()

    async def keep_it() -> None:
        await held.wait()
        async with desk.acting() as session:
            await roles.update(session, mia, own.id, permissions=[*own.permissions, "audit:view"])

    taking, keeping = asyncio.create_task(take_it_away()), asyncio.create_task(keep_it())
    await held.wait()
    await waiting_for_the_lock(desk)
    go_on.set()
    await taking
    with pytest.raises(NotAllowed, match="audit:view"):
        await keeping
    assert not (await desk.actor(who)).can("audit:view")


async def waiting_for_the_lock(desk: Desk) -> None:
    """Until somebody waits for their turn."""
    for _ in range(2000):
        if await desk.rows("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("nobody waits")


async def test_who_was_deactivated_changes_nothing_more(desk: Desk, add: Add) -> None:
    who, mia = await manager(desk, add)
    await desk.rows("UPDATE users SET status = 'inactive' WHERE id = :id", id=who)
    with pytest.raises(SessionOver):
        await desk.role("late", actor=mia)


# -- reads -------------------------------------------------------------------------------------------------------------


async def test_lists_and_holders_come_in_pages(desk: Desk, add: Add) -> None:
    ada = await add("ada", role="admin", password=None)
    admin = await desk.actor(ada)
    made = {name: await desk.role(name, "query:view") for name in ("delta", "alpha [/]", "charlie", "bravo")}
    people = [await add(f"p{number}", password=None) for number in range(5)]
    async with desk.acting() as session:
        await roles.give_many(session, admin, people, made["bravo"])
    async with desk.data.reading() as session:
        built_in = await role_reads.built_in_roles(session, admin)
        assert [(row.name, row.holders) for row in built_in] == [
            ("business_user", 5), ("analyst", 0), ("ops_manager", 0), ("admin", 1),
        ]  # fmt: skip
        names = [row.name for row in await every(
            lambda after: role_reads.custom_roles(session, admin, after=after, limit=3))]  # fmt: skip
        assert names == ["alpha [/]", "bravo", "charlie", "delta"]
        found = await role_reads.custom_roles(session, admin, text="ALPHA [")
        assert [row.name for row in found.items] == ["alpha [/]"]
        holders = await every(lambda after: role_reads.holders(session, admin, made["bravo"], after=after, limit=2))
        assert [each.name for each in holders] == ["P0", "P1", "P2", "P3", "P4"]
        assert {each.given_by for each in holders} == {"Ada"}
        assert all(each.given_at and each.given_at > datetime.now(UTC) - timedelta(minutes=1) for each in holders)
        lowest = await every(lambda after: role_reads.holders(session, admin, "business_user", after=after, limit=3))
        assert [each.name for each in lowest] == ["P0", "P1", "P2", "P3", "P4"]
        view = await role_reads.get_role(session, admin, "Ops Manager")
        assert (view.row.id, view.row.name, len(view.permissions)) == (
            None, "ops_manager", len(ROLE_PERMISSIONS["ops_manager"]),  # type: ignore[index]
        )  # fmt: skip
        [given] = await role_reads.roles_of(session, admin, people[0])
        assert (given.name, given.given_by, given.permissions) == ("bravo", "Ada", {"query:view"})
        with pytest.raises(NotFound, match="'nothing'"):
            await role_reads.get_role(session, admin, "nothing")


async def test_reads_need_the_right_and_ones_own_roles_do_not(desk: Desk, add: Add) -> None:
    ana = await add("ana", role="ops_manager", password=None)
    other = await add("bob", password=None)
    me = await desk.actor(ana)
    async with desk.data.reading() as session:
        for read in (
            role_reads.built_in_roles(session, me),
            role_reads.custom_roles(session, me),
            role_reads.get_role(session, me, "admin"),
            role_reads.holders(session, me, "admin"),
            role_reads.roles_of(session, me, other),
        ):
            with pytest.raises(NotAllowed):
                await read
        assert await role_reads.roles_of(session, me, ana) == ()


async def test_what_is_stored_and_no_permission_gives_nothing_and_is_told(desk: Desk, add: Add) -> None:
    [row] = await desk.rows(
        "INSERT INTO roles (name, permissions) VALUES ('old', '[\"made:up\", \"query:view\"]') RETURNING id"
    )
    ana = await add("ana", password=None)
    await desk.give(ana, row.id)
    async with desk.data.reading() as session:
        view = await role_reads.get_role(session, OPERATOR, row.id)
    assert (view.unknown, view.row.permissions) == (("made:up",), {"query:view"})
    assert not (await desk.actor(ana)).can("made:up")


async def test_the_services_that_give_roles_are_the_same(desk: Desk) -> None:
    assert not hasattr(service, "assign_role")
