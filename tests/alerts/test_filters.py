"""The language of filters: what it says, what it means, and where it stops being one."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.alerts.filters import (
    CHOICES,
    LONGEST,
    IncidentFilter,
    InvalidFilter,
    Term,
    parse,
    quoted,
)

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")


def terms(text: str) -> list[tuple[str, tuple[str, ...], bool]]:
    return [(term.field, term.values, term.negated) for term in parse(text, NOW).terms]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \t ", []),
        ("severity:critical", [("severity", ("critical",), False)]),
        ("Severity:CRITICAL,warning", [("severity", ("critical", "warning"), False)]),
        ("-state:snoozed", [("state", ("snoozed",), True)]),
        ("rule:checkout dept:ops", [("rule", ("checkout",), False), ("dept", ("ops",), False)]),
        ('rule:"a, b",c', [("rule", ("a, b", "c"), False)]),
        (r'rule:"say \"no\" \\ yes"', [("rule", (r'say "no" \ yes',), False)]),
        ("label:region=eu=1", [("label", ("region=eu=1",), False)]),
        ("disk full", [("text", ("disk",), False), ("text", ("full",), False)]),
        ('-"disk full"', [("text", ("disk full",), True)]),
        ("#12 number:7,08", [("number", ("12",), False), ("number", ("7", "8"), False)]),
        ('"http://x" a"b', [("text", ("http://x",), False), ("text", ('a"b',), False)]),
        ("assigned:me,none", [("assigned", ("me", "none"), False)]),
        ("kind:no_data", [("kind", ("no_data",), False)]),
    ],
)
def test_what_a_line_says(text: str, expected: list[object]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("sevrity:critical", 0, "no field 'sevrity'"),
        ("rule:a -foo:b", 8, "no field 'foo'"),
        ("severity:bad", 9, "'bad' is nothing for the field severity"),
        ("severity:critical,bad", 18, "'bad' is nothing"),
        ("severity:", 9, "needs a value"),
        ("rule:a,", 7, "needs a value"),
        ('rule:"open', 5, "quote is not closed"),
        ("label:region", 6, "needs a value"),
        ("label:=x", 6, "needs a value"),
        ("number:x", 7, "'x' is nothing"),
        ("number:99999999999999999999", 7, "is nothing"),
        ("since:soon", 6, "'soon' is nothing"),
        ("since:2h,3h", 0, "takes one time"),
        ("-since:2h", 1, "takes one time"),
        ("a - b", 2, "nothing to look for"),
        ("a\0b", 0, "null character"),
        ("x" * (LONGEST + 1), LONGEST, "longer than"),
        ("a " * 31, 60, "more than 30 words"),
        ("#x", 1, "'x' is nothing"),
    ],
)
def test_where_a_line_stops_being_a_filter(text: str, position: int, words: str) -> None:
    with pytest.raises(InvalidFilter, match=words) as found:
        parse(text, NOW)
    assert found.value.position == position
    assert f"character {position + 1} " in found.value.message
    assert found.value.hint.startswith("Expected ")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("since:2h", datetime(2026, 3, 10, 10, 0, tzinfo=UTC)),
        ("since:15m", datetime(2026, 3, 10, 11, 45, tzinfo=UTC)),
        ("since:7d", datetime(2026, 3, 3, 12, 0, tzinfo=UTC)),
        ("since:today", datetime(2026, 3, 9, 23, 0, tzinfo=UTC)),
        ("until:today", NOW),
        ("until:yesterday", datetime(2026, 3, 9, 23, 0, tzinfo=UTC)),
        ("until:1h", datetime(2026, 3, 10, 11, 0, tzinfo=UTC)),
        ("since:2026-03-01", datetime(2026, 2, 28, 23, 0, tzinfo=UTC)),
        ("until:2026-03-01", datetime(2026, 3, 1, 23, 0, tzinfo=UTC)),
        ("since:2026-03-01T08:00", datetime(2026, 3, 1, 7, 0, tzinfo=UTC)),
        ('since:"2026-03-01 08:00"', datetime(2026, 3, 1, 7, 0, tzinfo=UTC)),
        ("since:2026-03-01T08:00Z", datetime(2026, 3, 1, 8, 0, tzinfo=UTC)),
    ],
)
def test_times_are_of_the_reader_s_zone(text: str, moment: datetime) -> None:
    [term] = parse(text, NOW, VIENNA).terms
    assert term.moment == moment


@pytest.mark.parametrize(
    ("text", "by_default"),
    [
        ("", True),
        ("severity:critical", True),
        ("-state:snoozed", True),
        ("-#12", True),
        ("state:open", False),
        ("state:resolved -state:snoozed", False),
        ("#12", False),
    ],
)
def test_a_filter_is_for_open_incidents_unless_it_says_otherwise(text: str, by_default: bool) -> None:
    assert parse(text, NOW).open_by_default is by_default


plain = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
named = plain.filter(lambda text: bool(text.strip()))
choices = st.sampled_from(sorted(CHOICES)).flatmap(
    lambda field: st.tuples(st.just(field), st.lists(st.sampled_from(CHOICES[field]), min_size=1, max_size=3))
)
texts = st.tuples(st.sampled_from(["rule", "dept", "assigned"]), st.lists(named, min_size=1, max_size=3))
numbers = st.tuples(st.just("number"), st.lists(st.integers(0, 2**63 - 1).map(str), min_size=1, max_size=3))
labels = st.tuples(
    st.just("label"),
    st.lists(
        st.builds(lambda name, value: f"{name}={value}", plain.filter(lambda text: "=" not in text), plain), min_size=1
    ),
)
free = st.tuples(st.just("text"), plain.filter(lambda text: any(c.isalnum() for c in text)).map(lambda text: [text]))
filters = st.lists(
    st.builds(
        lambda field, negated: Term(field[0], tuple(field[1]), negated),
        choices | texts | numbers | labels | free,
        st.booleans(),
    ),
    max_size=6,
).map(lambda found: IncidentFilter(tuple(found)))


@given(filters)
def test_what_is_written_is_read_back(wanted: IncidentFilter) -> None:
    text = str(wanted)
    if len(text) <= LONGEST:
        assert parse(text, NOW) == wanted


@given(st.text(max_size=80))
def test_any_text_is_a_filter_or_says_where_it_is_none(text: str) -> None:
    found, position = None, 0
    try:
        found = parse(text, NOW, VIENNA)
    except InvalidFilter as error:
        position = error.position
    assert 0 <= position <= len(text)
    assert found is None or parse(str(found), NOW, VIENNA) == found


@given(plain)
def test_a_quoted_value_is_one_value(value: str) -> None:
    if value.strip():
        [term] = parse(f"rule:{quoted(value)}", NOW).terms
        assert term.values == (value,)
