"""Completion of filters: fields, and values as they are in the database, for those who may see them."""

from __future__ import annotations

import pytest

from datapulse_tui.alerts.filters import FIELDS, parse
from datapulse_tui.alerts.reads.assignees import assignees
from datapulse_tui.alerts.reads.completion import Completion, complete
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from tests.alerts.conftest import MakeQuery, MakeRule, MakeSource, MakeUser
from tests.alerts.inbox_world import World, make_world


@pytest.fixture
async def world(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> World:
    return await make_world(data, make_user, make_source, make_query, make_rule)


async def offer(world: World, text: str, actor: Actor | None = None, cursor: int | None = None) -> Completion:
    async with world.data.glance() as session:
        return await complete(session, actor or world.olga, text, len(text) if cursor is None else cursor)


async def test_what_is_offered_and_where(world: World) -> None:
    from datetime import UTC, datetime

    await world.rows("INSERT INTO departments (name) VALUES ('Web Operations'), ('Sales')")
    await world.open("eu one", "us")
    everything = tuple(f"{name}:" for name in FIELDS)
    expected = {
        "": (0, everything),
        "se": (0, ("severity:",)),
        "-st": (1, ("state:",)),
        "rule:x ": (7, everything),
        '"se': (0, ()),
        "foo:": (4, ()),
        "severity:": (9, ("critical", "warning", "info")),
        "severity:critical,w": (18, ("warning",)),
        "state:re": (6, ("resolved",)),
        "kind:no": (5, ("no_data",)),
        "since:t": (6, ("today",)),
        "rule:err": (5, ('"checkout errors"',)),
        'x rule:"check': (7, ('"checkout errors"',)),
        "dept:op": (5, ('"Web Operations"',)),
        "assigned:": (9, ("me", "none", "Bea", "Bob", "Olga", "Otto")),
        "assigned:o": (9, ("Olga", "Otto")),
        "label:h": (6, ("host=",)),
        "label:host=": (6, ('"host=eu one"', "host=us")),
        "label:host=u": (6, ("host=us",)),
        "number:1": (7, ("1",)),
    }
    for text, (start, options) in expected.items():
        assert await offer(world, text) == Completion(start, options), text
        for option in options:
            if not option.endswith((":", "=")):
                parse(text[:start] + option, datetime.now(UTC))
    assert await offer(world, "rule:err state:open", cursor=8) == Completion(5, ('"checkout errors"',))


async def test_only_what_people_may_see_is_offered(world: World) -> None:
    await world.open("a")
    assert (await offer(world, "label:host=", world.bea)).options == ("host=a",)
    assert (await offer(world, "label:host=", world.bob)).options == ()
    assert (await offer(world, "rule:", world.bob)).options == ()
    shy = Actor(world.bob.user_id, "Bob", frozenset({"alert:view"}))
    assert (await offer(world, "assigned:", shy)).options == ("me", "none")


async def test_assignees_are_active_people(world: World, make_user: MakeUser) -> None:
    await make_user("olaf", status="inactive")
    async with world.data.reading() as session:
        assert [each.name for each in await assignees(session, world.bea, "ol")] == ["Olga"]
        assert [each.name for each in await assignees(session, world.bea, "%")] == []
        assert len(await assignees(session, world.bea, "", limit=3)) == 3
