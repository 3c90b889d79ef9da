"""Decisions about API keys: how one looks, what it may do, how long it lives. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from datapulse_tui.errors import Invalid
from datapulse_tui.people.rules import PERMISSIONS

MARK = "dp_"  # what every key begins with, so that a scanner of leaked secrets finds it
RANDOM_BYTES = 32
PREFIX_LENGTH = 12  # characters by which people know a key: 54 of its 256 random bits
NAME_LENGTH = 100

USUAL_DAYS = 90
MOST_DAYS = 365
SOON = timedelta(days=14)  # a key that ends within it is told
USUAL_OVERLAP = timedelta(hours=24)
MOST_OVERLAP = timedelta(days=30)
USE_NOTED_EVERY = timedelta(minutes=1)
REFUSAL_NOTED_EVERY = timedelta(minutes=10)
MOST_KEYS = 50  # of one person that can be used

_KEY = re.compile(r"dp_[A-Za-z0-9_-]{43}", re.ASCII)

PEOPLE_ONLY: frozenset[str] = frozenset(
    word
    for word in PERMISSIONS
    if word.startswith(("apikey:", "sshkey:", "session:"))
    or (word.startswith("user:") and word not in ("user:find", "user:view"))
    or word in ("role:manage", "role:assign", "workflow:decide", "workflow:delegate", "workflow:manage")
)
"""What no key can be given. Letting somebody in, and deciding who may do what, is done by people: else who finds a key
makes accounts, keys or grants of it that outlive it."""


class KeyState(StrEnum):
    """How a key stands."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"
    OWNER_AWAY = "owner not active"


def looks_like_a_key(text: str) -> bool:
    """Whether `text` has the form of a key; says nothing about whether there is one."""
    return _KEY.fullmatch(text) is not None


def prefix_of(key: str) -> str:
    """The part of a key that is stored and shown."""
    return key[:PREFIX_LENGTH]


def state(*, is_active: bool, expires_at: datetime | None, owner_active: bool, now: datetime) -> KeyState:
    """How a key stands at `now`. It can be used until the moment before it expires."""
    if not is_active:
        return KeyState.REVOKED
    if expires_at is None or expires_at <= now:
        return KeyState.EXPIRED
    return KeyState.LIVE if owner_active else KeyState.OWNER_AWAY


def usable(scopes: Iterable[str], permissions: Collection[str]) -> frozenset[str]:
    """What a key with these `scopes` may do while its owner may do `permissions`."""
    return frozenset(word for word in scopes if word in permissions) - PEOPLE_ONLY


def choosable(permissions: Collection[str]) -> tuple[str, ...]:
    """The scopes that somebody with these `permissions` can give to a key, in the order of the table."""
    return tuple(word for word in PERMISSIONS if word in permissions and word not in PEOPLE_ONLY)


def check_scopes(scopes: Iterable[str], permissions: Collection[str]) -> tuple[str, ...]:
    """The scopes of a new key, each once, in the order of the table. Raises Invalid, naming one that cannot be."""
    wanted = set(scopes)
    hint = "`datapulse api-key scopes` lists what you can choose from."
    if not wanted:
        raise Invalid("A key without a scope could do nothing. Nothing was changed.", hint=hint)
    for word in sorted(wanted):
        if word not in PERMISSIONS:
            raise Invalid(f"{word!r} is not a permission. Nothing was changed.", hint=hint)
        if word in PEOPLE_ONLY:
            raise Invalid(
                f"No key can have the scope {word}: who may do what is decided by people. Nothing was changed.",
                hint=hint,
            )
        if word not in permissions:
            raise Invalid(
                f"You may not give a key the scope {word}, because you do not have it yourself. Nothing was changed.",
                hint=hint,
            )
    return tuple(word for word in PERMISSIONS if word in wanted)


def check_days(days: int) -> timedelta:
    """How long a key lives. Raises Invalid."""
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"A key lives for 1 to {MOST_DAYS} days. Nothing was changed.")
    return timedelta(days=days)


def check_overlap(overlap: timedelta) -> timedelta:
    """How long a key goes on beside the one that replaces it; zero ends it at once. Raises Invalid."""
    if not timedelta(0) <= overlap <= MOST_OVERLAP:
        raise Invalid(f"The two keys overlap for 0 hours to {MOST_OVERLAP.days} days. Nothing was changed.")
    return overlap


def clean_name(text: str, what: str = "key") -> str:
    """A name of a key, trimmed. Raises Invalid when it is empty, too long or holds what cannot be seen."""
    name = unicodedata.normalize("NFC", text.strip())
    if not name or len(name) > NAME_LENGTH or any(unicodedata.category(each) in _UNSEEN for each in name):
        raise Invalid(f"The name of a {what} has 1 to {NAME_LENGTH} characters on one line. Nothing was changed.")
    return name


_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
