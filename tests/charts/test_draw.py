"""The door: problems instead of exceptions, options, themes, and what is imported when."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest

from datapulse_tui.charts.options import OPTIONS, InvalidOptions, LineOptions, parse_options
from datapulse_tui.charts.picture import Picture, Span, Style
from datapulse_tui.charts.theme import MARKS, TEXTURES, THEMES

from .samples import COUNTRIES, latency, picture, requests, table, text

CHARTS = ("line_chart", "area_chart", "bar_chart", "pie_chart", "table", "metric_card")


@pytest.mark.parametrize("kind", CHARTS)
def test_no_rows_says_so(kind: str) -> None:
    assert picture(table("t:text v:number", []), kind).problem.startswith("No rows.")


@pytest.mark.parametrize("kind", CHARTS)
def test_no_columns_says_so(kind: str) -> None:
    assert picture(table("", []), kind).problem == "The query returned no columns."


@pytest.mark.parametrize("kind", ["line_chart", "area_chart", "bar_chart"])
def test_all_null_says_so(kind: str) -> None:
    data = table("n:text v:number", [("a", None), ("b", float("nan"))])
    assert picture(data, kind).problem == "Every value of v is NULL or NaN; there is nothing to draw."


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"y": "country"}, "The column country holds text; only numbers can be drawn as values."),
        (
            {"y": "sales"},
            "The option y names the column sales, which the query does not return. Its columns: country, orders.",
        ),
        (
            {"x": "day"},
            "The option x names the column day, which the query does not return. Its columns: country, orders.",
        ),
        ({"yy": 1}, "The options of this line_chart are not valid. yy: is not known; there are"),
    ],
)
def test_wrong_columns_and_options_are_named(options: dict[str, object], why: str) -> None:
    assert picture(COUNTRIES, "line_chart", options).problem.startswith(why)


def test_infinities_alone_are_told() -> None:
    data = table("n:number v:number", [(1, float("inf")), (2, Decimal("-Infinity")), (3, 10**400)])
    assert picture(data, "line_chart").problem == "No drawable number in v: 3 infinite values left out."


@pytest.mark.parametrize("size", [(3, 20), (20, 1), (1, 1), (7, 2)])
@pytest.mark.parametrize("kind", ["line_chart", "area_chart"])
def test_a_box_too_small_says_so(kind: str, size: tuple[int, int]) -> None:
    assert picture(latency(10), kind, {}, *size).problem == f"Too small: needs 8x3, has {size[0]}x{size[1]}."


def test_an_unknown_type_says_which_there_are() -> None:
    assert "there are line_chart, area_chart" in picture(COUNTRIES, "radar").problem


def test_no_result_says_so() -> None:
    assert picture(None, "line_chart").problem == "There is no result to draw."


def test_decimals_booleans_and_huge_numbers_are_drawn() -> None:
    data = table("n:number v:number w:boolean", [(1, Decimal("1.5"), True), (2, True, False), (3, 10**30, True)])
    assert not picture(data, "line_chart").problem
    assert not picture(data, "line_chart", {"y": "w"}).problem


def test_options_tell_every_problem_and_where() -> None:
    wrong = {"y": [], "min": "3", "thresholds": [{"value": "x"}, {}], "foo": 1}
    with pytest.raises(InvalidOptions) as caught:
        parse_options("line_chart", wrong)
    assert [problem.path for problem in caught.value.problems] == [
        ("y",), ("thresholds", 0, "value"), ("thresholds", 1, "value"), ("min",), ("foo",),
    ]  # fmt: skip
    assert str(caught.value.problems[0]) == "y: expected at least one"
    assert str(caught.value.problems[2]) == "thresholds[1].value: is missing"


def test_min_must_be_below_max() -> None:
    with pytest.raises(InvalidOptions, match="min must be below max"):
        parse_options("line_chart", {"min": 3, "max": 3})


def test_one_name_is_a_list_of_one() -> None:
    options = parse_options("line_chart", {"y": "v"})
    assert isinstance(options, LineOptions)
    assert options.y == ("v",)


@pytest.mark.parametrize("kind", OPTIONS)
def test_every_field_is_described_for_people_and_editors(kind: str) -> None:
    schema = OPTIONS[kind].model_json_schema()
    assert schema["additionalProperties"] is False
    for definition in (schema, *schema.get("$defs", {}).values()):
        assert definition["description"]
        assert all(field.get("description") for field in definition["properties"].values())


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_draws_every_kind(name: str) -> None:
    for kind in CHARTS:
        assert not picture(requests(), kind, {}, 60, 16, THEMES[name]).problem


@pytest.mark.parametrize("name", THEMES)
def test_series_differ_in_more_than_colour(name: str) -> None:
    theme = THEMES[name]
    assert (
        len({theme.mark(index) for index in range(10)}) == len({theme.filled_mark(index) for index in range(10)}) == 10
    )
    assert len(set(MARKS)) == len(set(TEXTURES)) == 10
    if theme.colour == "16":
        assert not any(str(colour).startswith("#") for colour in (*theme.palette, theme.text, theme.accent))


def test_no_colour_means_none() -> None:
    assert "\x1b[3" not in picture(requests(), "area_chart", {}, 40, 12, THEMES["none"]).to_ansi().replace(
        "\x1b[3m", ""
    )


def test_ansi_is_the_text_with_styles() -> None:
    drawn = Picture(4, 1, ((Span("ab", Style(fg="#010203", bold=True)), Span("c", Style(bg="bright_red")), Span("d")),))
    assert drawn.to_ansi() == "\x1b[1;38;2;1;2;3mab\x1b[0m\x1b[101mc\x1b[0md"
    assert drawn.to_text() == "abcd"


def test_the_same_input_gives_the_same_picture() -> None:
    assert picture(latency(), "line_chart") == picture(latency(), "line_chart")


def test_pictures_may_be_drawn_in_threads_at_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    kinds = [*CHARTS] * 8
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda kind: text(picture(requests(), kind)), kinds))
    assert drawn == [text(picture(requests(), kind)) for kind in kinds]


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys; import datapulse_tui.charts.draw, datapulse_tui.charts.theme;"
        "heavy = {'pydantic', 'PIL', 'markdown_it', 'textual', 'rich', 'sqlalchemy', 'plotext'} & set(sys.modules);"
        "print(sorted(heavy))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_a_line_is_drawn_without_textual_or_a_database() -> None:
    code = (
        "import sys; from tests.charts.samples import latency, picture;"
        "assert not picture(latency(), 'line_chart').problem;"
        "print(sorted({'PIL', 'markdown_it', 'textual', 'rich', 'sqlalchemy', 'httpx'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
