"""How a filter can go on at the cursor: fields, and values as they are in the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datapulse_tui.alerts.filter_sql import like, visible
from datapulse_tui.alerts.filters import CHOICES, FIELDS, ME, NOBODY
from datapulse_tui.alerts.rules import VIEW
from datapulse_tui.data import filter_words
from datapulse_tui.data.filter_words import MOST_OPTIONS, Completion, Word
from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

MOST_READ = 5_000  # open incidents whose labels are looked at
__all__ = ["Completion", "complete"]

TIMES = {
    "since": ("15m", "1h", "2h", "24h", "7d", "today", "yesterday"),
    "until": ("15m", "1h", "2h", "24h", "7d", "today", "yesterday"),
}


async def complete(session: Reader, actor: Actor, text: str, cursor: int) -> Completion:
    """How the word before `cursor` can go on: a field, or a value of its field. At most 20 options.

    Raises NotAllowed without the right to view.
    """
    actor.require(VIEW, "see incidents")
    return await filter_words.complete(FIELDS, lambda word: _values(session, actor, word), text, cursor)


async def _values(session: Reader, actor: Actor, word: Word) -> Sequence[str]:
    beginning = word.pieces[-1].value
    fixed = (*CHOICES.get(word.field, ()), *TIMES.get(word.field, ()))
    if word.field == "assigned":
        fixed = (ME, NOBODY)
    found = [value for value in fixed if value.startswith(beginning.lower())]
    look = _LOOK.get(word.field)
    if look is not None:
        found += await look(session, actor, beginning)
    return found


async def _rules(session: Reader, actor: Actor, beginning: str) -> list[str]:
    """Names of rules with incidents that the person may see; those that begin so before those that hold it."""
    seen = visible(actor)
    sql = f"""
        SELECT a.name FROM alerts a
        WHERE a.name ILIKE :contains AND a.archived_at IS NULL
          AND EXISTS (SELECT 1 FROM alert_incidents i WHERE i.alert_id = a.id AND {seen.sql})
        ORDER BY a.name NOT ILIKE :starts, lower(a.name) LIMIT :limit
    """  # noqa: S608  (pieces of this program, values are bound)
    return await _names(session, sql, seen.params, beginning)


async def _departments(session: Reader, actor: Actor, beginning: str) -> list[str]:  # noqa: ARG001
    sql = """
        SELECT name FROM departments WHERE name ILIKE :starts OR name ILIKE '% ' || :starts
        ORDER BY lower(name) LIMIT :limit
    """
    return await _names(session, sql, {}, beginning)


async def _people(session: Reader, actor: Actor, beginning: str) -> list[str]:
    if not actor.can("user:find"):
        return []
    sql = """
        SELECT name FROM users
        WHERE status = 'active' AND (name ILIKE :starts OR name ILIKE '% ' || :starts OR email ILIKE :starts)
        ORDER BY lower(name) LIMIT :limit
    """
    return await _names(session, sql, {}, beginning)


async def _labels(session: Reader, actor: Actor, beginning: str) -> list[str]:
    """Names of labels of open incidents or, after the equals sign, the values of one."""
    name, equals, value = beginning.partition("=")
    seen = visible(actor)
    each = f"""
        FROM (SELECT i.labels FROM alert_incidents i WHERE i.status <> 'resolved' AND {seen.sql}
              ORDER BY i.priority, i.opened_at DESC, i.id LIMIT {MOST_READ}) i
        CROSS JOIN LATERAL jsonb_each_text(i.labels) AS label(key, value)
    """  # noqa: S608
    if not equals:
        sql = f"SELECT DISTINCT key || '=' AS name {each} WHERE key ILIKE :starts ORDER BY 1 LIMIT :limit"
        return await _names(session, sql, seen.params, name)
    sql = (
        f"SELECT DISTINCT key || '=' || value AS name {each} "
        "WHERE key = :label AND value ILIKE :starts ORDER BY 1 LIMIT :limit"
    )
    return await _names(session, sql, {**seen.params, "label": name}, value)


async def _numbers(session: Reader, actor: Actor, beginning: str) -> list[str]:
    seen = visible(actor)
    sql = f"""
        SELECT CAST(i.number AS text) AS name FROM alert_incidents i
        WHERE i.status <> 'resolved' AND {seen.sql} AND CAST(i.number AS text) LIKE :starts
        ORDER BY i.priority, i.opened_at DESC, i.id LIMIT :limit
    """  # noqa: S608
    return await _names(session, sql, seen.params, beginning)


_LOOK: Mapping[str, Callable[[Reader, Actor, str], Awaitable[list[str]]]] = {
    "rule": _rules,
    "dept": _departments,
    "assigned": _people,
    "label": _labels,
    "number": _numbers,
}


async def _names(session: Reader, sql: str, params: Mapping[str, Any], beginning: str) -> list[str]:
    """The names that `sql` finds; it binds :starts or :contains to patterns of `beginning`."""
    literal = like(beginning.replace("\0", ""))
    values = {**params, "limit": MOST_OPTIONS, "starts": f"{literal}%", "contains": f"%{literal}%"}
    return [
        row.name
        for row in await fetch(session, sql, {name: each for name, each in values.items() if f":{name}" in sql})
    ]
