"""What each type does: asked for, approved, carried out, and then really there for whoever asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from datapulse_tui.alerts.rules import SnoozeKind
from datapulse_tui.alerts.service import snoozes
from datapulse_tui.audit.actor import Actor
from datapulse_tui.dashboards import reads as dashboards
from datapulse_tui.dashboards import service as dashboard_service
from datapulse_tui.dashboards.rules import Permission
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, NotFound
from datapulse_tui.people import service as people
from datapulse_tui.sources import service as sources
from datapulse_tui.workflows.effects import authority
from datapulse_tui.workflows.types.base import Approved
from datapulse_tui.workflows.types.registry import type_of
from tests.workflows.effects_world import World

WHY = {"reason": "for the review"}
OPERATOR = Actor(None, "operator:tester@here", everything=True)


@pytest.fixture
def world(data: Database) -> World:
    return World(data)


async def carried_out(world: World, request: UUID) -> str:
    """Carry out what waits; returns what was done, which the history says."""
    assert await world.effects() == 1
    row = await world.workflow(request)
    assert (row.status, row.effect_state, row.effect_reason) == ("completed", "done", None), row.effect_reason
    assert row.resolved_at is not None
    ((kind, words),) = await world.events(request)
    assert kind == "effect_done"
    return words


async def failed(world: World, request: UUID) -> str:
    """Carry out what waits; returns why it could not be."""
    assert await world.effects() == 1
    row = await world.workflow(request)
    assert (row.status, row.effect_state, row.resolved_at) == ("approved", "failed", None)
    assert await world.events(request) == [("effect_failed", row.effect_reason)]
    return str(row.effect_reason)


async def again(world: World, request: UUID, approver: Actor) -> str:
    """The effect a second time, past the state that would not let it."""
    row = await world.workflow(request)
    approved = Approved(
        row.id, row.number, row.type, row.subject, row.details, row.requester_id, "who", approver.user_id, "by"
    )  # type: ignore[arg-type]
    async with world.data.transaction() as session:
        return await type_of(row.type).carry_out(session, authority(approved), approved)


async def opened(world: World, actor: Actor, dashboard: UUID) -> Permission:
    async with world.data.reading() as session:
        return (await dashboards.get_dashboard(session, actor, dashboard)).permission


async def names_both(world: World, action: str, approver: Actor, requester: str) -> None:
    """The record of the change is the approver's, and says on whose request."""
    (row,) = await world.audited(action)
    assert row.user_id == approver.user_id
    assert re.fullmatch(rf"request #\d+ of {re.escape(requester)}", row.actor)
    (done,) = await world.audited("workflow.effect_done")
    assert requester in done.details["note"]["requester"]
    assert done.details["note"]["approver"] == approver.label


async def test_a_dashboard_can_be_opened_and_edited_afterwards(world: World) -> None:
    olga, ana = await world.person("olga", "analyst"), await world.person("ana", "analyst")
    orders = await world.dashboard(olga)
    with pytest.raises(NotFound):
        await opened(world, ana, orders)
    request = await world.approved("dashboard_access", ana, olga, dashboard="Orders", permission="edit", **WHY)
    row = await world.workflow(request)
    assert type_of("dashboard_access").effect_text(row.details) == "Ana gets edit on Orders"
    assert await carried_out(world, request) == "Ana got edit on Orders"
    assert await opened(world, ana, orders) is Permission.EDIT
    await names_both(world, "dashboard.shared", olga, "Ana <ana@example.org>")
    assert await again(world, request, olga) == "Ana had edit on Orders already"
    assert len(await world.audited("dashboard.shared")) == 1


async def test_access_never_takes_away(world: World) -> None:
    """Somebody who got more meanwhile keeps it."""
    olga, ana = await world.person("olga", "analyst"), await world.person("ana", "analyst")
    orders = await world.dashboard(olga)
    request = await world.approved("dashboard_access", ana, olga, dashboard="Orders", **WHY)
    async with world.data.transaction() as session:
        await dashboard_service.share(session, olga, orders, ana.email, "edit")
    assert "already" in await carried_out(world, request)
    assert await opened(world, ana, orders) is Permission.EDIT


async def test_a_public_dashboard_can_be_opened_by_everybody(world: World) -> None:
    ana, olga = await world.person("ana", "analyst"), await world.person("olga", "ops_manager")
    bob = await world.person("bob")
    orders = await world.dashboard(ana)
    request = await world.approved("dashboard_publication", ana, olga, dashboard="Orders", **WHY)
    assert await carried_out(world, request) == "Orders is public"
    assert await opened(world, bob, orders) is Permission.VIEW
    await names_both(world, "dashboard.published", olga, "Ana <ana@example.org>")
    assert await again(world, request, olga) == "Orders was public already"


@pytest.mark.parametrize("kind", ["dashboard_access", "dashboard_publication"])
async def test_a_dashboard_that_is_gone(world: World, kind: str) -> None:
    ana, ann = await world.person("ana", "analyst"), await world.person("ann", "admin")
    owner = ana if kind == "dashboard_publication" else await world.person("olga", "analyst")
    orders = await world.dashboard(owner)
    request = await world.approved(kind, ana, ann, dashboard="Orders", **WHY)
    async with world.data.transaction() as session:
        await dashboard_service.delete(session, ann, orders)
    assert await failed(world, request) == "The dashboard Orders is gone."


async def test_a_built_in_role_is_there_afterwards(world: World) -> None:
    bob, ann = await world.person("bob"), await world.person("ann", "admin")
    assert not bob.can("source:query")
    request = await world.approved("role_grant", bob, ann, role="analyst", **WHY)
    assert await carried_out(world, request) == "Bob got the role analyst"
    assert (await world.actor(bob.user_id)).can("source:query")
    await names_both(world, "user.role_set", ann, "Bob <bob@example.org>")
    assert await again(world, request, ann) == "Bob was analyst already"


async def test_a_role_never_takes_away(world: World) -> None:
    bob, ann = await world.person("bob"), await world.person("ann", "admin")
    request = await world.approved("role_grant", bob, ann, role="analyst", **WHY)
    async with world.data.transaction() as session:
        await people.set_role(session, ann, bob.user_id, "ops_manager")  # type: ignore[arg-type]
    assert await carried_out(world, request) == "Bob was ops manager already"
    assert (await world.actor(bob.user_id)).role == "ops_manager"


async def test_a_custom_role_is_there_afterwards(world: World) -> None:
    bob, ann = await world.person("bob"), await world.person("ann", "admin")
    await world.role("auditor", "audit:view", "made:up")
    request = await world.approved("role_grant", bob, ann, role="auditor", **WHY)
    assert await carried_out(world, request) == "Bob got the role auditor"
    now = await world.actor(bob.user_id)
    assert now.can("audit:view")
    assert not now.can("made:up")
    assert now.role == "business_user"
    await names_both(world, "user.role_assigned", ann, "Bob <bob@example.org>")
    assert await again(world, request, ann) == "Bob had the role already"


async def test_a_custom_role_that_may_do_more_than_was_approved(world: World) -> None:
    bob, ann = await world.person("bob"), await world.person("ann", "admin")
    role = await world.role("auditor", "audit:view")
    request = await world.approved("role_grant", bob, ann, role="auditor", **WHY)
    await world.rows('UPDATE roles SET permissions = \'["audit:view", "user:set_role"]\' WHERE id = :id', id=role)
    assert await failed(world, request) == (
        "The role auditor was changed since it was asked for: now it has user:set_role as well."
    )
    assert not (await world.actor(bob.user_id)).can("audit:view")


async def test_a_custom_role_called_admin_is_none(world: World) -> None:
    """A built-in role wins over a custom one of its name, and who has the custom one is no administrator."""
    bob = await world.person("bob")
    await world.role("admin", "workflow:decide")
    prepared = await world.prepared("role_grant", bob, role="admin", **WHY)
    assert prepared.details["role"]["id"] == ""
    assert prepared.audience.words == ("role:admin",)


async def test_an_account_is_active_afterwards(world: World) -> None:
    ana, ann = await world.person("ana", "analyst"), await world.person("ann", "admin")
    pat = await world.person("pat", "analyst", status="pending")
    await world.rows("UPDATE users SET password = 'a hash' WHERE id = :id", id=pat.user_id)
    with pytest.raises(NotFound):
        await world.actor(pat.user_id)
    request = await world.approved("user_activation", ana, ann, person="PAT@example.org", **WHY)
    assert await carried_out(world, request) == "Pat is active"
    assert (await world.actor(pat.user_id)).can("source:query")
    await names_both(world, "user.activated", ann, "Ana <ana@example.org>")
    assert await again(world, request, ann) == "Pat was active already"


@pytest.mark.parametrize("status", ["pending", "inactive"])
async def test_an_account_without_a_password_is_invited(world: World, status: str) -> None:
    ana, ann = await world.person("ana", "analyst"), await world.person("ann", "admin")
    pat = await world.person("pat", "analyst", status=status)
    request = await world.approved("user_activation", ana, ann, person="pat@example.org", **WHY)
    assert "there is no e-mail channel" in await carried_out(world, request)
    [row] = await world.rows("SELECT status, password FROM users WHERE id = :id", id=pat.user_id)
    assert tuple(row) == ("pending", "!")
    [count] = await world.rows("SELECT count(*) FROM invitations WHERE accepted_at IS NULL AND revoked_at IS NULL")
    assert count == (1,)
    await names_both(world, "user.invited", ann, "Ana <ana@example.org>")


async def test_an_account_that_may_do_more_than_was_approved(world: World) -> None:
    ana, ann = await world.person("ana", "analyst"), await world.person("ann", "admin")
    pat = await world.person("pat", status="inactive")
    request = await world.approved("user_activation", ana, ann, person="pat@example.org", **WHY)
    await world.rows("UPDATE users SET role = 'admin' WHERE id = :id", id=pat.user_id)
    assert "another role" in await failed(world, request)


async def test_a_source_can_be_queried_afterwards(world: World) -> None:
    ana, ann = await world.person("ana", "analyst"), await world.person("ann", "admin")
    await world.source()
    request = await world.approved("data_source_access", ana, ann, source="warehouse", **WHY)
    assert await carried_out(world, request) == "Ana may query warehouse"
    async with world.data.reading() as session:
        assert (await sources.authorise(session, ana, "warehouse")).name == "warehouse"
    await names_both(world, "source.granted", ann, "Ana <ana@example.org>")
    assert await again(world, request, ann) == "Ana had the grant of warehouse already"


async def test_nobody_who_left_is_given_anything(world: World) -> None:
    ana, ann = await world.person("ana", "analyst"), await world.person("ann", "admin")
    await world.source()
    await world.dashboard(ann)
    requests = [
        await world.approved("data_source_access", ana, ann, source="warehouse", **WHY),
        await world.approved("role_grant", ana, ann, role="admin", **WHY),
        await world.approved("dashboard_access", ana, ann, dashboard="Orders", **WHY),
    ]
    await world.rows("UPDATE users SET status = 'inactive' WHERE id = :id", id=ana.user_id)
    assert await world.effects() == 3
    for each in requests:
        assert (await world.workflow(each)).effect_reason == "The account of Ana is not active."


async def test_a_source_is_gone_afterwards(world: World) -> None:
    ana, ann, amy = [
        await world.person(nick, role) for nick, role in (("ana", "analyst"), ("ann", "admin"), ("amy", "admin"))
    ]
    source = await world.source()
    async with world.data.transaction() as session:
        await sources.grant_source(session, ann, source, "ana@example.org")
    request = await world.approved("data_source_deletion", ana, ann, amy, source="warehouse", **WHY)
    assert await carried_out(world, request) == "the source warehouse is deleted"
    assert await world.rows("SELECT 1 FROM data_sources") == []
    assert await world.rows("SELECT 1 FROM data_source_grants") == []
    await names_both(world, "source.deleted", amy, "Ana <ana@example.org>")
    assert await again(world, request, amy) == "the source warehouse was gone already"


async def test_a_source_that_came_into_use_stays(world: World) -> None:
    ana, ann, amy = [
        await world.person(nick, role) for nick, role in (("ana", "analyst"), ("ann", "admin"), ("amy", "admin"))
    ]
    source = await world.source()
    request = await world.approved("data_source_deletion", ana, ann, amy, source="warehouse", **WHY)
    await world.query(ana, source)
    dashboard = await world.dashboard(ana)
    await world.rows(
        "INSERT INTO widgets (dashboard_id, data_source_id, type) VALUES (:d, :s, 'table'), (:d, :s, 'table')",
        d=dashboard, s=source,
    )  # fmt: skip
    assert await failed(world, request) == (
        "The source warehouse is in use: dashboard Orders of Ana, query revenue of Ana."
    )
    with pytest.raises(Conflict, match="dashboard Orders of Ana"):
        async with world.data.transaction() as session:
            await sources.delete_source(session, OPERATOR, "warehouse")
    assert await world.rows("SELECT 1 FROM data_sources")


async def snoozed(world: World) -> Sequence[Any]:
    return await world.rows("SELECT * FROM alert_snoozes WHERE ended_at IS NULL")


async def test_an_incident_is_silent_afterwards(world: World) -> None:
    ana, olga = await world.person("ana", "ops_manager"), await world.person("olga", "ops_manager")
    incident, number = await world.incident(await world.rule(ana))
    request = await world.approved("alert_snooze_critical", ana, olga, incident=str(number), until="2d", **WHY)
    assert f"#{number} disk full is snoozed until" in await carried_out(world, request)
    (row,) = await world.rows("SELECT * FROM alert_incidents WHERE id = :id", id=incident)
    assert row.status == "snoozed"
    (snooze,) = await snoozed(world)
    assert snooze.until > await world.now() + timedelta(hours=47)
    assert "for the review (request #" in snooze.reason
    assert snooze.created_by == olga.user_id
    await names_both(world, "incident.snoozed", olga, "Ana <ana@example.org>")
    assert "already" in await again(world, request, olga)
    assert len(await snoozed(world)) == 1


@pytest.mark.parametrize("target", ["incident", "rule"])
async def test_a_shorter_snooze_is_extended_and_a_longer_one_stays(world: World, target: str) -> None:
    ana, olga = await world.person("ana", "ops_manager"), await world.person("olga", "ops_manager")
    rule = await world.rule(ana)
    incident, number = await world.incident(rule)
    until = await world.now() + timedelta(hours=3)
    async with world.data.transaction() as session:
        how: dict[str, Any] = {"kind": SnoozeKind.UNTIL_TIME, "until": until, "reason": "first aid"}
        if target == "incident":
            await snoozes.snooze(session, ana, [(incident, 1)], **how)
        else:
            await snoozes.snooze_rule(session, ana, rule, **how)
    fields = {"incident": str(number)} if target == "incident" else {"rule": "checkout errors"}
    longer = await world.approved("alert_snooze_critical", ana, olga, until="3d", **fields, **WHY)
    shorter = await world.approved("alert_snooze_critical", ana, olga, until="2d", **fields, **WHY)
    assert await world.effects() == 2
    for each in (longer, shorter):
        row = await world.workflow(each)
        assert row.effect_state == "done", row.effect_reason
    (snooze,) = await snoozed(world)
    assert snooze.until > await world.now() + timedelta(hours=71)
    assert "for longer already" in (await world.events(shorter))[0][1]


async def test_everything_of_a_rule_is_silent_afterwards(world: World) -> None:
    ana, olga = await world.person("ana", "ops_manager"), await world.person("olga", "ops_manager")
    rule = await world.rule(ana)
    incident, _ = await world.incident(rule)
    request = await world.approved("alert_snooze_critical", ana, olga, rule="checkout errors", until="2d", **WHY)
    await carried_out(world, request)
    assert await world.one("SELECT status FROM alert_incidents WHERE id = :id", id=incident) == "snoozed"
    assert "already" in await again(world, request, olga)


async def test_a_snooze_that_came_too_late(world: World) -> None:
    ana, olga = await world.person("ana", "ops_manager"), await world.person("olga", "ops_manager")
    rule = await world.rule(ana)
    incident, number = await world.incident(rule)
    over = await world.approved("alert_snooze_critical", ana, olga, incident=str(number), until="2d", **WHY)
    await world.rows("UPDATE alert_incidents SET status = 'resolved', resolved_at = now() WHERE id = :id", id=incident)
    assert await failed(world, over) == f"#{number} disk full is resolved."
    late = await world.approved("alert_snooze_critical", ana, olga, rule="checkout errors", until="2d", **WHY)
    await world.rows(
        'UPDATE workflows SET details = details || \'{"until": "2020-01-01T00:00:00+00:00"}\' WHERE id = :id', id=late
    )
    assert "which is over" in await failed(world, late)
    held = await world.incident(rule)
    alone = await world.approved("alert_snooze_critical", ana, olga, incident=str(held[1]), until="2d", **WHY)
    async with world.data.transaction() as session:
        until = await world.now() + timedelta(hours=1)
        await snoozes.snooze_rule(session, ana, rule, kind="until_time", until=until, reason="first aid")
    assert "Everything of its rule is snoozed" in await failed(world, alone)


async def test_words_have_no_effect(world: World) -> None:
    ana, olga = await world.person("ana"), await world.person("olga", "ops_manager")
    request_type = type_of("free_form")
    prepared = await world.prepared("free_form", ana, subject="a chair", text="a good one\nplease")
    assert request_type.values(prepared.details) == (
        ("Subject", "a chair"), ("Text", "a good one\nplease"), ("To", "anybody who decides requests"),
    )  # fmt: skip
    assert not request_type.has_effect
    assert olga.can("workflow:decide")
