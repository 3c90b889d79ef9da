"""Requests: one's own, those that wait for oneself (`shared`), and those that wait for somebody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from datapulse_tui.errors import Conflict
from datapulse_tui.workflows import effects
from datapulse_tui.workflows.service import assigning, decisions, delegations, requests
from tests.permissions.table import ADMIN, ADMINS, NOBODY, OPS, PEOPLE, THEMSELVES, Call, Decision, Who, may
from tests.permissions.world import Cell

SEES_ALL: Who = frozenset({OPS, ADMIN})
MANAGING: Who = frozenset({ADMIN})
NOW = datetime.now(UTC)
RANGE = (NOW + timedelta(days=10), NOW + timedelta(days=11))


def decide(call: Call) -> Decision:
    """Only those for whom it waits, and never oneself."""
    return may(call, own=NOBODY, shared=PEOPLE, foreign=NOBODY)


def own(call: Call) -> Decision:
    """Only whoever made it."""
    return may(call, own=PEOPLE, shared=NOBODY, foreign=NOBODY)


def absent(cell: Cell) -> object:
    """Who is away: oneself, or somebody else."""
    return cell.world.people[cell.kind if cell.whose == "own" else "sam"]


DECISIONS: dict[str, Decision] = {
    "workflows.service.requests.create": may(
        lambda c: requests.create(c.session, c.actor, "free_form", {"subject": "a favour"}), any=PEOPLE
    ),
    "workflows.service.requests.edit": own(
        lambda c: requests.edit(c.session, c.actor, c["request"], 1, {"subject": "another favour"})
    ),
    "workflows.service.requests.give_information": own(
        lambda c: requests.give_information(c.session, c.actor, c["asked"], "because")
    ),
    "workflows.service.requests.withdraw": own(lambda c: requests.withdraw(c.session, c.actor, c.seen("request"))),
    "workflows.service.requests.comment": may(
        lambda c: requests.comment(c.session, c.actor, c.seen("request"), "please"),
        own=PEOPLE,
        shared=PEOPLE,
        foreign=SEES_ALL | {"operator"},
    ),
    "workflows.service.decisions.approve": decide(lambda c: decisions.approve(c.session, c.actor, c.seen("request"))),
    "workflows.service.decisions.reject": decide(
        lambda c: decisions.reject(c.session, c.actor, c.seen("request"), "no")
    ),
    "workflows.service.decisions.ask_information": decide(
        lambda c: decisions.ask_information(c.session, c.actor, c.seen("request"), "why?")
    ),
    # Nobody has voted on it: whoever sees it is told so.
    "workflows.service.decisions.undo": may(
        lambda c: decisions.undo(c.session, c.actor, c.seen("request")),
        Conflict,
        own=THEMSELVES,
        shared=PEOPLE,
        foreign=SEES_ALL,
    ),
    "workflows.service.decisions.complete": may(
        lambda c: decisions.complete(c.session, c.actor, c.seen("decided")),
        own=MANAGING,
        shared=PEOPLE,
        foreign=MANAGING,
    ),
    "workflows.service.assigning.claim": decide(lambda c: assigning.claim(c.session, c.actor, c.seen("request"))),
    "workflows.service.assigning.release": may(
        lambda c: assigning.release(c.session, c.actor, c.seen("claimed")), own=MANAGING, shared=PEOPLE, foreign=ADMINS
    ),
    "workflows.service.assigning.delegate": may(
        lambda c: assigning.delegate(c.session, c.actor, c.seen("request"), c.root),
        own=MANAGING,
        shared=PEOPLE,
        foreign=MANAGING,
    ),
    "workflows.service.delegations.create": may(
        lambda c: delegations.create(c.session, c.actor, absent(c), c.root, RANGE),  # type: ignore[arg-type]
        own=frozenset({OPS, ADMIN}),
        foreign=ADMINS,
    ),
    "workflows.service.delegations.plan": may(
        lambda c: delegations.plan(c.session, c.actor, absent(c), c.root, RANGE),  # type: ignore[arg-type]
        own=frozenset({OPS, ADMIN}),
        foreign=ADMINS,
    ),
    # Whoever is one of the two ends it, with whatever rights: it takes a right away.
    "workflows.service.delegations.end": may(
        lambda c: delegations.end(c.session, c.actor, c["delegation"]),
        own=THEMSELVES,
        shared=THEMSELVES,
        foreign=ADMINS,
    ),
    # It has no effect that could have failed: whoever may have one run again is told so.
    "workflows.effects.run_again": may(
        lambda c: effects.run_again(c.session, c.actor, c["decided"]),
        Conflict,
        own=MANAGING,
        shared=MANAGING,
        foreign=ADMINS,
    ),
}
NOT_VERBS: dict[str, str] = dict.fromkeys(
    ("workflows.service.acting.hold", "workflows.service.acting.note", "workflows.service.acting.record"),
    "a step of the verbs of its room, which have asked for the right",
)
