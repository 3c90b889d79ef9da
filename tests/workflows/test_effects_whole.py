"""From the wish to its fulfilment through the services, by a worker that nobody tells what to do."""

from __future__ import annotations

from uuid import UUID

import pytest

from datapulse_tui.dashboards import reads
from datapulse_tui.data.database import Database
from datapulse_tui.errors import DataPulseError, NotFound
from datapulse_tui.workflows.reads.detail import get_request
from datapulse_tui.workflows.service import decisions, requests
from tests.jobs.conftest import nothing_regular_is_due
from tests.jobs.support import until, working
from tests.workflows.effects_world import World

__all__ = ["nothing_regular_is_due"]

WHY = {"reason": "for the review"}


@pytest.fixture
def world(data: Database, home: object) -> World:
    return World(data)


async def test_a_dashboard_is_asked_for_approved_and_opened(world: World, database_url: str) -> None:
    ana, olga = await world.person("ana", "analyst"), await world.person("olga", "analyst")
    bob = await world.person("bob", "admin")
    orders = await world.dashboard(olga)
    async with world.data.transaction() as session:
        request = await requests.create(session, ana, "dashboard_access", {"dashboard": "Orders", **WHY})
    for nobody in (ana, bob):  # oneself, and an administrator as long as it is the owner's to say
        with pytest.raises(DataPulseError):
            async with world.data.transaction() as session:
                await decisions.approve(session, nobody, [(request, 1)])
    async with world.data.transaction() as session:
        (outcome,) = await decisions.approve(session, olga, [(request, 1)])
    assert outcome.done
    await world.rows("UPDATE workflows SET final_at = now(), timer_at = now()")  # as if 10 s had gone by
    async with working(database_url):
        await until(lambda: completed(world, request))
    async with world.data.reading() as session:
        assert (await reads.get_dashboard(session, ana, orders)).name == "Orders"
        view = await get_request(session, ana, request)
    assert view.effect == "Ana gets view on Orders"
    assert [event.kind for event in view.events] == ["requested", "voted", "decided", "effect_done"]
    with pytest.raises(NotFound):
        async with world.data.reading() as session:
            await reads.get_dashboard(session, await world.person("zoe", "analyst"), orders)


async def completed(world: World, request: UUID) -> bool:
    return bool((await world.workflow(request)).status == "completed")


async def test_nobody_gets_a_right_by_their_own_vote(world: World) -> None:
    """Asked for by a friend, for an administrator's substitute, and the other way round."""
    bob, ann, zoe = (
        await world.person("bob"),
        await world.person("ann", "admin"),
        await world.person("zoe", "ops_manager"),
    )
    await world.rows(
        "INSERT INTO delegations (principal_id, substitute_id, starts_at, ends_at) "
        "VALUES (:ann, :zoe, now() - interval '1 hour', now() + interval '1 day')",
        ann=ann.user_id, zoe=zoe.user_id,
    )  # fmt: skip
    async with world.data.transaction() as session:
        fields = {"role": "admin", "person": "zoe@example.org", **WHY}
        request = await requests.create(session, bob, "role_grant", fields)
    with pytest.raises(DataPulseError, match="about you"):
        async with world.data.transaction() as session:
            await decisions.approve(session, zoe, [(request, 1)])
    async with world.data.transaction() as session:
        await decisions.approve(session, ann, [(request, 1)])
    role = await world.role("admin", "workflow:decide", "workflow:comment")
    await world.rows("INSERT INTO user_roles (user_id, role_id) VALUES (:bob, :role)", bob=bob.user_id, role=role)
    async with world.data.transaction() as session:
        request = await requests.create(session, zoe, "role_grant", {"role": "admin", **WHY})
    bob = await world.actor(bob.user_id)
    assert bob.can("workflow:decide")
    with pytest.raises(DataPulseError):  # a custom role called admin makes no administrator
        async with world.data.transaction() as session:
            await decisions.approve(session, bob, [(request, 1)])
    assert (await world.actor(zoe.user_id)).role == "ops_manager"
