"""Rules for the tests of their screens: Omar, who makes rules, saved queries, and a week of samples."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import bcrypt
from sqlalchemy import text
from textual.pilot import Pilot

from datapulse_tui.alerts import history
from datapulse_tui.alerts.rules import label_key
from datapulse_tui.alerts.schemas import check
from datapulse_tui.alerts.service import rules
from datapulse_tui.data.connect import Connection
from datapulse_tui.people.operator import operator_actor
from datapulse_tui.sources.service import grant_source, save_query
from datapulse_tui.tui.app import DataPulseApp
from datapulse_tui.tui.screens.rules.rules import RulesScreen
from tests.tui.conftest import HOSTILE, NOW, OPERATOR, PASSWORD, World, opening_on, until

OMAR = "omar@example.org"
LATENCY = "SELECT * FROM (VALUES ('checkout', 900), ('search', 210)) AS t(service, p95_ms)"
SERVICES = ({"service": "checkout"}, {"service": "search"})
SLOW: dict[str, Any] = {
    "name": "Checkout is slow",
    "metric": "p95_ms",
    "label_columns": ["service"],
    "threshold_type": "above",
    "threshold": 800,
    "recovery": 700,
    "for": "5m",
    "severity": "critical",
    "channels": [{"type": "email", "to": ["owner", "role:ops_manager"]}, {"type": "slack"}],
    "runbook_url": "https://wiki.example.org/latency",
    "description": "What customers wait for.",
}


async def fill(connection: Connection, *, samples: bool = False) -> UUID:
    """Omar with three rules: one that fires, one whose query fails, and a paused one with a hostile name."""
    data = connection.data
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    async with data.transaction() as session:
        insert = text(
            "INSERT INTO users (email, name, password, role, status, timezone) VALUES "
            "(:email, 'Omar Keller', :hashed, 'ops_manager', 'active', 'Europe/Vienna')"
        )
        await session.execute(insert, {"email": OMAR, "hashed": hashed})
        await session.execute(
            text(
                "INSERT INTO notification_channels (name, type, is_default) "
                "VALUES ('mail', 'email', true), ('ops', 'slack', true)"
            )
        )
        await session.execute(text("INSERT INTO departments (name) VALUES ('Operations')"))
    async with data.transaction() as session:
        await grant_source(session, OPERATOR, "warehouse", OMAR)
    async with data.glance() as session:
        omar = replace(await operator_actor(session, as_email=OMAR), user_agent="test")
    async with data.transaction() as session:
        latency = await save_query(session, omar, name="Latency", source="warehouse", sql=LATENCY)
        broken = await save_query(session, omar, name="Broken", source="warehouse", sql="SELECT 1 AS n")
    slow = await _rule(connection, omar, {**SLOW, "query": str(latency)})
    plain = {"query": str(broken), "metric": "n", "threshold_type": "below", "threshold": 1}
    failing = await _rule(connection, omar, {**plain, "name": "No parcels", "severity": "info"})
    hostile = await _rule(connection, omar, {**plain, "name": "Hostile", "active": False})
    async with data.transaction() as session:
        # What the service refuses may still stand in the database.
        await session.execute(text("UPDATE alerts SET name = :name WHERE id = :id"), {"name": HOSTILE, "id": hostile})
        await session.execute(text("UPDATE alerts SET updated_at = :now, created_at = :now"), {"now": NOW})
        looked = text(
            "UPDATE alert_evaluations SET last_at = :at, health = :health, health_reason = :reason, "
            "skipped_slots = :skipped WHERE alert_id = :id"
        )
        at = NOW - timedelta(minutes=3)
        await session.execute(looked, {"at": at, "health": "ok", "reason": None, "skipped": 12, "id": slow})
        reason = f"The source does not answer. {HOSTILE}"
        await session.execute(looked, {"at": at, "health": "error", "reason": reason, "skipped": 0, "id": failing})
        await _series(session, latency, slow, samples=samples)
    return slow


async def _rule(connection: Connection, actor: Any, document: dict[str, Any]) -> UUID:
    async with connection.data.transaction() as session:
        return await rules.create(session, actor, check(document))


async def _series(session: Any, query: UUID, rule: UUID, *, samples: bool) -> None:
    ids = await history.series_ids(session, query, "p95_ms", SERVICES)
    checkout, search = (ids[label_key(labels)] for labels in SERVICES)
    moments = [NOW.replace(second=0) - timedelta(minutes=10 * step) for step in range(7 * 144 if samples else 30)]
    for day in {moment.date(): moment for moment in moments}.values():
        await history.write_samples(session, day, [(checkout, _value(day))])  # makes the day's partition
    every = [(series, at, value) for at in moments for series, value in ((checkout, _value(at)), (search, 210.0))]
    await session.execute(
        text(
            "INSERT INTO metric_samples SELECT * FROM unnest(CAST(:series AS bigint[]), CAST(:at AS timestamptz[]), "
            "CAST(:values AS float8[])) ON CONFLICT DO NOTHING"
        ),
        dict(zip(("series", "at", "values"), map(list, zip(*every, strict=True)), strict=True)),
    )
    states = text(
        "INSERT INTO alert_series (alert_id, series_id, state, reason, since) VALUES "
        "(:rule, :checkout, 'firing', 'for_elapsed', :since), (:rule, :search, 'normal', 'new', :since)"
    )
    since = NOW - timedelta(minutes=40)
    await session.execute(states, {"rule": rule, "checkout": checkout, "search": search, "since": since})


def _value(at: datetime) -> float:
    """Two hours above 800 each day, from noon UTC."""
    return 950.0 if at.hour in (12, 13) else round(400 + 100 * math.sin(at.timestamp() / 3000), 1)


def desk(world: World, email: str = OMAR) -> DataPulseApp:
    """A desk that stands at NOW and opens on the rules."""
    return opening_on(world.desk(as_email=email), RulesScreen)


async def says(pilot: Pilot[Any], words: str) -> None:
    """Wait until a toast holds `words`, however it is wrapped; then take all of them away."""
    await until(pilot, lambda: any(words in each.message for each in pilot.app._notifications))
    pilot.app.clear_notifications()
