"""Changing one account in many fields, and finding out who else has changed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import Conflict, Invalid
from datapulse_tui.people import rules, service
from datapulse_tui.people.holding import locked, my_turn
from datapulse_tui.people.many import rows
from datapulse_tui.people.service.common import change, hold_department, known_zone
from datapulse_tui.people.service.profiles import show

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.models.people import User

UPDATE, SET_ROLE = "user:update", "user:set_role"

Seen = Sequence[tuple[UUID, datetime]]
"""People, each with the `updated_at` that was seen."""

# The last change by somebody else of each account that is not as it was seen. What oneself did since does not count:
# keys that were pressed before the list was read again still mean what the person left.
_CHANGED = """
SELECT given.id, coalesce(u.name, last.actor, '') AS who
FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[])) AS given(id, seen)
JOIN users account ON account.id = given.id AND account.updated_at <> given.seen
CROSS JOIN LATERAL (
    SELECT l.user_id, l.actor FROM audit_logs l
    WHERE l.resource_type = 'user' AND l.resource_id = given.id
      AND (l.created_at > given.seen OR l.created_at = account.updated_at)
      AND l.action NOT IN ('user.signed_in', 'user.sign_in_failed')
    ORDER BY l.seq DESC LIMIT 1) last
LEFT JOIN users u ON u.id = last.user_id
WHERE last.user_id IS DISTINCT FROM CAST(:me AS uuid)
   OR (last.user_id IS NULL AND last.actor IS DISTINCT FROM CAST(:label AS text))
"""


_FIELDS: Mapping[str, Callable[[Any], object]] = {
    "name": rules.normalise_name,
    "email": rules.normalise_email,
    "timezone": known_zone,
    "phone": lambda text: rules.normalise_phone(text or ""),
    "department_id": lambda department: department,
}
_SHOWN: Mapping[str, Callable[[Any], object]] = {
    "avatar": lambda text: rules.normalise_avatar(text or ""),
    "bio": lambda text: rules.normalise_bio(text or ""),
}
FIELDS = (*_FIELDS, *_SHOWN, "role")
"""What `update` takes."""


async def update(
    session: AsyncSession, actor: Actor, user_id: UUID, seen: datetime | None, changes: Mapping[str, object]
) -> bool:
    """Change an account's name, email, timezone, phone, department_id (None: none), role, and what the person shows of
    themselves (avatar, bio; an empty text takes it away): those of FIELDS that `changes` holds. Whether anything is
    another than before.

    `seen` is the `updated_at` that was seen: Conflict, naming who changed the account, if it is another by now; that
    the person changed their own profile counts as well. Raises NotAllowed without `user:update` (`user:set_role` for
    the role), for a person or a role that may do what the actor may not; Conflict for an address that somebody has, and
    for the last active administrator; NotFound; Invalid.
    """
    unknown = sorted(set(changes) - set(FIELDS))
    if unknown:
        raise Invalid(f"{unknown[0]!r} is nothing that can be changed. Nothing was changed.")
    fields = {name: make(changes[name]) for name, make in _FIELDS.items() if name in changes}
    shown = {name: make(changes[name]) for name, make in _SHOWN.items() if name in changes}
    _require(actor, changes)
    actor = await my_turn(session, actor)
    _require(actor, changes)
    user = await locked(session, actor, user_id)
    if seen is not None:
        by = (await changed_by_others(session, actor, [(user_id, seen)])).get(user_id)
        if by is not None:
            raise Conflict(
                f"The account of {user.name} {meanwhile(by)}. Nothing was changed.", hint="Look at it again."
            )
    given = {name: value for name, value in fields.items() if getattr(user, name) != value}
    if given:
        await _write(session, actor, user, given)
    other_profile = bool(shown) and await show(session, actor, user, shown)
    other_role = "role" in changes and user.role != changes["role"]
    if other_role:
        await service.set_role(session, actor, user_id, str(changes["role"]))
    return bool(given) or other_profile or other_role


def _require(actor: Actor, changes: Mapping[str, object]) -> None:
    if not changes.keys() <= {"role"}:
        actor.require(UPDATE, "change other people's accounts")
    if "role" in changes:
        actor.require(SET_ROLE, "give roles")


async def _write(session: AsyncSession, actor: Actor, user: User, given: dict[str, object]) -> None:
    from sqlalchemy.exc import IntegrityError

    department = given.get("department_id")
    if isinstance(department, UUID):
        await hold_department(session, department)
    try:
        async with session.begin_nested():
            await change(session, actor, user, "user.updated", given)
    except IntegrityError as error:
        raise Conflict(
            f"There is somebody with the address {given.get('email')} already. Nothing was changed.",
            hint="Give another address.",
        ) from error


async def changed_by_others(session: AsyncSession, actor: Actor, seen: Seen) -> dict[UUID, str]:
    """Who changed these since they were seen, where it was not the actor."""
    ids, times = [user_id for user_id, _ in seen], [at for _, at in seen]
    found = await rows(session, _CHANGED, ids=ids, times=times, me=actor.user_id, label=actor.recorded_as)
    return {row.id: row.who for row in found}


def meanwhile(who: str) -> str:
    """That an account is not as it was seen, as the end of a sentence."""
    return f"was changed meanwhile by {who}" if who else "was changed meanwhile"
