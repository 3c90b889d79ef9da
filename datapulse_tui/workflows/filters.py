"""The language in which requests are looked for: `type:role_grant requester:ana late:yes -assigned:me since:7d orders`.

How a line is made of words is said in `data/filter_words.py`; here is which fields there are, and what they mean. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType

from datapulse_tui.alerts.filters import ANY, ME, NOBODY, OPEN, moment
from datapulse_tui.data.filter_words import InvalidFilter, Language, Term
from datapulse_tui.workflows.rules import EffectState, Priority, Result, Status

__all__ = ["ANY", "CHOICES", "FIELDS", "ME", "NOBODY", "OPEN", "STATES", "InvalidFilter", "RequestFilter", "parse"]

DECIDED = "decided"
INFORMATION = "information"  # waits for the requester

# field -> what people can write after it
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "type": "a type such as dashboard_access, or the beginning of one",
        "state": "pending, information, approved, rejected, completed, withdrawn, expired, open, decided or any",
        "priority": "critical, high, normal or low",
        "requester": "me, or the first letters of who asks",
        "approver": "me, or the first letters of who decided or voted",
        "assigned": "me, none, or the first letters of who has it",
        "since": "15m, 2h, 7d, today, or a time such as 2026-03-01 08:00",
        "until": "15m, 2h, 7d, yesterday, or a time such as 2026-03-01 08:00",
        "late": "yes or no",
        "effect": "none, waiting, done or failed",
        "number": "the number of a request",
    }
)
STATES = (
    Status.PENDING.value, INFORMATION, Status.APPROVED.value, Status.REJECTED.value, Status.COMPLETED.value,
    Result.WITHDRAWN.value, Result.EXPIRED.value, OPEN, DECIDED, ANY,
)  # fmt: skip
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "state": STATES,
        "priority": tuple(each.value for each in reversed(Priority)),
        "late": ("yes", "no"),
        "effect": tuple(each.value for each in EffectState),
    }
)
_PENDING = frozenset({Status.PENDING.value, INFORMATION, OPEN})


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """What a line asks for; `str` writes it in the one way that means the same."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(str(term) for term in self.terms)

    @property
    def names_state(self) -> bool:
        """Whether it says which states are meant, by name, by number, or by what only a decided request has."""
        return any(term.field in ("state", "number", "effect") and not term.negated for term in self.terms)

    @property
    def only_pending(self) -> bool:
        """Whether nothing that is decided can be meant."""
        return any(term.field == "late" and "yes" in term.values and not term.negated for term in self.terms) or any(
            term.field == "state" and not term.negated and _PENDING.issuperset(term.values) for term in self.terms
        )

    @property
    def only_decided(self) -> bool:
        """Whether nothing that is pending can be meant."""
        return any(
            term.field == "state" and not term.negated and not ({*_PENDING, ANY} & set(term.values))
            for term in self.terms
        )


def parse(text: str, now: datetime, zone: tzinfo = UTC) -> RequestFilter:
    """The filter that `text` is. Times without a zone are of `zone`. Raises InvalidFilter with the position."""
    return RequestFilter(_LANGUAGE.terms(text, now, zone))


_LANGUAGE = Language(FIELDS, CHOICES, moment, "late:yes")
