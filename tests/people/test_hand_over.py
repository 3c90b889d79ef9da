"""Handing over what a person has: dashboards, rules with their queries, requests that wait, and the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people import belongings, hand_over, service
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.belongings import LONGEST_NAME, free_names, held_by, keepers
from datapulse_tui.people.editing_many import Change, Way, change_many, preview
from datapulse_tui.people.listing import these_people
from datapulse_tui.people.many import Outcome
from tests.databases import dsn
from tests.people.conftest import OPERATOR, Add


@dataclass
class Estate:
    """A database in which Ana has one of everything, and Otto may have it all."""

    data: Database
    url: str
    ana: UUID
    otto: UUID
    bea: UUID
    source: UUID

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(dsn(self.url), autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def one(self, query: str, *values: object) -> Any:
        return self.rows(query, *values)[0][0]

    async def hand_over(self, actor: Actor = OPERATOR, to: UUID | None = None) -> dict[str, int]:
        async with self.data.transaction() as session:
            return await hand_over.hand_over(session, actor, self.ana, to or self.otto)

    async def held(self, who: UUID) -> list[tuple[str, str]]:
        async with self.data.reading() as session:
            return [(each.kind, each.title) for each in await held_by(session, who)]

    def request(self, subject: str, *audience: str, approver: UUID | None = None, claimed: UUID | None = None) -> UUID:
        return self.one(  # type: ignore[no-any-return]
            "INSERT INTO workflows (requester_id, type, subject, audience, approver_id, claimed_by, details) "
            "VALUES (%s, 'free_form', %s, %s, %s, %s, '{}') RETURNING id",
            self.bea, subject, list(audience), approver, claimed,
        )  # fmt: skip


@pytest.fixture
async def estate(data: Database, add: Add, owner_url: str) -> Estate:
    ana, otto = await add("ana", role="ops_manager"), await add("otto", role="ops_manager")
    bea = await add("bea")
    found = Estate(data, owner_url, ana, otto, bea, UUID(int=0))
    found.source = found.one("INSERT INTO data_sources (name, type) VALUES ('shop', 'postgresql') RETURNING id")
    for person in (ana, otto):
        found.rows("INSERT INTO data_source_grants (data_source_id, user_id) VALUES (%s, %s)", found.source, person)
    dashboard = found.one("INSERT INTO dashboards (user_id, name) VALUES (%s, 'Sales') RETURNING id", ana)
    found.rows("INSERT INTO dashboard_shares (dashboard_id, user_id) VALUES (%s, %s)", dashboard, otto)
    found.rows("INSERT INTO reports (dashboard_id, created_by, name) VALUES (%s, %s, 'Weekly')", dashboard, ana)
    found.rows("INSERT INTO data_models (created_by, name) VALUES (%s, 'Orders model')", ana)
    query = "INSERT INTO queries (user_id, name, sql, data_source_id) VALUES (%s, %s, 'SELECT 1 AS n', %s) RETURNING id"
    watched = found.one(query, ana, "orders", found.source)
    found.rows(query, ana, "spare", found.source)
    rule = found.one(
        "INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, status) "
        "VALUES (%s, %s, 'n', 'Too many', 'above', 5, 'active') RETURNING id",
        ana, watched,
    )  # fmt: skip
    found.rows(
        "INSERT INTO alert_incidents (alert_id, title, severity, opened_at, assigned_to) "
        "VALUES (%s, 'Too many', 'critical', now(), %s)",
        rule, ana,
    )  # fmt: skip
    found.request("given", "permission:workflow:decide", approver=ana)
    found.request("claimed", "permission:workflow:decide", claimed=ana)
    found.request("named", f"user:{ana}")
    found.request("for all", "permission:workflow:decide")
    found.rows(
        "INSERT INTO delegations (principal_id, substitute_id, starts_at, ends_at) "
        "VALUES (%s, %s, now() - interval '1 d', now() + interval '1 d')",
        bea, ana,
    )  # fmt: skip
    return found


HAS = {
    "alert_rule": 1, "approval": 3, "dashboard": 1, "data_model": 1, "delegation": 1, "incident": 1, "query": 2,
    "report": 1,
}  # fmt: skip


async def test_everything_has_a_keeper_and_is_listed(estate: Estate) -> None:
    assert {keeper.kind for keeper in keepers()} == set(HAS)
    found = await estate.held(estate.ana)
    assert {kind: sum(each == kind for each, _ in found) for kind in HAS} == HAS
    assert await estate.held(estate.bea) == []
    async with estate.data.reading() as session:
        ana, bea = await actor_for(session, estate.ana), await actor_for(session, estate.bea)
        assert len(await hand_over.held(session, ana, estate.ana)) == len(found)
        with pytest.raises(NotAllowed):
            await hand_over.held(session, bea, estate.ana)


async def test_all_of_it_goes_to_another_person(estate: Estate) -> None:
    given = await estate.hand_over()
    assert given == {**HAS, "query": 1}  # the query that the rule watches moved with the rule
    assert await estate.held(estate.ana) == []
    assert len(await estate.held(estate.otto)) == sum(HAS.values())
    owners = "SELECT (SELECT user_id FROM alerts), array_agg(DISTINCT user_id) FROM queries"
    assert estate.rows(owners) == [(estate.otto, [estate.otto])]
    assert estate.rows("SELECT count(*) FROM dashboard_shares") == [(0,)]
    waiting = estate.rows("SELECT subject, approver_id, claimed_by, audience FROM workflows ORDER BY number")
    decide = ["permission:workflow:decide"]
    assert waiting == [
        ("given", estate.otto, None, decide),
        ("claimed", estate.otto, None, decide),
        ("named", None, None, [f"user:{estate.otto}"]),
        ("for all", None, None, decide),
    ]
    standing = estate.rows("SELECT substitute_id, ended_at IS NULL FROM delegations ORDER BY created_at, ended_at")
    assert sorted(standing) == sorted([(estate.ana, False), (estate.otto, True)])
    actions = estate.rows("SELECT action, count(*) FROM audit_logs WHERE action LIKE '%%handed_over' GROUP BY action")
    assert dict(actions) == {
        "alert.handed_over": 1, "dashboard.handed_over": 1, "data_model.handed_over": 1, "query.handed_over": 2,
        "report.handed_over": 1, "user.handed_over": 1, "workflow.handed_over": 3,
    }  # fmt: skip
    note = estate.one("SELECT details->'note' FROM audit_logs WHERE action = 'user.handed_over'")
    assert (note["to"], note["alert_rule"]) == ("otto@example.com", 1)
    assert await estate.hand_over() == {}


async def test_deactivating_gives_and_ends_in_one_transaction(estate: Estate) -> None:
    async with estate.data.transaction() as session:
        given = await service.deactivate(session, OPERATOR, estate.ana, hand_over_to=estate.otto)
    assert given["dashboard"] == 1
    assert estate.one("SELECT status FROM users WHERE id = %s", estate.ana) == "inactive"
    assert await estate.held(estate.ana) == []


async def seen(data: Database, *people: UUID) -> list[tuple[UUID, datetime]]:
    async with data.reading() as session:
        return [(each.id, each.updated_at) for each in await these_people(session, OPERATOR, people)]


async def leave(
    estate: Estate, to: UUID, *people: UUID, actor: Actor = OPERATOR
) -> tuple[tuple[Outcome, ...], tuple[Outcome, ...]]:
    """What a preview says, and what then becomes of them."""
    meant, change = await seen(estate.data, *people), Change(Way.DEACTIVATE, id=to)
    async with estate.data.transaction() as session:
        before = await preview(session, actor, meant, change)
    statuses = "SELECT count(*) FROM audit_logs WHERE action LIKE '%%handed_over' OR action = 'user.deactivated'"
    assert estate.one(statuses) == 0
    async with estate.data.transaction() as session:
        return before, await change_many(session, actor, meant, change)


async def test_many_leave_and_one_person_gets_what_all_of_them_have(estate: Estate, add: Add) -> None:
    cy, dan = await add("cy", role="analyst"), await add("dan")
    estate.rows("INSERT INTO dashboards (user_id, name) VALUES (%s, 'Sales'), (%s, 'Costs')", cy, cy)
    before, after = await leave(estate, estate.otto, estate.ana, cy, dan)
    assert before == after
    assert [(each.title, each.done, each.message) for each in after] == [
        ("Ana", True, "hands over alert rules 1, requests that wait 3, dashboards 1, data models 1, absences to stand "
                      "in 1, assigned incidents 1, saved queries 2, reports 1 to Otto, and is deactivated now"),
        ("Cy", True, "hands over dashboards 2 to Otto, and is deactivated now"),
        ("Dan", True, "is deactivated now, had nothing"),
    ]  # fmt: skip
    assert [(each.kind, each.title) for each in after[1].handed] == [("dashboard", "Costs"), ("dashboard", "Sales")]
    assert [await estate.held(each) for each in (estate.ana, cy, dan)] == [[], [], []]
    dashboards = estate.rows("SELECT name FROM dashboards WHERE user_id = %s ORDER BY name", estate.otto)
    assert [name for (name,) in dashboards] == ["Costs", "Sales", "Sales (2)"]
    statuses = estate.rows("SELECT name, status FROM users ORDER BY name")
    assert [name for name, status in statuses if status == "inactive"] == ["Ana", "Cy", "Dan"]
    notes = estate.rows("SELECT details->'note'->>'to' FROM audit_logs WHERE action = 'user.handed_over'")
    assert notes == [("otto@example.com",)] * 2


async def test_of_many_who_leave_some_stay_with_their_reason(estate: Estate, add: Add) -> None:
    """The recipient, one who is inactive, one who has what the other may not have, and the last administrator stay with
    what they have; the others go."""
    root, cy, dan = await add("root", role="admin"), await add("cy"), await add("dan")
    max_ = await add("max", role="ops_manager")
    async with estate.data.transaction() as session:
        await service.deactivate(session, OPERATOR, dan)
    for owner, name in ((root, "Roots"), (cy, "Cys"), (dan, "Dans"), (max_, "Maxs")):
        estate.rows("INSERT INTO dashboards (user_id, name) VALUES (%s, %s)", owner, name)
    meant = await seen(estate.data, max_, estate.ana, dan, root, cy)
    async with estate.data.transaction() as session:
        trial = await preview(session, OPERATOR, meant, Change(Way.DEACTIVATE, id=max_))
    async with estate.data.transaction() as session:
        outcomes = await change_many(session, OPERATOR, meant, Change(Way.DEACTIVATE, id=max_))
    assert trial == outcomes
    assert [(each.title, each.done, each.message) for each in outcomes] == [
        ("Max", False, "cannot go and get what the others hand over"),
        ("Ana", False, "The rule 'Too many' cannot go to Max, who may not query its source"),
        ("Dan", False, "is deactivated already"),
        ("Root", False, "is the last active administrator, so this was not done"),
        ("Cy", True, "hands over dashboards 1 to Max, and is deactivated now"),
    ]
    owners = estate.rows("SELECT u.name, d.name FROM dashboards d JOIN users u ON u.id = d.user_id ORDER BY d.name")
    assert owners == [("Max", "Cys"), ("Dan", "Dans"), ("Max", "Maxs"), ("Root", "Roots"), ("Ana", "Sales")]
    active = estate.rows("SELECT name FROM users WHERE status = 'active' ORDER BY name")
    assert [name for (name,) in active] == ["Ana", "Bea", "Max", "Otto", "Root"]


async def test_a_recipient_who_cannot_get_anything_keeps_everybody(estate: Estate, add: Add) -> None:
    gone, root = await add("gone", activate=False), await add("root", role="admin")
    await add("second", role="admin")
    async with estate.data.reading() as session:
        plain = await actor_for(session, "second@example.com")
    helper = Actor(plain.user_id, plain.label, plain.permissions - {"audit:view"})
    role = "INSERT INTO roles (name, permissions) VALUES ('Desk', %s) RETURNING id"
    desk = estate.one(role, json.dumps(sorted(helper.permissions)))
    estate.rows("UPDATE users SET role = 'business_user' WHERE id = %s", plain.user_id)
    estate.rows("INSERT INTO user_roles (user_id, role_id) VALUES (%s, %s)", plain.user_id, desk)
    for to, actor, said in (
        (gone, OPERATOR, "The account of Gone is not active, so nothing can be handed over to them"),
        (UUID(int=1), OPERATOR, "There is no such person"),
        (root, helper, "You may not change the account of Root: it has permissions that you lack, among them"),
    ):
        before, after = await leave(estate, to, estate.ana, estate.bea, actor=actor)
        assert before == after
        assert not any(each.done for each in after)
        assert all(each.message.startswith(said) for each in after), after
    # of those who leave, one who may do more than the actor stays, and the other goes
    _, (ana, above) = await leave(estate, estate.otto, estate.ana, root, actor=helper)
    assert (ana.done, above.done) == (True, False)
    assert above.message.startswith("You may not change the account of Root")


async def test_nobodys_account_is_held_while_many_hand_over(
    estate: Estate, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever decides a request holds it and then people: who gives requests away must hold nobody before."""
    cy = await add("cy")
    estate.rows("INSERT INTO dashboards (user_id, name) VALUES (%s, 'Cys')", cy)
    looked = []
    whole = belongings.give_all

    async def looking(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID) -> dict[str, int]:
        if from_id == cy:
            looked.append(estate.rows("SELECT id FROM users WHERE id <> %s FOR SHARE NOWAIT", estate.bea))
        return await whole(session, actor, from_id, to_id)

    monkeypatch.setattr(belongings, "give_all", looking)
    _, outcomes = await leave(estate, estate.otto, estate.ana, cy)
    assert all(each.done for each in outcomes)
    assert len(looked) == 2


async def test_what_the_other_may_not_have_stops_all_of_it(estate: Estate, add: Add) -> None:
    before = await estate.held(estate.ana)
    analyst, manager = await add("anton", role="analyst"), await add("max", role="ops_manager")
    for to, error, said in (
        (analyst, Conflict, "Too many"),
        (manager, Conflict, "rule 'Too many' cannot go to Max"),
        (estate.ana, Invalid, "themselves"),
        (UUID(int=1), NotFound, "no such person"),
    ):
        with pytest.raises(error, match=said):
            async with estate.data.transaction() as session:
                await service.deactivate(session, OPERATOR, estate.ana, hand_over_to=to)
    gone = await add("gone", activate=False)
    with pytest.raises(Conflict, match="not active"):
        await estate.hand_over(to=gone)
    assert estate.one("SELECT status FROM users WHERE id = %s", estate.ana) == "active"
    assert await estate.held(estate.ana) == before


async def test_a_request_of_the_other_stops_it(estate: Estate) -> None:
    estate.rows("UPDATE workflows SET requester_id = requester_id, details = %s", f'{{"refused": ["{estate.otto}"]}}')
    with pytest.raises(Conflict, match="their own request, or about them"):
        await estate.hand_over()
    assert await estate.held(estate.otto) == []


async def test_a_report_needs_its_dashboard(estate: Estate, add: Add) -> None:
    other = estate.one("INSERT INTO dashboards (user_id, name) VALUES (%s, 'Hidden') RETURNING id", estate.bea)
    estate.rows("UPDATE reports SET dashboard_id = %s", other)
    with pytest.raises(Conflict, match="report 'Weekly'"):
        await estate.hand_over()


async def test_who_may_hand_over(estate: Estate, add: Add) -> None:
    async with estate.data.reading() as session:
        otto = await actor_for(session, estate.otto)
    with pytest.raises(NotAllowed, match="user:deactivate"):
        await estate.hand_over(otto)
    # a helpdesk that may deactivate, and nothing more, gets nobody's dashboards by it
    helper = replace(otto, permissions=otto.permissions | {"user:deactivate"})
    with pytest.raises(NotAllowed, match="alert:manage"):
        await estate.hand_over(helper)
    await add("root", role="admin")
    second = await add("second", role="admin")
    async with estate.data.reading() as session:
        root = await actor_for(session, "root@example.com")
    plain = replace(root, permissions=root.permissions - {"audit:view"})
    with pytest.raises(NotAllowed, match="permissions that you lack"):
        async with estate.data.transaction() as session:
            await hand_over.hand_over(session, plain, second, estate.otto)
    assert (await estate.hand_over(root))["dashboard"] == 1


async def test_names_that_the_other_has_are_told_apart(estate: Estate) -> None:
    estate.rows("INSERT INTO dashboards (user_id, name) VALUES (%s, 'Sales'), (%s, 'Sales (2)')", *[estate.otto] * 2)
    estate.rows("INSERT INTO queries (user_id, name, sql) VALUES (%s, 'orders', 'SELECT 2')", estate.otto)
    estate.rows(
        "INSERT INTO alerts (user_id, name, threshold_type, threshold_value) VALUES (%s, 'Too many', 'above', 1)",
        estate.otto,
    )
    await estate.hand_over()
    titles = await estate.held(estate.otto)
    assert {("dashboard", "Sales (3)"), ("query", "orders (2)"), ("alert_rule", "Too many (2)")} <= set(titles)


async def test_two_who_hand_over_at_once_move_everything_once(estate: Estate, add: Add, database_url: str) -> None:
    third = await add("olga", role="ops_manager")
    estate.rows("INSERT INTO data_source_grants (data_source_id, user_id) VALUES (%s, %s)", estate.source, third)
    other = Database(database_url)

    async def give(database: Database, to: UUID) -> dict[str, int]:
        async with database.transaction() as session:
            return await hand_over.hand_over(session, OPERATOR, estate.ana, to)

    try:
        outcomes = await asyncio.gather(give(estate.data, estate.otto), give(other, third))
    finally:
        await other.dispose()
    assert sorted(map(len, outcomes)) == [0, len(HAS)]
    assert await estate.held(estate.ana) == []


names = st.lists(st.text("ab(2) é", min_size=1, max_size=6), min_size=1, max_size=8)


@given(names, st.sets(st.text("ab(2) ", min_size=1, max_size=6), max_size=6))
def test_free_names_are_free_and_short_enough(given_names: Sequence[str], taken: set[str]) -> None:
    named = [(UUID(int=number), name) for number, name in enumerate(given_names)]
    found = free_names(named, taken)
    assert list(found) == [key for key, _ in named]
    assert len(set(found.values())) == len(named)
    assert not taken & set(found.values())
    long = free_names([(UUID(int=1), "x" * LONGEST_NAME)], {"x" * LONGEST_NAME})
    assert len(long[UUID(int=1)]) == LONGEST_NAME
