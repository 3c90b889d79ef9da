"""Saved views: each person's own, in their order, with counts."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from datapulse_tui.alerts.filters import InvalidFilter
from datapulse_tui.alerts.reads.views import DEFAULT_VIEWS, default_counts, list_views
from datapulse_tui.alerts.service import views
from datapulse_tui.alerts.views import Count, ViewRow
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.glance import Reader
from datapulse_tui.errors import Conflict, Invalid, NotFound
from tests.alerts.conftest import SYSTEM, MakeQuery, MakeRule, MakeSource, MakeUser
from tests.alerts.inbox_world import World, make_world


@pytest.fixture
async def world(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> World:
    return await make_world(data, make_user, make_source, make_query, make_rule)


async def save(world: World, name: str, filter: str, actor: Actor | None = None, room: str = "alerts") -> UUID:
    async with world.data.transaction() as session:
        return await views.save_view(session, actor or world.olga, name, filter, room)


async def mine(world: World, actor: Actor | None = None) -> list[ViewRow]:
    async with world.data.reading() as session:
        return list(await list_views(session, actor or world.olga))


async def test_views_are_kept_counted_and_changed(world: World) -> None:
    await world.open("a", "b")
    first = await save(world, "  My   checkout ", "rule:checkout label:host=a")
    second = await save(world, "Quiet", "severity:info")
    assert [(row.name, row.filter, str(row.count)) for row in await mine(world)] == [
        ("My checkout", "rule:checkout label:host=a", "1"),
        ("Quiet", "severity:info", "0"),
    ]
    async with world.data.transaction() as session:
        await views.reorder_views(session, world.olga, [second, first])
        await views.rename_view(session, world.olga, first, "Checkout")
        await views.change_view(session, world.olga, first, "rule:checkout")
    assert [(row.id, row.name, str(row.count)) for row in await mine(world)] == [
        (second, "Quiet", "0"),
        (first, "Checkout", "2"),
    ]
    async with world.data.transaction() as session:
        await views.delete_view(session, world.olga, second)
    assert [row.id for row in await mine(world)] == [first]
    assert await world.audited(first) == ["view.saved", "view.renamed", "view.changed"]


async def test_views_are_their_owner_s_alone(world: World) -> None:
    view = await save(world, "Mine", "assigned:me")
    assert await mine(world, world.otto) == []
    async with world.data.transaction() as session:
        for verb in (
            views.delete_view(session, world.otto, view),
            views.rename_view(session, world.otto, view, "Yours"),
            views.change_view(session, world.otto, view, ""),
            views.delete_view(session, world.olga, uuid4()),
        ):
            with pytest.raises(NotFound):
                await verb
        await views.reorder_views(session, world.otto, [view])
    await save(world, "Mine", "assigned:me", world.otto)


async def test_what_cannot_be_kept_is_refused(world: World) -> None:
    view = await save(world, "One", "")
    other = await save(world, "Two", "")
    with pytest.raises(Conflict, match="'One' already"):
        await save(world, "One", "severity:info")
    async with world.data.transaction() as session:
        with pytest.raises(Conflict, match="'One' already"):
            await views.rename_view(session, world.olga, other, "One")
        await views.rename_view(session, world.olga, view, "One")
    with pytest.raises(InvalidFilter):
        await save(world, "Bad", "colour:red")
    for name in ("", " ", "x" * 101, "a\x1bb"):
        with pytest.raises(Invalid):
            await save(world, name, "")
    with pytest.raises(Invalid, match="--as EMAIL"):
        await save(world, "No", "", SYSTEM)
    for number in range(views.MOST - 2):
        await save(world, f"View {number}", "")
    with pytest.raises(Invalid, match="which is the most"):
        await save(world, "One more", "")


async def test_other_rooms_count_for_themselves(world: World) -> None:
    async def counter(session: Reader, actor: Actor, filter: str) -> Count:
        return Count(len(filter))

    await save(world, "Waiting", "whatever:they mean", room="workflows")
    assert await mine(world) == []
    async with world.data.reading() as session:
        [row] = await list_views(session, world.olga, "workflows", counter)
    assert row.count == Count(len("whatever:they mean"))


async def test_the_default_views_are_counted_too(world: World) -> None:
    await world.open("a")
    async with world.data.reading() as session:
        counts = await default_counts(session, world.olga)
    assert {name: str(each) for name, each in counts.items()} == {
        "Open": "1", "Critical": "1", "Mine": "0", "Unassigned": "1",
    }  # fmt: skip
    assert set(counts) == set(DEFAULT_VIEWS)
