"""One request as a story: what is asked, what an approval does, what happened and was said, what was asked before."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.tui.screens.approvals import words
from datapulse_tui.tui.screens.telling import Telling
from datapulse_tui.workflows.rules import WORKFLOWS_TOPIC
from datapulse_tui.workflows.views import RequestRow, RequestView

if TYPE_CHECKING:
    from datapulse_tui.tui.services import Person
    from datapulse_tui.tui.widgets.story import Story


class RequestTelling(Telling[RequestRow, RequestView]):
    """What is read of a request, and how it is told."""

    TOPIC = WORKFLOWS_TOPIC

    @property
    def me(self) -> UUID | None:
        """Who sits here."""
        return self.desk.person.actor.user_id if self.desk.person else None

    async def detail_of(self, person: Person, row_id: UUID) -> RequestView:
        return await self.desk.services.request(person, row_id)

    def tell_brief(self, story: Story, row: RequestRow) -> None:
        story.tell(words.head(row, self.me, self.desk.now(), self.desk.session.zone), None, (), anew=True)

    def tell_detail(self, story: Story, detail: RequestView, *, anew: bool) -> None:
        story.tell(words.whole(detail, self.me, self.desk.now(), self.desk.session.zone), None, (), anew=anew)
