"""What the verbs on people share once `people.holding` let them: writing a change down, and what is never done."""

from __future__ import annotations

import functools
import zoneinfo
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from datapulse_tui.audit.clean import Secret
from datapulse_tui.audit.service import record
from datapulse_tui.data import feed
from datapulse_tui.errors import Conflict, Invalid, NotFound
from datapulse_tui.people import passwords, rules
from datapulse_tui.people.rules import Role, Status

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.models.people import User

TOPIC = "people"


async def keep_an_admin(session: AsyncSession, user: User) -> None:
    """Raise Conflict when `user` is the last active administrator. Under the lock, so no other can go meanwhile."""
    from sqlalchemy import select

    from datapulse_tui.data.models.people import User as Account

    if user.role != Role.ADMIN or user.status != Status.ACTIVE:
        return
    another = await session.scalar(
        select(Account.id).where(
            Account.role == Role.ADMIN, Account.status == Status.ACTIVE, Account.id != user.id
        ).limit(1)
    )  # fmt: skip
    if another is None:
        raise Conflict(
            f"{user.name} is the last active administrator, so this was not done.",
            hint="Make somebody else an administrator first.",
        )


async def hashed(password: str, email: str, name: str) -> str:
    """The hash of a new person's password. Raises Invalid."""
    rules.check_new_password(password, email=rules.normalise_email(email), name=rules.normalise_name(name))
    return await passwords.hash_password(password)


async def insert_user(
    session: AsyncSession,
    actor: Actor,
    *,
    email: str,
    name: str,
    role: Role,
    status: Status,
    password: str,
    timezone: str,
    department_id: UUID | None = None,
    action: str = "user.added",
) -> UUID:
    """Write the row of a new person (`password` as it is stored), the record `action` of it, and tell the desks.

    Raises Conflict when the address is taken, Invalid, NotFound for a department that is not there.
    """
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.people import User

    fields: dict[str, object] = {
        "email": rules.normalise_email(email),
        "name": rules.normalise_name(name),
        "role": role.value,
        "status": status.value,
        "timezone": known_zone(timezone),
    }
    if department_id is not None:
        await hold_department(session, department_id)
        fields["department_id"] = department_id
    user_id = uuid4()
    statement = insert(User).values(id=user_id, password=password, **fields).on_conflict_do_nothing()
    written = await session.scalar(statement.returning(User.id))
    if written is None:
        raise Conflict(f"There is somebody with the address {fields['email']} already. Nothing was changed.")
    await record(session, actor, action, "user", user_id, after=fields)
    await feed.emit(session, TOPIC, user_id)
    return user_id


async def change(session: AsyncSession, actor: Actor, user: User, action: str, changes: dict[str, object]) -> None:
    """Write `changes` to the row, the trail and the desks."""
    before: dict[str, object] = {}
    for field, value in changes.items():
        before[field] = Secret(None) if isinstance(value, Secret) else getattr(user, field)
        setattr(user, field, value.value if isinstance(value, Secret) else value)
    await session.flush()
    await record(session, actor, action, "user", user.id, before=before, after=changes)
    await feed.emit(session, TOPIC, user.id)


def built_in_role(role: str) -> Role:
    """The built-in role of that name. Raises Invalid."""
    try:
        return Role(role)
    except ValueError:
        known = ", ".join(Role)
        raise Invalid(f"{role!r} is not a role. Nothing was changed.", hint=f"The roles are {known}.") from None


def known_zone(name: str) -> str:
    """`name` if it is that of a time zone. Raises Invalid."""
    if name not in known_zones():
        raise Invalid(
            f"{name!r} is not a time zone. Nothing was changed.",
            hint="Write it like Europe/Vienna or America/New_York.",
        )
    return name


@functools.cache
def known_zones() -> frozenset[str]:
    """Every IANA zone; finding them reads the disk, for longer than an event loop should be held up twice."""
    return frozenset(zoneinfo.available_timezones())


async def hold_department(session: AsyncSession, department_id: UUID) -> None:
    """Keep a department from going until the transaction ends. Raises NotFound."""
    from sqlalchemy import text

    found = await session.scalar(text("SELECT 1 FROM departments WHERE id = :id FOR KEY SHARE"), {"id": department_id})
    if found is None:
        raise NotFound("There is no such department. Nothing was changed.", hint="It may be gone; look again.")
