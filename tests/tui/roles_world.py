"""People, roles and departments for the tests of their screens."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from textual.pilot import Pilot

from datapulse_tui.audit.actor import Actor
from datapulse_tui.people import departments, roles
from datapulse_tui.people.actors import actor_for
from datapulse_tui.tui.screens.admin.departments import DepartmentsScreen
from datapulse_tui.tui.screens.admin.roles import RolesScreen
from tests.tui.conftest import ANA, HOSTILE, OPERATOR, World, see, until

BEA, CLEO, MIA = "bea@example.org", "cleo@example.org", "mia@example.org"
PEOPLE = (
    (BEA, "Bea Lind", "business_user", "active"),
    (CLEO, "Cleo [/] Marchetti", "analyst", "active"),
    ("dan@example.org", "Dan Weiß", "business_user", "pending"),
    ("eve@example.org", "Eve Adams", "ops_manager", "inactive"),
    (MIA, "Mia Kovač", "analyst", "active"),
)
ROLES = (
    ("Night shift", "Triages at night what the others do by day.", ("alert:view_all", "alert:triage_all")),
    ("Role makers", "", ("role:view", "role:manage", "role:assign")),
    (HOSTILE[:40].replace("\x1b", ""), "[b]not bold[/b]", ("audit:view", "audit:verify")),
)


@pytest.fixture
def office(world: World) -> World:
    """Ana is an admin. Bea and Cleo work at night, Mia makes roles; Sales has Bea and Dan, led by Eve, who is gone."""
    asyncio.run(prepare(world))
    return world


async def prepare(world: World) -> None:
    connection = world.connect()
    try:
        async with connection.data.transaction() as session:
            await session.execute(text("UPDATE users SET role = 'admin' WHERE email = :ana"), {"ana": ANA})
            for email, name, role, _ in PEOPLE:
                await session.execute(
                    text(
                        "INSERT INTO users (email, name, password, role, status) "
                        "VALUES (:email, :name, '!', :role, 'active')"
                    ),
                    {"email": email, "name": name, "role": role},
                )
            ana = await actor_for(session, ANA)
            ids = {name: await roles.create(session, ana, name=name, description=about, permissions=words)
                   for name, about, words in ROLES}  # fmt: skip
            people = {row.email: row.id for row in await session.execute(text("SELECT id, email FROM users"))}
            await roles.give_many(session, ana, [people[BEA], people[CLEO]], ids["Night shift"])
            await roles.give(session, OPERATOR, people[MIA], ids["Role makers"])
            sales = await departments.create(
                session, ana, name="Sales", description="Sells [/]", head_id=people["eve@example.org"]
            )
            await departments.create(session, ana, name="Technology")
            await departments.move(session, ana, [people[BEA], people["dan@example.org"]], sales)
            for email, _, _, status in PEOPLE:
                await session.execute(
                    text("UPDATE users SET status = :status WHERE email = :email"), {"email": email, "status": status}
                )
    finally:
        await connection.data.dispose()


async def stand_still(world: World, at: datetime) -> None:
    """Have everything be of one moment, for pictures."""
    connection = world.connect()
    try:
        async with connection.data.transaction() as session:
            for table, columns in (("roles", "created_at updated_at"), ("departments", "created_at updated_at"),
                                   ("user_roles", "assigned_at")):  # fmt: skip
                sets = ", ".join(f"{column} = :at" for column in columns.split())
                await session.execute(text(f"UPDATE {table} SET {sets}"), {"at": at})
    finally:
        await connection.data.dispose()


async def as_actor(world: World, email: str) -> Actor:
    connection = world.connect()
    try:
        async with connection.data.reading() as session:
            return await actor_for(session, email)
    finally:
        await connection.data.dispose()


async def go_to(pilot: Pilot[Any], tab: type[RolesScreen | DepartmentsScreen]) -> Any:
    """To a tab of Admin where the desk opened, its list read."""
    await until(pilot, lambda: pilot.app.person is not None)
    await see(pilot, "8 Admin")
    await until(pilot, lambda: isinstance(pilot.app.screen, tab) and pilot.app.screen._rows)
    await pilot.pause()
    return pilot.app.screen
