"""What the verbs on sources share: finding and locking one, and writing down what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.sources import reads

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.models.sources import DataSource

TOPIC = "sources"
QUERIES_TOPIC = "queries"
KIND = "data_source"
QUERY_KIND = "query"


async def record_change(
    session: AsyncSession,
    actor: Actor,
    action: str,
    resource_id: UUID,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    note: Mapping[str, object] | None = None,
    kind: str = KIND,
) -> None:
    """The audit record and the change event, in the same transaction as the change."""
    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    await record(session, actor, action, kind, resource_id, before, after, note=note)
    await emit(session, TOPIC if kind == KIND else QUERIES_TOPIC, resource_id)


async def locked(session: AsyncSession, source: UUID | str) -> DataSource:
    """The source, locked against other changes until the transaction ends. Raises NotFound."""
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import DataSource

    wanted = DataSource.id == source if isinstance(source, UUID) else DataSource.name == source
    row = await session.scalar(select(DataSource).where(wanted).with_for_update())
    if row is None:
        raise reads.not_found(source)
    return row
