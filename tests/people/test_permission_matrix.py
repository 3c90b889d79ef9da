"""Every verb of people's service and every read, for every role, on oneself and on a stranger.

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
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people import reads, service
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.rules import PERMISSIONS, Role
from tests.people.conftest import Add

Call = Callable[[AsyncSession, Actor, UUID], Coroutine[Any, Any, object]]


@dataclass(frozen=True)
class Decision:
    """Who may: whoever has `permission` (None: only an operator); `own`: everybody for themselves, `never_own`:
    nobody for themselves."""

    permission: str | None
    call: Call
    own: bool = False
    never_own: bool = False
    anybody: bool = False


async def unlock(session: AsyncSession, actor: Actor, user_id: UUID) -> None:
    """Forget failed sign-ins that are made for it."""
    failures = "INSERT INTO sign_in_attempts (email) SELECT email FROM users, generate_series(1, 5) WHERE id = :id"
    await session.execute(text(failures), {"id": user_id})
    await service.unlock(session, actor, user_id)


DECISIONS: dict[str, Decision] = {
    "service.add_user": Decision("user:create", lambda s, a, _: service.add_user(s, a, email="n@e.w", name="New")),
    "service.first_admin": Decision(
        None,
        lambda s, a, _: service.first_admin(s, a, email="n@e.w", name="New", password="correct horse battery"),
    ),
    "service.activate": Decision("user:activate", lambda s, a, u: service.activate(s, a, u)),
    "service.deactivate": Decision("user:deactivate", lambda s, a, u: service.deactivate(s, a, u)),
    "service.set_role": Decision("user:set_role", lambda s, a, u: service.set_role(s, a, u, "business_user")),
    "service.raise_role": Decision("user:set_role", lambda s, a, u: service.raise_role(s, a, u, "business_user")),
    "service.set_password": Decision(
        "user:set_password", lambda s, a, u: service.set_password(s, a, u, "another horse battery")
    ),
    "service.reset_password": Decision(
        "user:set_password", lambda s, a, u: service.reset_password(s, a, u), never_own=True
    ),
    "service.unlock": Decision("user:unlock", unlock),
    "service.set_profile": Decision(
        "user:update", lambda s, a, u: service.set_profile(s, a, u, name="Other"), own=True
    ),
    "service.set_preference": Decision(
        None, lambda s, a, _: service.set_preference(s, a, "theme", "dark"), own=True, anybody=True
    ),
    "reads.list_users": Decision("user:view", lambda s, a, _: reads.list_users(s, a)),
    "reads.get_user": Decision("user:view", lambda s, a, u: reads.get_user(s, a, u), own=True),
    "reads.own_profile": Decision(None, lambda s, a, _: reads.own_profile(s, a), own=True, anybody=True),
}

# Reads that take no actor: what they tell is needed before anybody is known, or is asked for a person by the desk.
WITHOUT_ACTOR = {"reads.any_users", "reads.preferences", "reads.must_change_password"}


def verbs(module: ModuleType) -> set[str]:
    """Every public coroutine function that `module` defines."""
    room = module.__name__.rpartition(".")[2]
    return {
        f"{room}.{name}"
        for name, thing in vars(module).items()
        if inspect.iscoroutinefunction(thing)
        and thing.__module__.startswith(module.__name__)
        and not name.startswith("_")
    }


def test_every_verb_has_a_decision() -> None:
    assert verbs(service) | verbs(reads) == set(DECISIONS) | WITHOUT_ACTOR
    for name, decision in DECISIONS.items():
        assert decision.permission is None or decision.permission in PERMISSIONS, name


@pytest.mark.parametrize("role", list(Role))
async def test_the_matrix(data: Database, add: Add, role: Role) -> None:
    await add("root", role="admin", password=None)
    me, stranger = await add("me", role=role.value, password=None), await add("stranger", password=None)
    async with data.reading() as session:
        actor = await actor_for(session, me)
    wrong = []
    for name, decision in DECISIONS.items():
        has = decision.permission is not None and actor.can(decision.permission)
        for whose, user_id in (("own", me), ("stranger", stranger)):
            expected = decision.anybody or has or (decision.own and whose == "own")
            expected = expected and not (decision.never_own and whose == "own")
            if await allowed(data, actor, decision.call, user_id) != expected:
                wrong.append((name, whose, expected))
    assert wrong == []


class Undo(Exception):
    """Takes the work of one cell back."""


async def allowed(data: Database, actor: Actor, call: Call, user_id: UUID) -> bool:
    try:
        async with data.transaction() as session:
            try:
                await call(session, actor, user_id)
            except (NotAllowed, NotFound, Invalid):
                return False
            except Conflict:
                raise Undo from None
            raise Undo
    except Undo:
        return True
