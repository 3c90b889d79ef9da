"""Writing the samples of many slots at once: a batch of evaluation has rules of many slots."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import text

from datapulse_tui.alerts.evaluation import bulk

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_ENSURE_PARTITIONS = text("""
SELECT metric_partitions_make(day, day) FROM unnest(CAST(:days AS date[])) AS day
WHERE to_regclass('metric_samples_p' || to_char(day, 'YYYYMMDD')) IS NULL
""")
_WRITE = text("""
INSERT INTO metric_samples (series_id, at, value)
SELECT * FROM unnest(CAST(:series AS bigint[]), CAST(:at AS timestamptz[]), CAST(:values AS float8[]))
ON CONFLICT DO NOTHING
""")


async def write(session: AsyncSession, samples: Mapping[datetime, Mapping[int, float]]) -> None:
    """Write samples (slot -> series id -> value); one that is there already stays."""
    # In one order, so that two who write the same samples wait for each other.
    series: list[int] = []
    times: list[datetime] = []
    values: list[float] = []
    for at in sorted(samples):
        of_slot = samples[at]
        ids = sorted(of_slot)
        series += ids
        times += [at] * len(ids)
        values += [of_slot[id_] for id_ in ids]
    if not series:
        return
    days = "{" + ",".join(sorted({f"{at.astimezone(UTC):%Y-%m-%d}" for at in samples})) + "}"
    await session.execute(_ENSURE_PARTITIONS, {"days": days})
    written = {"series": bulk.plain(series), "at": bulk.times(times), "values": bulk.plain(values)}
    await session.execute(_WRITE, written)
