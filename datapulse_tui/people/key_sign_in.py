"""Signing in with an API key: for the command line, where no person is there to type a password."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.service import IP_ADDRESS_LENGTH, record
from datapulse_tui.errors import NotAllowed
from datapulse_tui.people import key_rules
from datapulse_tui.people.api_keys import KIND, PURPOSE, digest
from datapulse_tui.people.key_rules import KeyState

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.data.database import Database
    from datapulse_tui.data.secrets import SecretBox

UNPROVEN = "somebody with a wrong API key"

_FIND = """
SELECT k.id, k.user_id, k.name, k.prefix, k.key_hash, k.permissions, k.is_active, k.expires_at,
       k.last_used, u.status, clock_timestamp() AS now
FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.key_hash = ANY(CAST(:hashes AS text[]))
"""
# The hash is only replaced by one of the same key under the secret key of now.
_USED = """
UPDATE api_keys SET last_used = clock_timestamp(), last_used_from = :origin, key_hash = :hash
WHERE id = :id AND is_active AND key_hash = :before
  AND (key_hash <> :hash OR last_used IS NULL OR last_used <= clock_timestamp() - CAST(:every AS interval))
"""
_REFUSED = (
    "SELECT id FROM api_keys WHERE id = CAST(:id AS uuid) OR (CAST(:id AS uuid) IS NULL AND prefix = :prefix) LIMIT 1"
)
_ONE_NOTES = "SELECT pg_try_advisory_xact_lock(hashtextextended('datapulse api key refused ' || :key, 0))"
_NOTED = """
SELECT 1 FROM audit_logs WHERE resource_type = :kind AND resource_id = :id AND action = 'apikey.refused'
  AND created_at > clock_timestamp() - CAST(:every AS interval) LIMIT 1
"""


class KeyRefused(NotAllowed):
    """The API key lets nobody in. Why is only said to who has the whole of it."""


async def authenticate(
    data: Database, secrets: SecretBox, key: str, *, ip: str | None = None, user_agent: str | None = None
) -> Actor:
    """The owner of `key` as an actor with what both the owner and the key may do now; the trail names the key as well.

    Raises KeyRefused for a key that is wrong, revoked or expired, or whose owner is not active; SecretUnreadable and
    Invalid where the installation's secret key is not at hand; Unavailable.
    """
    from sqlalchemy import text

    from datapulse_tui.people.actors import actor_for

    if not key_rules.looks_like_a_key(key):
        raise _wrong()
    derived = await asyncio.to_thread(secrets.derived, PURPOSE)
    hashes = [digest(each, key) for each in derived]
    async with data.reading() as session:
        row = (await session.execute(text(_FIND), {"hashes": hashes})).first()
        if row is not None and any(hmac.compare_digest(row.key_hash, each) for each in hashes):
            problem = _problem(row)
            if problem is None:
                actor = await actor_for(
                    session, row.user_id, ip_address=ip, user_agent=user_agent, through=f"key {row.name} ({row.prefix})"
                )
        else:
            row, problem = None, _wrong()
    if problem is not None:
        await _note_refusal(data, row, key, ip, user_agent)
        raise problem
    await _note_use(data, row, hashes[0], ip)
    scopes = frozenset(row.permissions) - key_rules.PEOPLE_ONLY  # type: ignore[union-attr]  # there is one
    allowed = key_rules.usable(scopes, actor.permissions)
    return replace(actor, permissions=allowed, scopes=scopes, key_id=row.id)  # type: ignore[union-attr]


async def still_allowed(session: AsyncSession, actor: Actor) -> None:
    """Raise KeyRefused unless the key that `actor` signed in with is still good for all that it was good for then.

    What a command that lasts begins each of its changes with.
    """
    from datapulse_tui.people.actors import SessionOver, actor_now

    try:
        left = await actor_now(session, actor)
    except SessionOver:
        raise KeyRefused(
            "The API key was revoked or has expired meanwhile, or its owner's account is not active any more. "
            "What was not done by then was not done."
        ) from None
    if not actor.permissions <= left.permissions:
        raise KeyRefused(
            "Rights of the API key's owner were taken away meanwhile. What was not done by then was not done.",
            hint="Run the command again: it is then done with the rights that are left.",
        )


def _wrong() -> KeyRefused:
    return KeyRefused(
        "The API key is not valid, so nothing was done.",
        hint="Check DATAPULSE_API_KEY or DATAPULSE_API_KEY_FILE; a key is shown only when it is made.",
    )


def _problem(row: Any) -> KeyRefused | None:
    """Why a key that was given whole lets nobody in."""
    standing = key_rules.state(
        is_active=row.is_active, expires_at=row.expires_at, owner_active=row.status == "active", now=row.now
    )
    words = {
        KeyState.REVOKED: "was revoked",
        KeyState.EXPIRED: f"expired at {row.expires_at:%Y-%m-%d %H:%M} UTC",
        KeyState.OWNER_AWAY: "belongs to an account that is not active",
    }
    if standing not in words:
        return None
    return KeyRefused(
        f"The API key {row.prefix}… {words[standing]}, so nothing was done.",
        hint="Its owner makes another one at the desk (Account), or with `datapulse api-key create`.",
    )


async def _note_use(data: Database, row: Any, current: str, ip: str | None) -> None:
    """Keep when and where the key was used, about once a minute, and bring it under the secret key of now."""
    from sqlalchemy import text

    recent = row.last_used is not None and row.last_used > row.now - key_rules.USE_NOTED_EVERY
    if recent and row.key_hash == current:
        return
    async with data.transaction() as session:
        await session.execute(text("SET LOCAL synchronous_commit = off"))
        values = {
            "id": row.id,
            "before": row.key_hash,
            "hash": current,
            "origin": (ip or "")[:IP_ADDRESS_LENGTH] or None,
            "every": key_rules.USE_NOTED_EVERY,
        }
        await session.execute(text(_USED), values)


async def _note_refusal(data: Database, row: Any, key: str, ip: str | None, user_agent: str | None) -> None:
    """Record that a key that is known (whole, or by its first characters) was refused; once in ten minutes is enough.
    The same questions are asked for a key of which nothing is known."""
    from sqlalchemy import text

    async with data.transaction() as session:
        await session.execute(text("SET LOCAL synchronous_commit = off"))
        values = {"id": row.id if row is not None else None, "prefix": key_rules.prefix_of(key)}
        found: UUID | None = await session.scalar(text(_REFUSED), values)
        if found is None or not await session.scalar(text(_ONE_NOTES), {"key": str(found)}):
            return
        known = {"kind": KIND, "id": found, "every": key_rules.REFUSAL_NOTED_EVERY}
        if await session.scalar(text(_NOTED), known) is None:
            actor = Actor(None, UNPROVEN, ip_address=ip, user_agent=user_agent)
            reason = "no longer good" if row is not None else "only its first characters are right"
            await record(session, actor, "apikey.refused", KIND, found, note={"reason": reason})
