"""What screens and commands see of alerting: frozen dataclasses, and nothing that knows a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.alerts.rows import IncidentRow as IncidentRow
from datapulse_tui.alerts.rows import PersonRef as PersonRef
from datapulse_tui.alerts.rules import AlertStatus, Health, Severity, SnoozeKind, ThresholdType

if TYPE_CHECKING:
    from datapulse_tui.notify.reads import DeliveryRow


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of an incident's timeline. `kind` is one of EVENT_KINDS, `actor` a name, `comment` free text."""

    at: datetime
    kind: str
    actor: str
    comment: str
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SnoozeRow:
    """What silences an incident, or (without `incident_id`) everything of a rule. `hides` counts what it hides now."""

    id: UUID
    version: int
    alert_id: UUID
    rule: str
    incident_id: UUID | None
    incident_title: str
    severity: Severity
    kind: SnoozeKind
    until: datetime
    reason: str
    created_at: datetime
    created_by: PersonRef | None
    ended_at: datetime | None
    hides: int
    may_change: bool


@dataclass(frozen=True, slots=True)
class SimilarRow:
    """An incident of the same series, or else of the same rule, that is over."""

    id: UUID
    number: int
    title: str
    opened_at: datetime
    resolved_at: datetime | None
    resolved_by: PersonRef | None
    reason: str
    last_comment: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident with all that its detail shows. `samples` are (time, value) of its series around it, oldest first.

    `threshold`, `recovery` and `window_seconds` are the rule's as they are now.
    """

    row: IncidentRow
    reason: str
    worst_value: float | None
    last_value: float | None
    series_id: int | None
    threshold_type: ThresholdType
    threshold: float
    recovery: float | None
    window_seconds: int
    metric: str
    query: str
    source: str
    runbook_url: str
    rule_labels: Mapping[str, str]
    rule_owner: PersonRef
    department: str
    snooze: SnoozeRow | None
    resolved_by: PersonRef | None
    events: tuple[EventRow, ...]
    deliveries: tuple[DeliveryRow, ...]
    similar: tuple[SimilarRow, ...]
    samples: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule in the list. `open_incidents` is bounded by 1,000; `health_reason` says what went wrong."""

    id: UUID
    version: int
    name: str
    owner: PersonRef
    metric: str
    query: str
    source: str
    severity: Severity
    condition: str
    status: AlertStatus
    is_active: bool
    health: Health
    health_reason: str
    interval_seconds: int
    last_at: datetime | None
    next_at: datetime | None
    skipped_slots: int
    series: int
    open_incidents: int
    may_change: bool


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are, counted up to a bound: `exact` is False when there are more."""

    number: int
    exact: bool = True

    def __str__(self) -> str:
        return f"{self.number:,}" if self.exact else f"{self.number:,}+"


@dataclass(frozen=True, slots=True)
class ViewRow:
    """A saved view with the number of open incidents in it."""

    id: UUID
    name: str
    filter: str
    count: Count


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one incident of many that were acted on: `done`, or why not (in words for the screen)."""

    id: UUID
    title: str
    done: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class WhyRow:
    """One line of the answer to "why was I (not) told?": what was meant for whom, and what became of it."""

    at: datetime
    recipient: str
    channel: str
    what: str
    outcome: str
    reason: str
