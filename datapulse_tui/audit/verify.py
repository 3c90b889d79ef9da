"""Checking the trail: recompute every seal from its records and name the first that does not match.

Tamper-evident, not tamper-proof: whoever owns the database can rewrite the whole chain. A seal's number and hash that
were noted outside of it (`noted`) show that too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.audit import chain
from datapulse_tui.audit.chain import Seal

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database

SEALS_PER_FETCH = 100

# The seals in order, each with what its records are now. Memory is bounded by a seal, whose size the sealer bounds.
RECOMPUTE = f"""
SELECT s.id, s.epoch, s.from_xid, s.from_seq, s.to_xid, s.to_seq, s.records, s.created_at, s.hash, now.members,
       now.members = s.members AS same
FROM audit_seals s CROSS JOIN LATERAL (
    SELECT coalesce(string_agg(m.member, ''::bytea ORDER BY m.xid, m.seq), ''::bytea) AS members
    FROM (SELECT l.xid, l.seq, {chain.MEMBER} AS member FROM audit_logs l
          WHERE l.epoch = s.epoch AND (l.xid, l.seq) >= (s.from_xid, s.from_seq)
            AND (l.xid, l.seq) < (s.to_xid, s.to_seq)
          ORDER BY l.xid, l.seq) m
) now ORDER BY s.id
"""  # noqa: S608  (a constant of ours)


class Kind(StrEnum):
    """What happened to the first thing that does not match."""

    RECORD_ALTERED = "record altered"
    RECORD_REMOVED = "record removed"
    RECORD_PUT_IN = "record put in"
    SEAL_ALTERED = "seal altered"
    SEAL_REMOVED = "seal removed"
    CHAIN_REPLACED = "chain replaced"


@dataclass(frozen=True, slots=True)
class Problem:
    """The first mismatch: of which seal, and which record (`seq`; `record_id` where the record is still there)."""

    kind: Kind
    message: str
    seal_id: int
    seq: int | None = None
    record_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found. With a `problem`, the counts say how far it came.

    `unsealed` records are not covered by a seal yet: nothing can be said of them. `last_seal` and `last_hash` (hex) are
    what to note somewhere else.
    """

    records: int
    seals: int
    unsealed: int
    last_seal: int
    last_hash: str
    sealed_at: datetime | None
    problem: Problem | None = None

    @property
    def intact(self) -> bool:
        """Whether everything that is sealed matches."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class Noted:
    """A seal as it was written down outside of the database: its number and the first 16 or more hex digits."""

    seal_id: int
    hash: str


Progress = Callable[[int, int], None]
"""Called with (records checked, sealed records in all) every now and then."""


async def verify(
    data: Database, actor: Actor, *, noted: Noted | None = None, progress: Progress | None = None
) -> Verdict:
    """Recompute the chain from its first seal, on one snapshot. Memory does not grow with the trail.

    Raises NotAllowed without `audit:verify`.
    """
    from sqlalchemy import text

    actor.require("audit:verify", "verify the audit trail")
    async with data.reading() as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        return await _Verifier(session, noted, progress).run()


class _Verifier:
    """One walk along the chain."""

    def __init__(self, session: AsyncSession, noted: Noted | None, progress: Progress | None) -> None:
        self._session = session
        self._noted = noted
        self._progress = progress
        self._ends: dict[datetime, tuple[int, int]] = {}
        self._previous = chain.FIRST_HASH
        self._seal_id = 0
        self._records = 0
        self._sealed_at: datetime | None = None

    async def run(self) -> Verdict:
        from sqlalchemy import text

        total = int(await self._session.scalar(text("SELECT coalesce(sum(records), 0) FROM audit_seals")) or 0)
        problem: Problem | None = None
        stream = await self._session.stream(text(RECOMPUTE), execution_options={"yield_per": SEALS_PER_FETCH})
        async for row in stream:
            problem = await self._check(row)
            if problem is not None:
                break
            if self._progress is not None:
                self._progress(self._records, total)
        await stream.close()
        problem = problem or await self._check_end()
        everything = int(await self._session.scalar(text("SELECT count(*) FROM audit_logs")) or 0)
        return Verdict(
            records=self._records,
            seals=self._seal_id,
            unsealed=max(0, everything - (total if problem else self._records)),
            last_seal=self._seal_id,
            last_hash=self._previous.hex(),
            sealed_at=self._sealed_at,
            problem=problem,
        )

    async def _check(self, row: Row[tuple[object, ...]]) -> Problem | None:
        """Compare one seal with the chain so far and with its records."""
        seal = Seal(row.id, row.epoch, row.from_xid, row.from_seq, row.to_xid, row.to_seq, row.records, row.created_at)
        stored = bytes(row.hash)
        members = bytes(row.members)
        expected = self._seal_id + 1
        if seal.id != expected:
            return _seal_problem(Kind.SEAL_REMOVED, expected, "was removed")
        if seal.start != self._ends.get(seal.epoch, (0, 0)):
            return _seal_problem(Kind.SEAL_ALTERED, seal.id, "was altered: it does not begin where the one before ends")
        if seal.hash(self._previous, members) != stored:
            return await self._why(seal, stored, members)
        if not row.same:
            return _seal_problem(Kind.SEAL_ALTERED, seal.id, "was altered: it lists other records than its hash")
        if self._noted is not None and self._noted.seal_id == seal.id and not _matches(self._noted, stored):
            return _replaced(seal.id)
        self._ends[seal.epoch] = seal.end
        self._previous = stored
        self._seal_id = seal.id
        self._records += seal.records
        self._sealed_at = seal.created_at
        return None

    async def _check_end(self) -> Problem | None:
        """Whether the chain ends where its head says, and where somebody noted it."""
        from sqlalchemy import text

        head = (await self._session.execute(text("SELECT seal_id, hash FROM audit_head"))).one_or_none()
        if head is None:
            return _seal_problem(Kind.SEAL_ALTERED, self._seal_id, "is the last one, but the chain's head was removed")
        if head.seal_id > self._seal_id:
            return _seal_problem(Kind.SEAL_REMOVED, self._seal_id + 1, "was removed, it was one of the last")
        if head.seal_id != self._seal_id or bytes(head.hash) != self._previous:
            return _seal_problem(Kind.SEAL_ALTERED, self._seal_id, "is not the one that the chain's head names")
        if self._noted is not None and self._noted.seal_id > self._seal_id:
            return _replaced(self._noted.seal_id)
        return None

    async def _why(self, seal: Seal, stored: bytes, now: bytes) -> Problem:
        """Which record differs from what the seal lists, or that the seal itself was altered."""
        from sqlalchemy import text

        listed = await self._session.scalar(text("SELECT members FROM audit_seals WHERE id = :id"), {"id": seal.id})
        members = bytes(listed or b"")
        if seal.hash(self._previous, members) != stored:
            return _seal_problem(Kind.SEAL_ALTERED, seal.id, "was altered")
        before, after = chain.split_members(members), dict(chain.split_members(now))
        for seq, digest in before:
            if after.get(seq) != digest:
                return await self._record_problem(seal.id, seq)
        known = dict(before)
        strange = next((seq for seq in after if seq not in known), None)
        if strange is None:
            return _seal_problem(Kind.SEAL_ALTERED, seal.id, "was altered: it lists a record twice")
        record_id = await self._record_id(strange)
        message = f"Record {strange} ({record_id}) was put in after seal {seal.id} was made."
        return Problem(Kind.RECORD_PUT_IN, message, seal.id, strange, record_id)

    async def _record_problem(self, seal_id: int, seq: int) -> Problem:
        record_id = await self._record_id(seq)
        if record_id is None:
            message = f"Record {seq} was removed after seal {seal_id} was made."
            return Problem(Kind.RECORD_REMOVED, message, seal_id, seq)
        message = f"Record {seq} ({record_id}) was altered after seal {seal_id} was made."
        return Problem(Kind.RECORD_ALTERED, message, seal_id, seq, record_id)

    async def _record_id(self, seq: int) -> UUID | None:
        from sqlalchemy import text

        found: UUID | None = await self._session.scalar(
            text("SELECT id FROM audit_logs WHERE seq = :seq LIMIT 1"), {"seq": seq}
        )
        return found


def _seal_problem(kind: Kind, seal_id: int, what: str) -> Problem:
    return Problem(kind, f"Seal {seal_id} {what}.", seal_id)


def _replaced(seal_id: int) -> Problem:
    message = f"Seal {seal_id} is not the one that was noted: the chain was replaced or set back."
    return Problem(Kind.CHAIN_REPLACED, message, seal_id)


def _matches(noted: Noted, digest: bytes) -> bool:
    return digest.hex().startswith(noted.hash.strip().lower())
