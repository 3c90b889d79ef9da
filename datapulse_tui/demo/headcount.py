"""headcount.csv: who joined and left the sample company, one row an employment. Sample data; nobody is meant."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from datapulse_tui.demo.seasons import FOUNDED, growth, random_of

COLUMNS = ("employee", "department", "site", "contract", "joined_on", "left_on", "reason")

# Name, weight in hiring, years that people stay on average.
_DEPARTMENTS = (
    ("Engineering", 30, 11.0), ("Operations", 20, 9.0), ("Sales", 17, 6.0), ("Support", 16, 5.0), ("Finance", 8, 13.0),
    ("People", 5, 12.0), ("Data", 9, 10.0),
)  # fmt: skip
_SITES = (("Lisbon", 34), ("Berlin", 25), ("Singapore", 16), ("Toronto", 14), ("Remote", 11))
_REASONS = (("Resigned", 68), ("End of contract", 17), ("Retired", 6), ("Restructured", 9))
_HIRES_A_MONTH = 2.8
_FIRST_MONTH = 68  # people who were there from the beginning


def rows(now: datetime) -> Iterator[tuple[object, ...]]:
    """Every employment from the founding to the day of `now` (aware), in order of joining, as `COLUMNS`."""
    today = now.astimezone(UTC).date()
    month, number = FOUNDED, 0
    while month <= today:
        following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        for row in _joiners(month, (following - month).days):
            number += 1
            joined, left = row[0], row[1]
            if joined <= today:
                gone = left is not None and left <= today
                yield f"E{number:05}", *row[2:5], joined, left if gone else "", row[5] if gone else ""
        month = following


def _joiners(month: date, length: int) -> list[tuple[date, date | None, str, str, str, str]]:
    """Those who join in `month`, by day: joined, left, department, site, contract, reason."""
    dice = random_of("headcount", month.isoformat())
    # Most contracts begin in January, April and September; summer and December are quiet.
    season = (1.5, 0.9, 1.0, 1.3, 1.0, 0.8, 0.6, 0.6, 1.6, 1.1, 0.9, 0.4)[month.month - 1]
    expected = _FIRST_MONTH if month == FOUNDED else _HIRES_A_MONTH * season * growth(month, 0.16)
    found: list[tuple[date, date | None, str, str, str, str]] = []
    for _ in range(max(0, round(dice.gauss(expected, math.sqrt(expected) / 2)))):
        department, _, stay = dice.choices(_DEPARTMENTS, [weight for _, weight, _ in _DEPARTMENTS])[0]
        site = dice.choices(_SITES, [weight for _, weight in _SITES])[0][0]
        contract = dice.choices(("Permanent", "Fixed term"), (86, 14))[0]
        day = dice.choices((1, 1 + length // 2, dice.randint(1, length)), (62, 26, 12))[0]
        joined = month.replace(day=day)
        years = 0.2 + dice.expovariate(1 / (stay if contract == "Permanent" else 1.6))
        reason = dice.choices(_REASONS, [weight for _, weight in _REASONS])[0][0]
        found.append((joined, joined + timedelta(days=round(years * 365.25)), department, site, contract, reason))
    return sorted(found, key=lambda each: each[0])
