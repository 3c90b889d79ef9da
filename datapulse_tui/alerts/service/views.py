"""Keeping filters under names: each person's own, in any room."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.alerts.filters import LONGEST, parse
from datapulse_tui.alerts.reads.views import INBOX
from datapulse_tui.alerts.rules import VIEWS_TOPIC
from datapulse_tui.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

KIND = "saved_view"
MOST = 50  # views of one person in one room
LONGEST_NAME = 100

# At the end of the person's order. What another of the name holds back is seen in what comes back.
_SAVE = """
INSERT INTO saved_views (user_id, room, name, filter, position)
SELECT CAST(:me AS uuid), CAST(:room AS text), CAST(:name AS text), CAST(:filter AS text),
    coalesce(max(position), 0) + 1
FROM saved_views WHERE user_id = CAST(:me AS uuid) AND room = CAST(:room AS text) HAVING count(*) < :most
ON CONFLICT (user_id, room, name) DO NOTHING
RETURNING id
"""
_MINE = "SELECT id, room, name, filter FROM saved_views WHERE id = :id AND user_id = CAST(:me AS uuid) FOR UPDATE"
_RENAME = """
UPDATE saved_views SET name = CAST(:name AS text), updated_at = now()
WHERE id = :id AND NOT EXISTS (
    SELECT 1 FROM saved_views v
    WHERE v.user_id = saved_views.user_id AND v.room = saved_views.room AND v.name = CAST(:name AS text)
      AND v.id <> :id)
RETURNING id
"""
_REORDER = """
UPDATE saved_views v SET position = given.place, updated_at = now()
FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS given(id, place)
WHERE v.id = given.id AND v.user_id = CAST(:me AS uuid) AND v.room = :room AND v.position <> given.place
RETURNING v.id
"""


async def save_view(session: AsyncSession, actor: Actor, name: str, filter: str, room: str = INBOX) -> UUID:
    """Keep `filter` under `name` at the end of the actor's views of `room`; returns the view's id.

    A filter of the inbox is checked (InvalidFilter); those of other rooms are checked there. Raises Invalid for a name
    that cannot be or too many views, Conflict for a name that is there.
    """
    from sqlalchemy import text

    kept = _name(name)
    line = _filter(room, filter)
    values = {"me": _person(actor), "room": room, "name": kept, "filter": line, "most": MOST}
    made: UUID | None = (await session.execute(text(_SAVE), values)).scalar_one_or_none()
    if made is None:
        there = text("SELECT 1 FROM saved_views WHERE user_id = CAST(:me AS uuid) AND room = :room AND name = :name")
        if (await session.execute(there, {"me": actor.user_id, "room": room, "name": kept})).first() is None:
            raise Invalid(f"You have {MOST} views here, which is the most. Nothing was changed.", hint="Delete one.")
        raise _taken(kept)
    await _told(session, actor, "view.saved", made, None, {"room": room, "name": kept, "filter": line})
    return made


async def rename_view(session: AsyncSession, actor: Actor, view_id: UUID, name: str) -> None:
    """Give one of the actor's views another name. Raises NotFound, Invalid, Conflict for a name that is there."""
    from sqlalchemy import text

    kept = _name(name)
    row = await _mine(session, actor, view_id)
    if (await session.execute(text(_RENAME), {"id": view_id, "name": kept})).first() is None:
        raise _taken(kept)
    await _told(session, actor, "view.renamed", view_id, {"name": row.name}, {"name": kept})


async def change_view(session: AsyncSession, actor: Actor, view_id: UUID, filter: str) -> None:
    """Keep another filter under the name of one of the actor's views. Raises NotFound, InvalidFilter."""
    from sqlalchemy import text

    row = await _mine(session, actor, view_id)
    line = _filter(row.room, filter)
    await session.execute(
        text("UPDATE saved_views SET filter = :filter, updated_at = now() WHERE id = :id"),
        {"filter": line, "id": view_id},
    )
    await _told(session, actor, "view.changed", view_id, {"filter": row.filter}, {"filter": line})


async def delete_view(session: AsyncSession, actor: Actor, view_id: UUID) -> None:
    """Delete one of the actor's views. Raises NotFound."""
    from sqlalchemy import text

    row = await _mine(session, actor, view_id)
    await session.execute(text("DELETE FROM saved_views WHERE id = :id"), {"id": view_id})
    await _told(session, actor, "view.deleted", view_id, {"name": row.name, "filter": row.filter}, None)


async def reorder_views(session: AsyncSession, actor: Actor, ids: Sequence[UUID], room: str = INBOX) -> None:
    """Put the actor's views of `room` into the order of `ids`; those that are not named keep their places."""
    from sqlalchemy import text

    from datapulse_tui.data.feed import emit

    values = {"ids": list(ids), "me": _person(actor), "room": room}
    moved = (await session.scalars(text(_REORDER), values)).all()
    if moved:
        await emit(session, VIEWS_TOPIC, *moved)


# -- parts -------------------------------------------------------------------------------------------------------------


def _person(actor: Actor) -> UUID:
    if actor.user_id is None:
        raise Invalid("Views belong to people, and you act for nobody. Nothing was changed.", hint="Use --as EMAIL.")
    return actor.user_id


def _name(text: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > LONGEST_NAME or any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise Invalid(f"The name of a view has 1 to {LONGEST_NAME} characters. Nothing was changed.")
    return name


def _filter(room: str, text: str) -> str:
    line = " ".join(text.split()) if '"' not in text else text.strip()
    if room == INBOX:
        parse(line, datetime.now(UTC))
    elif len(line) > LONGEST or "\0" in line:
        raise Invalid(f"A filter has at most {LONGEST:,} characters. Nothing was changed.")
    return line


def _taken(name: str) -> Conflict:
    return Conflict(f"You have a view called {name!r} already. Nothing was changed.", hint="Choose another name.")


async def _mine(session: AsyncSession, actor: Actor, view_id: UUID) -> Any:
    from sqlalchemy import text

    row = (await session.execute(text(_MINE), {"id": view_id, "me": actor.user_id})).first()
    if row is None:
        raise NotFound("This view is not there any more. Nothing was changed.", hint="Look at your views again.")
    return row


async def _told(
    session: AsyncSession,
    actor: Actor,
    action: str,
    view_id: UUID,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
) -> None:
    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    await record(session, actor, action, KIND, view_id, before, after)
    await emit(session, VIEWS_TOPIC, view_id)
