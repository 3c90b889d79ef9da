"""The ids of the series that readings are made of, remembered by a process: they are asked for every slot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from datapulse_tui.alerts import history
from datapulse_tui.alerts.evaluation import bulk
from datapulse_tui.alerts.evaluation.model import Finished

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

MOST_CACHED = 500_000  # series

Metric = tuple[UUID, str]  # a query and the name of a column

_OF_QUERIES = text("""
SELECT query_id, metric, label_key, id FROM metric_series WHERE query_id = ANY(CAST(:queries AS uuid[]))
""")


class SeriesCache:
    """Label key -> series id, for each metric that this process has evaluated."""

    def __init__(self) -> None:
        self._ids: dict[Metric, dict[str, int]] = {}
        self._size = 0

    def forget(self, queries: Collection[UUID | None] = ()) -> None:
        """Ask again for these queries (none: for all), because a series turned out to be gone."""
        for metric in [metric for metric in self._ids if not queries or metric[0] in queries]:
            self._size -= len(self._ids.pop(metric))

    async def load(self, session: AsyncSession, finished: Iterable[Finished]) -> Mapping[Metric, Mapping[str, int]]:
        """The ids of all series in `finished`; new ones are made in the transaction of `session`.

        What was made is remembered at once: call `forget` when the transaction fails.
        """
        wanted: dict[Metric, list[Finished]] = {}
        for one in finished:
            if one.held.rule.query_id is not None and one.reading.values:
                wanted.setdefault((one.held.rule.query_id, one.held.rule.metric), []).append(one)
        if self._size > MOST_CACHED:
            self.forget()
        await self._read(session, {metric for metric in wanted if metric not in self._ids})
        for metric, some in wanted.items():
            known = self._ids[metric]
            readings = {id(one.reading): one.reading for one in some}
            for reading in readings.values():
                if reading.values.keys() <= known.keys():
                    continue
                new = {key: reading.labels[key] for key in reading.values if key not in known}
                made = await history.make_series(session, *metric, new)
                known.update(made)
                self._size += len(made)
        return {metric: self._ids[metric] for metric in wanted}

    async def _read(self, session: AsyncSession, metrics: Collection[Metric]) -> None:
        if not metrics:
            return
        for metric in metrics:
            self._ids[metric] = {}
        queries = bulk.plain({query for query, _ in metrics})
        for query, metric, key, series_id in (await session.execute(_OF_QUERIES, {"queries": queries})).all():
            if (query, metric) in metrics:
                self._ids[query, metric][key] = series_id
                self._size += 1
