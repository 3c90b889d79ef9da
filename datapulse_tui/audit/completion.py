"""How a filter of the trail can go on at the cursor: fields, and values as they are in the trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datapulse_tui.audit.filters import FIELDS, ME, TIMES
from datapulse_tui.audit.runs import kinds, labels, like
from datapulse_tui.data import filter_words
from datapulse_tui.data.filter_words import MOST_OPTIONS, Completion, Word
from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

_PEOPLE = "SELECT email FROM users WHERE email LIKE :starts ORDER BY email LIMIT :limit"
_ADDRESSES = """
SELECT DISTINCT ip_address FROM (
    SELECT ip_address FROM audit_logs WHERE ip_address IS NOT NULL ORDER BY created_at DESC, seq DESC LIMIT 500) recent
WHERE ip_address LIKE :starts ORDER BY ip_address LIMIT :limit
"""


async def complete(session: Reader, actor: Actor, text: str, cursor: int) -> Completion:
    """How the word before `cursor` can go on: a field, or a value of its field. At most 20 options.

    Raises NotAllowed without `audit:view`.
    """
    actor.require("audit:view", "read the audit trail")
    return await filter_words.complete(FIELDS, lambda word: _values(session, word), text, cursor)


async def _values(session: Reader, word: Word) -> Sequence[str]:
    beginning = word.pieces[-1].value.replace("\0", "").lower()
    if word.field in TIMES:
        return [each for each in TIMES[word.field] if each.startswith(beginning)]
    if word.field in ("who", "about"):
        found = [ME] if ME.startswith(beginning) else []
        rows = await fetch(session, _PEOPLE, {"starts": like(beginning), "limit": MOST_OPTIONS})
        found += [row.email for row in rows]
        return found + (await labels(session, beginning) if word.field == "who" else [])
    if word.field == "from":
        return [
            row.ip_address
            for row in await fetch(session, _ADDRESSES, {"starts": like(beginning), "limit": MOST_OPTIONS})
        ]
    if word.field == "action":
        actions = {action for _, action in await kinds(session) if action.startswith(beginning)}
        families = {f"{action.partition('.')[0]}." for action in actions if "." not in beginning}
        return sorted(families) or sorted(actions)
    if word.field == "on":
        return sorted({kind for kind, _ in await kinds(session) if kind.startswith(beginning)})
    return []
