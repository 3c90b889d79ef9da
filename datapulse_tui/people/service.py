"""What changes people. Each verb checks the right, locks, writes, records and tells the desks, in the caller's
transaction."""

from __future__ import annotations

import functools
import json
import zoneinfo
from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from datapulse_tui.audit.clean import Json, Secret
from datapulse_tui.audit.service import record
from datapulse_tui.data import feed
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people import passwords, rules
from datapulse_tui.people.rules import Role, Status

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.models.people import User

TOPIC = "people"
PREFERENCE_KEY_LENGTH = 100
PREFERENCE_SIZE = 65_536  # bytes of JSON

# Whoever changes accounts does so one after the other, so that "is there another active admin?" has one answer.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('datapulse people', 0))"


async def add_user(
    session: AsyncSession,
    actor: Actor,
    *,
    email: str,
    name: str,
    role: str = Role.BUSINESS_USER,
    password: str | None = None,
    activate: bool = False,
    timezone: str = "UTC",
) -> UUID:
    """Add a person and return their id. Pending without `activate`; without `password` they cannot sign in yet.

    Raises NotAllowed without `user:create` (and `user:activate` to activate), or when the role may do what the actor
    may not; Conflict when the address is taken; Invalid.
    """
    actor.require("user:create", "add people")
    if activate:
        actor.require("user:activate", "activate accounts")
    given = _role(role)
    _must_cover(actor, rules.effective_permissions(given), f"give the role {given}")
    status = Status.ACTIVE if activate else Status.PENDING
    stored = rules.NO_PASSWORD if password is None else await _hashed(password, email, name)
    return await _insert(session, actor, email, name, given, status, stored, timezone)


async def first_admin(
    session: AsyncSession, actor: Actor, *, email: str, name: str, password: str, timezone: str = "UTC"
) -> UUID:
    """Add the first person, an active admin, and return their id.

    The actor is an operator: who holds the address of an empty database owns it. Raises Conflict when there is
    somebody already, also when two do it at the same time; NotAllowed for anybody else; Invalid.
    """
    from sqlalchemy import select

    from datapulse_tui.data.models.people import User

    if not actor.everything:
        raise NotAllowed("Only an operator makes the first administrator. Nothing was changed.")
    stored = await _hashed(password, email, name)
    await _one_at_a_time(session)
    if await session.scalar(select(User.id).limit(1)) is not None:
        raise Conflict(
            "There is somebody already, so no first administrator was made.",
            hint="Sign in, or use `datapulse user add` with the role admin.",
        )
    return await _insert(session, actor, email, name, Role.ADMIN, Status.ACTIVE, stored, timezone)


async def activate(session: AsyncSession, actor: Actor, user_id: UUID) -> None:
    """Let a pending or deactivated person sign in. Raises NotAllowed, NotFound, Conflict when they are active."""
    actor.require("user:activate", "activate accounts")
    user = await _locked(session, actor, user_id)
    if user.status == Status.ACTIVE:
        raise Conflict(f"{user.name} is active already.")
    await _change(session, actor, user, "user.activated", {"status": Status.ACTIVE.value})


async def deactivate(session: AsyncSession, actor: Actor, user_id: UUID) -> None:
    """Keep a person out from now on; nothing of theirs is deleted.

    Raises NotAllowed, NotFound, Conflict when they are deactivated already or are the last active administrator.
    """
    actor.require("user:deactivate", "deactivate accounts")
    user = await _locked(session, actor, user_id)
    if user.status == Status.INACTIVE:
        raise Conflict(f"{user.name} is deactivated already.")
    await _keep_an_admin(session, user)
    await _change(session, actor, user, "user.deactivated", {"status": Status.INACTIVE.value})


async def set_role(session: AsyncSession, actor: Actor, user_id: UUID, role: str) -> None:
    """Give a person another built-in role.

    Raises NotAllowed (also when the person or the role may do what the actor may not), NotFound, Invalid, Conflict when
    they are the last active administrator. The same role again changes nothing.
    """
    user, given = await _to_give(session, actor, user_id, role)
    if user.role == given:
        return
    await _keep_an_admin(session, user)
    await _change(session, actor, user, "user.role_set", {"role": given.value})


async def raise_role(session: AsyncSession, actor: Actor, user_id: UUID, role: str) -> bool:
    """Like `set_role`, but False where the person's role may do as much already: nothing is ever taken away."""
    user, given = await _to_give(session, actor, user_id, role)
    if rules.ROLE_PERMISSIONS[given] <= rules.ROLE_PERMISSIONS[Role(user.role)]:
        return False
    await _change(session, actor, user, "user.role_set", {"role": given.value})
    return True


async def assign_role(session: AsyncSession, actor: Actor, user_id: UUID, role_id: UUID) -> bool:
    """Give a person a custom role as well. False when they have it already.

    Raises NotAllowed (also when the person or the role may do what the actor may not), NotFound.
    """
    from sqlalchemy import select
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.people import Role as CustomRole
    from datapulse_tui.data.models.people import UserRole

    actor.require("role:assign", "give custom roles")
    user = await _locked(session, actor, user_id)
    role = await session.scalar(select(CustomRole).where(CustomRole.id == role_id).with_for_update(read=True))
    if role is None:
        raise NotFound("There is no such role. Nothing was changed.")
    _must_cover(actor, [word for word in role.permissions if word in rules.PERMISSIONS], f"give the role {role.name}")
    statement = insert(UserRole).values(user_id=user.id, role_id=role.id, assigned_by=actor.user_id)
    made = await session.scalar(statement.on_conflict_do_nothing().returning(UserRole.user_id))
    if made is None:
        return False
    await record(session, actor, "user.role_assigned", "user", user.id, after={"role": role.name})
    await feed.emit(session, TOPIC, user.id)
    return True


async def set_password(session: AsyncSession, actor: Actor, user_id: UUID, password: str) -> None:
    """Set a person's password. The first one of a pending person activates them, if the actor may do that.

    Failed sign-ins of that person are forgotten. Raises NotAllowed (also for a person who may do what the actor may
    not), NotFound, Invalid with the reason.
    """
    from sqlalchemy import delete

    from datapulse_tui.data.models.people import SignInAttempt

    actor.require("user:set_password", "set passwords")
    rules.check_new_password(password)
    hashed = await passwords.hash_password(password)  # before anything is locked: it takes a third of a second
    user = await _locked(session, actor, user_id)
    rules.check_new_password(password, email=user.email, name=user.name)
    changes: dict[str, object] = {"password": Secret(hashed)}
    if user.password == rules.NO_PASSWORD and user.status == Status.PENDING and actor.can("user:activate"):
        changes["status"] = Status.ACTIVE.value
    await session.execute(delete(SignInAttempt).where(SignInAttempt.email == user.email))
    await _change(session, actor, user, "user.password_set", changes)


async def set_profile(
    session: AsyncSession,
    actor: Actor,
    user_id: UUID,
    *,
    name: str | None = None,
    timezone: str | None = None,
    phone: str | None = None,
) -> None:
    """Change a name, time zone (IANA name) or phone number; what is None stays, an empty phone is taken away.

    For oneself, or with `user:update`. Raises NotAllowed, NotFound, Invalid.
    """
    if actor.user_id != user_id:
        actor.require("user:update", "change other people's profiles")
    changes: dict[str, object] = {}
    if name is not None:
        changes["name"] = rules.normalise_name(name)
    if timezone is not None:
        changes["timezone"] = _zone(timezone)
    if phone is not None:
        changes["phone"] = rules.normalise_phone(phone)
    user = await _locked(session, actor, user_id)
    changes = {field: value for field, value in changes.items() if getattr(user, field) != value}
    if changes:
        await _change(session, actor, user, "user.profile_changed", changes)


async def set_preference(session: AsyncSession, actor: Actor, key: str, value: Json) -> None:
    """Remember `value` for the person who acts, or forget it (None). Not recorded: it changes nothing for anybody else.

    Raises NotAllowed for an actor who is no person, Invalid for a key or value that is too long.
    """
    from sqlalchemy import delete
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.people import UserPreference

    if actor.user_id is None:
        raise NotAllowed("Only a person has preferences. Nothing was changed.")
    if not 0 < len(key) <= PREFERENCE_KEY_LENGTH or len(json.dumps(value)) > PREFERENCE_SIZE:
        raise Invalid("This is too long to be remembered as a preference. Nothing was changed.")
    if value is None:
        mine = (UserPreference.user_id == actor.user_id) & (UserPreference.key == key)
        await session.execute(delete(UserPreference).where(mine))
        return
    statement = insert(UserPreference).values(user_id=actor.user_id, key=key, value=value)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["user_id", "key"], set_={"value": statement.excluded.value})
    )


# -- inside ------------------------------------------------------------------------------------------------------------


async def _one_at_a_time(session: AsyncSession) -> None:
    from sqlalchemy import text

    await session.execute(text(ONE_AT_A_TIME))


async def _hashed(password: str, email: str, name: str) -> str:
    """The hash of a new person's password. Raises Invalid."""
    rules.check_new_password(password, email=rules.normalise_email(email), name=rules.normalise_name(name))
    return await passwords.hash_password(password)


async def _insert(
    session: AsyncSession,
    actor: Actor,
    email: str,
    name: str,
    role: Role,
    status: Status,
    stored_password: str,
    timezone: str,
) -> UUID:
    """Write the row of a new person."""
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.people import User

    fields: dict[str, object] = {
        "email": rules.normalise_email(email),
        "name": rules.normalise_name(name),
        "role": role.value,
        "status": status.value,
        "timezone": _zone(timezone),
    }
    user_id = uuid4()
    statement = insert(User).values(id=user_id, password=stored_password, **fields).on_conflict_do_nothing()
    written = await session.scalar(statement.returning(User.id))
    if written is None:
        raise Conflict(f"There is somebody with the address {fields['email']} already. Nothing was changed.")
    await record(session, actor, "user.added", "user", user_id, after=fields)
    await feed.emit(session, TOPIC, user_id)
    return user_id


async def _locked(session: AsyncSession, actor: Actor, user_id: UUID) -> User:
    """The person's row, locked. Raises NotFound, and NotAllowed for a person who may do what the actor may not: to
    change their password or role would be a way to get it."""
    from sqlalchemy import select

    from datapulse_tui.data.models.people import Role as CustomRole
    from datapulse_tui.data.models.people import User, UserRole

    await _one_at_a_time(session)
    user = await session.scalar(
        select(User).where(User.id == user_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    )
    if user is None:
        raise NotFound("There is no such person. Nothing was changed.", hint="`datapulse user list` shows everybody.")
    if actor.user_id != user_id and not actor.everything:
        custom = await session.scalars(
            select(CustomRole.permissions).join(UserRole, UserRole.role_id == CustomRole.id)
            .where(UserRole.user_id == user_id)
        )  # fmt: skip
        _must_cover(actor, rules.effective_permissions(user.role, custom), f"change the account of {user.name}")
    return user


def _must_cover(actor: Actor, permissions: Collection[str], what: str) -> None:
    """Raise NotAllowed unless the actor has every one of `permissions`: nobody hands out more than they have."""
    lacking = sorted(word for word in permissions if not actor.can(word))
    if lacking:
        raise NotAllowed(
            f"You may not {what}: it has permissions that you lack, among them {lacking[0]}. Nothing was changed.",
            hint="Ask an administrator.",
        )


async def _keep_an_admin(session: AsyncSession, user: User) -> None:
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


async def _to_give(session: AsyncSession, actor: Actor, user_id: UUID, role: str) -> tuple[User, Role]:
    """The person, locked, and the built-in role that `actor` may give them. Raises NotAllowed, NotFound, Invalid."""
    actor.require("user:set_role", "give roles")
    given = _role(role)
    _must_cover(actor, rules.effective_permissions(given), f"give the role {given}")
    return await _locked(session, actor, user_id), given


async def _change(session: AsyncSession, actor: Actor, user: User, action: str, changes: dict[str, object]) -> None:
    """Write `changes` to the row, the trail and the desks."""
    before: dict[str, object] = {}
    for field, value in changes.items():
        before[field] = Secret(None) if isinstance(value, Secret) else getattr(user, field)
        setattr(user, field, value.value if isinstance(value, Secret) else value)
    await session.flush()
    await record(session, actor, action, "user", user.id, before=before, after=changes)
    await feed.emit(session, TOPIC, user.id)


def _role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError:
        known = ", ".join(Role)
        raise Invalid(f"{role!r} is not a role. Nothing was changed.", hint=f"The roles are {known}.") from None


def _zone(name: str) -> str:
    if name not in _zones():
        raise Invalid(
            f"{name!r} is not a time zone. Nothing was changed.",
            hint="Write it like Europe/Vienna or America/New_York.",
        )
    return name


@functools.cache
def _zones() -> frozenset[str]:
    """Every IANA zone; finding them reads the disk, for longer than an event loop should be held up twice."""
    return frozenset(zoneinfo.available_timezones())
