"""When a rule is due. Pure.

Slots of an interval lie at UTC epoch seconds s with s % interval == offset: no zone, no daylight saving, no drift. The
offset is a hash of the query, so rules that share a query are due together (also where one interval divides the
other) and different queries are spread over the interval. Times are aware; times that come out are in UTC.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """What is due now: the slot to evaluate, the one after it, and how many were passed over before it."""

    slot: datetime
    next_at: datetime
    skipped: int


def slot_offset(query_id: UUID, interval_seconds: int) -> int:
    """The offset of a query's slots, in seconds: the same on every machine and for ever."""
    digest = hashlib.blake2b(query_id.bytes, digest_size=8).digest()
    return int.from_bytes(digest) % interval_seconds


def next_slot(after: datetime, interval_seconds: int, offset: int) -> datetime:
    """The first slot later than `after`."""
    return latest_slot(after, interval_seconds, offset) + timedelta(seconds=interval_seconds)


def latest_slot(now: datetime, interval_seconds: int, offset: int) -> datetime:
    """The last slot that is not later than `now`."""
    seconds = (now - _EPOCH) // _SECOND
    return _EPOCH + timedelta(seconds=seconds - (seconds - offset) % interval_seconds)


def missed(due: datetime, now: datetime, interval_seconds: int, offset: int) -> int:
    """How many slots from `due` on are over without having been evaluated: all up to `now` but the latest."""
    latest = latest_slot(now, interval_seconds, offset)
    return max(0, -((due - latest) // timedelta(seconds=interval_seconds)))


def turn(due: datetime, now: datetime, interval_seconds: int, offset: int) -> Turn | None:
    """What to do at `now` for a rule that is due at `due`; None while it is not.

    After an outage the latest slot is evaluated and those before it are skipped. A `due` that is no slot (the interval
    was edited) is evaluated as it stands. `next_at` is always later than `now` and than `slot`.
    """
    if due > now:
        return None
    slot = max(due, latest_slot(now, interval_seconds, offset))
    return Turn(slot, next_slot(now, interval_seconds, offset), missed(due, now, interval_seconds, offset))


def too_far(due: datetime, now: datetime, interval_seconds: int) -> bool:
    """Whether `due` is more than two intervals away: the clock was put back, and waiting for it would leave a gap.

    Such a rule is due at `next_slot(now)`. A clock that was put back by less is waited for: no slot is done twice.
    """
    return due - now > timedelta(seconds=2 * interval_seconds)


def lookback_tolerance(interval_seconds: int) -> int:
    """How much older than one window ago a sample may be for `change_percent`, in seconds: two slots may lack."""
    return 2 * interval_seconds
