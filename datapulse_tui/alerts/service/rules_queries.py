"""What a saved query's new text means for the rules that watch it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.alerts.rules import RULES_TOPIC
from datapulse_tui.alerts.service import rules_writing as writing

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

# Not now(): samples of the old text were written until the rules were locked.
_MEANS_ANOTHER = "UPDATE queries SET meaning_since = clock_timestamp() WHERE id = :query"
_RULES = "SELECT id FROM alerts WHERE metric_id = :query AND archived_at IS NULL ORDER BY id"
_NEXT = """
UPDATE alerts SET condition_version = condition_version + 1, updated_at = now()
WHERE id = :id RETURNING is_active, interval_seconds
"""


async def query_changed(session: AsyncSession, actor: Actor, query_id: UUID) -> int:
    """Have the rules that watch a query start again from normal, because its SQL or source is another one; how many.

    The same as an edit of the condition: open incidents close with the reason rule_changed, a worker that still
    evaluates the old text has lost its slot. What the old text brought is not compared with what the new one brings. In
    the transaction that saves the query. Needs no right of its own: who may save the query decides what it says.
    """
    from sqlalchemy import text

    from datapulse_tui.alerts.episodes import lock_rules, refresh_status
    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    ids = list((await session.execute(text(_RULES), {"query": query_id})).scalars())
    await lock_rules(session, ids)
    await session.execute(text(_MEANS_ANOTHER), {"query": query_id})
    for alert_id in ids:
        rule = (await session.execute(text(_NEXT), {"id": alert_id})).one()
        await writing.start_again(session, actor, alert_id, frozenset({"metric_id"}))
        if rule.is_active:
            await writing.schedule(session, alert_id, query_id, rule.interval_seconds)
        await record(session, actor, "alert.query_changed", writing.RESOURCE, alert_id, note={"query_id": query_id})
    if ids:
        await refresh_status(session, ids)
        await emit(session, RULES_TOPIC, *ids)
    return len(ids)
