"""What screens and commands read about roles: what they are made of, who has them, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import NotFound
from datapulse_tui.people import role_rules
from datapulse_tui.people.holding import last_change
from datapulse_tui.people.role_rules import BUILT_IN_ABOUT, KIND, VIEW, Permission
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role, normalise_email

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A role in a list. `id` is None for a built-in one, whose `name` is the word that it is given by; `version` is
    when a custom one was changed last."""

    id: UUID | None
    name: str
    description: str
    permissions: frozenset[str]
    holders: int
    version: datetime | None = None

    @property
    def key(self) -> str:
        """What tells it from every other role, built-in or not."""
        return str(self.id or self.name)


@dataclass(frozen=True, slots=True)
class RoleView:
    """One role with its permissions explained. `unknown` are stored words that are no permissions (any more) and give
    nothing; `changed_by` is who changed a custom one last."""

    row: RoleRow
    permissions: tuple[Permission, ...]
    unknown: tuple[str, ...] = ()
    created_at: datetime | None = None
    changed_by: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who has a role. `given_by` and `given_at` are those of a custom one; an operator's name is not kept with
    it, so that `given_by` is empty then."""

    id: UUID
    name: str
    email: str
    role: str
    status: str
    given_by: str = ""
    given_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """A custom role that a person has."""

    id: UUID
    name: str
    permissions: frozenset[str]
    given_by: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who can be given a role or a place in a department, by name."""

    id: UUID
    name: str
    email: str


_BUILT_IN = "SELECT role, count(*) AS holders FROM users GROUP BY role"
_CUSTOM = """
SELECT r.id, r.name, coalesce(r.description, '') AS description, r.permissions, r.updated_at, r.created_at,
    (SELECT count(*) FROM user_roles h WHERE h.role_id = r.id) AS holders
FROM roles r
"""
_HOLDERS = """
SELECT u.id, u.name, u.email, u.role, u.status, coalesce(g.name, '') AS given_by, h.assigned_at AS given_at
FROM user_roles h JOIN users u ON u.id = h.user_id LEFT JOIN users g ON g.id = h.assigned_by
WHERE h.role_id = CAST(:role AS uuid)
"""
_HOLDERS_BUILT_IN = """
SELECT u.id, u.name, u.email, u.role, u.status, '' AS given_by, NULL::timestamptz AS given_at
FROM users u WHERE u.role = :role
"""
_OF_PERSON = """
SELECT r.id, r.name, r.permissions, coalesce(g.name, '') AS given_by, h.assigned_at AS given_at
FROM user_roles h JOIN roles r ON r.id = h.role_id LEFT JOIN users g ON g.id = h.assigned_by
WHERE h.user_id = :person ORDER BY r.name
"""
_CANDIDATES = """
SELECT id, name, email FROM users
WHERE status <> 'inactive' AND (strpos(lower(name), :word) > 0 OR strpos(email, :word) > 0)
ORDER BY name, id LIMIT :limit
"""
_CALLED = "SELECT id, name, email FROM users WHERE email = ANY(CAST(:emails AS text[]))"


async def built_in_roles(reader: Reader, actor: Actor) -> tuple[RoleRow, ...]:
    """The four built-in roles, each with everything that the one before may do. Needs `role:view`."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see the roles")
    holders = {row.role: row.holders for row in await fetch(reader, _BUILT_IN)}
    return tuple(_built_in(role, holders.get(role.value, 0)) for role in Role)


async def custom_roles(
    reader: Reader, actor: Actor, *, text: str = "", after: str | None = None, limit: int = 200
) -> Page[RoleRow]:
    """A page of custom roles by name; `text` is a part of the name or the description. Needs `role:view`."""
    from datapulse_tui.data.glance import fetch
    from datapulse_tui.data.page import decode_cursor, make_page

    actor.require(VIEW, "see the roles")
    values: dict[str, object] = {"limit": limit + 1}
    conditions = ["true"]
    if text:
        conditions.append("strpos(lower(r.name || ' ' || coalesce(r.description, '')), lower(:text)) > 0")
        values["text"] = text
    if after is not None:
        values["name"], values["id"] = decode_cursor(after, 2)
        conditions.append("(r.name, r.id) > (:name, CAST(:id AS uuid))")
    sql = f"{_CUSTOM} WHERE {' AND '.join(conditions)} ORDER BY r.name, r.id LIMIT :limit"
    return make_page(await fetch(reader, sql, values), limit, _custom, lambda row: [row.name, row.id])


async def get_role(reader: Reader, actor: Actor, role: UUID | str) -> RoleView:
    """One role, by its id or name; a built-in one by its word. Needs `role:view`. Raises NotFound."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see the roles")
    name = role if isinstance(role, str) else ""
    if isinstance(role, str):
        found = role_rules.built_in(role)
        if found is not None:
            rows = {row.name: row for row in await built_in_roles(reader, actor)}
            return RoleView(rows[found.value], role_rules.listed(ROLE_PERMISSIONS[found]))
    wanted = "r.id = :id" if isinstance(role, UUID) else "r.name = :id"
    [row] = await fetch(reader, f"{_CUSTOM} WHERE {wanted}", {"id": role}) or [None]
    if row is None:
        raise not_found(name)
    unknown = tuple(sorted(set(row.permissions) - role_rules.known(row.permissions)))
    by = await last_change(reader, KIND, row.id)
    return RoleView(_custom(row), role_rules.listed(role_rules.known(row.permissions)), unknown, row.created_at, by)


async def holders(
    reader: Reader, actor: Actor, role: UUID | str, *, after: str | None = None, limit: int = 200
) -> Page[Holder]:
    """A page of those who have a role, by name: a custom one by its id, a built-in one by its word.

    Whoever has a higher built-in role may do as much, and is not listed. Needs `role:view`.
    """
    from datapulse_tui.data.glance import fetch
    from datapulse_tui.data.page import decode_cursor, make_page

    actor.require(VIEW, "see who has a role")
    values: dict[str, object] = {"limit": limit + 1, "role": role}
    sql = _HOLDERS if isinstance(role, UUID) else _HOLDERS_BUILT_IN
    if after is not None:
        values["name"], values["id"] = decode_cursor(after, 2)
        sql += " AND (u.name, u.id) > (:name, CAST(:id AS uuid))"
    rows = await fetch(reader, f"{sql} ORDER BY u.name, u.id LIMIT :limit", values)
    return make_page(rows, limit, lambda row: Holder(*row), lambda row: [row.name, row.id])


async def roles_of(reader: Reader, actor: Actor, user_id: UUID) -> tuple[Given, ...]:
    """The custom roles of a person, by name: one's own, or anybody's with `role:view`."""
    from datapulse_tui.data.glance import fetch

    if user_id != actor.user_id:
        actor.require(VIEW, "see who has which role")
    rows = await fetch(reader, _OF_PERSON, {"person": user_id})
    return tuple(Given(row.id, row.name, role_rules.known(row.permissions), row.given_by, row.given_at) for row in rows)


async def candidates(reader: Reader, actor: Actor, text: str = "", *, limit: int = 20) -> tuple[Candidate, ...]:
    """People who are not deactivated, by name; `text` is a part of the name or address. Needs `user:find`."""
    from datapulse_tui.data.glance import fetch

    actor.require("user:find", "look for people")
    rows = await fetch(reader, _CANDIDATES, {"word": text.strip().lower(), "limit": limit})
    return tuple(Candidate(*row) for row in rows)


async def people_called(reader: Reader, actor: Actor, emails: Sequence[str]) -> dict[str, Candidate]:
    """Those of `emails`, as they were given, that somebody has. Needs `user:find`. Raises Invalid for no address."""
    from datapulse_tui.data.glance import fetch

    actor.require("user:find", "look for people")
    wanted = {each: normalise_email(each) for each in emails}
    rows = await fetch(reader, _CALLED, {"emails": list(wanted.values())})
    found = {row.email: Candidate(*row) for row in rows}
    return {given: found[email] for given, email in wanted.items() if email in found}


def not_found(name: str) -> NotFound:
    """The error for a role that is not there."""
    called = f" called {name[:80]!r}" if name else ""
    return NotFound(f"There is no role{called}. Nothing was changed.", hint="`datapulse role list` shows them all.")


def _built_in(role: Role, holders: int) -> RoleRow:
    return RoleRow(None, role.value, BUILT_IN_ABOUT[role], ROLE_PERMISSIONS[role], holders)


def _custom(row: Any) -> RoleRow:
    return RoleRow(row.id, row.name, row.description, role_rules.known(row.permissions), row.holders, row.updated_at)
