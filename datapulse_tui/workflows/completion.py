"""How a filter of requests can go on at the cursor: fields, and values as they are in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datapulse_tui.alerts.filter_sql import like
from datapulse_tui.alerts.reads.completion import TIMES
from datapulse_tui.data import filter_words
from datapulse_tui.data.filter_words import MOST_OPTIONS, Completion, Word
from datapulse_tui.data.glance import fetch
from datapulse_tui.workflows.filter_sql import visible
from datapulse_tui.workflows.filters import CHOICES, FIELDS, ME, NOBODY
from datapulse_tui.workflows.reads.rows import types
from datapulse_tui.workflows.reads.standing import standing

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

_PEOPLE = """
SELECT name FROM users
WHERE status = 'active' AND (name ILIKE :starts OR name ILIKE '% ' || :starts OR email ILIKE :starts)
ORDER BY lower(name) LIMIT :limit
"""
_FIXED = {"requester": (ME,), "approver": (ME,), "assigned": (ME, NOBODY), **CHOICES, **TIMES}


async def complete(session: Reader, actor: Actor, text: str, cursor: int) -> Completion:
    """How the word before `cursor` can go on: a field, or a value of its field. At most 20 options."""
    return await filter_words.complete(FIELDS, lambda word: _values(session, actor, word), text, cursor)


async def _values(session: Reader, actor: Actor, word: Word) -> Sequence[str]:
    beginning = word.pieces[-1].value
    fixed = (*(await types()),) if word.field == "type" else _FIXED.get(word.field, ())
    found = [str(value) for value in fixed if value.startswith(beginning.lower())]
    if word.field in ("requester", "approver", "assigned") and actor.can("user:find"):
        starts = f"{like(beginning.replace(chr(0), ''))}%"
        found += [row.name for row in await fetch(session, _PEOPLE, {"starts": starts, "limit": MOST_OPTIONS})]
    elif word.field == "number":
        found += await _numbers(session, actor, beginning)
    return found


async def _numbers(session: Reader, actor: Actor, beginning: str) -> list[str]:
    seen = visible(actor, await standing(session, actor))
    sql = f"""
        SELECT CAST(w.number AS text) AS name FROM workflows w
        WHERE w.status = 'pending' AND {seen.sql} AND CAST(w.number AS text) LIKE :starts
        ORDER BY w.due_at, w.id LIMIT :limit
    """  # noqa: S608  (pieces of this program, values are bound)
    starts = f"{like(beginning.replace(chr(0), ''))}%"
    params = seen.params if seen.conditions else {}
    return [row.name for row in await fetch(session, sql, {**params, "starts": starts, "limit": MOST_OPTIONS})]
