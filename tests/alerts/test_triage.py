"""Triage on a real database: each verb, its undo, who may, what else it changes, and two people at once."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from datapulse_tui.alerts import episodes
from datapulse_tui.alerts.rules import IncidentStatus
from datapulse_tui.alerts.service import triage
from datapulse_tui.alerts.views import Outcome
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role
from tests.alerts.conftest import MakeQuery, MakeRule, MakeSource, MakeUser
from tests.alerts.inbox_world import World, make_world
from tests.processes import Conversation

Verb = Callable[..., Awaitable[tuple[Outcome, ...]]]


@pytest.fixture
async def world(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> World:
    return await make_world(data, make_user, make_source, make_query, make_rule)


async def do(world: World, verb: Verb, actor: Actor, ids: list[tuple[UUID, int]], *more: Any) -> tuple[Outcome, ...]:
    async with world.data.transaction() as session:
        return await verb(session, actor, ids, *more)


async def test_acknowledge_stops_everything_that_was_on_its_way(world: World) -> None:
    [one] = await world.open("a")
    assert await world.deliveries(one) == [("trigger", "pending", "")]
    [outcome] = await do(world, triage.acknowledge, world.olga, [(one, 1)])
    assert outcome.done
    assert outcome.title == f"#{(await world.incident(one)).number} checkout errors: host=a"
    row = await world.incident(one)
    assert (row.status, row.version, row.acknowledged_by) == ("acknowledged", 2, world.olga.user_id)
    assert (row.timer_at, row.repeat_at, row.escalate_at) == (None, None, None)
    assert await world.deliveries(one) == [("trigger", "cancelled", "acknowledged by Olga")]
    assert await world.events(one) == ["fired", "acknowledged"]
    assert await world.audited(one) == ["incident.opened", "incident.acknowledged"]
    assert await world.rule_status() == "triggered"
    [told] = await world.rows("SELECT acknowledged_at FROM alert_notifications WHERE incident_id = :id", id=one)
    assert told.acknowledged_at is None, "somebody else did"


async def test_acknowledging_one_s_own_is_kept_with_being_told(world: World) -> None:
    [one] = await world.open("a")
    await do(world, triage.acknowledge, world.bea, [(one, 1)])
    [told] = await world.rows("SELECT * FROM alert_notifications WHERE incident_id = :id", id=one)
    assert told.acknowledged_at is not None
    await do(world, triage.unacknowledge, world.bea, [(one, 2)])
    [told] = await world.rows("SELECT * FROM alert_notifications WHERE incident_id = :id", id=one)
    assert told.acknowledged_at is None


async def test_undo_starts_the_timers_again_and_leaves_what_was_cancelled(world: World) -> None:
    [one] = await world.open("a")
    await do(world, triage.acknowledge, world.olga, [(one, 1)])
    before = datetime.now(UTC)
    await do(world, triage.unacknowledge, world.otto, [(one, 2)])
    row = await world.incident(one)
    assert (row.status, row.version, row.acknowledged_at, row.acknowledged_by) == ("triggered", 3, None, None)
    assert 14_300 < (row.repeat_at - before).total_seconds() < 14_500
    assert 890 < (row.escalate_at - before).total_seconds() < 910
    assert row.timer_at == row.escalate_at
    assert [status for _, status, _ in await world.deliveries(one)] == ["cancelled"]


async def test_the_second_of_two_is_told_who_and_when(world: World) -> None:
    [one] = await world.open("a")
    await do(world, triage.acknowledge, world.olga, [(one, 1)])
    with pytest.raises(Conflict, match=r"#1 checkout errors: host=a: already acknowledged by Olga at 20\d\d-"):
        await do(world, triage.acknowledge, world.otto, [(one, 1)])


async def test_what_changed_since_it_was_seen_is_not_acted_on(world: World) -> None:
    [one] = await world.open("a")
    await do(world, triage.assign, world.olga, [(one, 1)], world.otto.user_id)
    with pytest.raises(Conflict, match="changed meanwhile: assigned by Olga at"):
        await do(world, triage.acknowledge, world.otto, [(one, 1)])
    assert (await world.incident(one)).status == "triggered"


async def test_many_at_once_say_of_each_what_became_of_it(world: World) -> None:
    mine, taken, over = await world.open("a", "b", "c")
    await do(world, triage.acknowledge, world.otto, [(taken, 1)])
    await do(world, triage.resolve, world.otto, [(over, 1)])
    gone = uuid4()
    outcomes = await do(world, triage.acknowledge, world.olga, [(mine, 1), (taken, 1), (over, 1), (gone, 1)])
    assert [each.id for each in outcomes] == [mine, taken, over, gone]
    assert [each.done for each in outcomes] == [True, False, False, False]
    assert outcomes[1].message.startswith("already acknowledged by Otto at ")
    assert outcomes[2].message.startswith("already resolved by Otto at ")
    assert outcomes[3].message == "there is no such incident, or it is not one of yours"
    assert outcomes[3].title == ""


async def test_people_act_on_what_they_receive_and_managers_on_everything(world: World) -> None:
    [one] = await world.open("a")
    with pytest.raises(NotFound):
        await do(world, triage.acknowledge, world.bob, [(one, 1)])
    looker = Actor(world.bob.user_id, "Bob", frozenset({"alert:view", "alert:view_all"}))
    with pytest.raises(NotAllowed, match="alert:triage"):
        await do(world, triage.acknowledge, looker, [(one, 1)])
    with pytest.raises(NotAllowed):
        await do(world, triage.acknowledge, Actor(world.bob.user_id, "Bob", frozenset()), [(one, 1)])
    assert (await do(world, triage.acknowledge, world.bea, [(one, 1)]))[0].done


async def test_resolve_closes_and_the_undo_opens_again_as_it_was(world: World) -> None:
    [one] = await world.open("a")
    await do(world, triage.acknowledge, world.olga, [(one, 1)])
    await do(world, triage.resolve, world.olga, [(one, 2)], "a restart helped")
    row = await world.incident(one)
    assert (row.status, row.reason, row.resolved_by) == ("resolved", "by_hand", world.olga.user_id)
    assert await world.rule_status() == "resolved"
    view = await world.view(one)
    assert view.events[-1].comment == "a restart helped"
    assert view.row.firing, "its series still is"
    await do(world, triage.reopen, world.olga, [(one, 3)])
    row = await world.incident(one)
    assert (row.status, row.resolved_at, row.timer_at) == ("acknowledged", None, None)
    assert await world.rule_status() == "triggered"
    assert await world.events(one) == ["fired", "acknowledged", "resolved", "reopened"]


async def test_reopening_a_triggered_one_starts_its_timers(world: World) -> None:
    [one] = await world.open("a")
    await do(world, triage.resolve, world.olga, [(one, 1)])
    await do(world, triage.reopen, world.olga, [(one, 2)])
    row = await world.incident(one)
    assert (row.status, row.timer_at) == ("triggered", row.escalate_at)
    assert row.escalate_at is not None


async def test_what_recovered_or_opened_anew_is_not_opened_again(world: World) -> None:
    one, two = await world.open("a", "b")
    await do(world, triage.resolve, world.olga, [(one, 1), (two, 1)])
    await world.recover("a")
    [newer] = await world.open("b")
    number = (await world.incident(newer)).number
    outcomes = await do(world, triage.reopen, world.olga, [(one, 2), (two, 2)])
    assert [each.message for each in outcomes] == [
        "its condition is over meanwhile",
        f"the newer incident #{number} of the same series is open",
    ]


async def test_whoever_was_told_is_told_that_it_was_resolved(world: World) -> None:
    [one] = await world.open("a")
    await world.rows("UPDATE deliveries SET status = 'sent', sent_at = now()")
    await do(world, triage.resolve, world.olga, [(one, 1)])
    assert await world.deliveries(one) == [("trigger", "sent", ""), ("resolve", "pending", "")]


async def test_an_assigned_person_sees_the_incident_from_then_on(world: World) -> None:
    [one] = await world.open("a")
    with pytest.raises(NotFound):
        await world.view(one, world.bob)
    await do(world, triage.assign, world.olga, [(one, 1)], world.bob.user_id)
    view = await world.view(one, world.bob)
    assert view.row.assigned_to is not None
    assert view.row.assigned_to.name == "Bob"
    assert view.row.held_by == view.row.assigned_to
    assert view.row.may_triage
    await do(world, triage.assign, world.bob, [(one, 2)], None)
    assert (await world.incident(one)).assigned_to is None


async def test_nobody_inactive_is_given_an_incident(world: World, make_user: MakeUser) -> None:
    [one] = await world.open("a")
    gone = await make_user("gone", status="inactive")
    with pytest.raises(Invalid, match="no active account"):
        await do(world, triage.assign, world.olga, [(one, 1)], gone.user_id)
    with pytest.raises(Invalid):
        await do(world, triage.assign, world.olga, [(one, 1)], uuid4())


async def test_comments_need_their_right_and_no_version(world: World) -> None:
    [one] = await world.open("a")
    await do(world, triage.comment, world.bea, [(one, 77)], "  looking\x00 at it  ")
    row = await world.incident(one)
    assert row.version == 1
    assert [each.comment for each in (await world.view(one)).events] == ["", "looking at it"]
    with pytest.raises(Invalid, match="empty"):
        await do(world, triage.comment, world.bea, [(one, 1)], " \n ")
    with pytest.raises(Invalid, match="10,001 characters"):
        await do(world, triage.comment, world.bea, [(one, 1)], "x" * 10_001)
    viewer = Actor(world.bea.user_id, "Bea", ROLE_PERMISSIONS[Role.BUSINESS_USER] - {"alert:comment"})
    with pytest.raises(NotAllowed, match="alert:comment"):
        await do(world, triage.comment, viewer, [(one, 1)], "no")


async def test_an_operator_without_an_account_is_named_too(world: World) -> None:
    [one] = await world.open("a")
    operator = Actor(None, "operator:root@here", everything=True)
    await do(world, triage.acknowledge, operator, [(one, 1)])
    with pytest.raises(Conflict, match="already acknowledged by operator:root@here"):
        await do(world, triage.acknowledge, world.olga, [(one, 1)])


# -- two people at once ------------------------------------------------------------------------------------------------

RACER = """
import asyncio, json, sys
from uuid import UUID
from datapulse_tui.alerts.service import triage
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict

async def main(url, user, name):
    data = Database(url)
    actor = Actor(UUID(user), name, frozenset({"alert:view", "alert:triage", "alert:view_all", "alert:triage_all"}))
    await data.warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            async with data.transaction() as session:
                await triage.acknowledge(session, actor, [(UUID(line.strip()), 1)])
            answer = "won"
        except Conflict as error:
            answer = error.message
        print(json.dumps(answer), flush=True)
    await data.dispose()

asyncio.run(main(*sys.argv[1:]))
"""


async def race(world: World, url: str, rounds: int) -> None:
    """Two processes acknowledge the same incident at the same time: one wins, the other is told who."""
    people = (world.olga, world.otto)
    racers = [
        Conversation.begin("-c", RACER, url, str(who.user_id), who.label, environment=os.environ) for who in people
    ]

    async def heard() -> list[bytes]:
        answers = [asyncio.to_thread(racer.answers.readline) for racer in racers]
        return await asyncio.wait_for(asyncio.gather(*answers), 30)

    assert await heard() == [b"ready\n", b"ready\n"]
    wins = {who.label: 0 for who in people}
    for start in range(0, rounds, 50):
        ids = await world.open(*(f"h{number}" for number in range(start, min(start + 50, rounds))))
        for one in ids:
            for racer in racers:
                racer.orders.write(f"{one}\n".encode())
            answers = [json.loads(answer) for answer in await heard()]
            assert answers.count("won") == 1, answers
            winner = people[answers.index("won")]
            loser = next(each for each in answers if each != "won")
            assert f"already acknowledged by {winner.label} at 20" in loser
            wins[winner.label] += 1
            row = await world.incident(one)
            assert (row.status, row.version, row.acknowledged_by) == ("acknowledged", 2, winner.user_id)
            assert await world.events(one) == ["fired", "acknowledged"]
            assert await world.audited(one) == ["incident.opened", "incident.acknowledged"]
    for racer in racers:
        racer.kill()
    assert sum(wins.values()) == rounds


async def test_two_who_acknowledge_at_once_have_one_winner(world: World, database_url: str) -> None:
    await race(world, database_url, 50)


@pytest.mark.soak
async def test_two_who_acknowledge_at_once_have_one_winner_a_thousand_times(world: World, database_url: str) -> None:
    await race(world, database_url, 1_000)


async def test_evaluation_and_people_never_lock_each_other_out(world: World) -> None:
    for _ in range(5):
        ids = await world.open(*(f"h{number}" for number in range(40)))
        rows = await world.rows("SELECT id, series_id FROM alert_incidents WHERE id = ANY(:ids)", ids=ids)
        closings = [
            episodes.Closing(world.rule, datetime.now(UTC), series_id=row.series_id, reason="recovered")
            for row in sorted(rows, key=lambda row: -row.id.int)
        ]

        async def recover(closings: list[episodes.Closing] = closings) -> int:
            async with world.data.transaction() as session:
                await episodes.lock_rules(session, [world.rule])
                return len(await episodes.resolve_many(session, closings))

        outcomes, resolved = await asyncio.gather(
            do(world, triage.acknowledge, world.olga, [(one, 1) for one in sorted(ids)]), recover()
        )
        assert resolved == 40
        assert len(outcomes) == 40


async def test_many_who_act_on_the_same_many_never_lock_each_other_out(world: World) -> None:
    ids = await world.open(*(f"h{number}" for number in range(30)))
    seen = [(one, 1) for one in ids]

    async def one_of(actor: Actor, order: list[tuple[UUID, int]]) -> int:
        return sum(each.done for each in await do(world, triage.acknowledge, actor, order))

    done = await asyncio.gather(
        one_of(world.olga, seen), one_of(world.otto, seen[::-1]), one_of(world.bea, seen[15:] + seen[:15])
    )
    assert sum(done) == 30
    statuses = await world.rows("SELECT DISTINCT status FROM alert_incidents")
    assert [row.status for row in statuses] == [IncidentStatus.ACKNOWLEDGED]
