"""Taking records out of the trail: all that a filter asks for, the oldest first, as JSON lines or CSV. Taking them out
is recorded too, whether it came to its end or not."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from datapulse_tui.audit.filters import RecordFilter, parse
from datapulse_tui.audit.reads import COLUMNS, AuditRecord, records_of
from datapulse_tui.audit.runs import understand
from datapulse_tui.audit.service import record

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database

AT_ONCE = 1_000  # records that are in memory
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
KIND = "audit"
NAMES = tuple(each.name for each in fields(AuditRecord))


class Format(StrEnum):
    """How records are written: an object a line, or comma-separated with a heading."""

    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Exported:
    """How many records were written."""

    records: int


async def export(
    data: Database,
    actor: Actor,
    write: Callable[[str], object],
    *,
    filter: str = "",
    format: Format = Format.JSONL,
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """Give `write` the records that `filter` asks for, a thousand lines at a time; memory does not grow with them.

    `progress` is called with how many there are so far. Cancelling the task ends it. However it ends, the trail says
    who took out how many of what (`audit.exported`). Raises NotAllowed without `audit:view`, InvalidFilter.
    """
    actor.require("audit:view", "export the audit trail")
    wanted = parse(filter, datetime.now(UTC), ZoneInfo(actor.zone))
    done = _Count()
    try:
        await _stream(data, actor, wanted, _written(format, write), done, progress)
        done.complete = True
    finally:
        await asyncio.shield(_recorded(data, actor, filter, format, done))
    return Exported(done.records)


@dataclass(slots=True)
class _Count:
    records: int = 0
    complete: bool = False


async def _stream(
    data: Database,
    actor: Actor,
    wanted: RecordFilter,
    write: Callable[[Sequence[AuditRecord]], None],
    done: _Count,
    progress: Callable[[int], None] | None,
) -> None:
    from sqlalchemy import text

    write(())
    async with data.reading() as session:
        asked = await understand(session, wanted, actor.user_id)
        asked.where.conditions += asked.whole()
        sql = (
            f"SELECT {COLUMNS} FROM audit_logs l LEFT JOIN users u ON u.id = l.user_id "  # noqa: S608  (values are bound)
            f"WHERE {asked.where.sql} ORDER BY l.created_at, l.seq"
        )
        stream = await session.stream(text(sql), asked.where.params, execution_options={"yield_per": AT_ONCE})
        async for rows in stream.partitions():
            write(await records_of(session, rows))
            done.records += len(rows)
            if progress is not None:
                progress(done.records)


async def _recorded(data: Database, actor: Actor, filter: str, format: Format, done: _Count) -> None:
    note = {"filter": filter, "format": format.value, "records": done.records, "complete": done.complete}
    async with data.transaction() as session:
        await record(session, actor, "audit.exported", KIND, None, note=note)


# -- formats -----------------------------------------------------------------------------------------------------------


def _written(format: Format, write: Callable[[str], object]) -> Callable[[Sequence[AuditRecord]], None]:
    """Writes records in that format; called with none before the first."""
    if format is Format.JSONL:
        return lambda records: _json_lines(records, write)
    return lambda records: _csv_lines(records, write)


def _json_lines(records: Sequence[AuditRecord], write: Callable[[str], object]) -> None:
    if records:
        write("".join(json.dumps(asdict(each), default=_plain, ensure_ascii=False) + "\n" for each in records))


def _csv_lines(records: Sequence[AuditRecord], write: Callable[[str], object]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    if not records:
        writer.writerow(NAMES)
    writer.writerows([_cell(getattr(each, name)) for name in NAMES] for each in records)
    write(buffer.getvalue())


def _cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet takes for a formula."""
    if isinstance(value, dict):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_STARTS) else value
    return value if value is None or isinstance(value, int) else _plain(value)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
