"""Queueing and taking back: keys, groups, intervals, digests, suppression."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from datapulse_tui.audit.actor import Actor
from datapulse_tui.errors import NotAllowed, NotFound
from datapulse_tui.notify import reads
from datapulse_tui.notify.intents import Intent
from datapulse_tui.notify.service import cancel, send_again
from datapulse_tui.notify.service.outbox import AT_ONCE
from datapulse_tui.notify.timing import end_of_hour
from tests.notify.outbox import SYSTEM, World

NOBODY = Actor(uuid4(), "Nobody")


async def due_in(world: World, key: str) -> float:
    """Seconds from now until a delivery is due, by the database's clock."""
    sql = "SELECT extract(epoch FROM due_at - now()) AS s FROM deliveries WHERE key = :key"
    return float((await world.one(sql, key=key)).s)


async def test_the_same_key_is_one_delivery(world: World) -> None:
    intent = world.intent("webhook", await world.incident())
    assert await world.queue(intent, intent) == 1
    assert await world.queue(intent) == 0
    assert await world.statuses() == ["pending"]
    job = await world.one("SELECT task_name, queue_name, queueing_lock, scheduled_at FROM procrastinate_jobs")
    assert tuple(job) == ("notify:drain", "deliveries", "notify:drain", None)


async def test_nothing_to_queue_wakes_nobody(world: World) -> None:
    assert await world.queue() == 0
    await world.queue(world.intent("sms", None, suppressed="snoozed until 12:00"))
    assert await world.all("SELECT id FROM procrastinate_jobs") == []
    [row] = await world.all("SELECT status, reason FROM deliveries")
    assert tuple(row) == ("suppressed", "snoozed until 12:00")


async def test_a_group_waits_then_joins_then_keeps_its_interval(world: World) -> None:
    def one(key: str, wait: int = 30) -> Intent:
        return world.intent("webhook", None, key=key, group_key="g", group_wait=wait, group_interval=300)

    await world.queue(one("first"))
    assert 29 <= await due_in(world, "first") <= 30
    job = await world.one("SELECT extract(epoch FROM scheduled_at - now()) AS s FROM procrastinate_jobs")
    assert 29 <= job.s <= 30
    await world.run("UPDATE deliveries SET due_at = now() + interval '7 seconds'")
    await world.queue(one("second"))
    assert 6 <= await due_in(world, "second") <= 7
    await world.run("UPDATE deliveries SET status = 'sent', sent_at = now() - interval '100 seconds'")
    await world.queue(one("third"))
    assert 199 <= await due_in(world, "third") <= 200
    await world.run("UPDATE deliveries SET sent_at = now() - interval '1 hour' WHERE status = 'sent'")
    await world.run("DELETE FROM deliveries WHERE key = 'third'")
    await world.queue(one("fourth"))
    assert 29 <= await due_in(world, "fourth") <= 30
    # what was tried and waits for its next attempt is a message already: nobody joins it
    await world.run("UPDATE deliveries SET message_id = gen_random_uuid(), attempts = 1 WHERE key = 'fourth'")
    await world.queue(one("fifth", 0))
    assert await due_in(world, "fifth") <= 0


async def test_a_digest_waits_for_the_end_of_the_hour_there(world: World) -> None:
    zones = ("UTC", "Asia/Kathmandu", "Nowhere/Else")
    await world.queue(*[world.intent("email", None, key=zone, zone=zone, digest=True) for zone in zones])
    for zone in zones:
        row = await world.one("SELECT due_at, created_at, payload FROM deliveries WHERE key = :key", key=zone)
        assert row.due_at == end_of_hour(row.created_at, zone)
        assert (row.payload["zone"], row.payload["digest"]) == (zone, True)


async def test_a_channel_that_is_gone_fails_and_does_not_hurt_the_others(world: World) -> None:
    await world.queue(
        world.intent("webhook", None, key="a", channel_id=uuid4()), world.intent("webhook", None, key="b")
    )
    assert await world.statuses() == ["failed", "pending"]
    async with world.data.reading() as session:
        [row] = await reads.failed(session, SYSTEM)
    assert "was deleted" in row.reason


async def test_hostile_facts_are_stored(world: World) -> None:
    facts = {"title": "a\0b\ud800", "value": float("nan"), "when": datetime(2026, 3, 1, tzinfo=UTC), "labels": {"x": 1}}
    await world.queue(world.intent("webhook", None, payload=facts))
    [row] = await world.all("SELECT payload FROM deliveries")
    assert row.payload["title"] == "a\N{REPLACEMENT CHARACTER}b?"
    assert row.payload["value"] == "nan"


async def test_cancelled_with_the_reason_unless_it_is_on_its_way(world: World) -> None:
    one, other = await world.incident(), await world.incident()
    await world.queue(
        world.intent("webhook", one, key="a"),
        world.intent("webhook", one, key="b", kind="repeat"),
        world.intent("webhook", one, key="c"),
        world.intent("webhook", other, key="d"),
    )
    await world.run(
        "UPDATE deliveries SET status = 'sending', lease_until = now(), lease_token = gen_random_uuid() WHERE key = 'c'"
    )
    async with world.data.transaction() as session:
        assert await cancel(session, [one], "acknowledged by Ana", {"repeat"}) == 1
        assert await cancel(session, [one], "acknowledged by Ana") == 1
        assert await cancel(session, [], "nothing") == 0
    assert await world.statuses() == ["cancelled", "cancelled", "sending", "pending"]
    rows = await world.all("SELECT reason FROM deliveries WHERE status = 'cancelled'")
    assert {row.reason for row in rows} == {"acknowledged by Ana"}


async def test_send_again_what_failed(world: World) -> None:
    await world.queue(world.intent("webhook", None, key="a"), world.intent("webhook", None, key="b"))
    await world.run(
        "UPDATE deliveries SET status = 'failed', attempts = 12, message_id = gen_random_uuid() WHERE key = 'a'"
    )
    before = await world.one("SELECT id, message_id FROM deliveries WHERE key = 'a'")
    async with world.data.transaction() as session:
        with pytest.raises(NotAllowed):
            await send_again(session, NOBODY, [before.id])
        assert await send_again(session, SYSTEM, [before.id]) == 1
        with pytest.raises(NotFound):
            await send_again(session, SYSTEM, [before.id])
    after = await world.one("SELECT status, attempts, message_id FROM deliveries WHERE key = 'a'")
    assert tuple(after) == ("pending", 0, before.message_id)
    assert [row.action for row in await world.all("SELECT action FROM audit_logs")] == ["delivery.sent_again"]


async def test_ten_thousand_at_once(world: World) -> None:
    assert await world.queue(*[world.intent("sms", None) for _ in range(10_000)]) == 10_000
    async with world.data.reading() as session:
        assert (await reads.counts(session, SYSTEM)).waiting == reads.COUNT_BOUND


async def test_thousands_are_one_as_to_their_keys_and_the_first_that_is_due(world: World) -> None:
    many = [world.intent("sms", None, key=f"{n:05}", group_wait=30) for n in range(3 * AT_ONCE - 1)]
    at_once = world.intent("sms", None, key="z")
    assert await world.queue(*many, *many[:2], *many[-2:], at_once) == len(many) + 1
    job = await world.one("SELECT count(*) AS jobs, min(scheduled_at) AS at FROM procrastinate_jobs")
    assert tuple(job) == (1, None)


async def test_one_of_thousands_that_cannot_be_written_leaves_nothing_behind(world: World) -> None:
    many = [world.intent("sms", None, key=f"{n:05}") for n in range(2 * AT_ONCE)]
    with pytest.raises(IntegrityError):
        await world.queue(*many, world.intent("sms", None, key="z", kind="song"))
    with pytest.raises(AttributeError):  # while the ones before it are being written
        await world.queue(*many, world.intent("sms", None, key="z", payload="no facts"))
    assert await world.statuses() == []


async def test_pages_and_what_an_incident_was_told(world: World) -> None:
    incident = await world.incident()
    await world.queue(*[world.intent("webhook", incident, key=f"k{n}") for n in range(5)])
    await world.run("UPDATE deliveries SET created_at = now() - interval '1 day' * substr(key, 2)::int")
    async with world.data.reading() as session:
        first = await reads.deliveries(session, SYSTEM, limit=2, incident_id=incident)
        second = await reads.deliveries(session, SYSTEM, limit=2, after=first.next)
        last = await reads.deliveries(session, SYSTEM, limit=2, after=second.next, status="pending")
        assert [len(page.items) for page in (first, second, last)] == [2, 2, 1]
        assert last.next is None
        assert [row.id for row in await reads.for_incident(session, [incident])] == [
            row.id for page in (first, second, last) for row in page.items
        ]
        assert first.items[0].title == "Checkout errors"
        assert await reads.deliveries(session, SYSTEM, status="failed") == await reads.deliveries(
            session, SYSTEM, channel_id=uuid4()
        )
        with pytest.raises(NotAllowed):
            await reads.deliveries(session, NOBODY)
        with pytest.raises(NotFound):
            await reads.get_delivery(session, SYSTEM, uuid4())


async def test_old_ones_are_thrown_away(world: World) -> None:
    from datapulse_tui.notify.pruning import prune

    await world.queue(*[world.intent("webhook", None, key=key) for key in "abc"])
    await world.run("UPDATE deliveries SET created_at = now() - interval '91 days' WHERE key <> 'c'")
    await world.run("UPDATE deliveries SET status = 'failed' WHERE key <> 'b'")
    await world.run(
        "INSERT INTO delivery_attempts (message_id, succeeded, at) "
        "SELECT gen_random_uuid(), true, now() - days * interval '1 day' FROM unnest(ARRAY[1, 91]) AS days"
    )
    assert await prune(world.data) == 2
    assert await prune(world.data, timedelta(days=1000)) == 0
    assert [row.key for row in await world.all("SELECT key FROM deliveries ORDER BY key")] == ["b", "c"]
