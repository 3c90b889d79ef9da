"""People for the tests of the screens about them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from textual.pilot import Pilot

from datapulse_tui.tui.screens.admin.people import PeopleScreen
from tests.tui.conftest import HOSTILE, World, opening_on, see_all_read, until
from tests.tui.inbox_world import desk, sql

ROOT = "root@example.org"
DIM = "dim@example.org"  # the one with the hostile name

_PEOPLE = """
WITH made AS (INSERT INTO users
(email, name, password, role, status, timezone, department_id, last_login, created_at, updated_at)
SELECT nick || '@example.org', CASE nick WHEN 'dim' THEN :hostile ELSE name END, password, role, status,
    'Europe/Vienna', (SELECT id FROM departments d WHERE d.name = dept),
    CAST(:now AS timestamptz) - days * interval '1 day', CAST(:now AS timestamptz) - n * interval '1 day',
    CAST(:now AS timestamptz) - n * interval '1 day'
FROM (VALUES
    (9, 'root', 'Root Admin', '!', 'admin', 'active', 'Operations', 0),
    (8, 'bea', 'Bea Lind', 'x', 'business_user', 'active', 'Sales', 3),
    (7, 'ben', 'Ben Okafor', 'x', 'ops_manager', 'active', 'Operations', 40),
    (6, 'cy', 'Cy Marsh', '!', 'analyst', 'pending', NULL, NULL),
    (5, 'dim', '', 'x', 'business_user', 'inactive', 'Sales', 200)
) AS p(n, nick, name, password, role, status, dept, days) RETURNING id, email)
INSERT INTO user_roles (user_id, role_id, assigned_at)
SELECT made.id, r.id, :now FROM made, roles r WHERE made.email = 'ben@example.org'
"""


async def fill(world: World, now: datetime) -> None:
    """Root administers; Bea, Ben, Cy (who waits) and somebody with a hostile name who was deactivated."""
    await sql(
        world,
        "WITH d AS (INSERT INTO departments (name) VALUES ('Operations'), ('Sales')) "
        "INSERT INTO roles (name, permissions) VALUES ('Auditor', '[\"audit:view\"]')",
    )
    await sql(world, _PEOPLE, hostile=HOSTILE, now=now)


def prepare(world: World, now: datetime | None = None) -> World:
    """`fill`, from outside of a loop; by the clock unless `now` is another time."""
    asyncio.run(fill(world, now or datetime.now(UTC)))
    return world


@asynccontextmanager
async def at_people(world: World, email: str = ROOT, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[Any]]:
    """A desk at the list of people, its feed listening."""
    app = opening_on(desk(world, email), PeopleScreen)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, PeopleScreen) and app.screen._was_read)
        await see_all_read(pilot)
        yield pilot


def listed(pilot: Pilot[Any]) -> PeopleScreen:
    """The list below whatever is over it."""
    found = pilot.app.screen_stack[1]
    assert isinstance(found, PeopleScreen)
    return found


async def go_to(pilot: Pilot[Any], nick: str) -> UUID:
    """Put the cursor on the row of a person; their id."""
    rows = listed(pilot).loaded.rows
    await until(pilot, lambda: any(row.person.email.startswith(nick) for row in rows.values()))
    key = next(key for key, row in rows.items() if row.person.email.startswith(nick))
    listed(pilot).listed.move_to(listed(pilot).loaded.keys.index(key))
    await pilot.pause()
    return rows[key].id
