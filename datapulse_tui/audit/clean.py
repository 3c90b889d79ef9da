"""What of a thing goes into the trail: JSON that PostgreSQL takes, without secrets. Pure."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

HIDDEN = "(secret)"

# Parts of a key's name, between its word borders, that mark its value as a secret.
_SECRET_WORDS = re.compile(
    r"(^|_)(password|passwords|passwd|pwd|passphrase|secret|secrets|token|tokens|credential|credentials|authorization|"
    r"cookie|cookies|dsn|(api|private|secret|access|signing|encryption)_?keys?|key_hash|auth)(_|$)"
)
_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^A-Za-z0-9]+")
_URL_PASSWORD = re.compile(r"(?P<start>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]*:)[^\s@/]*(?=@)")


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Marks a value that never reaches the trail, whatever its key is called. Shows nothing of it."""

    value: object

    def __repr__(self) -> str:
        return HIDDEN


@functools.lru_cache(maxsize=1_000)  # thousands of records in a row have the same few keys
def is_secret_name(name: str) -> bool:
    """Whether a key called `name` (any of snake, kebab or camel case) holds a secret by its name."""
    words = _NOT_WORD.sub("_", _WORD_BORDER.sub("_", name)).lower()
    return _SECRET_WORDS.search(words) is not None


def clean(value: object) -> Json:
    """`value` as JSON: times in ISO 8601, UUIDs, decimals and unknown things as text, secrets as `(secret)`."""
    if isinstance(value, Enum):
        return clean(value.value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Secret) or hasattr(value, "get_secret_value"):
        return HIDDEN
    if isinstance(value, Mapping):
        return clean_mapping(value)
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    if isinstance(value, Set):
        return sorted((clean(item) for item in value), key=str)
    return _single(value)


def clean_mapping(value: Mapping[str, object]) -> dict[str, Json]:
    """Every entry of `value`, with `(secret)` for those whose key says that they are one."""
    return {
        clean_text(str(key)): HIDDEN if item is not None and is_secret_name(str(key)) else clean(item)
        for key, item in value.items()
    }


def clean_text(text: str) -> str:
    """`text` without what PostgreSQL refuses (NUL, lone surrogates) and without passwords in addresses."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return _URL_PASSWORD.sub(rf"\g<start>{HIDDEN}", text) if "://" in text else text


def _single(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(value)} bytes)"
    if isinstance(value, UUID | Decimal | timedelta):
        return str(value)
    return clean_text(str(value))
