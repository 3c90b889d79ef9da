"""An incident as a row of a list, and what decides whom it concerns: all of alerting that the first screen needs.

Apart from the other views because making a dataclass takes a millisecond or more, and somebody waits for these two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from datapulse_tui.alerts.rules import IncidentKind, IncidentStatus, Severity

# Whether `alert_incidents i` was meant for the reader (binds :me).
RECEIVES = "EXISTS (SELECT 1 FROM alert_notifications n WHERE n.incident_id = i.id AND n.user_id = CAST(:me AS uuid))"


@dataclass(frozen=True, slots=True)
class PersonRef:
    """Somebody, as others see them."""

    id: UUID
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident in the inbox.

    `firing` tells whether the condition still holds. `may_triage` is the reader's right on it. `snoozed_until` is the
    end of the snooze that silences it now. Values are those of the metric; `value_now` is the newest sample.
    """

    id: UUID
    number: int
    version: int
    alert_id: UUID
    rule: str
    kind: IncidentKind
    title: str
    labels: Mapping[str, str]
    severity: Severity
    status: IncidentStatus
    opened_at: datetime
    start_value: float | None
    value_now: float | None
    acknowledged_by: PersonRef | None
    acknowledged_at: datetime | None
    assigned_to: PersonRef | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    firing: bool
    may_triage: bool

    @property
    def held_by(self) -> PersonRef | None:
        """Who has it: the person it is assigned to or, without one, who acknowledged it."""
        return self.assigned_to or self.acknowledged_by
