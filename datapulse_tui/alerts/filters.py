"""The language in which incidents are looked for: `severity:critical rule:checkout -state:snoozed since:2h disk full`.

How a line is made of words is said in `data/filter_words.py`; here is which fields there are, and what they mean. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from types import MappingProxyType

from datapulse_tui.alerts.rules import IncidentKind, IncidentStatus, Severity
from datapulse_tui.dashboards.timerange import TimeRange
from datapulse_tui.data.filter_words import LONGEST, MOST_WORDS, TEXT, InvalidFilter, Language, Term, quoted

__all__ = [
    "ANY", "CHOICES", "FIELDS", "LONGEST", "ME", "MOST_WORDS", "NOBODY", "OPEN", "TEXT", "IncidentFilter",
    "InvalidFilter", "Term", "moment", "parse", "quoted",
]  # fmt: skip

OPEN = "open"
ANY = "any"
ME = "me"
NOBODY = "none"

# field -> what people can write after it
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "severity": "critical, warning or info",
        "state": "triggered, acknowledged, snoozed, resolved, open or any",
        "rule": "a part of the rule's name",
        "dept": "the first letters of the department",
        "label": "a label as name=value",
        "assigned": "me, none, or the first letters of who has it",
        "since": "15m, 2h, 7d, today, or a time such as 2026-03-01 08:00",
        "until": "15m, 2h, 7d, yesterday, or a time such as 2026-03-01 08:00",
        "kind": "threshold, no_data or error",
        "number": "the number of an incident",
    }
)
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "severity": tuple(reversed(Severity)),
        "state": (*IncidentStatus, OPEN, ANY),
        "kind": tuple(IncidentKind),
    }
)


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """What a line asks for; `str` writes it in the one way that means the same."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(str(term) for term in self.terms)

    @property
    def open_by_default(self) -> bool:
        """Whether it asks for open incidents because it names neither a state nor a number."""
        return not any(term.field in ("state", "number") and not term.negated for term in self.terms)


def parse(text: str, now: datetime, zone: tzinfo = UTC) -> IncidentFilter:
    """The filter that `text` is. Times without a zone are of `zone`. Raises InvalidFilter with the position."""
    return IncidentFilter(_LANGUAGE.terms(text, now, zone))


def moment(field: str, text: str, now: datetime, zone: tzinfo) -> datetime:
    """What `since` or `until` (the `field`) means by `text`, in UTC: a day until its end, a length of time that long
    ago. Raises ValueError or OverflowError."""
    try:
        found = TimeRange.parse(text)
    except ValueError:
        return _point(field, text, zone)
    start, end = found.resolve(now, zone)
    return end if field == "until" and found.last in ("today", "yesterday") else start


def _point(field: str, text: str, zone: tzinfo) -> datetime:
    if len(text) == len("2026-03-01"):
        day = date.fromisoformat(text) + timedelta(days=field == "until")
        return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _is_label(value: str) -> bool:
    name, equals, _ = value.partition("=")
    return bool(name and equals)


_LANGUAGE = Language(FIELDS, CHOICES, moment, "severity:critical", {"label": _is_label})
