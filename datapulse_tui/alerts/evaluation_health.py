"""How evaluation keeps up: what the desk and `datapulse worker status` say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from datapulse_tui.data.glance import Reader

OVERDUE_AFTER = 5.0  # seconds after its slot that a rule may still be on its way

# A rule is counted once however short its interval is: what it did in the last minute follows from the interval.
_HEALTH = """
SELECT count(*) AS rules,
       count(*) FILTER (WHERE next_at < now() - make_interval(secs => :late)) AS overdue,
       coalesce(extract(epoch FROM now() - min(next_at)), 0)::float8 AS lag_seconds,
       coalesce(sum(1.0 / least(rule.interval_seconds, 60)) FILTER (WHERE last_at > now() - interval '1 minute'), 0)
           ::float8 AS per_second,
       count(*) FILTER (WHERE health = 'error') AS failing,
       coalesce(sum(skipped_slots), 0)::bigint AS skipped
FROM alert_evaluations evaluation JOIN alerts rule ON rule.id = evaluation.alert_id
"""
_TROUBLED = """
SELECT rule.id, rule.name, owner.name AS owner, evaluation.health, coalesce(evaluation.health_reason, '') AS reason,
       evaluation.health_since AS since, evaluation.next_at AS due,
       evaluation.next_at < now() - make_interval(secs => :late) AS overdue
FROM alert_evaluations evaluation
JOIN alerts rule ON rule.id = evaluation.alert_id
JOIN users owner ON owner.id = rule.user_id
WHERE evaluation.health = 'error' OR evaluation.next_at < now() - make_interval(secs => :late)
ORDER BY evaluation.health = 'error' DESC, evaluation.next_at, rule.id LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class EvaluationHealth:
    """Rules that are evaluated, how many of them are more than OVERDUE_AFTER late, how late the last of all is, in
    seconds, evaluations a second over the last minute, rules that stand as error, slots that were ever skipped."""

    rules: int
    overdue: int
    lag_seconds: float
    per_second: float
    failing: int
    skipped: int


async def evaluation_health(reader: Reader) -> EvaluationHealth:
    """Read it; a few milliseconds for 10,000 rules."""
    (row,) = await fetch(reader, _HEALTH, {"late": OVERDUE_AFTER})
    return EvaluationHealth(
        row.rules, row.overdue, round(max(row.lag_seconds, 0.0), 1), round(row.per_second, 1), row.failing, row.skipped
    )


@dataclass(frozen=True, slots=True)
class TroubledRule:
    """A rule that stands as error (`reason` says why, `since` when), or is `overdue`: it was `due` a while ago."""

    id: UUID
    name: str
    owner: str
    health: str
    reason: str
    since: datetime | None
    due: datetime
    overdue: bool


async def troubled_rules(reader: Reader, limit: int = 20) -> tuple[TroubledRule, ...]:
    """Rules that fail, then those that are late, the latest first.

    Asks for no right: for reads that have decided who may see how evaluation goes.
    """
    rows = await fetch(reader, _TROUBLED, {"late": OVERDUE_AFTER, "limit": limit})
    return tuple(TroubledRule(*row) for row in rows)
