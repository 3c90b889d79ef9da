"""Throwing away what nobody asks about any more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datapulse_tui.data.database import Database

KEPT = timedelta(days=90)
BATCH = 5000  # rows of one transaction

_DELIVERIES = """
WITH old AS (
    SELECT id FROM deliveries WHERE created_at < now() - :kept AND status NOT IN ('pending', 'sending')
    ORDER BY created_at LIMIT :batch)
DELETE FROM deliveries USING old WHERE deliveries.id = old.id
"""
_ATTEMPTS = """
WITH old AS (SELECT id FROM delivery_attempts WHERE at < now() - :kept ORDER BY id LIMIT :batch)
DELETE FROM delivery_attempts USING old WHERE delivery_attempts.id = old.id
"""
_LIMITS = """
WITH old AS (SELECT key FROM delivery_limits WHERE next_at < now() - :kept LIMIT :batch)
DELETE FROM delivery_limits USING old WHERE delivery_limits.key = old.key
"""


async def prune(data: Database, kept: timedelta = KEPT) -> int:
    """Remove deliveries and attempts that are older than `kept`, in batches; returns how many rows went."""
    removed = 0
    for statement in (_DELIVERIES, _ATTEMPTS, _LIMITS):
        gone = BATCH
        while gone >= BATCH:
            gone = await _batch(data, statement, kept)
            removed += gone
    return removed


async def _batch(data: Database, statement: str, kept: timedelta) -> int:
    from sqlalchemy import text

    async with data.transaction() as session:
        done: Any = await session.execute(text(statement), {"kept": kept, "batch": BATCH})
        return int(done.rowcount)
