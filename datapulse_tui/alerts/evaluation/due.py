"""What is due, asked about once a second by every worker: as cheap as it can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_DUE = """
SELECT DISTINCT query.data_source_id AS source
FROM alert_evaluations evaluation
JOIN alerts rule ON rule.id = evaluation.alert_id
LEFT JOIN queries query ON query.id = rule.metric_id
WHERE evaluation.next_at <= now() AND (evaluation.lease_until IS NULL OR evaluation.lease_until < now())
"""
_UNTIL_NEXT = """
SELECT extract(epoch FROM min(next_at) - now())::float8 AS seconds FROM alert_evaluations WHERE next_at > now()
"""
_TIMERS = """
SELECT EXISTS (SELECT FROM alert_incidents WHERE timer_at <= now())
    OR EXISTS (SELECT FROM alert_snoozes WHERE ended_at IS NULL AND (until <= now() OR notice_at <= now())) AS due
"""
# Slots lie at most one interval ahead. A rule that waits longer was scheduled by a clock that was put back since.
_BRING_BACK = """
UPDATE alert_evaluations evaluation SET next_at = now(), lease_token = NULL, lease_until = NULL
FROM alerts rule
WHERE rule.id = evaluation.alert_id
  AND evaluation.next_at > now() + make_interval(secs => rule.interval_seconds + 5)
RETURNING rule.id
"""


@dataclass(frozen=True, slots=True)
class Due:
    """Sources with rules that are due and nobody's (None: rules without a source), whether timers are due, and in how
    many seconds the next rule is (None: no rule waits)."""

    sources: Sequence[UUID | None]
    timers: bool
    next_in: float | None


async def due(session: AsyncSession) -> Due:
    """What is to be done now."""
    from sqlalchemy import text

    sources = (await session.scalars(text(_DUE))).all()
    timers = bool((await session.execute(text(_TIMERS))).scalar_one())
    next_in = (await session.execute(text(_UNTIL_NEXT))).scalar_one()
    return Due(tuple(sources), timers, next_in)


async def bring_back(session: AsyncSession) -> int:
    """Make rules due that a jump of the clock has put further away than their interval; returns how many."""
    from sqlalchemy import text

    return len((await session.execute(text(_BRING_BACK))).all())
