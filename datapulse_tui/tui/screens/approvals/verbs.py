"""What can be done with requests, and for each whether it can be done now: decided on what the person sees. Pure.

The services decide again, on what is; this is so that keys are greyed and previews told before anything is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from datapulse_tui.tui.screens.acting import Verb
from datapulse_tui.tui.screens.approvals.words import sentence
from datapulse_tui.workflows.rules import COMMENT, MANAGE, PROVISIONAL, REQUEST, EffectState, Status, WaitingOn

if TYPE_CHECKING:
    from datapulse_tui.tui.services import Person
    from datapulse_tui.workflows.views import RequestRow

NOUN = "requests"
_verb = partial(Verb, noun=NOUN, moves=False)  # only a change of its content makes another version of a request

APPROVE = _verb("approve", "Approve", "approving", "approved", undo_for=PROVISIONAL)
REJECT = _verb("reject", "Reject", "rejecting", "rejected", undo_for=PROVISIONAL)
ASK = _verb("ask", "Ask about", "asking about", "given back with your question")
CLAIM = _verb("claim", "Claim", "claiming", "claimed")
RELEASE = _verb("release", "Release", "releasing", "released")
GIVE = _verb("give", "Give away", "giving away", "given away")
REMARK = _verb("comment", "Comment on", "commenting on", "commented")
WITHDRAW = _verb("withdraw", "Withdraw", "withdrawing", "withdrawn")
ANSWER = _verb("answer", "Answer about", "answering about", "answered")
EDIT = _verb("edit", "Change", "changing", "changed")
FINISH = _verb("finish", "Complete", "completing", "completed")
RUN_AGAIN = _verb("run_again", "Run again", "running again", "told to run again")

VERBS = {verb.id: verb for verb in (APPROVE, REJECT, ASK, REMARK, WITHDRAW, FINISH, RUN_AGAIN)}

EVENTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "approve": frozenset({"voted"}),
        "reject": frozenset({"voted"}),
        "ask": frozenset({"information_asked"}),
        "claim": frozenset({"claimed"}),
        "release": frozenset({"released"}),
        "give": frozenset({"delegated"}),
        "comment": frozenset({"commented"}),
        "withdraw": frozenset({"withdrawn"}),
        "answer": frozenset({"information_given"}),
        "finish": frozenset({"completed"}),
        "undo": frozenset({"vote_retracted", "claimed", "released"}),
    }
)
"""What a verb leaves in a request's history."""


def obstacle(verb: Verb, row: RequestRow, person: Person) -> str:
    """Why `verb` cannot be done with this request, in one sentence; empty when it can."""
    check = _CHECKS.get(verb.id, _deciding)
    return check(row, person)


def _deciding(row: RequestRow, person: Person) -> str:  # noqa: ARG001
    return sentence(row.cannot_decide)


def _ask(row: RequestRow, person: Person) -> str:
    if row.status is Status.PENDING and row.waiting_on is WaitingOn.REQUESTER:
        return f"It waits for an answer of {row.requester.name} already."
    return _deciding(row, person)


def _claim(row: RequestRow, person: Person) -> str:
    if row.claimed_by is not None and row.status is Status.PENDING:
        mine = row.claimed_by.id == person.actor.user_id
        return "You have claimed it already." if mine else f"{row.claimed_by.name} has claimed it."
    return _deciding(row, person)


def _release(row: RequestRow, person: Person) -> str:
    if row.claimed_by is None:
        return "Nobody has claimed it."
    if row.claimed_by.id != person.actor.user_id and not person.actor.can(MANAGE):
        return f"It is {row.claimed_by.name} who has claimed it."
    return ""


def _give(row: RequestRow, person: Person) -> str:
    if person.actor.can(MANAGE) and row.status is Status.PENDING and row.final_at is None:
        return ""
    return _deciding(row, person)


def _comment(row: RequestRow, person: Person) -> str:  # noqa: ARG001
    return "" if person.actor.can(COMMENT) else "You may not comment on requests."


def _own(row: RequestRow, person: Person) -> str:
    if row.requester.id != person.actor.user_id:
        return f"It is a request of {row.requester.name}."
    if not person.actor.can(REQUEST):
        return "You may not make requests any more."
    if row.status is not Status.PENDING or row.final_at is not None:
        return sentence(row.cannot_decide) or "It is decided."
    return ""


def _answer(row: RequestRow, person: Person) -> str:
    return _own(row, person) or ("" if row.waiting_on is WaitingOn.REQUESTER else "Nobody waits for an answer to it.")


def _finish(row: RequestRow, person: Person) -> str:  # noqa: ARG001
    if row.status is Status.PENDING:
        return "It is not decided yet."
    if row.status is not Status.APPROVED:
        return "There is nothing left to do about it."
    return "" if row.effect_state is EffectState.NONE else "It is completed by its effect, not by hand."


def _run_again(row: RequestRow, person: Person) -> str:
    if row.effect_state is not EffectState.FAILED:
        return "No effect of it stands as failed."
    mine = row.decided_by is not None and row.decided_by.id == person.actor.user_id
    return "" if mine or person.actor.can(MANAGE) else "Only who approved it and administrators run it again."


def no_undo(row: RequestRow, person: Person) -> str:
    """Why one's decision about this request cannot be taken back; empty when it can, while it is provisional."""
    if row.final_at is None or row.decided_by is None or row.decided_by.id != person.actor.user_id:
        return "There is nothing of yours to take back."
    return ""


_CHECKS = {
    "ask": _ask,
    "claim": _claim,
    "release": _release,
    "give": _give,
    "comment": _comment,
    "withdraw": _own,
    "edit": _own,
    "answer": _answer,
    "finish": _finish,
    "run_again": _run_again,
}
