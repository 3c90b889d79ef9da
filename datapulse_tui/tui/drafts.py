"""Drafts of what people write in forms: in memory at every change, with their preferences soon after, and at the end.

A draft is JSON under a key of its own; whoever wrote it finds it again at any desk.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import failures
from datapulse_tui.tui.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.tui.services import Person

Place = tuple[UUID | None, str]


class KeptDraft(NamedTuple):
    """A draft that was found again; `at` is when it was kept, None for one that this desk still has in memory."""

    content: Mapping[str, Any]
    at: datetime | None


class DraftDesk(Workspace):
    """Keeps drafts. Raises DataPulseError; Unavailable when the database is away."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._drafts: dict[Place, Mapping[str, Any]] = {}
        self._drafts_to_keep: dict[Place, Person] = {}

    async def close(self) -> None:
        """Store the drafts that are not stored yet, then close the rest: a line that dropped must lose nothing."""
        waiting, self._drafts_to_keep = self._drafts_to_keep, {}
        for (_, key), person in waiting.items():
            try:
                await self.keep_draft(person, key)
            except DataPulseError as error:
                failures.log.warning("a draft was not kept: %s", error.message)
        await super().close()

    def remember_draft(self, person: Person, key: str, content: Mapping[str, Any] | None) -> None:
        """Have a draft in memory, or forget it (None). `keep_draft` stores it."""
        place = (person.actor.user_id, key)
        if content is None:
            self._drafts.pop(place, None)
        else:
            self._drafts[place] = content
        self._drafts_to_keep[place] = person

    def draft_waits(self, person: Person, key: str) -> bool:
        """Whether `keep_draft` has something to do."""
        return (person.actor.user_id, key) in self._drafts_to_keep

    async def keep_draft(self, person: Person, key: str) -> None:
        """Store what is remembered under `key` with the person's preferences, or take it away there."""
        from datapulse_tui.people.service import set_preference

        if person.actor.user_id is None:
            return
        place = (person.actor.user_id, key)
        self._drafts_to_keep.pop(place, None)
        content = self._drafts.get(place)
        value: Any = None if content is None else {"at": datetime.now(UTC).isoformat(), "content": dict(content)}
        async with self.acting(person) as (session, actor):
            await set_preference(session, actor, key, value)

    async def find_draft(self, session: AsyncSession, person: Person, key: str) -> KeptDraft | None:
        """The draft under `key`, from memory or as it was stored."""
        from datapulse_tui.people.reads import preferences

        if person.actor.user_id is None:
            return None
        place = (person.actor.user_id, key)
        if place in self._drafts:
            return KeptDraft(self._drafts[place], None)
        if place in self._drafts_to_keep:
            return None  # forgotten just now
        stored: Any = (await preferences(session, person.actor.user_id)).get(key)
        try:
            return KeptDraft(dict(stored["content"]), datetime.fromisoformat(stored["at"]))
        except (KeyError, TypeError, ValueError):
            return None
