"""One source's rules being evaluated in this process: queries that wait, run and have ended, and who writes them down.

A slow query holds up no other of its source: what is finished is written about every second, and rules that fall due
meanwhile are claimed and join the lane. Where the source cannot be connected to, that is found out once for all slots
that were due by then: a thousand queries do not each wait for a host that is dead.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from datapulse_tui.alerts import parameters
from datapulse_tui.alerts.evaluation.claim import Claim
from datapulse_tui.alerts.evaluation.definitions import Owner
from datapulse_tui.alerts.evaluation.model import MOST_SERIES, Finished, Held, Limits, Reading
from datapulse_tui.alerts.evaluation.readings import read
from datapulse_tui.data.result import Result
from datapulse_tui.errors import DataPulseError
from datapulse_tui.sources.adapters.base import QueryCancelled, SourceAway
from datapulse_tui.sources.pool import SourceHandle, Sources

logger = logging.getLogger(__name__)

NO_QUERY = "The rule's query has no source any more. Give the query a source, or the rule another query."
BROKEN = "Something went wrong inside DataPulse; the worker's log says what. The rule is tried again at its next slot."
_MANY_ROWS = 2_000  # from here on, rows are read on a thread: the event loop has other lanes


@dataclass(slots=True)
class Asked:
    """A query to run once for all rules that share it and, where it takes the time range, the values of that."""

    source: SourceHandle
    sql: str
    params: Mapping[str, object]
    held: list[Held]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a lane needs of its evaluator.

    `claim` brings more rules of the lane's source, `write` writes finished slots (it fails only where the database is
    away), `renew` prolongs leases and `release` gives them back.
    """

    sources: Sources
    limits: Limits
    claim: Callable[[UUID | None], Awaitable[Claim | None]]
    write: Callable[[Sequence[Finished]], Coroutine[None, None, None]]
    renew: Callable[[Sequence[UUID]], Awaitable[None]]
    release: Callable[[Sequence[UUID]], Awaitable[None]]


@dataclass(slots=True)
class Lane:
    """The rules of one source; `run` ends when none is left."""

    source: UUID | None
    desk: Desk
    waiting: deque[Asked] = field(default_factory=deque)
    running: dict[asyncio.Task[None], Asked] = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    writing: dict[asyncio.Task[None], Sequence[Finished]] = field(default_factory=dict)
    more: bool = True
    closing: bool = False
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _failure: BaseException | None = None
    _away: tuple[datetime, str] | None = None  # when the source could not be connected to, and why

    def wake(self) -> None:
        """Look whether there are more rules to claim."""
        self.more = True
        self._woken.set()

    def close(self) -> None:
        """Claim nothing more, start nothing more, write what ends in time and give the rest back."""
        self.closing = True
        self._woken.set()

    async def run(self) -> None:
        """Claim, ask and write until nothing of the source is due any more."""
        loop = asyncio.get_running_loop()
        limits = self.desk.limits
        written = renewed = loop.time()
        closed_at: float | None = None
        try:
            while True:
                self._woken.clear()
                if self._failure is not None:
                    raise self._failure
                if self.closing and closed_at is None:
                    closed_at = loop.time()
                    await self._give_back([one for asked in self.waiting for one in asked.held])
                    self.waiting.clear()
                if self.more and not self.closing and len(self.waiting) < limits.claim_queries // 2:
                    await self._claim_more()
                self._start()
                if self.finished and self._time_to_write(loop.time() - written):
                    written = loop.time()
                    self._write()
                    continue
                if not (self.running or self.waiting or self.finished or self.writing):
                    if self.closing or not self.more:
                        return
                    continue
                if loop.time() - renewed >= limits.renew:
                    renewed = loop.time()
                    await self.desk.renew(self._ids())
                if closed_at is not None and loop.time() - closed_at >= limits.stop_wait:
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(limits.flush_after / 4):
                        await self._woken.wait()
        finally:
            await self._abandon()

    # -- what the loop does --------------------------------------------------------------------------------------------

    def _time_to_write(self, since: float) -> bool:
        limits = self.desk.limits
        if len(self.writing) >= limits.writes_at_once:
            return False
        idle = not (self.running or self.waiting)
        return idle or self.closing or len(self.finished) >= limits.flush_rules or since >= limits.flush_after

    def _write(self) -> None:
        """Begin to write what is finished: while the database works at it, the next queries are asked.

        Never more than a batch: of two transactions one is worked at here while the database works at the other, and
        a last one of thousands of rules would have nobody to take turns with.
        """
        most = self.desk.limits.flush_rules
        some, self.finished = self.finished[:most], self.finished[most:]
        task = asyncio.create_task(self.desk.write(some), name="evaluation: write")
        self.writing[task] = some
        task.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        some = self.writing.pop(task, ())
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self.finished += some  # given back with everything else when the lane ends
            self._failure = failure
        self._woken.set()

    async def _claim_more(self) -> None:
        self.more = False
        claimed = await self.desk.claim(self.source)
        if claimed is None:
            return
        self.more = True
        by_query: dict[tuple[object, ...], Asked] = {}
        for held in claimed.held:
            refusal = _refusal(held, claimed.owners)
            sql = claimed.queries.get(held.rule.query_id) if held.rule.query_id else None
            if refusal:
                self.finished.append(Finished(held, Reading(problem=refusal), forbidden=True))
            elif claimed.source is None or sql is None:
                self.finished.append(Finished(held, Reading(problem=NO_QUERY)))
            else:
                params = _params(sql, held)
                key = (sql, *params.values())
                if key not in by_query:
                    by_query[key] = Asked(claimed.source, sql, params, [])
                by_query[key].held.append(held)
        self.waiting += by_query.values()

    def _start(self) -> None:
        while self.waiting and not self.closing and len(self.running) < self.desk.limits.queries_at_once:
            asked = self.waiting.popleft()
            task = asyncio.create_task(self._ask(asked), name="evaluation: query")
            self.running[task] = asked
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.running.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a query's end was lost", exc_info=task.exception())
        self._start()
        if not self.waiting or len(self.finished) >= self.desk.limits.flush_rules:
            self._woken.set()

    async def _ask(self, asked: Asked) -> None:
        answer = await self._answer(asked)
        readings: dict[tuple[str, tuple[str, ...]], Reading] = {}
        for held in asked.held:
            wanted = (held.rule.metric, held.rule.label_columns)
            if wanted not in readings:
                readings[wanted] = await _reading(answer, *wanted)
            self.finished.append(Finished(held, readings[wanted]))

    async def _answer(self, asked: Asked) -> Result | str:
        """The query's result, or why there is none; it is tried again while there is time for it."""
        limits = self.desk.limits
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limits.timeout
        problem, away = BROKEN, False
        for pause in (0.0, *limits.pauses):
            if pause:
                await asyncio.sleep(pause)
            left = deadline - loop.time()
            if left <= 0:
                break
            known = self._why_away(asked)
            if known:
                return known
            away = False
            try:
                result = await self.desk.sources.run(
                    asked.source, asked.sql, asked.params, limit=MOST_SERIES, timeout=left
                )
            except QueryCancelled:
                raise asyncio.CancelledError from None
            except DataPulseError as error:
                problem, away = str(error), isinstance(error, SourceAway)
            except Exception:
                logger.exception("a query of the source %s failed", asked.source.name)
                problem = BROKEN
            else:
                self._away = None
                return result
        if away:
            self._away = (datetime.now(UTC), problem)
        return problem

    def _why_away(self, asked: Asked) -> str:
        """Why the source could not be connected to after these slots were due; empty: it is worth a try."""
        if self._away is None or any(one.slot > self._away[0] for one in asked.held):
            return ""
        return self._away[1]

    # -- the end -------------------------------------------------------------------------------------------------------

    def _ids(self) -> list[UUID]:
        held = [one for asked in (*self.waiting, *self.running.values()) for one in asked.held]
        ended = [*self.finished, *(one for some in self.writing.values() for one in some)]
        return [one.rule.id for one in held] + [one.held.rule.id for one in ended]

    async def _abandon(self) -> None:
        """End queries that still run and give back whatever is not written."""
        tasks = dict(self.running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self.writing, return_exceptions=True)
        left = [one for asked in (*self.waiting, *tasks.values()) for one in asked.held]
        await self._give_back([*left, *(one.held for one in self.finished)])
        self.finished = []

    async def _give_back(self, held: Sequence[Held]) -> None:
        if held:
            await self.desk.release([one.rule.id for one in held])


async def _reading(answer: Result | str, metric: str, label_columns: tuple[str, ...]) -> Reading:
    if isinstance(answer, str):
        return Reading(problem=answer)
    if len(answer.rows) > _MANY_ROWS:
        return await asyncio.to_thread(read, answer, metric, label_columns)
    return read(answer, metric, label_columns)


def _params(sql: str, held: Held) -> Mapping[str, object]:
    if not parameters.may_take(sql):
        return {}
    return parameters.values(held.slot, held.rule.condition.window_seconds)


def _refusal(held: Held, owners: Mapping[UUID, Owner]) -> str:
    owner = owners.get(held.rule.owner_id)
    return owner.refusal if owner is not None else "The rule's owner is gone."
