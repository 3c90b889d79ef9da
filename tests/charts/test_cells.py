from __future__ import annotations

import pytest

from datapulse_tui.charts.cells import LEFT_TO_RIGHT_MARK, cell_width, clean, crop, fit, wrap
from datapulse_tui.charts.picture import Grid, Style


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("a\nb\tc\r\n", "a b c  "),
        ("nul\x00del\x7fcsi\x9b", "nul␀del␡csi\N{REPLACEMENT CHARACTER}"),
        ("\u202eevil\u202c", "evil"),
        ("👨\u200d👩\u200d👧", "👨👩👧"),
        ("🇩🇪", "DE"),
        ("👍🏽 ❤️", "👍 ❤"),
        ("e\u0301", "e\u0301"),
        ("\u0301a", "a"),
        ("z" + "\u0301" * 50, "z" + "\u0301" * 4),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_hostile_text_becomes_harmless(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_wide_characters_are_never_cut_in_half() -> None:
    assert crop("日本語", 6) == "日本語"
    assert crop("日本語", 5) == "日本…"
    assert crop("日本語", 4) == "日…"
    assert fit("日本語", 4) == "日… "
    assert fit("ab", 5, "right") == "   ab"
    assert fit("ab", 5, "center") == " ab  "
    assert crop("abc", 0) == ""


def test_marks_stay_on_their_letters() -> None:
    assert crop("e\u0301e\u0301e\u0301", 2) == "e\u0301…"
    assert cell_width("e\u0301") == 1


def test_lines_break_at_words_and_long_words_break_anywhere() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("abcdefgh", 3) == ["abc", "def", "gh"]
    assert wrap("日本語", 1) == ["…", "…", "…"]


def test_overwriting_half_of_a_wide_character_blanks_the_other_half() -> None:
    for at, expected in ((0, "x 本"), (1, " x本"), (2, "日x ")):
        grid = Grid(4, 1)
        grid.put(0, 0, "日本")
        grid.set(at, 0, "x", Style())
        assert grid.picture().to_text() == expected
    grid = Grid(4, 1)
    grid.put(0, 0, "日本")
    grid.put(1, 0, "ab")
    assert grid.picture().to_text() == " ab "


def test_right_to_left_text_ends_with_a_mark_that_takes_no_room() -> None:
    grid = Grid(6, 1)
    assert grid.put(0, 0, "שלום") == 4
    assert grid.picture().to_text() == f"שלום{LEFT_TO_RIGHT_MARK}  "


def test_nothing_is_drawn_outside() -> None:
    grid = Grid(3, 1)
    for x, y in ((-1, 0), (3, 0), (0, 1), (0, -1)):
        grid.set(x, y, "x", Style())
        assert grid.put(x, y, "text") == 0
    assert grid.put(1, 0, "text") == 2
    assert grid.picture().to_text() == " t…"
