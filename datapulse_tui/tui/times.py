"""Times as people read them: relative at a glance, in full where there is room."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

STEPS = ((60, 60, "min"), (3600, 24, "h"), (86_400, 14, "d"), (604_800, 9, "wk"), (2_629_800, 24, "mo"))


def ago(moment: datetime, now: datetime) -> str:
    """`now`, `5 min`, `3 h`, `2 d`, `6 wk`, `5 mo`, `3 y`; a moment in the future is `now`."""
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return "now"
    for size, most, word in STEPS:
        if seconds < size * most:
            return f"{int(seconds // size)} {word}"
    return f"{int(seconds // 31_557_600)} y"


def full_time(moment: datetime, zone: ZoneInfo) -> str:
    """`2026-03-01 14:05 Europe/Vienna`."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"


def time_left(breach_at: datetime | None, now: datetime) -> str:
    """`now`, `<1m`, `4m`, `25m` (in steps of five from ten on: a desk at rest has little to send), `3h`, `2d`."""
    if breach_at is None:
        return ""
    seconds = (breach_at - now).total_seconds()
    if seconds < 60:
        return "<1m" if seconds > 0 else "now"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes}m" if minutes < 10 else f"{minutes // 5 * 5}m"
    return f"{minutes // 60}h" if minutes < 48 * 60 else f"{minutes // 1440}d"
