"""From a scope and a filter to SQL over `workflows w`: text of this module, and what people wrote as bound values.

Names of people are looked up first, so that the planner knows how many requests they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.alerts.filter_sql import Where, like
from datapulse_tui.data.glance import fetch
from datapulse_tui.workflows.deciding import Standing
from datapulse_tui.workflows.filters import ANY, DECIDED, INFORMATION, ME, NOBODY, OPEN, RequestFilter
from datapulse_tui.workflows.rules import VIEW_ALL, Result, Scope, Status

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.filter_words import Term
    from datapulse_tui.data.glance import Reader

PENDING = "w.status = 'pending'"  # word for word what the partial indexes say
SETTLED = "w.status <> 'pending'"
VOTED = """
EXISTS (SELECT 1 FROM workflow_votes v WHERE v.workflow_id = w.id AND v.retracted_at IS NULL
        AND CAST(:me AS uuid) IN (v.actor_id, v.principal_id))
"""
# What a person voted on, among what is pending: one vote of one leaves it pending only as long as it is provisional.
MY_VOTES = f"(w.quorum > 1 OR w.final_at IS NOT NULL) AND {VOTED}"
# What a person decided, among the rest, in parts that are each found by an index, and each request is in one of: they
# had the last word; they voted with others; they voted for somebody, or somebody for them.
_ANOTHERS = "w.approver_id IS DISTINCT FROM CAST(:me AS uuid)"
MY_DECISIONS = (
    "w.approver_id = CAST(:me AS uuid)",
    f"w.quorum > 1 AND {_ANOTHERS} AND {VOTED}",
    # An array, which is made first and taken for a short one: the planner takes two columns for as good as never equal.
    f"""w.quorum = 1 AND {_ANOTHERS} AND w.id = ANY(ARRAY(
        SELECT v.workflow_id FROM workflow_votes v
        WHERE v.retracted_at IS NULL AND v.actor_id <> v.principal_id
          AND CAST(:me AS uuid) IN (v.actor_id, v.principal_id)))""",  # noqa: S608  (pieces of this module)
)
# Who has it: whoever claimed it or, while it is pending, was given it. In terms whose share the planner knows.
_HELD_BY = (
    f"{PENDING} AND coalesce(w.claimed_by, w.approver_id) = {{people}} OR {SETTLED} AND w.claimed_by = {{people}}"
)
_HELD_BY_NOBODY = f"w.claimed_by IS NULL AND ({SETTLED} OR w.approver_id IS NULL)"

_PEOPLE = "SELECT id FROM users WHERE name ILIKE :starts OR name ILIKE :word_starts OR email ILIKE :starts"


def mine_to_decide(found: Where, standing: Standing) -> str:
    """The requests of others that a person may decide, by themselves or for somebody; binds :me."""
    if standing.person is None:
        return "false"
    parts = [f"w.audience && CAST(:{found.bind(sorted(standing.person.words))} AS text[])"]
    for each in standing.principals:
        part = f"w.audience && CAST(:{found.bind(sorted(each.words))} AS text[]) AND {_not_of(found.bind(each.id))}"
        if each.types:
            part += f" AND w.type = ANY(CAST(:{found.bind(list(each.types))} AS text[]))"
        parts.append(f"({part})")
    return f"{_not_of('me')} AND ({' OR '.join(parts)})"


def _not_of(who: str) -> str:
    """That a request is neither of the person bound as `who` nor about them."""
    about = f"jsonb_exists(w.details->'refused', CAST(CAST(:{who} AS uuid) AS text))"
    return f"w.requester_id <> CAST(:{who} AS uuid) AND {about} IS NOT TRUE"


def visible(actor: Actor, standing: Standing) -> Where:
    """What `actor` may see: everything with the right to, and else what they made, may decide or voted on."""
    where = Where(params={"me": actor.user_id})
    if not actor.can(VIEW_ALL):
        where.conditions.append(
            f"(w.requester_id = CAST(:me AS uuid) OR w.approver_id = CAST(:me AS uuid) "
            f"OR ({mine_to_decide(where, standing)}) OR {VOTED})"
        )
    return where


async def where(session: Reader, actor: Actor, standing: Standing, scope: Scope, wanted: RequestFilter) -> Where:
    """The condition for the requests of `scope` that `wanted` asks for; binds :me. Of Scope.DECIDED it is without
    MY_VOTES (among what is pending) and MY_DECISIONS (one of them, among the rest)."""
    found = visible(actor, standing) if scope is Scope.ALL else Where(params={"me": actor.user_id})
    if scope is Scope.FOR_ME:
        found.conditions.append(mine_to_decide(found, standing))
        if not wanted.names_state:
            found.conditions.append(f"w.waiting_on = 'approver' AND (w.final_at IS NOT NULL OR NOT {VOTED})")
    elif scope is Scope.MINE:
        found.conditions.append("w.requester_id = CAST(:me AS uuid)")
    for term in wanted.terms:
        make = _TERMS.get(term.field)
        condition = make(found, term) if make else await _people(session, actor, found, term)
        found.conditions.append(f"({condition}) IS NOT TRUE" if term.negated else f"({condition})")
    return found


def parts(scope: Scope, wanted: RequestFilter) -> tuple[bool, bool]:
    """Whether pending requests, and whether decided ones can be among what is asked for."""
    if not wanted.names_state and scope in (Scope.FOR_ME, Scope.ALL):
        return True, False
    return not wanted.only_decided, not wanted.only_pending


# -- one field each ----------------------------------------------------------------------------------------------------


def _one_of(column: str) -> Callable[[Where, Term], str]:
    def condition(found: Where, term: Term) -> str:
        return f"w.{column} = ANY(:{found.bind(list(term.values))})"

    return condition


def _type(found: Where, term: Term) -> str:
    return " OR ".join(f"w.type ILIKE :{found.bind(f'{like(value)}%')}" for value in term.values)


def _state(found: Where, term: Term) -> str:  # noqa: ARG001  (all is text of this module)
    return " OR ".join(f"({_STATES[value]})" for value in term.values)


_STATES: Mapping[str, str] = {
    Status.PENDING: f"{PENDING} AND w.waiting_on = 'approver'",
    INFORMATION: f"{PENDING} AND w.waiting_on = 'requester'",
    Status.APPROVED: "w.status = 'approved'",
    Status.REJECTED: "w.outcome = 'rejected'",
    Status.COMPLETED: "w.status = 'completed'",
    Result.WITHDRAWN: "w.outcome = 'withdrawn'",
    Result.EXPIRED: "w.outcome = 'expired'",
    OPEN: PENDING,
    DECIDED: SETTLED,
    ANY: "true",
}


def _number(found: Where, term: Term) -> str:
    return f"w.number = ANY(CAST(:{found.bind([int(value) for value in term.values])} AS bigint[]))"


def _since(found: Where, term: Term) -> str:
    return f"w.created_at >= :{found.bind(term.moment)}"


def _until(found: Where, term: Term) -> str:
    return f"w.created_at < :{found.bind(term.moment)}"


def _late(found: Where, term: Term) -> str:  # noqa: ARG001
    late = f"{PENDING} AND w.paused_at IS NULL AND w.due_at <= now()"
    return " OR ".join(f"({late})" if value == "yes" else f"({late}) IS NOT TRUE" for value in term.values)


def _text(found: Where, term: Term) -> str:
    literal = term.values[0].replace("\\", "\\\\").replace("'", "''")
    beginning = f"'{literal}':*"  # a quoted word or phrase, and whatever begins with it
    return f"w.search @@ to_tsquery('simple', :{found.bind(beginning)})"


_TERMS: Mapping[str, Callable[[Where, Term], str]] = {
    "type": _type,
    "state": _state,
    "priority": _one_of("priority"),
    "effect": _one_of("effect_state"),
    "number": _number,
    "since": _since,
    "until": _until,
    "late": _late,
    "text": _text,
}


async def _people(session: Reader, actor: Actor, found: Where, term: Term) -> str:
    ids: list[UUID] = []
    for value in term.values:
        if value.lower() == ME and actor.user_id is not None:
            ids.append(actor.user_id)
        elif value.lower() not in (ME, NOBODY):
            name = like(value)
            rows = await fetch(session, _PEOPLE, {"starts": f"{name}%", "word_starts": f"% {name}%"})
            ids += [row.id for row in rows]
    people = f"ANY(CAST(:{found.bind(ids)} AS uuid[]))"
    if term.field == "requester":
        return f"w.requester_id = {people}"
    if term.field == "approver":
        return (
            f"{SETTLED} AND w.approver_id = {people} OR EXISTS (SELECT 1 FROM workflow_votes v "  # noqa: S608
            f"WHERE v.workflow_id = w.id AND v.retracted_at IS NULL AND v.actor_id = {people})"
        )
    nobody = any(value.lower() == NOBODY for value in term.values)
    held = [_HELD_BY.format(people=people)] if ids else []
    return " OR ".join([*held, f"({_HELD_BY_NOBODY})"] if nobody else held) or "false"
