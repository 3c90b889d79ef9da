"""What the inbox and snooze screens ask of the domains. Everything heavy is imported in the methods."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID

from datapulse_tui.tui.workspace import Workspace

if TYPE_CHECKING:
    from datapulse_tui.alerts.reads.completion import Completion
    from datapulse_tui.alerts.views import (
        Count,
        IncidentRow,
        IncidentView,
        Outcome,
        PersonRef,
        SnoozeRow,
        ViewRow,
        WhyRow,
    )
    from datapulse_tui.data.page import Page
    from datapulse_tui.tui.screens.alerts.snooze import SnoozeWish
    from datapulse_tui.tui.services import Person

INCIDENTS_PAGE = 200
MOST_AGAIN = 100  # incidents that are read again by number; a filter line holds no more
FOUND_PEOPLE = 30
ROOM = "alerts"  # of saved views

InboxOrder = Literal["severity", "newest", "oldest"]
Seen = Sequence[tuple[UUID, int]]


class InboxWish(NamedTuple):
    """What the inbox shows."""

    filter: str = ""
    order: InboxOrder = "severity"


class Again(NamedTuple):
    """The first page as it is now, and what became of incidents that are not on it."""

    page: Page[IncidentRow]
    others: tuple[IncidentRow, ...]


class IncidentDesk(Workspace):
    """Incidents and snoozes. Raises DataPulseError; Unavailable when the database is away."""

    # -- reading -------------------------------------------------------------------------------------------------------

    async def incidents(self, person: Person, wish: InboxWish, after: str | None) -> Page[IncidentRow]:
        """One page of the inbox. Raises InvalidFilter with the position."""
        from datapulse_tui.alerts.reads.incidents import list_incidents

        async with self.data.glance() as session:
            return await list_incidents(
                session, person.actor, filter=wish.filter, order=wish.order, after=after, limit=INCIDENTS_PAGE
            )

    async def incidents_again(self, person: Person, wish: InboxWish, shown: Sequence[tuple[UUID, int]]) -> Again:
        """The first page again, and those of `shown` (id and number) that are not on it any more, as they are now."""
        from datapulse_tui.alerts.reads.incidents import list_incidents

        async with self.data.glance() as session:
            page = await list_incidents(
                session, person.actor, filter=wish.filter, order=wish.order, limit=INCIDENTS_PAGE
            )
            there = {row.id for row in page.items}
            gone = [number for incident, number in shown if incident not in there][:MOST_AGAIN]
            if not gone:
                return Again(page, ())
            numbers = f"number:{','.join(map(str, gone))}"
            others = await list_incidents(session, person.actor, filter=numbers, limit=MOST_AGAIN)
            return Again(page, others.items)

    async def incident(self, person: Person, incident: UUID | int) -> IncidentView:
        """One incident with all that its detail shows."""
        from datapulse_tui.alerts.reads.incidents import get_incident

        async with self.data.glance() as session:
            return await get_incident(session, person.actor, incident)

    async def sparklines(self, person: Person, rows: Sequence[IncidentRow]) -> dict[UUID, tuple[float, ...]]:  # noqa: ARG002
        """The newest samples of each incident's series."""
        from datapulse_tui.alerts.reads.incidents import sparklines

        async with self.data.reading() as session:
            return await sparklines(session, rows)

    async def incident_counts(self, person: Person, filters: Sequence[str]) -> list[Count]:
        """How many incidents each filter finds, counted up to a bound."""
        from datapulse_tui.alerts.reads.counts import count

        async with self.data.glance() as session:
            return [await count(session, person.actor, each) for each in filters]

    async def complete_filter(self, person: Person, text: str, cursor: int) -> Completion:
        """How the word under the cursor can go on."""
        from datapulse_tui.alerts.reads.completion import complete

        async with self.data.reading() as session:
            return await complete(session, person.actor, text, cursor)

    async def why_told(self, person: Person, incident: UUID) -> tuple[WhyRow, ...]:
        """What was meant for whom about an incident, and what became of it."""
        from datapulse_tui.alerts.reads.why import why

        async with self.data.reading() as session:
            return await why(session, person.actor, incident)

    async def critical_of_mine(self, person: Person, since: datetime, known: Collection[UUID]) -> tuple[UUID, ...]:
        """New critical incidents that concern this person, without those that are `known`."""
        from datapulse_tui.alerts.reads.incidents import list_incidents
        from datapulse_tui.alerts.reads.why import why

        if person.actor.user_id is None:
            return ()
        wanted = f'severity:critical state:triggered since:"{since.isoformat()}"'
        async with self.data.reading() as session:
            page = await list_incidents(session, person.actor, filter=wanted, order="newest", limit=MOST_AGAIN)
            fresh = [row.id for row in page.items if row.id not in known]
            return tuple([each for each in fresh if await why(session, person.actor, each, person.actor.user_id)])

    async def assignable(self, person: Person, text: str) -> tuple[PersonRef, ...]:
        """Active people whose name or address holds `text`, who may have incidents."""
        from datapulse_tui.alerts.reads.assignees import assignees

        async with self.data.reading() as session:
            return await assignees(session, person.actor, text, limit=FOUND_PEOPLE)

    async def went_on(self, person: Person, meant: Seen) -> bool:
        """Whether each of these incidents is in a newer version than the one that was meant to be changed."""
        from datapulse_tui.alerts.reads.incidents import get_incident

        async with self.data.reading() as session:
            for incident, version in meant[:MOST_AGAIN]:
                if (await get_incident(session, person.actor, incident)).row.version <= version:
                    return False
        return True

    # -- triage --------------------------------------------------------------------------------------------------------

    async def acknowledge(self, person: Person, seen: Seen) -> Sequence[Outcome]:
        """Take incidents as they were seen. For one, raises Conflict with who was first."""
        from datapulse_tui.alerts.service.triage import acknowledge

        async with self.acting(person) as (session, actor):
            return await acknowledge(session, actor, seen)

    async def unacknowledge(self, person: Person, seen: Seen) -> Sequence[Outcome]:
        """Undo `acknowledge`."""
        from datapulse_tui.alerts.service.triage import unacknowledge

        async with self.acting(person) as (session, actor):
            return await unacknowledge(session, actor, seen)

    async def resolve(self, person: Person, seen: Seen, *, comment: str = "") -> Sequence[Outcome]:
        """Close incidents."""
        from datapulse_tui.alerts.service.triage import resolve

        async with self.acting(person) as (session, actor):
            return await resolve(session, actor, seen, comment)

    async def reopen(self, person: Person, seen: Seen) -> Sequence[Outcome]:
        """Undo `resolve`."""
        from datapulse_tui.alerts.service.triage import reopen

        async with self.acting(person) as (session, actor):
            return await reopen(session, actor, seen)

    async def assign(self, person: Person, seen: Seen, *, user_id: UUID | None) -> Sequence[Outcome]:
        """Give incidents to somebody, or to nobody."""
        from datapulse_tui.alerts.service.triage import assign

        async with self.acting(person) as (session, actor):
            return await assign(session, actor, seen, user_id)

    async def assign_back(self, person: Person, seen: Seen, *, held_before: Sequence[UUID | None]) -> Sequence[Outcome]:
        """Undo `assign`: give each incident to whoever had it before."""
        from datapulse_tui.alerts.service.triage import assign

        outcomes: list[Outcome] = []
        async with self.acting(person) as (session, actor):
            for holder in dict.fromkeys(held_before):
                theirs = [each for each, before in zip(seen, held_before, strict=True) if before == holder]
                outcomes += await assign(session, actor, theirs, holder)
        return outcomes

    async def comment(self, person: Person, seen: Seen, *, text: str) -> Sequence[Outcome]:
        """Write into the timelines of incidents."""
        from datapulse_tui.alerts.service.triage import comment

        async with self.acting(person) as (session, actor):
            return await comment(session, actor, seen, text)

    # -- snoozes -------------------------------------------------------------------------------------------------------

    async def snooze(self, person: Person, seen: Seen, *, wish: SnoozeWish) -> Sequence[Outcome]:
        """Silence incidents."""
        from datapulse_tui.alerts.service.snoozes import snooze

        async with self.acting(person) as (session, actor):
            return await snooze(session, actor, seen, kind=wish.kind, until=wish.until, reason=wish.reason)

    async def unsnooze(self, person: Person, seen: Seen) -> Sequence[Outcome]:
        """Undo `snooze`."""
        from datapulse_tui.alerts.service.snoozes import unsnooze

        async with self.acting(person) as (session, actor):
            return await unsnooze(session, actor, seen)

    async def snooze_rule(self, person: Person, alert_id: UUID, wish: SnoozeWish) -> None:
        """Silence everything of a rule."""
        from datapulse_tui.alerts.service.snoozes import snooze_rule

        async with self.acting(person) as (session, actor):
            await snooze_rule(session, actor, alert_id, kind=wish.kind, until=wish.until, reason=wish.reason)

    async def would_hide(self, person: Person, incidents: Sequence[UUID]) -> Count:
        """How many open incidents a snooze of these would hide."""
        from datapulse_tui.alerts.service.snoozes import would_hide

        async with self.data.reading() as session:
            return await would_hide(session, person.actor, incident_ids=incidents)

    async def rule_would_hide(self, person: Person, alert_id: UUID) -> Count:
        """How many open incidents a snooze of the whole rule would hide."""
        from datapulse_tui.alerts.service.snoozes import would_hide

        async with self.data.reading() as session:
            return await would_hide(session, person.actor, alert_id=alert_id)

    async def snoozes(self, person: Person, after: str | None, *, ended: bool = False) -> Page[SnoozeRow]:
        """One page of what is silenced, what ends next first; or of what was."""
        from datapulse_tui.alerts.reads.snoozes import list_snoozes

        async with self.data.glance() as session:
            return await list_snoozes(session, person.actor, ended=ended, after=after, limit=INCIDENTS_PAGE)

    async def extend_snooze(self, person: Person, row: SnoozeRow, until: datetime) -> None:
        """Give a snooze another end."""
        from datapulse_tui.alerts.service.snoozes import extend

        async with self.acting(person) as (session, actor):
            await extend(session, actor, row.id, row.version, until)

    async def end_snooze(self, person: Person, row: SnoozeRow) -> None:
        """End a snooze now."""
        from datapulse_tui.alerts.service.snoozes import end

        async with self.acting(person) as (session, actor):
            await end(session, actor, row.id, row.version)

    # -- saved views ---------------------------------------------------------------------------------------------------

    async def views(self, person: Person) -> tuple[ViewRow, ...]:
        """The person's own views of the inbox, with how much is in each."""
        from datapulse_tui.alerts.reads.views import list_views

        async with self.data.reading() as session:
            return await list_views(session, person.actor)

    async def keep_view(self, person: Person, name: str, filter_: str, *, room: str) -> None:
        """Keep a filter under a name, in a room that knows its filters."""
        from datapulse_tui.alerts.service.views import save_view

        async with self.acting(person) as (session, actor):
            await save_view(session, actor, name, filter_, room)

    async def rename_view(self, person: Person, view_id: UUID, name: str) -> None:
        """Give a view another name."""
        from datapulse_tui.alerts.service.views import rename_view

        async with self.acting(person) as (session, actor):
            await rename_view(session, actor, view_id, name)

    async def delete_view(self, person: Person, view_id: UUID) -> None:
        """Delete a view."""
        from datapulse_tui.alerts.service.views import delete_view

        async with self.acting(person) as (session, actor):
            await delete_view(session, actor, view_id)
