"""One person as a story: account, profile, roles, sessions, keys, what they have, and what the trail says."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.tui.desk_people import PersonLine, PersonView
from datapulse_tui.tui.screens.admin import people_words as words
from datapulse_tui.tui.screens.telling import Telling

if TYPE_CHECKING:
    from datapulse_tui.tui.services import Person
    from datapulse_tui.tui.widgets.story import Story

TOPIC = "people"


class PersonTelling(Telling[PersonLine, PersonView]):
    """What is read of a person, and how it is told."""

    TOPIC = TOPIC

    async def detail_of(self, person: Person, row_id: UUID) -> PersonView:
        return await self.desk.services.somebody(person, row_id)

    def tell_brief(self, story: Story, row: PersonLine) -> None:
        story.tell(words.head(row.person, self.desk.now(), self.desk.session.zone), None, (), anew=True)

    def tell_detail(self, story: Story, detail: PersonView, *, anew: bool) -> None:
        story.tell(words.whole(detail.detail, self.desk.now(), self.desk.session.zone), None, (), anew=anew)
