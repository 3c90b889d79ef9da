"""Words and small decisions of alerting: the enumerations, who may do what, what a label set is called. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

VIEW = "alert:view"
VIEW_ALL = "alert:view_all"
COMMENT = "alert:comment"
TRIAGE = "alert:triage"
TRIAGE_ALL = "alert:triage_all"
CREATE = "alert:create"
MANAGE = "alert:manage"

INCIDENTS_TOPIC = "incidents"  # of the change feed, with the incidents' ids
RULES_TOPIC = "alerts"
SNOOZES_TOPIC = "snoozes"
VIEWS_TOPIC = "views"

# json.dumps makes an encoder for each call, which a query of 100,000 series feels.
_to_sorted_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode

LONGEST_SNOOZE = timedelta(days=30)
LONG_CRITICAL_SNOOZE = timedelta(hours=4)  # a longer snooze of something critical needs an approval


class Severity(StrEnum):
    """How bad it is, the worst last."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class ThresholdType(StrEnum):
    """How a value is compared: see semantics.md, Alerts."""

    ABOVE = "above"
    BELOW = "below"
    CHANGE_PERCENT = "change_percent"


class NoDataPolicy(StrEnum):
    """What a rule does when its query brings no rows at all."""

    ALERTING = "alerting"
    KEEP_LAST = "keep_last"
    NORMAL = "normal"
    NO_DATA = "no_data"


class ErrorPolicy(StrEnum):
    """What a rule does when its query fails."""

    ALERTING = "alerting"
    KEEP_LAST = "keep_last"
    NORMAL = "normal"
    ERROR = "error"


class Health(StrEnum):
    """Whether a rule could be evaluated the last time."""

    UNKNOWN = "unknown"
    OK = "ok"
    ERROR = "error"
    NO_DATA = "no_data"


class SeriesState(StrEnum):
    """Where a series stands."""

    NORMAL = "normal"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


class AlertStatus(StrEnum):
    """What people see of a rule."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    TRIGGERED = "triggered"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


class IncidentKind(StrEnum):
    """What an incident is about: the metric, or the rule that could not look at it."""

    THRESHOLD = "threshold"
    NO_DATA = "no_data"
    ERROR = "error"


class IncidentStatus(StrEnum):
    """Where an incident stands in triage."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


class SnoozeKind(StrEnum):
    """Until when a snooze lasts; each has a hard end as well."""

    UNTIL_TIME = "until_time"
    UNTIL_RECOVERY = "until_recovery"
    UNTIL_WORKFLOW = "until_workflow"


def label_key(labels: Mapping[str, str]) -> str:
    """The digest by which a label set is found: 32 hexadecimal digits, the same for any order of the labels."""
    text = _to_sorted_json(labels if isinstance(labels, dict) else dict(labels))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def label_text(labels: Mapping[str, str]) -> str:
    """A label set as people read it: `region=eu service=checkout`; empty for a series without labels."""
    return " ".join(f"{name}={value}" for name, value in labels.items())
