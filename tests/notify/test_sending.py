"""The outbox from intent to receiver, with real servers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from datapulse_tui.errors import Unavailable
from datapulse_tui.notify import reads
from datapulse_tui.notify.claim import _CLAIM, _DUE
from datapulse_tui.notify.intents import Intent
from datapulse_tui.notify.sender import Sender
from datapulse_tui.notify.service import cancel, queue, send_again
from datapulse_tui.notify.timing import MOST_ATTEMPTS
from tests.databases import dsn
from tests.notify.outbox import SIGNING, SYSTEM, World, asked, sending
from tests.notify.receivers import Answer, http_receiver, mailbox, smtp_script


async def row(world: World) -> Any:
    """The only delivery."""
    return await world.one("SELECT *, extract(epoch FROM due_at - now()) AS due_in FROM deliveries")


async def test_an_intent_becomes_a_signed_request_and_is_on_record(world: World) -> None:
    with http_receiver() as hook:
        await world.webhook(hook.url)
        first = world.intent("webhook", await world.incident())
        await world.queue(replace(first, payload={**first.payload, "message": "{rule} at {value}"}))
        async with sending(world) as drain:
            await drain()
            await drain()
    [request] = hook.requests
    body = json.loads(request.body)
    assert (body["count"], body["items"][0]["kind"], body["items"][0]["labels"]) == (1, "trigger", {"region": "eu"})
    assert body["items"][0]["message"] == "Checkout errors at 12.5"
    found = await row(world)
    assert (found.status, found.attempts, found.answer) == ("sent", 1, "HTTP 200: ok")
    assert request.headers["idempotency-key"] == request.headers["webhook-id"] == str(found.message_id) == body["id"]
    signed = f"{found.message_id}.{request.headers['webhook-timestamp']}.".encode() + request.body
    key = base64.b64decode(SIGNING.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    async with world.data.reading() as session:
        view = await reads.get_delivery(session, SYSTEM, found.id)
    assert [(attempt.succeeded, attempt.answer) for attempt in view.attempts] == [(True, "HTTP 200: ok")]


async def test_a_mail_arrives_and_everybody_hears_of_it(world: World) -> None:
    with mailbox() as box:
        await world.email(box.port)
        await world.queue(world.intent("email", await world.incident()))
        async with sending(world) as drain:
            await drain()
    [mail] = box.mails
    assert mail.rcpt_tos == ["ana@example.com"]
    assert (await world.one("SELECT sent_at FROM alert_notifications")).sent_at is not None
    told = await world.one("SELECT kind, details FROM incident_events")
    assert (told.kind, told.details["to"], told.details["channel"]) == ("told", "ana@example.com", "the email")


async def test_a_group_is_one_message_and_its_members_are_all_told(world: World) -> None:
    with http_receiver() as hook:
        await world.webhook(hook.url)
        intents = [world.intent("webhook", await world.incident(), group_key="g") for _ in range(25)]
        await world.queue(*intents, world.intent("webhook", await world.incident(), group_key="other"))
        async with sending(world) as drain:
            await drain()
    assert sorted(json.loads(request.body)["count"] for request in hook.requests) == [1, 25]
    assert (await world.one("SELECT count(DISTINCT message_id) AS n FROM deliveries")).n == 2
    assert (await world.one("SELECT count(*) AS n FROM incident_events WHERE kind = 'told'")).n == 26


async def test_a_storm_is_one_message_of_a_bounded_size(world: World) -> None:
    with http_receiver() as hook, mailbox() as box:
        await world.webhook(hook.url)
        await world.email(box.port)
        storm = [world.intent(kind, None, group_key=kind) for kind in ("webhook", "email") for _ in range(1500)]
        await world.queue(*storm)
        async with sending(world) as drain:
            await drain()
    [request] = hook.requests
    body = json.loads(request.body)
    assert (body["count"], len(body["items"])) == (1500, 1000)
    [mail] = box.mails
    assert b"Subject: Checkout errors: 1,500 firing" in mail.content  # type: ignore[operator]
    assert b"and 1,480 more" in mail.content  # type: ignore[operator]
    assert set(await world.statuses()) == {"sent"}


async def test_what_fails_waits_longer_each_time_under_the_same_key_and_then_stands_as_failed(world: World) -> None:
    with http_receiver() as hook:
        hook.always = Answer(503, b"down \x1b[31m for maintenance")
        await world.webhook(hook.url)
        await world.queue(world.intent("webhook", await world.incident()))
        waits = []
        async with sending(world) as drain:
            for _ in range(MOST_ATTEMPTS):
                await drain()
                waits.append(round((await row(world)).due_in))
                await world.due_now()
            found = await row(world)
            assert waits[:4] == [15, 30, 60, 120]
            assert max(waits) == 3600
            assert (found.status, found.attempts) == ("failed", MOST_ATTEMPTS)
            assert found.answer == "HTTP 503: down  [31m for maintenance"
            assert len(hook.requests) == MOST_ATTEMPTS
            channel = await world.one("SELECT problem FROM notification_channels")
            assert channel.problem == found.answer
            hook.always = None
            async with world.data.transaction() as session:
                await send_again(session, SYSTEM, [found.id])
            await drain()
    assert (await row(world)).status == "sent"
    assert len(set(hook.keys())) == 1
    assert (await world.one("SELECT problem FROM notification_channels")).problem is None
    assert (await world.one("SELECT count(*) AS n FROM delivery_attempts")).n == MOST_ATTEMPTS + 1


@pytest.mark.parametrize(
    ("answer", "status", "wait"),
    [
        (Answer(400, b"bad"), "failed", None),
        (Answer(404), "failed", None),
        (Answer(301, headers={"location": "http://127.0.0.1:1/"}), "failed", None),
        (Answer(408), "pending", 15),
        (Answer(429, headers={"retry-after": "120"}), "pending", 120),
        (Answer(503, headers={"retry-after": "1"}), "pending", 15),
        (Answer(drop=True), "pending", 15),
        (Answer(200, b"x" * 1_000_000), "sent", None),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
async def test_what_the_receiver_answers(world: World, answer: Answer, status: str, wait: int | None) -> None:
    with http_receiver() as hook:
        hook.answers = [answer]
        await world.webhook(hook.url)
        await world.queue(world.intent("webhook", await world.incident()))
        await world.run("DELETE FROM procrastinate_jobs")  # as the worker does that took it
        async with sending(world) as drain:
            await drain()
        assert len(hook.requests) == 1
    found = await row(world)
    assert found.status == status
    assert found.answer
    assert len(found.answer) <= 500
    if wait is not None:
        assert wait - 2 <= found.due_in <= wait
        job = await world.one("SELECT min(scheduled_at - now()) AS due FROM procrastinate_jobs WHERE status = 'todo'")
        assert job.due.total_seconds() <= max(wait, 61)


async def test_nobody_there(world: World) -> None:
    await world.webhook("http://127.0.0.1:1/")
    await world.email(1)
    await world.queue(world.intent("webhook", None), world.intent("email", None))
    async with sending(world) as drain:
        await drain()
    rows = await world.all("SELECT status, answer FROM deliveries")
    assert {each.status for each in rows} == {"pending"}
    assert all("connect" in each.answer.lower() for each in rows)


async def test_a_mail_server_that_hangs_holds_up_nobody_else(world: World) -> None:
    async with smtp_script(lambda line: b"", greeting=b"") as silent:
        with http_receiver() as hook:
            await world.email(silent.port)
            await world.webhook(hook.url)
            await world.queue(*[world.intent("email", None) for _ in range(50)])
            sender = Sender(world.data, world.secrets)
            await sender.drain()
            await world.queue(*[world.intent("webhook", None) for _ in range(50)])
            await sender.drain()
            async with asyncio.timeout(20):
                while len(hook.requests) < 50:  # noqa: ASYNC110  (nobody tells us)
                    await asyncio.sleep(0.02)
            sent = await world.one(
                "SELECT count(*) AS n FROM deliveries WHERE channel_type = 'email' AND status = 'sent'"
            )
            assert sent.n == 0
            for lane in sender._lanes.values():
                lane.task.cancel()
            await sender.close()


async def test_a_claim_reads_what_it_takes_and_not_all_that_is_due(world: World) -> None:
    channel = await world.webhook("http://127.0.0.1:1/")
    read = []
    for count in (300, 4000):
        await world.queue(*[world.intent("webhook", None) for _ in range(count)])
        values = {"channel": channel, "messages": 8, "scanned": 128, "told": 1, "lease": 60.0, "token": uuid4()}
        sql = _CLAIM.format(due=_DUE, gather="group_key")
        async with world.data.transaction() as session:
            plan = (await session.execute(text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"), values)).scalar_one()
            await session.rollback()
        read.append(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])
    assert read[1] < 2 * read[0], read


async def test_two_drains_at_once_send_everything_once(world: World) -> None:
    with http_receiver() as hook:
        hook.always = Answer(delay=0.005)
        await world.webhook(hook.url)
        groups = [await world.incident() for _ in range(40)]
        await world.queue(*[world.intent("webhook", each, group_key=str(each)) for each in groups for _ in range(5)])
        async with sending(world) as one, sending(world) as other:
            await asyncio.gather(one(), other(), one(), other())
            await asyncio.gather(one(), other())
    assert len(hook.requests) == len(set(hook.keys())) == 40
    assert all(json.loads(request.body)["count"] == 5 for request in hook.requests)
    assert set(await world.statuses()) == {"sent"}


async def test_who_queues_for_a_group_unseen_by_another_keeps_its_interval(world: World) -> None:
    def one(key: str) -> Intent:
        return world.intent("webhook", None, key=key, group_key="g", group_interval=300)

    with http_receiver() as hook:
        await world.webhook(hook.url)
        async with sending(world) as drain:
            async with world.data.transaction() as late:
                await queue(late, [one("late")])
                await world.queue(one("early"))
                await drain()
            assert await world.statuses() == ["pending", "sent"]
            await drain()
            assert len(hook.requests) == 1
            waiting = await world.one(
                "SELECT status, attempts, message_id, extract(epoch FROM due_at - now()) AS wait "
                "FROM deliveries WHERE key = 'late'"
            )
            assert tuple(waiting)[:3] == ("pending", 0, None)
            assert 290 < waiting.wait <= 300
            await world.run("UPDATE deliveries SET sent_at = sent_at - interval '5 minutes' WHERE key = 'early'")
            await world.due_now()
            await drain()
    assert len(hook.requests) == 2


async def test_a_group_keeps_its_interval_whatever_the_times_of_its_deliveries_say(world: World) -> None:
    with http_receiver() as hook:
        await world.webhook(hook.url)
        async with sending(world) as drain:
            await world.queue(world.intent("webhook", None, key="first", group_key="g", group_interval=300))
            await drain()
            await world.queue(world.intent("webhook", None, key="second", group_key="g", group_interval=300))
            # As when the first is written down, in a transaction that began earlier, only after the second is queued.
            await world.run(
                "UPDATE deliveries SET due_at = now(), created_at = "
                "(SELECT sent_at + interval '1 ms' FROM deliveries WHERE key = 'first') WHERE key = 'second'"
            )
            await drain()
    assert len(hook.requests) == 1
    waiting = await world.one("SELECT status, due_at > now() + interval '4 min' AS later FROM deliveries "
                              "WHERE key = 'second'")  # fmt: skip
    assert (waiting.status, waiting.later) == ("pending", True)


async def test_many_who_queue_for_groups_at_the_same_moment_send_once_a_group(world: World) -> None:
    groups = [f"group {at}" for at in range(10)]
    with http_receiver() as hook:
        hook.always = Answer(delay=0.005)
        await world.webhook(hook.url)
        async with sending(world) as one, sending(world) as other:

            async def tell(group: str, drain: Callable[[], Awaitable[None]]) -> None:
                await world.queue(world.intent("webhook", None, group_key=group, group_interval=300))
                await drain()

            await asyncio.gather(*[tell(group, drain) for group in groups for drain in (one, other, one)])
            await one()
    told = await world.all(
        "SELECT count(DISTINCT message_id) FILTER (WHERE status = 'sent') AS messages "
        "FROM deliveries GROUP BY group_key"
    )
    assert [row.messages for row in told] == [1] * len(groups)
    assert len(hook.requests) == len(groups)


async def test_asked_again_immediately_before_sending(world: World) -> None:
    acknowledged, still = await world.incident(), await world.incident()

    async def ask(session: Any, ids: Sequence[UUID]) -> Mapping[UUID, str]:
        return {each: "acknowledged by Ana" for each in ids if each == acknowledged}

    with http_receiver() as hook:
        await world.webhook(hook.url)
        await world.queue(
            world.intent("webhook", acknowledged, key="a", group_key="g"),
            world.intent("webhook", still, key="b", group_key="g"),
            world.intent("webhook", acknowledged, key="c", group_key="h", kind="notice"),
        )
        async with asked(ask), sending(world) as drain:
            await drain()
    assert await world.statuses() == ["cancelled", "sent", "sent"]
    assert (await world.one("SELECT reason FROM deliveries WHERE key = 'a'")).reason == "acknowledged by Ana"
    assert sorted(json.loads(request.body)["items"][0]["kind"] for request in hook.requests) == ["notice", "trigger"]


async def test_an_end_is_told_only_to_those_who_heard_of_the_beginning(world: World) -> None:
    told, untold = await world.incident(), await world.incident()
    with http_receiver() as hook:
        await world.webhook(hook.url)
        async with sending(world) as drain:
            await world.queue(world.intent("webhook", told, key="a"), world.intent("webhook", untold, key="b"))
            async with world.data.transaction() as session:
                await cancel(session, [untold], "resolved before it was sent")
            await drain()
            ends = [world.intent("webhook", each, key=f"{each}", kind="resolve") for each in (told, untold)]
            await world.queue(*ends)
            await drain()
            rows = await world.all("SELECT incident_id, status, reason FROM deliveries WHERE kind = 'resolve'")
            by_incident = {each.incident_id: each for each in rows}
            assert by_incident[told].status == "sent"
            assert by_incident[untold].status == "cancelled"
            assert "over before" in by_incident[untold].reason
            # while the beginning is on its way, its end waits
            later = await world.incident()
            await world.queue(world.intent("webhook", later, key="d"))
            await world.run(
                "UPDATE deliveries SET status = 'sending', lease_until = now() + interval '1 minute' WHERE key = 'd'"
            )
            await world.queue(world.intent("webhook", later, key="e", kind="resolve"))
            await drain()
    waiting = await world.one("SELECT status, attempts, message_id FROM deliveries WHERE key = 'e'")
    assert tuple(waiting) == ("pending", 0, None)


async def test_somebody_who_left_is_not_told(world: World) -> None:
    with mailbox() as box:
        await world.email(box.port)
        await world.queue(world.intent("email", await world.incident()))
        await world.run("UPDATE users SET status = 'inactive'")
        async with sending(world) as drain:
            await drain()
        assert box.mails == []
    assert (await row(world)).reason == "the person's account is not active"


async def test_a_lost_lease_goes_back_with_its_message_and_members(world: World) -> None:
    with http_receiver() as hook:
        await world.webhook(hook.url)
        await world.queue(*[world.intent("webhook", await world.incident(), group_key="g") for _ in range(3)])
        await world.run(
            "UPDATE deliveries SET status = 'sending', attempts = 1, lease_token = gen_random_uuid(), "
            "message_id = '11111111-1111-4111-8111-111111111111', lease_until = now() - interval '1 second'"
        )
        await world.queue(world.intent("webhook", await world.incident(), group_key="g", group_interval=300))
        async with sending(world) as drain:
            await drain()
    assert hook.keys() == ["11111111-1111-4111-8111-111111111111"]
    assert json.loads(hook.requests[0].body)["count"] == 3


async def test_a_message_that_kills_its_worker_each_time_is_given_up(world: World) -> None:
    await world.webhook("http://127.0.0.1:1/")
    await world.queue(world.intent("webhook", await world.incident()))
    await world.run(
        "UPDATE deliveries SET status = 'sending', attempts = :most, message_id = gen_random_uuid(), "
        "lease_token = gen_random_uuid(), lease_until = now() - interval '1 second'",
        most=MOST_ATTEMPTS,
    )
    async with sending(world) as drain:
        await drain()
    assert (await row(world)).status == "failed"


async def test_without_a_channel_an_admin_is_told_what_to_do(world: World) -> None:
    with http_receiver() as hook:
        await world.webhook(hook.url)
        await world.run("UPDATE notification_channels SET is_active = false")
        await world.queue(world.intent("webhook", None, key="a"), world.intent("email", None, key="b"))
        async with sending(world) as drain:
            await drain()
            rows = await world.all("SELECT status, reason FROM deliveries ORDER BY key")
            assert [each.status for each in rows] == ["failed", "failed"]
            assert "switched off" in rows[0].reason
            assert "datapulse channel add" in rows[1].reason
            with mailbox() as box:
                await world.email(box.port)
                async with world.data.transaction() as session:
                    failed = await reads.failed(session, SYSTEM)
                    await send_again(session, SYSTEM, [each.id for each in failed if each.channel_type == "email"])
                await drain()
                assert len(box.mails) == 1


async def test_one_sms_a_minute_and_number_and_the_rest_is_gathered(world: World) -> None:
    with http_receiver() as provider:
        provider.always = Answer(201, b'{"sid": "SM1"}')
        config = {"account": "AC1", "token": "secret-token", "sender": "+4366012345", "base_url": provider.url}
        await world.channel("sms", config)
        one = await world.incident()
        await world.queue(*[world.intent("sms", one, key=f"a{n}", group_key=f"rule {n}") for n in range(3)])
        async with sending(world) as one_drain, sending(world) as other_drain:
            await asyncio.gather(one_drain(), other_drain())
            assert len(provider.requests) == 1
            await world.queue(*[world.intent("sms", one, key=f"b{n}", group_key=f"rule {n}") for n in range(3)])
            await world.queue(world.intent("sms", one, key="c", address="+43 1 999"))
            await one_drain()
            assert len(provider.requests) == 2
            waiting = await world.all("SELECT due_at > now() AS later FROM deliveries WHERE status = 'pending'")
            assert [each.later for each in waiting] == [True, True, True]
            await world.run("UPDATE delivery_limits SET next_at = now()")
            await world.due_now()
            await other_drain()
    assert len(provider.requests) == 3
    assert set(await world.statuses()) == {"sent"}
    assert (await world.one("SELECT count(*) AS n FROM deliveries WHERE key LIKE 'b%' GROUP BY message_id")).n == 3


async def test_a_graceful_stop_finishes_what_is_under_way(world: World) -> None:
    with http_receiver() as hook:
        hook.always = Answer(delay=0.3)
        await world.webhook(hook.url)
        await world.queue(*[world.intent("webhook", None) for _ in range(100)])
        sender = Sender(world.data, world.secrets)
        await sender.drain()
        async with asyncio.timeout(10):
            while len(hook.requests) < 10:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await sender.close()
        await sender.drain()
        count = len(hook.requests)
    statuses = await world.statuses()
    assert statuses.count("sending") == 0
    assert statuses.count("sent") == count < 100


async def test_a_new_configuration_is_used_at_once(world: World) -> None:
    from datapulse_tui.notify.service import update_channel

    with http_receiver() as old, http_receiver() as new:
        channel = await world.webhook(old.url)
        async with sending(world) as drain:
            await world.queue(world.intent("webhook", None))
            await drain()
            async with world.data.transaction() as session:
                await update_channel(session, SYSTEM, world.secrets, channel, changes={"url": new.url})
            await world.queue(world.intent("webhook", None))
            await drain()
    assert (len(old.requests), len(new.requests)) == (1, 1)


async def test_the_database_goes_away_and_nothing_is_sent_twice(world: World, superuser_url: str) -> None:
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    with http_receiver() as hook:
        hook.always = Answer(delay=0.05)
        await world.webhook(hook.url)
        await world.queue(*[world.intent("webhook", None) for _ in range(120)])
        async with sending(world) as drain:
            draining = asyncio.create_task(drain())
            async with asyncio.timeout(10):
                while len(hook.requests) < 10:  # noqa: ASYNC110  (nobody tells us)
                    await asyncio.sleep(0.005)
            async with await psycopg.AsyncConnection.connect(dsn(superuser_url), autocommit=True) as connection:
                await connection.execute(end_all, [connection.info.backend_pid])
            await draining
            for _ in range(5):
                with contextlib.suppress(Unavailable):
                    await drain()
    assert set(await world.statuses()) == {"sent"}
    assert len(hook.requests) == len(set(hook.keys())) == 120
