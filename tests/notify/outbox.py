"""Incidents, channels and intents for the outbox tests, in plain SQL where other rooms own the tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.notify import recheck
from datapulse_tui.notify.intents import Intent
from datapulse_tui.notify.sender import Sender
from datapulse_tui.notify.service import create_channel, queue

SYSTEM = Actor(None, "system:test", everything=True)
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

_PERSON = """
INSERT INTO users (email, name, password, role, status)
VALUES (:email, :name, '!', 'ops_manager', 'active') RETURNING id
"""
_RULE = """
INSERT INTO alerts (user_id, name, threshold_type, threshold_value, status)
VALUES (:owner, :name, 'above', 5, 'active') RETURNING id
"""
_INCIDENT = """
INSERT INTO alert_incidents (alert_id, title, severity, opened_at, labels, status, resolved_at)
VALUES (:rule, :title, 'critical', now(), '{"region": "eu"}', 'resolved', now()) RETURNING id
"""
_CONCERNS = "INSERT INTO alert_notifications (alert_id, user_id, incident_id) VALUES (:rule, :person, :incident)"


@dataclass(frozen=True)
class World:
    """A rule with its owner, and what makes things to tell about it."""

    data: Database
    secrets: SecretBox
    person: UUID
    rule: UUID

    async def one(self, sql: str, **values: Any) -> Any:
        """The only row."""
        async with self.data.transaction() as session:
            return (await session.execute(text(sql), values)).one()

    async def all(self, sql: str, **values: Any) -> Sequence[Any]:
        """All rows."""
        async with self.data.reading() as session:
            return (await session.execute(text(sql), values)).all()

    async def run(self, sql: str, **values: Any) -> None:
        """Change something."""
        async with self.data.transaction() as session:
            await session.execute(text(sql), values)

    async def incident(self, title: str = "Checkout errors") -> UUID:
        """An incident that concerns the person. It is closed, as a rule without series has one open at most."""
        async with self.data.transaction() as session:
            found: UUID = await session.scalar(text(_INCIDENT), {"rule": self.rule, "title": title})
            await session.execute(text(_CONCERNS), {"rule": self.rule, "person": self.person, "incident": found})
            return found

    def intent(self, channel_type: str, incident: UUID | None, **changes: Any) -> Intent:
        """Something to tell at once, about an incident of the rule."""
        address = {"email": "ana@example.com", "sms": "+43 1 234"}.get(channel_type, "")
        base = Intent(
            key=f"{incident or uuid4()}:trigger:{channel_type}:{uuid4()}",
            kind="trigger",
            channel_type=channel_type,
            channel_id=None,
            address=address,
            user_id=self.person if address else None,
            zone="UTC",
            group_key=f"{incident or uuid4()}:{channel_type}:{address}",
            incident_id=incident,
            alert_id=self.rule,
            payload={
                "rule": "Checkout errors", "severity": "critical", "number": 17, "title": "Checkout errors",
                "labels": {"region": "eu"}, "value": 12.5, "threshold": 5, "opened_at": "2026-03-01T12:00:00+00:00",
            },
        )  # fmt: skip
        return replace(base, **changes)

    async def queue(self, *intents: Intent) -> int:
        """Queue intents in a transaction of their own."""
        async with self.data.transaction() as session:
            return await queue(session, intents)

    async def channel(self, type_: str, config: dict[str, Any], name: str = "") -> UUID:
        """A channel of that type."""
        async with self.data.transaction() as session:
            return await create_channel(
                session, SYSTEM, self.secrets, name=name or f"the {type_}", type=type_, config=config
            )

    async def webhook(self, url: str, name: str = "", **config: Any) -> UUID:
        """A webhook to `url`."""
        return await self.channel("webhook", {"url": url, "secret": SIGNING, **config}, name)

    async def email(self, port: int, **config: Any) -> UUID:
        """An SMTP server on this machine, without TLS unless told."""
        base = {"host": "localhost", "port": port, "security": "none", "sender": "pulse@example.com"}
        return await self.channel("email", {**base, **config})

    async def statuses(self) -> list[str]:
        """The status of every delivery, in the order in which they were queued."""
        return [row.status for row in await self.all("SELECT status FROM deliveries ORDER BY created_at, key")]

    async def due_now(self) -> None:
        """Let whatever waits be due."""
        await self.run("UPDATE deliveries SET due_at = now() WHERE status = 'pending'")


async def make_world(data: Database, secrets: SecretBox) -> World:
    """A person and a rule in an empty database."""
    async with data.transaction() as session:
        person: UUID = await session.scalar(text(_PERSON), {"email": "ana@example.com", "name": "Ana"})
        rule: UUID = await session.scalar(text(_RULE), {"owner": person, "name": "Checkout errors"})
    return World(data, secrets, person, rule)


@asynccontextmanager
async def sending(world: World, seconds: float = 20) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A sender; what it gives drains once and waits until all is done that is due, at most so many seconds."""
    sender = Sender(world.data, world.secrets)

    async def drain() -> None:
        await sender.drain()
        async with asyncio.timeout(seconds):
            await sender.idle()

    try:
        yield drain
    finally:
        await sender.close()


@asynccontextmanager
async def asked(ask: recheck.Recheck) -> AsyncIterator[None]:
    """`ask` is asked before every sending, and nobody else is."""
    before = list(recheck._registered)
    recheck._registered[:] = [ask]
    try:
        yield
    finally:
        recheck._registered[:] = before
