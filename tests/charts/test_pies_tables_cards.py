from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from datapulse_tui.charts.cells import LEFT_TO_RIGHT_MARK, cell_width
from datapulse_tui.charts.theme import DARK, NONE

from .samples import INCIDENTS, NOW, ORDERS, TRAFFIC, picture, table, text


def test_a_ring_reads_at_30_by_12() -> None:
    lines = text(picture(TRAFFIC, "pie_chart", {}, 30, 12)).split("\n")
    assert any("● Search" in line and line.rstrip().endswith("42%") for line in lines)
    assert any("▼ Ads" in line and line.rstrip().endswith("6%") for line in lines)
    assert sum(any(character in "█▙▛▜▟" for character in line) for line in lines) >= 7


def test_slices_are_as_large_as_their_shares() -> None:
    data = table("n:text v:number", [("half", 2), ("quarter", 1), ("rest", 1)])
    shown = picture(data, "pie_chart", {"shape": "pie", "legend": "none"}, 48, 24)
    cells = dict.fromkeys(DARK.palette[:3], 0.0)
    for line in shown.lines:
        for span in line:
            for character in span.text:
                if character == "█" and span.style.fg in cells:
                    cells[span.style.fg] += 1
    total = sum(cells.values())
    assert [round(count / total, 1) for count in cells.values()] == pytest.approx([0.5, 0.2, 0.2], abs=0.1)


def test_the_middle_of_a_ring_holds_the_total() -> None:
    assert "10,000" in text(picture(TRAFFIC, "pie_chart", {}, 80, 24))


def test_small_slices_are_gathered() -> None:
    rows: list[tuple[object, ...]] = [(f"n{at}", at) for at in range(1, 30)]
    shown = picture(table("n:text v:number", rows), "pie_chart", {"limit": 4}, 60, 14)
    assert "Other (26)" in text(shown)
    assert shown.note == "26 slices gathered as Other"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([("a", 5), ("b", -1)], "negative"),
        ([("a", 0), ("b", None)], "add up to nothing"),
        ([], "No rows"),
    ],
)
def test_what_is_no_whole_is_no_pie(rows: list[tuple[object, ...]], why: str) -> None:
    assert why in picture(table("n:text v:number", rows), "pie_chart").problem


def test_without_room_for_a_ring_the_legend_stays() -> None:
    shown = picture(TRAFFIC, "pie_chart", {}, 20, 6)
    assert "Search" in text(shown)
    assert "ring needs" in shown.note


def test_numbers_stand_right_and_texts_left() -> None:
    lines = text(picture(table("name:text n:number", [("a", 1), ("bb", 1234)]), "table", {}, 30, 6)).split("\n")
    assert lines[0].rstrip() == "name      n"
    assert lines[2].rstrip() == "a         1"
    assert lines[3].rstrip() == "bb    1,234"


def test_markup_and_escapes_are_text() -> None:
    shown = text(picture(INCIDENTS, "table", {}, 100, 20))
    assert "disk [/dev/sda1] full [/]" in shown
    assert "␛[31mred" in shown
    assert "\x1b[31m" not in picture(INCIDENTS, "table", {}, 100, 20, NONE).to_ansi()


def test_right_to_left_text_keeps_the_next_column_in_its_place() -> None:
    lines = text(picture(INCIDENTS, "table", {"columns": ["service", "value"]}, 40, 12)).split("\n")
    hebrew = next(line for line in lines if "שלום" in line)
    assert f"שלום{LEFT_TO_RIGHT_MARK}" in hebrew
    assert len({cell_width(line) for line in lines}) == 1


def test_numbers_are_never_cut_while_texts_can_give_way() -> None:
    rows: list[tuple[object, ...]] = [("a very long name indeed, longer than the box", Decimal("1234567.89"))]
    shown = text(picture(table("name:text n:number", rows), "table", {}, 24, 5))
    assert "1,234,567.89" in shown
    assert "…" in shown


def test_what_finds_no_room_is_told() -> None:
    data = table(" ".join(f"column{at}:number" for at in range(12)), [tuple(range(12))] * 40)
    shown = picture(data, "table", {}, 40, 10)
    assert shown.note == "5 of 12 columns find room; 7 of 40 rows find room"
    assert "… 33 more rows" in text(shown)


def test_a_table_is_ordered_with_null_last() -> None:
    data = table("n:text v:number", [("a", 2), ("b", None), ("c", 10), ("d", Decimal("NaN"))])
    for descending, expected in ((False, "acdb"), (True, "dcab")):
        shown = text(picture(data, "table", {"sort": "v", "descending": descending, "header": False}, 20, 4))
        assert "".join(line[0] for line in shown.split("\n")) == expected


def test_times_are_relative_when_asked() -> None:
    data = table(
        "t:time", [(NOW - timedelta(minutes=5),), (NOW + timedelta(hours=2, minutes=1),), (NOW - timedelta(days=3),)]
    )
    shown = text(picture(data, "table", {"columns": [{"name": "t", "time": "relative"}]}, 20, 6))
    assert all(each in shown for each in ("5 min ago", "in 2 h", "3 d ago"))


def test_thresholds_mark_cells() -> None:
    options: dict[str, object] = {
        "columns": [{"name": "v", "thresholds": [{"value": 5, "severity": "critical"}, {"value": 3}]}]
    }
    shown = picture(table("v:number", [(1,), (4,), (9,)]), "table", options, 20, 6)
    assert [line.split() for line in text(shown).split("\n")[2:5]] == [["1"], ["▲", "4"], ["✖", "9"]]
    assert any(span.style.fg == DARK.critical for span in shown.lines[4])


def test_a_card_shows_the_last_value_its_change_and_its_course() -> None:
    shown = picture(ORDERS, "metric_card", {"good": "up", "label": "orders a day"}, 40, 12)
    assert "▼ -1.4% from 1,197" in text(shown)
    assert "orders a day" in text(shown)
    assert any(character in text(shown).split("\n")[-1] for character in "▁▂▃▄▅▆▇█")
    arrow = next(span for line in shown.lines for span in line if "▼" in span.text)
    assert arrow.style.fg == DARK.critical


def test_a_card_compares_with_a_column() -> None:
    data = table("now:number before:number", [(234.5, 198.2)])
    options: dict[str, object] = {"compare": "before", "compare_label": "vs last week", "good": "down", "unit": "ms"}
    assert "▲ +18.3% vs last week" in text(picture(data, "metric_card", options, 40, 6))
    assert "vs" not in text(picture(data, "metric_card", {"compare": "none"}, 40, 6))


def test_the_newest_row_counts_whatever_the_order() -> None:
    data = table("d:date orders:number", list(reversed(ORDERS.rows)))
    assert text(picture(data, "metric_card", {}, 40, 12)) == text(picture(ORDERS, "metric_card", {}, 40, 12))


def test_a_share_changes_by_points() -> None:
    data = table("v:number", [(0.95,), (0.99,)])
    assert "+4.0 pp" in text(picture(data, "metric_card", {"format": "percent"}, 40, 6))


def test_a_card_without_a_value_says_so() -> None:
    assert "–" in text(picture(table("v:number", [(None,)]), "metric_card", {}, 20, 5))


def test_a_threshold_names_itself_on_the_card() -> None:
    options: dict[str, object] = {"thresholds": [{"value": 90, "label": "nearly full", "severity": "critical"}]}
    shown = picture(table("v:number", [(95,)]), "metric_card", options, 30, 6)
    assert "✖ nearly full" in text(shown)


def test_small_cards_show_the_number_in_one_row() -> None:
    assert text(picture(ORDERS, "metric_card", {}, 12, 1)).strip() == "1,180"
