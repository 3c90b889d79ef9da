"""Wild results and options for property tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from datapulse_tui.charts.options import OPTIONS
from datapulse_tui.charts.theme import THEMES
from datapulse_tui.data.result import Column, ColumnKind, Result

ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")
NOW = datetime(2025, 11, 21, 14, 5, tzinfo=UTC)

# Everything that terminals and layouts trip over, more often than chance would bring it.
NASTY = st.sampled_from(
    [
        "\x1b[31mred\x1b[0m",
        "\x1b]52;c;aGk=\x07",
        "disk [/dev/sda1] full [/]",
        "\u202eevil\u202c",
        "日本語テキスト",
        "שלום עולם",
        "مرحبا",
        "e\u0301\u0302\u0303\u0304\u0305\u0306",
        "\u0301",
        "👨‍👩‍👧 family",
        "🇩🇪",
        "👍🏽",
        "❤️",
        "1️⃣",
        "क्षि",
        "\ufeffbom",
        "a\nb\tc\r\x00\x7f\x9b",
        "\ud800",
        "\u3164\u115f",
        "☰𝌀",
        "",
    ]
)
TEXTS = st.one_of(NASTY, st.text(max_size=12), st.text("ab ", max_size=40))
NUMBERS = st.one_of(
    st.integers(-100, 100),
    st.integers(),
    st.just(10**400),
    st.just(-(10**5000)),
    st.floats(),
    st.floats(-1, 1),
    st.decimals(),
    st.booleans(),
    st.none(),
)
TIMES = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([UTC, ZoneInfo("Asia/Tokyo"), timezone(timedelta(hours=-12))])),
    st.datetimes(datetime(2025, 3, 29), datetime(2025, 3, 31), timezones=st.just(ZoneInfo("Europe/Berlin"))),  # noqa: DTZ001 - hypothesis wants naive bounds
    st.dates(),
    st.none(),
)
ANYTHING = st.one_of(TEXTS, NUMBERS, TIMES, st.binary(max_size=4), st.lists(st.integers(), max_size=2))
VALUES = {
    ColumnKind.NUMBER: NUMBERS,
    ColumnKind.TEXT: st.one_of(TEXTS, st.none()),
    ColumnKind.BOOLEAN: st.one_of(st.booleans(), st.none()),
    ColumnKind.TIME: TIMES,
    ColumnKind.DATE: st.one_of(st.dates(), st.none()),
    ColumnKind.OTHER: ANYTHING,
}


@st.composite
def results(draw: st.DrawFn) -> Result:
    """Any result; now and then with values that are not of their column's kind."""
    kinds = draw(st.lists(st.sampled_from(ColumnKind), max_size=5))
    names = draw(st.lists(st.one_of(st.sampled_from("abcde"), TEXTS), min_size=len(kinds), max_size=len(kinds)))
    honest = draw(st.integers(0, 9)) > 0
    cells = [VALUES[kind] if honest else ANYTHING for kind in kinds]
    rows = draw(st.lists(st.tuples(*cells), max_size=30))
    return Result(tuple(Column(name, kind) for name, kind in zip(names, kinds, strict=True)), rows)


@st.composite
def widgets(draw: st.DrawFn) -> tuple[str, object, dict[str, object]]:
    """A widget type, what it is given, and options that fit or do not."""
    kind = draw(st.sampled_from(sorted(OPTIONS)))
    result = draw(results())
    data: object = result
    if kind == "text":
        data = draw(st.one_of(MARKDOWN, st.none()))
    elif kind == "image":
        data = draw(st.one_of(st.binary(max_size=200), st.none()))
    names = st.one_of(st.sampled_from([*result.names, "missing"]), TEXTS)
    pool: dict[str, st.SearchStrategy[object]] = {
        "x": names,
        "y": st.one_of(names, st.lists(names, max_size=3)),
        "series": names,
        "label": TEXTS,
        "value": names,
        "compare": names,
        "time": names,
        "columns": st.lists(names, max_size=3),
        "sort": st.one_of(names, st.sampled_from(["query", "value_desc", "value_asc", "label"])),
        "stacked": st.booleans(),
        "mode": st.sampled_from(["grouped", "stacked"]),
        "orientation": st.sampled_from(["auto", "horizontal", "vertical"]),
        "style": st.sampled_from(["line", "step", "points"]),
        "shape": st.sampled_from(["ring", "pie"]),
        "legend": st.sampled_from(["auto", "top", "bottom", "right", "none"]),
        "format": st.sampled_from(
            ["auto", "plain", "compact", "percent", "bytes", "bytes_si", "seconds", "milliseconds"]
        ),
        "unit": TEXTS,
        "prefix": TEXTS,
        "decimals": st.integers(-1, 13),
        "min": st.floats(),
        "max": st.floats(),
        "limit": st.integers(0, 12),
        "max_series": st.integers(1, 10),
        "fit": st.sampled_from(["contain", "cover", "stretch"]),
        "align": st.sampled_from(["left", "center"]),
        "thresholds": st.lists(
            st.fixed_dictionaries(
                {"value": st.floats(allow_nan=False)},
                optional={"label": TEXTS, "severity": st.sampled_from(["critical", "warning", "good", "info"])},
            ),
            max_size=3,
        ),
    }
    known = [name for name in OPTIONS[kind].model_fields if name in pool]
    chosen = draw(st.lists(st.sampled_from(known), max_size=3, unique=True)) if known else []
    options = {name: draw(pool[name]) for name in chosen}
    if draw(st.integers(0, 19)) == 0:
        options["nonsense"] = 1
    return kind, data, options


MARKDOWN = st.lists(
    st.one_of(
        TEXTS,
        st.sampled_from(
            [
                "# ",
                "- ",
                "  - ",
                "1. ",
                "> ",
                "```",
                "---",
                "| a | b |\n|---|--:|\n| 1 | 2 |",
                "**b**",
                "*i*",
                "`c`",
                "\n",
            ]
        ),
        st.sampled_from(["[x](http://y)", "![i](u)", "~~s~~", "a  \nb", "<b>html</b>", "&amp;", "\n\n", "    code\n"]),
    ),
    max_size=12,
).map("".join)
THEME = st.sampled_from(sorted(THEMES)).map(THEMES.__getitem__)
ZONE = st.sampled_from(ZONES).map(ZoneInfo)
