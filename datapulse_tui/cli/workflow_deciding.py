"""The verbs of `datapulse workflow` for those who decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.cli import workflow_delegation
from datapulse_tui.cli.workflow_acting import AsJson, Comment, Requests, act_on, said
from datapulse_tui.errors import DataPulseError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.cli.many import Seen
    from datapulse_tui.workflows.views import Outcome


def approve(requests: Requests, comment: Comment = "", as_json: AsJson = False) -> None:
    """Approve requests. For 10 seconds you can undo it; then it is final and is carried out."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import decisions

        return await decisions.approve(session, actor, seen, comment)

    act_on(requests, act, as_json=as_json)


def reject(
    requests: Requests,
    comment: Annotated[str, typer.Option("--comment", "-m", metavar="TEXT", help="Why; the requester reads it.")],
    as_json: AsJson = False,
) -> None:
    """Reject requests. For 10 seconds you can undo it."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import decisions

        return await decisions.reject(session, actor, seen, comment)

    act_on(requests, act, as_json=as_json)


def undo(requests: Requests, as_json: AsJson = False) -> None:
    """Take your votes back, within 10 seconds."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import decisions

        return await decisions.undo(session, actor, seen)

    act_on(requests, act, as_json=as_json)


def ask(
    requests: Requests,
    question: Annotated[str, typer.Option("--question", "-m", metavar="TEXT", help="What you need to know.")],
    as_json: AsJson = False,
) -> None:
    """Ask the requesters for information; until they give it the clock stands."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import decisions

        return await decisions.ask_information(session, actor, seen, question)

    act_on(requests, act, as_json=as_json)


def claim(requests: Requests, as_json: AsJson = False) -> None:
    """Say that you are at these requests."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import decisions

        return await decisions.claim(session, actor, seen)

    act_on(requests, act, as_json=as_json)


def release(requests: Requests, as_json: AsJson = False) -> None:
    """Let go of requests that you claimed."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import decisions

        return await decisions.release(session, actor, seen)

    act_on(requests, act, as_json=as_json)


def delegate(
    requests: Requests,
    to: Annotated[str, typer.Option("--to", metavar="EMAIL", help="Who is to decide them.")],
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Give single requests to somebody else. For the time of an absence: `datapulse workflow delegation add`."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import decisions

        person = await workflow_delegation.person(session, to)
        return await decisions.delegate(session, actor, seen, person, comment)

    act_on(requests, act, as_json=as_json)


def complete(requests: Requests, comment: Comment = "", as_json: AsJson = False) -> None:
    """Say that approved requests which are carried out by hand are done."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import decisions

        return await decisions.complete(session, actor, seen, comment)

    act_on(requests, act, as_json=as_json)


def run_again(requests: Requests, as_json: AsJson = False) -> None:
    """Have effects that failed tried again."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows import effects
        from datapulse_tui.workflows.views import Outcome

        found = []
        for key, _ in seen:
            (outcome,) = await said(session, actor, key, "runs again")
            try:
                async with session.begin_nested():
                    await effects.run_again(session, actor, key)
            except DataPulseError as error:
                if len(requests) == 1:
                    raise
                outcome = Outcome(key, outcome.subject, done=False, message=error.message)
            found.append(outcome)
        return tuple(found)

    act_on(requests, act, as_json=as_json)


VERBS = (approve, reject, undo, ask, claim, release, delegate, complete, run_again)
