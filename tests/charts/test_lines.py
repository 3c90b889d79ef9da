from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from datapulse_tui.charts.theme import DARK, NONE

from .samples import BERLIN, NOW, latency, picture, requests, table, text

BRAILLE = range(0x2801, 0x2900)


def has_dots(line: str) -> bool:
    return any(ord(character) in BRAILLE for character in line)


def test_a_spike_among_many_points_reaches_the_top() -> None:
    rows: list[tuple[object, ...]] = [(at, 100.0 if at == 7_777 else 1.0) for at in range(20_000)]
    lines = text(picture(table("n:number v:number", rows), "line_chart", {}, 60, 16)).split("\n")
    assert has_dots(lines[0])
    assert sum(map(has_dots, lines)) == 14


@pytest.mark.parametrize("gap", [None, math.nan, Decimal("NaN"), math.inf])
def test_what_is_no_number_is_a_gap(gap: object) -> None:
    rows: list[tuple[object, ...]] = [(at, gap if 40 <= at < 60 else 5) for at in range(100)]
    shown = picture(table("n:number v:number", rows), "line_chart", {}, 60, 10)
    row = next(line for line in text(shown).split("\n") if has_dots(line))
    assert 8 <= sum(character in " ┈" for character in row[8:]) <= 14
    assert ("infinite" in shown.note) == (gap == math.inf)


def test_a_point_between_gaps_is_drawn() -> None:
    rows: list[tuple[object, ...]] = [(0, 1), (1, None), (2, 5), (3, None), (4, 1)]
    lines = text(picture(table("n:number v:number", rows), "line_chart", {}, 40, 10)).split("\n")
    assert has_dots(lines[0])


def test_one_point_is_drawn_and_told() -> None:
    shown = picture(table("ts:time v:number", [(NOW, 42)]), "line_chart", {}, 40, 10)
    assert "●" in text(shown)
    assert shown.note == "One point only; a line needs two"


def test_unsorted_rows_give_the_same_picture() -> None:
    data = latency(50)
    shuffled = table("ts:time p50:number p95:number p99:number", [*data.rows[25:], *data.rows[:25]])
    assert picture(data, "line_chart").lines == picture(shuffled, "line_chart").lines


def test_naive_times_are_in_the_readers_zone() -> None:
    aware = table("ts:time v:number", [(datetime(2025, 11, 21, hour, tzinfo=UTC), hour) for hour in range(10)])
    naive = table("ts:time v:number", [(datetime(2025, 11, 21, hour + 1), hour) for hour in range(10)])  # noqa: DTZ001
    mixed = table("ts:time v:number", [*aware.rows[:5], *naive.rows[5:]])
    assert (
        picture(aware, "line_chart").lines == picture(naive, "line_chart").lines == picture(mixed, "line_chart").lines
    )


def test_columns_are_chosen_when_they_are_not_named() -> None:
    shown = text(picture(requests(), "line_chart"))
    assert all(name in shown.split("\n")[0] for name in ("● 5xx", "◆ 4xx", "▲ 2xx"))
    named = picture(requests(), "line_chart", {"x": "hour", "y": "requests", "series": "status"})
    assert text(named) == shown


def test_series_are_told_apart_without_colour() -> None:
    shown = text(picture(latency(), "line_chart", {}, 80, 24, NONE))
    body = shown.split("\n", 1)[1]
    assert all(mark in body for mark in "●◆▲")


def test_too_many_series_are_cut_and_told() -> None:
    rows: list[tuple[object, ...]] = [(at, f"host {host}", host * at) for at in range(5) for host in range(30)]
    shown = picture(table("n:number host:text v:number", rows), "line_chart", {"x": "n", "max_series": 3}, 80, 12)
    assert shown.note == "3 of 30 series shown, those with the highest peaks"
    assert all(f"host {host}" in text(shown) for host in (27, 28, 29))


@pytest.mark.parametrize("width", [8, 10, 14, 20, 30, 45, 80])
@pytest.mark.parametrize("place", ["auto", "top", "bottom", "right"])
def test_legends_fit(width: int, place: str) -> None:
    rows: list[tuple[object, ...]] = [(at, f"a rather long name {s}", s * at) for at in range(9) for s in range(7)]
    shown = picture(table("n:number s:text v:number", rows), "line_chart", {"legend": place}, width, 14)
    assert not shown.problem
    assert all(sum(len(span.text) for span in line) == width for line in shown.lines)


def test_thresholds_are_lines_with_names_or_arrows() -> None:
    options: dict[str, object] = {
        "thresholds": [
            {"value": 80, "label": "crit", "severity": "critical"},
            {"value": 900, "label": "far", "severity": "warning"},
        ]
    }
    rows: list[tuple[object, ...]] = [(at, at) for at in range(100)]
    shown = picture(table("n:number v:number", rows), "line_chart", options, 60, 20)
    lines = text(shown).split("\n")
    assert "↑ far 900" in lines[0]
    named = next(line for line in shown.lines if any("crit 80" in span.text for span in line))
    assert any("╌" in span.text and span.style.fg == DARK.critical for span in named)


def test_the_axis_obeys_min_and_max() -> None:
    rows: list[tuple[object, ...]] = [(at, at) for at in range(100)]
    shown = text(picture(table("n:number v:number", rows), "line_chart", {"min": 20, "max": 60}, 60, 20)).split("\n")
    assert shown[0].startswith("60")
    assert any(line.startswith("20") for line in shown)
    assert not has_dots(shown[0][:20])


def test_a_scatter_of_many_points_keeps_the_extremes() -> None:
    rows: list[tuple[object, ...]] = [(at, 50.0 if at == 31_337 else 1.0 + at % 3) for at in range(60_000)]
    shown = picture(table("n:number v:number", rows), "line_chart", {"style": "points"}, 60, 16)
    assert has_dots(text(shown).split("\n")[0])
    assert "of 60,000 points" in shown.note


def test_a_unit_too_long_for_the_axis_stands_above_it() -> None:
    rows: list[tuple[object, ...]] = [(at, at) for at in range(10)]
    shown = text(picture(table("n:number v:number", rows), "line_chart", {"unit": "requests/s"}, 40, 12))
    assert shown.startswith("requests/s")


def test_the_zone_moves_the_ticks() -> None:
    rows: list[tuple[object, ...]] = [(NOW - timedelta(hours=6 - at), at) for at in range(7)]
    data = table("ts:time v:number", rows)
    assert "12:00" in text(picture(data, "line_chart", zone=BERLIN))
    assert text(picture(data, "line_chart")) != text(picture(data, "line_chart", zone=type(BERLIN)("Asia/Tokyo")))
