"""Reading the trail: pages from the newest record back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.audit import names
from datapulse_tui.audit.filters import parse
from datapulse_tui.audit.searching import Position, beyond, find, plan
from datapulse_tui.data.glance import fetch
from datapulse_tui.data.page import Page, decode_cursor, encode_cursor
from datapulse_tui.errors import Invalid, NotFound

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

LARGEST_PAGE = 1_000
MOST_COUNTED = 100

COLUMNS = """
    l.id, l.seq, l.created_at, l.user_id, l.actor, l.action, l.resource_type, l.resource_id, l.ip_address,
    l.user_agent, l.details, u.email
"""
_ONE = f"SELECT {COLUMNS} FROM audit_logs l LEFT JOIN users u ON u.id = l.user_id WHERE l.seq = :seq"  # noqa: S608


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record. `who` is the person's e-mail address, or the operator or job that acted; `through` the operator who
    acted as that person. `name` is what the thing is called now, empty where it is gone or has none."""

    id: UUID
    seq: int
    at: datetime
    user_id: UUID | None
    who: str
    through: str | None
    action: str
    resource_type: str
    resource_id: UUID | None
    name: str
    ip_address: str | None
    user_agent: str | None
    details: dict[str, Any]

    @property
    def number(self) -> int:
        """By which people know it."""
        return self.seq

    @property
    def thing(self) -> str:
        """The thing as people know it: its name, or its id."""
        return f"{self.resource_type} {self.name or self.resource_id or ''}".strip()


@dataclass(frozen=True, slots=True)
class RecordPage(Page[AuditRecord]):
    """A page of records. With `searched_to` the page is not full because a question that no index answers was asked of
    a part of the trail only: back to that time; the cursor goes on there."""

    searched_to: datetime | None = None


async def list_records(
    session: Reader, actor: Actor, *, filter: str = "", after: str | None = None, limit: int = 100
) -> RecordPage:
    """A page of the records that `filter` (see filters.py) asks for, newest first.

    Raises NotAllowed without `audit:view`, InvalidFilter with the position, Invalid for a limit or cursor.
    """
    actor.require("audit:view", "read the audit trail")
    if not 1 <= limit <= LARGEST_PAGE:
        raise Invalid(f"A page holds 1 to {LARGEST_PAGE} records.", hint="Ask for the next page with its cursor.")
    wanted = parse(filter, datetime.now(UTC), ZoneInfo(actor.zone))
    position = _position(after) if after is not None else None
    await _plan_for_values(session)
    planned = await plan(session, wanted, actor.user_id)
    rows, reached = await find(session, planned, COLUMNS, position, limit + 1)
    items = await records_of(session, rows[:limit])
    if len(rows) > limit:
        return RecordPage(items, encode_cursor([items[-1].at, items[-1].seq]))
    if reached is not None:
        return RecordPage(items, encode_cursor([reached[0], reached[1]]), reached[0])
    return RecordPage(items)


async def get_record(session: Reader, actor: Actor, seq: int) -> AuditRecord:
    """The record with that number. Raises NotAllowed without `audit:view`, NotFound."""
    actor.require("audit:view", "read the audit trail")
    rows = await fetch(session, _ONE, {"seq": seq})
    if not rows:
        raise NotFound(f"There is no record {seq} in the trail.", hint="Purged records are in the exported file.")
    return (await records_of(session, rows))[0]


async def count(session: Reader, actor: Actor, filter: str, newer_than: Position | None = None) -> tuple[int, bool]:
    """How many records `filter` asks for, counted up to MOST_COUNTED, and whether there are no more; with
    `newer_than` only those that were written after it.

    Raises NotAllowed without `audit:view`, InvalidFilter.
    """
    actor.require("audit:view", "read the audit trail")
    wanted = parse(filter, datetime.now(UTC), ZoneInfo(actor.zone))
    await _plan_for_values(session)
    planned = await plan(session, wanted, actor.user_id)
    if newer_than is not None:
        planned.where.conditions.append(beyond(planned.where, newer_than, ">"))
    rows, reached = await find(session, planned, "l.seq", None, MOST_COUNTED + 1)
    return min(len(rows), MOST_COUNTED), len(rows) <= MOST_COUNTED and reached is None


async def _plan_for_values(session: Reader) -> None:
    """Plans for the values that are asked for: one for any value reads millions of entries where one for these reads
    two hundred."""
    await fetch(session, "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")


async def records_of(session: Reader, rows: Sequence[Any]) -> tuple[AuditRecord, ...]:
    """Records out of rows of COLUMNS, with what their things are called now."""
    called = await names.look_up(session, [(row.resource_type, row.resource_id) for row in rows if row.resource_id])
    return tuple([_record(row, called.get((row.resource_type, row.resource_id), "")) for row in rows])


def _record(row: Any, name: str) -> AuditRecord:
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
        name=name,
        ip_address=row.ip_address,
        user_agent=row.user_agent,
        details=row.details,
    )


def _position(cursor: str) -> tuple[datetime, int]:
    at, seq = decode_cursor(cursor, 2)
    if not isinstance(at, datetime) or not isinstance(seq, int):
        raise Invalid("The page cursor belongs to another order.", hint="Start again from the first page.")
    return at, seq
