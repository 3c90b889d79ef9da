"""How the background work is doing: what the status line and `datapulse worker status` say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

STALLED_AFTER = 30.0  # seconds without a heartbeat (a worker beats three times as often)

# A job has no time of its own: it waits since the time it was due or, without one, since its last event. The oldest
# are those with the lowest ids; a look at a hundred of them is enough for a lag that is not exact to the job.
_HEALTH = """
WITH due AS (
    SELECT id, scheduled_at FROM procrastinate_jobs
    WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
), oldest AS (
    SELECT min(coalesce(job.scheduled_at, event.at)) AS since
    FROM (SELECT * FROM due ORDER BY id LIMIT 100) job
    LEFT JOIN LATERAL (SELECT max(at) AS at FROM procrastinate_events WHERE job_id = job.id) event ON true
)
SELECT (SELECT count(*) FROM procrastinate_workers
        WHERE last_heartbeat > now() - make_interval(secs => :stalled_after)) AS workers,
       (SELECT max(last_heartbeat) FROM procrastinate_workers) AS last_beat,
       (SELECT count(*) FROM due) AS queued,
       coalesce(extract(epoch FROM clock_timestamp() - since), 0)::float8 AS lag_seconds
FROM oldest
"""


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """`workers` that live, the `last_beat` of any (None: none is known), jobs that are due and `queued`, and for how
    many seconds the oldest of those has waited."""

    workers: int
    last_beat: datetime | None
    queued: int
    lag_seconds: float

    @property
    def alive(self) -> bool:
        """Whether anybody does the background work; if not, alerts rest."""
        return self.workers > 0


async def worker_health(session: AsyncSession, *, stalled_after: float = STALLED_AFTER) -> WorkerHealth:
    """Read the workers' heartbeats and the queue; `stalled_after` is in seconds."""
    from sqlalchemy import text

    row = (await session.execute(text(_HEALTH), {"stalled_after": stalled_after})).one()
    return WorkerHealth(row.workers, row.last_beat, row.queued, max(row.lag_seconds, 0.0))
