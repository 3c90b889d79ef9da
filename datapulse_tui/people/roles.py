"""What changes custom roles and who has them. Nobody puts more into a role, or gives more with one, than they have; and
nobody changes a role, or who has it, where that concerns somebody who may do more than they."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.audit.service import Entry, record, record_many
from datapulse_tui.data import feed
from datapulse_tui.data.verbs import Refusal, raise_if_single
from datapulse_tui.errors import Conflict, NotAllowed, NotFound
from datapulse_tui.people import role_rules
from datapulse_tui.people.holding import last_change, must_cover, my_turn, one_at_a_time
from datapulse_tui.people.many import Outcome, above, hold_people, outcomes, rows, tell_people
from datapulse_tui.people.role_rules import ASSIGN, KIND, MANAGE, ROLES_TOPIC

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.models.people import Role as CustomRole

NAMED = 5  # holders named in a refusal

# The holders before the role itself: in the order in which a vote holds what a right relies on.
_HOLDERS = """
SELECT h.user_id, u.name FROM user_roles h JOIN users u ON u.id = h.user_id
WHERE h.role_id = :role ORDER BY h.user_id FOR UPDATE OF h
"""
_HOLDER_IDS = "SELECT user_id FROM user_roles WHERE role_id = :role"
_CALLED = "SELECT id FROM roles WHERE lower(name) = lower(:name) AND id IS DISTINCT FROM CAST(:but AS uuid) LIMIT 1"
_GIVE = """
INSERT INTO user_roles (user_id, role_id, assigned_by)
SELECT given, :role, CAST(:me AS uuid) FROM unnest(CAST(:ids AS uuid[])) given
ON CONFLICT DO NOTHING RETURNING user_id
"""
_TAKE = "DELETE FROM user_roles WHERE role_id = :role AND user_id = ANY(CAST(:ids AS uuid[])) RETURNING user_id"


# -- roles -------------------------------------------------------------------------------------------------------------


async def create(
    session: AsyncSession, actor: Actor, *, name: str, permissions: Sequence[str], description: str = ""
) -> UUID:
    """Make a custom role and return its id. Nobody has it yet.

    Raises NotAllowed without `role:manage` or for a permission that the actor does not have, Invalid for a name or a
    word that cannot be, Conflict when the name is taken.
    """
    from datapulse_tui.data.models.people import Role as CustomRole

    actor.require(MANAGE, "make roles")
    fields = _fields(name, description, permissions)
    actor = await my_turn(session, actor)
    actor.require(MANAGE, "make roles")
    must_cover(actor, fields["permissions"], "make this role")
    await _free(session, fields["name"])
    role = CustomRole(**fields)
    session.add(role)
    await session.flush()
    await record(session, actor, "role.created", KIND, role.id, after=fields)
    await feed.emit(session, ROLES_TOPIC, role.id)
    return role.id


async def update(
    session: AsyncSession,
    actor: Actor,
    role_id: UUID,
    *,
    name: str | None = None,
    description: str | None = None,
    permissions: Sequence[str] | None = None,
    seen: datetime | None = None,
) -> datetime:
    """Change a custom role; what is None stays. Returns when it was changed last, which is its version.

    Who has the role has the new permissions from then on. `seen` is the version that the person saw: Conflict, naming
    who changed it, if it is another by now. Raises what `create` raises, NotFound, and NotAllowed where the role before
    or after, or somebody whose permissions it changes, may do what the actor may not. The same again changes nothing.
    """
    from sqlalchemy import func

    actor.require(MANAGE, "change roles")
    given = _fields(name, description, permissions)
    actor = await my_turn(session, actor)
    actor.require(MANAGE, "change roles")
    role = await _locked(session, role_id)
    await _as_seen(session, role, seen)
    must_cover(actor, role_rules.known(role.permissions), f"change the role {role.name}")
    changes = {field: value for field, value in given.items() if getattr(role, field) != value}
    if not changes:
        return role.updated_at
    if "name" in changes:
        await _free(session, changes["name"], but=role.id)
    holders: list[UUID] = []
    if "permissions" in changes:
        must_cover(actor, changes["permissions"], f"put this into the role {role.name}")
        holders = [row.user_id for row in await rows(session, _HOLDER_IDS, role=role.id)]
        await _none_above(session, actor, holders, f"change the role {role.name}")
    before = {field: getattr(role, field) for field in changes}
    for field, value in changes.items():
        setattr(role, field, value)
    role.updated_at = func.clock_timestamp()  # not the time of the transaction, which may have waited here
    await session.flush()
    await session.refresh(role, ["updated_at"])
    await record(session, actor, "role.updated", KIND, role.id, before=before, after=changes)
    await _tell(session, role.id, holders)
    return role.updated_at


async def delete(
    session: AsyncSession, actor: Actor, role_id: UUID, *, seen: datetime | None = None, take_from: int | None = None
) -> int:
    """Delete a custom role; returns how many people lost it.

    Somebody who has it is only parted from it when `take_from` says how many that are: otherwise, and when it is
    another number by now, Conflict names them. Raises NotAllowed as `update` does, NotFound, Conflict.
    """
    actor.require(MANAGE, "delete roles")
    actor = await my_turn(session, actor)
    actor.require(MANAGE, "delete roles")
    holders = await rows(session, _HOLDERS, role=role_id)
    role = await _locked(session, role_id)
    await _as_seen(session, role, seen)
    must_cover(actor, role_rules.known(role.permissions), f"delete the role {role.name}")
    if len(holders) != (take_from or 0):
        raise _held(role.name, sorted(row.name for row in holders), take_from)
    ids = [row.user_id for row in holders]
    if ids:
        actor.require(ASSIGN, "take roles away from people")
        await _none_above(session, actor, ids, f"delete the role {role.name}")
    before = {"name": role.name, "description": role.description, "permissions": list(role.permissions)}
    name = role.name
    await session.delete(role)
    await session.flush()
    lost = [Entry("user.role_removed", "user", each, before={"role": name}) for each in ids]
    await record_many(session, actor, lost)
    note = {"taken_from": len(ids)} if ids else None
    await record(session, actor, "role.deleted", KIND, role_id, before=before, note=note)
    await _tell(session, role_id, ids)
    return len(ids)


# -- who has them ------------------------------------------------------------------------------------------------------


async def give(session: AsyncSession, actor: Actor, user_id: UUID, role_id: UUID) -> bool:
    """Give a person a custom role as well. False when they have it already.

    Raises NotAllowed without `role:assign`, and when the person or the role may do what the actor may not; NotFound.
    """
    refused, titles, done = await _give(session, actor, [user_id], role_id)
    if not done and user_id not in refused:
        return False
    raise_if_single(titles, refused)
    return True


async def give_many(
    session: AsyncSession, actor: Actor, user_ids: Sequence[UUID], role_id: UUID
) -> tuple[Outcome, ...]:
    """`give` for each of them, and what became of each. Where there is only one, its refusal is raised."""
    refused, titles, done = await _give(session, actor, user_ids, role_id)
    already = Refusal(Conflict, "has the role already")
    return outcomes(titles, done, refused, already, "has the role now")


async def take(session: AsyncSession, actor: Actor, user_id: UUID, role_id: UUID) -> bool:
    """Take a custom role away from a person. False when they do not have it.

    Raises NotAllowed without `role:assign`, and for a person who may do what the actor may not; NotFound.
    """
    refused, titles, done = await _take(session, actor, [user_id], role_id)
    if not done and user_id not in refused:
        return False
    raise_if_single(titles, refused)
    return True


async def take_many(
    session: AsyncSession, actor: Actor, user_ids: Sequence[UUID], role_id: UUID
) -> tuple[Outcome, ...]:
    """`take` for each of them, and what became of each. Where there is only one, its refusal is raised."""
    refused, titles, done = await _take(session, actor, user_ids, role_id)
    without = Refusal(Conflict, "does not have the role")
    return outcomes(titles, done, refused, without, "does not have the role any more")


async def hold(session: AsyncSession, role_id: UUID) -> None:
    """Keep a role as it is until this transaction ends. People are held up first, as in every change of a role: the
    other way round two changes could wait for each other."""
    await one_at_a_time(session)
    await rows(session, "SELECT FROM roles WHERE id = :role FOR SHARE", role=role_id)


# -- inside ------------------------------------------------------------------------------------------------------------

_Done = tuple[dict[UUID, Refusal], dict[UUID, str], set[UUID]]


async def _give(session: AsyncSession, actor: Actor, user_ids: Sequence[UUID], role_id: UUID) -> _Done:
    actor.require(ASSIGN, "give custom roles")
    actor = await my_turn(session, actor)
    actor.require(ASSIGN, "give custom roles")
    titles, refused = await hold_people(session, actor, user_ids)
    role = await _locked(session, role_id, change=False)
    must_cover(actor, role_rules.known(role.permissions), f"give the role {role.name}")
    able = [each for each in titles if each not in refused]
    given = await rows(session, _GIVE, role=role.id, me=actor.user_id, ids=able)
    done = {row.user_id for row in given}
    entries = [Entry("user.role_assigned", "user", each, after={"role": role.name}) for each in able if each in done]
    await _record(session, actor, role.id, entries)
    return refused, titles, done


async def _take(session: AsyncSession, actor: Actor, user_ids: Sequence[UUID], role_id: UUID) -> _Done:
    actor.require(ASSIGN, "take custom roles away")
    actor = await my_turn(session, actor)
    actor.require(ASSIGN, "take custom roles away")
    titles, refused = await hold_people(session, actor, user_ids)
    role = await _locked(session, role_id, change=False)
    able = [each for each in titles if each not in refused]
    taken = await rows(session, _TAKE, role=role.id, ids=able)
    done = {row.user_id for row in taken}
    entries = [Entry("user.role_removed", "user", each, before={"role": role.name}) for each in able if each in done]
    await _record(session, actor, role.id, entries)
    return refused, titles, done


async def _record(session: AsyncSession, actor: Actor, role_id: UUID, entries: Sequence[Entry]) -> None:
    """The trail and the desks, where something was done."""
    if entries:
        await record_many(session, actor, entries)
        await _tell(session, role_id, [each.resource_id for each in entries if each.resource_id is not None])


async def _none_above(session: AsyncSession, actor: Actor, ids: Collection[UUID], what: str) -> None:
    higher = await above(session, actor, ids)
    if higher:
        raise NotAllowed(
            f"You may not {what}: {higher[0].name} has it, and may do what you may not. Nothing was changed.",
            hint="Ask an administrator.",
        )


def _fields(name: str | None, description: str | None, permissions: Sequence[str] | None) -> dict[str, Any]:
    """What was given, as it is stored. Raises Invalid."""
    fields: dict[str, Any] = {}
    if name is not None:
        fields["name"] = role_rules.checked_name(name)
    if description is not None:
        fields["description"] = role_rules.description(description)
    if permissions is not None:
        fields["permissions"] = role_rules.checked_permissions(permissions)
    return fields


async def _free(session: AsyncSession, name: str, *, but: UUID | None = None) -> None:
    """Raise Conflict when another role is called so; `Helper` and `helper` would be taken for one."""
    if await rows(session, _CALLED, name=name, but=but):
        raise Conflict(f"There is a role called {name} already. Nothing was changed.", hint="Give another name.")


async def _locked(session: AsyncSession, role_id: UUID, *, change: bool = True) -> CustomRole:
    """The role, held. Raises NotFound."""
    from sqlalchemy import select

    from datapulse_tui.data.models.people import Role as CustomRole

    found = await session.scalar(
        select(CustomRole)
        .where(CustomRole.id == role_id)
        .with_for_update(read=not change)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("There is no such role. Nothing was changed.", hint="`datapulse role list` shows them all.")
    return found


async def _as_seen(session: AsyncSession, role: CustomRole, seen: datetime | None) -> None:
    """Raise Conflict when the role is not the one that was seen, saying who changed it."""
    if seen is None or seen == role.updated_at:
        return
    who = await last_change(session, KIND, role.id) or "somebody"
    raise Conflict(
        f"The role {role.name} was changed meanwhile by {who}. Nothing was changed.", hint="Look at it again."
    )


def _held(name: str, holders: Sequence[str], expected: int | None) -> Conflict:
    if not holders:
        return Conflict(f"Nobody has the role {name} any more. Nothing was changed.", hint="Look again.")
    some = ", ".join(holders[:NAMED]) + (f" and {len(holders) - NAMED:,} more" if len(holders) > NAMED else "")
    have = f"{some} {'has' if len(holders) == 1 else 'have'} the role {name}"
    if expected:
        return Conflict(f"{have} by now, not {expected:,} people. Nothing was changed.", hint="Look again.")
    return Conflict(
        f"{have}. Nothing was changed.", hint="Take it away from them first, or say that they are to lose it."
    )


async def _tell(session: AsyncSession, role_id: UUID, holders: Sequence[UUID]) -> None:
    """Tell the desks: those that show the role, and those of the people whose rights it changes."""
    await feed.emit(session, ROLES_TOPIC, role_id)
    await tell_people(session, holders)
