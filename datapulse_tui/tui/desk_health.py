"""What the health screen asks of the domains. Everything heavy is imported in the methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from datapulse_tui.tui.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datapulse_tui.jobs.reads import FailedJob
    from datapulse_tui.jobs.service import JobOutcome
    from datapulse_tui.operations.health.parts import Part
    from datapulse_tui.sources.pool import Sources
    from datapulse_tui.tui.services import Person

JOBS_SHOWN = 100
DELIVERIES_AT_ONCE = 1000


class Health(NamedTuple):
    """Every part, and the failed jobs, the newest first; `more` says that there are more of them."""

    parts: tuple[Part, ...]
    jobs: tuple[FailedJob, ...]
    more: bool


class HealthDesk(Workspace):
    """Health. Raises DataPulseError; Unavailable when the database is away."""

    _sources: Sources | None = None  # the desk's own, once a widget has asked for them

    async def health(self, person: Person, feed: str) -> Health:
        """How everything is now; `feed` is how this desk hears of changes."""
        from datapulse_tui.jobs.reads import failed_jobs
        from datapulse_tui.operations.health.places import Process
        from datapulse_tui.operations.health.reading import health

        uses = self._sources.in_use() if self._sources is not None else {}
        parts = await health(self.data, person.actor, process=Process(self.data.pool(), uses, feed))
        async with self.data.reading() as session:
            page = await failed_jobs(session, person.actor, limit=JOBS_SHOWN)
        return Health(parts, page.items, page.next is not None)

    async def retry_jobs(self, person: Person, seen: Sequence[tuple[int, int]]) -> tuple[JobOutcome, ...]:
        """Have failed jobs run again, as they were seen: number and attempts."""
        from datapulse_tui.jobs.service import retry

        async with self.acting(person) as (session, actor):
            return await retry(session, actor, seen)

    async def send_failed_again(self, person: Person) -> int:
        """Have what stands as failed in the outbox sent again, the latest first and not all of very many; how many."""
        from datapulse_tui.notify.reads import failed
        from datapulse_tui.notify.service import send_again

        async with self.acting(person) as (session, actor):
            rows = await failed(session, actor, DELIVERIES_AT_ONCE)
            return await send_again(session, actor, [row.id for row in rows]) if rows else 0
