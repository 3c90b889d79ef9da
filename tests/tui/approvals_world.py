"""Requests for the tests of the approvals' screens: people, dashboards and requests, made by the services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from textual.pilot import Pilot

from datapulse_tui.people.actors import actor_for
from datapulse_tui.tui.screens.approvals.queue import QueueScreen
from datapulse_tui.workflows.service import requests
from tests.tui.conftest import ANA, HOSTILE, World, opening_on, see_all_read, until
from tests.tui.inbox_world import BEA, BEN, desk, sql

CLEO = "cleo@example.org"
REQUESTS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    (BEA, "dashboard_access", {"dashboard": "Sales", "reason": "I follow the sales of the north."}),
    (BEA, "role_grant", {"role": "analyst", "reason": "I write the weekly report now."}),
    (ANA, "data_source_deletion", {"source": "attic", "reason": "It moved to the new cluster."}),
    (BEA, "free_form", {"subject": f"A second screen {HOSTILE}", "text": "[/] \x1b]0;x\x07 for the desk"}),
    (BEN, "role_grant", {"role": "admin", "reason": "I stand in for Cleo."}),
)


async def fill(world: World) -> None:
    """Ana analyses and owns Sales, Bea does business, Ben and Ida manage operations, Cleo and Dan administer."""
    people = (
        (BEA, "Bea Lind", "business_user"),
        (BEN, "Ben Okafor", "ops_manager"),
        ("ida@example.org", "Ida Roth", "ops_manager"),
        (CLEO, "Cleo Marsh", "admin"),
        ("dan@example.org", "Dan Abe", "admin"),
    )
    insert = text(
        "INSERT INTO users (email, name, password, role, status, timezone) "
        "VALUES (:email, :name, '!', :role, 'active', 'Europe/Vienna')"
    )
    attic = text("INSERT INTO data_sources (name, type, status) VALUES ('attic', 'postgresql', 'connected')")
    connection = world.connect()
    try:
        async with connection.data.transaction() as session:
            await session.execute(
                insert, [{"email": email, "name": name, "role": role} for email, name, role in people]
            )
            await session.execute(attic)
        for email, type_, fields in REQUESTS:
            async with connection.data.transaction() as session:
                await requests.create(session, await actor_for(session, email), type_, fields)
    finally:
        await connection.data.dispose()


async def make(world: World, email: str, type_: str, fields: Mapping[str, object]) -> UUID:
    """A request of the person with that address."""
    connection = world.connect()
    try:
        async with connection.data.transaction() as session:
            return await requests.create(session, await actor_for(session, email), type_, fields)
    finally:
        await connection.data.dispose()


async def acting(world: World, email: str, verb: Any, *args: Any, **options: Any) -> Any:
    """Have somebody do something through the service, as another process would."""
    connection = world.connect()
    try:
        async with connection.data.transaction() as session:
            return await verb(session, await actor_for(session, email), *args, **options)
    finally:
        await connection.data.dispose()


async def pass_time(world: World) -> None:
    """What was decided more than ten seconds ago is final, and its effect carried out."""
    from datapulse_tui.workflows import effects, timers

    await sql(world, "UPDATE workflows SET final_at = now(), timer_at = now() WHERE final_at IS NOT NULL")
    connection = world.connect()
    try:
        await timers.run_due(connection.data)
        await effects.run_due(connection.data)
    finally:
        await connection.data.dispose()


def prepare(world: World) -> World:
    """`fill`, from outside of a loop."""
    asyncio.run(fill(world))
    return world


@asynccontextmanager
async def at_queue(world: World, email: str = CLEO, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[Any]]:
    """A desk at the queue, its feed listening."""
    app = opening_on(desk(world, email), QueueScreen)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, QueueScreen) and app.screen._was_read)
        await see_all_read(pilot)
        yield pilot


def standing(world: World, at: datetime) -> World:
    """The requests as if they had been made at `at`, with times left that do not depend on the clock."""

    async def move() -> None:
        await sql(
            world,
            "UPDATE workflows SET created_at = CAST(:at AS timestamptz) - number * interval '1 min', timer_at = NULL, "
            "expires_at = CAST(:at AS timestamptz) + interval '30 days', "
            "due_at = CAST(:at AS timestamptz) + make_interval(mins => CAST(number AS integer) * 77)",
            at=at,
        )
        await sql(world, "UPDATE workflow_events SET at = :at", at=at)

    asyncio.run(move())
    return world
