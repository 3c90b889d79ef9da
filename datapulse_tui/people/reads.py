"""What screens and commands read about people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from datapulse_tui.errors import Invalid, NotFound
from datapulse_tui.people import rules

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page

LARGEST_PAGE = 1_000

_PROFILE = """
SELECT coalesce(p.avatar, '') AS avatar, coalesce(p.bio, '') AS bio, u.must_change_password, u.password_changed_at,
    ARRAY(SELECT r.name FROM user_roles m JOIN roles r ON r.id = m.role_id WHERE m.user_id = u.id ORDER BY r.name)
    AS roles
FROM users u LEFT JOIN profiles p ON p.user_id = u.id WHERE u.id = :person
"""


@dataclass(frozen=True, slots=True)
class UserRow:
    """A person's account. Times are with zone; `zone` is an IANA name."""

    id: UUID
    email: str
    name: str
    role: str
    status: str
    department: str | None
    phone: str | None
    zone: str
    has_password: bool
    last_login: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A person's own account with what they show of themselves. Times are with zone."""

    account: UserRow
    avatar: str
    bio: str
    custom_roles: tuple[str, ...]
    must_change_password: bool
    password_changed_at: datetime | None


async def any_users(session: Reader) -> bool:
    """Whether there is anybody yet; if not, the desk asks for its first admin."""
    from datapulse_tui.data.glance import fetch

    return bool(await fetch(session, "SELECT 1 FROM users LIMIT 1"))


async def list_users(
    session: AsyncSession,
    actor: Actor,
    *,
    text: str = "",
    role: str | None = None,
    status: str | None = None,
    after: str | None = None,
    limit: int = 200,
) -> Page[UserRow]:
    """A page of people by address; `text` is a part of the name or address. Raises NotAllowed without `user:view`."""
    from datapulse_tui.data.models.people import User
    from datapulse_tui.data.page import SortKey, keyset, make_page

    actor.require("user:view", "see everybody's account")
    if not 1 <= limit <= LARGEST_PAGE:
        raise Invalid(f"A page holds 1 to {LARGEST_PAGE} people.", hint="Ask for the next page with its cursor.")
    statement = _accounts()
    if text:
        statement = statement.where(
            User.email.icontains(text, autoescape=True) | User.name.icontains(text, autoescape=True)
        )
    if role is not None:
        statement = statement.where(User.role == role)
    if status is not None:
        statement = statement.where(User.status == status)
    rows = (await session.execute(keyset(statement, [SortKey(User.email.expression)], after, limit))).all()
    return make_page(rows, limit, _row, lambda row: [row.email])


async def get_user(session: AsyncSession, actor: Actor, person: UUID | str) -> UserRow:
    """One account, by id or address: one's own, or anybody's with `user:view`. Raises NotFound otherwise."""
    from datapulse_tui.data.models.people import User

    wanted = User.id == person if isinstance(person, UUID) else User.email == rules.normalise_email(person)
    found = (await session.execute(_accounts().where(wanted))).one_or_none()
    if found is None or not (found.id == actor.user_id or actor.can("user:view")):
        raise NotFound("There is no such person. Nothing was changed.", hint="`datapulse user list` shows everybody.")
    return _row(found)


async def own_profile(session: AsyncSession, actor: Actor) -> ProfileRow:
    """The account of the person who acts. Raises NotFound for an actor who is no person."""
    from datapulse_tui.data.glance import fetch

    account = await get_user(session, actor, actor.user_id or UUID(int=0))
    [row] = await fetch(session, _PROFILE, {"person": account.id})
    return ProfileRow(account, row.avatar, row.bio, tuple(row.roles), row.must_change_password, row.password_changed_at)


async def preferences(session: Reader, user_id: UUID) -> dict[str, Any]:
    """Everything that the desk remembers for a person, by key."""
    from datapulse_tui.data.glance import fetch

    found = await fetch(session, "SELECT key, value FROM user_preferences WHERE user_id = :person", {"person": user_id})
    return {row.key: row.value for row in found}


async def must_change_password(session: Reader, user_id: UUID) -> bool:
    """Whether the person's password is a temporary one, which opens nothing but the change of it."""
    from datapulse_tui.data.glance import fetch

    found = await fetch(session, "SELECT must_change_password FROM users WHERE id = :person", {"person": user_id})
    return bool(found) and bool(found[0].must_change_password)


def _accounts() -> Select[Any]:
    from sqlalchemy import select

    from datapulse_tui.data.models.people import Department, User

    statement = select(
        User.id, User.email, User.name, User.role, User.status, Department.name.label("department"), User.phone,
        User.timezone, (User.password != rules.NO_PASSWORD).label("has_password"), User.last_login, User.created_at,
    ).outerjoin(Department, Department.id == User.department_id)  # fmt: skip
    return cast("Select[Any]", statement)


def _row(row: Any) -> UserRow:
    return UserRow(
        id=row.id,
        email=row.email,
        name=row.name,
        role=row.role,
        status=row.status,
        department=row.department,
        phone=row.phone,
        zone=row.timezone or "UTC",
        has_password=row.has_password,
        last_login=row.last_login,
        created_at=row.created_at,
    )
