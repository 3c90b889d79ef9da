"""Who may decide a request, in whose name, and if not, why. Pure.

A request names its audience in words (`user:ID`, `head:DEPARTMENT`, `role:NAME`, `permission:WORD`), and a person
speaks with the words that they have. Whoever is named in person needs no more than to take part in requests; whoever
is meant by their role or permission needs the right to decide as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from datapulse_tui.data.verbs import Refusal
from datapulse_tui.errors import Conflict, NotAllowed
from datapulse_tui.people.rules import Role
from datapulse_tui.workflows.rules import COMMENT, DECIDE, Result, Status

_ROLES = tuple(Role)


@dataclass(frozen=True, slots=True)
class Authority:
    """What somebody may decide by themselves: their words, and for a principal the `types` that they lend (none named:
    all of them)."""

    id: UUID
    name: str
    email: str
    words: frozenset[str]
    types: tuple[str, ...] = ()

    def covers(self, request: Any) -> bool:
        """Whether they may decide this request, which is not theirs."""
        return (
            not concerns(request, self.id)
            and (not self.types or request.type in self.types)
            and not self.words.isdisjoint(request.audience)
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person may decide now: by themselves, for `principals` who are away, and single items that `lenders`
    gave to them. `person` is None for an operator or DataPulse itself, who decide nothing."""

    person: Authority | None = None
    principals: tuple[Authority, ...] = ()
    lenders: Mapping[UUID, Authority] = field(default_factory=dict)

    @property
    def me(self) -> UUID | None:
        """Whose it is."""
        return self.person.id if self.person else None

    def right_on(self, request: Any) -> Authority | None:
        """In whose right this person may decide `request`: their own, or that of somebody for whom they stand in.

        `request` has requester_id, type, audience, refused (ids of those whom it is about), voters (people whose live
        votes it has, by their own hand or another's) and lent_by (who gave it to this person, if anybody did).
        """
        mine = self.person
        if mine is None or concerns(request, mine.id):
            return None
        named = f"user:{mine.id}"
        words = mine.words - {named} if request.lent_by else mine.words
        if not words.isdisjoint(request.audience):
            return mine
        lender = self.lenders.get(request.lent_by) if request.lent_by and named in mine.words else None
        lent = (lender,) if lender else ()
        away = (each for each in (*lent, *self.principals) if each.covers(request))
        return next((each for each in away if each.id not in (request.voters or ())), None)


def concerns(request: Any, user_id: UUID) -> bool:
    """Whether it is their request, or one about them: then they decide it neither themselves nor through others."""
    return bool(request.requester_id == user_id or str(user_id) in (request.refused or ()))


def words_of(
    user_id: UUID, role: str, roles: Iterable[str], heads: Iterable[UUID], permissions: Collection[str]
) -> frozenset[str]:
    """The words of a person with these rights. Who has a built-in role has those below it as well."""
    words: set[str] = set()
    if COMMENT in permissions:
        words |= {f"user:{user_id}", *(f"head:{each}" for each in heads)}
    if DECIDE in permissions:
        built_in = _ROLES[: _ROLES.index(Role(role)) + 1]
        words |= {f"role:{each}" for each in built_in}
        words |= {f"role:{each}" for each in roles if each not in _ROLES}
        words |= {f"permission:{each}" for each in permissions}
    return frozenset(words)


def why_not(standing: Standing, request: Any, zone: tzinfo) -> Refusal | None:
    """Why this person may not decide `request` now; None when they may. Times are told in `zone`.

    Beside what `right_on` needs, `request` has status, outcome, final_at, against, decider, decided_on, requester_name
    and resolved_at (see reads/rows.py).
    """
    gone = settled(request, zone)
    if gone is not None:
        return gone
    if standing.me is None:
        return Refusal(NotAllowed, "only a person decides, and you act for nobody", "Use --as EMAIL.")
    if request.requester_id == standing.me:
        return Refusal(NotAllowed, "it is your own request", "Somebody else has to decide it.")
    if concerns(request, standing.me):
        return Refusal(NotAllowed, "it is about you", "Somebody else has to decide it.")
    if standing.me in (request.voters or ()):
        return Refusal(Conflict, "you have voted on it already", "It waits for others.")
    if standing.right_on(request) is None:
        return _no_right(standing, request)
    return None


def _no_right(standing: Standing, request: Any) -> Refusal:
    if any(concerns(request, each.id) for each in standing.principals):
        return Refusal(NotAllowed, "it is a request of somebody for whom you stand in", "Somebody else has to decide.")
    away = [each for each in standing.principals if each.id in (request.voters or ())]
    if away:
        return Refusal(Conflict, f"{away[0].name}, for whom you stand in, has voted on it already")
    return Refusal(NotAllowed, "you are not one of those who decide it", "Look at whom it waits for.")


def settled(request: Any, zone: tzinfo) -> Refusal | None:
    """Who was first, and when, where `request` is decided (also while that can be taken back); None when it is open."""
    if request.status == Status.PENDING and request.final_at is None:
        return None
    if request.status != Status.PENDING and request.outcome == Result.WITHDRAWN:
        return _already(f"withdrawn by {request.requester_name}", request.resolved_at, zone)
    if request.status != Status.PENDING and request.outcome == Result.EXPIRED:
        return _already("expired", request.resolved_at, zone)
    against = request.against if request.status == Status.PENDING else request.outcome == Result.REJECTED
    did = "rejected" if against else "approved"
    return _already(f"{did} by {request.decider or 'somebody'}", request.decided_on, zone)


def _already(did: str, at: datetime | None, zone: tzinfo) -> Refusal:
    when = f" at {moment(at, zone)}" if at else ""
    return Refusal(Conflict, f"already {did}{when}", "Look at it as it is now.")


def moment(at: datetime, zone: tzinfo) -> str:
    """A time as people in `zone` read it."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def described(words: Sequence[str]) -> str:
    """An audience in words, where nothing better is known."""
    kinds = {"permission": "those with {}", "role": "the role {}", "user": "a named person", "head": "a head"}
    parts = [kinds.get(kind, "{}").format(rest) for kind, _, rest in (word.partition(":") for word in words)]
    return " or ".join(dict.fromkeys(parts))
