"""The machinery of effects: once, whole, tried again, and standing with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.audit.actor import Actor
from datapulse_tui.dashboards import service as dashboards
from datapulse_tui.data.database import Database
from datapulse_tui.data.feed import emit
from datapulse_tui.data.feed.messages import CHANNEL, decode
from datapulse_tui.errors import Conflict, NotAllowed, NotFound, Unavailable
from datapulse_tui.jobs.pacemaker import beat
from datapulse_tui.workflows import effects
from datapulse_tui.workflows.jobs import EFFECTS, TIMERS
from datapulse_tui.workflows.types.base import Approved
from datapulse_tui.workflows.types.registry import TYPES
from tests.databases import dsn
from tests.workflows.effects_world import World

WHY = {"reason": "for the review"}
CarryOut = Callable[[AsyncSession, Actor, Approved], Awaitable[str]]


@pytest.fixture
async def world(data: Database) -> World:
    """`ana` asks for Orders of `olga`, who approves it."""
    return World(data)


async def waiting(world: World, name: str = "Orders") -> tuple[Any, Actor, Actor]:
    """An approved request whose effect waits; who asked, and who approved."""
    if await world.rows("SELECT 1 FROM users"):
        people = [await world.actor(row.id) for row in await world.rows("SELECT id FROM users ORDER BY email")]
        ana, olga = people
    else:
        ana, olga = await world.person("ana", "analyst"), await world.person("olga", "analyst")
    await world.dashboard(olga, name)
    return await world.approved("dashboard_access", ana, olga, dashboard=name, **WHY), ana, olga


def replace(monkeypatch: pytest.MonkeyPatch, carry_out: CarryOut) -> None:
    """Have requests for dashboards do something else."""
    monkeypatch.setattr(TYPES["dashboard_access"], "carry_out", carry_out)


async def write_then(session: AsyncSession, authority: Actor, request: Approved) -> None:
    """What an effect leaves everywhere before it fails."""
    from datapulse_tui.data.enqueue import enqueue

    await session.execute(text("UPDATE dashboards SET name = 'half done'"))
    await emit(session, "dashboards")
    await enqueue(session, "housekeeping:prune_jobs")


async def test_two_workers_carry_out_each_effect_once(world: World, database_url: str) -> None:
    requests = [(await waiting(world, f"Orders {number}"))[0] for number in range(12)]
    others = [Database(database_url) for _ in range(3)]
    try:
        tried = await asyncio.gather(*(effects.run_due(each) for each in (world.data, *others)))
    finally:
        await asyncio.gather(*(each.dispose() for each in others))
    assert sum(tried) == 12
    assert await world.effects() == 0
    for each in requests:
        assert (await world.workflow(each)).status == "completed"
        assert len(await world.events(each)) == 1
    assert len(await world.audited("dashboard.shared")) == 12
    assert len(await world.audited("workflow.effect_done")) == 12


async def test_a_failure_leaves_nothing_half_done_and_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, ana, olga = await waiting(world)

    async def broken(session: AsyncSession, authority: Actor, request: Approved) -> str:
        await write_then(session, authority, request)
        raise RuntimeError("password hunter2")

    replace(monkeypatch, broken)
    pauses = []
    for attempt in range(1, 4):
        assert await world.effects() == 1
        assert await world.effects() == 0  # not before its time
        row = await world.workflow(request)
        assert (row.status, row.effect_state, row.effect_attempts) == ("approved", "waiting", attempt)
        pauses.append(round((row.timer_at - row.updated_at).total_seconds()))
        await world.rows("UPDATE workflows SET timer_at = now()")
    assert pauses == [round(each.total_seconds()) for each in effects.RETRY_AFTER]
    assert await world.effects() == 1
    row = await world.workflow(request)
    assert (row.effect_state, row.effect_attempts, row.timer_at) == ("failed", 4, None)
    assert row.effect_reason == "an unexpected error (RuntimeError); the log of the worker says more"
    assert await world.events(request) == [("effect_failed", row.effect_reason)]
    assert await world.one("SELECT name FROM dashboards") == "Orders"
    assert await world.rows("SELECT 1 FROM procrastinate_jobs WHERE task_name = 'housekeeping:prune_jobs'") == []
    (record,) = await world.audited("workflow.effect_failed")
    assert record.details["note"]["requester"] == "Ana <ana@example.org>"
    assert record.details["note"]["approver"] == olga.label
    assert ana.label == "Ana"


@pytest.mark.parametrize(("error", "state"), [(Conflict, "waiting"), (Unavailable, "waiting"), (NotAllowed, "failed")])
async def test_what_passes_is_tried_again_and_what_stays_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch, error: type[Exception], state: str
) -> None:
    request, *_ = await waiting(world)

    async def refuses(session: AsyncSession, authority: Actor, request: Approved) -> str:
        raise error("The house is closed. Nothing was changed.")

    replace(monkeypatch, refuses)
    assert await world.effects() == 1
    row = await world.workflow(request)
    assert (row.effect_state, row.effect_reason) == (state, "The house is closed.")


async def test_an_error_of_the_database_is_taken_back_as_well(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    request, *_ = await waiting(world)
    other, *_ = await waiting(world, "Other")

    async def breaks(session: AsyncSession, authority: Actor, request: Approved) -> str:
        if request.subject.endswith("Other"):
            return "nothing to do"
        await write_then(session, authority, request)
        await session.execute(text("SELECT 1 / 0"))
        return ""

    replace(monkeypatch, breaks)
    assert await world.effects() == 2
    assert (await world.workflow(request)).effect_state == "waiting"
    assert (await world.workflow(other)).status == "completed"  # one that fails holds up no other
    assert sorted(row.name for row in await world.rows("SELECT name FROM dashboards")) == ["Orders", "Other"]


async def test_a_lost_connection_counts_as_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    request, *_ = await waiting(world)
    backend = "SELECT pg_terminate_backend(pg_backend_pid())"

    async def dies(session: AsyncSession, authority: Actor, request: Approved) -> str:
        await write_then(session, authority, request)
        await session.execute(text(backend))
        return ""

    with monkeypatch.context() as patch:
        replace(patch, dies)
        with pytest.raises(Unavailable):
            await world.effects()
    row = await world.workflow(request)
    assert (row.effect_state, row.effect_attempts, row.timer_at) == ("waiting", 0, None)
    assert await world.effects() == 1
    assert (await world.workflow(request)).status == "completed"


async def test_run_again(world: World) -> None:
    request, ana, olga = await waiting(world)
    await world.rows("UPDATE users SET status = 'inactive' WHERE id = :id", id=ana.user_id)
    await world.effects()
    assert (await world.workflow(request)).effect_reason == "The account of Ana is not active."
    await world.rows("UPDATE users SET status = 'active' WHERE id = :id", id=ana.user_id)
    bob, ann = await world.person("bob", "ops_manager"), await world.person("ann", "admin")
    for actor, error in ((bob, NotFound), (ana, NotAllowed)):
        with pytest.raises(error):
            async with world.data.transaction() as session:
                await effects.run_again(session, actor, request)
    async with world.data.transaction() as session:
        await effects.run_again(session, ann, request)
    row = await world.workflow(request)
    assert (row.effect_state, row.effect_attempts, row.effect_reason) == ("waiting", 0, None)
    assert await world.one("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :name", name=EFFECTS) == 1
    with pytest.raises(Conflict):
        async with world.data.transaction() as session:
            await effects.run_again(session, olga, request)
    assert await world.effects() == 1
    assert (await world.workflow(request)).status == "completed"
    assert len(await world.audited("workflow.effect_run_again")) == 1
    assert olga.user_id == row.approver_id


async def test_whoever_approved_runs_it_again(world: World) -> None:
    request, ana, olga = await waiting(world)
    await world.rows("UPDATE users SET status = 'inactive' WHERE id = :id", id=ana.user_id)
    await world.effects()
    async with world.data.transaction() as session:
        await effects.run_again(session, olga, request)
    assert (await world.workflow(request)).effect_state == "waiting"


@pytest.mark.parametrize("how", ["by hand", "through a substitute"])
async def test_nothing_is_given_by_whom_it_is_about(world: World, how: str) -> None:
    """What the service must refuse, and the database cannot know, does not get as far as an effect."""
    bob, zoe = await world.person("bob"), await world.person("zoe", "admin")
    ann = await world.person("ann", "admin")
    await world.dashboard(ann, "Private")
    request = await world.request("role_grant", bob, role="admin", person="bob@example.org", **WHY)
    await world.rows(
        "UPDATE workflows SET details = jsonb_set(details, '{refused}', to_jsonb(ARRAY[:who])) WHERE id = :id",
        id=request, who=str(zoe.user_id),
    )  # fmt: skip
    if how == "by hand":
        await world.approve(request, zoe)
    else:
        await world.approve(request, ann, principal=zoe)
    await world.effects()
    row = await world.workflow(request)
    assert (row.effect_state, row.effect_reason) == ("failed", "It was approved by or for somebody whom it is about.")
    assert (await world.actor(bob.user_id)).role == "business_user"


async def test_a_type_that_is_gone_fails_with_words(world: World) -> None:
    request, *_ = await waiting(world)
    await world.rows("UPDATE workflows SET type = 'coffee'")
    assert await world.effects() == 1
    assert "no type of request called 'coffee'" in (await world.workflow(request)).effect_reason


async def test_desks_and_people_are_told_with_the_change(world: World, database_url: str) -> None:
    await world.rows("INSERT INTO notification_channels (name, type, is_default) VALUES ('mail', 'email', true)")
    done, ana, _ = await waiting(world)
    heard: set[str] = set()
    async with await psycopg.AsyncConnection.connect(dsn(database_url), autocommit=True) as line:
        await line.execute(f"LISTEN {CHANNEL}")
        await world.effects()
        async for each in line.notifies(timeout=5, stop_after=2):
            heard.add(decode(each.payload)[0])
    assert heard >= {"dashboards", "workflows"}
    failing, _, _ = await waiting(world, "Second")
    await world.rows("UPDATE users SET status = 'inactive' WHERE id = :id", id=ana.user_id)
    await world.effects()
    told = [(row.address, row.payload["title"], row.payload["number"]) for row in await world.rows("TABLE deliveries")]
    numbers = [(await world.workflow(each)).number for each in (done, failing)]
    assert sorted(told) == [
        ("ana@example.org", "Done: Ana: view Orders", numbers[0]),
        ("olga@example.org", "Not carried out: Ana: view Second", numbers[1]),
    ]


async def test_the_pacemaker_finds_what_is_due(world: World) -> None:
    async def queued() -> set[str]:
        rows = await world.rows("DELETE FROM procrastinate_jobs WHERE task_name LIKE 'workflows:%' RETURNING task_name")
        return {row.task_name for row in rows}

    request, ana, olga = await waiting(world)
    await beat(world.data)
    await beat(world.data)
    assert await queued() == {EFFECTS}
    await world.rows("UPDATE workflows SET timer_at = now() + interval '1 hour'")
    await beat(world.data)
    assert await queued() == set()
    await world.effects()
    pending = await world.request("free_form", ana, subject="a chair")
    await beat(world.data)
    assert await queued() == set()
    await world.rows("UPDATE workflows SET timer_at = now() WHERE id = :id", id=pending)
    await beat(world.data)
    assert await queued() == {TIMERS}
    assert (await world.workflow(request)).effect_state == "waiting"
    assert olga.label == "Olga"


async def test_a_share_is_seen_by_its_owner_as_theirs(world: World) -> None:
    """What an effect does is what a person could have done: the owner sees it and can take it back."""
    _, ana, olga = await waiting(world)
    await world.effects()
    (dashboard,) = await world.rows("SELECT d.id, s.shared_by FROM dashboards d JOIN dashboard_shares s ON true")
    assert dashboard.shared_by == olga.user_id
    async with world.data.transaction() as session:
        await dashboards.unshare(session, olga, dashboard.id, ana.email)
