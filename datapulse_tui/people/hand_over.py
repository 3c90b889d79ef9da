"""Giving what a person has to somebody else: all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.data.glance import fetch
from datapulse_tui.errors import Conflict, Invalid
from datapulse_tui.people import belongings
from datapulse_tui.people.belongings import Belonging
from datapulse_tui.people.holding import locked, one_at_a_time
from datapulse_tui.people.rules import Status

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

PERMISSION = "user:deactivate"
WHAT = "hand over what people have"


async def hand_over(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID) -> dict[str, int]:
    """Give everything that a person has to another, who is active; returns how many of each kind.

    Raises NotAllowed without `user:deactivate`, without the right to manage a kind of thing that there is, or when one
    of the two may do what the actor may not; Conflict, naming it, where the other may not have one of the things; and
    NotFound, Invalid.
    """
    actor.require(PERMISSION, WHAT)
    return await give(session, actor, from_id, to_id)


async def held(session: AsyncSession, actor: Actor, user_id: UUID) -> list[Belonging]:
    """Everything that a person has and that goes on after them: one's own, or anybody's with `user:deactivate`.

    Raises NotAllowed.
    """
    if actor.user_id != user_id:
        actor.require(PERMISSION, "see what people would hand over")
    return await belongings.held_by(session, user_id)


async def give(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID) -> dict[str, int]:
    """`hand_over` for services that have decided that the actor may.

    Requests are held before people, as whoever decides one does, so the two people are locked last: that nobody changes
    them meanwhile, every verb on people waits for.
    """
    given = await give_unheld(session, actor, from_id, to_id)
    await locked(session, actor, from_id)
    await locked(session, actor, to_id)
    return given


async def give_unheld(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID) -> dict[str, int]:
    """`give` without a lock on the two people: whoever calls takes it with `holding.locked`, which says as well whether
    the actor may change them, when nothing more is given in this transaction."""
    from datapulse_tui.audit.service import record
    from datapulse_tui.data import feed
    from datapulse_tui.people.service.common import TOPIC

    if to_id == from_id:
        raise Invalid("Nobody hands over to themselves. Nothing was changed.", hint="Choose another person.")
    await one_at_a_time(session)
    taker = await fetch(session, "SELECT name, email, status FROM users WHERE id = :id", {"id": to_id})
    if taker and taker[0].status != Status.ACTIVE:
        raise Conflict(
            f"The account of {taker[0].name} is not active, so nothing can be handed over to them. "
            "Nothing was changed.",
            hint="Choose another person.",
        )
    given = await belongings.give_all(session, actor, from_id, to_id) if taker else {}
    if given:
        note = {"to": taker[0].email, "to_id": to_id, **given}
        await record(session, actor, "user.handed_over", "user", from_id, note=note)
        await feed.emit(session, TOPIC, from_id, to_id)
    return given


def counted(given: Mapping[str, int]) -> str:
    """How many of each kind, in words (`dashboards 2, reports 1`); empty for nothing."""
    return ", ".join(f"{each.label} {given[each.kind]:,}" for each in belongings.keepers() if given.get(each.kind))
