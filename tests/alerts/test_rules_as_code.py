"""Rules as files: exact both ways, and hostile files refused with every slip and its line."""
# ruff: noqa: E501  (one file a line)

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.alerts.as_code import RULE_LIMIT, InvalidFile, differences, dump, load, load_file
from datapulse_tui.alerts.plain import Value, plain
from datapulse_tui.alerts.reads.rules import RuleDetail
from datapulse_tui.alerts.rules import AlertStatus, Health
from datapulse_tui.alerts.schemas import QuerySpec, RuleSpec, check
from datapulse_tui.alerts.views import Count, PersonRef, RuleRow
from datapulse_tui.errors import Invalid
from tests.alerts.rule_documents import rules

EXAMPLE = """\
rules:
  - name: Errors of checkout
    owner: olga@example.org
    description: |-
      Too many errors.
      Look at the last deployment first.
    query:
      name: Errors by region
      source: shop
      sql: |
        SELECT region, avg(failed) AS rate
        FROM requests
        GROUP BY 1
    metric: rate
    label_columns:
      - region
    threshold_type: above
    threshold: 0.05
    recovery: 0.02
    for: 5m
    keep_firing_for: 2m
    severity: critical
    labels:
      team: shop
    runbook_url: "https://example.org/run"
    message: "{rule} is at {value}"
    channels:
      - type: email
        to:
          - owner
          - "role:ops_manager"
          - "department:Shop floor"
      - type: slack
        channel: ops room
    escalate_after: 10m
    escalation_channels:
      - type: sms
        to:
          - boss@example.org
  - name: Little stock
    owner: olga@example.org
    query: Stock
    metric: left
    threshold_type: below
    threshold: 3
    active: false
"""
AT = datetime(2026, 1, 1, tzinfo=UTC)


def detail(spec: RuleSpec, owner: str = "olga@example.org") -> RuleDetail:
    """A rule as it would be read."""
    query = spec.query
    name, whose, source, sql = str(query), owner, "shop", "SELECT 1"
    if isinstance(query, QuerySpec):
        name, whose = query.name or spec.name, query.owner or owner
        source, sql = query.source or "", query.sql or ""
    person = PersonRef(UUID(int=1), "Olga", owner)
    row = RuleRow(
        uuid4(), 1, spec.name, person, spec.metric, name, source, spec.severity, "", AlertStatus.ACTIVE, spec.active,
        Health.OK, "", spec.interval, None, None, 0, 0, 0, True,
    )  # fmt: skip
    return RuleDetail(row, spec, uuid4(), sql, whose, uuid4(), 1, None, None, AT, AT, (), Count(0))


def test_the_example_is_what_is_written() -> None:
    loaded = load(EXAMPLE.encode(), "x.yaml")
    assert [each.owner for each in loaded] == ["olga@example.org"] * 2
    first, second = (detail(each.spec) for each in loaded)
    written = dump([first, second], inline=True)
    assert written == EXAMPLE.replace(
        "query: Stock", "query:\n      name: Stock\n      source: shop\n      sql: |\n        SELECT 1"
    )
    by_name = dump([first, second])
    assert "query: Errors by region\n" in by_name
    assert "SELECT" not in by_name
    assert "owner:" not in dump([first], owners=False)


@given(st.lists(rules, min_size=1, max_size=3, unique_by=lambda each: each["name"]))
def test_round_trip(values: list[dict[str, Any]]) -> None:
    specs = [check(value) for value in values]
    for inline in (False, True):
        text = dump([detail(spec) for spec in specs], inline=inline)
        loaded = load(text.encode(), "x.yaml")
        assert dump([detail(each.spec) for each in loaded], inline=inline) == text
        without = [{**plain(spec), "query": None} for spec in specs]
        assert [{**plain(each.spec), "query": None} for each in loaded] == without


def test_files_in_windows_line_ends_are_the_same() -> None:
    assert [each.spec for each in load(EXAMPLE.replace("\n", "\r\n").encode(), "x.yaml")] == [
        each.spec for each in load(EXAMPLE.encode(), "x.yaml")
    ]


RULE = "- {name: A, query: q, metric: m, threshold_type: above, threshold: 1}\n"
HOSTILE: list[tuple[str | bytes, list[str]]] = [
    ("", ["1: found 0 documents, expected one with rules: and a list of rules (at most 1,000)"]),
    ("---\n", ["2: found nothing, expected rules: and a list of rules (at most 1,000)"]),
    ("rules: []\n", ["1: rules: found a list of 0, expected rules: and a list of rules (at most 1,000)"]),
    ("- a\n", ["1: found a list of 1, expected rules: and a list of rules (at most 1,000)"]),
    ("a: 1\n---\nb: 1\n", ["1: found 2 documents, expected one with rules: and a list of rules (at most 1,000)"]),
    ("rules:\n" + RULE + "owner: x\n", ["3: owner: found an unknown field, expected rules: and nothing beside it"]),
    ("rules: &a [x]\n", ["1: found the anchor &a, expected no anchors"]),
    ("rules: !!python/object:os.x [x]\n", ["1: found the tag !!python/object:os.x, expected no tags"]),
    (b"rules: \xff\n", ["1: found the byte 0xff, expected text in UTF-8"]),
    ("rules: a\x1b[2J\n", ["1: found the control character U+001B, expected text"]),
    ("rules:\n- 5\n", ["2: rules[0]: found 5, expected a mapping with name, query, metric, threshold_type and threshold"]),
    ("rules:\n" + RULE + RULE, ['3: rules[1].name: found "A" again, expected it once (it is on line 2)']),
    (
        "rules:\n" + RULE + "- name: B\n  owner: 5\n  query: q\n  metric: m\n  threshold_type: above\n  threshold: x\n",
        [
            "4: rules[1].owner: found 5, expected the address of the person whose rule it is",
            '8: rules[1].threshold: found "x", expected a number between -2^53 and 2^53',
        ],
    ),
    (
        "rules:\n- name: B\n  query: q\n  metric: m\n  threshold_type: above\n  threshold: 5\n  recovery: 6\n",
        ["7: rules[0].recovery: found 6, expected at most the threshold 5, because this rule fires above it"],
    ),
    (
        "rules:\n- name: B\n  query:\n    source: s\n  metric: m\n  threshold_type: above\n  threshold: 5\n",
        ["3: rules[0].query.sql: is missing, expected a SELECT of at most 100,000 characters"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), HOSTILE, ids=[str(each) for each in range(len(HOSTILE))])
def test_hostile_files(content: str | bytes, expected: list[str]) -> None:
    with pytest.raises(InvalidFile) as caught:
        load(content if isinstance(content, bytes) else content.encode(), "bad.yaml")
    assert list(caught.value.slips) == [f"bad.yaml:{each}" for each in expected]


@given(st.text(st.sampled_from("rules:-#'\"|>{}[],&*!%@`~?.0 \n\t")) | st.binary())
def test_any_text_is_read_or_refused_with_a_line(text: str | bytes) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    slips: tuple[str, ...] = ()
    try:
        load(content, "f.yaml")
    except InvalidFile as error:
        slips = error.slips
    assert all(slip.startswith("f.yaml:") and slip.split(":")[1].isdigit() for slip in slips)


def test_more_rules_than_a_file_holds() -> None:
    with pytest.raises(InvalidFile, match="found 1,001 rules, expected at most 1,000"):
        load(("rules:\n" + "- {}\n" * (RULE_LIMIT + 1)).encode(), "f.yaml")
    spec = check({"name": "A", "query": "q", "metric": "m", "threshold_type": "above", "threshold": 1})
    with pytest.raises(Invalid, match="1,001 rules are more than one file may hold"):
        dump([detail(spec)] * (RULE_LIMIT + 1))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="No such file"):
        load_file(tmp_path / "none.yaml")


def test_differences_are_told_field_by_field() -> None:
    before: dict[str, Value] = {
        "name": "A",
        "threshold": 1,
        "severity": "critical",
        "labels": {"a": "1", "b": "2"},
        "for": "5m",
    }
    after: dict[str, Value] = {
        "name": "A",
        "threshold": 2,
        "labels": {"a": "9", "c": "3"},
        "for": "5m",
        "label_columns": ["x"],
    }
    assert differences(before, after) == (
        "threshold: 1 -> 2",
        'labels.a: "1" -> "9"',
        'labels.c set to "3"',
        'labels.b "2" removed',
        'label_columns set to ["x"]',
        'severity "critical" removed (back to its default)',
    )
    assert differences(after, {**after, "label_columns": ["y"]}) == ('label_columns: ["x"] -> ["y"]',)
    assert differences(after, after) == ()
    one: dict[str, Value] = {"channels": [{"type": "email", "to": ["a@b"]}], "message": "x" * 99}
    two: dict[str, Value] = {"channels": [{"type": "sms", "to": ["a@b"]}, {"type": "slack"}], "message": "y" * 99}
    assert differences(one, two) == (
        'channels[0].type: "email" -> "sms"', 'channels[1] set to {type: "slack"}', "message changed",
    )  # fmt: skip
