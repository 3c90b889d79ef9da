"""From the moment at which a metric moves to the mail that a server took: a worker of its own, with its own pace.

Every rule has a metric, an interval and no `group_wait`, and is moved once, at a random moment of its interval. Half of
the wait is the interval itself; what is above it is the worker's. Times in seconds.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.embedded import erase
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.notify.service import create_channel
from tests import databases
from tests.benchmarks.figures import median, p95
from tests.faults.support import World, make_world

ROOT = Path(__file__).resolve().parents[2]
RULES = 100
INTERVAL = 5
OVER = 1.5  # seconds that may be added to the interval
PATIENCE = 120.0
_PLAIN = "UPDATE alerts SET group_wait_seconds = 0"
_NUMBER = re.compile(r"rule (\d+)")


class Arrivals:
    """An SMTP server's side: when it took the mail about which rule."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}
        self.more: list[int] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take it, and note the time."""
        now = time.perf_counter()
        assert isinstance(envelope.content, bytes)
        subject = str(message_from_bytes(envelope.content, policy=policy.default)["Subject"])
        found = _NUMBER.search(subject)
        if found is not None:
            number = int(found[1])
            if number in self.at:
                self.more.append(number)
            self.at.setdefault(number, now)
        return "250 taken"


def measure(rounds: int) -> dict[str, object]:
    """The waits of RULES breaches."""
    with tempfile.TemporaryDirectory(prefix="breach-to-mail-") as folder:
        home = Path(folder) / "home"
        try:
            server = databases.start_server(home)
            name = databases.create_database(server, databases.make_template(server))
            return _measure(server.url(name, "datapulse_owner"), server.url(name, "datapulse_app"), Path(folder))
        finally:
            erase(home)


def _measure(owner_url: str, app_url: str, folder: Path) -> dict[str, object]:
    world, arrivals = make_world(owner_url), Arrivals()
    controller = Controller(arrivals, hostname="127.0.0.1", port=_free_port())
    controller.start()
    try:
        asyncio.run(_channel(app_url, controller.port))
        for number in range(RULES):
            world.rule(world.query(f"m{number}"), name=f"rule {number}", interval=INTERVAL)
            world.metric(f"m{number}", 1)
        world.execute(_PLAIN)
        with _worker(app_url, folder):
            _until(lambda: not world.one("SELECT count(*) FROM alert_evaluations WHERE last_at IS NULL"))
            moved = _move(world)
            _until(lambda: len(arrivals.at) == RULES)
    finally:
        controller.stop()
    waits = [arrivals.at[number] - at for number, at in moved.items()]
    found = p95(waits, 3)
    return {
        "breaches": RULES,
        "interval_s": INTERVAL,
        "breach_to_mail_median_s": median(waits, 3),
        "breach_to_mail_p95_s": found,
        "breach_to_mail_longest_s": round(max(waits), 3),
        "mails_twice": len(arrivals.more),
        "target_s": INTERVAL + OVER,
        "reached": found <= INTERVAL + OVER,
    }


def _move(world: World) -> dict[int, float]:
    """Move one metric after the other beyond its threshold; when each did."""
    moved: dict[int, float] = {}
    for number in random.sample(range(RULES), RULES):
        world.execute("UPDATE shop.metrics SET value = 100 WHERE name = %s", [f"m{number}"])
        moved[number] = time.perf_counter()
        time.sleep(random.uniform(0, 0.2))
    return moved


async def _channel(url: str, port: int) -> None:
    data = Database(url)
    config = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "pulse@example.org"}
    actor = Actor(None, "system:benchmark", everything=True)
    try:
        async with data.transaction() as session:
            await create_channel(
                session, actor, SecretBox((), Path(os.devnull)), name="mail", type="email", config=config
            )
    finally:
        await data.dispose()


@contextmanager
def _worker(url: str, folder: Path) -> Iterator[None]:
    """`datapulse worker`, which is gone at the end."""
    environment = {**os.environ, "DATAPULSE_DATABASE_URL": url, "DATAPULSE_HOME": str(folder / "worker")}
    process = subprocess.Popen([sys.executable, "-m", "datapulse_tui", "worker"], env=environment, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _until(done: Callable[[], bool]) -> None:
    """Wait until it is done; raises AssertionError when that takes too long."""
    deadline = time.perf_counter() + PATIENCE
    while not done():
        if time.perf_counter() > deadline:
            raise AssertionError("the worker does not do what it is waited for")
        time.sleep(0.05)
