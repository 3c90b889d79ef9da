from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.people.filters import CHOICES, FIELDS, InvalidFilter, moment, parse, quoted, words_of

NOW = datetime(2026, 3, 2, 14, 5, tzinfo=UTC)

SAME = [
    ("", ""),
    ("ana", "ana"),
    ("ROLE:Admin", "role:admin"),
    ("  role:admin,analyst   -status:inactive ", "role:admin,analyst -status:inactive"),
    ('dept:"Human Resources"', 'dept:"Human Resources"'),
    ("dept:none", "dept:none"),
    ("custom:auditor", "custom:auditor"),
    ("seen:30d", "seen:30d"),
    ("unseen:NEVER", "unseen:NEVER"),
    ("status:locked,invited", "status:locked,invited"),
    ("#12", '"#12"'),
    ("#ops", '"#ops"'),
    ("-ana@example.com", "-ana@example.com"),
    ('"disk [/dev/sda1]"', '"disk [/dev/sda1]"'),
]


@pytest.mark.parametrize(("text", "canonical"), SAME)
def test_a_line_means_the_same_as_its_canonical_form(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)


WRONG = [
    ("role:king", 5, "business_user"),
    ("ana rolle:admin", 4, "one of role"),
    ("status:", 7, "active"),
    ("seen:soon", 5, "7d"),
    ("unseen:30", 7, "7d"),
    ("seen:7m", 5, "7d"),
    ("since:7d", 0, "one of role"),
    ('dept:"ops', 5, '"'),
    ("-", 0, "a word"),
    ("dept:", 5, "first letters"),
]


@pytest.mark.parametrize(("text", "position", "expected"), WRONG)
def test_what_is_no_filter_is_refused_with_its_position(text: str, position: int, expected: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(text)
    assert caught.value.position == position
    assert expected in caught.value.expected


def test_lengths_of_time() -> None:
    assert moment("7d", NOW) == NOW - timedelta(days=7)
    assert moment("12H", NOW) == NOW - timedelta(hours=12)
    assert moment("8w", NOW) == NOW - timedelta(weeks=8)
    assert moment("never", NOW) is None


def test_words_of_options() -> None:
    assert words_of(role="admin", status=None) == "role:admin"
    assert words_of(role="a b") == 'role:"a b"'


VALUES = st.text(min_size=1, max_size=20).filter(lambda text: text.strip() and "\0" not in text)


@st.composite
def lines(draw: st.DrawFn) -> str:
    words = []
    for _ in range(draw(st.integers(0, 5))):
        field = draw(st.sampled_from([*FIELDS, ""]))
        if field in CHOICES:
            value = draw(st.sampled_from(CHOICES[field]))
        elif field in ("seen", "unseen"):
            value = draw(st.sampled_from(("7d", "12h", "never")))
        else:
            value = quoted(draw(VALUES.filter(lambda text: any(c.isalnum() for c in text))), field or "text")
        words.append(draw(st.sampled_from(("", "-"))) + (f"{field}:" if field else "") + value)
    return " ".join(words)


@given(lines())
def test_every_line_that_is_written_is_read_as_the_same(line: str) -> None:
    found = parse(line)
    assert parse(str(found)) == found


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_is_refused_with_a_position(text: str) -> None:
    try:
        found = parse(text)
    except InvalidFilter as error:
        position: int | None = error.position
    else:
        position = None
        assert parse(str(found)) == found
    assert position is None or 0 <= position <= len(text)
