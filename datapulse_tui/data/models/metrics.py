"""The history of metrics: one series for each label set of a query's column, and its samples.

Samples carry no foreign key: checking one for each of 100,000 samples a minute costs more than the samples, and they
go with their partition.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Shape


class MetricSeries(Base):
    """One label set of the column `metric` in the result of a query. `label_key` is the digest of `labels`."""

    __tablename__ = "metric_series"
    __table_args__ = (UniqueConstraint("query_id", "metric", "label_key", name="metric_series_identity_idx"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    query_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("queries.id", ondelete="CASCADE"))
    metric: Mapped[str] = mapped_column(String(100))
    label_key: Mapped[str] = mapped_column(String(32))
    labels: Mapped[dict[str, str]] = mapped_column(Shape("Labels"), server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]


class MetricSample(Base):
    """A value at a slot. Partitioned by day (UTC); kept for 30 days."""

    __tablename__ = "metric_samples"
    __table_args__ = {"postgresql_partition_by": "RANGE (at)"}  # noqa: RUF012

    series_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[float]


class MetricSampleHourly(Base):
    """An hour of a series rolled up. Partitioned by month (UTC); kept for a year."""

    __tablename__ = "metric_samples_hourly"
    __table_args__ = {"postgresql_partition_by": "RANGE (hour)"}  # noqa: RUF012

    series_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    samples: Mapped[int]
    total: Mapped[float]
    lowest: Mapped[float]
    highest: Mapped[float]
    last: Mapped[float]
