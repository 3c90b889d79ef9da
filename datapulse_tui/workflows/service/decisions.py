"""What those who decide do with requests. Each verb takes many, in the caller's transaction: it holds the rows and what
the person's right relies on, changes those that may be, and says of each what became of it.

With one request what is refused is raised (NotFound, NotAllowed, Conflict with who and when); with more it is told in
the Outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from datapulse_tui.data.verbs import Refusal, kept_comment
from datapulse_tui.errors import Conflict, Invalid, NotAllowed
from datapulse_tui.workflows.deciding import settled
from datapulse_tui.workflows.rules import MANAGE, PROVISIONAL, Status, Vote, WaitingOn
from datapulse_tui.workflows.service.acting import Held, Seen, hold, in_name_of, note, person, record, tell_desks
from datapulse_tui.workflows.service.assigning import claim, delegate, release

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.workflows.views import Outcome

__all__ = ["approve", "ask_information", "claim", "complete", "delegate", "reject", "release", "undo"]

_VOTE = """
INSERT INTO workflow_votes (workflow_id, actor_id, principal_id, vote, comment, version)
SELECT id, CAST(:me AS uuid), principal, :vote, :comment, version
FROM unnest(CAST(:ids AS uuid[]), CAST(:principals AS uuid[]), CAST(:versions AS integer[]))
     AS given(id, principal, version)
"""
_REACHED = """
UPDATE workflows SET final_at = now() + :provisional, timer_at = now() + :provisional, updated_at = now()
WHERE id = ANY(CAST(:ids AS uuid[]))
"""
_RETRACT = """
UPDATE workflow_votes SET retracted_at = now()
WHERE workflow_id = ANY(CAST(:ids AS uuid[])) AND actor_id = CAST(:me AS uuid) AND retracted_at IS NULL
"""
# The timers say at once when something is to be done next.
_OPEN_AGAIN = """
UPDATE workflows SET final_at = NULL, timer_at = now(), updated_at = now() WHERE id = ANY(CAST(:ids AS uuid[]))
"""
_ASK = """
UPDATE workflows SET waiting_on = 'requester', paused_at = now(), timer_at = now(), updated_at = now()
WHERE id = ANY(CAST(:ids AS uuid[]))
"""
_COMPLETE = """
UPDATE workflows SET status = 'completed', resolved_at = now(), updated_at = now() WHERE id = ANY(CAST(:ids AS uuid[]))
"""


async def approve(session: AsyncSession, actor: Actor, ids: Seen, comment: str = "") -> tuple[Outcome, ...]:
    """Vote for requests. Where that makes the quorum the request is approved, which can be taken back for 10 s."""
    return await _vote(session, actor, ids, Vote.APPROVE, kept_comment(comment) if comment.strip() else "")


async def reject(session: AsyncSession, actor: Actor, ids: Seen, comment: str) -> tuple[Outcome, ...]:
    """Vote against requests, which rejects them; that can be taken back for 10 s. Raises Invalid without a comment."""
    if not comment.strip():
        raise Invalid("Who rejects says why. Nothing was changed.", hint="Write a few words to the requester.")
    return await _vote(session, actor, ids, Vote.REJECT, kept_comment(comment))


async def undo(session: AsyncSession, actor: Actor, ids: Seen) -> tuple[Outcome, ...]:
    """Take one's own vote back, within 10 s of it; a decision that it made is open again."""
    from sqlalchemy import text

    person(actor)
    held = await hold(session, actor, ids, any_version=True)
    zone = ZoneInfo(actor.zone)
    held = held.refuse({key: why for key, row in held.rows.items() if (why := _not_undone(row, zone)) is not None})
    if held.rows:
        values = {"ids": held.ids, "me": actor.user_id}
        await session.execute(text(_RETRACT), values)
        await session.execute(text(_OPEN_AGAIN), {"ids": held.ids})
        await note(session, actor, "vote_retracted", {key: {} for key in held.rows})
        await record(session, actor, "workflow.vote_retracted", held, {})
        await tell_desks(session, held.ids)
    return held.outcomes("taken back")


async def ask_information(session: AsyncSession, actor: Actor, ids: Seen, question: str) -> tuple[Outcome, ...]:
    """Give requests back to whoever made them, with a question; the clock stands until they answer. Raises Invalid
    without a question."""
    from sqlalchemy import text

    from datapulse_tui.workflows import telling

    said = kept_comment(question)
    held = await hold(session, actor, ids, deciding=True)
    waiting = Refusal(Conflict, "it waits for an answer of its requester already")
    held = held.refuse({key: waiting for key, row in held.rows.items() if row.waiting_on == WaitingOn.REQUESTER})
    if held.rows:
        await session.execute(text(_ASK), {"ids": held.ids})
        await note(session, actor, "information_asked", in_name_of(held), said)
        after = {"waiting_on": WaitingOn.REQUESTER.value}
        await record(session, actor, "workflow.information_asked", held, after, {"question": said})
        await telling.asked(session, held.ids, actor.label, said)
        await tell_desks(session, held.ids)
    return held.outcomes("given back with your question")


async def complete(session: AsyncSession, actor: Actor, ids: Seen, comment: str = "") -> tuple[Outcome, ...]:
    """Say that what was approved and has no effect of its own is done: whoever decided it, could have, or manages."""
    from sqlalchemy import text

    from datapulse_tui.workflows import telling

    person(actor)
    said = kept_comment(comment) if comment.strip() else ""
    held = await hold(session, actor, ids, any_version=True)
    zone = ZoneInfo(actor.zone)
    refused = {key: _not_completed(actor, held, row, zone) for key, row in held.rows.items()}
    held = held.refuse({key: why for key, why in refused.items() if why is not None})
    if held.rows:
        await session.execute(text(_COMPLETE), {"ids": held.ids})
        await note(session, actor, "completed", {key: {} for key in held.rows}, said)
        await record(session, actor, "workflow.completed", held, {"status": Status.COMPLETED.value})
        await telling.completed(session, held.ids, said)
        await tell_desks(session, held.ids)
    return held.outcomes("completed")


# -- parts -------------------------------------------------------------------------------------------------------------


async def _vote(session: AsyncSession, actor: Actor, ids: Seen, vote: Vote, comment: str) -> tuple[Outcome, ...]:
    from sqlalchemy import text

    held = await hold(session, actor, ids, deciding=True)
    if not held.rows:
        return held.outcomes("")
    values = {
        "ids": held.ids,
        "me": actor.user_id,
        "principals": [held.rights[key].id for key in held.rows],
        "versions": [row.version for row in held.rows.values()],
        "vote": vote.value,
        "comment": comment,
    }
    await session.execute(text(_VOTE), values)
    reached = [key for key, row in held.rows.items() if vote is Vote.REJECT or row.votes + 1 >= row.quorum]
    if reached:
        await session.execute(text(_REACHED), {"ids": reached, "provisional": PROVISIONAL})
    details = in_name_of(held, vote=vote.value)
    await note(session, actor, "voted", details, comment)
    more = {"vote": vote.value, **({"comment": comment} if comment else {})}
    await record(session, actor, f"workflow.voted_{vote.value}", held, {}, more)
    await tell_desks(session, held.ids)
    did = "rejected" if vote is Vote.REJECT else "approved"
    return held.outcomes(
        {
            key: did if key in reached else f"{did}; it needs {row.quorum - row.votes - 1} more"
            for key, row in held.rows.items()
        }
    )


def _not_undone(row: Any, zone: ZoneInfo) -> Refusal | None:
    if row.status != Status.PENDING:
        return settled(row, zone)
    if row.voted_at is None:
        return settled(row, zone) or Refusal(Conflict, "you have not voted on it")
    if row.final_at is not None and row.against != (row.my_vote == Vote.REJECT):
        return settled(row, zone)
    if row.now >= (row.final_at or row.voted_at + PROVISIONAL):
        seconds = round(PROVISIONAL.total_seconds())
        return Refusal(Conflict, f"that was more than {seconds} s ago, and stands")
    return None


def _not_completed(actor: Actor, held: Held, row: Any, zone: ZoneInfo) -> Refusal | None:
    if row.status == Status.PENDING:
        return Refusal(Conflict, "it is not decided yet")
    if row.status != Status.APPROVED:
        return settled(row, zone)
    if row.effect_state != "none":
        return Refusal(Conflict, "it is completed by its effect, not by hand")
    if row.approver_id != actor.user_id and not actor.can(MANAGE) and not held.standing.right_on(row):
        return Refusal(NotAllowed, "you are not one of those who decide it", "Ask whoever approved it.")
    return None
