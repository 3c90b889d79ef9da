"""SQL that people write: who may, running it, and saving it under a name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import Invalid
from datapulse_tui.sources import reads, rules
from datapulse_tui.sources.adapters.base import DEFAULT_LIMIT, DEFAULT_TIMEOUT
from datapulse_tui.sources.service.parts import QUERY_KIND, record_change
from datapulse_tui.sources.watchers import tell_query_changed

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.result import Result
    from datapulse_tui.sources.pool import SourceHandle, Sources

LARGEST_LIMIT = 1_000_000  # rows of one run


async def authorise(session: AsyncSession, actor: Actor, source: UUID | str) -> SourceHandle:
    """The source, if `actor` may run and save SQL on it: for everything that takes SQL from a person.

    Raises NotAllowed, and NotFound for a source that they may not even see.
    """
    actor.require(rules.QUERY, "run or save SQL")
    handle = await reads.source_handle(session, source)
    granted = await reads.granted(session, actor, handle.id)
    if not granted and not actor.can(rules.VIEW):
        raise reads.not_found(source)
    rules.require_query(actor, granted=granted, source=handle.name)
    return handle


async def run_query(
    data: Database,
    sources: Sources,
    actor: Actor,
    *,
    source: UUID | str,
    sql: str,
    params: Mapping[str, object] | None = None,
    limit: int = DEFAULT_LIMIT,
    timeout: float = DEFAULT_TIMEOUT,
    tag: str = "",
) -> Result:
    """Run SQL that a person wrote. It changes nothing, so it leaves no audit record.

    Raises NotAllowed, NotFound, Invalid (refused by the guard or by the source), QueryTimeout, Unavailable.
    """
    if not 1 <= limit <= LARGEST_LIMIT:
        raise Invalid(f"The limit must be between 1 and {LARGEST_LIMIT:,} rows.", hint="Give another limit.")
    async with data.reading() as session:
        handle = await authorise(session, actor, source)
    return await sources.run(handle, sql, params, limit=limit, timeout=timeout, tag=tag)


async def save_query(
    session: AsyncSession,
    actor: Actor,
    *,
    name: str,
    sql: str,
    source: UUID | str,
    description: str | None = None,
) -> UUID:
    """Save a query under the actor's name for it (an earlier one of that name is replaced) and return its id.

    The text must pass the guard of its source. Raises NotAllowed, NotFound, Invalid.
    """
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import Query

    actor.require(rules.SAVE, "save queries")
    if actor.user_id is None:
        raise Invalid(
            "A saved query belongs to a person, and you act as an operator. Nothing was saved.",
            hint="Say in whose name: datapulse --as EMAIL query save ...",
        )
    cleaned = rules.clean_name(name, "query")
    handle = await authorise(session, actor, source)
    await asyncio.to_thread(_require_guarded, handle, sql)
    row = await session.scalar(
        select(Query).where(Query.user_id == actor.user_id, Query.name == cleaned).with_for_update()
    )
    before = None if row is None else _query_shown(row)
    if row is None:
        row = Query(user_id=actor.user_id, name=cleaned)
        session.add(row)
    row.sql, row.data_source_id = sql, handle.id
    if description is not None or before is None:
        row.description = description
    await session.flush()
    action = "query.saved" if before is None else "query.updated"
    await record_change(session, actor, action, row.id, before=before, after=_query_shown(row), kind=QUERY_KIND)
    if before is not None and (before["sql"], before["data_source_id"]) != (row.sql, row.data_source_id):
        await tell_query_changed(session, actor, row.id)
    return row.id


def _require_guarded(handle: SourceHandle, sql: str) -> None:
    from datapulse_tui.sources import guard

    extra = frozenset(handle.config.get("allowed_functions", ()))
    guard.check(sql, guard.Policy("duckdb" if handle.type == "csv" else "postgres", extra))


def _query_shown(row: Any) -> dict[str, object]:
    return {"name": row.name, "sql": row.sql, "description": row.description, "data_source_id": row.data_source_id}
