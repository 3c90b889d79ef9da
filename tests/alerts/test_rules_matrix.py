"""Every verb and read of rules, for every role, on one's own rule and on a stranger's.

A verb that is not in DECISIONS fails: whoever adds one decides here who may do it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.alerts.reads import rules as reads
from datapulse_tui.alerts.rules import CREATE, MANAGE, VIEW, VIEW_ALL
from datapulse_tui.alerts.schemas import check
from datapulse_tui.alerts.service import rules
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import NotAllowed, NotFound
from datapulse_tui.people.rules import Role
from tests.alerts.conftest import MakeQuery, MakeRule, MakeSource, MakeUser


@dataclass(frozen=True)
class Thing:
    """A rule, whose it is, and its query."""

    rule: UUID
    owner: UUID
    query: UUID
    root: UUID


Call = Callable[[AsyncSession, Actor, Thing], Coroutine[Any, Any, object]]


@dataclass(frozen=True)
class Decision:
    """`all`: the permission to do it with everybody's rules; `own`: that for one's own (None: the same as for all)."""

    all: str
    own: str | None
    call: Call


def spec(query: UUID, name: str = "new") -> Any:
    return check(
        {
            "name": name,
            "query": str(query),
            "metric": "value",
            "threshold_type": "above",
            "threshold": 1,
            "active": False,
        }
    )


DECISIONS: dict[str, Decision] = {
    "service.create": Decision(MANAGE, CREATE, lambda s, a, t: rules.create(s, a, spec(t.query), owner_id=t.owner)),
    "service.update": Decision(MANAGE, CREATE, lambda s, a, t: rules.update(s, a, t.rule, 1, spec(t.query, "rule"))),
    "service.pause": Decision(MANAGE, CREATE, lambda s, a, t: rules.pause(s, a, t.rule)),
    "service.resume": Decision(MANAGE, CREATE, lambda s, a, t: rules.resume(s, a, t.rule)),
    "service.archive": Decision(MANAGE, CREATE, lambda s, a, t: rules.archive(s, a, t.rule)),
    "service.set_owner": Decision(MANAGE, None, lambda s, a, t: rules.set_owner(s, a, t.rule, t.root)),
    "service.copy": Decision(CREATE, CREATE, lambda s, a, t: rules.copy(s, a, t.rule, name="copied")),
    "reads.get_rule": Decision(VIEW_ALL, VIEW, lambda s, a, t: reads.get_rule(s, a, t.rule)),
    "reads.list_rules": Decision(VIEW_ALL, VIEW, lambda s, a, t: _in(reads.list_rules(s, a), t.rule)),
    "reads.read_rules": Decision(VIEW_ALL, VIEW, lambda s, a, t: _some(reads.read_rules(s, a, ids=[t.rule]))),
    "reads.find_rule": Decision(VIEW_ALL, VIEW, lambda s, a, t: _found(s, a, t)),
    "reads.rule_names": Decision(VIEW, VIEW, lambda s, a, t: reads.rule_names(s, a)),
}


async def _in(page: Any, rule: UUID) -> None:
    if rule not in {row.id for row in (await page).items}:
        raise NotFound("not in the list")


async def _some(found: Any) -> None:
    if not await found:
        raise NotFound("not among them")


async def _found(session: AsyncSession, actor: Actor, thing: Thing) -> None:
    owner = await reads.find_rule(session, actor, "rule", owner="me@example.org")
    if owner != thing.rule:
        await reads.find_rule(session, actor, "rule", owner="stranger@example.org")


def verbs(module: ModuleType, room: str) -> set[str]:
    """Every public coroutine function that `module` defines."""
    return {
        f"{room}.{name}"
        for name, thing in vars(module).items()
        if inspect.iscoroutinefunction(thing) and thing.__module__ == module.__name__ and not name.startswith("_")
    }


def test_every_verb_has_a_decision() -> None:
    assert verbs(rules, "service") | verbs(reads, "reads") == set(DECISIONS)


@pytest.mark.parametrize("role", list(Role))
async def test_the_matrix(
    data: Database, role: Role, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> None:
    me, stranger, root = (
        await make_user("me", role.value),
        await make_user("stranger"),
        await make_user("root", "admin"),
    )
    assert root.user_id is not None
    source = await make_source()
    # Who has no right to query cannot own a rule that runs; the right to change is what is asked here.
    me = Actor(me.user_id, me.label, me.permissions | {"source:query", "query:view"}, email=me.email)
    things = {}
    for owner in (me, stranger):
        assert owner.user_id is not None
        query = await make_query(owner, source)
        things[owner.label] = Thing(await make_rule(owner, query, name="rule"), owner.user_id, query, root.user_id)
    wrong = []
    for name, decision in DECISIONS.items():
        for whose, thing in things.items():
            own = whose == "Me"
            permission = (decision.own or decision.all) if own else decision.all
            expected = me.can(permission)
            if name == "service.copy" and not own:
                expected = expected and me.can(VIEW_ALL)
            if await allowed(data, me, decision.call, thing) != expected:
                wrong.append((name, whose, expected))
    assert wrong == []


class Undo(Exception):
    """Takes the work of one cell back."""


async def allowed(data: Database, actor: Actor, call: Call, thing: Thing) -> bool:
    try:
        async with data.transaction() as session:
            try:
                await call(session, actor, thing)
            except (NotAllowed, NotFound):
                return False
            raise Undo
    except Undo:
        return True


async def test_whoever_receives_incidents_sees_their_rules(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> None:
    from sqlalchemy import insert

    from datapulse_tui.data.models.incidents import AlertNotification

    olga, bob = await make_user("olga"), await make_user("bob", "business_user")
    query = await make_query(olga, await make_source())
    seen, unseen = await make_rule(olga, query), await make_rule(olga, query)
    async with data.transaction() as session:
        await session.execute(insert(AlertNotification).values(alert_id=seen, user_id=bob.user_id))
    async with data.reading() as session:
        page = await reads.list_rules(session, bob)
        assert [(row.id, row.may_change) for row in page.items] == [(seen, False)]
        with pytest.raises(NotFound):
            await reads.get_rule(session, bob, unseen)
    with pytest.raises(NotAllowed, match="only its owner Olga and administrators may"):
        async with data.transaction() as session:
            await rules.pause(session, bob, seen)
