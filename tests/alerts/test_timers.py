"""What happens by itself: repeats, escalations, notices and ends, once each, however many workers look."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from datapulse_tui.alerts import timers
from datapulse_tui.alerts.service import snoozes, triage
from datapulse_tui.data.database import Database
from tests.alerts.conftest import MakeQuery, MakeRule, MakeSource, MakeUser
from tests.alerts.inbox_world import World, make_world


@pytest.fixture
async def world(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> World:
    return await make_world(data, make_user, make_source, make_query, make_rule)


async def pass_time(world: World, seconds: int) -> None:
    """As if so much time had gone by for incidents and snoozes."""
    values = {"seconds": seconds}
    back = "- make_interval(secs => :seconds)"
    await world.rows(
        f"UPDATE alert_incidents SET repeat_at = repeat_at {back}, escalate_at = escalate_at {back}, "
        f"timer_at = timer_at {back}",
        **values,
    )
    await world.rows(
        f"UPDATE alert_snoozes SET until = until {back}, notice_at = notice_at {back}, created_at = created_at {back}",
        **values,
    )


async def kinds(world: World, incident_id: UUID) -> list[str]:
    return [f"{kind} {status}" for kind, status, _ in await world.deliveries(incident_id)]


async def test_nothing_is_due_at_first(world: World) -> None:
    await world.open("a")
    assert await timers.run_due(world.data) == 0


async def test_what_nobody_takes_escalates_and_is_repeated(world: World) -> None:
    [one] = await world.open("a")
    await pass_time(world, 901)
    assert await timers.run_due(world.data) == 1
    row = await world.incident(one)
    assert row.escalated_at is not None
    assert (row.escalate_at, row.timer_at, row.version) == (None, row.repeat_at, 1)
    assert 14_300 < (row.repeat_at - datetime.now(UTC)).total_seconds() < 14_401
    assert await kinds(world, one) == ["trigger pending", "escalation pending"]
    assert await timers.run_due(world.data) == 0
    await pass_time(world, 14_401)
    assert await timers.run_due(world.data) == 1
    assert sorted(await kinds(world, one)) == [
        "escalation pending", "escalation pending", "repeat pending", "trigger pending",
    ]  # fmt: skip
    assert await world.events(one) == ["fired", "escalated", "repeated"]
    assert await world.audited(one) == ["incident.opened", "incident.escalated"]
    concerned = await world.rows("SELECT user_id FROM alert_notifications WHERE incident_id = :id", id=one)
    assert {row.user_id for row in concerned} == {world.bea.user_id, world.otto.user_id}


async def test_what_somebody_took_or_silenced_rests(world: World) -> None:
    taken, silent = await world.open("a", "b")
    async with world.data.transaction() as session:
        await triage.acknowledge(session, world.olga, [(taken, 1)])
        later = datetime.now(UTC) + timedelta(hours=4)
        await snoozes.snooze(session, world.olga, [(silent, 1)], kind="until_time", until=later, reason="known")
    await pass_time(world, 3_600)
    await world.rows("UPDATE alert_incidents SET timer_at = now(), repeat_at = now() WHERE id = :id", id=taken)
    assert await timers.run_due(world.data) == 1
    assert await kinds(world, taken) == ["trigger cancelled"]
    assert await kinds(world, silent) == ["trigger cancelled"]
    assert (await world.incident(taken)).timer_at is None


async def test_whoever_snoozed_is_told_before_it_ends_and_then_it_ends(world: World) -> None:
    [one] = await world.open("a")
    async with world.data.transaction() as session:
        later = datetime.now(UTC) + timedelta(hours=1)
        await snoozes.snooze(session, world.olga, [(one, 1)], kind="until_time", until=later, reason="known")
    await pass_time(world, 45 * 60 + 1)
    assert await timers.run_due(world.data) == 1
    assert await timers.run_due(world.data) == 0
    [notice] = await world.rows("SELECT * FROM deliveries WHERE kind = 'notice'")
    assert (notice.user_id, notice.address, notice.status) == (world.olga.user_id, "olga@example.org", "pending")
    assert notice.payload["title"] == "your snooze of checkout errors: host=a is about to end"
    assert "because: known" in notice.payload["comment"]
    await pass_time(world, 15 * 60)
    assert await timers.run_due(world.data) == 1
    assert (await world.incident(one)).status == "triggered"
    assert await kinds(world, one) == ["trigger cancelled", "notice pending", "update pending"]
    [ended] = await world.rows("SELECT * FROM alert_snoozes")
    assert ended.ended_at is not None
    assert ended.ended_by is None
    assert (await world.view(one)).events[-1].details == {"why": "its time is over"}


async def test_many_workers_do_everything_once(world: World) -> None:
    hosts = [f"h{number}" for number in range(1_203)]
    ids = await world.open(*hosts)
    assert len(ids) == len(hosts)
    await pass_time(world, 901)
    done = await asyncio.gather(*(timers.run_due(world.data) for _ in range(3)))
    assert sum(done) == len(hosts)
    counted = await world.rows("SELECT kind, count(*) AS number FROM deliveries GROUP BY kind ORDER BY kind")
    assert [(row.kind, row.number) for row in counted] == [("escalation", 1_203), ("trigger", 1_203)]
    events = await world.rows("SELECT kind, count(*) AS number FROM incident_events GROUP BY kind ORDER BY kind")
    assert [(row.kind, row.number) for row in events] == [("escalated", 1_203), ("fired", 1_203)]


async def test_snoozes_end_once_however_many_workers_look(world: World) -> None:
    ids = await world.open(*(f"h{number}" for number in range(20)))
    async with world.data.transaction() as session:
        later = datetime.now(UTC) + timedelta(minutes=5)
        seen = [(one, 1) for one in ids]
        await snoozes.snooze(session, world.olga, seen, kind="until_time", until=later, reason="known")
    await pass_time(world, 301)
    done = await asyncio.gather(*(timers.run_due(world.data) for _ in range(3)))
    assert sum(done) == 20
    updates = await world.rows("SELECT count(*) AS number FROM deliveries WHERE kind = 'update'")
    assert updates[0].number == 20


async def test_a_batch_that_dies_leaves_everything_due(world: World) -> None:
    [one] = await world.open("a")
    await pass_time(world, 901)
    with pytest.raises(RuntimeError):
        async with world.data.transaction() as session:
            assert await timers.run_incidents(session) == 1
            raise RuntimeError("killed")
    assert await kinds(world, one) == ["trigger pending"]
    assert await timers.run_due(world.data) == 1
    assert await kinds(world, one) == ["trigger pending", "escalation pending"]
