"""The sample company's calendar: weeks, seasons, growth, holidays, and the incidents that its services have.

Everything hangs on the calendar day and the seed alone, so a day looks the same whenever its data are made. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random

SEED = "datapulse sample data, edition 1"
# Growth is counted from here; the day itself means nothing.
FOUNDED = date(2019, 1, 1)
SERVICES = ("api", "checkout", "pay", "search")

_FADING = timedelta(hours=1)  # after it an incident cannot be told from noise
_INCIDENT_DAYS = 3  # one incident begins in each block of so many days
_CAUSES = {
    "api": ("certificate renewal", "noisy neighbour"),
    "checkout": ("slow release", "lock contention"),
    "pay": ("provider outage", "retries without back-off"),
    "search": ("index rebuild", "cold cache"),
}
# Orders by month of the year, January first: quiet in the summer, busy before the end of the year.
_MONTHS = (0.88, 0.93, 0.97, 1.0, 1.02, 0.97, 0.88, 0.86, 1.0, 1.05, 1.22, 1.3)
_HOLIDAYS = {(1, 1): 0.35, (5, 1): 0.7, (10, 3): 0.85, (12, 24): 0.6, (12, 25): 0.3, (12, 26): 0.5, (12, 31): 0.6}


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which one service was slow and failed: `factor` times slower at its worst, recovering from `until`."""

    service: str
    cause: str
    start: datetime
    until: datetime
    factor: float

    def touches(self, day: date) -> bool:
        """Whether it can be felt on `day`."""
        return self.start.date() <= day <= (self.until + _FADING).date()

    def strength(self, moment: datetime) -> float:
        """How bad it is, from 0 to 1: ten minutes of getting worse, a bad time, and a recovery that fades out."""
        if not self.start <= moment < self.until + _FADING:
            return 0.0
        if moment < self.until:
            return min(1.0, ((moment - self.start).total_seconds() + 300) / 900)
        return math.exp(-(moment - self.until).total_seconds() / 900)


def random_of(*key: object) -> Random:
    """The random numbers that belong to `key`; the same in every process and on every machine."""
    return Random("/".join((SEED, *map(str, key))))  # noqa: S311 - sample data, no secret hangs on it


def incidents(first: date, last: date) -> tuple[Incident, ...]:
    """The incidents that touch the days from `first` to `last`, in order."""
    found = map(_incident, range(first.toordinal() // _INCIDENT_DAYS - 1, last.toordinal() // _INCIDENT_DAYS + 1))
    return tuple(each for each in found if first <= (each.until + _FADING).date() and each.start.date() <= last)


def _incident(block: int) -> Incident:
    dice = random_of("incident", block)
    day = date.fromordinal(block * _INCIDENT_DAYS + dice.randrange(_INCIDENT_DAYS))
    # Working hours see most changes, and so most incidents.
    start = datetime.combine(
        day, time(dice.choice((3, 8, 9, 10, 11, 13, 14, 15, 16, 17, 20)), dice.randrange(0, 60, 5)), UTC
    )
    service = SERVICES[dice.choices(range(len(SERVICES)), (2, 3, 3, 2))[0]]
    minutes = dice.choice((25, 35, 45, 60, 80, 120))
    return Incident(
        service, dice.choice(_CAUSES[service]), start, start + timedelta(minutes=minutes), dice.uniform(2.5, 6.0)
    )


def days(first: date, last: date) -> Iterator[date]:
    """Every day from `first` to `last`."""
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(ordinal)


def growth(day: date, yearly: float) -> float:
    """How much has grown since the founding, at `yearly` (0.1 is 10%) a year, slowing as companies do."""
    years = (day - FOUNDED).days / 365.25
    return 1 + yearly * years / (1 + max(0.0, years) / 12)


def demand(day: date) -> float:
    """How much people want to buy on `day`; 1 is an ordinary day of the first year."""
    weekday = (0.98, 0.94, 0.96, 1.0, 1.1, 1.18, 1.06)[day.weekday()]
    return weekday * _month(day) * _black_week(day) * _HOLIDAYS.get((day.month, day.day), 1.0) * growth(day, 0.12)


def _month(day: date) -> float:
    """The factor of the month, passing smoothly from the middle of one to the middle of the next."""
    place = day.month - 1 + (day.day - 1) / 31 - 0.5
    low = math.floor(place)
    here, after = _MONTHS[low % 12], _MONTHS[(low + 1) % 12]
    return here + (after - here) * (place - low)


def _black_week(day: date) -> float:
    """The week that ends with the Monday after the fourth Friday of November."""
    first = date(day.year, 11, 1)
    friday = first + timedelta(days=(4 - first.weekday()) % 7 + 21)
    away = (day - friday).days
    return {0: 2.1, 1: 1.6, 2: 1.4, 3: 1.8}.get(away, 1.25 if -4 <= away < 0 else 1.0)


def traffic(moment: datetime) -> float:
    """Requests at `moment` beside those of the busiest hour, 0.15 to 1: nights and weekends are quieter."""
    hour = moment.hour + moment.minute / 60
    daily = 0.55 - 0.45 * math.cos((hour - 3.5) / 24 * 2 * math.pi) + 0.12 * math.exp(-(((hour - 19.5) / 1.8) ** 2))
    return max(0.15, min(1.0, daily * (0.78 if moment.weekday() >= 5 else 1.0)))
