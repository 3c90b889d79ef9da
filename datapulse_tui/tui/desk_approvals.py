"""What the screens of approvals ask of the domains. Everything heavy is imported in the methods."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from datapulse_tui.tui.desk_request_forms import RequestFormDesk
from datapulse_tui.workflows.rules import COMMENT, VIEW_ALL, Scope

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count, ViewRow
    from datapulse_tui.data.filter_words import Completion
    from datapulse_tui.data.page import Page
    from datapulse_tui.tui.services import Person
    from datapulse_tui.workflows.reads.queue import Order
    from datapulse_tui.workflows.views import Outcome, RequestRow, RequestView

REQUESTS_PAGE = 200
MOST_AGAIN = 100  # requests that are read again by number; a filter line holds no more
MOST_LOOKED_UP = 100  # requests whose history is read to find out whether a change happened
CLOCKS_DIFFER = timedelta(seconds=30)  # at most, between this machine and the database
ROOM = "workflows"  # of saved views

Seen = Sequence[tuple[UUID, int]]


class QueueWish(NamedTuple):
    """What the queue shows."""

    filter: str = ""
    scope: Scope = Scope.FOR_ME
    order: Order = "due"


class RequestsAgain(NamedTuple):
    """The first page as it is now, and what became of requests that are not on it."""

    page: Page[RequestRow]
    others: tuple[RequestRow, ...]


class ApprovalDesk(RequestFormDesk):
    """The queue and what is done with requests. Raises DataPulseError; Unavailable when the database is away."""

    # -- reading -------------------------------------------------------------------------------------------------------

    async def requests(self, person: Person, wish: QueueWish, after: str | None) -> Page[RequestRow]:
        """One page of the queue. Raises InvalidFilter with the position."""
        from datapulse_tui.workflows.reads.queue import list_requests

        async with self.data.glance() as session:
            return await list_requests(
                session,
                person.actor,
                scope=wish.scope,
                filter=wish.filter,
                order=wish.order,
                after=after,
                limit=REQUESTS_PAGE,
            )

    async def requests_again(self, person: Person, wish: QueueWish, shown: Sequence[tuple[UUID, int]]) -> RequestsAgain:
        """The first page again, and those of `shown` (id and number) that are not on it any more, as they are now."""
        from datapulse_tui.workflows.reads.queue import list_requests

        async with self.data.glance() as session:
            read = partial(list_requests, session, person.actor)
            page = await read(scope=wish.scope, filter=wish.filter, order=wish.order, limit=REQUESTS_PAGE)
            there = {row.id for row in page.items}
            gone = [number for request, number in shown if request not in there][:MOST_AGAIN]
            if not gone:
                return RequestsAgain(page, ())
            numbers = f"number:{','.join(map(str, gone))}"
            scopes = (Scope.ALL,) if person.actor.can(VIEW_ALL) else (Scope.FOR_ME, Scope.MINE, Scope.DECIDED)
            found: dict[UUID, RequestRow] = {}
            for scope in scopes:
                if len(found) < len(gone):
                    rows = (await read(scope=scope, filter=numbers, limit=MOST_AGAIN)).items
                    found |= {row.id: row for row in rows}
            return RequestsAgain(page, tuple(found.values()))

    async def request(self, person: Person, request: UUID | int) -> RequestView:
        """One request with all that its detail shows."""
        from datapulse_tui.workflows.reads.detail import get_request

        async with self.data.glance() as session:
            return await get_request(session, person.actor, request)

    async def request_counts(self, person: Person, scope: Scope, filters: Sequence[str]) -> list[Count]:
        """How many requests of a list each filter finds, counted up to a bound."""
        from datapulse_tui.workflows.reads.counts import count

        async with self.data.glance() as session:
            return [await count(session, person.actor, each, scope=scope) for each in filters]

    async def requests_badge(self, person: Person) -> Count:
        """How many requests wait for this person; counted up to a bound."""
        from datapulse_tui.workflows.reads.counts import badge

        async with self.data.glance() as session:
            return await badge(session, person.actor)

    async def waiting_requests(self, person: Person) -> tuple[RequestRow, ...]:
        """What waits for this person's decision, the least time left first; what that needs is imported in a thread."""
        if not person.actor.can(COMMENT):
            return ()
        with self.lull.broken():
            await asyncio.to_thread(import_module, "datapulse_tui.workflows.reads.queue")
            from datapulse_tui.workflows.reads.queue import waiting

            async with self.data.glance() as session:
                return await waiting(session, person.actor)

    async def complete_request_filter(self, person: Person, text: str, cursor: int) -> Completion:
        """How the word under the cursor can go on."""
        from datapulse_tui.workflows.completion import complete

        async with self.data.reading() as session:
            return await complete(session, person.actor, text, cursor)

    async def request_views(self, person: Person, scope: Scope) -> tuple[ViewRow, ...]:
        """The person's own views of the queue, with how much of a list is in each."""
        from datapulse_tui.alerts.reads.views import list_views
        from datapulse_tui.workflows.reads.counts import count

        async with self.data.reading() as session:
            return await list_views(session, person.actor, ROOM, partial(count, scope=scope))

    async def keep_request_view(self, person: Person, name: str, filter_: str) -> None:
        """Keep a filter under a name. Raises InvalidFilter."""
        from datetime import UTC

        from datapulse_tui.alerts.service.views import save_view
        from datapulse_tui.workflows.filters import parse

        parse(filter_, datetime.now(UTC))
        async with self.acting(person) as (session, actor):
            await save_view(session, actor, name, filter_, ROOM)

    async def requests_changed(self, person: Person, meant: Seen, events: Collection[str], since: datetime) -> bool:
        """Whether the history of each of these requests has one of `events` by this person, not older than `since`."""
        from datapulse_tui.workflows.reads.detail import get_request

        async with self.data.reading() as session:
            for request, _ in meant[:MOST_LOOKED_UP]:
                history = (await get_request(session, person.actor, request)).events
                if not any(
                    each.kind in events and each.actor == person.name and each.at >= since - CLOCKS_DIFFER
                    for each in history
                ):
                    return False
        return True

    # -- deciding ------------------------------------------------------------------------------------------------------

    async def approve(self, person: Person, seen: Seen, *, comment: str = "") -> Sequence[Outcome]:
        """Vote for requests as they were seen. For one, raises Conflict with who was first."""
        from datapulse_tui.workflows.service.decisions import approve

        async with self.acting(person) as (session, actor):
            return await approve(session, actor, seen, comment)

    async def reject(self, person: Person, seen: Seen, *, comment: str) -> Sequence[Outcome]:
        """Vote against requests."""
        from datapulse_tui.workflows.service.decisions import reject

        async with self.acting(person) as (session, actor):
            return await reject(session, actor, seen, comment)

    async def take_back(self, person: Person, seen: Seen) -> Sequence[Outcome]:
        """Undo `approve` and `reject`, within the time that there is for it."""
        from datapulse_tui.workflows.service.decisions import undo

        async with self.acting(person) as (session, actor):
            return await undo(session, actor, seen)

    async def ask_information(self, person: Person, seen: Seen, *, question: str) -> Sequence[Outcome]:
        """Give requests back to whoever made them, with a question."""
        from datapulse_tui.workflows.service.decisions import ask_information

        async with self.acting(person) as (session, actor):
            return await ask_information(session, actor, seen, question)

    async def claim(self, person: Person, seen: Seen) -> Sequence[Outcome]:
        """Say that one is at these requests; also undoes `release`."""
        from datapulse_tui.workflows.service.decisions import claim

        async with self.acting(person) as (session, actor):
            return await claim(session, actor, seen)

    async def release(self, person: Person, seen: Seen) -> Sequence[Outcome]:
        """Let go of requests; also undoes `claim`."""
        from datapulse_tui.workflows.service.decisions import release

        async with self.acting(person) as (session, actor):
            return await release(session, actor, seen)

    async def hand_over(self, person: Person, seen: Seen, *, user_id: UUID) -> Sequence[Outcome]:
        """Give requests to somebody else."""
        from datapulse_tui.workflows.service.decisions import delegate

        async with self.acting(person) as (session, actor):
            return await delegate(session, actor, seen, user_id)

    async def complete_by_hand(self, person: Person, seen: Seen, *, comment: str) -> Sequence[Outcome]:
        """Say that what was approved is done."""
        from datapulse_tui.workflows.service.decisions import complete

        async with self.acting(person) as (session, actor):
            return await complete(session, actor, seen, comment)

    async def run_again(self, person: Person, seen: Seen) -> Sequence[Outcome]:
        """Have failed effects tried again; all of them or, where one cannot be, none."""
        from datapulse_tui.workflows.effects import run_again
        from datapulse_tui.workflows.views import Outcome

        async with self.acting(person) as (session, actor):
            for request, _ in seen:
                await run_again(session, actor, request)
        return [Outcome(request, "", done=True, message="it runs again") for request, _ in seen]

    async def comment_on_requests(self, person: Person, seen: Seen, *, text: str) -> Sequence[Outcome]:
        """Write into the histories of requests."""
        from datapulse_tui.workflows.service.requests import comment

        async with self.acting(person) as (session, actor):
            return await comment(session, actor, seen, text)

    async def withdraw(self, person: Person, seen: Seen, *, comment: str) -> Sequence[Outcome]:
        """Take back one's own requests for good."""
        from datapulse_tui.workflows.service.requests import withdraw

        async with self.acting(person) as (session, actor):
            return await withdraw(session, actor, seen, comment)

    async def give_information(self, person: Person, seen: Seen, *, answer: str) -> Sequence[Outcome]:
        """Answer what was asked about one's own requests."""
        from datapulse_tui.workflows.service.requests import give_information
        from datapulse_tui.workflows.views import Outcome

        async with self.acting(person) as (session, actor):
            for request, _ in seen:
                await give_information(session, actor, request, answer)
        return [Outcome(request, "", done=True, message="answered") for request, _ in seen]
