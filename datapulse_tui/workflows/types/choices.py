"""What a field of a form may be filled with, for the person who fills it in: never more than they may see.

A field takes what is not listed as well: whoever knows the name of a dashboard may ask for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from datapulse_tui.errors import NotFound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

LIMIT = 50

_PEOPLE = """
SELECT email, name FROM users
WHERE status = ANY(CAST(:states AS text[])) AND (strpos(lower(name), :word) > 0 OR strpos(email, :word) > 0)
ORDER BY lower(name), email LIMIT :limit
"""
_DEPARTMENTS = """
SELECT d.name, coalesce(u.name, 'no head') AS head FROM departments d LEFT JOIN users u ON u.id = d.head_id
WHERE strpos(lower(d.name), :word) > 0 ORDER BY lower(d.name) LIMIT :limit
"""
_ROLES = "SELECT name, coalesce(description, '') AS description FROM roles ORDER BY lower(name) LIMIT :limit"


@dataclass(frozen=True, slots=True)
class Choice:
    """A value for the field, and what people see of it (both from outside: hostile text)."""

    value: str
    label: str


async def choices(
    session: AsyncSession, actor: Actor, kind: str, text: str = "", limit: int = LIMIT
) -> tuple[Choice, ...]:
    """What a field with `choices` of this `kind` may take that has `text` in it; nothing without the right to look.

    Raises NotFound for a kind that there is not.
    """
    find = _KINDS.get(kind)
    if find is None:
        raise NotFound(f"There are no choices of the kind {kind[:40]!r}.")
    return (await find(session, actor, text.strip(), limit))[:limit]


async def _dashboards(session: AsyncSession, actor: Actor, word: str, limit: int) -> tuple[Choice, ...]:
    """Those that one may view and not edit."""
    from datapulse_tui.dashboards.reads import list_dashboards
    from datapulse_tui.dashboards.rules import VIEW

    if not actor.can(VIEW):
        return ()
    page = await list_dashboards(session, actor, text=word, limit=limit)
    return tuple(
        Choice(f"{row.owner_email}/{row.name}", f"{row.name} (of {row.owner_name})")
        for row in page.items
        if not row.permission.may_edit
    )


async def _own_dashboards(session: AsyncSession, actor: Actor, word: str, limit: int) -> tuple[Choice, ...]:
    """One's own that are not public yet."""
    from datapulse_tui.dashboards.reads import list_dashboards
    from datapulse_tui.dashboards.rules import VIEW, Scope

    if not actor.can(VIEW):
        return ()
    page = await list_dashboards(session, actor, scope=Scope.MINE, text=word, limit=limit)
    return tuple(Choice(f"{row.owner_email}/{row.name}", row.name) for row in page.items if not row.is_public)


async def _sources(session: AsyncSession, actor: Actor, word: str, limit: int) -> tuple[Choice, ...]:
    from datapulse_tui.sources.reads import list_sources

    page = await list_sources(session, actor, text=word, limit=limit)
    return tuple(Choice(row.name, f"{row.name} ({row.type})") for row in page.items)


async def _people(session: AsyncSession, actor: Actor, word: str, limit: int) -> tuple[Choice, ...]:
    return await _accounts(session, word, limit, ("active",)) if actor.can("user:find") else ()


async def _inactive_people(session: AsyncSession, actor: Actor, word: str, limit: int) -> tuple[Choice, ...]:
    return await _accounts(session, word, limit, ("pending", "inactive")) if actor.can("user:view") else ()


async def _accounts(session: AsyncSession, word: str, limit: int, states: tuple[str, ...]) -> tuple[Choice, ...]:
    from sqlalchemy import text

    values = {"states": list(states), "word": word.lower(), "limit": limit}
    rows = await session.execute(text(_PEOPLE), values)
    return tuple(Choice(row.email, f"{row.name} ({row.email})") for row in rows)


async def _departments(session: AsyncSession, actor: Actor, word: str, limit: int) -> tuple[Choice, ...]:
    from sqlalchemy import text

    if not actor.can("department:view"):
        return ()
    rows = await session.execute(text(_DEPARTMENTS), {"word": word.lower(), "limit": limit})
    return tuple(Choice(row.name, f"{row.name} ({row.head})") for row in rows)


async def _roles(session: AsyncSession, actor: Actor, word: str, limit: int) -> tuple[Choice, ...]:
    """The built-in ones, and custom ones for those who may see them."""
    from sqlalchemy import text

    from datapulse_tui.people.rules import Role

    found = [Choice(role.value, role.value) for role in Role if role is not Role.BUSINESS_USER]
    if actor.can("role:view"):
        rows = await session.execute(text(_ROLES), {"limit": limit})
        found += [Choice(row.name, f"{row.name}: {row.description}".removesuffix(": ")) for row in rows]
    return tuple(each for each in found if word.lower() in each.label.lower())


async def _critical_incidents(session: AsyncSession, actor: Actor, word: str, limit: int) -> tuple[Choice, ...]:
    from datapulse_tui.alerts.reads.incidents import list_incidents
    from datapulse_tui.alerts.rules import VIEW

    if not actor.can(VIEW):
        return ()
    page = await list_incidents(session, actor, filter="severity:critical state:open", limit=limit)
    rows = (row for row in page.items if row.may_triage)
    found = (Choice(str(row.number), f"#{row.number} {row.title}") for row in rows)
    return tuple(each for each in found if word.lower() in each.label.lower())


async def _critical_rules(session: AsyncSession, actor: Actor, word: str, limit: int) -> tuple[Choice, ...]:
    from datapulse_tui.alerts.reads.rules import list_rules
    from datapulse_tui.alerts.rules import VIEW, Severity

    if not actor.can(VIEW):
        return ()
    page = await list_rules(session, actor, text=word, limit=limit)
    return tuple(Choice(row.name, row.name) for row in page.items if row.severity is Severity.CRITICAL)


_Finder = Callable[["AsyncSession", "Actor", str, int], Awaitable[tuple[Choice, ...]]]
_KINDS: Mapping[str, _Finder] = MappingProxyType(
    {
        "dashboards": _dashboards,
        "own_dashboards": _own_dashboards,
        "sources": _sources,
        "people": _people,
        "inactive_people": _inactive_people,
        "departments": _departments,
        "roles": _roles,
        "critical_incidents": _critical_incidents,
        "critical_rules": _critical_rules,
    }
)
KINDS = frozenset(_KINDS)
