from __future__ import annotations

import asyncio
import time
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Invalid, NotAllowed
from datapulse_tui.people import departments, roles, rules, service
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.csv_cells import COLUMNS
from datapulse_tui.people.exporting import export, export_file
from datapulse_tui.people.importing import Imported, dry_run, import_people
from datapulse_tui.people.listing import count, list_people
from datapulse_tui.people.views import PersonRow
from tests.databases import dsn
from tests.people.conftest import OPERATOR, PASSWORD, Add

TEAM = (
    "email,name,role,department,custom_roles,phone,timezone\n"
    "ana@example.com,Ana Berger,analyst,Operations,,+43 1 23 45,Europe/Vienna\n"
    "bob@example.com,Bob Fox,business_user,,Auditor,,\n"
    "cy@example.com,=Cy,ops_manager,operations,Auditor|Night,,\n"
)


@pytest.fixture
async def house(data: Database) -> None:
    """A department and two custom roles."""
    async with data.transaction() as session:
        await departments.create(session, OPERATOR, name="Operations")
        await roles.create(session, OPERATOR, name="Auditor", permissions=["audit:view"])
        await roles.create(session, OPERATOR, name="Night", permissions=["alert:view_all"])


async def people(data: Database) -> dict[str, PersonRow]:
    async with data.reading() as session:
        rows = (await list_people(session, OPERATOR)).items
    return {row.email.partition("@")[0]: row for row in rows}


async def put_in(data: Database, content: str, actor: Actor = OPERATOR, *, invite: bool = False) -> Imported:
    async with data.transaction() as session:
        return await import_people(session, actor, content.encode(), invite=invite)


async def written(data: Database, filter_: str = "") -> str:
    parts: list[str] = []
    await export(data, OPERATOR, parts.append, filter=filter_)
    return "".join(parts)


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def records(data: Database) -> list[str]:
    async with data.reading() as session:
        found = await session.execute(text("SELECT action FROM audit_logs ORDER BY seq"))
        return [row.action for row in found]


async def test_a_team_from_a_file(data: Database, house: None) -> None:
    before = len(await records(data))
    async with data.reading() as session:
        plan = await dry_run(session, OPERATOR, TEAM.encode())
    assert (len(plan.new), plan.problems) == (3, ())
    assert len(await records(data)) == before
    done = await put_in(data, TEAM)
    assert (len(done.plan.new), done.invited) == (3, ())
    team = await people(data)
    ana, bob, cy = team["ana"], team["bob"], team["cy"]
    assert (ana.name, ana.role, ana.department, ana.phone, ana.zone) == (
        "Ana Berger", "analyst", "Operations", "+43 1 23 45", "Europe/Vienna",
    )  # fmt: skip
    assert (bob.custom_roles, cy.custom_roles, cy.department) == (("Auditor",), ("Auditor", "Night"), "Operations")
    assert {row.status for row in team.values()} == {"pending"}
    assert not any(row.has_password for row in team.values())
    assert (await records(data))[before:] == [
        "user.added", "user.added", "user.role_assigned", "user.added", "user.role_assigned", "user.role_assigned",
    ]  # fmt: skip
    again = await put_in(data, TEAM)
    assert not any(each.changes for each in again.plan.people)


async def test_an_export_comes_back_without_a_change(data: Database, house: None, owner_url: str) -> None:
    await put_in(data, TEAM)
    async with data.transaction() as session:  # what the services refuse may still stand in the database
        await session.execute(
            text("UPDATE users SET name = :name, phone = '@x' WHERE email = 'bob@example.com'"),
            {"name": "disk [/dev/sda1] full [/] \x1b[31m 売上 שלום\r\n"},
        )
        await session.execute(text("UPDATE users SET timezone = NULL WHERE email = 'cy@example.com'"))
    content = await written(data)
    assert content.startswith(",".join(COLUMNS) + "\r\n")
    assert "'=Cy" in content
    assert "'+43 1 23 45" in content
    before = await people(data)
    for form in (content, "\ufeff" + content):
        done = await put_in(data, form)
        assert done.plan.problems == ()
        assert not any(each.changes for each in done.plan.people)
    assert await people(data) == before
    assert (await written(data, "role:analyst")).count("\r\n") == 2


async def test_existing_people_are_changed_where_the_file_says_so(data: Database, house: None, add: Add) -> None:
    root, ana = await add("root", role="admin"), await add("ana")
    await add("bob", activate=False)
    content = (
        "email;role;status;custom_roles;department\n"
        "ana@example.com;ops_manager;inactive;Night;Operations\n"
        "bob@example.com;;active;;\n"
    )
    before = len(await records(data))
    done = await put_in(data, content)
    assert [done.plan.words(each) for each in done.plan.changed] == [
        ["role: business_user → ops_manager", "department: none → Operations", "status: active → inactive",
         "gets the role Night"],
        ["status: pending → active"],
    ]  # fmt: skip
    team = await people(data)
    assert (team["ana"].role, team["ana"].status, team["ana"].custom_roles) == ("ops_manager", "inactive", ("Night",))
    assert (team["bob"].role, team["bob"].status) == ("business_user", "active")
    assert sorted((await records(data))[before:]) == sorted(
        ["user.activated", "user.deactivated", "user.updated", "user.role_set", "user.role_assigned"]
    )
    assert ana != root


async def test_one_wrong_line_and_nothing_is_written(data: Database, house: None, add: Add) -> None:
    await add("root", role="admin")
    before, kept = await people(data), len(await records(data))
    done = await put_in(data, TEAM + "root@example.com,Root,analyst,,,,\n")
    assert [(each.line, each.column) for each in done.plan.problems] == [(5, "role")]
    assert (await people(data), len(await records(data))) == (before, kept)


async def test_new_people_are_invited(data: Database, house: None) -> None:
    done = await put_in(data, TEAM, invite=True)
    assert [email for email, _ in done.invited] == ["ana@example.com", "bob@example.com", "cy@example.com"]
    assert len({each.code for _, each in done.invited}) == 3
    assert all(row.invited_until for row in (await people(data)).values())


async def test_a_crafted_file_escalates_nothing(data: Database, house: None, add: Add) -> None:
    root, bob = await add("root", role="admin"), await add("bob", role="analyst")
    words = ["user:view", "user:create", "user:update", "user:set_role", "role:assign", "user:deactivate"]
    async with data.transaction() as session:
        clerk = await roles.create(session, OPERATOR, name="Clerk", permissions=words)
        await roles.give(session, OPERATOR, bob, clerk)
    me = Actor(bob, "Bob", rules.ROLE_PERMISSIONS[rules.Role.ANALYST] | set(words))
    before = await people(data)
    for content in (
        "email,name,role\nnew@example.com,New,admin\n",
        "email,role\nbob@example.com,admin\n",
        "email,custom_roles\nbob@example.com,Clerk|Auditor\n",
        "email,status\nroot@example.com,inactive\n",
        "email,name\nroot@example.com,Mallory\n",
    ):
        assert (await put_in(data, content, me)).plan.problems
    with pytest.raises(NotAllowed):
        await put_in(data, TEAM, Actor(root, "Nobody", frozenset({"user:create"})))
    # What was taken from the actor while the file was on its way counts.
    async with data.transaction() as session:
        await roles.take(session, OPERATOR, bob, clerk)
    assert (await put_in(data, "email,name\nnew@example.com,New\n", me)).plan.problems
    assert {nick: row.name for nick, row in (await people(data)).items()} == {k: v.name for k, v in before.items()}


async def test_two_files_at_once_that_add_the_same_people(data: Database, house: None) -> None:
    first, second = await asyncio.gather(put_in(data, TEAM), put_in(data, TEAM))
    assert sorted([len(first.plan.new), len(second.plan.new)]) == [0, 3]
    assert len(await people(data)) == 3


async def test_thousands_cost_statements_for_all_not_for_each(data: Database, house: None) -> None:
    line = "p{0}@example.com,Person {0},analyst,Operations,Auditor,,UTC\n"
    content = TEAM.splitlines(keepends=True)[0] + "".join(line.format(number) for number in range(3_000))
    started = time.monotonic()
    done = await put_in(data, content)
    assert time.monotonic() - started < 20  # about one second on an idle machine
    assert len(done.plan.new) == 3_000
    async with data.reading() as session:
        assert await count(session, OPERATOR, "custom:auditor", bound=20_000) == 3_000


async def exports(data: Database) -> list[tuple[str, object]]:
    """The records of exports: who, and the note."""
    async with data.reading() as session:
        found = await session.execute(
            text("SELECT actor, resource_type, details FROM audit_logs WHERE action = 'user.exported' ORDER BY seq")
        )
        return [(f"{row.actor} {row.resource_type}", row.details) for row in found]


async def test_an_export_is_written_whole_or_not_at_all(data: Database, house: None, tmp_path: Path) -> None:
    await put_in(data, TEAM)
    path = tmp_path / "people.csv"
    path.write_text("kept")
    assert await export_file(data, OPERATOR, path) == 3
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().decode() == await written(data)
    with pytest.raises(Invalid, match="cannot be written"):
        await export_file(data, OPERATOR, tmp_path / "no" / "people.csv")
    with pytest.raises(Invalid):
        await export_file(data, OPERATOR, path, filter="role:king")
    assert path.read_bytes().count(b"\r\n") == 4
    assert names_in(tmp_path) == ["people.csv"]


async def test_the_trail_keeps_who_took_out_how_many_and_nothing_of_them(
    data: Database, house: None, add: Add, tmp_path: Path
) -> None:
    await put_in(data, TEAM)
    await export_file(data, OPERATOR, tmp_path / "all.csv")
    assert (await written(data, "role:analyst")).count("\r\n") == 2
    who = f"{OPERATOR.recorded_as} user"
    assert await exports(data) == [
        (who, {"note": {"filter": "", "people": 3}}),
        (who, {"note": {"filter": "role:analyst", "people": 1}}),
    ]
    async with data.reading() as session:
        bob = await actor_for(session, await add("zed"))
    with pytest.raises(NotAllowed):
        await export_file(data, bob, tmp_path / "mine.csv")
    with pytest.raises(Invalid):
        await written(data, "role:king")
    assert len(await exports(data)) == 2
    assert names_in(tmp_path) == ["all.csv"]


async def test_without_its_record_there_is_no_file(data: Database, house: None, tmp_path: Path, owner_url: str) -> None:
    await put_in(data, TEAM)
    kept = tmp_path / "people.csv"
    kept.write_text("kept")
    with psycopg.connect(dsn(owner_url), autocommit=True) as owner:
        owner.execute("ALTER TABLE audit_logs ADD CHECK (action <> 'user.exported') NOT VALID")
    for path in (kept, tmp_path / "new.csv"):
        with pytest.raises(IntegrityError):
            await export_file(data, OPERATOR, path)
    assert names_in(tmp_path) == ["people.csv"]
    assert kept.read_text() == "kept"


async def test_no_secret_leaves(data: Database, add: Add) -> None:
    ana: UUID = await add("ana")
    async with data.transaction() as session:
        await service.set_password(session, OPERATOR, ana, PASSWORD + "!")
        hashed = (await session.execute(text("SELECT password FROM users"))).scalar_one()
    content = await written(data)
    assert hashed not in content
    assert "$2b$" not in content
