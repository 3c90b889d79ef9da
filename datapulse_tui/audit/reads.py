"""Reading the trail: pages from the newest record back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.page import Page

LARGEST_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record. `who` is the person's e-mail address, or the operator or job that acted; `through` the operator who
    acted as that person."""

    id: UUID
    seq: int
    at: datetime
    user_id: UUID | None
    who: str
    through: str | None
    action: str
    resource_type: str
    resource_id: UUID | None
    ip_address: str | None
    user_agent: str | None
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records; what is None does not narrow. `action` ending in `.` means all that begin so (`user.`)."""

    user_id: UUID | None = None
    action: str | None = None
    resource_type: str | None = None
    resource_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_records(
    session: AsyncSession,
    actor: Actor,
    *,
    only: AuditFilter | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page[AuditRecord]:
    """A page of the trail, newest first. Raises NotAllowed without `audit:view`, Invalid for a limit or cursor."""
    from datapulse_tui.data.models.audit import AuditLog
    from datapulse_tui.data.page import SortKey, keyset, make_page

    actor.require("audit:view", "read the audit trail")
    if not 1 <= limit <= LARGEST_PAGE:
        raise Invalid(f"A page holds 1 to {LARGEST_PAGE} records.", hint="Ask for the next page with its cursor.")
    statement = keyset(
        _narrowed(only or AuditFilter()), [SortKey(AuditLog.seq.expression, descending=True)], after, limit
    )
    rows = (await session.execute(statement)).all()
    return make_page(rows, limit, _record, lambda row: [row.seq])


def _narrowed(only: AuditFilter) -> Select[Any]:
    from sqlalchemy import select

    from datapulse_tui.data.models.audit import AuditLog
    from datapulse_tui.data.models.people import User

    log = AuditLog
    wide = select(
        log.id, log.seq, log.created_at, log.user_id, log.actor, log.action, log.resource_type, log.resource_id,
        log.ip_address, log.user_agent, log.details, User.email,
    ).outerjoin(User, User.id == log.user_id)  # fmt: skip
    statement = cast("Select[Any]", wide)
    if only.user_id is not None:
        statement = statement.where(log.user_id == only.user_id)
    if only.action is not None:
        family = only.action.endswith(".")
        matches = log.action.startswith(only.action, autoescape=True) if family else log.action == only.action
        statement = statement.where(matches)
    if only.resource_type is not None:
        statement = statement.where(log.resource_type == only.resource_type)
    if only.resource_id is not None:
        statement = statement.where(log.resource_id == only.resource_id)
    if only.since is not None:
        statement = statement.where(log.created_at >= only.since)
    if only.until is not None:
        statement = statement.where(log.created_at < only.until)
    return statement


def _record(row: Any) -> AuditRecord:
    return AuditRecord(
        id=row.id,
        seq=row.seq,
        at=row.created_at,
        user_id=row.user_id,
        who=row.email or row.actor or "",
        through=row.actor if row.email else None,
        action=row.action,
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        ip_address=row.ip_address,
        user_agent=row.user_agent,
        details=row.details,
    )
