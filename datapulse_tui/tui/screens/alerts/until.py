"""Until when something is silenced, from what a person typed. Pure."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.durations import parse_duration

EXPECTED = "a length such as 90m or 2h, a time such as 18:30 or tomorrow 09:00, or 2026-03-04 08:00"
_CLOCK = re.compile(r"(?:(tomorrow)\s+)?(\d{1,2}):(\d{2})")
MORNING = time(9)


def parse_until(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The moment that `text` means; a time of day that has passed is tomorrow's. ValueError says what was expected."""
    words = " ".join(text.lower().split())
    if words == "tomorrow":
        return tomorrow(now, zone)
    found = _CLOCK.fullmatch(words)
    if found is not None:
        return _at_clock(found, now, zone)
    try:
        return now + timedelta(seconds=parse_duration(words))
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(EXPECTED) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def tomorrow(now: datetime, zone: ZoneInfo) -> datetime:
    """Tomorrow at nine, in the person's zone."""
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), MORNING, tzinfo=zone)


def _at_clock(found: re.Match[str], now: datetime, zone: ZoneInfo) -> datetime:
    try:
        at = time(int(found[2]), int(found[3]))
    except ValueError:
        raise ValueError(EXPECTED) from None
    local = now.astimezone(zone)
    moment = datetime.combine(local.date(), at, tzinfo=zone)
    return moment + timedelta(days=1) if found[1] or moment <= local else moment
