"""Who has a request while it is pending: claims, and giving single ones to somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.data.verbs import Refusal, kept_comment
from datapulse_tui.errors import Conflict, Invalid, NotAllowed
from datapulse_tui.workflows.deciding import Authority, concerns, moment
from datapulse_tui.workflows.reads.standing import standing_of
from datapulse_tui.workflows.rules import DECIDE, MANAGE
from datapulse_tui.workflows.service.acting import Held, Seen, hold, in_name_of, note, person, record, tell_desks

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.workflows.views import Outcome

_CLAIM = """
UPDATE workflows SET claimed_by = CAST(:who AS uuid), updated_at = now(),
    claimed_at = CASE WHEN CAST(:who AS uuid) IS NOT NULL THEN now() END
WHERE id = ANY(CAST(:ids AS uuid[]))
"""
# Whoever was in the audience only because the request was given to them is in it no more; the new one is if they need
# to be.
_DELEGATE = """
UPDATE workflows w SET approver_id = CAST(:to AS uuid), claimed_by = NULL, claimed_at = NULL, updated_at = now(),
    audience = CASE WHEN (
        SELECT e.details->>'principal' FROM workflow_events e WHERE e.workflow_id = w.id AND e.kind = 'delegated'
        ORDER BY e.id DESC LIMIT 1) IS NULL THEN w.audience
        ELSE array_remove(w.audience, 'user:' || CAST(w.approver_id AS text)) END
        || CASE WHEN w.id = ANY(CAST(:lent AS uuid[])) THEN ARRAY['user:' || CAST(:to AS text)]
           ELSE CAST(ARRAY[] AS text[]) END
WHERE w.id = ANY(CAST(:ids AS uuid[]))
"""


async def claim(session: AsyncSession, actor: Actor, ids: Seen) -> tuple[Outcome, ...]:
    """Say that one is at these requests. Others see it; they are not kept from deciding."""
    from sqlalchemy import text

    held = await hold(session, actor, ids, deciding=True, any_version=True)
    zone = ZoneInfo(actor.zone)
    held = held.refuse(
        {
            key: Refusal(Conflict, f"already claimed by {row.claimed_name} at {moment(row.claimed_at, zone)}")
            for key, row in held.rows.items()
            if row.claimed_by is not None
        }
    )
    if held.rows:
        await session.execute(text(_CLAIM), {"ids": held.ids, "who": actor.user_id})
        await note(session, actor, "claimed", in_name_of(held))
        await record(session, actor, "workflow.claimed", held, {"claimed_by": str(actor.user_id)})
        await tell_desks(session, held.ids)
    return held.outcomes("claimed")


async def release(session: AsyncSession, actor: Actor, ids: Seen) -> tuple[Outcome, ...]:
    """Let go of requests that one claimed; whoever manages requests does it for others."""
    from sqlalchemy import text

    held = await hold(session, actor, ids, any_version=True)
    held = held.refuse({key: why for key, row in held.rows.items() if (why := _not_released(actor, row)) is not None})
    if held.rows:
        await session.execute(text(_CLAIM), {"ids": held.ids, "who": None})
        await note(session, actor, "released", {key: {} for key in held.rows})
        await record(session, actor, "workflow.released", held, {"claimed_by": None})
        await tell_desks(session, held.ids)
    return held.outcomes("released")


async def delegate(
    session: AsyncSession, actor: Actor, ids: Seen, user_id: UUID, comment: str = ""
) -> tuple[Outcome, ...]:
    """Give requests that one may decide to somebody else, who decides them by their own right or, without one, in the
    name of the person who had it. Whoever manages requests gives them to anybody who may decide them.

    Raises Invalid for somebody without an active account.
    """
    from sqlalchemy import text

    from datapulse_tui.workflows import telling

    me = person(actor)
    said = kept_comment(comment) if comment.strip() else ""
    to = await standing_of(session, user_id)
    if to is None:
        raise Invalid("This person has no active account. Nothing was changed.", hint="Give it to somebody else.")
    if user_id == me:
        raise Invalid("It is you who would get it. Nothing was changed.", hint="Claim it instead.")
    held = await hold(session, actor, ids, deciding=True, or_permission=MANAGE)
    held = held.refuse({key: why for key, row in held.rows.items() if (why := _not_given(held, row, to)) is not None})
    if held.rows:
        lent = {key: held.rights[key] for key, row in held.rows.items() if not to.covers(row)}
        await session.execute(text(_DELEGATE), {"ids": held.ids, "to": user_id, "lent": list(lent)})
        given: dict[UUID, Mapping[str, object]] = {
            key: {"to": str(user_id), "name": to.name} | ({"principal": str(lent[key].id)} if key in lent else {})
            for key in held.rows
        }
        await note(session, actor, "delegated", given, said)
        more = {"to": to.name, **({"comment": said} if said else {})}
        await record(session, actor, "workflow.delegated", held, {"approver_id": str(user_id)}, more)
        await telling.delegated(session, held.ids, user_id, actor.label, said)
        await tell_desks(session, held.ids)
    return held.outcomes(f"given to {to.name}")


# -- parts -------------------------------------------------------------------------------------------------------------


def _not_released(actor: Actor, row: Any) -> Refusal | None:
    if row.claimed_by is None:
        return Refusal(Conflict, "nobody has claimed it")
    if row.claimed_by != actor.user_id and not actor.can(MANAGE):
        return Refusal(NotAllowed, f"it is {row.claimed_name} who has claimed it")
    return None


def _not_given(held: Held, row: Any, to: Authority) -> Refusal | None:
    if concerns(row, to.id):
        return Refusal(NotAllowed, f"it is a request of {to.name}, or about them", "Give it to somebody else.")
    if to.id in (row.voters or ()):
        return Refusal(Conflict, f"{to.name} has voted on it already")
    if row.approver_id == to.id:
        return Refusal(Conflict, f"{to.name} has it already")
    if to.covers(row):
        return None
    if f"permission:{DECIDE}" not in to.words:
        return Refusal(NotAllowed, f"{to.name} may not decide requests", "Give it to somebody else.")
    if row.id not in held.rights:
        return Refusal(NotAllowed, f"{to.name} is not one of those who decide it", "Give it to one of them.")
    return None
