"""The evaluator of a worker: lives as long as its process, so that a source that hangs holds no job."""

from __future__ import annotations

import asyncio
import functools
import logging
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from datapulse_tui.alerts.evaluation.apply import apply
from datapulse_tui.alerts.evaluation.claim import Claim, claim, release, renew
from datapulse_tui.alerts.evaluation.definitions import RuleCache
from datapulse_tui.alerts.evaluation.lane import BROKEN, Desk, Lane
from datapulse_tui.alerts.evaluation.model import Finished, Limits, Reading
from datapulse_tui.alerts.evaluation.series import SeriesCache
from datapulse_tui.errors import DataPulseError

if TYPE_CHECKING:
    from datapulse_tui.data.database import Database
    from datapulse_tui.sources.pool import Sources

logger = logging.getLogger(__name__)

TRANSACTIONS_AT_ONCE = 3  # of all lanes together: a worker has other things to do with its connections
TRIES = 4  # of a transaction that lost a deadlock or a race for a new series


class Evaluator:
    """Evaluates rules, one lane for each source; leases keep other processes away from what it has claimed."""

    def __init__(self, data: Database, sources: Sources, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._data = data
        self._token = uuid.uuid4()
        self._rules = RuleCache()
        self._series = SeriesCache()
        self._lanes: dict[uuid.UUID | None, tuple[Lane, asyncio.Task[None]]] = {}
        self._places = asyncio.Semaphore(TRANSACTIONS_AT_ONCE)
        self._closing = False
        self._desk = Desk(sources, self.limits, self._claim, self._write, self._renew, self._release)

    async def evaluate(self, source: uuid.UUID | None) -> None:
        """Evaluate the rules of `source` that are due; returns when that is done, or after `limits.job_wait`.

        What takes longer goes on in the background. Raises what the database raises when it could not be asked.
        """
        if self._closing:
            return
        found = self._lanes.get(source)
        if found is not None:
            found[0].wake()
            task = found[1]
        else:
            lane = Lane(source, self._desk)
            task = asyncio.create_task(lane.run(), name="evaluation: lane")
            self._lanes[source] = (lane, task)
            task.add_done_callback(functools.partial(self._ended, source))
        done, _ = await asyncio.wait({task}, timeout=self.limits.job_wait)
        if done and not task.cancelled():
            task.result()

    async def idle(self) -> None:
        """Wait until nothing is being evaluated."""
        while self._lanes:
            await asyncio.wait([task for _, task in self._lanes.values()])

    async def close(self) -> None:
        """Claim nothing more, wait `limits.stop_wait` for what runs, and give the rest back to other workers."""
        self._closing = True
        for lane, _ in self._lanes.values():
            lane.close()
        await self.idle()

    def _ended(self, source: uuid.UUID | None, task: asyncio.Task[None]) -> None:
        self._lanes.pop(source, None)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, DataPulseError):
            logger.warning("evaluation: %s", error.message)
        elif error is not None:
            logger.error("evaluation: a lane ended", exc_info=error)

    # -- what lanes ask for --------------------------------------------------------------------------------------------

    async def _claim(self, source: uuid.UUID | None) -> Claim | None:
        async with self._places, self._data.transaction() as session:
            return await claim(session, source, self._token, self.limits, self._rules)

    async def _renew(self, rules: Sequence[uuid.UUID]) -> None:
        async with self._data.transaction() as session:
            await renew(session, self._token, rules, self.limits)

    async def _release(self, rules: Sequence[uuid.UUID]) -> None:
        """Give leases back. Where the database is away they run out by themselves."""
        try:
            async with self._data.transaction() as session:
                await release(session, self._token, rules)
        except DataPulseError as error:
            logger.warning("evaluation: leases run out by themselves: %s", error.message)

    async def _write(self, finished: Sequence[Finished]) -> None:
        """Write finished slots. What cannot be written is looked for by halves, so that one rule harms no other."""
        for attempt in range(1, TRIES + 1):
            try:
                async with self._places, self._data.transaction() as session:
                    won = await apply(session, self._token, finished, self._series)
                break
            except DataPulseError:
                raise  # the database is away: the leases run out, and somebody evaluates these slots again
            except Exception as error:  # noqa: BLE001  (logged where no half of it can be written)
                self._series.forget({one.held.rule.query_id for one in finished})
                if attempt < TRIES and _may_work_later(error):
                    await asyncio.sleep(0.05 * attempt)
                    continue
                await self._write_halves(finished, error)
                return
        if won < len(finished):
            logger.info("evaluation: %s of %s slots were no longer ours", len(finished) - won, len(finished))

    async def _write_halves(self, finished: Sequence[Finished], error: Exception) -> None:
        if len(finished) > 1:
            middle = len(finished) // 2
            await self._write(finished[:middle])
            await self._write(finished[middle:])
            return
        (one,) = finished
        logger.error("the evaluation of rule %s cannot be written", one.held.rule.id, exc_info=error)
        if one.reading.problem != BROKEN:
            await self._write([Finished(one.held, Reading(problem=BROKEN))])


def _may_work_later(error: Exception) -> bool:
    """Whether the transaction lost against another one (a deadlock, a series that was removed)."""
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state in ("40P01", "40001", "23503", "55P03")
