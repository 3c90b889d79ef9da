"""The way between the editor's sheet and a rule: nothing is lost, and what is wrong is told at its control."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapulse_tui.alerts.schemas import check
from datapulse_tui.tui.screens.rules import checks
from datapulse_tui.tui.screens.rules.draft import (
    DEFAULTS,
    NEW_QUERY,
    Draft,
    document_of,
    draft_of,
    labels_text,
    recipient_key,
)
from datapulse_tui.tui.screens.rules.sentence import sentence, told_sentence

QUERY = uuid4()
WHOLE: dict[str, Any] = {
    "name": "Checkout is slow",
    "description": "What customers wait for.",
    "query": QUERY,
    "metric": "p95_ms",
    "label_columns": ["service", "region"],
    "threshold_type": "change_percent",
    "threshold": -20.5,
    "recovery": -10,
    "for": "1h30m",
    "keep_firing_for": "90s",
    "interval": "30s",
    "window": "1d",
    "no_data_policy": "alerting",
    "error_policy": "keep_last",
    "severity": "critical",
    "labels": {"team": "payments", "note": 'two "words"', "empty": ""},
    "runbook_url": "https://wiki.example.org/a",
    "message": "Look at {value}\nand at {runbook}.",
    "channels": [
        {"type": "email", "to": ["owner", "ana@example.org", "role:ops_manager", "department:Operations"]},
        {"type": "email", "channel": "second mail", "to": ["address:x@example.org"]},
        {"type": "sms", "to": ["owner"]},
        {"type": "slack"},
        {"type": "slack", "channel": "night"},
        {"type": "webhook", "channel": "hook"},
    ],
    "frequency": "digest",
    "group_wait": "0s",
    "group_interval": "10m",
    "repeat_interval": "1d",
    "escalate_after": "off",
    "escalation_channels": [{"type": "sms", "to": ["role:admin"]}],
    "active": False,
}


def test_a_rule_comes_back_from_the_sheet_as_it_went_in() -> None:
    spec = check(WHOLE)
    draft = draft_of(spec, "some id", 7)
    assert check(document_of(draft)) == spec
    assert (draft.alert_id, draft.version, draft.active) == ("some id", 7, False)
    assert Draft.from_json(draft.to_json()) == draft


@pytest.mark.parametrize(
    ("channels", "through", "keys"),
    [
        ([], "default", ()),
        ([{"type": "email", "to": ["owner"]}], "default", ("owner",)),
        ([{"type": "email", "channel": "night", "to": ["owner"]}], "night", ("owner",)),
        (
            [{"type": "email", "channel": "a", "to": ["owner"]}, {"type": "email", "channel": "b", "to": ["role:x"]}],
            "a",
            ("owner", "b\x1frole:x"),
        ),
        (
            [{"type": "email", "channel": "a", "to": ["owner"]}, {"type": "email", "to": ["role:x"]}],
            "default",
            ("a\x1fowner", "role:x"),
        ),
    ],
)
def test_the_channel_that_people_are_told_through(channels: Any, through: str, keys: tuple[str, ...]) -> None:
    spec = check({**WHOLE, "channels": channels})
    draft = draft_of(spec, "", 0)
    assert (draft.values["email_through"], draft.values["email"]) == (through, keys)
    assert check(document_of(draft)) == spec


def test_another_channel_takes_those_along_who_have_none_of_their_own() -> None:
    draft = Draft().with_values({"email": ("owner", "b\x1frole:x", "b\x1fowner"), "email_through": "b"})
    assert document_of(draft)["channels"] == [{"type": "email", "to": ["owner", "role:x"], "channel": "b"}]


@pytest.mark.parametrize("severity", ["critical", "warning"])
@pytest.mark.parametrize("after", [None, "off", "15m", "1h"])
def test_escalation_keeps_its_meaning(severity: str, after: str | None) -> None:
    document = {**WHOLE, "severity": severity, "escalate_after": after}
    if after is None:
        del document["escalate_after"]
    spec = check(document)
    assert check(document_of(draft_of(spec, "", 0))) == spec


@given(
    labels=st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip),
        max_size=4,
    )
)
@settings(max_examples=60)
def test_labels_come_back_as_they_are_written(labels: dict[str, str]) -> None:
    draft = Draft().with_values({"labels": labels_text(labels)})
    assert document_of(draft)["labels"] == labels


@pytest.mark.parametrize("kept", [None, 3, {}, {"values": 3}, {"values": {"name": 3, "email": "x", "other": "y"}}])
def test_what_was_kept_by_another_version_is_no_trouble(kept: object) -> None:
    draft = Draft.from_json(kept)
    assert draft is None or draft.values == DEFAULTS


def problems(**values: Any) -> dict[str, str]:
    good = {"name": "x", "query": str(QUERY), "metric": "m", "threshold": "5"}
    return checks.problems(Draft().with_values(good | values))


def test_sensible_defaults_need_only_what_nobody_can_guess() -> None:
    assert problems() == {}
    assert set(checks.problems(Draft())) == {"name", "query", "metric", "threshold"}
    assert set(problems(query=NEW_QUERY)) == {"source", "sql"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("threshold", "much", "expected a number"),
        ("threshold", "nan", "expected a number"),
        ("recovery", "6", "at most the threshold"),
        ("for", "5 minutes", "a duration from 0s to 30d"),
        ("interval", "1s", "a duration from 5s to 1d"),
        ("escalate_after", "soon", "off, or a duration"),
        ("label_columns", ("m",), "expected another column"),
        ("labels", "team", "such as team=payments"),
        ("labels", 'team="open', "such as team=payments"),
        ("runbook_url", "wiki", "http://"),
        ("message", "{nonsense}", "is not a placeholder"),
        ("email", ("somebody",), "expected owner"),
        ("second_sms", ("address:not a phone",), "phone number"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(name: str, value: Any, said: str) -> None:
    found = problems(**{name: value})
    assert set(found) == {name}
    assert said in found[name]


def test_the_rule_in_words() -> None:
    draft = Draft().with_values({"metric": "p95_ms", "threshold": "800", "label_columns": ("service",)})
    assert sentence(draft, "Latency").startswith("Fires when p95_ms of Latency is above 800 for 5m, for each service.")
    falls = draft.with_values({"threshold_type": "change_percent", "threshold": "-20", "for": "0s"})
    assert "falls by 20 % or more within 1h" in sentence(falls, "Latency")
    assert told_sentence(draft) == "Tells the owner by e-mail."
    through = draft.with_values({"email": (recipient_key("role:admin", "night"),), "slack": ("ops",)})
    assert told_sentence(through) == "Tells role admin by e-mail; Slack ops."
    assert "Tells nobody" in told_sentence(draft.with_values({"email": ()}))
