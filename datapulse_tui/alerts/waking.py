"""The end of snoozes, however it comes (by hand, by the clock, with a workflow): what they silenced wakes up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.alerts.reads.incident_rows import FIRING
from datapulse_tui.alerts.rules import SNOOZES_TOPIC, IncidentKind, IncidentStatus
from datapulse_tui.alerts.snoozing import woken

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

KIND = "snooze"
RECOVERED = "recovered"

_END = """
UPDATE alert_snoozes SET ended_at = now(), ended_by = CAST(:me AS uuid), notice_at = NULL, version = version + 1
WHERE id = ANY(CAST(:ids AS uuid[])) AND ended_at IS NULL
RETURNING id, alert_id, incident_id
"""
_SILENCED = f"""
SELECT i.id, i.alert_id, i.series_id, i.kind, i.acknowledged_at IS NOT NULL AS acknowledged, now() AS now,
    {FIRING} AS holds,
    EXISTS (SELECT 1 FROM alert_snoozes z
            WHERE z.alert_id = i.alert_id AND z.incident_id IS NULL AND z.ended_at IS NULL AND z.until > now()
    ) AS silenced
FROM alert_incidents i
WHERE i.snooze_id = ANY(CAST(:ids AS uuid[])) AND i.status = 'snoozed'
ORDER BY i.id FOR NO KEY UPDATE OF i
"""  # noqa: S608  (pieces of this program, values are bound)
_NEXT_SNOOZE = """
(SELECT z.id FROM alert_snoozes z
 WHERE z.alert_id = i.alert_id AND z.incident_id IS NULL AND z.ended_at IS NULL AND z.until > now()
 ORDER BY z.until DESC LIMIT 1)
"""
_LOCK_INCIDENTS = """
SELECT id FROM alert_incidents WHERE snooze_id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE
"""


async def end_snoozes(session: AsyncSession, actor: Actor, snooze_ids: Collection[UUID], why: str) -> int:
    """End snoozes and wake what they silenced; returns how many snoozes were not over yet.

    The rules of the snoozes are locked by the caller (see episodes.py). `why` is kept in the timeline and in the trail.
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import Entry, record_many
    from datapulse_tui.data.feed import emit

    ids = {"ids": sorted(snooze_ids)}
    await session.execute(text(_LOCK_INCIDENTS), ids)  # before the snoozes, as evaluation does
    ended = (await session.execute(text(_END), ids | {"me": actor.user_id})).all()
    if not ended:
        return 0
    await _wake(session, actor, [row.id for row in ended], {row.alert_id for row in ended}, why)
    entries = [Entry("snooze.ended", KIND, row.id, note={"why": why}) for row in ended]
    await record_many(session, actor, entries)
    await emit(session, SNOOZES_TOPIC, *(row.id for row in ended))
    return len(ended)


async def _wake(
    session: AsyncSession, actor: Actor, snooze_ids: Sequence[UUID], alert_ids: Collection[UUID], why: str
) -> None:
    from sqlalchemy import text

    from datapulse_tui.alerts import episodes, telling
    from datapulse_tui.alerts.service.acting import change, tell_desks, timers

    becoming: dict[IncidentStatus, list[Any]] = defaultdict(list)
    rows = (await session.execute(text(_SILENCED), {"ids": list(snooze_ids)})).all()
    for row in rows:
        status = woken(acknowledged=row.acknowledged, holds=row.holds, silenced=row.silenced)
        becoming[status].append(row)
    details = {"why": why}
    awake = [row.id for row in rows if row.holds and not row.silenced]
    if awake:
        sets = (
            "status = CASE WHEN i.acknowledged_at IS NULL THEN 'triggered' ELSE 'acknowledged' END, "
            f"snooze_id = NULL, {timers()}"
        )
        await change(session, actor, awake, "snooze_ended", sets, details=details)
    still = [row.id for row in becoming[IncidentStatus.SNOOZED]]
    if still:
        await change(session, actor, still, "snooze_ended", f"snooze_id = {_NEXT_SNOOZE}", details=details)
    await episodes.resolve_many(
        session,
        [
            episodes.Closing(row.alert_id, row.now, IncidentKind(row.kind), row.series_id, reason=RECOVERED)
            for row in becoming[IncidentStatus.RESOLVED]
        ],
    )
    await episodes.refresh_status(session, alert_ids)
    told = [row.id for row in becoming[IncidentStatus.TRIGGERED]]
    if told:
        occasion = f"woken {rows[0].now.isoformat()}"
        await telling.tell(session, telling.UPDATE, told, occasion=occasion, comment=why)
    if awake or still:
        await tell_desks(session, [*awake, *still])
