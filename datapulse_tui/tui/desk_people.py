"""What the screens of people ask of the domains. Everything heavy is imported in the methods."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from datapulse_tui.tui.workspace import Workspace

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count, ViewRow
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.filter_words import Completion
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page
    from datapulse_tui.people.belongings import Belonging
    from datapulse_tui.people.editing_many import Change
    from datapulse_tui.people.import_plan import Plan
    from datapulse_tui.people.importing import Imported
    from datapulse_tui.people.invitations import Invited
    from datapulse_tui.people.listing import Order
    from datapulse_tui.people.many import Outcome
    from datapulse_tui.people.views import PersonDetail, PersonRow
    from datapulse_tui.tui.services import Person

PEOPLE_PAGE = 200
MOST_AGAIN = 200  # people who are read again by id
ROOM = "people"  # of saved views
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Seen = Sequence[tuple[UUID, int]]


class PeopleWish(NamedTuple):
    """What the list of people shows."""

    filter: str = ""
    order: Order = "name"


class PersonLine(NamedTuple):
    """A person as a row that lives in a list. There are no numbers; the version is the microsecond of `updated_at`."""

    person: PersonRow

    @property
    def id(self) -> UUID:
        """Of the person."""
        return self.person.id

    @property
    def number(self) -> int:
        """None."""
        return 0

    @property
    def version(self) -> int:
        """See the class."""
        return (self.person.updated_at - EPOCH) // MICROSECOND

    @property
    def title(self) -> str:
        """What people call them."""
        return self.person.name


class PersonView(NamedTuple):
    """A person with all that is known of them."""

    row: PersonLine
    detail: PersonDetail


class PeopleAgain(NamedTuple):
    """The first page as it is now, and what became of people who are not on it."""

    page: Page[PersonLine]
    others: tuple[PersonLine, ...]


class Draft(NamedTuple):
    """What an account is to be, and what the person shows of themselves. `department_id` is None for none."""

    name: str
    email: str
    role: str
    department_id: UUID | None
    timezone: str
    phone: str
    avatar: str = ""
    bio: str = ""


class Choices(NamedTuple):
    """What a form of a person offers: departments and custom roles as id and name, and time zones."""

    departments: tuple[tuple[UUID, str], ...]
    roles: tuple[tuple[UUID, str], ...]
    zones: tuple[str, ...]


class PeopleDesk(Workspace):
    """People and what is done with their accounts. Raises DataPulseError; Unavailable when the database is away."""

    # -- reading -------------------------------------------------------------------------------------------------------

    async def people(self, person: Person, wish: PeopleWish, after: str | None) -> Page[PersonLine]:
        """One page of the list. Raises InvalidFilter with the position."""
        from datapulse_tui.people.listing import list_people

        async with self.data.glance() as session:
            page = await list_people(
                session, person.actor, filter=wish.filter, order=wish.order, after=after, limit=PEOPLE_PAGE
            )
        return _lines(page)

    async def people_again(self, person: Person, wish: PeopleWish, shown: Sequence[tuple[UUID, int]]) -> PeopleAgain:
        """The first page again, and those of `shown` who are not on it any more, as they are now."""
        from datapulse_tui.people.listing import list_people, these_people

        async with self.data.glance() as session:
            page = await list_people(session, person.actor, filter=wish.filter, order=wish.order, limit=PEOPLE_PAGE)
            there = {row.id for row in page.items}
            gone = [each for each, _ in shown if each not in there][:MOST_AGAIN]
            others = await these_people(session, person.actor, gone) if gone else ()
        return PeopleAgain(_lines(page), tuple(map(PersonLine, others)))

    async def somebody(self, person: Person, user_id: UUID) -> PersonView:
        """One person with all that is known of them."""
        from datapulse_tui.people.detail import get_person

        async with self.data.reading() as session:
            detail = await get_person(session, person.actor, user_id)
        return PersonView(PersonLine(detail.row), detail)

    async def people_counts(self, person: Person, filters: Sequence[str]) -> list[Count]:
        """How many people each filter finds, counted up to a bound."""
        from datapulse_tui.alerts.reads.counts import bounded
        from datapulse_tui.people.listing import count

        async with self.data.glance() as session:
            return [bounded(await count(session, person.actor, each)) for each in filters]

    async def complete_people_filter(self, person: Person, text: str, cursor: int) -> Completion:
        """How the word under the cursor can go on."""
        from datapulse_tui.people.completion import complete

        async with self.data.glance() as session:
            return await complete(session, person.actor, text, cursor)

    async def people_views(self, person: Person) -> tuple[ViewRow, ...]:
        """The person's own views of the list, with how many are in each."""
        from datapulse_tui.alerts.reads.counts import bounded
        from datapulse_tui.alerts.reads.views import list_views
        from datapulse_tui.people.listing import count

        async def counted(reader: Reader, actor: Actor, filter_: str) -> Count:
            return bounded(await count(reader, actor, filter_))

        async with self.data.reading() as session:
            return await list_views(session, person.actor, ROOM, counted)

    async def keep_people_view(self, person: Person, name: str, filter_: str) -> None:
        """Keep a filter under a name. Raises InvalidFilter."""
        from datapulse_tui.alerts.service.views import save_view
        from datapulse_tui.people.filters import parse

        parse(filter_)
        async with self.acting(person) as (session, actor):
            await save_view(session, actor, name, filter_, ROOM)

    async def person_choices(self, person: Person) -> Choices:
        """What there is to choose from."""
        from datapulse_tui.data.page import every
        from datapulse_tui.people.department_reads import list_departments
        from datapulse_tui.people.role_reads import custom_roles
        from datapulse_tui.people.service.common import known_zones

        zones = await asyncio.to_thread(known_zones)
        actor = person.actor
        async with self.data.glance() as session:
            departments = await every(lambda after: list_departments(session, actor, after=after))
            roles = await every(lambda after: custom_roles(session, actor, after=after)) if _sees_roles(person) else []
        return Choices(
            tuple((each.id, each.name) for each in departments),
            tuple((each.id, each.name) for each in roles if each.id is not None),
            tuple(sorted(zones)),
        )

    async def belongings_of(self, person: Person, user_id: UUID) -> tuple[Belonging, ...]:
        """What somebody has that goes on after them."""
        from datapulse_tui.house import join
        from datapulse_tui.people.hand_over import held

        join()
        async with self.data.reading() as session:
            return tuple(await held(session, person.actor, user_id))

    async def people_moved_on(self, person: Person, meant: Seen) -> bool:
        """Whether the account of each of these is in another version than the one that was meant to be changed."""
        from datapulse_tui.people.listing import these_people

        async with self.data.reading() as session:
            now = await these_people(session, person.actor, [each for each, _ in meant])
        versions = {line.id: line.version for line in map(PersonLine, now)}
        return all(versions.get(each) != version for each, version in meant)

    # -- changing ------------------------------------------------------------------------------------------------------

    async def add_person(self, person: Person, draft: Draft, *, invite: bool) -> Invited | None:
        """Add somebody who waits or, with `invite`, has a code with which they come in."""
        from datapulse_tui.people import invitations, service
        from datapulse_tui.people.editing import update

        async with self.acting(person) as (session, actor):
            invited = None
            if invite:
                invited = await invitations.invite(
                    session,
                    actor,
                    email=draft.email,
                    name=draft.name,
                    role=draft.role,
                    department_id=draft.department_id,
                    timezone=draft.timezone,
                )
                made = invited.user_id
            else:
                made = await service.add_user(
                    session, actor, email=draft.email, name=draft.name, role=draft.role, timezone=draft.timezone
                )
            rest = {"phone": draft.phone, "department_id": draft.department_id}
            await update(session, actor, made, None, {name: value for name, value in rest.items() if value})
            return invited

    async def change_person(self, person: Person, row: PersonRow, changes: Mapping[str, object]) -> None:
        """Change the account that was seen. Raises Conflict with who changed it meanwhile."""
        from datapulse_tui.people.editing import update

        async with self.acting(person) as (session, actor):
            await update(session, actor, row.id, row.updated_at, changes)

    async def preview_people(self, person: Person, seen: Seen, change: Change) -> tuple[Outcome, ...]:
        """What a change would make of each of these, without making it."""
        from datapulse_tui.people.editing_many import preview

        async with self.acting(person) as (session, actor):
            return await preview(session, actor, _times(seen), change)

    async def change_people(self, person: Person, seen: Seen, change: Change) -> tuple[Outcome, ...]:
        """Change these, each or not at all."""
        from datapulse_tui.people.editing_many import change_many

        async with self.acting(person) as (session, actor):
            return await change_many(session, actor, _times(seen), change)

    async def invite_again(self, person: Person, user_id: UUID) -> Invited:
        """Make a new code for somebody who has no password yet."""
        from datapulse_tui.people import invitations

        async with self.acting(person) as (session, actor):
            return await invitations.invite_again(session, actor, user_id)

    async def reset_somebodys_password(self, person: Person, user_id: UUID) -> str:
        """Give somebody a temporary password, and return it."""
        from datapulse_tui.people import service

        async with self.acting(person) as (session, actor):
            return await service.reset_password(session, actor, user_id)

    async def unlock_somebody(self, person: Person, user_id: UUID) -> None:
        """Let somebody whose failed sign-ins delay them try again at once."""
        from datapulse_tui.people import service

        async with self.acting(person) as (session, actor):
            await service.unlock(session, actor, user_id)

    async def end_sessions_of(self, person: Person, user_id: UUID, only: UUID | None) -> None:
        """End one session of somebody, or (None) all of them."""
        from datapulse_tui.people import sessions

        async with self.acting(person) as (session, actor):
            if only is None:
                await sessions.end_all(session, actor, user_id)
            else:
                await sessions.end(session, actor, only)

    # -- files ---------------------------------------------------------------------------------------------------------

    async def look_at_import(self, person: Person, path: Path, *, invite: bool) -> Plan:
        """What a file of people would do; nothing is changed. Raises Invalid where it cannot be read."""
        from datapulse_tui.people.importing import dry_run

        content = await asyncio.to_thread(_content, path)
        async with self.data.reading() as session:
            return await dry_run(session, person.actor, content, invite=invite)

    async def import_people(self, person: Person, path: Path, *, invite: bool) -> Imported:
        """Add and change the people of a file; nothing where its plan has problems."""
        from datapulse_tui.people.importing import import_people

        content = await asyncio.to_thread(_content, path)
        async with self.acting(person) as (session, actor):
            return await import_people(session, actor, content, invite=invite)

    async def export_people(self, person: Person, filter_: str, path: Path) -> int:
        """Write the people of a filter to a CSV file; how many there are. That it was done is recorded, or there is no
        file. Raises SessionOver."""
        from datapulse_tui.people.actors import actor_now
        from datapulse_tui.people.exporting import export_file

        async with self.data.reading() as session:
            actor = await actor_now(session, person.actor)
        return await export_file(self.data, actor, path, filter=filter_)


def _lines(page: Page[PersonRow]) -> Page[PersonLine]:
    from datapulse_tui.data.page import Page

    return Page(tuple(map(PersonLine, page.items)), page.next)


def _times(seen: Seen) -> list[tuple[UUID, datetime]]:
    """The `updated_at` that the versions stand for."""
    return [(each, EPOCH + version * MICROSECOND) for each, version in seen]


def _sees_roles(person: Person) -> bool:
    return person.actor.can("role:view")


def _content(path: Path) -> bytes:
    from datapulse_tui.errors import Invalid
    from datapulse_tui.people.import_file import LARGEST_FILE

    try:
        with path.expanduser().open("rb") as source:
            return source.read(LARGEST_FILE + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise Invalid(f"{path} cannot be read: {reason}. Nothing was changed.", hint="Choose another file.") from None
