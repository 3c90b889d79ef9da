"""Arrays for PostgreSQL as one text, several times as fast as a list by way of the driver."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"'})


def plain(values: Iterable[int | float | UUID | None]) -> str:
    """Numbers and UUIDs, of which none needs quotes; None is NULL."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def repeated(values: Iterable[tuple[UUID, int]]) -> str:
    """UUIDs, each so many times in a row."""
    return "{" + ",".join([",".join([str(value)] * times) for value, times in values if times]) + "}"


def times(values: Iterable[datetime]) -> str:
    """Times with their zones."""
    written: dict[datetime, str] = {}  # a batch has few different ones
    parts = []
    for value in values:
        found = written.get(value)
        if found is None:
            found = written[value] = f'"{value.isoformat()}"'
        parts.append(found)
    return "{" + ",".join(parts) + "}"


def texts(values: Iterable[str | None]) -> str:
    """Any texts; None is NULL, what PostgreSQL does not take (NUL, lone surrogates) is replaced."""
    written: dict[str | None, str] = {}  # states and reasons are few, and the same for thousands
    parts = []
    for value in values:
        found = written.get(value)
        if found is None:
            found = written[value] = "NULL" if value is None else _quoted(value)
        parts.append(found)
    return "{" + ",".join(parts) + "}"


def labels(sets: Iterable[Mapping[str, str]]) -> str:
    """Each label set as JSON, in an array of texts."""
    return texts(_to_json({_plain(name): _plain(value) for name, value in each.items()}) for each in sets)


def _quoted(value: str) -> str:
    return f'"{_plain(value).translate(_QUOTED)}"'


def _plain(value: str) -> str:
    """`value` without what PostgreSQL takes in no text."""
    if "\0" in value:
        value = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()
