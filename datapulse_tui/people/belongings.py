"""What people have that goes on after them: dashboards, rules, reports, open approvals. The rooms above know what that
is, and register here; deactivating a person lists it all and gives it to somebody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

AT_ONCE = 1_000  # things of a kind that are listed, and given, together
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Belonging:
    """One thing that a person has. `kind` is the name of its keeper, `note` what else to know (how it is used)."""

    kind: str
    id: UUID
    title: str
    note: str = ""


Held = Callable[["AsyncSession", UUID], Awaitable[Sequence[Belonging]]]
Give = Callable[["AsyncSession", "Actor", UUID, UUID, Sequence[UUID]], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Keeper:
    """A kind of belonging.

    `label` names several of them ("dashboards"). `held(session, user_id)` lists what the person has, the first thousand
    by title. `give(session, actor, from_id, to_id, ids)` makes `to_id` the owner of those of `ids` that `from_id` still
    has, records it, tells the desks, and returns how many there were; it raises NotAllowed or Conflict where `to_id`
    may not have one of them.
    """

    kind: str
    label: str
    held: Held
    give: Give


_keepers: dict[str, Keeper] = {}


def register(keeper: Keeper) -> None:
    """Have the belongings of this kind listed and given away; once a process, again changes nothing."""
    _keepers[keeper.kind] = keeper


def keepers() -> tuple[Keeper, ...]:
    """Every kind that is registered, in the order of their names."""
    return tuple(_keepers[kind] for kind in sorted(_keepers))


async def held_by(session: AsyncSession, user_id: UUID) -> list[Belonging]:
    """Everything that a person has, by kind and title."""
    found: list[Belonging] = []
    for keeper in keepers():
        found += await keeper.held(session, user_id)
    return found


async def give_all(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID) -> dict[str, int]:
    """Give everything that a person has to another; how many of each kind there were."""
    given: dict[str, int] = {}
    for keeper in keepers():
        while held := await keeper.held(session, from_id):
            moved = await keeper.give(session, actor, from_id, to_id, [each.id for each in held])
            if not moved:
                break
            given[keeper.kind] = given.get(keeper.kind, 0) + moved
    return given


# -- for keepers -------------------------------------------------------------------------------------------------------


def free_names(named: Sequence[tuple[UUID, str]], taken: Collection[str]) -> dict[UUID, str]:
    """Names for things that come to somebody who has things called `taken`: their own, or `orders (2)` where there is
    one of that name."""
    used = set(taken)
    names: dict[UUID, str] = {}
    for key, name in named:
        free, number = name, 2
        while free in used:
            ending = f" ({number})"
            free, number = name[: LONGEST_NAME - len(ending)] + ending, number + 1
        used.add(free)
        names[key] = free
    return names


async def moved(
    session: AsyncSession, actor: Actor, kind: str, topic: str, from_id: UUID, to_id: UUID, ids: Sequence[UUID]
) -> None:
    """Record that things of `kind` have another owner (`dashboard.handed_over`), and tell the desks."""
    from datapulse_tui.audit.service import Entry, record_many
    from datapulse_tui.data.feed import emit

    if ids:
        before, after = {"owner": from_id}, {"owner": to_id}
        await record_many(session, actor, [Entry(f"{kind}.handed_over", kind, each, before, after) for each in ids])
        await emit(session, topic, *ids)
