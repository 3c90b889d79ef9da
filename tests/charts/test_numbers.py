from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.charts.numbers import NumberFormat, NumberStyle, column_decimals, format_exact, format_number

STYLES: tuple[NumberStyle, ...] = (
    "auto", "plain", "compact", "percent", "bytes", "bytes_si", "seconds", "milliseconds",
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (0, NumberFormat(), "0"),
        (-0.0, NumberFormat(), "0"),
        (1234.5, NumberFormat(unit="ms"), "1,234.5 ms"),
        (99_999, NumberFormat(), "99,999"),
        (1_234_567, NumberFormat(), "1.23M"),
        (999_950, NumberFormat("compact"), "1M"),
        (-1_200, NumberFormat("compact", prefix="€"), "-€1.2k"),
        (12.345, NumberFormat(unit="%"), "12.35%"),
        (0.1234, NumberFormat("percent"), "12.3%"),
        (0.1234, NumberFormat("percent", decimals=0), "12%"),
        (1536, NumberFormat("bytes"), "1.5 KiB"),
        (1500, NumberFormat("bytes_si"), "1.5 kB"),
        (0.25, NumberFormat("seconds"), "250 ms"),
        (59.97, NumberFormat("seconds"), "1m 00s"),
        (3900, NumberFormat("seconds"), "1h 05m"),
        (187_200, NumberFormat("seconds"), "2d 4h"),
        (245_000, NumberFormat("milliseconds"), "4m 05s"),
        (12345678901234567890, NumberFormat("plain"), "12,345,678,901,234,567,890"),
        (Decimal("0.10"), NumberFormat("plain"), "0.10"),
        (1e30, NumberFormat(), "1.00e+30"),
        (math.nan, NumberFormat(), "–"),
        (Decimal("sNaN"), NumberFormat(), "–"),
        (-math.inf, NumberFormat(), "-∞"),
        (10**400, NumberFormat(), "∞"),
    ],
)
def test_numbers_read_well(value: int | float | Decimal, form: NumberFormat, expected: str) -> None:
    assert format_number(value, form) == expected


@given(st.one_of(st.integers(), st.floats(), st.decimals()), st.sampled_from(STYLES), st.sampled_from([None, 0, 3, 12]))
def test_any_number_is_written(value: int | float | Decimal, style: NumberStyle, decimals: int | None) -> None:
    assert format_number(value, NumberFormat(style, decimals=decimals))


@given(st.integers(-(10**25), 10**25))
def test_plain_keeps_every_digit_of_an_integer(value: int) -> None:
    assert int(format_number(value, NumberFormat("plain")).replace(",", "")) == value


@given(st.floats(1e-6, 1e16))
def test_compact_keeps_three_digits(value: float) -> None:
    text = format_number(value, NumberFormat("compact"))
    factor = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1.0)
    assert float(text.rstrip("kMBT").replace(",", "")) * factor == pytest.approx(value, rel=0.051)


def test_a_column_has_one_number_of_places() -> None:
    assert column_decimals([1, 2.0, Decimal(3)]) == 0
    assert column_decimals([1, 2.5]) == 2
    assert column_decimals([0.00123, math.nan, math.inf]) == 5
    assert [format_exact(each, NumberFormat(), 2) for each in (1, 2.5, Decimal("1234.567"))] == [
        "1.00",
        "2.50",
        "1,234.57",
    ]
