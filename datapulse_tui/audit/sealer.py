"""The sealer: puts a hash over everything that was recorded since the last seal, about every second.

Writers never wait for it nor for each other. It takes the records of finished transactions only: those whose number is
below the oldest that still runs. Whoever runs it (a worker, or the desk while no worker does) may run it at the same
time as others: the one who holds the head's row seals, the rest go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from datapulse_tui.audit import chain
from datapulse_tui.audit.chain import Seal
from datapulse_tui.errors import DataPulseError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.data.database import Database

log = logging.getLogger(__name__)

RECORDS_PER_SEAL = 2_000
SEALS_AT_ONCE = 50
INTERVAL = 1.0  # seconds
LONGEST_PAUSE = 60.0  # seconds, while the database is away
NO_END = 2**63 - 1

# Everything that decides whether there is work, in one read that locks nothing and writes nothing: an idle desk must
# not make the server write to its disk every second. (xid, seq) is where the last seal of this epoch ended. A server
# that restarted left none of its transactions running, except prepared ones: while there are any, the epochs before
# this one are not over.
LOOK = """
WITH now_running AS (
    SELECT pg_postmaster_start_time() AS epoch, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest
)
SELECT n.epoch, n.oldest,
       h.epoch IS DISTINCT FROM n.epoch
           AND NOT EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database()) AS new_epoch,
       coalesce(s.to_xid, 0) AS xid, coalesce(s.to_seq, 0) AS seq,
       EXISTS (SELECT FROM audit_logs l WHERE l.epoch = n.epoch AND l.xid < n.oldest
               AND (l.xid, l.seq) >= (coalesce(s.to_xid, 0), coalesce(s.to_seq, 0))) AS pending
FROM now_running n CROSS JOIN audit_head h
LEFT JOIN LATERAL (SELECT to_xid, to_seq FROM audit_seals WHERE epoch = n.epoch
                   ORDER BY from_xid DESC, from_seq DESC LIMIT 1) s ON true
"""

LOCK = "SELECT seal_id, hash, now() AS at FROM audit_head FOR UPDATE SKIP LOCKED"

# Other epochs with records after their last seal, oldest first. Distinct epochs are found by jumping from one to the
# next in the index.
CLOSED = """
WITH RECURSIVE epochs AS (
    (SELECT epoch FROM audit_logs ORDER BY epoch LIMIT 1)
    UNION ALL
    SELECT (SELECT l.epoch FROM audit_logs l WHERE l.epoch > e.epoch ORDER BY l.epoch LIMIT 1)
    FROM epochs e WHERE e.epoch IS NOT NULL
)
SELECT e.epoch, coalesce(s.to_xid, 0) AS xid, coalesce(s.to_seq, 0) AS seq
FROM epochs e
LEFT JOIN LATERAL (SELECT to_xid, to_seq FROM audit_seals WHERE epoch = e.epoch
                   ORDER BY from_xid DESC, from_seq DESC LIMIT 1) s ON true
WHERE e.epoch <> :current
  AND EXISTS (SELECT FROM audit_logs l WHERE l.epoch = e.epoch
              AND (l.xid, l.seq) >= (coalesce(s.to_xid, 0), coalesce(s.to_seq, 0)))
ORDER BY e.epoch
"""

COLLECT = f"""
SELECT count(*) AS records, max(m.xid) AS last_xid, string_agg(m.member, ''::bytea ORDER BY m.xid, m.seq) AS members
FROM (SELECT l.xid, l.seq, {chain.MEMBER} AS member FROM audit_logs l
      WHERE l.epoch = :epoch AND (l.xid, l.seq) >= (:xid, :seq) AND l.xid < :oldest
      ORDER BY l.xid, l.seq LIMIT :limit) m
"""  # noqa: S608  (a constant of ours)

APPEND = """
INSERT INTO audit_seals (id, epoch, from_xid, from_seq, to_xid, to_seq, records, members, hash, created_at)
VALUES (:id, :epoch, :from_xid, :from_seq, :to_xid, :to_seq, :records, :members, :hash, :created_at)
"""

MOVE_HEAD = (
    "UPDATE audit_head SET seal_id = :seal_id, hash = :hash, epoch = coalesce(CAST(:epoch AS timestamptz), epoch)"
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one call did. `more` says that it stopped at its limit and there is more to seal."""

    seals: int = 0
    records: int = 0
    more: bool = False


NOTHING = Sealed()


@dataclass(slots=True)
class _Head:
    """The end of the chain while a call adds to it."""

    seal_id: int
    hash: bytes
    at: datetime
    seals: int = 0
    records: int = 0


async def seal_once(
    session: AsyncSession, *, records_per_seal: int = RECORDS_PER_SEAL, seals_at_once: int = SEALS_AT_ONCE
) -> Sealed:
    """Seal what finished transactions recorded, at most `seals_at_once` seals of `records_per_seal` records.

    The seals stand when the transaction of `session` commits. Does nothing when another sealer is at work.
    """
    from sqlalchemy import text

    look = (await session.execute(text(LOOK))).one()
    if not (look.new_epoch or look.pending):
        return NOTHING
    row = (await session.execute(text(LOCK))).one_or_none()
    if row is None:
        return NOTHING
    head = _Head(row.seal_id, bytes(row.hash), row.at)
    # Looked at again under the lock: what was read before may have been sealed by another in between.
    now = (await session.execute(text(LOOK))).one()
    parts: list[tuple[datetime, tuple[int, int], int]] = []
    if now.new_epoch:
        closed = await session.execute(text(CLOSED), {"current": now.epoch})
        parts = [(part.epoch, (part.xid, part.seq), NO_END) for part in closed]
    parts.append((now.epoch, (now.xid, now.seq), now.oldest))
    for epoch, start, oldest in parts:
        while head.seals < seals_at_once:
            end = await _seal(session, head, epoch, start, oldest, records_per_seal)
            if end is None:
                break
            start = end
        else:
            await _move(session, head, None)
            return Sealed(head.seals, head.records, more=True)
    await _move(session, head, now.epoch if now.new_epoch else None)
    return Sealed(head.seals, head.records)


async def _seal(
    session: AsyncSession, head: _Head, epoch: datetime, start: tuple[int, int], oldest: int, limit: int
) -> tuple[int, int] | None:
    """Add one seal over the records of `epoch` from `start` on; returns where it ends, None when there was nothing."""
    from sqlalchemy import text

    found = (
        await session.execute(
            text(COLLECT), {"epoch": epoch, "xid": start[0], "seq": start[1], "oldest": oldest, "limit": limit}
        )
    ).one()
    if not found.records:
        return None
    members = bytes(found.members)
    # A seal that took all there was ends where running transactions begin; one that is full, or over a server's run
    # that is over, right after its last record.
    reached = found.records < limit and oldest != NO_END
    end = (oldest, 0) if reached else (found.last_xid, chain.last_seq(members) + 1)
    seal = Seal(head.seal_id + 1, epoch, start[0], start[1], end[0], end[1], found.records, head.at)
    digest = seal.hash(head.hash, members)
    await session.execute(
        text(APPEND),
        {
            "id": seal.id,
            "epoch": epoch,
            "from_xid": start[0],
            "from_seq": start[1],
            "to_xid": end[0],
            "to_seq": end[1],
            "records": seal.records,
            "members": members,
            "hash": digest,
            "created_at": seal.created_at,
        },
    )
    head.seal_id, head.hash = seal.id, digest
    head.seals += 1
    head.records += seal.records
    return end


async def _move(session: AsyncSession, head: _Head, epoch: datetime | None) -> None:
    """Write the chain's new end; with `epoch`, that those before it are sealed to their ends."""
    from sqlalchemy import text

    await session.execute(text(MOVE_HEAD), {"seal_id": head.seal_id, "hash": head.hash, "epoch": epoch})


async def run_sealer(data: Database, stop: asyncio.Event, *, interval: float = INTERVAL) -> None:
    """Seal every `interval` seconds until `stop` is set, and once more then. Survives a database that is away."""
    from sqlalchemy.exc import SQLAlchemyError

    pause = interval
    while True:
        last = stop.is_set()
        more = False
        try:
            async with data.transaction() as session:
                more = (await seal_once(session)).more
            pause = interval
        except (DataPulseError, SQLAlchemyError) as error:
            pause = min(pause * 2, LONGEST_PAUSE)
            log.warning("The audit trail was not sealed, another try in %.0f s: %s", pause, error)
        if last:
            return
        if not more:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
