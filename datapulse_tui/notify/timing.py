"""When things are sent: the end of the hour somewhere, and how long to wait after a failure. Pure."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FIRST_WAIT = 15.0
LONGEST_WAIT = 3600.0
LONGEST_RETRY_AFTER = 24 * 3600.0
# The waits between them add up to 14,625 s: about four hours from the first attempt to the last.
MOST_ATTEMPTS = 12

HOUR = timedelta(hours=1)


@functools.lru_cache(maxsize=1000)
def zone_of(name: str) -> ZoneInfo:
    """The zone of that IANA name; UTC for one that is not known."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def end_of_hour(now: datetime, zone: str) -> datetime:
    """The next moment after `now` at which a clock in `zone` stands at a full hour, in the zone of `now`.

    The hour that a clock shows twice ends twice, and one that it jumps over never begins.
    """
    there = zone_of(zone)

    def past(moment: datetime) -> timedelta:
        local = moment.astimezone(there)
        return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)

    found = now + HOUR - past(now)
    # Where the clock was moved by a part of an hour meanwhile, this is not yet (or no longer) a full hour.
    if past(found):
        found -= past(found)
        found = found if found > now else found + HOUR
    return found


def back_off(attempts: int, retry_after: float | None = None) -> float | None:
    """Seconds until the next attempt after `attempts` that failed; None when they were the last.

    Never less than what the receiver asked for (`retry_after`), which is bounded by a day.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    wait = min(FIRST_WAIT * 2.0 ** (max(attempts, 1) - 1), LONGEST_WAIT)
    return max(wait, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
