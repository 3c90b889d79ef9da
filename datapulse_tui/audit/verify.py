"""Checking the trail: recompute every seal from its records and name the first that does not match.

Tamper-evident, not tamper-proof: whoever owns the database can rewrite the whole chain. A seal's number and hash that
were noted outside of it (`noted`) show that too.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from datapulse_tui.audit import chain
from datapulse_tui.audit.chain import Listed, Listing, Seal
from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database

SEALS_AT_ONCE = 4_000
RECORDS_AT_ONCE = 20_000

# Many seals in one value (see chain.SEAL): a quiet trail has a seal for every few records, and as rows they cost as
# much as the records.
_SEALS = f"""
SELECT string_agg({chain.SEAL}, ''::bytea ORDER BY s.id) AS seals
FROM (SELECT * FROM audit_seals WHERE id > :last ORDER BY id LIMIT :limit) s
"""  # noqa: S608  (a constant of ours)

# What the records of one stretch are now, and whether the seals of that stretch list just those. Many small seals are
# asked for at once: each by itself cost as much as forty records.
_RECOMPUTE = f"""
SELECT now.members, now.members = coalesce(listed.members, ''::bytea) AS same
FROM (
    SELECT coalesce(string_agg(m.member, ''::bytea ORDER BY m.xid, m.seq), ''::bytea) AS members
    FROM (SELECT l.xid, l.seq, {chain.MEMBER} AS member FROM audit_logs l
          WHERE l.epoch = :epoch AND (l.xid, l.seq) >= (:from_xid, :from_seq) AND (l.xid, l.seq) < (:to_xid, :to_seq)
          ORDER BY l.xid, l.seq) m
) now, (SELECT string_agg(s.members, ''::bytea ORDER BY s.id) AS members FROM audit_seals s
        WHERE s.id BETWEEN :first AND :last) listed
"""  # noqa: S608  (a constant of ours)

_BASE = "SELECT seal_id, hash, before, ends, purged_at FROM audit_base ORDER BY seal_id DESC LIMIT 1"
_PURGED = "SELECT coalesce(sum(records), 0) AS records FROM audit_base"


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
    what to note somewhere else. `purged` records, all from before `purged_before`, were exported and removed: the chain
    begins behind them.
    """

    records: int
    seals: int
    unsealed: int
    last_seal: int
    last_hash: str
    sealed_at: datetime | None
    problem: Problem | None = None
    purged: int = 0
    purged_before: datetime | None = None

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
    """Recompute the chain from its first seal, or the first that was not purged, on one snapshot. Memory does not grow
    with the trail. Cancelling the task cancels it in the database too.

    Raises NotAllowed without `audit:verify`.
    """
    from sqlalchemy import text

    actor.require("audit:verify", "verify the audit trail")
    async with data.reading() as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        return await verify_in(session, noted=noted, progress=progress)


async def verify_in(session: AsyncSession, *, noted: Noted | None = None, progress: Progress | None = None) -> Verdict:
    """`verify` in a transaction of the caller's, who has seen to its isolation and to who may."""
    # Functions of the same name in another schema could tell what is not.
    await fetch(session, "SELECT set_config('search_path', 'pg_catalog, public', true)")
    return await _Verifier(session, noted, progress).run()


class _Stretch(NamedTuple):
    """Seals one behind the other, what their records are now, and whether the seals list just those."""

    seals: Sequence[Listed]
    members: bytes
    same: bool


def _following(waiting: Sequence[Listed], first: int, number: int, end: tuple[int, int]) -> Sequence[Listed]:
    """The seals from `first` on that follow one upon the other: the first has that number and begins at `end`."""
    epoch, records, at = waiting[first][1], 0, first
    for row in itertools.islice(waiting, first, None):
        if row[0] != number or row[1] != epoch or row[2:4] != end or records >= RECORDS_AT_ONCE:
            break
        number, records, at, end = number + 1, records + row[6], at + 1, row[4:6]
    return waiting[first:at]


class _Verifier:
    """One walk along the chain."""

    def __init__(self, session: AsyncSession, noted: Noted | None, progress: Progress | None) -> None:
        self._session = session
        self._noted = noted
        self._progress = progress
        self._ends: dict[int, tuple[int, int]] = {}
        self._previous = chain.FIRST_HASH
        self._seal_id = 0
        self._records = 0
        self._seals = 0
        self._sealed_at: datetime | None = None
        self._total = 0

    async def run(self) -> Verdict:
        self._total = int((await self._fetch("SELECT coalesce(sum(records), 0) AS n FROM audit_seals"))[0].n)
        base = await self._begin()
        problem = self._check_noted() or await self._walk() or await self._check_end()
        everything = int((await self._fetch("SELECT count(*) AS n FROM audit_logs"))[0].n)
        return Verdict(
            records=self._records,
            seals=self._seals,
            unsealed=max(0, everything - (self._total if problem else self._records)),
            last_seal=self._seal_id,
            last_hash=self._previous.hex(),
            sealed_at=self._sealed_at,
            problem=problem,
            purged=int((await self._fetch(_PURGED))[0].records),
            purged_before=base,
        )

    async def _fetch(self, sql: str, **params: object) -> Sequence[Any]:
        return await fetch(self._session, sql, params)

    async def _begin(self) -> datetime | None:
        """Go to where the chain begins; before which time something was purged."""
        rows = await self._fetch(_BASE)
        if not rows:
            return None
        base = rows[0]
        self._seal_id, self._previous = base.seal_id, bytes(base.hash)
        self._ends = {epoch: (xid, seq) for epoch, xid, seq in base.ends}
        found: datetime = base.before
        return found

    def _check_noted(self) -> Problem | None:
        """A seal that was noted and purged since can only be compared where it was the last that was."""
        noted = self._noted
        if noted is not None and noted.seal_id == self._seal_id and not _matches(noted, self._previous):
            return _replaced(noted.seal_id)
        return None

    async def _walk(self) -> Problem | None:
        """Check every seal, many at a time; what comes next is read meanwhile."""
        stretches = self._stretches()
        ahead: asyncio.Task[_Stretch | None] = asyncio.ensure_future(anext(stretches, None))
        try:
            while (stretch := await ahead) is not None:
                ahead = asyncio.ensure_future(anext(stretches, None))
                await asyncio.sleep(0)  # the question is on its way to the server
                if not self._all_match(stretch):
                    await ahead
                    for row in stretch.seals:
                        problem = await self._check(chain.listing(row), row[-1])
                        if problem is not None:
                            return problem
                if self._progress is not None:
                    self._progress(self._records, self._total)
            return None
        finally:
            ahead.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ahead

    async def _stretches(self) -> AsyncGenerator[_Stretch, None]:
        """Seals that follow one upon the other within an epoch, about RECORDS_AT_ONCE records, with what those are now;
        one that does not follow comes alone, as the last."""
        number, ends = self._seal_id, dict(self._ends)
        while found := (await self._fetch(_SEALS, last=number, limit=SEALS_AT_ONCE))[0].seals:
            waiting, at = chain.split_seals(bytes(found)), 0
            while at < len(waiting):
                epoch = chain.listing(waiting[at]).epoch
                some = _following(waiting, at, number + 1, ends.get(epoch, (0, 0)))
                if not some:
                    yield _Stretch(waiting[at : at + 1], b"", False)
                    return
                last = chain.listing(some[-1])
                members, same = await self._recompute(chain.listing(some[0]), last)
                yield _Stretch(some, members, same)
                number, at, ends[epoch] = last.id, at + len(some), last.end

    def _all_match(self, stretch: _Stretch) -> bool:
        """Whether a stretch of seals is right; then it is behind us."""
        some, members = stretch.seals, stretch.members
        records = sum(row[6] for row in some)
        if not stretch.same or len(members) != chain.MEMBER_SIZE * records:
            return False
        previous = chain.follow(self._previous, some, members)
        if previous is None:
            return False
        if self._noted is not None and not all(self._noted_so(chain.listing(row), row[-1]) for row in some):
            return False
        self._passed(chain.listing(some[-1]), previous, len(some), records)
        return True

    async def _recompute(self, first: Listing, last: Listing) -> tuple[bytes, bool]:
        """What the records from `first` to `last` are now, and whether the seals list just those."""
        row = (
            await self._fetch(
                _RECOMPUTE,
                epoch=chain.moment(first.epoch),
                from_xid=first.from_xid,
                from_seq=first.from_seq,
                to_xid=last.to_xid,
                to_seq=last.to_seq,
                first=first.id,
                last=last.id,
            )
        )[0]
        return bytes(row.members), bool(row.same)

    def _noted_so(self, seal: Listing, stored: bytes) -> bool:
        return self._noted is None or self._noted.seal_id != seal.id or _matches(self._noted, stored)

    def _passed(self, last: Listing, stored: bytes, seals: int, records: int) -> None:
        self._ends[last.epoch] = last.end
        self._previous = stored
        self._seal_id = last.id
        self._seals += seals
        self._records += records
        self._sealed_at = chain.moment(last.created_at)

    async def _check(self, listed: Listing, stored: bytes) -> Problem | None:
        """Compare one seal with the chain so far and with its records."""
        expected = self._seal_id + 1
        if listed.id != expected:
            return _seal_problem(Kind.SEAL_REMOVED, expected, "was removed")
        if listed.start != self._ends.get(listed.epoch, (0, 0)):
            what = "was altered: it does not begin where the one before ends"
            return _seal_problem(Kind.SEAL_ALTERED, listed.id, what)
        members, same = await self._recompute(listed, listed)
        if listed.seal.hash(self._previous, members) != stored:
            return await self._why(listed.seal, stored, members)
        if not same:
            what = "was altered: it lists other records than its hash"
            return _seal_problem(Kind.SEAL_ALTERED, listed.id, what)
        if not self._noted_so(listed, stored):
            return _replaced(listed.id)
        self._passed(listed, stored, 1, listed.records)
        return None

    async def _check_end(self) -> Problem | None:
        """Whether the chain ends where its head says, and where somebody noted it."""
        rows = await self._fetch("SELECT seal_id, hash FROM audit_head")
        if not rows:
            return _seal_problem(Kind.SEAL_ALTERED, self._seal_id, "is the last one, but the chain's head was removed")
        head = rows[0]
        if head.seal_id > self._seal_id:
            return _seal_problem(Kind.SEAL_REMOVED, self._seal_id + 1, "was removed, it was one of the last")
        if head.seal_id != self._seal_id or bytes(head.hash) != self._previous:
            return _seal_problem(Kind.SEAL_ALTERED, self._seal_id, "is not the one that the chain's head names")
        if self._noted is not None and self._noted.seal_id > self._seal_id:
            return _replaced(self._noted.seal_id)
        return None

    async def _why(self, seal: Seal, stored: bytes, now: bytes) -> Problem:
        """Which record differs from what the seal lists, or that the seal itself was altered."""
        listed = await self._fetch("SELECT members FROM audit_seals WHERE id = :id", id=seal.id)
        members = bytes(listed[0].members)
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
        rows = await self._fetch("SELECT id FROM audit_logs WHERE seq = :seq LIMIT 1", seq=seq)
        return rows[0].id if rows else None


def _seal_problem(kind: Kind, seal_id: int, what: str) -> Problem:
    return Problem(kind, f"Seal {seal_id} {what}.", seal_id)


def _replaced(seal_id: int) -> Problem:
    message = f"Seal {seal_id} is not the one that was noted: the chain was replaced or set back."
    return Problem(Kind.CHAIN_REPLACED, message, seal_id)


def _matches(noted: Noted, digest: bytes) -> bool:
    return digest.hex().startswith(noted.hash.strip().lower())
