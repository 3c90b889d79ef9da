"""What verbs on many people at once share: holding them, who of them is above the actor, and what became of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.data import feed
from datapulse_tui.data.verbs import Refusal, raise_if_single
from datapulse_tui.errors import Invalid, NotAllowed, NotFound
from datapulse_tui.people import rules

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.people.belongings import Belonging

PEOPLE_TOPIC = "people"
MOST = 1_000  # people at once
TOLD = 200  # ids that fit into one notification; of more the desks hear "anybody"

MISSING = Refusal(NotFound, "there is no such person", "`datapulse user list` shows everybody.")
ABOVE = Refusal(NotAllowed, "you may not change their account: they may do what you may not", "Ask an administrator.")

_PEOPLE = "SELECT id, name FROM users WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE"
# Who of these may do what the actor may not: through a built-in role that is not covered, or a custom one.
_ABOVE = """
SELECT u.id, u.name FROM users u
WHERE u.id = ANY(CAST(:ids AS uuid[])) AND u.id IS DISTINCT FROM CAST(:me AS uuid) AND (
    u.role <> ALL(CAST(:covered AS text[])) OR EXISTS (
        SELECT FROM user_roles h JOIN roles r ON r.id = h.role_id
        WHERE h.user_id = u.id AND r.permissions ?| CAST(:lacking AS text[])))
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one person of many: `done`, or why not. `title` is their name, `handed` what they had that went to
    somebody else."""

    id: UUID
    title: str
    done: bool
    message: str = ""
    handed: tuple[Belonging, ...] = ()


async def hold_people(
    session: AsyncSession, actor: Actor, user_ids: Sequence[UUID]
) -> tuple[dict[UUID, str], dict[UUID, Refusal]]:
    """Hold these people in the order of their ids; their names, and those whose account the actor may not change.

    It is the actor's turn (`holding.my_turn`). Raises Invalid for more than a thousand.
    """
    ids = list(dict.fromkeys(user_ids))
    if len(ids) > MOST:
        raise Invalid(f"At most {MOST:,} people at once; these are {len(ids):,}. Nothing was changed.")
    names = {row.id: str(row.name) for row in await rows(session, _PEOPLE, ids=ids)}
    refused = {each: MISSING for each in ids if each not in names}
    refused |= {row.id: ABOVE for row in await above(session, actor, ids)}
    return {each: names.get(each, "") for each in ids}, refused


async def above(session: AsyncSession, actor: Actor, ids: Collection[UUID]) -> Sequence[Any]:
    """Id and name of those of `ids` who may do what the actor may not; never the actor."""
    lacking = [word for word in rules.PERMISSIONS if not actor.can(word)]
    if not lacking or not ids:
        return ()
    covered = [role.value for role, words in rules.ROLE_PERMISSIONS.items() if words.isdisjoint(lacking)]
    return await rows(session, _ABOVE, ids=list(ids), me=actor.user_id, covered=covered, lacking=lacking)


def outcomes(
    titles: Mapping[UUID, str], done: Collection[UUID], refused: Mapping[UUID, Refusal], same: Refusal, message: str
) -> tuple[Outcome, ...]:
    """What became of each, in the order in which they were given; `same` is said of those that there was nothing to
    change of. Where there is only one and it was not done, its error is raised."""
    left = {each: refused.get(each, same) for each in titles if each not in done}
    raise_if_single(titles, left)
    return tuple(
        Outcome(each, title, each in done, left[each].message if each in left else message)
        for each, title in titles.items()
    )


async def tell_people(session: AsyncSession, ids: Sequence[UUID]) -> None:
    """Tell the desks that these people changed."""
    if ids:
        await feed.emit(session, PEOPLE_TOPIC, *(ids if len(ids) <= TOLD else ()))


async def rows(session: AsyncSession, sql: str, **values: object) -> Sequence[Any]:
    """All rows of a statement that returns rows."""
    from sqlalchemy import text

    return (await session.execute(text(sql), values)).all()
