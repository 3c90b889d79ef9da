"""What a rule may say: durations, every slip with its field and what was expected, and the plain form."""
# ruff: noqa: E501  (one case a line)

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.alerts.durations import format_duration, parse_duration
from datapulse_tui.alerts.plain import plain
from datapulse_tui.alerts.schemas import FIELDS, InvalidRule, check
from datapulse_tui.notify.templates import check_template
from tests.alerts.rule_documents import rules

LEAST: dict[str, Any] = {
    "name": "Errors", "query": "Errors by region", "metric": "rate", "threshold_type": "above", "threshold": 5,
}  # fmt: skip


def slips(**changes: Any) -> list[str]:
    """What is told about a rule with `changes`; None takes a field away."""
    value = {key: each for key, each in {**LEAST, **changes}.items() if each is not ...}
    try:
        check(value)
    except InvalidRule as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5_400),
        ("2d", 172_800),
        ("0", 0),
        ("0s", 0),
        (" 1H 5M ", 3_900),
        ("1d1s", 86_401),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 minutes", "-5m", "1.5h", "5m1h", "1h1h", "5٣m", "9999999999s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as 90s"):
        parse_duration(text)


@given(st.integers(0, 30 * 86_400))
def test_durations_read_back(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


def test_the_least_that_a_rule_says() -> None:
    spec = check(LEAST)
    assert (spec.for_, spec.interval, spec.window, spec.group_wait, spec.repeat_interval) == (0, 60, 3_600, 30, 14_400)
    assert (spec.no_data_policy, spec.error_policy, spec.severity, spec.active) == ("no_data", "error", "warning", True)
    assert plain(spec) == LEAST


@pytest.mark.parametrize(
    ("given_value", "severity", "expected", "written"),
    [
        (..., "critical", 900, None),
        (..., "warning", None, None),
        ("off", "critical", None, "off"),
        (None, "critical", None, "off"),
        ("15m", "critical", 900, None),
        ("1h", "critical", 3_600, "1h"),
        (900, "info", 900, "15m"),
    ],
)
def test_what_is_critical_escalates_unless_told_otherwise(
    given_value: Any, severity: str, expected: int | None, written: str | None
) -> None:
    value = {**LEAST, "severity": severity, "escalate_after": given_value}
    spec = check({key: each for key, each in value.items() if each is not ...})
    assert spec.escalate_after == expected
    assert plain(spec).get("escalate_after") == written


@pytest.mark.parametrize(
    ("type_", "threshold", "recovery", "told"),
    [
        ("above", 5, 4, ""),
        ("above", 5, 5, ""),
        ("above", 5, 6, "recovery: found 6, expected at most the threshold 5, because this rule fires above it"),
        ("below", 0.5, 0.6, ""),
        ("below", 0.5, 0.4, "recovery: found 0.4, expected at least the threshold 0.5, because this rule fires below it"),
        ("change_percent", 20, 10, ""),
        ("change_percent", 20, 30, "recovery: found 30, expected at most the threshold 20, because this rule fires on a rise it"),
        ("change_percent", -20, -10, ""),
        ("change_percent", -20, -30, "recovery: found -30, expected at least the threshold -20, because"),
        ("change_percent", 0, None, "threshold: found 0, expected a rise (such as 20) or a fall (such as -20) in percent"),
    ],
)  # fmt: skip
def test_the_recovery_threshold_lies_where_all_is_well(
    type_: str, threshold: float, recovery: float | None, told: str
) -> None:
    found = slips(threshold_type=type_, threshold=threshold, recovery=recovery)
    assert [each[: len(told)] for each in found] == ([told] if told else [])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ...}, "name: is missing, expected one line of 1 to 255 characters"),
        ({"name": "a\nb"}, 'name: found "a\\nb", expected one line of 1 to 255 characters'),
        ({"name": "a\x1b[31m"}, 'name: found "a\\u001b[31m", expected one line of 1 to 255 characters'),
        ({"name": "a\u202eb"}, 'name: found "a\\u202eb", expected one line of 1 to 255 characters'),
        ({"query": 5}, "query: found 5, expected the name of a saved query, or a mapping with source and sql"),
        ({"query": {}}, "query.name: is missing, expected one line of 1 to 255 characters"),
        ({"query": {"sql": "SELECT 1"}}, "query.source: is missing, expected the name of a source"),
        ({"query": {"source": "s"}}, "query.sql: is missing, expected a SELECT of at most 100,000 characters"),
        ({"query": {"source": "s", "sql": "x", "owner": "a@b"}}, "query.owner: found an owner beside sql, expected none"),
        ({"query": {"table": "s"}}, "query.table: found an unknown field, expected one of name, owner, source, sql"),
        ({"threshold": "5"}, 'threshold: found "5", expected a number between -2^53 and 2^53'),
        ({"threshold": True}, "threshold: found true, expected a number between -2^53 and 2^53"),
        ({"threshold": float("nan")}, "threshold: found nan, expected a number between -2^53 and 2^53"),
        ({"threshold": 1e300}, "threshold: found 1e+300, expected a number between -2^53 and 2^53"),
        ({"threshold_type": "over"}, 'threshold_type: found "over", expected above, below or change_percent'),
        ({"for": "5 min"}, 'for: found "5 min", expected a duration from 0s to 30d such as 90s, 5m or 1h30m'),
        ({"for": -1}, "for: found -1, expected a duration from 0s to 30d such as 90s, 5m or 1h30m"),
        ({"fro": "5m"}, f"fro: found an unknown field, expected one of {', '.join(FIELDS)} (did you mean for?)"),
        ({"interval": "1s"}, 'interval: found "1s", expected a duration from 5s to 1d such as 60s or 5m'),
        ({"window": "31d"}, 'window: found "31d", expected a duration from 1m to 30d such as 1h or 1d'),
        ({"repeat_interval": "5s"}, 'repeat_interval: found "5s", expected a duration from 1m to 30d such as 4h'),
        ({"escalate_after": "never"}, 'escalate_after: found "never", expected off, or a duration from 30s to 7d such as 15m'),
        ({"severity": "bad"}, 'severity: found "bad", expected one of info, warning, critical'),
        ({"no_data_policy": "error"}, 'no_data_policy: found "error", expected one of alerting, keep_last, normal, no_data'),
        ({"label_columns": ["a", "a"]}, "label_columns: found a list of 2, expected a list of different columns of the query (at most 20)"),
        ({"label_columns": ["rate"]}, "label_columns[0]: found the metric, expected another column"),
        ({"labels": {"a b": "x"}}, "labels: found a mapping, expected a mapping of at most 50 words"),
        ({"labels": {"tier": 1}}, "labels.tier: found 1, expected a text of one line, at most 255 characters (numbers in quotes)"),
        ({"runbook_url": "javascript:alert(1)"}, 'runbook_url: found "javascript:alert(1)", expected an address that begins with http'),
        ({"runbook_url": "https://me:pw@x.org"}, 'runbook_url: found "https://me:pw@x.org", expected an address'),
        ({"runbook_url": "https://x.org/\x1b]8;;"}, "runbook_url: found"),
        ({"message": "{value.__class__}"}, "message: {value.__class__} at character 1 of the message is not a placeholder."),
        ({"active": "yes"}, 'active: found "yes", expected true or false'),
        ({"channels": [{"type": "pigeon"}]}, 'channels[0].type: found "pigeon", expected email, slack, sms or webhook'),
        ({"channels": [{"type": "email"}]}, "channels[0].to: is missing, expected a list of recipients (at most 100)"),
        ({"channels": [{"type": "slack", "to": ["owner"]}]}, "channels[0].to: found recipients, expected none: a slack channel"),
        ({"channels": [{"type": "email", "to": ["ana"]}]}, 'channels[0].to[0]: found "ana", expected owner, a person\'s address'),
        ({"channels": [{"type": "email", "to": ["role:"]}]}, 'channels[0].to[0]: found "role:", expected owner'),
        ({"channels": [{"type": "email", "to": ["address:ana"]}]}, 'channels[0].to[0]: found "address:ana": This is not an e-mail'),
        ({"channels": [{"type": "sms", "to": ["address:x@y.z"]}]}, 'channels[0].to[0]: found "address:x@y.z": This is not a phone'),
        ({"channels": [{"type": "email", "to": ["address:a@b.c\r\nBcc: x@y.z"]}]}, "channels[0].to: found a list of 1"),
        ({"escalation_channels": [{"type": "email", "to": [5]}]}, "escalation_channels[0].to[0]: found 5, expected owner"),
    ],
)  # fmt: skip
def test_every_slip_is_told_with_its_field(changes: dict[str, Any], told: str) -> None:
    found = slips(**changes)
    assert [each[: len(told)] for each in found] == [told]


def test_all_slips_are_told_at_once() -> None:
    assert len(slips(name="", threshold="x", interval="1s", severity="x")) == 4
    assert len(slips(threshold_type="below", recovery=1, channels=[{"type": "sms"}], message="{x}")) == 3


def test_what_is_no_mapping() -> None:
    with pytest.raises(InvalidRule, match="found a list of 0, expected a mapping with name, query"):
        check([])


@given(rules)
def test_the_plain_form_reads_back(value: dict[str, Any]) -> None:
    spec = check(value)
    assert check(plain(spec)) == spec
    assert plain(check(plain(spec))) == plain(spec)


def test_a_message_that_notify_takes_is_taken() -> None:
    text = "{rule} is at {value} ({labels.region})\nSee the runbook."
    check_template(text)
    assert slips(message=text) == []
