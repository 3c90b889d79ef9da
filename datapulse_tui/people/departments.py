"""What changes departments and who is in them. Being in one gives no rights; its head may be asked to decide the
requests of its people, and a rule may tell everybody in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.audit.service import Entry, record, record_many
from datapulse_tui.data import feed
from datapulse_tui.data.verbs import Refusal
from datapulse_tui.errors import Conflict, Invalid, NotFound
from datapulse_tui.people import role_rules
from datapulse_tui.people.holding import last_change, my_turn
from datapulse_tui.people.many import Outcome, hold_people, outcomes, rows, tell_people

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.models.people import Department

KIND = "department"
TOPIC = "people"
VIEW, MANAGE, MOVE = "department:view", "department:manage", "user:update"
NAME_LENGTH = 100

_CALLED = """
SELECT id FROM departments WHERE lower(name) = lower(:name) AND id IS DISTINCT FROM CAST(:but AS uuid) LIMIT 1
"""
_HEAD = "SELECT id, name, status FROM users WHERE id = :head FOR SHARE"
_MEMBERS = "SELECT id FROM users WHERE department_id = :department ORDER BY id FOR NO KEY UPDATE"
_WERE = """
SELECT u.id, u.department_id, coalesce(d.name, '') AS department
FROM users u LEFT JOIN departments d ON d.id = u.department_id WHERE u.id = ANY(CAST(:ids AS uuid[]))
"""
_MOVE = """
UPDATE users SET department_id = CAST(:department AS uuid), updated_at = clock_timestamp()
WHERE id = ANY(CAST(:ids AS uuid[])) AND department_id IS DISTINCT FROM CAST(:department AS uuid) RETURNING id
"""


async def create(
    session: AsyncSession, actor: Actor, *, name: str, description: str = "", head_id: UUID | None = None
) -> UUID:
    """Make a department and return its id. Nobody is in it yet, its head neither.

    Raises NotAllowed without `department:manage`, Invalid, Conflict when the name is taken, NotFound for the head.
    """
    from datapulse_tui.data.models.people import Department

    actor.require(MANAGE, "make departments")
    fields = _fields(name, description)
    actor = await my_turn(session, actor)
    actor.require(MANAGE, "make departments")
    await _free(session, fields["name"])
    after = {**fields, "head": await _head(session, head_id) if head_id else None}
    department = Department(**fields, head_id=head_id)
    session.add(department)
    await session.flush()
    await record(session, actor, "department.created", KIND, department.id, after=after)
    await feed.emit(session, TOPIC, department.id)
    return department.id


async def update(
    session: AsyncSession,
    actor: Actor,
    department_id: UUID,
    *,
    name: str | None = None,
    description: str | None = None,
    seen: datetime | None = None,
) -> datetime:
    """Rename or describe a department; what is None stays. Returns when it was changed last, which is its version.

    `seen` is the version that the person saw: Conflict, naming who changed it, if it is another by now. Raises
    NotAllowed, NotFound, Invalid, Conflict when the name is taken. The same again changes nothing.
    """
    actor.require(MANAGE, "change departments")
    given = _fields(name, description)
    actor, department = await _held(session, actor, department_id, "change departments", seen)
    changes = {field: value for field, value in given.items() if getattr(department, field) != value}
    if "name" in changes:
        await _free(session, changes["name"], but=department.id)
    before = {field: getattr(department, field) for field in changes}
    return await _change(session, actor, department, changes, before, changes)


async def set_head(
    session: AsyncSession, actor: Actor, department_id: UUID, head_id: UUID | None, *, seen: datetime | None = None
) -> datetime:
    """Have somebody lead a department, or nobody (None). They need not be in it. Returns its version.

    Raises NotAllowed, NotFound, Invalid for somebody who is deactivated, Conflict as `update` does.
    """
    actor.require(MANAGE, "say who leads a department")
    actor, department = await _held(session, actor, department_id, "say who leads a department", seen)
    if department.head_id == head_id:
        return department.updated_at
    before = {"head": await _name_of(session, department.head_id)}
    after = {"head": await _head(session, head_id) if head_id else None}
    return await _change(session, actor, department, {"head_id": head_id}, before, after)


async def delete(session: AsyncSession, actor: Actor, department_id: UUID, *, seen: datetime | None = None) -> int:
    """Delete a department; returns how many people were in it, who are in none now.

    A rule that tells its people tells nobody through it any more. Raises NotAllowed, NotFound, Conflict.
    """
    actor.require(MANAGE, "delete departments")
    actor = await my_turn(session, actor)
    actor.require(MANAGE, "delete departments")
    members = [row.id for row in await rows(session, _MEMBERS, department=department_id)]
    department = await _locked(session, department_id)
    await _as_seen(session, department, seen)
    name = department.name
    before = {
        "name": name,
        "description": department.description,
        "head": await _name_of(session, department.head_id),
    }
    await rows(session, _MOVE, department=None, ids=members)
    await session.delete(department)
    await session.flush()
    left = [Entry("user.profile_changed", "user", each, {"department": name}, {"department": None}) for each in members]
    await record_many(session, actor, left)
    note = {"members": len(members)} if members else None
    await record(session, actor, "department.deleted", KIND, department_id, before=before, note=note)
    await feed.emit(session, TOPIC, department_id)
    await tell_people(session, members)
    return len(members)


async def move(
    session: AsyncSession, actor: Actor, user_ids: Sequence[UUID], department_id: UUID | None
) -> tuple[Outcome, ...]:
    """Put people into a department, out of the one in which they were; None takes them out of it.

    What became of each is told; where there is only one, its refusal is raised. Raises NotAllowed without
    `user:update`, NotFound for the department, Invalid for more than a thousand at once.
    """
    actor.require(MOVE, "move people between departments")
    actor = await my_turn(session, actor)
    actor.require(MOVE, "move people between departments")
    titles, refused = await hold_people(session, actor, user_ids)
    name = (await _locked(session, department_id, change=False)).name if department_id else None
    able = [each for each in titles if each not in refused]
    were = {row.id: row.department or None for row in await rows(session, _WERE, ids=able)}
    done = {row.id for row in await rows(session, _MOVE, department=department_id, ids=able)}
    entries = [
        Entry("user.profile_changed", "user", each, {"department": were[each]}, {"department": name})
        for each in able
        if each in done
    ]
    await record_many(session, actor, entries)
    if done:
        ids = [*done] if department_id is None else [*done, department_id]
        await tell_people(session, ids)
    same = Refusal(Conflict, f"is in {name} already" if name else "is in no department")
    return outcomes(titles, done, refused, same, f"is in {name} now" if name else "is in no department now")


# -- inside ------------------------------------------------------------------------------------------------------------


def _fields(name: str | None, description: str | None) -> dict[str, Any]:
    """What was given, as it is stored. Raises Invalid."""
    fields: dict[str, Any] = {}
    if name is not None:
        fields["name"] = role_rules.title(name, NAME_LENGTH, "department")
    if description is not None:
        fields["description"] = role_rules.description(description)
    return fields


async def _free(session: AsyncSession, name: str, *, but: UUID | None = None) -> None:
    """Raise Conflict when another department is called so, in small letters or capitals."""
    if await rows(session, _CALLED, name=name, but=but):
        raise Conflict(f"There is a department called {name} already. Nothing was changed.", hint="Give another name.")


async def _held(
    session: AsyncSession, actor: Actor, department_id: UUID, what: str, seen: datetime | None
) -> tuple[Actor, Department]:
    """The actor as they are now, and the department in the version that was seen."""
    actor = await my_turn(session, actor)
    actor.require(MANAGE, what)
    department = await _locked(session, department_id)
    await _as_seen(session, department, seen)
    return actor, department


async def _locked(session: AsyncSession, department_id: UUID, *, change: bool = True) -> Department:
    """The department, held. Raises NotFound."""
    from sqlalchemy import select

    from datapulse_tui.data.models.people import Department

    found = await session.scalar(
        select(Department)
        .where(Department.id == department_id)
        .with_for_update(read=not change)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise not_found()
    return found


async def _as_seen(session: AsyncSession, department: Department, seen: datetime | None) -> None:
    """Raise Conflict when the department is not the one that was seen, saying who changed it."""
    if seen is None or seen == department.updated_at:
        return
    who = await last_change(session, KIND, department.id) or "somebody"
    raise Conflict(
        f"The department {department.name} was changed meanwhile by {who}. Nothing was changed.",
        hint="Look at it again.",
    )


async def _change(
    session: AsyncSession,
    actor: Actor,
    department: Department,
    changes: Mapping[str, Any],
    before: Mapping[str, object],
    after: Mapping[str, object],
) -> datetime:
    """Write it to the row, the trail and the desks; nothing of nothing."""
    from sqlalchemy import func

    if not changes:
        return department.updated_at
    for field, value in changes.items():
        setattr(department, field, value)
    department.updated_at = func.clock_timestamp()  # not the time of the transaction, which may have waited
    await session.flush()
    await session.refresh(department, ["updated_at"])
    await record(session, actor, "department.updated", KIND, department.id, before=before, after=after)
    await feed.emit(session, TOPIC, department.id)
    return department.updated_at


async def _head(session: AsyncSession, head_id: UUID) -> str:
    """The name of who is to lead it. Raises NotFound, Invalid."""
    found = await rows(session, _HEAD, head=head_id)
    if not found:
        raise NotFound("There is no such person. Nothing was changed.", hint="`datapulse user list` shows everybody.")
    if found[0].status == "inactive":
        raise Invalid(
            f"{found[0].name} is deactivated and cannot lead a department. Nothing was changed.",
            hint="Choose somebody else.",
        )
    return str(found[0].name)


async def _name_of(session: AsyncSession, user_id: UUID | None) -> str | None:
    if user_id is None:
        return None
    return next((str(row.name) for row in await rows(session, _HEAD, head=user_id)), None)


def not_found(name: str = "") -> NotFound:
    """The error for a department that is not there."""
    called = f" called {name[:80]!r}" if name else ""
    return NotFound(
        f"There is no department{called}. Nothing was changed.", hint="`datapulse department list` shows them all."
    )
