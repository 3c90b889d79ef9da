"""What an evaluation works with: a rule, its claimed slot, what its query brought, and what is to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from datapulse_tui.alerts.machine import Condition, Series, Verdict
from datapulse_tui.alerts.rules import ErrorPolicy, Health, IncidentKind, NoDataPolicy

MOST_SERIES = 100_000  # of one query; more is an error that says so


@dataclass(frozen=True, slots=True)
class Limits:
    """How an evaluator works. Times are in seconds, sizes in rules.

    A claimed rule is leased for `lease`, which is renewed every `renew`. `timeout` is for all tries of a query
    together; before each but the first there is one of the `pauses`. What is finished is written after `flush_after`,
    or when there are `flush_rules`: at most so many a transaction, and `writes_at_once` transactions at a time. A job
    waits `job_wait` for its source; a stop waits `stop_wait` for queries that run.
    """

    lease: float = 15.0
    renew: float = 5.0
    timeout: float = 30.0
    pauses: tuple[float, ...] = (0.5, 2.0)
    queries_at_once: int = 4
    claim_queries: int = 250
    flush_after: float = 1.0
    flush_rules: int = 500
    writes_at_once: int = 2
    job_wait: float = 2.0
    stop_wait: float = 5.0


@dataclass(frozen=True, slots=True)
class Rule:
    """What of a rule an evaluation needs. `offset` is that of its slots, in seconds."""

    id: UUID
    version: int
    owner_id: UUID
    query_id: UUID | None
    metric: str
    label_columns: tuple[str, ...]
    condition: Condition
    interval: int
    offset: int
    no_data_policy: NoDataPolicy
    error_policy: ErrorPolicy


@dataclass(frozen=True, slots=True)
class Open:
    """An open incident of a rule, as far as evaluating must know it."""

    id: UUID
    worst_value: float | None


@dataclass(slots=True)
class Held:
    """A rule whose slot this process has claimed, and where it stood at that moment.

    `due` is the slot as it was written, `slot` the one that is evaluated, `next_at` the one after it; `skipped` slots
    lay between them. `states` are its series by id, `open` its open incidents by series (None: the rule as a whole)
    and kind.
    """

    rule: Rule
    due: datetime
    slot: datetime
    next_at: datetime
    skipped: int
    condition_version: int
    health: Health
    health_reason: str
    states: dict[int, Series] = field(default_factory=dict)
    open: dict[tuple[int | None, IncidentKind], Open] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a query brought for one metric and its label columns: label key -> labels and value (None: no value).

    A `problem` says why it cannot be read; then there are no series.
    """

    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    values: Mapping[str, float | None] = field(default_factory=dict)
    problem: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is no value at all."""
        return not any(value is not None for value in self.values.values())


@dataclass(frozen=True, slots=True)
class Finished:
    """A claimed slot whose query has ended: with a reading, or with a `problem`.

    `forbidden` says that the rule could not be run in its owner's name: it then stands as error, whatever its policy.
    """

    held: Held
    reading: Reading
    forbidden: bool = False


@dataclass(frozen=True, slots=True)
class Turned:
    """A series that fired or recovered, or a rule as a whole (`series_id` None); `reason` is for people."""

    series_id: int | None
    kind: IncidentKind
    label_key: str = ""
    value: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an evaluation of one rule is to write."""

    finished: Finished
    verdict: Verdict
    health_reason: str
    series: Sequence[tuple[int, Series]] = ()
    opened: Sequence[Turned] = ()
    closed: Sequence[Turned] = ()
    worst: Sequence[tuple[UUID, float]] = ()

    @property
    def touches_rule(self) -> bool:
        """Whether more is written than samples and the finished slot."""
        return bool(self.series or self.opened or self.closed or self.worst)

    @property
    def health_changed(self) -> bool:
        """Whether people see another health of the rule than before."""
        held = self.finished.held
        return held.health is not self.verdict.health or held.health_reason != self.health_reason
