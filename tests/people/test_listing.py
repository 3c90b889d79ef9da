from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data import migrate
from datapulse_tui.data.database import Database
from datapulse_tui.data.page import every
from datapulse_tui.errors import Invalid, NotAllowed, NotFound
from datapulse_tui.people.completion import complete
from datapulse_tui.people.detail import get_person
from datapulse_tui.people.filter_sql import where
from datapulse_tui.people.filters import InvalidFilter, parse
from datapulse_tui.people.listing import ORDERS, count, list_people, page_sql, these_people
from tests import databases
from tests.people.conftest import OPERATOR

HOSTILE = "disk [/dev/sda1] full [/] \x1b[31mred 売上 שלום"
_PEOPLE = """
INSERT INTO departments (name) VALUES ('Operations'), ('Human Resources'), ('100%');
INSERT INTO roles (name, permissions) VALUES ('Auditor', '["audit:view"]'), ('Night_shift', '[]');
INSERT INTO users (email, name, password, role, status, department_id, last_login, created_at)
SELECT nick || '@example.com', name, password, role, status, (SELECT id FROM departments d WHERE d.name = dept),
    now() - days * interval '1 day', timestamptz '2026-01-01' + n * interval '1 day'
FROM (VALUES
    (1, 'ana', 'Ana Berger', 'x', 'admin', 'active', 'Operations', 1),
    (2, 'bob', 'Bob Élan', 'x', 'analyst', 'active', 'Human Resources', 40),
    (3, 'cy_d', 'Cy_D', '!', 'business_user', 'pending', NULL, NULL),
    (4, 'dee', 'Dee Müller', 'x', 'ops_manager', 'inactive', 'Operations', 400),
    (5, 'eve', :hostile, 'x', 'business_user', 'active', '100%', NULL)
) AS p(n, nick, name, password, role, status, dept, days);
INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u, roles r
    WHERE (u.email, r.name) IN (('bob@example.com', 'Auditor'), ('bob@example.com', 'Night_shift'));
INSERT INTO invitations (user_id, code_hash, expires_at)
    SELECT id, decode('00', 'hex'), now() + interval '2 hours' FROM users WHERE email = 'cy_d@example.com';
INSERT INTO sign_in_attempts (email, created_at)
    SELECT 'eve@example.com', clock_timestamp() - n * interval '1 second' FROM generate_series(1, 6) n
"""


@pytest.fixture
async def people(data: Database) -> None:
    """Ana, Bob, Cy_D, Dee and one with a hostile name."""
    await fill(data)


@pytest.fixture
async def plain(server: databases.Server) -> AsyncIterator[Database]:
    """The same people in a database of the C locale, where lower() knows no letter but ASCII's."""
    name = databases.new_name()
    with psycopg.connect(databases.dsn(server.superuser), autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                "CREATE DATABASE {} OWNER datapulse_owner TEMPLATE template0 "
                "ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'"
            ).format(sql.Identifier(name))
        )
    migrate.upgrade(server.url(name))
    database = Database(server.url(name, "datapulse_app"))
    await fill(database)
    yield database
    await database.dispose()
    databases.drop_database(server, name)


async def fill(data: Database) -> None:
    async with data.transaction() as session:
        for statement in _PEOPLE.split(";\n"):
            params = {"hostile": HOSTILE} if ":hostile" in statement else {}
            await session.execute(text(statement), params)


async def found(data: Database, filter_: str, order: str = "email") -> list[str]:
    async with data.reading() as session:
        page = await list_people(session, OPERATOR, filter=filter_, order=order)  # type: ignore[arg-type]
        assert await count(session, OPERATOR, filter_) == len(page.items)
    return [row.email.partition("@")[0] for row in page.items]


FILTERS: Sequence[tuple[str, str]] = [
    ("", "ana bob cy_d dee eve"),
    ("BERGER", "ana"),
    ("élan", "bob"),
    ("ÉLAN", "bob"),
    ("Élan", "bob"),
    ("-ÉLAN", "ana cy_d dee eve"),
    ("müller", "dee"),
    ("MÜL", "dee"),
    ("mäller", ""),
    ("y_", "cy_d"),
    ("bob@", "bob"),
    ("-ana -bob", "cy_d dee eve"),
    ("role:admin,analyst", "ana bob"),
    ("-role:business_user", "ana bob dee"),
    ("status:active", "ana bob eve"),
    ("status:locked", "eve"),
    ("status:invited", "cy_d"),
    ("status:locked,pending", "cy_d eve"),
    ("-status:locked", "ana bob cy_d dee"),
    ("status:inactive", "dee"),
    ("status:inactive,pending", "cy_d dee"),
    ("-status:active", "cy_d dee"),
    ("-status:inactive", "ana bob cy_d eve"),
    ("dept:oper", "ana dee"),
    ("dept:RES", "bob"),
    ("dept:none", "cy_d"),
    ("dept:none,100%", "cy_d eve"),
    ('dept:"100%"', "eve"),
    ("dept:nothing", ""),
    ("-dept:oper", "bob cy_d eve"),
    ("custom:aud", "bob"),
    ("custom:none", "ana cy_d dee eve"),
    ("-custom:night_", "ana cy_d dee eve"),
    ("seen:7d", "ana"),
    ("seen:60d,never", "ana bob cy_d eve"),
    ("unseen:30d", "bob cy_d dee eve"),
    ("-unseen:30d", "ana"),
    ("unseen:never", "cy_d eve"),
    ("unseen:30d -unseen:never", "bob dee"),
    ('"[/dev/sda1]"', "eve"),
    ("売上", "eve"),
    ("role:analyst dept:hum custom:aud seen:60d bob", "bob"),
]


async def test_every_filter(data: Database, people: None) -> None:
    assert await wrong(data) == []


async def test_every_filter_in_the_c_locale(plain: Database) -> None:
    assert await wrong(plain) == []


async def test_a_desk_that_just_opened_reads_the_list_without_sqlalchemy(database_url: str, people: None) -> None:
    fresh = Database(database_url)
    try:
        async with fresh.glance() as session:
            page = await list_people(session, OPERATOR, filter="売上")
            assert len(page.items) == await count(session, OPERATOR, "売上") == 1
    finally:
        await fresh.dispose()


async def wrong(data: Database) -> list[tuple[str, list[str]]]:
    """The lines that find others than they should, with those."""
    answers = [(line, await found(data, line), expected.split()) for line, expected in FILTERS]
    return [(line, there) for line, there, expected in answers if there != expected]


@pytest.mark.parametrize("line", ["berger", "MÜLLER", "status:inactive,pending", "-status:active e"])
async def test_a_filter_finds_the_same_in_every_order(data: Database, people: None, line: str) -> None:
    expected = await found(data, line)
    assert expected
    for order in ORDERS:
        async with data.reading() as session:
            paged = await every(
                lambda after, order=order: list_people(  # type: ignore[misc]
                    session, OPERATOR, filter=line, order=order, after=after, limit=1
                )
            )
            whole = (await list_people(session, OPERATOR, filter=line, order=order)).items
        assert paged == list(whole)
        assert sorted(row.email.partition("@")[0] for row in paged) == expected


@pytest.mark.parametrize("line", ["berger", "MÜLLER", "-ana -bob", "-role:admin -status:inactive -dept:oper"])
async def test_along_the_names_the_index_is_enough(data: Database, people: None, line: str) -> None:
    async with data.reading() as session:
        condition = await where(session, parse(line), datetime.now(UTC))
        await session.execute(text("SELECT set_config('enable_seqscan', 'off', true)"))
        statement = text(f"EXPLAIN {page_sql(condition, 'name', None)}")
        plan = [row[0] for row in await session.execute(statement, {**condition.params, "limit": 2})]
    assert any("Index Only Scan using users_name_order_idx on users u_1" in each for each in plan), plan


async def test_every_order_pages_through_everybody(data: Database, people: None) -> None:
    async with data.reading() as session:
        for order, first in zip(ORDERS, ("ana", "ana", "ana", "eve"), strict=True):
            whole = (await list_people(session, OPERATOR, order=order)).items
            assert whole[0].email.startswith(first)
            paged = await every(
                lambda after, order=order: list_people(  # type: ignore[misc]
                    session, OPERATOR, order=order, after=after, limit=1
                )
            )
            assert paged == list(whole)
        names = [row.name for row in (await list_people(session, OPERATOR, order="name")).items]
        assert names == sorted(names)
        times = [row.last_login for row in (await list_people(session, OPERATOR, order="seen")).items]
        assert [time is None for time in times] == [False, False, False, True, True]


async def test_what_stands_in_a_row(data: Database, people: None) -> None:
    async with data.reading() as session:
        rows = {row.email: row for row in (await list_people(session, OPERATOR)).items}
        some = await these_people(session, OPERATOR, [rows["eve@example.com"].id, UUID(int=1)])
    bob, cy, eve = rows["bob@example.com"], rows["cy_d@example.com"], rows["eve@example.com"]
    assert (bob.department, bob.custom_roles, bob.has_password) == ("Human Resources", ("Auditor", "Night_shift"), True)
    assert bob.locked_until is None
    assert not cy.has_password
    assert cy.invited_until is not None
    assert eve.locked_until is not None
    assert eve.locked_until > datetime.now(UTC)
    assert eve.name == HOSTILE
    assert [row.id for row in some] == [eve.id]


async def test_refusals(data: Database, people: None) -> None:
    nobody = Actor(None, "nobody")
    async with data.reading() as session:
        for call in (list_people(session, nobody), count(session, nobody, ""), complete(session, nobody, "", 0)):
            with pytest.raises(NotAllowed):
                await call
        with pytest.raises(InvalidFilter):
            await list_people(session, OPERATOR, filter="role:king")
        page = await list_people(session, OPERATOR, order="name", limit=2)
        for order in ("seen", "created"):
            with pytest.raises(Invalid):
                await list_people(session, OPERATOR, order=order, after=page.next)  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            await list_people(session, OPERATOR, after="rubbish")
        with pytest.raises(Invalid):
            await list_people(session, OPERATOR, limit=5_000)


async def test_completion(data: Database, people: None) -> None:
    async def options(line: str) -> tuple[str, ...]:
        async with data.reading() as session:
            return (await complete(session, OPERATOR, line, len(line))).options

    assert await options("") == ("role:", "status:", "dept:", "custom:", "seen:", "unseen:")
    assert await options("ro") == ("role:",)
    assert await options("role:a") == ("analyst", "admin")
    assert await options("status:in") == ("inactive", "invited")
    assert await options("dept:h") == ('"Human Resources"',)
    assert await options("dept:") == ("none", "100%", '"Human Resources"', "Operations")
    assert await options("custom:n") == ("none", "Night_shift")
    assert await options("seen:3") == ("30d",)


async def test_one_person_with_all_that_is_known(data: Database, people: None) -> None:
    async with data.transaction() as session:
        await session.execute(
            text("""
            INSERT INTO profiles (user_id, avatar, bio, phone)
            SELECT id, '🦊', :bio, '+43 1 2' FROM users WHERE email = 'bob@example.com'
            """),
            {"bio": HOSTILE},
        )
        await session.execute(
            text("INSERT INTO sessions (user_id) SELECT id FROM users WHERE email = 'bob@example.com'")
        )
    async with data.transaction() as session:
        from datapulse_tui.people import service

        bob = (await get_person(session, OPERATOR, "bob@example.com")).row.id
        await service.set_profile(session, OPERATOR, bob, name="Bobby")
    async with data.reading() as session:
        view = await get_person(session, OPERATOR, "Bob@example.com")
        assert (view.row.name, view.avatar, view.bio, view.shown_phone) == ("Bobby", "🦊", HOSTILE, "+43 1 2")
        assert [each.name for each in view.roles] == ["Auditor", "Night_shift"]
        assert len(view.sessions) == 1
        assert (view.keys, view.ssh_keys, view.above) == (0, 0, "")
        assert [(each.action, each.about) for each in view.records] == [("user.profile_changed", True)]
        stranger = Actor(UUID(int=5), "Zoe")
        with pytest.raises(NotFound):
            await get_person(session, stranger, bob)
        own = await get_person(session, Actor(bob, "Bob"), bob)
        assert own.records == ()
        assert [each.name for each in own.roles] == ["Auditor", "Night_shift"]
        reader = Actor(UUID(int=5), "Zoe", frozenset({"user:view", "role:view"}))
        assert "may do what you may not" in (await get_person(session, reader, bob)).above
