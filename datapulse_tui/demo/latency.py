"""latency.csv: how fast the shop's services answered, one row for each service and five minutes. Sample data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from datapulse_tui.demo.seasons import SERVICES, Incident, days, incidents, random_of, traffic

DAYS = 14
STEP = timedelta(minutes=5)
COLUMNS = ("measured_at", "service", "requests", "errors", "p50_ms", "p95_ms", "p99_ms")

# Median in ms on a quiet system, requests in five busy minutes, share of requests that fail on a good day.
_NATURE = {
    "api": (14.0, 9_200, 0.0006),
    "checkout": (88.0, 1_150, 0.0012),
    "pay": (142.0, 640, 0.0018),
    "search": (46.0, 4_300, 0.0004),
}


def rows(now: datetime) -> Iterator[tuple[object, ...]]:
    """The whole steps of the last `DAYS` days before `now` (aware), oldest first, as `COLUMNS`."""
    end = now.astimezone(UTC)
    first = end.date() - timedelta(days=DAYS)
    troubles = incidents(first, end.date())
    for day in days(first, end.date()):
        yield from _day(day, [each for each in troubles if each.touches(day)], end)


def _day(day: date, troubles: Sequence[Incident], end: datetime) -> Iterator[tuple[object, ...]]:
    dice = random_of("latency", day)
    moment = datetime.combine(day, time(), UTC)
    while moment.date() == day and moment + STEP <= end:
        load, stamp = traffic(moment), f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        felt = [(each, strength) for each in troubles if (strength := each.strength(moment))]
        night = moment.hour == 2
        for service in SERVICES:
            slower = 1.6 if night and service == "search" else 1.0  # the nightly index run
            trouble = 0.0
            for each, strength in felt:
                # What hurts a service behind the gateway is felt in front of it, a little.
                part = 1.0 if each.service == service else 0.2 if service == "api" else 0.0
                slower += (each.factor - 1) * strength * part
                trouble = max(trouble, strength * part)
            yield (
                stamp,
                service,
                *_step(service, load, slower, trouble, dice.gauss(0, 1), dice.gauss(0, 1), dice.random()),
            )
        moment += STEP


def _step(
    service: str, load: float, slower: float, trouble: float, noise: float, tail: float, luck: float
) -> tuple[int, int, str, str, str]:
    """Requests, errors and percentiles of five minutes of one service, `slower` times slower than it should be."""
    median, busiest, failing = _NATURE[service]
    p50 = median * (0.85 + 0.35 * load**2) * math.exp(0.04 * noise) * (0.7 + 0.3 * slower)
    p95 = p50 * 2.3 * math.exp(0.07 * tail) * slower**0.6
    p99 = p95 * (1.75 + 0.25 * load) * math.exp(0.12 * abs(tail)) * slower**0.25
    requests = max(1, round(busiest * load * (1 + 0.03 * noise) * (1 - 0.25 * trouble)))
    rate = failing * math.exp(0.35 * tail) + 0.09 * trouble**2
    return requests, math.floor(requests * rate + luck), f"{p50:.1f}", f"{p95:.1f}", f"{p99:.1f}"
