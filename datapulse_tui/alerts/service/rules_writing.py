"""How a rule is written: its row, its schedule, its series, the trail. No decisions about rights: see service/rules.py.

Every writer locks the rule first (episodes.lock_rules), so that edits, evaluation and triage wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.alerts.rules import RULES_TOPIC, SNOOZES_TOPIC, ThresholdType

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.alerts.reads.rules import RuleDetail
    from datapulse_tui.alerts.service.rules_resolving import Resolved
    from datapulse_tui.alerts.spec import RuleSpec
    from datapulse_tui.audit.actor import Actor

RESOURCE = "alert"
RULE_CHANGED = "rule_changed"
RULE_PAUSED = "rule_paused"
RULE_ARCHIVED = "rule_archived"
FIRST_LOOK = 60  # seconds: a rule with a longer interval is evaluated that soon for the first time

_IDENTIFYING = frozenset({"name", "user_id"})  # by which a living rule is found
# What a series is of; another one of these makes other series.
_IDENTITY = frozenset({"metric_id", "metric", "label_columns"})
_CONDITION = _IDENTITY | {
    "threshold_type", "threshold_value", "recovery_value", "for_seconds", "keep_firing_seconds", "window_seconds",
}  # fmt: skip
_SCHEDULE = """
INSERT INTO alert_evaluations (alert_id, next_at, condition_version)
VALUES (:alert_id, :next_at, (SELECT condition_version FROM alerts WHERE id = :alert_id))
ON CONFLICT (alert_id) DO UPDATE SET
    next_at = excluded.next_at, lease_token = NULL, lease_until = NULL, condition_version = excluded.condition_version,
    health = CASE WHEN :anew THEN 'unknown' ELSE alert_evaluations.health END,
    health_reason = CASE WHEN :anew THEN NULL ELSE alert_evaluations.health_reason END,
    health_since = CASE WHEN :anew THEN now() ELSE alert_evaluations.health_since END
"""
_END_SNOOZES = """
UPDATE alert_snoozes SET ended_at = now(), ended_by = :actor_id, version = version + 1
WHERE alert_id = :alert_id AND ended_at IS NULL RETURNING id
"""


def columns(spec: RuleSpec, query_id: UUID, resolved: Resolved) -> dict[str, Any]:
    """The columns of `alerts` that a spec decides; `is_active` is not among them."""
    return {
        "name": spec.name,
        "description": spec.description,
        "metric_id": query_id,
        "metric": spec.metric,
        "label_columns": list(spec.label_columns),
        "threshold_type": spec.threshold_type.value,
        "threshold_value": _decimal(spec.threshold),
        "recovery_value": None if spec.recovery is None else _decimal(spec.recovery),
        "for_seconds": spec.for_,
        "keep_firing_seconds": spec.keep_firing_for,
        "interval_seconds": spec.interval,
        "window_seconds": spec.window,
        "no_data_policy": spec.no_data_policy.value,
        "error_policy": spec.error_policy.value,
        "severity": spec.severity.value,
        "labels": dict(spec.labels),
        "runbook_url": spec.runbook_url,
        "message": spec.message,
        "channels": resolved.channels,
        "frequency": spec.frequency,
        "group_wait_seconds": spec.group_wait,
        "group_interval_seconds": spec.group_interval,
        "repeat_interval_seconds": spec.repeat_interval,
        "escalate_after_seconds": spec.escalate_after,
        "escalation_channels": resolved.escalation_channels,
    }


def condition_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    """Which columns of the condition differ. The window belongs to it only where a change over it is watched; policies
    do not: they are about the next evaluation."""
    changed = {name for name in _CONDITION if before[name] != after[name]}
    if after["threshold_type"] != ThresholdType.CHANGE_PERCENT:
        changed.discard("window_seconds")
    return frozenset(changed)


async def stored_columns(session: AsyncSession, alert_id: UUID) -> dict[str, Any]:
    """The columns of a rule as they are stored."""
    from sqlalchemy import select

    from datapulse_tui.data.models.alerts import Alert

    table = Alert.__table__
    return dict((await session.execute(select(table).where(table.c.id == alert_id))).mappings().one())


async def insert_rule(session: AsyncSession, owner_id: UUID, values: Mapping[str, Any], *, active: bool) -> UUID | None:
    """The id of the new rule; None when the owner has a living one of that name."""
    from sqlalchemy import text
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.alerts import Alert

    status = "active" if active else "inactive"
    statement = insert(Alert).values(user_id=owner_id, is_active=active, status=status, **values)
    made: UUID | None = await session.scalar(
        statement.on_conflict_do_nothing(
            index_elements=[Alert.user_id, Alert.name], index_where=text("archived_at IS NULL")
        ).returning(Alert.id)
    )
    if made is not None and active:
        await schedule(session, made, values["metric_id"], values["interval_seconds"])
    return made


async def update_rule(session: AsyncSession, alert_id: UUID, values: Mapping[str, Any]) -> bool:
    """Write columns of a locked rule and make it a new version. False when its name is taken."""
    from sqlalchemy import func, update
    from sqlalchemy.exc import IntegrityError

    from datapulse_tui.data.models.alerts import Alert

    statement = (
        update(Alert)
        .where(Alert.id == alert_id)
        .values(**values, version=Alert.version + 1, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )
    if not _IDENTIFYING & values.keys():
        await session.execute(statement)
        return True
    try:
        async with session.begin_nested():
            await session.execute(statement)
    except IntegrityError as error:
        if "alerts_user_id_name_idx" in str(error.orig):
            return False
        raise
    return True


async def schedule(
    session: AsyncSession, alert_id: UUID, query_id: UUID | None, interval: int, *, anew: bool = True
) -> None:
    """Put an active rule on its slots (or on those of other ones than before); a worker that holds it has lost it.

    `anew`: nothing is known of its health, and the first evaluation comes within a minute.
    """
    from datetime import datetime

    from sqlalchemy import text

    from datapulse_tui.alerts.slots import next_slot, slot_offset

    now: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    pace = min(interval, FIRST_LOOK) if anew else interval
    next_at = next_slot(now, pace, slot_offset(query_id or alert_id, pace))
    await session.execute(text(_SCHEDULE), {"alert_id": alert_id, "next_at": next_at, "anew": anew})


async def start_again(session: AsyncSession, actor: Actor, alert_id: UUID, changed: frozenset[str]) -> None:
    """Everything from normal, after an edit of the condition: open incidents close, series of before are forgotten."""
    from sqlalchemy import text

    from datapulse_tui.alerts.episodes import close_for_rule

    await close_for_rule(session, actor, alert_id, RULE_CHANGED)
    if changed & _IDENTITY:
        await session.execute(text("DELETE FROM alert_series WHERE alert_id = :id"), {"id": alert_id})
        return
    again = "UPDATE alert_series SET state = 'normal', reason = :reason, since = now(), missed = 0 WHERE alert_id = :id"
    await session.execute(text(again), {"id": alert_id, "reason": RULE_CHANGED})


async def rest(session: AsyncSession, actor: Actor, alert_id: UUID, reason: str) -> None:
    """A rule is no longer watched: open incidents close for `reason`, its series and its schedule go."""
    from sqlalchemy import text

    from datapulse_tui.alerts.episodes import close_for_rule

    await close_for_rule(session, actor, alert_id, reason)
    for table in ("alert_series", "alert_evaluations"):
        await session.execute(text(f"DELETE FROM {table} WHERE alert_id = :id"), {"id": alert_id})  # noqa: S608


async def end_snoozes(session: AsyncSession, actor: Actor, alert_id: UUID) -> None:
    """End what silences a rule that is archived."""
    from sqlalchemy import text

    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    ended: Sequence[UUID] = (
        (await session.execute(text(_END_SNOOZES), {"alert_id": alert_id, "actor_id": actor.user_id})).scalars().all()
    )
    for snooze_id in ended:
        await record(session, actor, "snooze.ended", "snooze", snooze_id, note={"reason": "its rule was deleted"})
    if ended:
        await emit(session, SNOOZES_TOPIC, *ended)


async def tell(
    session: AsyncSession,
    actor: Actor,
    action: str,
    alert_id: UUID,
    before: RuleDetail | None,
    *,
    note: Mapping[str, object] | None = None,
    gone: bool = False,
) -> None:
    """The audit record, with the rule before and (unless it is `gone`) as it is now, and the change event."""
    from datapulse_tui.alerts.plain import plain_detail
    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    now = None if gone else await now_of(session, alert_id)
    await record(
        session,
        actor,
        action,
        RESOURCE,
        alert_id,
        before=None if before is None else plain_detail(before, owner=True),
        after=None if now is None else plain_detail(now, owner=True),
        note=note,
    )
    await emit(session, RULES_TOPIC, alert_id)


async def now_of(session: AsyncSession, alert_id: UUID) -> RuleDetail:
    """The rule as it stands in this transaction, whoever asks."""
    from datapulse_tui.alerts.episodes import SYSTEM
    from datapulse_tui.alerts.reads.rules import read_rules

    (found,) = await read_rules(session, SYSTEM, ids=[alert_id])
    return found


def _decimal(value: float) -> Decimal:
    """As many digits as bring the same float back."""
    return Decimal(repr(value))
