"""Time ranges of dashboards, and the size of the buckets that fit a width. Pure: `now` is an argument."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_LAST = re.compile(r"(?:last\s+)?([1-9][0-9]{0,4})\s*(m|min|h|d|w)")
_SECONDS = {"m": 60, "h": 3_600}
_DAYS = {"d": 1, "w": 7}
_WORDS = {"m": "min", "h": "h", "d": "d", "w": "weeks"}
_LONGEST = timedelta(days=3_660)
EXPECTED = "15m, 24h, 7d, today, yesterday, or from and to as times such as 2026-03-01 08:00"

# What people read as a round step, in seconds.
STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(minutes * 60 for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 3_600 for hours in (1, 2, 3, 6, 12)),
    *(days * 86_400 for days in (1, 2, 7, 14, 28, 91, 182, 364)),
)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A stretch of time that moves with the clock (`last`), or one that stands (`start` to `end`).

    `last` is a number with m, h, d or w, or `today` or `yesterday`. Minutes and hours are elapsed time; days and weeks
    go back on the calendar of the reader's zone, so "last 7 d" at 09:00 begins at 09:00 also over a change of the
    clocks. `start` and `end` are times of the reader's zone unless they bring one; a date means all of that day.
    """

    last: str = ""
    start: date | datetime | None = None
    end: date | datetime | None = None

    @classmethod
    def parse(cls, value: str | Mapping[str, object]) -> TimeRange:
        """The range written as `24h`, `last 24h`, `today`, {from, to} or {last}; ValueError says what was expected."""
        if isinstance(value, str):
            return cls(last=_parse_last(value))
        if set(value) == {"last"}:
            return cls(last=_parse_last(str(value["last"])))
        if set(value) != {"from", "to"}:
            raise ValueError(EXPECTED)
        start, end = _parse_moment(value["from"]), _parse_moment(value["to"])
        _check_order(start, end)
        return cls(start=start, end=end)

    def to_value(self) -> str | dict[str, str]:
        """The range as it is written in a file; `parse` reads it back."""
        if self.start is None or self.end is None:
            return self.last
        return {"from": _write_moment(self.start), "to": _write_moment(self.end)}

    def to_json(self) -> dict[str, str]:
        """The range as it is stored; `parse` reads it back."""
        value = self.to_value()
        return {"last": value} if isinstance(value, str) else value

    def resolve(self, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
        """The first and the last moment of the range, both in UTC. `now` must know its zone."""
        if self.start is not None and self.end is not None:
            return _first_moment(self.start, zone), _last_moment(self.end, zone)
        now = now.astimezone(UTC)
        today = now.astimezone(zone).date()
        if self.last == "today":
            return _midnight(today, zone), now
        if self.last == "yesterday":
            return _midnight(today - timedelta(days=1), zone), _midnight(today, zone)
        number, unit = int(self.last[:-1]), self.last[-1]
        if unit in _SECONDS:
            return now - timedelta(seconds=number * _SECONDS[unit]), now
        local = now.astimezone(zone)
        start = local.replace(tzinfo=None) - timedelta(days=number * _DAYS[unit])
        return start.replace(tzinfo=zone, fold=local.fold).astimezone(UTC), now

    def label(self, zone: tzinfo) -> str:
        """The range in words for a reader in `zone`: `last 15 min`, `today`, `2026-03-01 08:00 – 2026-03-02 08:00`."""
        if self.start is not None and self.end is not None:
            return f"{_label_moment(self.start, zone)} – {_label_moment(self.end, zone)}"
        if self.last[-1] in _WORDS and self.last[0].isdigit():
            unit = "week" if self.last == "1w" else _WORDS[self.last[-1]]
            return f"last {self.last[:-1]} {unit}"
        return self.last


PRESETS = tuple(
    TimeRange(last=last)
    for last in ("15m", "30m", "1h", "3h", "6h", "12h", "24h", "2d", "7d", "14d", "30d", "today", "yesterday")
)
DEFAULT_RANGE = TimeRange(last="24h")


def bucket_size(start: datetime, end: datetime, width: int) -> timedelta:
    """The smallest human step (1 s ... 1 h ... 1 d ...) of which at most `width` fit between `start` and `end`."""
    span = max(0.0, (end - start).total_seconds())
    least = span / max(1, width)
    for step in STEPS:
        if step >= least:
            return timedelta(seconds=step)
    years = -(-least // STEPS[-1])
    return timedelta(seconds=STEPS[-1] * years)


def _parse_last(text: str) -> str:
    words = " ".join(text.lower().split())
    if words in ("today", "yesterday"):
        return words
    found = _LAST.fullmatch(words)
    if found is None:
        raise ValueError(EXPECTED)
    number, unit = int(found[1]), found[2][0]
    if timedelta(seconds=number * _SECONDS.get(unit, 0), days=number * _DAYS.get(unit, 0)) > _LONGEST:
        raise ValueError("at most ten years")
    return f"{number}{unit}"


def _parse_moment(value: object) -> date | datetime:
    if not isinstance(value, str):
        raise ValueError(EXPECTED)
    text = value.strip()
    try:
        moment = date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(EXPECTED) from None
    # The edges of the calendar leave no room for a zone's offset.
    if not 1900 <= moment.year <= 9000:
        raise ValueError("a year between 1900 and 9000")
    return moment.replace(microsecond=0) if isinstance(moment, datetime) else moment


def _write_moment(moment: date | datetime) -> str:
    if not isinstance(moment, datetime):
        return moment.isoformat()
    return moment.isoformat(sep=" ", timespec="seconds" if moment.second else "minutes")


def _check_order(start: date | datetime, end: date | datetime) -> None:
    aware = [moment.tzinfo is not None for moment in (start, end) if isinstance(moment, datetime)]
    if len(set(aware)) > 1:
        raise ValueError("both times with a zone, or both without")
    if _first_moment(start, UTC) >= _last_moment(end, UTC):
        raise ValueError("from before to")


def _midnight(day: date, zone: tzinfo) -> datetime:
    """The first moment of `day`, also where the clocks jump over midnight or strike it twice."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _readings(moment: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Both readings of a local time, in order: they differ in an hour that the clocks repeat or leave out."""
    if moment.tzinfo:
        return moment.astimezone(UTC), moment.astimezone(UTC)
    first, second = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return min(first, second), max(first, second)


def _first_moment(moment: date | datetime, zone: tzinfo) -> datetime:
    return _readings(moment, zone)[0] if isinstance(moment, datetime) else _midnight(moment, zone)


def _last_moment(moment: date | datetime, zone: tzinfo) -> datetime:
    return _readings(moment, zone)[1] if isinstance(moment, datetime) else _midnight(moment + timedelta(days=1), zone)


def _label_moment(moment: date | datetime, zone: tzinfo) -> str:
    if isinstance(moment, datetime) and moment.tzinfo:
        moment = moment.astimezone(zone).replace(tzinfo=None)
    return _write_moment(moment)
