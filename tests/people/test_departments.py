"""Departments: made, led, filled and deleted; who may; races; what is recorded and told."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.page import every
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people import department_reads, departments
from datapulse_tui.people.rules import PERMISSIONS
from tests.people.conftest import OPERATOR, Add
from tests.people.test_roles import HOSTILE, Desk, heard, waiting_for_the_lock

__all__ = ["heard"]


@pytest.fixture
def desk(data: Database) -> Desk:
    return Desk(data)


async def make(desk: Desk, name: str, **fields: Any) -> UUID:
    async with desk.acting() as session:
        return await departments.create(session, OPERATOR, name=name, **fields)


async def test_a_department_is_made_renamed_led_and_read(desk: Desk, add: Add, heard: list[Any]) -> None:
    ada, bob = await add("ada", role="admin", password=None), await add("bob", password=None)
    heard.clear()
    sales = await make(desk, " Sales ", description="Sells", head_id=ada)
    async with desk.data.glance() as glance:
        view = await department_reads.get_department(glance, OPERATOR, "Sales")
    assert (view.row.id, view.row.head, view.row.members, view.changed_by) == (sales, "Ada", 0, OPERATOR.label)
    async with desk.acting() as session:
        version = await departments.update(session, OPERATOR, sales, name=HOSTILE, seen=view.row.version)
        assert await departments.update(session, OPERATOR, sales, name=HOSTILE, seen=version) == version
        with pytest.raises(Conflict, match=f"changed meanwhile by {OPERATOR.label}"):
            await departments.set_head(session, OPERATOR, sales, bob, seen=view.row.version)
        assert await departments.set_head(session, OPERATOR, sales, bob, seen=version) > version
        await departments.set_head(session, OPERATOR, sales, None)
    trail = await desk.trail("department.created", "department.updated")
    assert [row.details for row in trail] == [
        {"after": {"name": "Sales", "description": "Sells", "head": "Ada"}},
        {"before": {"name": "Sales"}, "after": {"name": HOSTILE}},
        {"before": {"head": "Ada"}, "after": {"head": "Bob"}},
        {"before": {"head": "Bob"}, "after": {"head": None}},
    ]
    assert heard == [("people", (str(sales),))] * 4


async def test_what_cannot_be_is_refused(desk: Desk, add: Add) -> None:
    gone = await add("gone", password=None)
    await desk.rows("UPDATE users SET status = 'inactive'")
    for wrong, error in (
        ({"name": ""}, Invalid),
        ({"name": "x" * 101}, Invalid),
        ({"name": "a\x00b"}, Invalid),
        ({"name": "Fine", "description": "x" * 1001}, Invalid),
        ({"name": "Fine", "head_id": gone}, Invalid),
        ({"name": "Fine", "head_id": uuid4()}, NotFound),
    ):
        with pytest.raises(error):
            await make(desk, **wrong)  # type: ignore[arg-type]
    await make(desk, "Fine")
    with pytest.raises(Conflict, match="already"):
        await make(desk, "FINE")
    assert len(await desk.rows("SELECT FROM departments")) == 1


async def test_people_move_and_each_is_told_of(desk: Desk, add: Add, heard: list[Any]) -> None:
    sales, tech = await make(desk, "Sales"), await make(desk, "Tech")
    ada, bob, eve = [await add(nick, role=role, password=None) for nick, role in
                     (("ada", "admin"), ("bob", "analyst"), ("eve", "business_user"))]  # fmt: skip
    async with desk.acting() as session:
        assert all(each.done for each in await departments.move(session, OPERATOR, [ada, bob], sales))
    heard.clear()
    # Bob may change people, and Ada may do more than he.
    role = await desk.role("movers", "user:update", "user:view")
    await desk.give(bob, role)
    me = await desk.actor(bob)
    heard.clear()
    async with desk.acting() as session:
        became = await departments.move(session, me, [ada, bob, eve, uuid4()], tech)
    assert [each.done for each in became] == [False, True, True, False]
    assert [(topic, set(ids)) for topic, ids in heard] == [("people", {str(eve), str(bob), str(tech)})]
    with pytest.raises(Conflict, match="is in Tech already"):
        async with desk.acting() as session:
            await departments.move(session, me, [eve], tech)
    with pytest.raises(NotFound):
        async with desk.acting() as session:
            await departments.move(session, me, [eve], uuid4())
    async with desk.acting() as session:
        assert all(each.done for each in await departments.move(session, me, [eve], None))
    moved = [row.details for row in await desk.trail("user.profile_changed") if row.resource_id in (bob, eve)]
    assert {"before": {"department": "Sales"}, "after": {"department": "Tech"}} in moved
    assert {"before": {"department": "Tech"}, "after": {"department": None}} in moved
    async with desk.data.reading() as session:
        members = await every(lambda after: department_reads.members(session, me, tech, after=after, limit=1))
        assert [(each.name, each.email) for each in members] == [("Bob", "bob@example.com")]
        plain = await department_reads.members(session, await desk.actor(eve), tech)
        assert [(each.name, each.email, each.role) for each in plain.items] == [("Bob", "", "")]
        found = await department_reads.list_departments(session, me, text="TEC")
        assert [(row.name, row.members) for row in found.items] == [("Tech", 1)]
        names = [row.name for row in await every(
            lambda after: department_reads.list_departments(session, me, after=after, limit=1))]  # fmt: skip
        assert names == ["Sales", "Tech"]


async def test_deleting_leaves_its_people_without_one(desk: Desk, add: Add, heard: list[Any]) -> None:
    ada = await add("ada", role="admin", password=None)
    sales = await make(desk, "Sales", head_id=ada)
    people = [await add(f"p{number}", password=None) for number in range(3)]
    async with desk.acting() as session:
        await departments.move(session, OPERATOR, people, sales)
    heard.clear()
    async with desk.acting() as session:
        assert await departments.delete(session, OPERATOR, sales) == 3
    assert heard[0] == ("people", (str(sales),))
    assert set(heard[1][1]) == {str(each) for each in people}
    assert await desk.rows("SELECT FROM users WHERE department_id IS NOT NULL") == []
    [deleted] = await desk.trail("department.deleted")
    assert deleted.details == {
        "before": {"name": "Sales", "description": None, "head": "Ada"}, "note": {"members": 3},
    }  # fmt: skip
    assert len(await desk.trail("user.profile_changed")) == 6
    for verb in (
        lambda session: departments.delete(session, OPERATOR, sales),
        lambda session: departments.update(session, OPERATOR, sales, name="x"),
        lambda session: departments.set_head(session, OPERATOR, sales, ada),
        lambda session: departments.move(session, OPERATOR, people, sales),
    ):
        with pytest.raises(NotFound):
            async with desk.acting() as session:
                await verb(session)


async def test_each_verb_needs_its_permission_and_looking_is_for_everybody(desk: Desk, add: Add) -> None:
    ana, sales = await add("ana", role="ops_manager", password=None), await make(desk, "Sales")
    me = await desk.actor(ana)
    for attempt in (
        lambda session: departments.create(session, me, name="x"),
        lambda session: departments.update(session, me, sales, name="x"),
        lambda session: departments.set_head(session, me, sales, ana),
        lambda session: departments.delete(session, me, sales),
        lambda session: departments.move(session, me, [ana], sales),
    ):
        with pytest.raises(NotAllowed):
            async with desk.acting() as session:
                await attempt(session)
    nobody = Actor(ana, "Ana", permissions=frozenset(PERMISSIONS) - {"department:view"})
    async with desk.data.reading() as session:
        assert (await department_reads.get_department(session, me, "Sales")).row.members == 0
        for read in (
            department_reads.list_departments(session, nobody),
            department_reads.get_department(session, nobody, sales),
            department_reads.members(session, nobody, sales),
        ):
            with pytest.raises(NotAllowed):
                await read
        with pytest.raises(NotFound):
            await department_reads.get_department(session, me, "nothing")


async def test_somebody_who_comes_in_while_it_is_deleted_is_in_none(desk: Desk, add: Add) -> None:
    bob, sales = await add("bob", password=None), await make(desk, "Sales")
    moved, go_on = asyncio.Event(), asyncio.Event()

    async def move() -> None:
        async with desk.acting() as session:
            await departments.move(session, OPERATOR, [bob], sales)
            moved.set()
            await go_on.wait()

    async def delete() -> int:
        await moved.wait()
        async with desk.acting() as session:
            return await departments.delete(session, OPERATOR, sales)

    moving, deleting = asyncio.create_task(move()), asyncio.create_task(delete())
    await moved.wait()
    await waiting_for_the_lock(desk)
    go_on.set()
    await moving
    assert await deleting == 1
    assert await desk.rows("SELECT FROM users WHERE department_id IS NOT NULL") == []
