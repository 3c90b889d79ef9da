"""Durations as people write them in rules: `90s`, `5m`, `1h30m`, `2d`. Seconds everywhere else. Pure."""

from __future__ import annotations

import re

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_WRITTEN = re.compile(r"(?:([0-9]{1,5})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,8})s)?")
EXPECTED = "a duration such as 90s, 5m, 1h30m or 2d"


def parse_duration(text: str) -> int:
    """Seconds of `90s`, `5m`, `1h30m`, `2d`, or of a bare `0`. ValueError says what was expected."""
    word = text.strip().lower().replace(" ", "")
    if word == "0":
        return 0
    found = _WRITTEN.fullmatch(word) if word.isascii() else None
    if found is None or not any(found.groups()):
        raise ValueError(EXPECTED)
    return sum(int(number) * seconds for number, (_, seconds) in zip(found.groups(), _UNITS, strict=True) if number)


def format_duration(seconds: int) -> str:
    """`seconds` as `parse_duration` reads it, in the largest units: 90 is `1m30s`, 0 is `0s`."""
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
