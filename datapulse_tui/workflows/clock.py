"""When a request is late, and when people are reminded of it. Pure: `now` is an argument, results are in UTC.

What is critical or high has hours that run through the night; the rest has working time: Monday to Friday, 09:00 to
17:00 in the workspace's zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from types import MappingProxyType

from datapulse_tui.workflows.rules import REMIND_EVERY, Priority

OPENS = time(9)
CLOSES = time(17)
FRIDAY = 4
WORKING_DAY = timedelta(hours=8)
NOTHING = timedelta(0)

HOURS = MappingProxyType({Priority.CRITICAL: timedelta(hours=1), Priority.HIGH: timedelta(hours=4)})
WORKING_TIME = MappingProxyType({Priority.NORMAL: WORKING_DAY, Priority.LOW: 3 * WORKING_DAY})


def due(priority: Priority, start: datetime, zone: tzinfo) -> datetime:
    """When a request made at `start` is late."""
    if priority in HOURS:
        return start.astimezone(UTC) + HOURS[priority]
    return _after(start, WORKING_TIME[priority], zone)


def time_left(priority: Priority, due_at: datetime, now: datetime, zone: tzinfo) -> timedelta:
    """How much of its time is left (of working time, where that counts); nothing once it is late."""
    if priority in HOURS:
        return max(NOTHING, due_at - now)
    return sum((closes - opens for opens, closes in _between(now, due_at, zone)), NOTHING)


def resume(priority: Priority, due_at: datetime, paused_at: datetime, now: datetime, zone: tzinfo) -> datetime:
    """When a request is late whose clock stood since `paused_at`: it goes on with the time that was left then. What was
    late already stays so."""
    left = time_left(priority, due_at, paused_at, zone)
    if due_at <= paused_at:
        return due_at.astimezone(UTC)
    return now.astimezone(UTC) + left if priority in HOURS else _after(now, left, zone)


def remind_at(
    priority: Priority, created_at: datetime, due_at: datetime, reminded_at: datetime | None, zone: tzinfo
) -> datetime:
    """When people are reminded next: first when half of the time is over, then at most every four hours, and of what
    has working time only then."""
    half = created_at + max(NOTHING, due_at - created_at) / 2
    at = half if reminded_at is None else max(half, reminded_at + REMIND_EVERY)
    return at.astimezone(UTC) if priority in HOURS else working_moment(at, zone)


def next_timer(
    priority: Priority,
    created_at: datetime,
    due_at: datetime | None,
    reminded_at: datetime | None,
    *,
    escalated: bool,
    expires_at: datetime | None,
    zone: tzinfo,
) -> datetime | None:
    """When something is next to be done with a request that waits for those who decide it; None: never."""
    moments = [expires_at]
    if due_at is not None:
        moments.append(remind_at(priority, created_at, due_at, reminded_at, zone))
        moments += [] if escalated else [due_at]
    return min((each for each in moments if each is not None), default=None)


def working_moment(at: datetime, zone: tzinfo) -> datetime:
    """`at`, or the next moment after it that is working time."""
    for opens, closes in _days(at, zone):
        if at < closes:
            return max(at.astimezone(UTC), opens)
    raise AssertionError("there is always another working day")


def _after(start: datetime, amount: timedelta, zone: tzinfo) -> datetime:
    """The moment at which `amount` of working time is over."""
    for opens, closes in _days(start, zone):
        begin = max(start, opens)
        if begin < closes and closes - begin >= amount:
            return begin.astimezone(UTC) + amount
        amount -= max(NOTHING, closes - begin)
    raise AssertionError("there is always another working day")


def _between(start: datetime, end: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of working time from `start` to `end`."""
    for opens, closes in _days(start, zone):
        if opens >= end:
            return
        if max(start, opens) < min(end, closes):
            yield max(start, opens), min(end, closes)


def _days(start: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """When work begins and ends, in UTC, on each working day from that of `start` on."""
    day = start.astimezone(zone).date()
    while True:
        if day.weekday() <= FRIDAY:
            opens, closes = (datetime.combine(day, at, tzinfo=zone).astimezone(UTC) for at in (OPENS, CLOSES))
            yield opens, closes
        day += timedelta(days=1)
