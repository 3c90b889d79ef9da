from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapulse_tui.charts.blocks import EIGHTHS, put_column, put_row
from datapulse_tui.charts.picture import Grid
from datapulse_tui.charts.theme import DARK

from .samples import COUNTRIES, picture, requests, table, text

LEFT = " ▏▎▍▌▋▊▉█"
LOWER = " ▁▂▃▄▅▆▇█"


def length(line: str) -> int:
    """Eighths of a bar in a row of the picture."""
    return sum(LEFT.index(character) for character in line if character in LEFT)


def test_bars_are_as_long_as_their_values() -> None:
    rows: list[tuple[object, ...]] = [(f"row{value}", value) for value in (100, 75, 50, 25, 1)]
    lines = text(picture(table("n:text v:number", rows), "bar_chart", {}, 60, 9)).split("\n")
    lengths = [length(line.split(maxsplit=1)[1]) for line in lines if line.strip()]
    longest = lengths[0]
    assert longest % EIGHTHS == 0
    for found, part in zip(lengths, (1, 0.75, 0.5, 0.25, 0.01), strict=True):
        assert found == pytest.approx(longest * part, abs=1)


def test_values_stand_at_the_ends() -> None:
    shown = text(picture(COUNTRIES, "bar_chart", {"prefix": "€"}, 60, 12))
    assert "█ €12,845" in shown
    assert "▍ €120" in shown


@settings(max_examples=60)
@given(st.lists(st.integers(1, 999), min_size=2, max_size=6))
def test_stacked_pieces_add_up_to_the_bar_of_their_sum(parts: list[int]) -> None:
    names = " ".join(f"s{at}:number" for at in range(len(parts)))
    stacked = table(f"n:text {names}", [("both", *parts), ("full", *([0] * (len(parts) - 1)), sum(parts))])
    shown = picture(stacked, "bar_chart", {"mode": "stacked", "legend": "none", "values": False}, 70, 3)
    ends = []
    for line in (shown.lines[0], shown.lines[2]):
        end = x = 0
        for span in line:
            for character in span.text:
                if x >= 5 and (character in LEFT[1:] or span.style.bg):
                    part = EIGHTHS if span.style.bg else LEFT.index(character)
                    end = (x - 5) * EIGHTHS + part
                x += 1
        ends.append(end)
    assert abs(ends[0] - ends[1]) <= EIGHTHS // 2


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_pieces_fill_every_cell_up_to_their_end(sizes: list[int]) -> None:
    total, pieces = 0, []
    for index, size in enumerate(sizes):
        total += size
        pieces.append((total, index))
    tall, wide = Grid(1, 30), Grid(30, 1)
    put_column(tall, 0, 29, pieces, DARK, lambda index, _: DARK.series_colour(index))
    put_row(wide, 0, 0, pieces, DARK, lambda index, _: DARK.series_colour(index))
    cells = math.ceil(total / EIGHTHS)
    assert [tall.cell(0, 29 - at) != " " for at in range(30)] == [at < cells for at in range(30)]
    assert [wide.cell(at, 0) != " " for at in range(30)] == [at < cells for at in range(30)]


def test_rows_of_one_name_are_added_and_told() -> None:
    shown = picture(table("n:text v:number", [("a", 1), ("b", 5), ("a", 2)]), "bar_chart", {}, 40, 6)
    assert "█ 3" in text(shown) or "▏ 3" in text(shown) or any(f"{part} 3" in text(shown) for part in LEFT)
    assert shown.note == "1 row added to another of the same name"


def test_bars_that_find_no_room_are_counted() -> None:
    rows: list[tuple[object, ...]] = [(f"n{at}", at) for at in range(50)]
    shown = picture(table("n:text v:number", rows), "bar_chart", {"sort": "value_desc"}, 40, 10)
    assert shown.note == "9 of 50 bars find room"
    assert "… 41 more" in text(shown)
    assert text(shown).startswith("n49")


def test_limit_and_order() -> None:
    rows: list[tuple[object, ...]] = [("b", 2), ("c", 3), ("a", None), ("d", 1)]
    data = table("n:text v:number", rows)
    firsts = {
        order: [
            line[0] for line in text(picture(data, "bar_chart", {"sort": order}, 30, 8)).split("\n") if line.strip()
        ]
        for order in ("query", "value_desc", "value_asc", "label")
    }
    assert firsts == {
        "query": list("bcad"),
        "value_desc": list("cbda"),
        "value_asc": list("dbca"),
        "label": list("abcd"),
    }
    assert "2 of 4 bars" in picture(data, "bar_chart", {"limit": 2}).note


def test_negative_bars_go_the_other_way() -> None:
    shown = text(picture(table("n:text v:number", [("up", 10), ("down", -10)]), "bar_chart", {}, 40, 3)).split("\n")
    assert shown[0].index("█") >= shown[2].rindex("█")
    assert "-10" in shown[2]


def test_times_stand_and_missing_days_leave_a_hole() -> None:
    days = [date(2025, 11, 1) + timedelta(days=at) for at in range(10) if at != 5]
    shown = text(picture(table("d:date v:number", [(day, 10) for day in days]), "bar_chart", {"values": False}, 50, 10))
    row = shown.split("\n")[3][3:]
    assert len(row.replace("┈", " ").split()) == 9
    gaps = [len(gap) for gap in row.replace("┈", " ").strip().replace("█", "x").split("x") if gap]
    assert max(gaps) > 3 * min(gaps)


def test_months_of_different_length_are_neighbours() -> None:
    months = [date(2023 + at // 12, at % 12 + 1, 1) for at in range(36)]
    shown = text(
        picture(table("m:date v:number", [(month, 10) for month in months]), "bar_chart", {"values": False}, 150, 10)
    )
    assert len(shown.split("\n")[3][3:].replace("┈", " ").split()) == 36


def test_merged_bars_keep_the_spike() -> None:
    rows: list[tuple[object, ...]] = [
        (date(2020, 1, 1) + timedelta(days=at), 99 if at == 777 else 1) for at in range(1500)
    ]
    shown = picture(table("d:date v:number", rows), "bar_chart", {}, 60, 12)
    assert "█" in text(shown).split("\n")[0] or "▇" in text(shown).split("\n")[0]
    assert "bars share a place" in shown.note


def test_an_area_alone_is_as_high_as_its_value() -> None:
    rows: list[tuple[object, ...]] = [(at, 50) for at in range(10)]
    lines = text(picture(table("n:number v:number", rows), "area_chart", {"min": 0, "max": 100}, 43, 12)).split("\n")
    column = [line[20] for line in lines[:10]]
    assert [character == "█" for character in column] == [False] * 5 + [True] * 5


def test_a_stacked_area_is_as_high_as_the_sum() -> None:
    rows: list[tuple[object, ...]] = [(at, 20, 30) for at in range(10)]
    shown = picture(
        table("n:number a:number b:number", rows), "area_chart", {"min": 0, "max": 100, "legend": "none"}, 43, 12
    )
    lines = text(shown).split("\n")
    assert [line[20] in "█▲●◆▄▁" for line in lines[:10]] == [False] * 5 + [True] * 5


def test_negative_values_do_not_stack() -> None:
    rows: list[tuple[object, ...]] = [(at, 20, -30) for at in range(10)]
    shown = picture(table("n:number a:number b:number", rows), "area_chart", {}, 43, 12)
    assert shown.note.startswith("Negative values cannot stand on each other")
    assert not shown.problem


def test_series_without_a_value_somewhere_still_stack() -> None:
    data = requests()
    holes = table("hour:time status:text requests:number", [row for at, row in enumerate(data.rows) if at % 7])
    assert not picture(holes, "area_chart").problem
