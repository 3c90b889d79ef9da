"""The language in which the trail is searched: `who:ana action:user. on:dashboard since:7d -from:10.0.* orders`.

How a line is made of words is said in `data/filter_words.py`; here is which fields there are, and what they mean. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from types import MappingProxyType
from uuid import UUID

from datapulse_tui.data.filter_words import InvalidFilter, Language, Term

__all__ = ["FIELDS", "ME", "TIMES", "InvalidFilter", "RecordFilter", "Term", "moment", "parse", "thing", "words_of"]

ME = "me"
STAR = "*"  # ends the beginning of an address

# field -> what people can write after it
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "who": "me, or the first letters of an e-mail address or of an operator's or job's label",
        "action": "an action such as user.activated, or the beginning of some such as user.",
        "on": "a kind of thing such as dashboard, one thing as dashboard/ID, or an id",
        "about": "me, or the first letters of an e-mail address: what was done by this person or to their account",
        "from": "an address or terminal, or the beginning of one with a star, such as 10.0.*",
        "since": "15m, 2h, 7d, today, or a time such as 2026-03-01 08:00",
        "until": "15m, 2h, 7d, yesterday, or a time such as 2026-03-01 08:00",
        "number": "the number of a record",
    }
)
TIMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"since": ("1h", "24h", "7d", "30d", "today", "yesterday"), "until": ("1h", "24h", "7d", "30d", "yesterday")}
)
_AGO = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_WORD = re.compile(r"[a-z][a-z0-9_]*", re.IGNORECASE)
_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]*)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """What a line asks for; `str` writes it in the one way that means the same."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(str(term) for term in self.terms)


def parse(text: str, now: datetime, zone: tzinfo = UTC) -> RecordFilter:
    """The filter that `text` is. Times without a zone are of `zone`. Raises InvalidFilter with the position."""
    return RecordFilter(_LANGUAGE.terms(text, now, zone))


def words_of(**fields: str) -> str:
    """The line that asks for these values; a field called `from_` is `from`."""
    return " ".join(str(Term(name.rstrip("_"), (value,))) for name, value in fields.items())


def moment(field: str, text: str, now: datetime, zone: tzinfo) -> datetime:
    """What `since` or `until` (the `field`) means by `text`, in UTC: a length of time that long ago, a day until its
    end. Raises ValueError or OverflowError."""
    words = " ".join(text.lower().split())
    today = now.astimezone(zone).date()
    if words in ("today", "yesterday"):
        return _midnight(today - timedelta(days=words == "yesterday") + timedelta(days=field == "until"), zone)
    ago = _AGO.fullmatch(words)
    if ago is not None:
        return now.astimezone(UTC) - int(ago[1]) * _UNITS[ago[2]]
    if len(text) == len("2026-03-01"):
        return _midnight(date.fromisoformat(text) + timedelta(days=field == "until"), zone)
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def thing(value: str) -> tuple[str | None, UUID | None]:
    """Kind and id that a value of `on` names: both, or one of them. Raises ValueError for what is neither."""
    kind, slash, key = value.partition("/")
    if slash:
        if not _WORD.fullmatch(kind):
            raise ValueError(value)
        return kind.lower(), UUID(key)
    try:
        return None, UUID(value)
    except ValueError:
        if _WORD.fullmatch(value):
            return value.lower(), None
        raise


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _is_thing(value: str) -> bool:
    try:
        thing(value)
    except ValueError:
        return False
    return True


def _is_action(value: str) -> bool:
    return _ACTION.fullmatch(value) is not None


def _is_address(value: str) -> bool:
    return bool(value.rstrip(STAR).strip()) and STAR not in value[:-1]


_LANGUAGE = Language(FIELDS, {}, moment, "action:user.", {"on": _is_thing, "action": _is_action, "from": _is_address})
