"""Workers that are killed: everything is sent at least once, and exactly once for who drops what it knows."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.notify.service import send_again
from datapulse_tui.notify.timing import MOST_ATTEMPTS
from tests.notify.outbox import SYSTEM, World, make_world, sending
from tests.notify.receivers import Answer, http_receiver

ROOT = Path(__file__).resolve().parents[2]
LOST = "the worker was lost during each of the last attempts"
KEY = Fernet.generate_key().decode()


@pytest.fixture
async def known(data: Database) -> World:
    """A world whose key the other process gets."""
    return await make_world(data, SecretBox((KEY,), Path(os.devnull)))


@contextmanager
def process(url: str, how: str) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.notify.sender_process", how],
        env=os.environ | {"SENDER_URL": url, "SENDER_KEY": KEY},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()
        assert started.stdout is not None
        started.stdout.close()


async def leases_end(world: World) -> None:
    await world.run("UPDATE deliveries SET lease_until = now() - interval '1 second' WHERE status = 'sending'")


async def test_killed_between_sending_and_writing_down(known: World, database_url: str) -> None:
    with http_receiver() as hook:
        await known.webhook(hook.url)
        await known.queue(*[known.intent("webhook", await known.incident(), group_key="g") for _ in range(3)])
        with process(database_url, "never-records") as worker:
            assert worker.stdout is not None
            assert await asyncio.to_thread(worker.stdout.readline) == "sent\n"
        assert set(await known.statuses()) == {"sending"}
        async with sending(known) as drain:
            await drain()
            assert len(hook.requests) == 1  # its lease still holds
            await leases_end(known)
            await drain()
    first, repeat = hook.requests
    assert len(set(hook.keys())) == 1
    assert json.loads(first.body)["items"] == json.loads(repeat.body)["items"]
    assert set(await known.statuses()) == {"sent"}
    assert (await known.one("SELECT count(*) AS n FROM incident_events WHERE kind = 'told'")).n == 3


async def rounds_of_killing(known: World, url: str, rounds: int, messages: int) -> None:
    dice = random.Random(7)
    with http_receiver() as hook:
        hook.always = Answer(delay=0.002)
        await known.webhook(hook.url)
        for _ in range(rounds):
            await known.queue(*[known.intent("webhook", await known.incident()) for _ in range(messages)])
            before = len(hook.requests)
            with process(url, "plain"):
                async with asyncio.timeout(20):
                    while len(hook.requests) == before:  # noqa: ASYNC110  (until it works)
                        await asyncio.sleep(0.005)
                await asyncio.sleep(dice.uniform(0, 0.15))
            await leases_end(known)
        async with sending(known, seconds=300) as drain:
            await drain()
            lost = await known.all("SELECT id, attempts FROM deliveries WHERE reason = :lost", lost=LOST)
            assert {row.attempts for row in lost} <= {MOST_ATTEMPTS}, "given up too early"
            if lost:  # in flight at a dozen kills: given up, until somebody asks
                async with known.data.transaction() as session:
                    await send_again(session, SYSTEM, [row.id for row in lost])
                await drain()
    assert set(await known.statuses()) == {"sent"}
    keys = set(hook.keys())
    rows = await known.all("SELECT message_id FROM deliveries")
    assert keys == {str(row.message_id) for row in rows}
    assert len(keys) == rounds * messages
    assert (await known.one("SELECT count(*) AS n FROM incident_events WHERE kind = 'told'")).n == len(keys)


async def test_killed_at_any_moment(known: World, database_url: str) -> None:
    await rounds_of_killing(known, database_url, 2, 60)


@pytest.mark.soak
async def test_killed_at_any_moment_many_times(known: World, database_url: str) -> None:
    await rounds_of_killing(known, database_url, 200, 30)
