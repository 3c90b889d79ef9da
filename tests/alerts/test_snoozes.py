"""Snoozes: what may be silenced for how long, and that it wakes up as it should."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from datapulse_tui.alerts import snoozing
from datapulse_tui.alerts.reads.snoozes import expiring, list_snoozes
from datapulse_tui.alerts.rules import IncidentStatus, Severity, SnoozeKind
from datapulse_tui.alerts.service import snoozes, triage
from datapulse_tui.alerts.views import SnoozeRow
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, DataPulseError, Invalid, NotAllowed, NotFound
from tests.alerts.conftest import MakeQuery, MakeRule, MakeSource, MakeUser
from tests.alerts.inbox_world import World, make_world

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

# -- decisions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("acknowledged", "holds", "silenced", "status"),
    [
        (False, True, False, "triggered"),
        (True, True, False, "acknowledged"),
        (False, False, False, "resolved"),
        (True, False, False, "resolved"),
        (False, True, True, "snoozed"),
        (True, True, True, "snoozed"),
        (False, False, True, "resolved"),
        (True, False, True, "resolved"),
    ],
)
def test_what_wakes_up_is_what_it_was_unless_it_is_over(
    acknowledged: bool, holds: bool, silenced: bool, status: str
) -> None:
    assert snoozing.woken(acknowledged=acknowledged, holds=holds, silenced=silenced) is IncidentStatus(status)


def test_every_case_of_waking_is_decided() -> None:
    for values in itertools.product((False, True), repeat=3):
        names = ("acknowledged", "holds", "silenced")
        assert snoozing.woken(**dict(zip(names, values, strict=True))) in IncidentStatus


@pytest.mark.parametrize(
    ("severity", "hours", "approved", "error"),
    [
        (Severity.CRITICAL, 4, False, None),
        (Severity.CRITICAL, 5, False, NotAllowed),
        (Severity.CRITICAL, 5, True, None),
        (Severity.CRITICAL, 24 * 31, True, Invalid),
        (Severity.WARNING, 24 * 30, False, None),
        (Severity.WARNING, 24 * 31, False, Invalid),
        (Severity.INFO, 0, False, Invalid),
        (Severity.INFO, -1, False, Invalid),
    ],
)
def test_how_long_something_may_be_silent(
    severity: Severity, hours: int, approved: bool, error: type[DataPulseError] | None
) -> None:
    until = NOW + hours * HOUR
    if error is None:
        assert snoozing.hard_end(SnoozeKind.UNTIL_TIME, until, NOW, severity, approved=approved) == until
        return
    with pytest.raises(error) as found:
        snoozing.hard_end(SnoozeKind.UNTIL_TIME, until, NOW, severity, approved=approved)
    assert ("approval" in found.value.hint) is (error is NotAllowed)


def test_without_an_end_it_is_the_latest_that_may_be() -> None:
    end = snoozing.hard_end
    assert end(SnoozeKind.UNTIL_RECOVERY, None, NOW, Severity.WARNING) == NOW + timedelta(days=30)
    assert end(SnoozeKind.UNTIL_RECOVERY, None, NOW, Severity.CRITICAL) == NOW + 4 * HOUR
    assert end(SnoozeKind.UNTIL_WORKFLOW, None, NOW, Severity.CRITICAL, approved=True) == NOW + timedelta(days=30)
    with pytest.raises(Invalid, match="needs an end"):
        end(SnoozeKind.UNTIL_TIME, None, NOW, Severity.INFO)


def test_a_notice_comes_a_quarter_of_an_hour_before() -> None:
    assert snoozing.notice_at(NOW, NOW + HOUR) == NOW + timedelta(minutes=45)
    assert snoozing.notice_at(NOW, NOW + timedelta(minutes=15)) is None


def test_a_reason_is_one_line_of_text() -> None:
    assert snoozing.check_reason("  known \n issue\x00 ") == "known issue"
    for reason in ("", " \n", "x" * 1_001):
        with pytest.raises(Invalid):
            snoozing.check_reason(reason)


# -- on a database -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def world(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> World:
    return await make_world(data, make_user, make_source, make_query, make_rule)


async def snooze(world: World, actor: Actor, *ids: UUID, **more: Any) -> None:
    values = {"kind": "until_time", "until": datetime.now(UTC) + HOUR, "reason": "known"} | more
    async with world.data.transaction() as session:
        await snoozes.snooze(session, actor, await world.seen(*ids), **values)


async def snooze_rule(world: World, actor: Actor, **more: Any) -> UUID:
    values = {"kind": "until_time", "until": datetime.now(UTC) + HOUR, "reason": "deployment"} | more
    async with world.data.transaction() as session:
        return await snoozes.snooze_rule(session, actor, world.rule, **values)


async def active(world: World, actor: Actor | None = None, **more: Any) -> list[SnoozeRow]:
    async with world.data.reading() as session:
        return list((await list_snoozes(session, actor or world.olga, **more)).items)


async def end(world: World, actor: Actor, row: SnoozeRow) -> None:
    async with world.data.transaction() as session:
        await snoozes.end(session, actor, row.id, row.version)


async def test_a_snooze_silences_one_incident_and_ends(world: World) -> None:
    one, two = await world.open("a", "b")
    await snooze(world, world.bea, one)
    row = await world.incident(one)
    assert (row.status, row.version, row.timer_at, row.repeat_at, row.escalate_at) == ("snoozed", 2, None, None, None)
    assert await world.deliveries(one) == [("trigger", "cancelled", "snoozed by Bea: known")]
    assert await world.deliveries(two) == [("trigger", "pending", "")]
    assert await world.rule_status() == "triggered"
    view = await world.view(one)
    assert view.snooze is not None
    assert (view.snooze.reason, view.snooze.hides, view.row.snoozed_until) == ("known", 1, view.snooze.until)
    [found] = await active(world)
    assert (found.rule, found.incident_title, found.severity) == (
        "checkout errors",
        "checkout errors: host=a",
        "critical",
    )
    assert found.may_change
    await end(world, world.olga, found)
    row = await world.incident(one)
    assert (row.status, row.version, row.snooze_id) == ("triggered", 3, None)
    assert row.timer_at == row.escalate_at
    assert [kind for kind, status, _ in await world.deliveries(one) if status == "pending"] == ["update"]
    assert await world.events(one) == ["fired", "snoozed", "snooze_ended"]
    assert await active(world) == []
    assert [each.id for each in await active(world, ended=True)] == [found.id]
    assert await world.audited(found.id) == ["snooze.ended"]


async def test_an_acknowledged_one_wakes_up_acknowledged_and_one_that_is_over_resolved(world: World) -> None:
    one, two = await world.open("a", "b")
    async with world.data.transaction() as session:
        await triage.acknowledge(session, world.olga, [(one, 1)])
    await snooze(world, world.olga, one, two)
    assert await world.rule_status() == "snoozed"
    await world.recover("b")
    for row in await active(world):
        await end(world, world.olga, row)
    first, second = await world.incident(one), await world.incident(two)
    assert (first.status, first.acknowledged_by, first.timer_at) == ("acknowledged", world.olga.user_id, None)
    assert (second.status, second.reason) == ("resolved", "recovered")
    assert await world.rule_status() == "triggered"


async def test_the_whole_rule_is_silent_with_what_opens_later(world: World) -> None:
    [one] = await world.open("a")
    async with world.data.reading() as session:
        assert str(await snoozes.would_hide(session, world.olga, alert_id=world.rule)) == "1"
    snooze_id = await snooze_rule(world, world.olga)
    [two] = await world.open("b")
    assert [(await world.incident(each)).status for each in (one, two)] == ["snoozed", "snoozed"]
    assert await world.rule_status() == "snoozed"
    [kind, status, reason] = (await world.deliveries(two))[0]
    assert (kind, status) == ("trigger", "suppressed")
    assert "snoozed" in reason
    [row] = await active(world)
    assert (row.id, row.incident_id, row.hides) == (snooze_id, None, 2)
    async with world.data.reading() as session:
        assert str(await snoozes.would_hide(session, world.olga, alert_id=world.rule)) == "0"
    with pytest.raises(Conflict, match="snoozed already, by Olga until"):
        await snooze_rule(world, world.otto)
    async with world.data.transaction() as session:
        with pytest.raises(Conflict, match="everything of its rule is snoozed"):
            await snoozes.unsnooze(session, world.olga, await world.seen(one))
    await end(world, world.olga, row)
    assert [(await world.incident(each)).status for each in (one, two)] == ["triggered", "triggered"]


async def test_an_incident_wakes_into_the_snooze_of_its_rule(world: World) -> None:
    [one] = await world.open("a")
    await snooze(world, world.olga, one)
    rule_snooze = await snooze_rule(world, world.olga)
    [own] = [row for row in await active(world) if row.incident_id]
    await end(world, world.olga, own)
    row = await world.incident(one)
    assert (row.status, row.snooze_id) == ("snoozed", rule_snooze)


async def test_something_critical_needs_an_approval_for_long(world: World) -> None:
    mild = await world.make_rule(world.olga, world.query, severity="info")
    [one] = await world.open("a")
    [two] = await world.open("b", rule=mild)
    until = datetime.now(UTC) + 6 * HOUR
    with pytest.raises(NotAllowed, match="only with an approval"):
        await snooze(world, world.olga, one, until=until)
    with pytest.raises(NotAllowed, match="only with an approval"):
        await snooze_rule(world, world.olga, until=until)
    async with world.data.transaction() as session:
        first, second = await snoozes.snooze(
            session, world.olga, [(one, 1), (two, 1)], kind="until_time", until=until, reason="known"
        )
    assert (first.done, second.done) == (False, True)
    assert "only with an approval" in first.message
    await snooze(world, world.olga, one, until=until, approval=uuid4())
    assert (await world.incident(one)).status == "snoozed"


async def test_extending_counts_from_the_beginning(world: World) -> None:
    [one] = await world.open("a")
    await snooze(world, world.olga, one)
    [row] = await active(world)
    later = datetime.now(UTC) + 3 * HOUR
    async with world.data.transaction() as session:
        await snoozes.extend(session, world.otto, row.id, 1, later)
    async with world.data.transaction() as session:
        with pytest.raises(Conflict, match="Somebody else changed this snooze"):
            await snoozes.extend(session, world.olga, row.id, 1, later)
        with pytest.raises(NotAllowed, match="approval"):
            await snoozes.extend(session, world.olga, row.id, 2, later + 2 * HOUR)
        with pytest.raises(Invalid, match="past"):
            await snoozes.extend(session, world.olga, row.id, 2, later - 6 * HOUR)
    [row] = await active(world)
    assert (row.until, row.version) == (later, 2)
    async with world.data.reading() as session:
        assert await expiring(session, world.olga, later) == ()
        assert [each.id for each in await expiring(session, world.olga, later + HOUR)] == [row.id]
    await end(world, world.olga, row)
    async with world.data.transaction() as session:
        with pytest.raises(Conflict, match="ended at"):
            await snoozes.extend(session, world.olga, row.id, row.version + 1, later)


async def test_who_may_snooze_what(world: World) -> None:
    [one] = await world.open("a")
    with pytest.raises(NotFound):
        await snooze(world, world.bob, one)
    with pytest.raises(NotFound):
        await snooze_rule(world, world.bea)
    await snooze(world, world.olga, one)
    [row] = await active(world, world.bea)
    assert row.may_change, "they may triage what it silences"
    assert await active(world, world.bob) == []
    with pytest.raises(NotFound):
        await end(world, world.bob, row)
    await end(world, world.bea, row)
    await snooze_rule(world, world.olga)
    [row] = await active(world, world.bea)
    assert not row.may_change
    with pytest.raises(NotAllowed, match="You may not end this snooze"):
        await end(world, world.bea, row)


async def test_undo_wakes_what_was_just_snoozed(world: World) -> None:
    one, two = await world.open("a", "b")
    await snooze(world, world.olga, one, two)
    async with world.data.transaction() as session:
        outcomes = await snoozes.unsnooze(session, world.olga, [(one, 2), (two, 2)])
    assert [each.done for each in outcomes] == [True, True]
    assert await active(world) == []
    with pytest.raises(Conflict, match="already woken from a snooze by Olga"):
        async with world.data.transaction() as session:
            await snoozes.unsnooze(session, world.olga, [(one, 3)])


async def test_a_snoozed_one_says_by_whom_and_until_when(world: World) -> None:
    [one] = await world.open("a")
    await snooze(world, world.otto, one)
    async with world.data.transaction() as session:
        with pytest.raises(Conflict, match=r"already snoozed by Otto at .*, until 20"):
            await triage.acknowledge(session, world.olga, [(one, 1)])


async def test_resolving_ends_the_snooze(world: World) -> None:
    [one] = await world.open("a")
    await snooze(world, world.olga, one, kind="until_recovery", until=None)
    async with world.data.transaction() as session:
        await triage.resolve(session, world.olga, await world.seen(one))
    assert await active(world) == []
    assert (await world.incident(one)).status == "resolved"


async def test_a_decided_workflow_wakes_what_waits_for_it(world: World) -> None:
    one, two = await world.open("a", "b")
    [workflow] = await world.rows(
        "INSERT INTO workflows (requester_id, type) VALUES (:me, 'anything') RETURNING id", me=world.olga.user_id
    )
    with pytest.raises(Invalid, match="names that request"):
        await snooze(world, world.olga, one, kind="until_workflow", until=None)
    await snooze(world, world.olga, one, kind="until_workflow", until=None, workflow_id=workflow.id)
    await snooze(world, world.olga, two)
    async with world.data.transaction() as session:
        assert await snoozes.wake_for_workflow(session, uuid4()) == 0
        assert await snoozes.wake_for_workflow(session, workflow.id) == 1
        assert await snoozes.wake_for_workflow(session, workflow.id) == 0
    assert [(await world.incident(each)).status for each in (one, two)] == ["triggered", "snoozed"]


async def test_a_snooze_without_end_or_reason_is_refused_by_the_database_too(world: World) -> None:
    [one] = await world.open("a")
    with pytest.raises(Invalid, match="needs a reason"):
        await snooze(world, world.olga, one, reason=" ")
    with pytest.raises(Invalid, match="in the past"):
        await snooze(world, world.olga, one, until=datetime.now(UTC) - HOUR)
    with pytest.raises(Invalid, match="no kind of snooze"):
        await snooze(world, world.olga, one, kind="for ever")
    async with world.data.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM alert_snoozes"))).scalar_one() == 0
