"""What a record says that changed, field by field: before and after, however deep they are nested. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_FIELDS = 500
LONGEST = 300  # characters of a value that are shown
DEEPEST = 6  # levels of nesting that are told apart
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One field: its path (`layout.2.title`), and its value before and after; None where there was none.

    `cut` says that a value is longer than what is shown of it.
    """

    path: str
    before: str | None
    after: str | None
    cut: bool = False


def changes(details: Mapping[str, Any]) -> tuple[Change, ...]:
    """The fields that differ between `before` and `after` of a record's details, in the order in which they stand.

    At most MOST_FIELDS; with more, the last of them says how many there are beside it.
    """
    before, after = details.get("before"), details.get("after")
    found: list[Change] = []
    more = 0
    for path, old, new in _walk("", before or {}, after or {}, DEEPEST):
        if len(found) < MOST_FIELDS:
            found.append(Change(path, *_shown(old, new)))
        else:
            more += 1
    if more:
        found.append(Change(f"… and {more:,} more fields", None, None))
    return tuple(found)


def notes(details: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What else the record says, as (name, value): the note's fields, and whatever is neither before nor after."""
    note = details.get("note")
    parts = dict(note) if isinstance(note, Mapping) else {} if note is None else {"note": note}
    parts |= {name: value for name, value in details.items() if name not in ("before", "after", "note")}
    return tuple((str(name), words(value)) for name, value in parts.items())


def words(value: Any) -> str:
    """A JSON value on one line: text as it is, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _walk(path: str, old: Any, new: Any, deep: int) -> Iterator[tuple[str, Any, Any]]:
    if deep and isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*old, *new)):
            yield from _walk(_under(path, name), old.get(name, _MISSING), new.get(name, _MISSING), deep - 1)
    elif deep and isinstance(old, list) and isinstance(new, list) and (old or new):
        for at in range(max(len(old), len(new))):
            pair = (old[at] if at < len(old) else _MISSING, new[at] if at < len(new) else _MISSING)
            yield from _walk(_under(path, str(at)), *pair, deep - 1)
    elif old is _MISSING or new is _MISSING or _exact(old) != _exact(new):
        yield path, old, new


def _exact(value: Any) -> str:
    """JSON tells true from 1, which Python does not."""
    return json.dumps(value, sort_keys=True)


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(old: Any, new: Any) -> tuple[str | None, str | None, bool]:
    texts = [None if value is _MISSING else words(value) for value in (old, new)]
    cut = any(text is not None and len(text) > LONGEST for text in texts)
    before, after = (text if text is None or len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in texts)
    return before, after, cut
