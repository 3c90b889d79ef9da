"""The chart of an incident: what the threshold is compared with, and where it lies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from datapulse_tui.alerts.rules import ThresholdType
from datapulse_tui.tui.screens.alerts.story import chart_of
from datapulse_tui.tui.widgets.story import Chart

BEGIN = datetime(2026, 3, 2, 12, tzinfo=UTC)


def chart(type_: ThresholdType, values: list[float], threshold: float, recovery: float | None = None) -> Chart | None:
    """The chart of an incident with a sample a minute, of a rule with a window of ten minutes."""
    view: Any = SimpleNamespace(
        metric="orders",
        threshold_type=type_,
        threshold=threshold,
        recovery=recovery,
        window_seconds=600,
        samples=tuple((BEGIN + timedelta(minutes=at), value) for at, value in enumerate(values)),
        row=SimpleNamespace(severity="critical"),
    )
    return chart_of(view)


def test_values_with_their_thresholds() -> None:
    found = chart(ThresholdType.ABOVE, [1, 2, 9], 8, 5)
    assert found is not None
    assert [value for _, value in found.result.rows] == [1, 2, 9]
    assert found.options["thresholds"] == [
        {"value": 8, "label": "threshold", "severity": "critical"},
        {"value": 5, "label": "clears", "severity": "good"},
    ]


def test_changes_where_the_rule_looks_at_changes() -> None:
    found = chart(ThresholdType.CHANGE_PERCENT, [100.0] * 10 + [120, 150, 80], 40)
    assert found is not None
    assert [round(value) for _, value in found.result.rows] == [20, 50, -20]
    assert found.result.names == ("time", "change of orders")
    assert (found.options["unit"], found.options["thresholds"][0]["value"]) == ("%", 40)


@pytest.mark.parametrize("values", [[100.0, 150.0], [0.0] * 12])
def test_without_a_past_to_compare_with_the_values_stand_alone(values: list[float]) -> None:
    found = chart(ThresholdType.CHANGE_PERCENT, values, 40)
    assert found is not None
    assert ([value for _, value in found.result.rows], found.options) == (values, {})


def test_one_sample_is_no_chart() -> None:
    assert chart(ThresholdType.ABOVE, [1], 8) is None
