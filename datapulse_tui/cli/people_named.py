"""Doing something with people who are named by their addresses on the command line, and saying what became of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.cli import context, many

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.people.many import Outcome

Verb = Callable[["AsyncSession", "Actor", Sequence[UUID]], Awaitable[Sequence["Outcome"]]]


def act(emails: Sequence[str], verb: Verb, *, as_json: bool) -> None:
    """Do it with everybody who is named; ends the command like `many.report`."""

    async def body(desk: Workspace) -> list[many.Done]:
        from datapulse_tui.people.many import MISSING
        from datapulse_tui.people.role_reads import people_called

        given = list(dict.fromkeys(emails))
        async with desk.data.transaction() as session:
            known = await people_called(session, desk.actor, given)
            if not known and len(given) == 1:
                raise MISSING.error("There is no such person. Nothing was changed.", hint=MISSING.hint)
            ids = list(dict.fromkeys(each.id for each in known.values()))
            became = {each.id: each for each in await verb(session, desk.actor, ids)} if ids else {}
        return [
            many.Done(email, each.id, each.name, became[each.id].done, became[each.id].message)
            if (each := known.get(email)) is not None
            else many.Done(email, None, "", done=False, message=MISSING.message)
            for email in given
        ]

    many.report("person", context.run(body), as_json=as_json)
