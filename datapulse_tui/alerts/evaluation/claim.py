"""Claiming rules that are due: a lease that keeps other workers away, and everything that evaluating them needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from datapulse_tui.alerts import slots
from datapulse_tui.alerts.evaluation import bulk
from datapulse_tui.alerts.evaluation.definitions import Owner, RuleCache, owners, queries
from datapulse_tui.alerts.evaluation.model import Held, Limits, Open
from datapulse_tui.alerts.machine import Series
from datapulse_tui.alerts.rules import Health, IncidentKind, SeriesState
from datapulse_tui.sources.pool import SourceHandle

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

# What a connection has run ten times keeps a plan for a few ids and for tables as they were: made on a quiet night, it
# compared every open incident with every id. (Not where rows are inserted: foreign keys would be planned for each.)
_AS_GIVEN = text("SET LOCAL plan_cache_mode = force_custom_plan")
# Whole queries at a time, the ones that wait longest first, so that what shares a query is claimed together.
_CLAIM = """
WITH wanted AS (
    SELECT a.metric_id, min(e.next_at) AS since
    FROM alert_evaluations e JOIN alerts a ON a.id = e.alert_id LEFT JOIN queries q ON q.id = a.metric_id
    WHERE e.next_at <= now() AND (e.lease_until IS NULL OR e.lease_until < now()) AND {source}
    GROUP BY a.metric_id ORDER BY since, a.metric_id LIMIT :queries
), due AS (
    SELECT e.alert_id, a.version
    FROM wanted JOIN alerts a ON a.metric_id {same} wanted.metric_id JOIN alert_evaluations e ON e.alert_id = a.id
    WHERE e.next_at <= now() AND (e.lease_until IS NULL OR e.lease_until < now())
    FOR UPDATE OF e SKIP LOCKED
)
UPDATE alert_evaluations e
SET lease_token = :token, lease_until = now() + make_interval(secs => :lease)
FROM due WHERE e.alert_id = due.alert_id
RETURNING e.alert_id, due.version, e.next_at, e.condition_version, e.health, e.health_reason, now() AS now
"""
_OF_A_SOURCE = text(_CLAIM.format(source="q.data_source_id = :source", same="="))
_OF_NO_SOURCE = text(_CLAIM.format(source="q.data_source_id IS NULL", same="IS NOT DISTINCT FROM"))
_STATES = text("""
SELECT alert_id, series_id, state, reason, since, missed FROM alert_series WHERE alert_id = ANY(CAST(:ids AS uuid[]))
""")
_OPEN = text("""
SELECT id, alert_id, series_id, kind, worst_value FROM alert_incidents
WHERE alert_id = ANY(CAST(:ids AS uuid[])) AND resolved_at IS NULL
""")
_SOURCE = text("SELECT id, name, type, connection_config FROM data_sources WHERE id = :source")
# A row that is locked is being finished, or its rule is being edited: neither waits for the other.
_MINE = """
FROM (SELECT alert_id FROM alert_evaluations WHERE alert_id = ANY(CAST(:ids AS uuid[])) AND lease_token = :token
      FOR UPDATE SKIP LOCKED) mine
WHERE evaluation.alert_id = mine.alert_id
"""
_RENEW = text(
    f"UPDATE alert_evaluations evaluation SET lease_until = now() + make_interval(secs => :lease) {_MINE}"  # noqa: S608
)
_RELEASE = text(f"UPDATE alert_evaluations evaluation SET lease_token = NULL, lease_until = NULL {_MINE}")  # noqa: S608

_STATE = {state.value: state for state in SeriesState}
_HEALTH = {health.value: health for health in Health}
_KIND = {kind.value: kind for kind in IncidentKind}


@dataclass(frozen=True, slots=True)
class Claim:
    """What was claimed of a source. `source` is None where the rules' queries have no source any more."""

    source: SourceHandle | None
    held: Sequence[Held]
    queries: Mapping[UUID, str]
    owners: Mapping[UUID, Owner]


async def claim(
    session: AsyncSession, source: UUID | None, token: UUID, limits: Limits, cache: RuleCache
) -> Claim | None:
    """Lease rules of `source` that are due; None when there is nothing to claim.

    What it reads is as it stood after the lease was taken: nobody else writes a leased rule's series, apart from edits
    of the rule, which the end of the slot notices.
    """
    await session.execute(_AS_GIVEN)
    asked = {"token": token, "lease": limits.lease, "queries": limits.claim_queries}
    statement = _OF_NO_SOURCE if source is None else _OF_A_SOURCE
    rows = (await session.execute(statement, asked | ({"source": source} if source else {}))).all()
    if not rows:
        return None
    rules = await cache.load(session, {row.alert_id: row.version for row in rows})
    held: dict[UUID, Held] = {}
    turns: dict[tuple[datetime, int, int], slots.Turn | None] = {}  # what shares a query mostly shares its slots
    for alert_id, _, due, condition_version, health, health_reason, now in rows:
        rule = rules.get(alert_id)
        if rule is None:
            continue
        when = (due, rule.interval, rule.offset)
        if when not in turns:
            turns[when] = slots.turn(due, now, rule.interval, rule.offset)
        turn = turns[when]
        if turn is not None:
            held[alert_id] = Held(
                rule, due, turn.slot, turn.next_at, turn.skipped, condition_version, _HEALTH[health],
                health_reason or "",
            )  # fmt: skip
    await _where_they_stand(session, held)
    handle = None
    if source is not None:
        found = (await session.execute(_SOURCE, {"source": source})).one_or_none()
        handle = SourceHandle(found.id, found.name, found.type, found.connection_config) if found else None
    return Claim(
        handle,
        list(held.values()),
        await queries(session, {one.rule.query_id for one in held.values() if one.rule.query_id}),
        await owners(session, source, {one.rule.owner_id for one in held.values()}),
    )


async def renew(session: AsyncSession, token: UUID, rules: Collection[UUID], limits: Limits) -> None:
    """Prolong the leases of rules that this process still works on."""
    await session.execute(_RENEW, {"ids": bulk.plain(rules), "token": token, "lease": limits.lease})


async def release(session: AsyncSession, token: UUID, rules: Collection[UUID]) -> None:
    """Give leases back, so that another worker may take the slots at once."""
    await session.execute(_RELEASE, {"ids": bulk.plain(rules), "token": token})


async def _where_they_stand(session: AsyncSession, held: Mapping[UUID, Held]) -> None:
    ids = {"ids": bulk.plain(held)}
    for alert_id, series_id, state, reason, since, missed in (await session.execute(_STATES, ids)).all():
        held[alert_id].states[series_id] = Series(_STATE[state], reason, since, missed)
    for id_, alert_id, series_id, kind, worst in (await session.execute(_OPEN, ids)).all():
        held[alert_id].open[series_id, _KIND[kind]] = Open(id_, worst)
