"""API keys: making, rotating and revoking them (`people.key_sign_in` is where they are used).

A key is shown once and kept as HMAC-SHA-256 under a key that is derived from the installation's secret key (HKDF), so
that nobody who can only write into the database makes one. The id of that secret key stands before the digest: after
`datapulse secrets rotate` both are looked for, and the next use of a key brings it under the new one.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets as random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from datapulse_tui.audit.service import Entry, record, record_many
from datapulse_tui.config import Secret
from datapulse_tui.data import feed
from datapulse_tui.data.verbs import Refusal, raise_if_single
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.people import key_rules
from datapulse_tui.people.holding import by_people, my_turn

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.secrets import Derived, SecretBox

TOPIC = "keys"
KIND = "api_key"
CREATE = "apikey:create"
MANAGE = "apikey:manage"
PURPOSE = "datapulse api keys"
MOST_AT_ONCE = 1_000

MISSING = Refusal(NotFound, "there is no such API key", "`datapulse api-key list` shows those that you see.")

_LIVING = """
SELECT count(*) FROM api_keys WHERE user_id = :person AND is_active AND expires_at > clock_timestamp()
"""
_INSERT = """
INSERT INTO api_keys (id, user_id, name, key_hash, permissions, prefix, expires_at, replaces_id)
VALUES (:id, :person, :name, :hash, to_jsonb(CAST(:scopes AS text[])), :prefix,
        clock_timestamp() + CAST(:life AS interval), :replaces)
RETURNING expires_at
"""
_MINE = """
SELECT k.id, k.name, k.prefix, k.permissions, k.created_at, k.expires_at, k.is_active, clock_timestamp() AS now,
       (SELECT n.prefix FROM api_keys n WHERE n.replaces_id = k.id LIMIT 1) AS replaced_by
FROM api_keys k WHERE k.id = :id AND k.user_id = :person FOR NO KEY UPDATE OF k
"""
_SHORTEN = "UPDATE api_keys SET expires_at = :until WHERE id = :id"
_THESE = """
SELECT k.id, k.user_id, k.name, k.prefix, k.is_active, k.revoked_at
FROM api_keys k WHERE k.id = ANY(CAST(:ids AS uuid[])) ORDER BY k.id FOR NO KEY UPDATE OF k
"""
_REVOKE = """
UPDATE api_keys SET is_active = false, revoked_at = clock_timestamp(), revoked_by = :by
WHERE id = ANY(CAST(:ids AS uuid[]))
"""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made. `key` is shown once and kept nowhere; `dropped` are scopes of the key that it replaces which
    its owner has lost meanwhile."""

    id: UUID
    name: str
    prefix: str
    key: Secret
    scopes: tuple[str, ...]
    expires_at: datetime
    dropped: tuple[str, ...] = ()
    old_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one key of many: `done`, or why not. `title` names it."""

    id: UUID
    title: str
    done: bool
    message: str = ""


# -- making and ending them --------------------------------------------------------------------------------------------


async def create(
    session: AsyncSession,
    actor: Actor,
    secrets: SecretBox,
    *,
    name: str,
    scopes: Iterable[str],
    days: int = key_rules.USUAL_DAYS,
) -> NewKey:
    """Make a key for the person who acts: `scopes` are permissions that they have now, `days` how long it lives.

    Raises NotAllowed without `apikey:create`, for an operator, and for who signed in with a key; Invalid for a scope
    that they or no key can have; Conflict when they have `MOST_KEYS`.
    """
    actor = await _maker(session, actor)
    cleaned = key_rules.clean_name(name)
    chosen = key_rules.check_scopes(scopes, actor.permissions)
    return await _make(session, actor, secrets, cleaned, chosen, key_rules.check_days(days))


async def rotate(
    session: AsyncSession,
    actor: Actor,
    secrets: SecretBox,
    key_id: UUID,
    *,
    overlap: timedelta = key_rules.USUAL_OVERLAP,
    days: int | None = None,
) -> NewKey:
    """Make the key that replaces one of one's own, with its name and what is left of its scopes.

    The old one ends after `overlap` (at once if that is zero), or when it would have ended anyway. `days` None is as
    long as the old one lived. Raises what `create` raises, NotFound, and Conflict for a key that ended or was replaced.
    """
    from sqlalchemy import text

    key_rules.check_overlap(overlap)
    life = key_rules.check_days(days) if days is not None else None
    actor = await _maker(session, actor)
    old = (await session.execute(text(_MINE), {"id": key_id, "person": actor.user_id})).one_or_none()
    if old is None:
        raise NotFound("You have no such API key. Nothing was changed.", hint=MISSING.hint)
    if not old.is_active or old.expires_at <= old.now:
        raise Conflict(
            f"The API key {old.prefix}… has ended, so there is nothing to replace. Nothing was changed.",
            hint="Make a new one: datapulse api-key create",
        )
    if old.replaced_by is not None:
        raise Conflict(
            f"The API key {old.prefix}… was replaced by {old.replaced_by}… already. Nothing was changed.",
            hint="Rotate that one, or make a new one.",
        )
    scopes = tuple(word for word in key_rules.choosable(actor.permissions) if word in old.permissions)
    if not scopes:
        raise Conflict("You have none of this key's scopes any more, so it was not replaced. Nothing was changed.")
    life = life or min(old.expires_at - old.created_at, timedelta(days=key_rules.MOST_DAYS))
    made = await _make(session, actor, secrets, old.name, scopes, life, replaces=old.id)
    until = min(old.expires_at, old.now + overlap)
    if overlap:
        await session.execute(text(_SHORTEN), {"id": old.id, "until": until})
    else:
        await session.execute(text(_REVOKE), {"ids": [old.id], "by": actor.user_id})
    note = {"replaced_by": made.prefix, "ends": until}
    await record(session, actor, "apikey.rotated", KIND, old.id, note=note)
    await feed.emit(session, TOPIC, old.id)
    dropped = tuple(word for word in old.permissions if word not in scopes)
    return replace(made, dropped=dropped, old_ends_at=until)


async def revoke(session: AsyncSession, actor: Actor, key_ids: Sequence[UUID]) -> list[Outcome]:
    """End keys at once: one's own, or anybody's with `apikey:manage`; what became of each, in their order.

    Raises NotAllowed for who signed in with a key. A single one that is refused raises as well: NotFound, Conflict.
    """
    from sqlalchemy import text

    by_people(actor, "revoke API keys")
    if len(key_ids) > MOST_AT_ONCE:
        raise Invalid(f"At most {MOST_AT_ONCE:,} keys are revoked at once. Nothing was changed.")
    rows = {row.id: row for row in await session.execute(text(_THESE), {"ids": list(key_ids)})}
    refused: dict[UUID, Refusal] = {}
    for key_id in key_ids:
        row = rows.get(key_id)
        if row is None or not (row.user_id == actor.user_id or actor.can(MANAGE)):
            rows.pop(key_id, None)
            refused[key_id] = MISSING
        elif not row.is_active:
            refused[key_id] = Refusal(Conflict, "it was revoked already")
    titles = {key_id: _title(rows[key_id]) if key_id in rows else "" for key_id in key_ids}
    raise_if_single(titles, refused)
    ended = [key_id for key_id in titles if key_id not in refused]
    if ended:
        await session.execute(text(_REVOKE), {"ids": ended, "by": actor.user_id})
        entries = [
            Entry("apikey.revoked", KIND, each, note={"name": rows[each].name, "owner": rows[each].user_id})
            for each in ended
        ]
        await record_many(session, actor, entries)
        await feed.emit(session, TOPIC, *ended)
    return [
        Outcome(
            key_id, titles[key_id], key_id not in refused, refused[key_id].message if key_id in refused else "revoked"
        )
        for key_id in titles
    ]


async def _maker(session: AsyncSession, actor: Actor) -> Actor:
    """Who may make a key for themselves, with the rights that they have now. Others wait until the transaction ends."""
    by_people(actor, "make keys")
    if actor.user_id is None:
        raise NotAllowed(
            "An API key belongs to a person, and you act as an operator. Nothing was changed.",
            hint="Act for somebody: datapulse --as EMAIL api-key create ...",
        )
    actor.require(CREATE, "make API keys")
    actor = await my_turn(session, actor)
    actor.require(CREATE, "make API keys")
    return actor


async def _make(
    session: AsyncSession,
    actor: Actor,
    secrets: SecretBox,
    name: str,
    scopes: tuple[str, ...],
    life: timedelta,
    *,
    replaces: UUID | None = None,
) -> NewKey:
    from sqlalchemy import text

    living = await session.scalar(text(_LIVING), {"person": actor.user_id})
    if living is not None and living >= key_rules.MOST_KEYS:
        raise Conflict(
            f"You have {living} API keys that can be used, and more are not made. Nothing was changed.",
            hint="Revoke those that nobody needs.",
        )
    derived = await asyncio.to_thread(lambda: secrets.derived(PURPOSE, make=True))
    key = key_rules.MARK + random.token_urlsafe(key_rules.RANDOM_BYTES)
    key_id, prefix = uuid4(), key_rules.prefix_of(key)
    values = {
        "id": key_id,
        "person": actor.user_id,
        "name": name,
        "hash": digest(derived[0], key),
        "scopes": list(scopes),
        "prefix": prefix,
        "life": life,
        "replaces": replaces,
    }
    expires_at: datetime = (await session.execute(text(_INSERT), values)).scalar_one()
    after = {"name": name, "prefix": prefix, "scopes": scopes, "expires_at": expires_at, "replaces": replaces}
    await record(session, actor, "apikey.created", KIND, key_id, after=after)
    await feed.emit(session, TOPIC, key_id)
    return NewKey(key_id, name, prefix, Secret(key), scopes, expires_at)


def digest(derived: Derived, key: str) -> str:
    """What is stored of a key: the id of the secret key, and an HMAC-SHA-256 in hexadecimal digits."""
    return f"{derived.id}:{hmac.new(derived.key, key.encode('ascii'), hashlib.sha256).hexdigest()}"


def _title(row: Any) -> str:
    return f"{row.name} ({row.prefix}…)"
