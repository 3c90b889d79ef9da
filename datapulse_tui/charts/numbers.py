"""Numbers as people read them: thousands separated, compact, percent, bytes and durations, with their unit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

NumberStyle = Literal["auto", "plain", "compact", "percent", "bytes", "bytes_si", "seconds", "milliseconds"]
Number = int | float | Decimal

MISSING = "–"
_ROUND_DURATION = re.compile(r" 0+[hms]$")
_COMPACT = (("", 1.0), ("k", 1e3), ("M", 1e6), ("B", 1e9), ("T", 1e12))
_BINARY = (("B", 1.0), ("KiB", 2.0**10), ("MiB", 2.0**20), ("GiB", 2.0**30), ("TiB", 2.0**40), ("PiB", 2.0**50))
_DECIMAL = (("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("PB", 1e15))
_COMPACT_FROM = 100_000
# Beyond the last suffix plus three digits, powers of ten read better.
_SCIENTIFIC_FROM = 1e18
_EXACT_BELOW = 1e30


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How numbers of one column are written.

    `percent` takes a share (0.12 is 12%), `seconds` and `milliseconds` a duration, `bytes` counts in 1,024s and
    `bytes_si` in 1,000s. `unit` follows the number, `prefix` (a currency) stands before it. `decimals` None chooses.
    """

    style: NumberStyle = "auto"
    unit: str = ""
    prefix: str = ""
    decimals: int | None = None


AUTO = NumberFormat()


def format_number(value: Number, form: NumberFormat = AUTO) -> str:
    """`value` on its own, as in a card or a legend: `1,234.5 ms`, `€1.2M`, `12.3%`, `1h 05m`.

    NaN is a dash and an infinity `∞`; nothing is raised for any number.
    """
    number = to_float(value)
    if math.isnan(number):
        return MISSING
    if math.isinf(number):
        return _dress("∞", form, negative=number < 0)
    return _dress(_magnitude(value, number, form), form, negative=number < 0)


def format_exact(value: Number, form: NumberFormat, decimals: int) -> str:
    """`value` for a table column: like `format_number`, but `auto` keeps every digit and `decimals` places."""
    if form.style != "auto":
        return format_number(value, form)
    return format_number(
        value, replace(form, style="plain", decimals=form.decimals if form.decimals is not None else decimals)
    )


def format_ticks(values: Sequence[float], step: float, form: NumberFormat) -> list[str]:
    """Labels for the ticks of one axis: as few digits as tell neighbours apart, the unit left out when it is long."""
    unit = form.unit if len(form.unit) <= 3 else ""
    style: NumberStyle = "compact" if form.style in ("auto", "plain") else form.style
    labels: list[str] = []
    for value in values:
        decimals = _tick_decimals(value, step, style)
        label = format_number(value, NumberFormat(style, unit, form.prefix, decimals))
        labels.append(_ROUND_DURATION.sub("", label) if style in ("seconds", "milliseconds") else label)
    return labels


def column_decimals(values: Iterable[Number]) -> int:
    """Decimal places that a column of numbers needs: none for whole ones, two in general, more for small ones."""
    largest, whole = 0.0, True
    for value in values:
        number = to_float(value)
        if not math.isfinite(number):
            continue
        largest = max(largest, abs(number))
        whole = whole and number == math.floor(number)
    if whole:
        return 0
    return 2 if largest >= 1 else min(8, 2 - math.floor(math.log10(largest)))


def to_float(value: Number) -> float:
    """`value` as float: what is too large is an infinity, what is no number (a signalling NaN) is NaN."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:
        return math.nan


def _dress(text: str, form: NumberFormat, *, negative: bool) -> str:
    suffix = ""
    if form.unit:
        suffix = form.unit if form.unit in ("%", "°", "‰") else f" {form.unit}"
    sign = "-" if negative and any(each in "123456789∞" for each in text) else ""
    return f"{sign}{form.prefix}{text}{suffix}"


def _magnitude(value: Number, number: float, form: NumberFormat) -> str:
    """`value` without sign, prefix and unit."""
    size = abs(number)
    match form.style:
        case "percent":
            return _fixed(size * 100, form.decimals, 1) + "%"
        case "bytes":
            return _scaled(size, _BINARY, form.decimals, " ")
        case "bytes_si":
            return _scaled(size, _DECIMAL, form.decimals, " ")
        case "seconds":
            return _duration(size, form.decimals)
        case "milliseconds":
            return _duration(size / 1000, form.decimals)
        case "compact":
            return _scaled(size, _COMPACT, form.decimals, "")
        case "plain":
            return _exact(value, size, form.decimals)
        case "auto":
            if size >= _COMPACT_FROM:
                return _scaled(size, _COMPACT, form.decimals, "")
            return _fixed(size, form.decimals, 1 if size >= 100 else 2)


def _exact(value: Number, size: float, decimals: int | None) -> str:
    """Every digit of integers and decimals, which a float would round; of floats as many as `_fixed` shows."""
    if isinstance(value, float) or size >= _EXACT_BELOW:
        return _fixed(size, decimals, 6)
    if isinstance(value, int):
        return f"{abs(value):,}" + (f".{'0' * decimals}" if decimals else "")
    exponent = value.as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 0
    return f"{value.copy_abs():,.{min(places, 12) if decimals is None else decimals}f}"


def _fixed(size: float, decimals: int | None, most: int) -> str:
    """Thousands separated with `decimals` places; without a wish, up to `most` places and no zeros behind."""
    if size >= _SCIENTIFIC_FROM:
        return f"{size:.{2 if decimals is None else decimals}e}"
    if decimals is not None:
        return f"{size:,.{decimals}f}"
    if 0 < size < 10.0**-most:
        return f"{size:.2g}"
    return _trim(f"{size:,.{most}f}")


def _scaled(size: float, steps: tuple[tuple[str, float], ...], decimals: int | None, gap: str) -> str:
    """Three significant digits and the suffix of the largest step that leaves at least 1."""
    if size >= steps[-1][1] * 1e6:
        return f"{size:.{2 if decimals is None else decimals}e}{gap}{steps[0][0]}"
    at = max((index for index, (_, factor) in enumerate(steps) if size >= factor), default=0)
    while True:
        suffix, factor = steps[at]
        text = _three_digits(size / factor, decimals)
        limit = steps[at + 1][1] / factor if at + 1 < len(steps) else math.inf
        if float(text.replace(",", "")) < limit:
            return f"{text}{gap}{suffix}" if suffix else text
        at += 1


def _three_digits(size: float, decimals: int | None) -> str:
    if decimals is not None or size >= _SCIENTIFIC_FROM:
        return _fixed(size, decimals, 2)
    if size >= 100 or size == 0:
        return f"{size:,.0f}"
    if size >= 1:
        return _trim(f"{size:.{1 if size >= 10 else 2}f}")
    return _trim(f"{size:.2f}") if size >= 0.1 else f"{size:.2g}"


def _duration(seconds: float, decimals: int | None) -> str:
    """`250 µs`, `3.2 s`, `4m 05s`, `1h 05m`, `2d 4h`."""
    if seconds == 0:
        return "0 s"
    for unit, size, below in (("ns", 1e-9, 1e-6), ("µs", 1e-6, 1e-3), ("ms", 1e-3, 1.0), ("s", 1.0, 59.95)):
        if seconds < below:
            text = _three_digits(seconds / size, decimals)
            if float(text.replace(",", "")) < 1000 or unit == "s":
                return f"{text} {unit}"
    if seconds >= 86400 * 10_000:
        return f"{_scaled(seconds / 86400, _COMPACT, None, '')} d"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _tick_decimals(value: float, step: float, style: NumberStyle) -> int | None:
    """Decimals that show a whole `step` once the value is scaled as `style` scales it."""
    if style in ("seconds", "milliseconds"):
        return None
    if style == "percent":
        return _places(step * 100)
    steps = {"bytes": _BINARY, "bytes_si": _DECIMAL}.get(style, _COMPACT)
    size = abs(value) * (1 + 1e-9)
    factor = max((each for _, each in steps if size >= each), default=1.0)
    if size == 0:
        return 0
    return _places(step / factor)


def _places(step: float) -> int | None:
    """Decimal places that `step` needs; None below a hundred-millionth, where significant digits read better."""
    for places in range(9):
        scaled = step * 10.0**places
        if scaled >= 1 and abs(scaled - round(scaled)) < 1e-6 * scaled:
            return places
    return None
