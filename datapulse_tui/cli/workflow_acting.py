"""What the commands on requests share: how requests are named, and what became of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.cli import many, workflow_text

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.cli.many import Seen
    from datapulse_tui.workflows.views import Outcome

NOUN = "request"

Requests = Annotated[list[str], typer.Argument(metavar="REQUEST...", help="Numbers (12 or '#12') or ids.")]
Request = Annotated[str, typer.Argument(metavar="REQUEST", help="A number (12 or '#12') or an id.")]
Comment = Annotated[str, typer.Option("--comment", "-m", metavar="TEXT", help="A few words with it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Verb = Callable[["AsyncSession", "Actor", "Seen"], Awaitable[tuple["Outcome", ...]]]


def act_on(given: Sequence[str], verb: Verb, *, as_json: bool) -> None:
    """Do something with the requests that were named, and print what became of each."""
    from datapulse_tui.workflows.reads.queue import versions
    from datapulse_tui.workflows.service.acting import MISSING

    many.act(
        NOUN, given, verb, versions=versions, missing=MISSING, title=lambda outcome: outcome.subject, as_json=as_json
    )


async def said(session: AsyncSession, actor: Actor, key: UUID, message: str) -> tuple[Outcome, ...]:
    """What became of a request whose service says nothing but errors."""
    from datapulse_tui.workflows.reads.detail import get_request
    from datapulse_tui.workflows.views import Outcome

    row = (await get_request(session, actor, key)).row
    return (Outcome(key, workflow_text.name(row.number, row.subject), done=True, message=message),)
