"""The chain of seals: what is hashed, in which form. Sealer and verifier share it. Pure."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

# The canonical form of the record `l`: one text that depends on nothing but the record. json_build_array writes times
# in ISO 8601 whatever DateStyle says, and they are taken to UTC first, so that the session's zone does not matter.
# It stands here and not in a function of the database, so that replacing that function could hide nothing.
RECORD = (
    "json_build_array(l.seq, l.xid, timezone('UTC', l.epoch), l.id, l.user_id, l.actor, l.action, l.resource_type, "
    "l.resource_id, l.ip_address, l.user_agent, l.details, timezone('UTC', l.created_at))::text"
)
# What a seal keeps of the record: its seq and the hash of its canonical form, MEMBER_SIZE bytes.
MEMBER = f"int8send(l.seq) || sha256(convert_to({RECORD}, 'UTF8'))"
MEMBER_SIZE = 40


# The seal `s` in binary: eight numbers as Seal.hash packs them, but with times as PostgreSQL counts them, and its hash.
# What no seal of ours can be (a hash of another length, a time of no calendar) comes as something that is wrong too.
def _time(column: str) -> str:
    known = f"s.{column} BETWEEN '0002-01-01 00:00Z' AND '9998-01-01 00:00Z'"
    return f"timestamptz_send(CASE WHEN {known} THEN s.{column} ELSE '2000-01-01 00:00Z' END)"


SEAL = (
    f"int8send(s.id) || {_time('epoch')} || int8send(s.from_xid) || int8send(s.from_seq) || int8send(s.to_xid) || "
    f"int8send(s.to_seq) || int8send(s.records) || {_time('created_at')} || "
    "CASE WHEN length(s.hash) = 32 THEN s.hash ELSE decode(repeat('00', 32), 'hex') END"
)

FIRST_HASH = bytes(32)
_HEADER = struct.Struct(">8q")
_SEAL = struct.Struct(">8q32s")
_FROM_2000 = 946_684_800_000_000  # microseconds between 1970 and where PostgreSQL counts from
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal without its members: which records it stands for, and when it was made."""

    id: int
    epoch: datetime
    from_xid: int
    from_seq: int
    to_xid: int
    to_seq: int
    records: int
    created_at: datetime

    @property
    def start(self) -> tuple[int, int]:
        """The (xid, seq) that it begins with."""
        return (self.from_xid, self.from_seq)

    @property
    def end(self) -> tuple[int, int]:
        """The (xid, seq) that it ends before."""
        return (self.to_xid, self.to_seq)

    def hash(self, previous: bytes, members: bytes) -> bytes:
        """SHA-256 over the hash of the seal before, everything that this one says, and its members."""
        header = _HEADER.pack(
            self.id,
            microseconds(self.epoch),
            self.from_xid,
            self.from_seq,
            self.to_xid,
            self.to_seq,
            self.records,
            microseconds(self.created_at),
        )
        digest = hashlib.sha256(previous)
        digest.update(header)
        digest.update(members)
        return digest.digest()


class Listing(NamedTuple):
    """A seal as its header says it; times are microseconds since 1970."""

    id: int
    epoch: int
    from_xid: int
    from_seq: int
    to_xid: int
    to_seq: int
    records: int
    created_at: int

    @property
    def start(self) -> tuple[int, int]:
        """The (xid, seq) that it begins with."""
        return (self.from_xid, self.from_seq)

    @property
    def end(self) -> tuple[int, int]:
        """The (xid, seq) that it ends before."""
        return (self.to_xid, self.to_seq)

    @property
    def seal(self) -> Seal:
        """The same with times."""
        return Seal(self.id, moment(self.epoch), *self.start, *self.end, self.records, moment(self.created_at))


Listed = tuple[int, int, int, int, int, int, int, int, bytes]
"""A seal as it comes: the fields of a Listing, with times as PostgreSQL counts them, and its hash."""


def split_seals(seals: bytes) -> list[Listed]:
    """Each of many seals that stand one behind the other. Raises struct.error where a hash is not 32 bytes long."""
    return list(_SEAL.iter_unpack(seals))


def listing(row: Listed) -> Listing:
    """The fields of a seal that came."""
    number, epoch, from_xid, from_seq, to_xid, to_seq, records, created_at, _ = row
    return Listing(number, epoch + _FROM_2000, from_xid, from_seq, to_xid, to_seq, records, created_at + _FROM_2000)


def follow(previous: bytes, rows: Sequence[Listed], members: bytes) -> bytes | None:
    """The hash of the last of `rows`, seals that stand for `members` and of which the first is built on `previous`;
    None where one of them is not what it says."""
    # `Seal.hash` for each, without the objects: there may be a seal for every few records.
    pack, sha256, at = _HEADER.pack, hashlib.sha256, 0
    for number, epoch, from_xid, from_seq, to_xid, to_seq, records, made, stored in rows:
        end = at + MEMBER_SIZE * records
        header = pack(number, epoch + _FROM_2000, from_xid, from_seq, to_xid, to_seq, records, made + _FROM_2000)
        if sha256(previous + header + members[at:end]).digest() != stored:
            return None
        previous, at = stored, end
    return previous


def moment(microseconds: int) -> datetime:
    """The time in UTC that is so many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(moment: datetime) -> int:
    """`moment` as a whole number since 1970 in UTC, without a float on the way."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def split_members(members: bytes) -> list[tuple[int, bytes]]:
    """(seq, hash) of each record in a seal's `members`; a last part that is too short is left out."""
    whole = len(members) - len(members) % MEMBER_SIZE
    return [
        (int.from_bytes(members[at : at + 8], "big", signed=True), members[at + 8 : at + MEMBER_SIZE])
        for at in range(0, whole, MEMBER_SIZE)
    ]


def last_seq(members: bytes) -> int:
    """The seq of the last record in `members`, which holds at least one."""
    return int.from_bytes(members[-MEMBER_SIZE : -MEMBER_SIZE + 8], "big", signed=True)
