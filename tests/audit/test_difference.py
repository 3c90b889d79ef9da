from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.audit.difference import LONGEST, MOST_FIELDS, Change, changes, notes


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [Change("a", "1", "2")]),
        ({"a": 1}, {"a": True}, [Change("a", "1", "true")]),
        (None, {"name": "Orders"}, [Change("name", None, "Orders")]),
        ({"name": "Orders"}, None, [Change("name", "Orders", None)]),
        ({"a": None}, {"a": ""}, [Change("a", "null", "")]),
        ({"l": {"x": 1, "y": 2}}, {"l": {"x": 1, "y": 3}}, [Change("l.y", "2", "3")]),
        ({"l": [1, 2, 3]}, {"l": [1, 4]}, [Change("l.1", "2", "4"), Change("l.2", "3", None)]),
        ({"l": []}, {"l": {}}, [Change("l", "[]", "{}")]),
        ({"l": [{"t": "a"}]}, {"l": [{"t": "b"}]}, [Change("l.0.t", "a", "b")]),
        ({"ü": "é"}, {"ü": "è"}, [Change("ü", "é", "è")]),
    ],
)
def test_fields_that_differ(before: Any, after: Any, found: list[Change]) -> None:
    details = {name: part for name, part in (("before", before), ("after", after)) if part is not None}
    assert list(changes(details)) == found


def test_long_values_are_cut_and_many_fields_are_counted() -> None:
    (only,) = changes({"before": {"a": "x"}, "after": {"a": "y" * 1_000}})
    assert only.cut
    assert len(only.after or "") == LONGEST
    found = changes({"after": {str(number): number for number in range(MOST_FIELDS + 7)}})
    assert len(found) == MOST_FIELDS + 1
    assert found[-1] == Change("… and 7 more fields", None, None)


def test_what_is_deep_is_shown_as_it_is() -> None:
    deep: Any = 1
    for _ in range(50):
        deep = {"a": deep}
    (only,) = changes({"before": {"a": 2}, "after": {"a": deep}})
    assert only.before == "2"
    (only,) = changes({"before": deep, "after": {"a": {"a": {"a": {"a": {"a": {"a": 7}}}}}}})
    assert only.path == "a.a.a.a.a.a"


def test_notes() -> None:
    assert notes({}) == ()
    assert notes({"note": {"reason": "why", "count": 3}, "before": {}, "other": [1]}) == (
        ("reason", "why"), ("count", "3"), ("other", "[1]"),
    )  # fmt: skip


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.dictionaries(st.text(max_size=3), values, max_size=4), st.dictionaries(st.text(max_size=3), values, max_size=4)
)
def test_there_is_a_change_where_there_is_a_difference(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = changes({"before": before, "after": after})
    assert bool(found) is (json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True))
    assert all(each.before != each.after for each in found)
