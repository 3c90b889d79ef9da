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
