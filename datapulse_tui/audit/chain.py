"""The chain of seals: what is hashed, in which form. Sealer and verifier share it. Pure."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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

FIRST_HASH = bytes(32)
_HEADER = struct.Struct(">8q")
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
