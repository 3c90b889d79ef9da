"""Incidents open and resolve in bulk, with everything that goes with them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from datapulse_tui.alerts import telling
from datapulse_tui.alerts.episodes import Closing, Opening, close_for_rule, open_many, refresh_status, resolve_many
from datapulse_tui.alerts.rules import IncidentKind
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from tests.faults.support import World, make_world

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def world(owner_url: str) -> World:
    """A person, a source and a mail channel."""
    made = make_world(owner_url)
    made.execute("INSERT INTO notification_channels (name, type, is_default) VALUES ('mail', 'email', true)")
    return made


def series(world: World, query: UUID, *labels: str) -> list[int]:
    return [
        world.one(
            "INSERT INTO metric_series (query_id, metric, label_key, labels) "
            "VALUES (%s, 'value', md5(%s), jsonb_build_object('host', %s::text)) RETURNING id",
            [query, label, label],
        )
        for label in labels
    ]


async def opened(data: Database, *openings: Opening) -> list[UUID]:
    async with data.transaction() as session:
        return await open_many(session, openings)


async def resolved(data: Database, *closings: Closing) -> list[UUID]:
    async with data.transaction() as session:
        return await resolve_many(session, closings)


def deliveries(world: World) -> list[tuple[Any, ...]]:
    return world.execute("SELECT kind, status, reason FROM deliveries ORDER BY created_at, kind, status")


async def test_what_is_open_is_not_opened_again_and_what_is_over_not_resolved(world: World, data: Database) -> None:
    query = world.query("m")
    rule = world.rule(query)
    a, b = series(world, query, "a", "b")
    first = await opened(data, Opening(rule, NOW, series_id=a, labels={"host": "a"}, value=11.0, reason="breach"))
    again = await opened(
        data,
        Opening(rule, NOW, series_id=a, labels={"host": "a"}, value=12.0),
        Opening(rule, NOW, series_id=b, labels={"host": "b"}, value=13.0),
        Opening(rule, NOW, kind=IncidentKind.ERROR, reason="It broke."),
    )
    assert (len(first), len(again)) == (1, 2)
    assert [(row.title.partition(": ")[2], row.severity, row.start_value) for row in world.incidents()] == [
        ("host=a", "critical", 11), ("host=b", "critical", 13), ("cannot be evaluated", "warning", None),
    ]  # fmt: skip
    assert await resolved(data, Closing(rule, NOW, series_id=a), Closing(rule, NOW, kind=IncidentKind.NO_DATA)) == first
    assert await resolved(data, Closing(rule, NOW, series_id=a)) == []
    assert world.one("SELECT status FROM alerts") == "triggered"
    assert len(await opened(data, Opening(rule, NOW, series_id=a, labels={"host": "a"}, value=14.0))) == 1


async def test_what_resolved_before_it_was_sent_is_never_sent(world: World, data: Database) -> None:
    rule = world.rule(world.query("m"))
    await opened(data, Opening(rule, NOW, value=11.0))
    assert deliveries(world) == [("trigger", "pending", None)]
    await resolved(data, Closing(rule, NOW, reason="clear"))
    assert deliveries(world) == [("trigger", "cancelled", telling.RESOLVED_BEFORE)]


async def test_whoever_was_told_hears_of_the_end(world: World, data: Database) -> None:
    rule = world.rule(world.query("m"))
    await opened(data, Opening(rule, NOW, value=11.0))
    world.execute("UPDATE deliveries SET status = 'sent', sent_at = now()")
    await resolved(data, Closing(rule, NOW, value=3.0, reason="clear"))
    assert [row[:2] for row in deliveries(world)] == [("trigger", "sent"), ("resolve", "pending")]
    row = world.execute("SELECT address, user_id, payload FROM deliveries WHERE kind = 'resolve'")[0]
    assert (row.address, row.user_id, row.payload["value"], row.payload["state"]) == (
        "ana@example.org", world.owner, 3.0, "resolved",
    )  # fmt: skip


async def test_a_snoozed_rule_tells_nobody_and_its_snooze_ends_with_it(world: World, data: Database) -> None:
    rule = world.rule(world.query("m"))
    world.execute(
        "INSERT INTO alert_snoozes (alert_id, kind, until, reason) "
        "VALUES (%s, 'until_recovery', now() + interval '1 hour', 'known')",
        [rule],
    )
    await opened(data, Opening(rule, NOW, value=11.0))
    (incident,) = world.incidents()
    assert (incident.status, incident.timer_at) == ("snoozed", None)
    assert world.one("SELECT status FROM alerts") == "snoozed"
    ((kind, status, reason),) = deliveries(world)
    assert (kind, status) == ("trigger", "suppressed")
    assert reason.startswith("snoozed until ")
    assert world.one("SELECT details->>'reason' FROM incident_events WHERE kind = 'held_back'") == reason
    await resolved(data, Closing(rule, NOW, reason="clear"))
    assert world.one("SELECT ended_at IS NOT NULL FROM alert_snoozes")
    assert world.one("SELECT status FROM alerts") == "resolved"
    assert world.one("SELECT count(*) FROM audit_logs WHERE action = 'snooze.ended'") == 1


async def test_closing_for_a_rule_closes_all_of_it_in_the_name_of_who_did_it(world: World, data: Database) -> None:
    query = world.query("m")
    rule, other = world.rule(query), world.rule(query)
    (a,) = series(world, query, "a")
    await opened(
        data, Opening(rule, NOW, series_id=a), Opening(rule, NOW, kind=IncidentKind.ERROR), Opening(other, NOW)
    )
    ana = Actor(world.owner, "Ana", everything=True)
    async with data.transaction() as session:
        assert len(await close_for_rule(session, ana, rule, "rule_changed")) == 2
    assert {(row.status, row.reason, row.resolved_by) for row in world.incidents(rule)} == {
        ("resolved", "rule_changed", world.owner)
    }
    assert [row.status for row in world.incidents(other)] == ["triggered"]
    found = world.execute("SELECT DISTINCT user_id, details->'note' FROM audit_logs WHERE action = 'incident.resolved'")
    assert found == [(world.owner, {"reason": "rule_changed"})]


async def test_the_status_of_a_rule_follows_its_incidents(world: World, data: Database) -> None:
    rule = world.rule(world.query("m"))

    async def status() -> str:
        async with data.transaction() as session:
            await refresh_status(session, [rule])
        return str(world.one("SELECT status FROM alerts"))

    assert await status() == "active"
    await opened(data, Opening(rule, NOW))
    world.execute("UPDATE alert_incidents SET status = 'acknowledged', acknowledged_at = now()")
    assert await status() == "triggered"
    await resolved(data, Closing(rule, NOW))
    assert await status() == "resolved"
    world.execute("UPDATE alerts SET is_active = false")
    assert await status() == "inactive"


async def test_telling_twice_tells_once_and_an_occasion_tells_again(world: World, data: Database) -> None:
    rule = world.rule(world.query("m"))
    ids = await opened(data, Opening(rule, NOW))
    async with data.transaction() as session:
        assert await telling.tell(session, telling.TRIGGER, ids) == 0
        assert await telling.tell(session, telling.REPEAT, ids, occasion="1") == 1
        assert await telling.tell(session, telling.REPEAT, ids, occasion="1") == 0
        assert await telling.tell(session, telling.REPEAT, ids, occasion="2") == 1


async def test_escalation_goes_to_the_second_recipients_who_then_see_it(world: World, data: Database) -> None:
    boss = world.one(
        "INSERT INTO users (email, name, password, role, status) "
        "VALUES ('boss@example.org', 'Boss', '!', 'admin', 'active') RETURNING id"
    )
    rule = world.rule(world.query("m"))
    world.execute(
        "UPDATE alerts SET escalate_after_seconds = 900, escalation_channels = jsonb_build_array("
        "jsonb_build_object('type', 'email', 'to', jsonb_build_array('person:' || %s)))",
        [str(boss)],
    )
    ids = await opened(data, Opening(rule, NOW))
    assert world.one("SELECT escalate_at - created_at = interval '15 minutes' FROM alert_incidents")
    assert world.one("SELECT timer_at = escalate_at FROM alert_incidents")
    async with data.transaction() as session:
        await telling.tell(session, telling.ESCALATION, ids)
    told = world.execute("SELECT kind, user_id FROM deliveries ORDER BY kind")
    assert told == [("escalation", boss), ("trigger", world.owner)]
    assert {row.user_id for row in world.execute("SELECT user_id FROM alert_notifications")} == {boss, world.owner}


async def test_a_rule_without_recipients_says_so(world: World, data: Database) -> None:
    rule = world.rule(world.query("m"), channels=[])
    await opened(data, Opening(rule, NOW))
    assert deliveries(world) == [("trigger", "suppressed", telling.NOBODY)]


async def test_what_is_taken_care_of_need_not_be_sent(world: World, data: Database) -> None:
    query = world.query("m")
    rules = [world.rule(query) for _ in range(3)]
    first, second, third = await opened(data, *(Opening(rule, NOW) for rule in rules))
    world.execute(
        "UPDATE alert_incidents SET status = 'acknowledged', acknowledged_at = now(), acknowledged_by = %s "
        "WHERE id = %s",
        [world.owner, first],
    )
    await resolved(data, Closing(world.one("SELECT alert_id FROM alert_incidents WHERE id = %s", [second]), NOW))
    async with data.reading() as session:
        found = await telling.no_longer(session, [first, second, third])
    assert found == {first: "acknowledged by Ana", second: telling.RESOLVED_BEFORE}


async def test_hostile_names_and_labels_do_no_harm(world: World, data: Database) -> None:
    query = world.query("m")
    rule = world.rule(query, name='ev"il {rule}\\ [red]' + "x" * 200)
    (a,) = series(world, query, "a")
    labels = {'h"o\\st': '{a},"b"\n\ud800\0' + "y" * 900}
    await opened(data, Opening(rule, NOW, series_id=a, labels=labels, reason="r" * 400))
    (incident,) = world.incidents()
    assert (len(incident.title), len(incident.reason)) == (500, 255)
    assert list(incident.labels) == ['h"o\\st']
