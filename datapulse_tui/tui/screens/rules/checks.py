"""What is wrong with a draft, told at the controls; and its condition, once that can be told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.rules.draft import NEW_QUERY, Draft, document_of, problems_by_field

if TYPE_CHECKING:
    from datapulse_tui.alerts.machine import Condition

FOR_BACK_TEST = (
    "query", "source", "sql", "metric", "label_columns", "threshold_type", "threshold", "recovery", "window", "for",
    "keep_firing_for", "interval",
)  # fmt: skip
PLAIN_WORDS = {
    "name": "Give the rule a name of 1 to 255 characters.",
    "query": "Choose a saved query, or write one.",
    "source": "Choose the source that the query runs on.",
    "sql": "Write a SELECT that brings the number to compare.",
    "metric": "Choose the column with the number to compare.",
    "threshold": "Expected a number such as 800 or 0.25.",
}


def problems(draft: Draft) -> dict[str, str]:
    """What is wrong, by the name of the control; empty when the rule can be saved."""
    from datapulse_tui.alerts.schemas import InvalidRule, check

    missing = _missing(draft)
    document = document_of(draft)
    try:
        check(document)
    except InvalidRule as error:
        return {**problems_by_field(error.problems, document), **missing}
    return missing


def _missing(draft: Draft) -> dict[str, str]:
    """What was left empty, in fewer words than a file's reader needs."""
    needed = ["name", "query", "metric", "threshold"]
    if draft.values["query"] == NEW_QUERY:
        needed += ["source", "sql"]
    return {name: PLAIN_WORDS[name] for name in needed if not str(draft.values[name]).strip()}


def told(error: DataPulseError, draft: Draft) -> dict[str, str]:
    """What the service found wrong with a draft, by the name of the control; empty for other errors."""
    from datapulse_tui.alerts.schemas import InvalidRule

    return problems_by_field(error.problems, document_of(draft)) if isinstance(error, InvalidRule) else {}


def condition_of(draft: Draft) -> Condition | None:
    """The condition that a draft describes; None while it cannot be told."""
    from datapulse_tui.alerts.durations import parse_duration
    from datapulse_tui.alerts.machine import Condition
    from datapulse_tui.alerts.rules import ThresholdType

    values = {name: str(value).strip() for name, value in draft.values.items()}
    try:
        return Condition(
            ThresholdType(values["threshold_type"]),
            float(values["threshold"]),
            float(values["recovery"]) if values["recovery"] else None,
            parse_duration(values["for"] or "0s"),
            parse_duration(values["keep_firing_for"] or "0s"),
            parse_duration(values["window"] or "1h"),
        )
    except ValueError:
        return None
