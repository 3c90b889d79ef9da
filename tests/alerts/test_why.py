""" "Why was I (not) told?" for everybody who may ask it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from datapulse_tui.alerts.reads.incidents import concerning
from datapulse_tui.alerts.reads.why import why
from datapulse_tui.alerts.service import snoozes, triage
from datapulse_tui.alerts.views import WhyRow
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import NotAllowed, NotFound
from tests.alerts.conftest import MakeQuery, MakeRule, MakeSource, MakeUser
from tests.alerts.inbox_world import World, make_world


@pytest.fixture
async def world(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> World:
    return await make_world(data, make_user, make_source, make_query, make_rule)


async def ask(world: World, actor: Actor, incident: object, about: Actor | None = None) -> tuple[WhyRow, ...]:
    async with world.data.reading() as session:
        return await why(session, actor, incident, about.user_id if about else None)  # type: ignore[arg-type]


async def test_what_was_meant_and_what_became_of_it(world: World) -> None:
    [one] = await world.open("a")
    [row] = await ask(world, world.bea, one)
    assert (row.recipient, row.channel, row.what, row.outcome) == ("Bea", "mail", "that it fired", "waiting")
    assert row.reason.startswith("due at 20")
    await world.rows(
        "WITH m AS (UPDATE deliveries SET status = 'sent', sent_at = now(), answer = '250 ok', "
        "message_id = gen_random_uuid() RETURNING message_id) "
        "INSERT INTO delivery_attempts (message_id, at, succeeded, answer) "
        "SELECT message_id, now(), false, '451 later' FROM m"
    )
    first, second = await ask(world, world.olga, one, world.bea)
    assert (first.outcome, second.outcome, second.reason) == ("sent", "attempt failed", "451 later")
    assert first.reason.endswith("250 ok")


async def test_what_came_between_is_told_with_it(world: World) -> None:
    [one] = await world.open("a")
    async with world.data.transaction() as session:
        later = datetime.now(UTC) + timedelta(hours=1)
        await snoozes.snooze(session, world.olga, [(one, 1)], kind="until_time", until=later, reason="deploying")
    async with world.data.transaction() as session:
        await snoozes.unsnooze(session, world.olga, [(one, 2)])
        await triage.acknowledge(session, world.otto, [(one, 3)])
    rows = await ask(world, world.bea, one)
    assert [(row.what, row.outcome) for row in rows if row.recipient] == [
        ("that it fired", "taken back"),
        ("that it changed", "taken back"),
    ]
    assert rows[0].reason == "snoozed by Olga: deploying"
    between = [row for row in rows if not row.recipient]
    assert between[0].outcome.startswith("snoozed by Olga until 20")
    assert between[0].reason == "deploying"
    assert [row.outcome for row in between[1:]] == ["snooze ended by Olga", "acknowledged by Otto"]


async def test_whoever_was_never_meant_hears_why(world: World) -> None:
    [one] = await world.open("a")
    [row] = await ask(world, world.olga, one, world.bob)
    assert (row.recipient, row.outcome) == ("Bob", "not told")
    assert row.reason == "not among the recipients: the rule tells Bea"
    [row] = await ask(world, world.olga, one, world.otto)
    assert row.reason == "among the second recipients, who are told when nobody acknowledges it in time"
    async with world.data.transaction() as session:
        await triage.assign(session, world.olga, [(one, 1)], world.bob.user_id)
    [row] = await ask(world, world.bob, one)
    assert row.reason.endswith("sees the incident because it was assigned to them")
    async with world.data.reading() as session:
        assert await concerning(session, world.bob, [one]) == {one}
        assert await concerning(session, world.olga, [one]) == set()


async def test_an_incident_that_tells_nobody_says_so(world: World) -> None:
    silent = await world.make_rule(world.olga, world.query)
    [one] = await world.open("a", rule=silent)
    rows = await ask(world, world.olga, one)
    assert [(row.outcome, row.reason) for row in rows] == [
        ("held back", "nobody to tell: the rule names no channel and no recipient")
    ]
    [row] = await ask(world, world.olga, one, world.bob)
    assert row.reason == "not among the recipients: the rule tells nobody"


async def test_who_may_ask_about_whom(world: World) -> None:
    [one] = await world.open("a")
    with pytest.raises(NotAllowed, match="delivery:view"):
        await ask(world, world.bea, one, world.otto)
    with pytest.raises(NotFound):
        await ask(world, world.bob, one)
    assert {row.recipient for row in await ask(world, world.olga, one)} == {"Bea"}
