"""What happens to requests by itself: final, reminded, escalated, expired; each once, whoever else works."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from datapulse_tui.workflows.rules import Priority, Scope
from datapulse_tui.workflows.service import decisions, requests
from tests.workflows.conftest import ADMINS, Office


async def test_a_late_request_escalates_once_and_is_reminded_of(office: Office) -> None:
    one = await office.ask(priority=Priority.HIGH, words=f"user:{office.olga.user_id}", fallback=ADMINS)
    assert await office.tick() == 0
    await office.elapse(one, hours=2, minutes=1)
    assert await office.tick() == 1
    assert await office.events(one) == ["requested", "reminded"]
    assert await office.told("Still waits") == [("olga", "Still waits for you: a day off")]
    assert await office.tick() == 0
    assert await office.subjects(office.ada) == []
    await office.elapse(one, hours=2)
    assert [row.subject for row in await office.list(office.olga, filter="late:yes")] == ["a day off"]
    assert await office.tick() == 1
    assert await office.events(one) == ["requested", "reminded", "escalated"]
    assert await office.told("Late") == [("ada", "Late: a day off"), ("olga", "Late: a day off")]
    assert await office.subjects(office.ada) == ["a day off"]
    assert (await office.request(one)).audience == [f"user:{office.olga.user_id}", ADMINS]
    view = await office.view(office.bea, one)
    assert view.waits_for == "the deciders or, since it is late, the fall-back"
    assert view.row.escalated_at is not None
    await office.elapse(one, hours=3, minutes=59)
    assert await office.tick() == 0, "at most one reminder in four hours"
    await office.elapse(one, minutes=2)
    assert await office.tick() == 1
    assert await office.events(one) == ["requested", "reminded", "escalated", "reminded"]
    await office.do(decisions.claim, office.ada, one)
    await office.elapse(one, hours=4, minutes=1)
    await office.tick()
    told = [who for who, title in await office.told("Still waits")]
    assert sorted(told) == ["ada", "ada", "olga", "olga"], "whoever has it is reminded alone"
    await office.approve(office.ada, one)


async def test_what_nobody_decides_expires(office: Office) -> None:
    one, asked = await office.ask(), await office.ask()
    await office.do(decisions.ask_information, office.olga, asked, question="why?")
    for each in (one, asked):
        await office.elapse(each, days=30, minutes=1)
    assert await office.tick() == 2
    for each in (one, asked):
        row = await office.request(each)
        assert (row.status, row.outcome, row.timer_at) == ("rejected", "expired", None)
        assert (await office.events(each))[-1] == "expired"
    assert await office.told("Expired") == [("bea", "Expired: a day off")] * 2
    assert await office.tick() == 0
    assert await office.subjects(office.bea, Scope.MINE, "state:expired") == ["a day off"] * 2


async def test_a_decision_that_is_provisional_comes_before_expiry(office: Office) -> None:
    one = await office.ask()
    await office.approve(office.olga, one)
    await office.elapse(one, days=31)
    await office.tick()
    assert (await office.request(one)).outcome == "approved"


async def test_several_workers_do_each_once(office: Office) -> None:
    ids = [await office.ask(type="deed", what=f"deed {n}") for n in range(20)]
    await office.approve(office.olga, *ids)
    for each in ids:
        await office.elapse(each, seconds=11)
    async with office.other() as there:
        done = await asyncio.gather(office.tick(), there.tick(), office.tick())
    assert sum(done) == 20
    for each in ids:
        assert (await office.events(each)).count("decided") == 1
    found = await office.rows("SELECT 1 FROM audit_logs WHERE action = 'workflow.approved'")
    assert len(found) == 20


async def test_a_batch_that_is_killed_was_never_there(office: Office) -> None:
    one = await office.ask(type="deed")
    await office.approve(office.olga, one)
    await office.elapse(one, seconds=11)
    from datapulse_tui.workflows import timers

    async with office.data.transaction() as session:
        assert await timers.run_batch(session) == 1
        await session.rollback()
    assert (await office.request(one)).status == "pending"
    assert await office.rows("SELECT 1 FROM procrastinate_jobs WHERE task_name = 'workflows:effects'") == []
    assert await office.tick() == 1
    assert (await office.request(one)).status == "approved"


async def test_what_a_person_holds_is_passed_over(office: Office) -> None:
    held, free = await office.ask(what="held"), await office.ask(what="free")
    await office.approve(office.olga, held, free)
    for each in (held, free):
        await office.elapse(each, seconds=11)
    async with office.other() as there, there.data.transaction() as session:
        await session.execute(text("SELECT 1 FROM workflows WHERE id = :id FOR UPDATE"), {"id": held})
        assert await office.tick() == 1
    assert (await office.request(free)).status == "approved"
    assert (await office.request(held)).status == "pending"
    assert await office.tick() == 1


async def test_a_type_that_is_gone_leaves_its_effect_to_fail_visibly(office: Office) -> None:
    one = await office.ask(type="deed")
    await office.rows("UPDATE workflows SET type = 'gone_type' WHERE id = :id", id=one)
    [row] = await office.list(office.olga)
    assert row.type_title == "gone type"
    assert (await office.view(office.olga, one)).values[0] == ("what", "a day off")
    await office.approve(office.olga, one)
    await office.settle(one)
    assert (await office.request(one)).effect_state == "waiting"


async def test_nobody_is_told_where_no_channel_is_set_up(office: Office) -> None:
    await office.rows("DELETE FROM notification_channels")
    one = await office.ask()
    await office.approve(office.olga, one)
    await office.settle(one)
    assert await office.rows("SELECT 1 FROM deliveries") == []


async def test_a_decision_without_its_votes_is_none(office: Office) -> None:
    one = await office.ask()
    await office.rows("UPDATE workflows SET final_at = now(), timer_at = now() WHERE id = :id", id=one)
    assert await office.tick() == 1
    assert await office.tick() == 1
    row = await office.request(one)
    assert (row.status, row.final_at) == ("pending", None)
    assert row.timer_at > row.created_at
    assert await office.tick() == 0


async def test_a_decision_wakes_what_waits_for_it(office: Office) -> None:
    ids = [await office.ask(what=f"wait {n}") for n in range(3)]
    for each in ids:
        await office.rows(
            "WITH a AS (INSERT INTO alerts (user_id, name, metric, threshold_type, threshold_value) "
            "VALUES (:me, CAST(:name AS text), 'value', 'above', 1) RETURNING id) "
            "INSERT INTO alert_snoozes (alert_id, kind, until, reason, workflow_id, created_by) "
            "SELECT id, 'until_workflow', now() + interval '1 d', 'r', CAST(:id AS uuid), :me FROM a",
            me=office.olga.user_id, name=str(each), id=each,
        )  # fmt: skip
    await office.approve(office.olga, ids[0])
    assert await office.rows("SELECT 1 FROM alert_snoozes WHERE ended_at IS NOT NULL") == []
    await office.settle(ids[0])
    await office.do(requests.withdraw, office.bea, ids[1])
    await office.elapse(ids[2], days=31)
    await office.tick()
    found = await office.rows("SELECT workflow_id FROM alert_snoozes WHERE ended_at IS NOT NULL")
    assert {row.workflow_id for row in found} == set(ids)
