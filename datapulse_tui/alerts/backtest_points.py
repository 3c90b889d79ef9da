"""The past of a metric for a back-test: from its source where the query takes a time range, else from the samples."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from datapulse_tui.alerts import history, parameters
from datapulse_tui.alerts.backtest import Point, usual_distance
from datapulse_tui.alerts.evaluation.readings import read
from datapulse_tui.alerts.rules import label_key
from datapulse_tui.errors import DataPulseError, Invalid, NotAllowed, NotFound

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database
    from datapulse_tui.sources.pool import SourceHandle, Sources
    from datapulse_tui.sources.reads import QueryRow

MOST_POINTS = history.MOST_SAMPLES
MOST_RUNS = 240  # of the query in its source
MOST_ROWS = 100_000  # of one run
MOST_SECONDS = 60.0  # for all runs together
_AT_ONCE = 2  # runs; the others that use the source get on meanwhile
_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Past:
    """Points for `backtest.run`, oldest first, about `interval_seconds` apart; where they come from, what to know."""

    points: tuple[Point, ...]
    interval_seconds: int
    origin: Literal["source", "samples"]
    note: str = ""


async def points(
    data: Database,
    sources: Sources,
    actor: Actor,
    query: UUID | str,
    metric: str,
    label_columns: Sequence[str],
    labels: Mapping[str, str],
    start: datetime,
    end: datetime,
    step: int,
    *,
    window_seconds: int = _HOUR,
) -> Past:
    """The past of one series of a saved query (id or name) from `start` to `end`, a point every `step` seconds.

    A query that takes a time range (`:from`, `:to`) is run for moments of that time as an evaluation would have run it
    then, when `actor` may query its source: at most MOST_RUNS times, so further apart than `step` where the time is
    long. Any other query has the samples that its rules have left. Raises NotFound for a query that they may not see,
    Invalid where there is no past, and what running a query raises.
    """
    from datapulse_tui.sources import reads

    if start >= end or step <= 0:
        raise Invalid("A back-test needs a beginning before its end.", hint="Choose the last days, such as 7d.")
    async with data.reading() as session:
        row = await reads.get_query(session, actor, query)
    refusal: DataPulseError | None = None
    try:
        handle = await _ranged(data, sources, actor, row)
    except (NotAllowed, NotFound) as error:
        handle, refusal = None, error
    if handle is not None:
        moments = _moments(start, end, step)
        asked = _Asked(sources, handle, row.sql, metric, tuple(label_columns), label_key(labels), window_seconds)
        return _from_source(moments, await asked.at(moments), step)
    past = await _samples(data, row.id, metric, labels, start, end, step)
    if past is None:
        raise refusal or _no_past()
    return past


async def points_of_sql(
    data: Database,
    sources: Sources,
    actor: Actor,
    source: UUID | str,
    sql: str,
    metric: str,
    label_columns: Sequence[str],
    labels: Mapping[str, str],
    start: datetime,
    end: datetime,
    step: int,
    *,
    window_seconds: int = _HOUR,
) -> Past:
    """What `points` gives for a saved query, for `sql` on a source: of a rule that is still being written.

    Raises NotAllowed, NotFound, Invalid where the query takes no time range (nobody has kept its values yet), and what
    running a query raises.
    """
    from datapulse_tui.sources import service

    async with data.reading() as session:
        handle = await service.authorise(session, actor, source)
    adapter = await sources.adapter(handle)
    if not set(parameters.NAMES) & set(await asyncio.to_thread(_parameters, sql, adapter.dialect)):
        raise Invalid(
            "This query is new and takes no time range, so nothing is known of its past.",
            hint="Save the rule (each evaluation leaves a sample), or let the query take :from and :to.",
        )
    moments = _moments(start, end, step)
    asked = _Asked(sources, handle, sql, metric, tuple(label_columns), label_key(labels), window_seconds)
    return _from_source(moments, await asked.at(moments), step)


async def _ranged(data: Database, sources: Sources, actor: Actor, row: QueryRow) -> SourceHandle | None:
    """The source of a query that takes a time range; None for one that does not. Raises NotAllowed, NotFound."""
    from datapulse_tui.sources import reads, service

    if row.source_id is None:
        return None
    async with data.reading() as session:
        handle = await reads.source_handle(session, row.source_id)
    adapter = await sources.adapter(handle)
    names = await asyncio.to_thread(_parameters, row.sql, adapter.dialect)
    if not set(parameters.NAMES) & set(names):
        return None
    async with data.reading() as session:
        return await service.authorise(session, actor, row.source_id)


def _parameters(sql: str, dialect: Literal["postgres", "duckdb"]) -> tuple[str, ...]:
    from datapulse_tui.sources.lexing import lex, tokenize

    return lex(sql, tokenize(sql, dialect)).names


def _moments(start: datetime, end: datetime, step: int) -> list[datetime]:
    """The moments to look at, up to `end`: `step` seconds apart, or a multiple of it that keeps them to MOST_RUNS."""
    steps = max(1, int((end - start).total_seconds()) // step)
    apart = timedelta(seconds=step * -(-steps // MOST_RUNS))
    count = max(1, (end - start) // apart)
    return [end - apart * back for back in reversed(range(count))]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query and the series that is wanted of it."""

    sources: Sources
    handle: SourceHandle
    sql: str
    metric: str
    label_columns: tuple[str, ...]
    key: str
    window_seconds: int

    async def at(self, moments: Sequence[datetime]) -> dict[datetime, float | None]:
        """The value at each moment; None where it had none. Raises Invalid, and what running a query raises."""
        found: dict[datetime, float | None] = {}
        try:
            async with asyncio.timeout(MOST_SECONDS):
                # The last one alone: what is wrong with the query is told before the source has more to do.
                found[moments[-1]] = await self._one(moments[-1])
                rest = iter(moments[:-1])
                async with asyncio.TaskGroup() as group:
                    for _ in range(_AT_ONCE):
                        group.create_task(self._take(rest, found))
        except TimeoutError:
            raise Invalid(
                f"The source was asked for {len(moments):,} moments, and answered for {len(found):,} in "
                f"{MOST_SECONDS:g} s. The back-test was not made.",
                hint="Take fewer days, or make the query faster.",
            ) from None
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        return found

    async def _take(self, moments: Iterator[datetime], found: dict[datetime, float | None]) -> None:
        for moment in moments:
            found[moment] = await self._one(moment)

    async def _one(self, moment: datetime) -> float | None:
        params = parameters.values(moment, self.window_seconds)
        result = await self.sources.run(self.handle, self.sql, params, limit=MOST_ROWS)
        reading = await asyncio.to_thread(read, result, self.metric, self.label_columns)
        if reading.problem:
            raise Invalid(f"At {moment:%Y-%m-%d %H:%M:%S} UTC: {reading.problem}", hint="Mend the query or the rule.")
        return reading.values.get(self.key)


def _from_source(moments: Sequence[datetime], found: Mapping[datetime, float | None], step: int) -> Past:
    if all(value is None for value in found.values()):
        raise Invalid(
            "The source has no values of this series for this time. There is nothing to test on.",
            hint="Take more days, or another series.",
        )
    apart = int((moments[1] - moments[0]).total_seconds()) if len(moments) > 1 else step
    note = ""
    if apart > step:
        every = f"{len(moments):,} moments, {apart / 60:,.0f} min apart"
        note = f"The query was run for {every}: what was shorter is not seen."
    return Past(tuple((moment, found[moment]) for moment in moments), apart, "source", note)


async def _samples(
    data: Database, query_id: UUID, metric: str, labels: Mapping[str, str], start: datetime, end: datetime, step: int
) -> Past | None:
    """The samples of a series, or the means of its hours where some of the time is too long ago for samples."""
    async with data.reading() as session:
        series_id = await history.find_series(session, query_id, metric, labels)
        if series_id is None:
            return None
        since = await history.meaning_since(session, series_id)
        asked_from, start = start, start if since is None else max(start, since)
        if start >= end:
            return None
        begins = await history.detail_begins(session)
        whole = _whole_hour(start) if start > asked_from else start  # an hour of two meanings is of neither
        hours = await history.hours(session, series_id, whole, end) if start < begins else ()
        if hours and hours[0][0] < begins:
            note = (
                f"From before {begins:%Y-%m-%d} there are hours only: this is on hourly means, without the last hour."
            )
            return Past(hours, _HOUR, "samples", note)
        found = await history.samples(session, series_id, start, end, limit=MOST_POINTS)
    if not found:
        return None
    note = "" if len(found) < MOST_POINTS else f"Only the last {MOST_POINTS:,} samples are looked at."
    if not note and found[0][0] - asked_from > timedelta(seconds=3 * step):
        why = ", when the query became another one" if start > asked_from else ""
        note = f"There are samples only since {found[0][0]:%Y-%m-%d %H:%M} UTC{why}."
    return Past(found, max(step, usual_distance(found)), "samples", note)


def _whole_hour(moment: datetime) -> datetime:
    """The first full hour that does not begin before `moment`."""
    begun = moment.replace(minute=0, second=0, microsecond=0)
    return begun if begun == moment else begun + timedelta(hours=1)


def _no_past() -> Invalid:
    return Invalid(
        "There is no past of this series: the query takes no time range, and no rule has evaluated it in this time.",
        hint="Save the rule (each evaluation leaves a sample), or let the query take :from and :to.",
    )
