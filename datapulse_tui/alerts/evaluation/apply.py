"""Writing what evaluations found: one transaction for many rules, in which their slots are finished as well.

A slot is won by compare-and-set. Of a rule that was not won (the lease ran out and somebody else was faster, or the
rule was edited meanwhile) nothing at all is written, so that the samples are those that were decided on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from datapulse_tui.alerts import episodes, history, slots
from datapulse_tui.alerts.episodes import Closing, Opening
from datapulse_tui.alerts.evaluation import bulk
from datapulse_tui.alerts.evaluation.decide import decide
from datapulse_tui.alerts.evaluation.model import Decision, Finished
from datapulse_tui.alerts.evaluation.samples import write
from datapulse_tui.alerts.evaluation.series import Metric, SeriesCache
from datapulse_tui.alerts.machine import Series
from datapulse_tui.alerts.rules import RULES_TOPIC, ThresholdType
from datapulse_tui.data.feed import emit

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

# A foreign key's check is planned once a connection. Planned while a table had a page, it reads the whole table, also
# when that has 100,000 rows by now and as many are to be checked: an hour instead of a second.
_BY_INDEX = text("SET LOCAL enable_seqscan = off")
# The comparison stands in a CASE, so that the planner finds the rows by their key and by nothing else: hundreds of
# rules share a slot, and no statistics know how many have this process's lease.
_FINISH = text("""
UPDATE alert_evaluations evaluation
SET next_at = won.next_at, lease_token = NULL, lease_until = NULL, last_at = now(),
    skipped_slots = skipped_slots + won.skipped,
    skipped_at = CASE WHEN won.skipped > 0 THEN now() ELSE skipped_at END
FROM unnest(CAST(:ids AS uuid[]), CAST(:due AS timestamptz[]), CAST(:next AS timestamptz[]), CAST(:versions AS int[]),
            CAST(:skipped AS int[])) AS won(alert_id, due, next_at, condition_version, skipped)
WHERE evaluation.alert_id = won.alert_id
  AND CASE WHEN evaluation.lease_token = :token AND evaluation.condition_version = won.condition_version
           THEN evaluation.next_at = won.due ELSE false END
RETURNING evaluation.alert_id
""")
_HEALTH = text("""
UPDATE alert_evaluations evaluation
SET health = seen.health, health_reason = nullif(seen.reason, ''),
    health_since = CASE WHEN evaluation.health = seen.health AND health_since IS NOT NULL THEN health_since
                        ELSE now() END
FROM unnest(CAST(:ids AS uuid[]), CAST(:healths AS text[]), CAST(:reasons AS text[])) AS seen(alert_id, health, reason)
WHERE evaluation.alert_id = seen.alert_id
""")
# A series that the rule did not know has no row: that the slot was won says that nobody wrote one since. The row of one
# that it knew may have been forgotten meanwhile (see jobs.py).
_NEW_SERIES = """
INSERT INTO alert_series AS known (alert_id, series_id, state, reason, since, missed)
SELECT * FROM unnest(CAST(:alerts AS uuid[]), CAST(:series AS bigint[]), CAST(:states AS text[]),
                     CAST(:reasons AS text[]), CAST(:since AS timestamptz[]), CAST(:missed AS int[]))
"""
_KNOWN_SERIES = """
ON CONFLICT (alert_id, series_id) DO UPDATE
SET state = excluded.state, reason = excluded.reason, since = excluded.since, missed = excluded.missed
"""
_WRITE_SERIES = {False: text(_NEW_SERIES), True: text(_NEW_SERIES + _KNOWN_SERIES)}
_WORST = text(f"""
UPDATE alert_incidents incident SET worst_value = worse.value
FROM unnest(CAST(:ids AS uuid[]), CAST(:values AS float8[])) AS worse(id, value)
WHERE incident.id = worse.id AND {episodes.STILL_OPEN}
""")  # noqa: S608  (a constant of ours)


async def apply(session: AsyncSession, token: UUID, finished: Sequence[Finished], cache: SeriesCache) -> int:
    """Write what `finished` slots mean, in the caller's transaction; returns how many of them were won."""
    await session.execute(_BY_INDEX)
    ids = await cache.load(session, finished)
    before = await _values_before(session, finished, ids)
    decisions = [
        decide(one, ids.get(_metric(one), {}), before.get((one.held.slot, one.held.rule.condition.window_seconds), {}))
        for one in finished
    ]
    touched = [one.finished.held.rule.id for one in decisions if one.touches_rule]
    if touched:
        await episodes.lock_rules(session, touched)
    won = await _finish(session, token, finished)
    kept = [decision for decision in decisions if decision.finished.held.rule.id in won]
    await _write_samples(session, [one.finished for one in kept], ids)
    await _write_health(session, [one for one in kept if one.health_changed])
    await _write_series(session, kept)
    await _write_worst(session, kept)
    await episodes.resolve_many(session, [closing for one in kept for closing in _closings(one)])
    await episodes.open_many(session, [opening for one in kept for opening in _openings(one)])
    return len(won)


def _metric(one: Finished) -> Metric:
    rule = one.held.rule
    return (rule.query_id or rule.id, rule.metric)


async def _write_samples(
    session: AsyncSession, finished: Sequence[Finished], ids: Mapping[Metric, Mapping[str, int]]
) -> None:
    """Each series once for each slot, however many rules watch it."""
    samples: dict[datetime, dict[int, float]] = {}
    done: set[tuple[Metric, datetime, int]] = set()
    for one in finished:
        identity = (_metric(one), one.held.slot, id(one.reading))
        if not one.reading.values or identity in done:
            continue
        done.add(identity)
        known = ids[_metric(one)]
        of_slot = samples.setdefault(one.held.slot, {})
        for key, value in one.reading.values.items():
            if value is not None:
                of_slot[known[key]] = value
    await write(session, samples)


async def _values_before(
    session: AsyncSession, finished: Sequence[Finished], ids: Mapping[Metric, Mapping[str, int]]
) -> Mapping[tuple[datetime, int], Mapping[int, float]]:
    """By slot and window: the values one window ago of the series that rules on the change watch."""
    wanted: dict[tuple[datetime, int], tuple[set[int], int]] = {}
    for one in finished:
        rule = one.held.rule
        if rule.condition.type is ThresholdType.CHANGE_PERCENT and one.reading.values:
            key = (one.held.slot, rule.condition.window_seconds)
            series, tolerance = wanted.get(key, (set(), 0))
            known = ids[_metric(one)]
            series |= {known[label] for label in one.reading.values}
            wanted[key] = (series, max(tolerance, slots.lookback_tolerance(rule.interval)))
    return {
        (slot, window): await history.values_at(session, series, slot - timedelta(seconds=window), tolerance)
        for (slot, window), (series, tolerance) in wanted.items()
    }


async def _finish(session: AsyncSession, token: UUID, finished: Sequence[Finished]) -> Collection[UUID]:
    """The rules whose slots were still this process's own; they are finished."""
    held = [one.held for one in finished]
    values = {
        "token": token,
        "ids": bulk.plain(one.rule.id for one in held),
        "due": bulk.times(one.due for one in held),
        "next": bulk.times(one.next_at for one in held),
        "versions": bulk.plain(one.condition_version for one in held),
        "skipped": bulk.plain(one.skipped for one in held),
    }
    return set((await session.scalars(_FINISH, values)).all())


async def _write_health(session: AsyncSession, decisions: Sequence[Decision]) -> None:
    if not decisions:
        return
    rules = [one.finished.held.rule.id for one in decisions]
    values = {
        "ids": bulk.plain(rules),
        "healths": bulk.texts(one.verdict.health.value for one in decisions),
        "reasons": bulk.texts(one.health_reason for one in decisions),
    }
    await session.execute(_HEALTH, values)
    await emit(session, RULES_TOPIC, *rules)


async def _write_series(session: AsyncSession, decisions: Sequence[Decision]) -> None:
    for was_known, statement in _WRITE_SERIES.items():
        counts: list[tuple[UUID, int]] = []
        ids: list[int] = []
        states: list[Series] = []
        for one in decisions:
            held = one.finished.held
            some = [each for each in one.series if (each[0] in held.states) is was_known]
            counts.append((held.rule.id, len(some)))
            ids += [series_id for series_id, _ in some]
            states += [state for _, state in some]
        if ids:
            values = {
                "alerts": bulk.repeated(counts),
                "series": bulk.plain(ids),
                "states": bulk.texts([each.state for each in states]),
                "reasons": bulk.texts([each.reason for each in states]),
                "since": bulk.times([each.since for each in states]),
                "missed": bulk.plain([each.missed for each in states]),
            }
            await session.execute(statement, values)


async def _write_worst(session: AsyncSession, decisions: Sequence[Decision]) -> None:
    rows = [each for one in decisions for each in one.worst]
    if rows:
        values = {"ids": bulk.plain(id_ for id_, _ in rows), "values": bulk.plain(value for _, value in rows)}
        await session.execute(_WORST, values)


def _openings(decision: Decision) -> list[Opening]:
    held, reading = decision.finished.held, decision.finished.reading
    return [
        Opening(held.rule.id, held.slot, one.kind, one.series_id, reading.labels.get(one.label_key, {}), one.value,
                one.reason)
        for one in decision.opened
    ]  # fmt: skip


def _closings(decision: Decision) -> list[Closing]:
    held = decision.finished.held
    return [Closing(held.rule.id, held.slot, one.kind, one.series_id, one.value, one.reason) for one in decision.closed]
