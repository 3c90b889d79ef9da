"""How a filter of people can go on at the cursor: fields, and values as they are in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datapulse_tui.data import filter_words
from datapulse_tui.data.filter_words import MOST_OPTIONS, Completion, Word
from datapulse_tui.data.glance import fetch
from datapulse_tui.people.filter_sql import cases, like
from datapulse_tui.people.filters import CHOICES, FIELDS, NONE, TIMES
from datapulse_tui.people.listing import VIEW, WHAT

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

_FIXED = {**CHOICES, "dept": (NONE,), "custom": (NONE,), "seen": TIMES, "unseen": TIMES}
_LOOK = {
    field: f"SELECT name FROM {table} WHERE name ILIKE ANY(CAST(:patterns AS text[])) ORDER BY lower(name) LIMIT :limit"  # noqa: S608
    for field, table in (("dept", "departments"), ("custom", "roles"))
}


async def complete(session: Reader, actor: Actor, text: str, cursor: int) -> Completion:
    """How the word before `cursor` can go on: a field, or a value of its field. At most 20 options.

    Raises NotAllowed without `user:view`.
    """
    actor.require(VIEW, WHAT)
    return await filter_words.complete(FIELDS, lambda word: _values(session, word), text, cursor)


async def _values(session: Reader, word: Word) -> Sequence[str]:
    beginning = word.pieces[-1].value.replace("\0", "")
    found = [value for value in _FIXED.get(word.field, ()) if value.startswith(beginning.lower())]
    look = _LOOK.get(word.field)
    if look is not None:
        patterns = [f"{start}{like(each)}%" for each in cases(beginning) for start in ("", "% ")]
        found += [row.name for row in await fetch(session, look, {"patterns": patterns, "limit": MOST_OPTIONS})]
    return found
