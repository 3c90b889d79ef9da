"""Templates of rules: words that are looked up, and values that stay values."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.errors import Invalid
from datapulse_tui.notify.channels.slack import escape
from datapulse_tui.notify.messages import (
    LONGEST_SMS,
    LONGEST_SUBJECT,
    LONGEST_TEXT,
    MOST_LISTED,
    Item,
    compose,
    compose_short,
)
from datapulse_tui.notify.templates import check_template, fill, inert, moment

FACTS: dict[str, Any] = {
    "rule": "Checkout errors", "severity": "critical", "number": 17, "title": "Checkout errors",
    "labels": {"region": "eu", "odd name": "x"}, "value": 1234.5, "threshold": 5,
    "opened_at": "2026-03-01T12:00:00+00:00", "zone": "Europe/Vienna", "runbook_url": "https://wiki/runbook",
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{rule} is at {value}, over {threshold}", "Checkout errors is at 1,234.5, over 5"),
        ("{labels.region}/{labels.odd name}/{labels.gone}", "eu/x/(none)"),
        ("{labels} since {started}", "region=eu odd name=x since 2026-03-01 13:00 CET"),
        ("{{value}} {comment}", "{value} (none)"),
        ("{runbook} #{number}\nsecond line", "https://wiki/runbook #17\nsecond line"),
    ],
)
def test_placeholders(template: str, expected: str) -> None:
    check_template(template)
    assert fill(template, FACTS) == expected


@pytest.mark.parametrize(
    ("template", "where"),
    [
        ("{valu}", "character 1 "),
        ("ok {value.__class__}", "character 4 "),
        ("{value!r}", "character 1 "),
        ("{value:>100000000}", "character 1 "),
        ("{labels[region]}", "character 1 "),
        ("{labels.}", "character 1 "),
        ("{}", "character 1 "),
        ("{0}", "character 1 "),
        ("open { only", "character 6 "),
        ("close } only", "character 7 "),
        ("{value", "character 1 "),
        ("x" * 2001, "2,001 characters"),
    ],
)
def test_what_is_no_placeholder_is_refused_with_its_place(template: str, where: str) -> None:
    with pytest.raises(Invalid, match=where):
        check_template(template)


def test_a_value_is_never_looked_at_again() -> None:
    hostile = FACTS | {"rule": "{value}{{x}}", "labels": {"region": "{rule}\r\nBcc: all@example.com\x1b[2J\u202e"}}
    assert fill("{rule} {labels.region}", hostile) == "{value}{{x}} {rule}  Bcc: all@example.com [2J"


@given(st.text(max_size=200), st.dictionaries(st.sampled_from(sorted(FACTS)), st.text() | st.floats() | st.none()))
def test_filling_never_fails_and_leaves_no_control_characters(template: str, facts: dict[str, Any]) -> None:
    filled = fill(template, facts)
    assert all(unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for line in filled.split("\n") for c in line)


@given(st.text(max_size=100))
def test_what_is_accepted_has_no_unknown_placeholder(template: str) -> None:
    try:
        check_template(template)
    except Invalid:
        return
    marked = fill(template.replace("{{", "").replace("}}", ""), dict.fromkeys(FACTS, "x"))
    assert "{" not in marked
    assert "}" not in marked


@given(st.text(), st.integers(1, 50))
def test_inert_is_one_short_line(text: str, longest: int) -> None:
    found = inert(text, longest)
    assert len(found) <= longest
    assert len(found.splitlines()) <= 1


_VALUES = st.text(max_size=400) | st.none() | st.integers() | st.floats() | st.dictionaries(st.text(), st.text())
_ITEMS = st.lists(
    st.builds(
        Item,
        st.sampled_from(["trigger", "update", "resolve", "repeat", "escalation", "notice", "test", "message"]),
        st.dictionaries(
            st.sampled_from([*sorted(FACTS), "message", "comment", "who", "url", "state", "text"]), _VALUES
        ),
    ),
    min_size=1,
    max_size=30,
)


@given(_ITEMS)
def test_messages_are_bounded_and_harmless_whatever_they_are_about(items: list[Item]) -> None:
    composed = compose(items)
    assert len(composed.subject) <= LONGEST_SUBJECT
    assert "\n" not in composed.subject
    assert "\r" not in composed.subject
    assert len(composed.text) <= LONGEST_TEXT
    assert "\x1b" not in composed.text
    assert "<" not in escape(composed.text)
    assert len(compose_short(items)) <= LONGEST_SMS


def test_one_incident_as_people_read_it() -> None:
    composed = compose([Item("trigger", FACTS | {"message": "Look at {labels.region} first"})])
    assert composed.subject == "Critical: Checkout errors region=eu odd name=x"
    assert composed.text.splitlines() == [
        "Critical: Checkout errors (#17)",
        "",
        "Look at eu first",
        "",
        "Labels: region=eu odd name=x",
        "Value: 1,234.5 (threshold 5)",
        "Since: 2026-03-01 13:00 CET",
        "Runbook: https://wiki/runbook",
    ]


def test_many_are_listed_to_twenty_the_worst_first() -> None:
    items = [Item("resolve", FACTS), *[Item("trigger", FACTS | {"severity": "info"}) for _ in range(30)]]
    composed = compose([*items, Item("trigger", FACTS | {"number": 99})])
    assert composed.subject == "Checkout errors: 31 firing, 1 resolved"
    blocks = composed.text.split("\n\n")
    assert len(blocks) == MOST_LISTED + 2
    assert blocks[1].startswith("Critical: Checkout errors (#99)")
    assert blocks[-1] == "and 12 more"
    assert compose_short(items).startswith("Checkout errors: 30 firing, 1 resolved; first: Info: Checkout errors")


def test_a_digest_says_so() -> None:
    items = [Item("trigger", FACTS | {"digest": True}), Item("trigger", FACTS | {"digest": True, "rule": "Disk"})]
    assert compose(items).subject == "Digest, 2 rules: 2 firing"


def test_times_that_are_none_stay_text() -> None:
    assert moment("yesterday", "UTC") == "yesterday"
    assert moment("2026-03-01T12:00:00", "UTC") == "2026-03-01T12:00:00"
