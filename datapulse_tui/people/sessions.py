"""Sessions: who sits at which desk, since when, and how that ends.

A desk says about every minute that it is there. One that was not heard of for `LOST_AFTER` counts as lost, and a job
closes it; a lost desk that comes back (a laptop that slept) goes on, as nobody decided that it should end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import Conflict, NotAllowed, NotFound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page

TOPIC = "sessions"
KIND = "session"
MANAGE = "session:manage"

TOUCH_EVERY = timedelta(seconds=50)  # a desk asks every minute; two of one session write no more often than this
LOST_AFTER = timedelta(minutes=10)
COMES_BACK = timedelta(hours=12)  # how long a lost session can go on where it was left
CLOSED_AT_ONCE = 1_000
LARGEST_PAGE = 1_000

_BEGIN = """
INSERT INTO sessions (user_id, kind, ip_address, user_agent) VALUES (:person, :kind, :ip, :agent) RETURNING id
"""
_TOUCH = """
UPDATE sessions SET last_seen_at = clock_timestamp(), ended_at = NULL, ended_reason = NULL
WHERE id = :id AND user_id = :person AND last_seen_at < clock_timestamp() - CAST(:every AS interval)
  AND (ended_at IS NULL OR (ended_reason = 'lost' AND ended_at > clock_timestamp() - CAST(:back AS interval)))
"""
_COME_BACK = """
UPDATE sessions SET last_seen_at = clock_timestamp(), ended_at = NULL, ended_reason = NULL
WHERE id = :id AND user_id = :person AND ended_reason = 'lost'
  AND ended_at > clock_timestamp() - CAST(:back AS interval)
RETURNING id
"""
_WHOSE = "SELECT user_id FROM sessions WHERE id = :id"
# What was lost a while ago is ended as well: it must not come back.
_CLOSE = """
UPDATE sessions SET ended_at = clock_timestamp(), ended_reason = :reason, ended_by = :by
WHERE user_id = :person AND id IS DISTINCT FROM CAST(:but AS uuid)
  AND (ended_at IS NULL OR (ended_reason = 'lost' AND ended_at > clock_timestamp() - CAST(:back AS interval)))
RETURNING id
"""
_END = """
UPDATE sessions SET ended_at = clock_timestamp(), ended_reason = :reason, ended_by = :by
WHERE id = :id AND ended_at IS NULL
"""
_LOST = """
UPDATE sessions SET ended_at = clock_timestamp(), ended_reason = 'lost'
WHERE id IN (SELECT id FROM sessions
             WHERE ended_at IS NULL AND last_seen_at < clock_timestamp() - CAST(:lost AS interval)
             ORDER BY last_seen_at LIMIT :most FOR UPDATE SKIP LOCKED)
RETURNING id, user_id, last_seen_at
"""
_LIVE = """
SELECT s.id, s.user_id, u.name AS person, u.email, s.kind, coalesce(s.ip_address, '') AS ip_address,
    coalesce(s.user_agent, '') AS user_agent, s.started_at, s.last_seen_at,
    s.last_seen_at < clock_timestamp() - CAST(:lost AS interval) AS lost
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.ended_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that has not ended. `lost` says that its desk was not heard of for ten minutes."""

    id: UUID
    user_id: UUID
    person: str
    email: str
    kind: str
    ip_address: str
    user_agent: str
    started_at: datetime
    last_seen_at: datetime
    lost: bool


async def begin(session: AsyncSession, actor: Actor, *, kind: str = "desk") -> UUID:
    """Open a session (`desk`, `ssh` or `wall`) for the person who acts, and return its id. The sign-in is what the
    trail keeps. Raises NotAllowed for an actor who is no person."""
    from sqlalchemy import text

    from datapulse_tui.audit.clean import clean_text
    from datapulse_tui.audit.service import IP_ADDRESS_LENGTH, USER_AGENT_LENGTH
    from datapulse_tui.data import feed

    if actor.user_id is None:
        raise NotAllowed("Only a person has a session. Nothing was changed.")
    values = {
        "person": actor.user_id,
        "kind": kind,
        "ip": clean_text(actor.ip_address or "")[:IP_ADDRESS_LENGTH] or None,
        "agent": clean_text(actor.user_agent or "")[:USER_AGENT_LENGTH] or None,
    }
    begun: UUID = (await session.execute(text(_BEGIN), values)).scalar_one()
    await feed.emit(session, TOPIC, begun)
    return begun


async def touch(session: AsyncSession, actor: Actor) -> None:
    """Note that the actor's desk is there; more often than about once a minute changes nothing. Tells nobody. A session
    that was lost goes on."""
    from sqlalchemy import text

    if actor.session_id is not None:
        values = {"id": actor.session_id, "person": actor.user_id, "every": TOUCH_EVERY, "back": COMES_BACK}
        await session.execute(text(_TOUCH), values)


async def come_back(session: AsyncSession, actor: Actor) -> bool:
    """Go on with the actor's session where it ended because its desk was not heard of; False where it did not."""
    from sqlalchemy import text

    if actor.session_id is None:
        return False
    values = {"id": actor.session_id, "person": actor.user_id, "back": COMES_BACK}
    return (await session.execute(text(_COME_BACK), values)).first() is not None


async def actor_here(session: AsyncSession, actor: Actor) -> Actor:
    """`actor_now` for a desk that may have been lost meanwhile: then its session goes on. Raises SessionOver."""
    from datapulse_tui.people.actors import SessionOver, actor_now

    try:
        return await actor_now(session, actor)
    except SessionOver:
        if not await come_back(session, actor):
            raise
        return await actor_now(session, actor)


async def end(session: AsyncSession, actor: Actor, session_id: UUID) -> None:
    """End a session: one's own, or anybody's with `session:manage`. Its desk goes to the sign-in within a second.

    Raises NotFound, Conflict when it has ended already, NotAllowed for somebody who may do what the actor may not.
    """
    from sqlalchemy import text

    from datapulse_tui.people.holding import by_people, locked

    by_people(actor, "end sessions")
    whose = await session.scalar(text(_WHOSE), {"id": session_id})
    if whose is None or not (whose == actor.user_id or actor.can(MANAGE)):
        raise NotFound("There is no such session. Nothing was changed.", hint="It may have ended; look again.")
    if whose != actor.user_id:
        await locked(session, actor, whose)
    reason = "signed_out" if actor.session_id == session_id else "ended"
    done: Any = await session.execute(text(_END), {"id": session_id, "reason": reason, "by": actor.user_id})
    if not done.rowcount:
        raise Conflict("This session has ended already. Nothing was changed.")
    await _note(session, actor, {session_id: whose}, reason)


async def end_all(
    session: AsyncSession, actor: Actor, user_id: UUID, reason: str = "ended", but: UUID | None = None
) -> int:
    """End every session of a person except `but`: one's own, or anybody's with `session:manage`; returns how many.

    `reason` is one of `data.models.access.SESSION_ENDS`. Raises NotAllowed (also for somebody who may do what the actor
    may not) and NotFound.
    """
    from datapulse_tui.people.holding import by_people, locked

    by_people(actor, "end sessions")
    if actor.user_id != user_id:
        actor.require(MANAGE, "end other people's sessions")
    await locked(session, actor, user_id)
    return await close(session, actor, user_id, reason, but=but)


async def close(session: AsyncSession, actor: Actor, user_id: UUID, reason: str, *, but: UUID | None = None) -> int:
    """End every session of a person except `but`, for `reason`; returns how many.

    Asks for no right: for services that have decided it.
    """
    from sqlalchemy import text

    values = {"person": user_id, "reason": reason, "by": actor.user_id, "but": but, "back": COMES_BACK}
    ended = (await session.scalars(text(_CLOSE), values)).all()
    await _note(session, actor, dict.fromkeys(ended, user_id), reason)
    return len(ended)


async def close_lost(session: AsyncSession) -> int:
    """End sessions whose desk was not heard of for `LOST_AFTER`, a thousand at most; returns how many."""
    from sqlalchemy import text

    from datapulse_tui.audit.actor import Actor

    rows = (await session.execute(text(_LOST), {"lost": LOST_AFTER, "most": CLOSED_AT_ONCE})).all()
    system = Actor(None, "system:housekeeping", everything=True)
    await _note(session, system, {row.id: row.user_id for row in rows}, "lost")
    return len(rows)


async def live_sessions(
    reader: Reader, actor: Actor, *, user_id: UUID | None = None, after: str | None = None, limit: int = 200
) -> Page[SessionRow]:
    """A page of sessions that have not ended, the latest first: those of `user_id`, or everybody's.

    Others' sessions need `session:manage`. Raises NotAllowed, Invalid for a cursor that is none.
    """
    from datapulse_tui.data.glance import fetch
    from datapulse_tui.data.page import decode_cursor, make_page

    if user_id is None or user_id != actor.user_id:
        actor.require(MANAGE, "see other people's sessions")
    values: dict[str, object] = {"lost": LOST_AFTER, "limit": min(limit, LARGEST_PAGE) + 1}
    conditions = ""
    if user_id is not None:
        conditions += " AND s.user_id = :person"
        values["person"] = user_id
    if after is not None:
        values["started"], values["id"] = decode_cursor(after, 2)
        conditions += " AND (s.started_at < :started OR (s.started_at = :started AND s.id > :id))"
    statement = f"{_LIVE} {conditions} ORDER BY s.started_at DESC, s.id LIMIT :limit"
    rows = await fetch(reader, statement, values)
    return make_page(rows, min(limit, LARGEST_PAGE), lambda row: SessionRow(*row), lambda row: [row.started_at, row.id])


async def _note(session: AsyncSession, actor: Actor, ended: dict[UUID, UUID], reason: str) -> None:
    """Leave a record of each session that ended (id -> whose), and tell the desks."""
    from datapulse_tui.audit.service import Entry, record_many
    from datapulse_tui.data import feed

    if not ended:
        return
    ids: Sequence[UUID] = list(ended)
    entries = [Entry("session.ended", KIND, each, note={"person": ended[each], "reason": reason}) for each in ids]
    await record_many(session, actor, entries)
    await feed.emit(session, TOPIC, *ids)
