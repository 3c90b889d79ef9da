"""What people say of themselves, and what the desk remembers for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.audit.clean import Json
from datapulse_tui.errors import Invalid, NotAllowed
from datapulse_tui.people import rules
from datapulse_tui.people.holding import by_people, locked
from datapulse_tui.people.service.common import TOPIC, change, known_zone

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.models.people import User

PREFERENCE_KEY_LENGTH = 100
PREFERENCE_SIZE = 65_536  # bytes of JSON


async def set_profile(
    session: AsyncSession,
    actor: Actor,
    user_id: UUID,
    *,
    name: str | None = None,
    timezone: str | None = None,
    phone: str | None = None,
    avatar: str | None = None,
    bio: str | None = None,
) -> None:
    """Change a name, time zone (IANA name), phone number, picture (a path or an address) or what a person says of
    themselves; what is None stays, an empty text is taken away (except the name).

    For oneself, or with `user:update`. Raises NotAllowed (also for who came with an API key), NotFound, Invalid.
    """
    by_people(actor, "change profiles")
    if actor.user_id != user_id:
        actor.require("user:update", "change other people's profiles")
    changes: dict[str, object] = {}
    if name is not None:
        changes["name"] = rules.normalise_name(name)
    if timezone is not None:
        changes["timezone"] = known_zone(timezone)
    if phone is not None:
        changes["phone"] = rules.normalise_phone(phone)
    user = await locked(session, actor, user_id)
    changes = {field: value for field, value in changes.items() if getattr(user, field) != value}
    if changes:
        await change(session, actor, user, "user.profile_changed", changes)
    shown: dict[str, object] = {} if avatar is None else {"avatar": rules.normalise_avatar(avatar)}
    if bio is not None:
        shown["bio"] = rules.normalise_bio(bio)
    if shown:
        await show(session, actor, user, shown)


async def show(session: AsyncSession, actor: Actor, user: User, shown: Mapping[str, object]) -> bool:
    """Write what a person shows of themselves; whether anything is another than before. The caller holds the person's
    row, which gets another version: whoever edits an account has seen its profile as well."""
    from sqlalchemy import func, select
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.audit.service import record
    from datapulse_tui.data import feed
    from datapulse_tui.data.models.people import Profile

    found = (await session.execute(select(Profile.avatar, Profile.bio).where(Profile.user_id == user.id))).one_or_none()
    stood = {field: getattr(found, field, None) for field in shown}
    after = {field: value for field, value in shown.items() if value != stood[field]}
    if not after:
        return False
    statement = insert(Profile).values(user_id=user.id, **after)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["user_id"], set_={**after, "updated_at": func.now()})
    )
    user.updated_at = func.now()
    await session.flush()
    before = {field: stood[field] for field in after}
    await record(session, actor, "user.profile_changed", "user", user.id, before=before, after=after)
    await feed.emit(session, TOPIC, user.id)
    return True


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
