"""What screens and commands read about departments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.people.departments import KIND, VIEW, not_found
from datapulse_tui.people.holding import last_change

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page


@dataclass(frozen=True, slots=True)
class DepartmentRow:
    """A department in a list. `head` is empty without one; `head_status` is that of their account, and `version` when
    the department was changed last."""

    id: UUID
    name: str
    description: str
    head_id: UUID | None
    head: str
    head_email: str
    head_status: str
    members: int
    version: datetime
    created_at: datetime

    @property
    def key(self) -> str:
        """What tells it from every other."""
        return str(self.id)


@dataclass(frozen=True, slots=True)
class DepartmentView:
    """One department, and who changed it last (empty where the trail does not tell)."""

    row: DepartmentRow
    changed_by: str


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a department. Their address, role and status are empty for who may not see accounts."""

    id: UUID
    name: str
    email: str
    role: str
    status: str


_LIST = """
SELECT d.id, d.name, coalesce(d.description, '') AS description, d.head_id, coalesce(u.name, '') AS head,
    coalesce(u.email, '') AS head_email, coalesce(u.status, '') AS head_status,
    (SELECT count(*) FROM users m WHERE m.department_id = d.id) AS members, d.updated_at AS version, d.created_at
FROM departments d LEFT JOIN users u ON u.id = d.head_id
"""
_MEMBERS = "SELECT id, name, email, role, status FROM users WHERE department_id = :department"


async def list_departments(
    reader: Reader, actor: Actor, *, text: str = "", after: str | None = None, limit: int = 200
) -> Page[DepartmentRow]:
    """A page of departments by name; `text` is a part of the name, the description or the head's name.

    Needs `department:view`.
    """
    from datapulse_tui.data.glance import fetch
    from datapulse_tui.data.page import decode_cursor, make_page

    actor.require(VIEW, "see the departments")
    values: dict[str, object] = {"limit": limit + 1}
    conditions = ["true"]
    if text:
        whole = "d.name || ' ' || coalesce(d.description, '') || ' ' || coalesce(u.name, '')"
        conditions.append(f"strpos(lower({whole}), lower(:text)) > 0")
        values["text"] = text
    if after is not None:
        values["name"], values["id"] = decode_cursor(after, 2)
        conditions.append("(d.name, d.id) > (:name, CAST(:id AS uuid))")
    sql = f"{_LIST} WHERE {' AND '.join(conditions)} ORDER BY d.name, d.id LIMIT :limit"
    rows = await fetch(reader, sql, values)
    return make_page(rows, limit, lambda row: DepartmentRow(*row), lambda row: [row.name, row.id])


async def get_department(reader: Reader, actor: Actor, department: UUID | str) -> DepartmentView:
    """One department, by id or name. Needs `department:view`. Raises NotFound."""
    from datapulse_tui.data.glance import fetch

    actor.require(VIEW, "see the departments")
    wanted = "d.id = :wanted" if isinstance(department, UUID) else "d.name = :wanted"
    found = await fetch(reader, f"{_LIST} WHERE {wanted}", {"wanted": department})
    if not found:
        raise not_found(department if isinstance(department, str) else "")
    row = DepartmentRow(*found[0])
    return DepartmentView(row, await last_change(reader, KIND, row.id))


async def members(
    reader: Reader, actor: Actor, department_id: UUID, *, after: str | None = None, limit: int = 200
) -> Page[Member]:
    """A page of those in a department, by name. Needs `department:view`; addresses, roles and status `user:view`."""
    from datapulse_tui.data.glance import fetch
    from datapulse_tui.data.page import decode_cursor, make_page

    actor.require(VIEW, "see who is in a department")
    values: dict[str, object] = {"limit": limit + 1, "department": department_id}
    sql = _MEMBERS
    if after is not None:
        values["name"], values["id"] = decode_cursor(after, 2)
        sql += " AND (name, id) > (:name, CAST(:id AS uuid))"
    rows = await fetch(reader, f"{sql} ORDER BY name, id LIMIT :limit", values)
    whole = actor.can("user:view")
    return make_page(
        rows,
        limit,
        lambda row: Member(*row) if whole else Member(row.id, row.name, "", "", ""),
        lambda row: [row.name, row.id],
    )
