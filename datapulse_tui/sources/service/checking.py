"""Connecting to a source to see whether it is there, and keeping what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import DataPulseError
from datapulse_tui.sources import reads, rules
from datapulse_tui.sources.adapters.base import SourceCheck, SourceSchema
from datapulse_tui.sources.service.parts import TOPIC, locked, record_change
from datapulse_tui.sources.service.queries import authorise

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database
    from datapulse_tui.sources.pool import SourceHandle, Sources


@dataclass(frozen=True, slots=True)
class CheckedSource:
    """What a check found and stored. `schema` are the tables; a failed check raises instead."""

    check: SourceCheck
    schema: SourceSchema


async def check_source(data: Database, sources: Sources, actor: Actor, source: UUID | str) -> CheckedSource:
    """Connect to a source and keep what was found: status, time, tables, warnings.

    Needs `source:manage`, or the right to query it. Raises what the adapter raises when it cannot be reached; the
    source then stands as error, with the reason.
    """
    handle = await _reachable(data, actor, source)
    try:
        found = CheckedSource(await sources.check(handle), await sources.schema(handle))
    except DataPulseError as error:
        await _keep(data, actor, handle, "error", {"problem": error.message})
        raise
    await _keep(data, actor, handle, "connected", _metadata(found))
    return found


def _metadata(found: CheckedSource) -> dict[str, Any]:
    return {
        "version": found.check.version,
        "warnings": list(found.check.warnings),
        "truncated": found.schema.truncated,
        "tables": [
            {
                "schema": table.schema,
                "name": table.name,
                "rows": table.rows,
                "columns": [{"name": c.name, "kind": c.kind.value, "type": c.native} for c in table.columns],
            }
            for table in found.schema.tables
        ],
    }


async def _reachable(data: Database, actor: Actor, source: UUID | str) -> SourceHandle:
    async with data.reading() as session:
        if actor.can(rules.MANAGE):
            return await reads.source_handle(session, source)
        return await authorise(session, actor, source)


async def _keep(data: Database, actor: Actor, handle: SourceHandle, status: str, found: Mapping[str, Any]) -> None:
    """Store what a check found, unless the source's configuration was changed meanwhile."""
    from sqlalchemy import func

    from datapulse_tui.audit.clean import clean_mapping

    async with data.transaction() as session:
        row = await locked(session, handle.id)
        if row.connection_config != handle.config:
            return
        before = row.status
        kept = row.meta if status == "error" else {}  # a failed check keeps the tables that were known
        row.meta = {**kept, **clean_mapping({**found})}
        row.status = status
        if status == "connected":
            row.last_sync = func.now()
        await session.flush()
        if before != status:
            after = {"status": status, **({"problem": found["problem"]} if "problem" in found else {})}
            await record_change(session, actor, "source.checked", handle.id, before={"status": before}, after=after)
        else:
            from datapulse_tui.data.feed import emit

            await emit(session, TOPIC, handle.id)
