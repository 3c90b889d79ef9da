"""Valid dashboards as code of every shape, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from datapulse_tui.dashboards import yaml_text

_READABLE = st.characters(exclude_categories=["Cs"], exclude_characters=[chr(each) for each in (*range(32), 127)])
lines = (
    st.text(_READABLE | st.sampled_from("ab:-#'\"|>{}[],&*!%@`~?.0 "), min_size=1, max_size=30)
    .filter(lambda text: not yaml_text._UNREADABLE.search(text))
    .map(lambda text: "".join(each for each in text if each not in "\x85\u2028\u2029").strip())
    .filter(bool)
)
texts = st.lists(
    lines | st.sampled_from(["", "  indented", "trailing  ", "\ttab", "# no comment", "--- no marker"]), max_size=5
).map("\n".join)
queries = texts.map(str.strip).filter(bool) | st.just(
    "SELECT date_bin(:bucket, at, :from), count(*)\nFROM t\nGROUP BY 1"
)
words = st.from_regex(r"v[a-z0-9_]{0,8}", fullmatch=True)
numbers = st.integers(-(2**53), 2**53) | st.floats(-1e15, 1e15).filter(lambda each: not each.is_integer())
names = lines.map(lambda text: text[:100].strip()).filter(bool)

severities = st.sampled_from(["critical", "good"])
thresholds = st.lists(
    st.fixed_dictionaries({"value": numbers}, optional={"label": names, "severity": severities}), min_size=1, max_size=2
)
plotted: dict[str, st.SearchStrategy[Any]] = {
    "x": names,
    "y": st.lists(names, min_size=1, max_size=3) | names,
    "unit": names.map(lambda text: text[:20]),
    "legend": st.sampled_from(["top", "none"]),
    "thresholds": thresholds,
    "decimals": st.integers(0, 12),
}
configs: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "line_chart": st.fixed_dictionaries({}, optional=plotted),
    "area_chart": st.fixed_dictionaries({}, optional={**plotted, "stacked": st.booleans()}),
    "bar_chart": st.fixed_dictionaries({}, optional={**plotted, "limit": st.integers(1, 1000)}),
    "pie_chart": st.fixed_dictionaries({}, optional={"label": names, "shape": st.sampled_from(["ring", "pie"])}),
    "table": st.fixed_dictionaries(
        {}, optional={"columns": st.lists(names | st.fixed_dictionaries({"name": names, "label": names}), max_size=3)}
    ),
    "metric_card": st.fixed_dictionaries(
        {}, optional={"good": st.sampled_from(["up", "down"]), "thresholds": thresholds}
    ),
    "text": st.fixed_dictionaries({"markdown": texts.filter(bool)}),
    "image": st.fixed_dictionaries({"source": names}),
}


@st.composite
def widgets(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Widgets that stand below each other, each at a place of its own."""
    found: list[dict[str, Any]] = []
    y = 0
    for kind in draw(st.lists(st.sampled_from(sorted(configs)), max_size=4)):
        widget: dict[str, Any] = {"title": draw(names), "type": kind}
        if kind not in ("text", "image"):
            widget["source"] = draw(names)
            widget["query"] = draw(queries)
        config = draw(configs[kind])
        if config:
            widget["config"] = config
        height = draw(st.integers(1, 8))
        x = draw(st.integers(0, 11))
        widget["position"] = {"x": x, "y": y, "w": draw(st.integers(1, 12 - x)), "h": height}
        y += height
        found.append(widget)
    return found


@st.composite
def variables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Variables of every type, each with a name of its own."""
    found: list[dict[str, Any]] = []
    for name in draw(st.lists(words, unique=True, max_size=3)):
        kind = draw(st.sampled_from(["text", "number", "choice"]))
        variable: dict[str, Any] = {"name": name, "type": kind}
        if draw(st.booleans()):
            variable["label"] = draw(names)
        default: Any = draw(st.none() | (numbers if kind == "number" else names))
        if kind == "choice" and draw(st.booleans()):
            variable["options"] = {"source": draw(names), "query": draw(queries)}
        elif kind == "choice":
            variable["options"] = draw(st.lists(names | numbers, min_size=1, max_size=4))
            default = variable["options"][-1]
        if default is not None:
            variable["default"] = default
        found.append(variable)
    return found


ranges = st.sampled_from(["15m", "7d", "today"]) | st.just({"from": "2026-03-01 08:00", "to": "2026-03-02"})
emails = st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.org", fullmatch=True)
shares = st.lists(
    st.fixed_dictionaries({"email": emails, "permission": st.sampled_from(["view", "edit"])}),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each["email"],
)
dashboards: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": names, "widgets": widgets()},
    optional={
        "description": texts.filter(bool),
        "public": st.just(True),
        "refresh": st.sampled_from(["5s", "90s", "5m", "1d"]),
        "time_range": ranges,
        "variables": variables().filter(bool),
        "shares": shares,
    },
)
