"""Deliveries a second from the outbox to local receivers, against a bare client that sends the same in a loop.

Ours are queued as intents for different incidents (a message each), then drained by one sender: claimed, asked about
again, sent, and written down with attempts, timelines and who was told. The bare client keeps as many connections and
writes nothing down: aiohttp and aiosmtplib, which we send with as well and know no faster ones than, so that the
comparison stays with the best bare client. The receivers are processes of their own.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

from cryptography.fernet import Fernet
from sqlalchemy import text

from datapulse_tui.data.database import Database
from datapulse_tui.data.embedded import erase
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.notify import recheck
from datapulse_tui.notify.channels.base import Message
from datapulse_tui.notify.channels.email import CONNECTIONS, encode
from datapulse_tui.notify.channels.webhook import WebhookChannel, headers, key_of
from datapulse_tui.notify.channels.webhook import encode as encode_json
from datapulse_tui.notify.messages import Item
from datapulse_tui.notify.sender import Sender
from tests import databases
from tests.benchmarks.figures import median, ratio
from tests.notify.outbox import SIGNING, World, make_world

WEBHOOKS = 3000
MAILS = 1200
QUEUED = 10_000
TARGETS = {"webhook": 500, "email": 200}

_INCIDENTS = """
WITH made AS (
    INSERT INTO alert_incidents (alert_id, title, severity, opened_at, labels, status, resolved_at)
    SELECT :rule, 'Checkout errors', 'critical', now(), '{"region": "eu"}', 'resolved', now()
    FROM generate_series(1, :count) RETURNING id, alert_id
), concerned AS (
    INSERT INTO alert_notifications (alert_id, user_id, incident_id) SELECT alert_id, :person, id FROM made)
SELECT id FROM made
"""
_STILL_OPEN = "SELECT id FROM alert_incidents WHERE id = ANY(CAST(:ids AS uuid[])) AND status <> 'resolved'"


def measure(rounds: int) -> dict[str, object]:
    """Deliveries a second of both channels, and how long it takes to queue many."""
    with tempfile.TemporaryDirectory(prefix="deliveries-") as folder:
        home = Path(folder) / "home"
        try:
            server = databases.start_server(home)
            name = databases.create_database(server, databases.make_template(server))
            return asyncio.run(_measure(server.url(name, "datapulse_app"), max(1, rounds // 3)))
        finally:
            erase(home)


async def _measure(url: str, rounds: int) -> dict[str, object]:
    data = Database(url)
    world = await make_world(data, SecretBox((Fernet.generate_key().decode(),), Path(os.devnull)))
    recheck.register(_ask)
    try:
        with _receiver("http") as http, _receiver("smtp") as smtp:
            await world.webhook(f"http://127.0.0.1:{http}/hook")
            await world.email(smtp)
            return {
                "queue_10000_seconds": await _queueing(world, rounds),
                "webhooks": await _compare(world, "webhook", WEBHOOKS, http, rounds),
                "mails": await _compare(world, "email", MAILS, smtp, rounds),
            }
    finally:
        await data.dispose()


async def _ask(session: object, incident_ids: object) -> dict[UUID, str]:
    """What alerting does when it is asked: one look at the incidents."""
    await session.execute(text(_STILL_OPEN), {"ids": list(incident_ids)})  # type: ignore[attr-defined, call-overload]
    return {}


async def _compare(world: World, kind: str, count: int, port: int, rounds: int) -> dict[str, object]:
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(await _ours(world, kind, count))
        theirs.append(await (_bare_http if kind == "webhook" else _bare_smtp)(count, port))
    per_second = median([count / took for took in ours], 0)
    return {
        "ours_per_second": per_second,
        "bare_per_second": median([count / took for took in theirs], 0),
        "ratio": ratio(ours, theirs),
        "target_per_second": TARGETS[kind],
        "reached": per_second >= TARGETS[kind],
    }


async def _incidents(world: World, count: int) -> list[UUID]:
    async with world.data.transaction() as session:
        values = {"rule": world.rule, "person": world.person, "count": count}
        return list(await session.scalars(text(_INCIDENTS), values))


async def _queueing(world: World, rounds: int) -> dict[str, object]:
    took = []
    for _ in range(rounds):
        intents = [world.intent("sms", incident) for incident in await _incidents(world, QUEUED)]
        began = time.perf_counter()
        await world.queue(*intents)
        took.append(time.perf_counter() - began)
        await world.run("DELETE FROM deliveries")
    return {"ours": median(took), "target": 1.0, "reached": median(took) <= 1.0}


async def _ours(world: World, kind: str, count: int) -> float:
    await world.queue(*[world.intent(kind, incident) for incident in await _incidents(world, count)])
    await world.run("DELETE FROM procrastinate_jobs")
    sender = Sender(world.data, world.secrets)
    began = time.perf_counter()
    await sender.drain()
    await sender.idle()
    took = time.perf_counter() - began
    await sender.close()
    sent = await world.one("SELECT count(*) AS n FROM deliveries WHERE status = 'sent'")
    assert sent.n == count, sent
    await world.run("DELETE FROM deliveries")
    return took


def _message() -> Message:
    facts = {
        "rule": "Checkout errors", "severity": "critical", "number": 17, "title": "Checkout errors",
        "labels": {"region": "eu"}, "value": 12.5, "threshold": 5, "opened_at": "2026-03-01T12:00:00+00:00",
    }  # fmt: skip
    return Message(uuid4(), "ana@example.com", [Item("trigger", facts)], ("incident-1",), "bare")


async def _bare_http(count: int, port: int) -> float:
    import aiohttp

    key, left = key_of(SIGNING), iter(range(count))

    async def post(session: aiohttp.ClientSession) -> None:
        for _ in left:
            message = _message()
            body = encode_json(message, 1)
            signed = headers(key, message, 1, body)
            async with session.post(f"http://127.0.0.1:{port}/hook", data=body, headers=signed) as answer:
                answer.raise_for_status()
                await answer.read()

    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=WebhookChannel.slots)) as session:
        await asyncio.gather(*(post(session) for _ in range(WebhookChannel.slots)))
    return time.perf_counter() - began


async def _bare_smtp(count: int, port: int) -> float:
    from email.headerregistry import Address

    import aiosmtplib

    sender, left = Address("DataPulse", addr_spec="pulse@example.com"), iter(range(count))

    async def mail() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for _ in left:
                message = _message()
                await client.sendmail(sender.addr_spec, message.address, encode(message, sender))

    began = time.perf_counter()
    await asyncio.gather(*(mail() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


@contextmanager
def _receiver(kind: str) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.receivers", kind], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
