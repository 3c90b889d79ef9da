"""What the audit screen asks of the domains. Everything heavy is imported in the methods."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from datapulse_tui.tui.workspace import Workspace

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count, ViewRow
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.audit.reads import AuditRecord, RecordPage
    from datapulse_tui.audit.verify import Verdict
    from datapulse_tui.data.filter_words import Completion
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.tui.services import Person

AUDIT_PAGE = 200
ROOM = "audit"  # of saved views


class Checked(NamedTuple):
    """The last verification of this desk: when it ended, and what it found in words."""

    at: datetime
    intact: bool
    lines: tuple[str, ...]


class AuditDesk(Workspace):
    """The audit trail. Raises DataPulseError; Unavailable when the database is away."""

    checked: Checked | None = None

    async def audit_page(self, person: Person, filter_: str, after: str | None) -> RecordPage:
        """One page of the trail, newest first. Raises InvalidFilter with the position."""
        from datapulse_tui.audit.reads import list_records
        from datapulse_tui.house import join

        join()
        async with self.data.reading() as session:
            return await list_records(session, person.actor, filter=filter_, after=after, limit=AUDIT_PAGE)

    async def audit_newer(self, person: Person, filter_: str, than: AuditRecord) -> Count:
        """How many records of the filter came after `than`."""
        from datapulse_tui.audit.reads import count

        async with self.data.reading() as session:
            return _counted(*await count(session, person.actor, filter_, (than.at, than.seq)))

    async def complete_audit_filter(self, person: Person, text: str, cursor: int) -> Completion:
        """How a filter can go on."""
        from datapulse_tui.audit.completion import complete

        async with self.data.reading() as session:
            return await complete(session, person.actor, text, cursor)

    async def audit_counts(self, person: Person, filters: Sequence[str]) -> tuple[Count, ...]:
        """How much is in each of these filters."""
        from datapulse_tui.audit.reads import count

        async with self.data.reading() as session:
            return tuple([_counted(*await count(session, person.actor, each)) for each in filters])

    async def audit_views(self, person: Person) -> tuple[ViewRow, ...]:
        """The person's own views of the trail, with how much is in each."""
        from datapulse_tui.alerts.reads.views import list_views
        from datapulse_tui.audit.reads import count

        async def counter(reader: Reader, actor: Actor, filter_: str) -> Count:
            return _counted(*await count(reader, actor, filter_))

        async with self.data.reading() as session:
            return await list_views(session, person.actor, ROOM, counter)

    async def keep_audit_view(self, person: Person, name: str, filter_: str) -> None:
        """Keep a filter under a name. Raises InvalidFilter."""
        from datapulse_tui.alerts.service.views import save_view
        from datapulse_tui.audit.filters import parse

        parse(filter_, datetime.now(UTC))
        async with self.acting(person) as (session, actor):
            await save_view(session, actor, name, filter_, ROOM)

    async def verify_audit(self, person: Person, progress: Callable[[int, int], None]) -> Checked:
        """Verify the trail; what was found is recorded, and kept for this desk. Cancelling the task ends it."""
        from datapulse_tui.audit.verdicts import describe, verify_and_record

        verdict: Verdict = await verify_and_record(self.data, await self._now(person), progress=progress)
        self.checked = Checked(datetime.now(UTC), verdict.intact, tuple(describe(verdict)))
        return self.checked

    async def export_audit(self, person: Person, filter_: str, path: Path, progress: Callable[[int], None]) -> int:
        """Write the records of a filter to the new file `path`, CSV by its name and JSON lines else; how many.

        A file that was not finished is removed. Raises Invalid for a file that is there or cannot be written.
        """
        from datapulse_tui.audit.export import Format, export
        from datapulse_tui.errors import Invalid

        actor = await self._now(person)
        try:
            opened = await asyncio.to_thread(os.open, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            reason = (
                "is there already" if isinstance(error, FileExistsError) else f"cannot be written: {error.strerror}"
            )
            raise Invalid(f"{path} {reason}. Nothing was written.", hint="Name another file.") from None
        kind = Format.CSV if path.suffix.lower() == ".csv" else Format.JSONL
        try:
            with os.fdopen(opened, "w", encoding="utf-8", newline="") as file:
                done = await export(self.data, actor, file.write, filter=filter_, format=kind, progress=progress)
        except BaseException:
            path.unlink(missing_ok=True)  # noqa: ASYNC240  (a name goes in no time)
            raise
        return done.records

    async def _now(self, person: Person) -> Actor:
        """The person with the rights that they have at this moment. Raises SessionOver."""
        from datapulse_tui.people.actors import actor_now

        async with self.data.reading() as session:
            return await actor_now(session, person.actor)


def _counted(number: int, exact: bool) -> Count:  # noqa: FBT001
    from datapulse_tui.alerts.views import Count

    return Count(number, exact)
