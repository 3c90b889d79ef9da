"""orders.csv: what a shop for office furniture sold, one row an order. Sample data; no such shop exists."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random

from datapulse_tui.demo.seasons import Incident, days, demand, incidents, random_of

DAYS = 120
COLUMNS = (
    "ordered_at", "order_id", "channel", "country", "category", "product", "quantity", "amount", "status", "refunded",
)  # fmt: skip

_ORDERS_A_DAY = 46
_CHANNELS = (("Web", 46), ("App", 29), ("Store", 16), ("Partner", 9))
_COUNTRIES = (
    ("Germany", 27), ("France", 17), ("United Kingdom", 14), ("Netherlands", 11), ("Spain", 10), ("Poland", 8),
    ("Sweden", 7), ("Portugal", 6),
)  # fmt: skip
# Name, category, price in euro, how often it is bought.
_PRODUCTS = (
    ("Task chair Lund", "Chairs", 249.0, 15), ("Stool Piko", "Chairs", 89.0, 12),
    ("Armchair Nesso", "Chairs", 419.0, 5), ("Desk Walnut 140", "Desks", 529.0, 8),
    ("Standing desk", "Desks", 689.0, 7), ("Desk Birch 120", "Desks", 329.0, 9),
    ("Shelf Oak 5", "Storage", 189.0, 9), ("Drawer unit Trio", "Storage", 139.0, 8),
    ("Coat stand Alma", "Storage", 79.0, 6), ("Lamp Arc", "Light", 119.0, 12), ("Lamp Clip", "Light", 45.0, 16),
    ("Pendant Dome", "Light", 159.0, 6), ("Monitor arm Duo", "Accessories", 99.0, 13),
    ("Desk mat Felt", "Accessories", 29.0, 18), ("Cable tray", "Accessories", 24.0, 14),
)  # fmt: skip
# How the orders of a day spread over its hours (UTC): a rise until noon, a second one in the evening.
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13, 12, 11, 10, 10, 11, 12, 14, 16, 15, 11, 7, 4)


def rows(now: datetime) -> Iterator[tuple[object, ...]]:
    """The orders of the last `DAYS` days up to `now` (aware), oldest first, as `COLUMNS`."""
    last = now.astimezone(UTC).date()
    first = last - timedelta(days=DAYS)
    outages = [each for each in incidents(first, last) if each.service in ("checkout", "pay")]
    for day in days(first, last):
        nearby = [each for each in outages if each.touches(day)]
        yield from (row for row in _day(day, nearby, now) if row is not None)


def _day(day: date, outages: Sequence[Incident], now: datetime) -> Iterator[tuple[object, ...] | None]:
    dice = random_of("orders", day)
    expected = _ORDERS_A_DAY * demand(day)
    count = max(1, round(dice.gauss(expected, math.sqrt(expected))))
    seconds = sorted(_pick(dice, _HOUR_ENDS) * 3600 + dice.randrange(3600) for _ in range(count))
    for number, second in enumerate(seconds, start=1):
        moment = datetime.combine(day, time(), UTC) + timedelta(seconds=second)
        if moment > now:
            return
        yield _order(dice, f"{day:%y%m%d}-{number:03}", moment, outages, now)


def _order(
    dice: Random, number: str, moment: datetime, outages: Sequence[Incident], now: datetime
) -> tuple[object, ...] | None:
    """One order, or None for one that was lost to an outage. It always takes the same random numbers."""
    channel = _CHANNELS[_pick(dice, _CHANNEL_ENDS)][0]
    country = _COUNTRIES[_pick(dice, _COUNTRY_ENDS)][0]
    product, category, price, _ = _PRODUCTS[_pick(dice, _PRODUCT_ENDS)]
    quantity = 1 + _pick(dice, (70, 88, 95, 98, 100))
    discount = (0.0, 0.1, 0.2)[_pick(dice, (82, 94, 100))]
    fate, share, pace, luck = dice.random(), dice.random(), dice.uniform(0.7, 1.5), dice.random()
    if channel in ("Web", "App") and luck < 0.85 * max((each.strength(moment) for each in outages), default=0.0):
        return None
    amount = round(price * quantity * (1 - discount), 2)
    status = _status(fate, (now - moment).total_seconds() / 86_400 / pace)
    refunded = 0.0
    if status == "refunded":
        refunded = amount if share < 0.7 else round(amount * 0.5, 2)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return stamp, number, channel, country, category, product, quantity, f"{amount:.2f}", status, f"{refunded:.2f}"


def _status(fate: float, age: float) -> str:
    """How far an order is after `age` days; `fate` decides the few that do not end well."""
    if fate < 0.025:
        return "cancelled" if age > 0.1 else "placed"
    if fate > 0.955 and age > 7:
        return "refunded"
    for status, until in (("placed", 0.05), ("paid", 0.8), ("shipped", 3.5)):
        if age < until:
            return status
    return "delivered"


def _ends(weights: Sequence[int]) -> tuple[int, ...]:
    return tuple(accumulate(weights))


_HOUR_ENDS = _ends(_HOURS)
_CHANNEL_ENDS = _ends([weight for _, weight in _CHANNELS])
_COUNTRY_ENDS = _ends([weight for _, weight in _COUNTRIES])
_PRODUCT_ENDS = _ends([weight for *_, weight in _PRODUCTS])


def _pick(dice: Random, ends: Sequence[int]) -> int:
    """An index, as often as its weight says; `ends` are the weights added up."""
    return bisect(ends, dice.random() * ends[-1])
