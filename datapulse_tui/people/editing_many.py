"""Changing many accounts in one way: what would become of each, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.errors import Conflict, DataPulseError, Invalid, NotAllowed, NotFound
from datapulse_tui.people import belongings, departments, hand_over, roles, service
from datapulse_tui.people.editing import SET_ROLE, UPDATE, Seen, changed_by_others, meanwhile
from datapulse_tui.people.holding import locked, my_turn
from datapulse_tui.people.many import MOST, Outcome, rows
from datapulse_tui.people.rules import role_in_words

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.people.belongings import Belonging

TAKES = "cannot go and get what the others hand over"

_NAMES = "SELECT id, name FROM users WHERE id = ANY(CAST(:ids AS uuid[]))"


class Way(StrEnum):
    """In what way many accounts are changed."""

    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    SET_ROLE = "set_role"
    SET_DEPARTMENT = "set_department"
    GIVE_ROLE = "give_role"
    TAKE_ROLE = "take_role"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of many accounts: `role` is a built-in one to be set, `id` a custom role, or a department (None: none),
    or who gets what those have who are deactivated (None: nobody)."""

    way: Way
    role: str = ""
    id: UUID | None = None


async def change_many(session: AsyncSession, actor: Actor, seen: Seen, change: Change) -> tuple[Outcome, ...]:
    """Change these accounts, each or not at all, and say what became of each.

    Not done are those that somebody else changed since they were seen, that are so already, that may do what the actor
    may not, and the last active administrator; with somebody who gets what they have, that person, and those who have
    something that they may not get. Raises NotAllowed, NotFound and Invalid for what holds for all of them.
    """
    if len(seen) > MOST:
        raise Invalid(f"At most {MOST:,} people at once; these are {len(seen):,}. Nothing was changed.")
    actor.require(_NEEDS[change.way], _WHAT[change.way])
    actor = await my_turn(session, actor)
    actor.require(_NEEDS[change.way], _WHAT[change.way])
    wanted = dict(seen)
    names = await _names(session, list(wanted))
    others = await changed_by_others(session, actor, list(wanted.items()))
    able = [user_id for user_id in wanted if user_id not in others]
    found = {
        user_id: Outcome(user_id, names.get(user_id, ""), False, f"{meanwhile(who)}; look again")
        for user_id, who in others.items()
    }
    found |= {each.id: each for each in await _ways[change.way](session, actor, able, names, change)}
    return tuple(found[user_id] for user_id in wanted)


async def preview(session: AsyncSession, actor: Actor, seen: Seen, change: Change) -> tuple[Outcome, ...]:
    """What `change_many` would make of each now: it is done, and taken back."""
    trial = await session.begin_nested()
    try:
        return await change_many(session, actor, seen, change)
    finally:
        await trial.rollback()
        session.expire_all()


_NEEDS: Mapping[Way, str] = {
    Way.ACTIVATE: "user:activate",
    Way.DEACTIVATE: "user:deactivate",
    Way.SET_ROLE: SET_ROLE,
    Way.SET_DEPARTMENT: UPDATE,
    Way.GIVE_ROLE: "role:assign",
    Way.TAKE_ROLE: "role:assign",
}
_WHAT: Mapping[Way, str] = {
    Way.ACTIVATE: "activate accounts",
    Way.DEACTIVATE: "deactivate accounts",
    Way.SET_ROLE: "give roles",
    Way.SET_DEPARTMENT: "change other people's accounts",
    Way.GIVE_ROLE: "give custom roles",
    Way.TAKE_ROLE: "take custom roles away",
}


_Names = Mapping[UUID, str]
_Outcomes = Sequence[Outcome]


async def _one_by_one(
    session: AsyncSession, ids: Sequence[UUID], names: _Names, verb: Callable[[UUID], Awaitable[str]]
) -> _Outcomes:
    """What `verb` says of each; it raises where it is not done, and then it is as if it had not been tried."""
    found = []
    for user_id in ids:
        name = names.get(user_id, "")
        try:
            async with session.begin_nested():
                message = await verb(user_id)
        except (Conflict, NotAllowed, NotFound) as error:
            found.append(Outcome(user_id, name, done=False, message=_said(error, name)))
        else:
            found.append(Outcome(user_id, name, done=True, message=message))
    return found


async def _at_once(
    ids: Sequence[UUID], names: _Names, verb: Callable[[Sequence[UUID]], Awaitable[_Outcomes]]
) -> _Outcomes:
    """What `verb` says of all of them; of one alone it raises what is in the way."""
    if not ids:
        return ()
    try:
        return await verb(ids)
    except (Conflict, NotAllowed, NotFound) as error:
        if len(ids) > 1:
            raise
        name = names.get(ids[0], "")
        return (Outcome(ids[0], name, done=False, message=_said(error, name)),)


async def _activate(
    session: AsyncSession,
    actor: Actor,
    ids: Sequence[UUID],
    names: _Names,
    change: Change,  # noqa: ARG001
) -> _Outcomes:
    async def one(user_id: UUID) -> str:
        await service.activate(session, actor, user_id)
        return "is active now"

    return await _one_by_one(session, ids, names, one)


async def _deactivate(
    session: AsyncSession, actor: Actor, ids: Sequence[UUID], names: _Names, change: Change
) -> _Outcomes:
    taker = change.id

    async def one(user_id: UUID) -> str:
        if taker is not None:
            await locked(session, actor, taker)
        await service.deactivate(session, actor, user_id)
        return "is deactivated now"

    if taker is None:
        return await _one_by_one(session, ids, names, one)
    stays = {each: Outcome(each, names.get(each, ""), False, TAKES) for each in ids if each == taker}
    while True:
        trial = await session.begin_nested()
        gave = await _hand_over(session, actor, [each for each in ids if each not in stays], names, taker)
        ended = await _one_by_one(session, [each.id for each in gave if each.done], names, one)
        refused = {each.id: each for each in ended if not each.done}
        if not refused:
            await trial.commit()
            found = {each.id: each for each in gave} | stays
            return [found[each] for each in ids]
        # They stay, so they keep what they have: once more without them.
        await trial.rollback()
        session.expire_all()
        stays |= refused


async def _hand_over(
    session: AsyncSession, actor: Actor, ids: Sequence[UUID], names: _Names, taker: UUID
) -> list[Outcome]:
    """Give what each of them has to `taker`. Nobody's account is locked before everything is given: requests are held
    before people, as whoever decides one does."""
    to = (await _names(session, [taker])).get(taker, "")
    handed: dict[UUID, tuple[Belonging, ...]] = {}

    async def one(user_id: UUID) -> str:
        held = await belongings.held_by(session, user_id)
        given = await hand_over.give_unheld(session, actor, user_id, taker)
        handed[user_id] = tuple(held)
        # A query moves with the rule that watches it, and of a kind no more than a thousand are listed.
        number = hand_over.counted(Counter(each.kind for each in held) | Counter(given))
        return f"hands over {number} to {to}, and is deactivated now" if number else "is deactivated now, had nothing"

    gave = await _one_by_one(session, ids, names, one)
    return [replace(each, handed=handed[each.id]) if each.done else each for each in gave]


async def _set_role(
    session: AsyncSession, actor: Actor, ids: Sequence[UUID], names: _Names, change: Change
) -> _Outcomes:
    async def one(user_id: UUID) -> str:
        before = (await locked(session, actor, user_id)).role
        if before == change.role:
            raise Conflict(f"is {role_in_words(before)} already")
        await service.set_role(session, actor, user_id, change.role)
        return f"was {role_in_words(before)}, is {role_in_words(change.role)} now"

    return await _one_by_one(session, ids, names, one)


async def _set_department(
    session: AsyncSession, actor: Actor, ids: Sequence[UUID], names: _Names, change: Change
) -> _Outcomes:
    return await _at_once(ids, names, lambda able: departments.move(session, actor, able, change.id))


async def _give_role(
    session: AsyncSession, actor: Actor, ids: Sequence[UUID], names: _Names, change: Change
) -> _Outcomes:
    role = _role_of(change)
    return await _at_once(ids, names, lambda able: roles.give_many(session, actor, able, role))


async def _take_role(
    session: AsyncSession, actor: Actor, ids: Sequence[UUID], names: _Names, change: Change
) -> _Outcomes:
    role = _role_of(change)
    return await _at_once(ids, names, lambda able: roles.take_many(session, actor, able, role))


_ways: Mapping[Way, Callable[[AsyncSession, Actor, Sequence[UUID], _Names, Change], Awaitable[_Outcomes]]] = {
    Way.ACTIVATE: _activate,
    Way.DEACTIVATE: _deactivate,
    Way.SET_ROLE: _set_role,
    Way.SET_DEPARTMENT: _set_department,
    Way.GIVE_ROLE: _give_role,
    Way.TAKE_ROLE: _take_role,
}


def _role_of(change: Change) -> UUID:
    if change.id is None:
        raise Invalid("Which custom role is not said. Nothing was changed.")
    return change.id


def _said(error: DataPulseError, name: str) -> str:
    """An error as a part of a list in which the person is named."""
    words = error.message.removesuffix(" Nothing was changed.").removesuffix(".")
    return words.removeprefix(f"{name}: ").removeprefix(f"{name} ") if name else words


async def _names(session: AsyncSession, ids: list[UUID]) -> dict[UUID, str]:
    return {row.id: row.name for row in await rows(session, _NAMES, ids=ids)}
