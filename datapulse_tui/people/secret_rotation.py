"""Rotation of the installation's secret key: a new one in front, everything that is stored brought under it, and the
earlier ones dropped once nothing needs them.

Whoever runs meanwhile reads the key file again by itself. Killed at any moment, calling it again goes on where it was.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datapulse_tui.data import key_file, resealing
from datapulse_tui.errors import Conflict, Invalid, NotAllowed
from datapulse_tui.people.api_keys import PURPOSE

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.resealing import Standing, Told
    from datapulse_tui.data.secrets import SecretBox

KIND = "secret_key"
VARIABLE = "DATAPULSE_SECRET_KEY"
SETTLED = 30.0  # seconds; who sealed with the key that was the first before has long stored it by then
LOCK_TRIES = 20
LOCK_PAUSE = 0.5

_API_KEYS = """
SELECT count(*) AS living, count(*) FILTER (WHERE NOT key_hash LIKE :current) AS earlier
FROM api_keys WHERE is_active AND expires_at > clock_timestamp()
"""
_END_EARLIER = """
UPDATE api_keys SET is_active = false, revoked_at = clock_timestamp(), revoked_by = CAST(:by AS uuid)
WHERE is_active AND expires_at > clock_timestamp() AND NOT key_hash LIKE :current RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Status:
    """How many keys there are and from where (`path` None: the environment), how what is stored stands, and how many
    API keys can be used, of which `api_keys_earlier` were not used since the last rotation."""

    path: Path | None
    keys: int
    stores: tuple[Standing, ...]
    api_keys: int
    api_keys_earlier: int

    @property
    def earlier(self) -> int:
        """Rows with a secret that needs an earlier key."""
        return sum(each.earlier for each in self.stores)

    @property
    def unreadable(self) -> int:
        """Rows with a secret that no key opens."""
        return sum(each.unreadable for each in self.stores)


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: whether it made a new key, and how many rows it brought under the first one."""

    new_key: bool
    changed: int


async def status(session: AsyncSession, actor: Actor, box: SecretBox) -> Status:
    """How the keys and everything under them stand. Raises NotAllowed for who is no operator."""
    _operator(actor, "look at the secret keys")
    return await _status(session, box)


async def rotate(data: Database, actor: Actor, box: SecretBox, told: Told = lambda _: None) -> Rotated:
    """Put a new key in front of the one in the key file, and bring everything that is stored under it.

    With several keys there already, in the file or in DATAPULSE_SECRET_KEY, no new one is made: a rotation that was
    broken off is finished. Raises NotAllowed for who is no operator, Conflict while another process rotates, Invalid
    for a single key from the environment, which only its owner can change.
    """
    from datapulse_tui.audit.service import record

    _operator(actor, "rotate the secret key")
    if box.path is None:
        return Rotated(False, await _bring(data, actor, box, told, new_key=False))
    with _alone(box.path):
        keys = await _keys(box)
        if not keys:
            raise Invalid("There is no secret key yet; the first secret that is stored makes one. Nothing was changed.")
        new_key = len(keys) == 1
        if new_key:
            # On record before it is there: a key that nobody knows of must not be found in the file.
            async with data.transaction() as session:
                await record(session, actor, "secrets.key_added", KIND, None)
            await asyncio.to_thread(key_file.replace, box.path, (key_file.new_key(), *keys))
        return Rotated(new_key, await _bring(data, actor, box, told, new_key=new_key))


async def drop_old(
    data: Database, actor: Actor, box: SecretBox, *, end_api_keys: bool = False, settled: float | None = None
) -> int:
    """Take every key but the first out of the key file; how many there were.

    Nobody stores a secret while it is looked once more whether anything needs them. API keys that were not used since
    the rotation need them as well: with `end_api_keys` they are revoked. Raises NotAllowed for who is no operator,
    Conflict while something needs them or another process rotates, Invalid for keys from the environment.
    """
    from datapulse_tui.audit.service import record

    _operator(actor, "drop secret keys")
    path = box.path
    if path is None:
        raise Invalid(
            f"The keys come from {VARIABLE}, which only you can change. Nothing was changed.",
            hint="`datapulse secrets status` says whether all but the first can go.",
        )
    with _alone(path):
        if len(await _keys(box)) < 2:
            return 0
        async with data.reading() as session:
            _refuse_needed(await _status(session, box), end_api_keys=end_api_keys)
        await _settle(path, SETTLED if settled is None else settled)
        async with _held_still(data) as session:
            found = await _status(session, box)
            _refuse_needed(found, end_api_keys=end_api_keys)
            if found.api_keys_earlier:
                await _end_api_keys(session, actor, box)
            kept, *dropped = await _keys(box)
            await record(session, actor, "secrets.keys_dropped", KIND, None, note={"dropped": len(dropped)})
            # Before the commit, under the locks: nobody seals with a key that is gone a moment later.
            await asyncio.to_thread(key_file.replace, path, (kept,))
        return len(dropped)


# -- inside ------------------------------------------------------------------------------------------------------------


def _operator(actor: Actor, what: str) -> None:
    """Keys of the installation are for who holds its files."""
    if not actor.everything:
        raise NotAllowed(
            f"Only an operator may {what}. Nothing was changed.",
            hint="Run it on the machine that has the key, without --as and without an API key.",
        )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Raise Conflict while another process rotates the keys of the same file."""
    from datapulse_tui.data.embedded import locks

    lock = locks.take(path.with_name(f"{path.name}.lock"), shared=False)
    if lock is None:
        raise Conflict(
            "Another process rotates the secret keys now. Nothing was changed.",
            hint="Wait until it has ended; `datapulse secrets status` shows how far it is.",
        )
    try:
        yield
    finally:
        os.close(lock)


async def _bring(data: Database, actor: Actor, box: SecretBox, told: Told, *, new_key: bool) -> int:
    from datapulse_tui.audit.service import record

    if len(await asyncio.to_thread(box.keys)) == 1:
        raise Invalid(
            f"There is one key in {VARIABLE}, so there is nothing to bring under another. Nothing was changed.",
            hint=f"Put a new key in front of it ({VARIABLE}=NEW,OLD), and run this again.",
        )
    changed = await resealing.reseal(data, box, told)
    if changed or new_key:
        async with data.transaction() as session:
            await record(session, actor, "secrets.rotated", KIND, None, note={"rows": changed})
    return changed


async def _settle(path: Path, seconds: float) -> None:
    """Wait until the first key has been there for so long."""
    changed = key_file.stamp_of(path)
    age = time.time() - changed.changed / 1e9 if changed else 0.0
    await asyncio.sleep(min(seconds, max(0.0, seconds - age)))


@asynccontextmanager
async def _held_still(data: Database) -> AsyncIterator[AsyncSession]:
    """A transaction in which nobody else stores a secret or an API key. It gives way sooner than PostgreSQL looks for
    deadlocks, and tries again: whoever works on must not be the one that fails."""
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    for left in reversed(range(LOCK_TRIES)):
        async with data.transaction() as session:
            try:
                await session.execute(text("SET LOCAL lock_timeout = '800ms'"))
                await resealing.hold_still(session)
                await session.execute(text("LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE"))
            except DBAPIError as error:
                await session.rollback()
                if getattr(error.orig, "sqlstate", None) not in ("55P03", "40P01"):
                    raise
                if not left:
                    raise Conflict(
                        "Sources, channels or deliveries are being changed all the time, so no key was dropped.",
                        hint="Try again when less is going on. Everything works on with all keys.",
                    ) from None
            else:
                yield session
                return
        await asyncio.sleep(LOCK_PAUSE)


def _refuse_needed(found: Status, *, end_api_keys: bool) -> None:
    """Raise Conflict while something needs a key that is not the first."""
    if found.earlier:
        raise Conflict(
            f"{found.earlier:,} stored secrets still need an earlier key, so none was dropped.",
            hint="Run `datapulse secrets rotate` first; it brings them under the first key.",
        )
    if found.api_keys_earlier and not end_api_keys:
        raise Conflict(
            f"{found.api_keys_earlier:,} API keys were not used since the rotation, and would stop with the earlier "
            "key. None was dropped.",
            hint="Each use brings a key under the new one. --end-unused-api-keys revokes those that are left.",
        )


async def _keys(box: SecretBox) -> tuple[str, ...]:
    """The keys; none where the key file was never made."""
    if box.path is not None and await asyncio.to_thread(key_file.stamp_of, box.path) is None:
        return ()
    return await asyncio.to_thread(box.keys)


async def _status(session: AsyncSession, box: SecretBox) -> Status:
    from sqlalchemy import text

    stores = await resealing.standing(session, box)
    keys = await _keys(box)
    row = (await session.execute(text(_API_KEYS), {"current": await _current(box) if keys else ""})).one()
    return Status(box.path, len(keys), tuple(stores), row.living, row.earlier)


async def _current(box: SecretBox) -> str:
    """The pattern of the API keys that are under the first key."""
    return f"{(await asyncio.to_thread(box.derived, PURPOSE))[0].id}:%"


async def _end_api_keys(session: AsyncSession, actor: Actor, box: SecretBox) -> None:
    from sqlalchemy import text

    from datapulse_tui.audit.service import Entry, record_many
    from datapulse_tui.data import feed
    from datapulse_tui.people.api_keys import KIND as API_KEY
    from datapulse_tui.people.api_keys import TOPIC

    values = {"by": actor.user_id, "current": await _current(box)}
    ended = (await session.scalars(text(_END_EARLIER), values)).all()
    note = {"reason": "the secret key that it was stored under was dropped"}
    await record_many(session, actor, [Entry("apikey.revoked", API_KEY, each, note=note) for each in ended])
    await feed.emit(session, TOPIC, *ended)
