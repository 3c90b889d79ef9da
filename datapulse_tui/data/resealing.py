"""Bringing every stored secret under the first of the installation's keys, while everybody goes on working.

Rows are locked a few at a time, each batch in a transaction of its own: whoever is killed leaves nothing half done, and
who comes after finds what is left. A row's other contents, its version and its times stay as they are.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from datapulse_tui.data.key_file import SecretUnreadable
from datapulse_tui.data.secrets import MARK, SecretBox, tokens

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.data.database import Database

BATCH = 100  # rows that are locked together, for some milliseconds


class Store(NamedTuple):
    """A column of JSON in which secrets are sealed, and what people call its rows."""

    table: str
    column: str
    label: str


STORES = (
    Store("data_sources", "connection_config", "sources"),
    Store("notification_channels", "config", "channels"),
    Store("deliveries", "payload", "deliveries"),
)
"""Every place where a SecretBox's tokens are kept. Who seals in another column adds it here."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many rows of a store have a secret, and how many of them one that is not under the first key, or that no key
    opens."""

    store: Store
    rows: int
    earlier: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Step:
    """How far resealing has come in one store: rows looked at, and those that were changed."""

    store: Store
    seen: int
    changed: int


Told = Callable[[Step], None]

_LEAST = UUID(int=0)
_BATCH = """
SELECT id, CAST({column} AS text) AS document FROM {table}
WHERE CAST({column} AS text) LIKE :mark AND id > :after ORDER BY id LIMIT :most
"""
_LOCKED = "FOR NO KEY UPDATE"
_KEEP = "UPDATE {table} SET {column} = CAST(:document AS jsonb) WHERE id = :id"


async def standing(session: AsyncSession, box: SecretBox) -> list[Standing]:
    """How every store stands now. Changes nothing, and locks nothing."""
    found = []
    for store in STORES:
        rows = earlier = unreadable = 0
        async for batch in _batches(session, store):
            kinds = await asyncio.to_thread(_kinds, box, batch)
            rows += len(kinds)
            earlier += kinds.count("earlier")
            unreadable += kinds.count("unreadable")
        found.append(Standing(store, rows, earlier, unreadable))
    return found


async def reseal(data: Database, box: SecretBox, told: Told = lambda _: None) -> int:
    """Bring every stored secret under the first key; how many rows were changed. Secrets that no key opens stay.

    Can be stopped and killed at any moment and called again. Raises what `Database.transaction` raises.
    """
    changed = 0
    for store in STORES:
        seen, of_store, after = 0, 0, _LEAST
        while True:
            async with data.transaction() as session:
                rows = await _rows(session, store, after, locked=True)
                for id_, document in await asyncio.to_thread(_renewed, box, rows):
                    await _keep(session, store, id_, document)
                    of_store += 1
            if not rows:
                break
            seen, after = seen + len(rows), rows[-1].id
            told(Step(store, seen, of_store))
        changed += of_store
    return changed


async def hold_still(session: AsyncSession) -> None:
    """Keep everybody from storing a secret until the transaction ends, and wait for those who are doing it."""
    from sqlalchemy import text

    for store in STORES:
        await session.execute(text(f"LOCK TABLE {store.table} IN SHARE MODE"))


async def _batches(session: AsyncSession, store: Store) -> Any:
    after = _LEAST
    while rows := await _rows(session, store, after, locked=False):
        yield rows
        after = rows[-1].id


async def _rows(session: AsyncSession, store: Store, after: UUID, *, locked: bool) -> Any:
    from sqlalchemy import text

    sql = _BATCH.format(table=store.table, column=store.column) + (_LOCKED if locked else "")
    return (await session.execute(text(sql), {"mark": f'%"{MARK}"%', "after": after, "most": BATCH})).all()


async def _keep(session: AsyncSession, store: Store, id_: UUID, document: str) -> None:
    from sqlalchemy import text

    sql = _KEEP.format(table=store.table, column=store.column)
    await session.execute(text(sql), {"id": id_, "document": document})


def _kinds(box: SecretBox, rows: Any) -> list[str]:
    """How the secrets of each row stand, by the one that stands worst."""
    found = [{_kind_of(box, token) for token in tokens(json.loads(row.document))} for row in rows]
    return [next((kind for kind in ("unreadable", "earlier") if kind in kinds), "current") for kinds in found]


def _kind_of(box: SecretBox, token: str) -> str:
    if box.is_current(token):
        return "current"
    try:
        box.decrypt(token)
    except SecretUnreadable:
        return "unreadable"
    return "earlier"


def _renewed(box: SecretBox, rows: Any) -> list[tuple[UUID, str]]:
    """The rows that change, with their document; its text is kept but for the tokens, so that no number is rounded."""
    changed = []
    for row in rows:
        document = row.document
        for token in tokens(json.loads(document)):
            if _kind_of(box, token) == "earlier":
                document = document.replace(json.dumps(token), json.dumps(box.renew(token)))
        if document != row.document:
            changed.append((row.id, document))
    return changed
