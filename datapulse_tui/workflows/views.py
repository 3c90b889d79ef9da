"""What screens and commands see of requests: frozen dataclasses, and nothing that knows a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from datapulse_tui.alerts.rows import PersonRef as PersonRef
from datapulse_tui.workflows.rules import EffectState, Priority, Result, Status, Vote, WaitingOn


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request in a list.

    `due_at` is when it is late (None: the clock stands while it waits for the requester). `cannot_decide` says why the
    reader may not decide it now, empty when they may; `standing_in_for` is the person in whose name they would.
    `final_at` is set while a decision is provisional: `provisional` says what it will be and `decided_by` whose it is.
    """

    id: UUID
    number: int
    version: int
    type: str
    type_title: str
    subject: str
    status: Status
    outcome: Result | None
    priority: Priority
    waiting_on: WaitingOn
    requester: PersonRef
    assignee: PersonRef | None
    claimed_by: PersonRef | None
    decided_by: PersonRef | None
    standing_in_for: PersonRef | None
    created_at: datetime
    due_at: datetime | None
    escalated_at: datetime | None
    final_at: datetime | None
    provisional: Vote | None
    votes: int
    quorum: int
    effect_state: EffectState
    resolved_at: datetime | None
    cannot_decide: str

    @property
    def title(self) -> str:
        """By what people know it, beside its number."""
        return self.subject


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of a request's history. `actor` is a name, `in_name_of` the principal's when it was a substitute."""

    at: datetime
    kind: str
    actor: str
    in_name_of: str
    comment: str
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RequestView:
    """One request with all that its detail shows.

    `values` are the form's fields in words (label, value). `effect` says what an approval does ("Ana gets edit on
    Orders"), `effect_reason` why it failed. `waits_for` names who may decide, in words. `earlier` are requests of the
    same person, the newest first.
    """

    row: RequestRow
    values: tuple[tuple[str, str], ...]
    details: Mapping[str, object]
    effect: str
    effect_reason: str
    effect_attempts: int
    waits_for: str
    events: tuple[EventRow, ...]
    related: tuple[EventRow, ...]
    earlier: tuple[RequestRow, ...]
    may_withdraw: bool
    may_edit: bool
    may_run_again: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request of many that were acted on: `done`, or why not (in words for the screen)."""

    id: UUID
    subject: str
    done: bool
    message: str = ""

    @property
    def title(self) -> str:
        """Number and subject."""
        return self.subject


@dataclass(frozen=True, slots=True)
class DelegationRow:
    """Who stands in for whom, from when until when, for which types (none: all)."""

    id: UUID
    principal: PersonRef
    substitute: PersonRef
    types: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    reason: str
    ended_at: datetime | None
    may_end: bool


@dataclass(frozen=True, slots=True)
class Share:
    """One request that a planned delegation would give to the substitute; `refused` says why it would not
    (it is their own request)."""

    row: RequestRow
    refused: str
