"""The language in which people are looked for: `role:analyst dept:ops -status:inactive unseen:90d ana`.

How a line is made of words is said in `data/filter_words.py`; here is which fields there are, and what they mean. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from types import MappingProxyType

from datapulse_tui.data.filter_words import TEXT, InvalidFilter, Language, Term, quoted
from datapulse_tui.people.rules import Role, Status

__all__ = [
    "CHOICES", "FIELDS", "INVITED", "LOCKED", "NEVER", "NONE", "TEXT", "TIMES", "InvalidFilter", "PersonFilter", "Term",
    "moment", "parse", "quoted", "words_of",
]  # fmt: skip

NONE = "none"  # no department, no custom role
NEVER = "never"  # has not signed in yet
LOCKED = "locked"  # has to wait after failed sign-ins
INVITED = "invited"  # has a code that is good
TIMES = ("24h", "7d", "30d", "90d", "52w", NEVER)  # to choose from

_LENGTH = "7d, 12h, 8w or never"

# field -> what people can write after it
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "role": "business_user, analyst, ops_manager or admin",
        "status": "active, inactive, pending, locked or invited",
        "dept": "the first letters of the department, or none",
        "custom": "the first letters of a custom role, or none",
        "seen": f"within how long they signed in: {_LENGTH}",
        "unseen": f"for how long they have not signed in: {_LENGTH}",
    }
)
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"role": tuple(each.value for each in Role), "status": (*(each.value for each in Status), LOCKED, INVITED)}
)

_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # no field takes a time of the calendar
_AGO = re.compile(r"([0-9]{1,4})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class PersonFilter:
    """What a line asks for; `str` writes it in the one way that means the same."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(str(term) for term in self.terms)


def parse(text: str) -> PersonFilter:
    """The filter that `text` is. Raises InvalidFilter with the position."""
    return PersonFilter(_LANGUAGE.terms(text, _ANY_TIME, UTC))


def moment(value: str, now: datetime) -> datetime | None:
    """How far back `seen:` and `unseen:` look; None for `never`."""
    found = _AGO.fullmatch(value.lower())
    return None if found is None else now - int(found[1]) * _UNITS[found[2]]


def words_of(**fields: str | None) -> str:
    """The words that narrow a filter to these values; what is None does not."""
    return " ".join(str(Term(name, (value,))) for name, value in fields.items() if value is not None)


def _is_length(value: str) -> bool:
    return value.lower() == NEVER or _AGO.fullmatch(value.lower()) is not None


def _no_times(field: str, text: str, now: datetime, zone: tzinfo) -> datetime:  # noqa: ARG001
    """There is no field that takes a time."""
    raise ValueError(field)


_LANGUAGE = Language(
    FIELDS,
    CHOICES,
    _no_times,
    "role:analyst",
    {"seen": _is_length, "unseen": _is_length},
)
