"""The list of the inbox: what is read for it, what stands in its rows, its filters, and the detail beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.alerts.rules import SNOOZES_TOPIC
from datapulse_tui.alerts.views import IncidentRow, IncidentView
from datapulse_tui.charts.cells import clean
from datapulse_tui.tui.desk_incidents import ROOM, Again, InboxWish
from datapulse_tui.tui.screens.alerts import words
from datapulse_tui.tui.screens.alerts.loaded import TONES
from datapulse_tui.tui.screens.alerts.story import IncidentTelling
from datapulse_tui.tui.screens.alerts.tabs import AlertsTab
from datapulse_tui.tui.screens.alerts.triage import TriageScreen
from datapulse_tui.tui.screens.filtered import ViewStore
from datapulse_tui.tui.screens.live_list import LiveList
from datapulse_tui.tui.widgets.incident_list import SPARK, Cells, IncidentList

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count
    from datapulse_tui.data.filter_words import Completion
    from datapulse_tui.data.page import Page
    from datapulse_tui.tui.desk_incidents import InboxOrder
    from datapulse_tui.tui.services import Person

ORDERS: tuple[tuple[InboxOrder, str], ...] = (
    ("severity", "by severity"),
    ("newest", "newest first"),
    ("oldest", "oldest first"),
)
FIXED: tuple[tuple[str, str], ...] = (
    ("Open", ""),
    ("Mine", "assigned:me"),
    ("Untaken", "state:triggered assigned:none"),
    ("Resolved", "state:resolved since:7d"),
)


class InboxList(IncidentTelling, AlertsTab, LiveList[IncidentRow, InboxWish, IncidentView], TriageScreen):
    """Keyset pages of incidents, with the detail of the one on which the cursor rests."""

    COUNTED = frozenset({SNOOZES_TOPIC})
    ROWS = "incidents"
    PLACEHOLDER = "severity:critical state:triggered rule:checkout since:2h words"
    fixed_views = FIXED

    def __init__(self, filter_: str = "") -> None:
        super().__init__(InboxWish(filter_))
        self._sparks: dict[str, tuple[float, ...]] = {}

    def chosen(self) -> list[IncidentRow]:
        return self.meant()

    # -- reading -------------------------------------------------------------------------------------------------------

    async def page_of(self, person: Person, wish: InboxWish, after: str | None) -> Page[IncidentRow]:
        return await self.desk.services.incidents(person, wish, after)

    async def page_again(self, person: Person, wish: InboxWish, shown: Sequence[tuple[UUID, int]]) -> Again:
        return await self.desk.services.incidents_again(person, wish, shown)

    def read_besides(self) -> None:
        services, person, listed = self.desk.services, self.desk.person, self._incidents
        rows = [self.loaded.rows[key] for key in listed.seen if key not in self._sparks]
        if person is not None and listed.has_sparks and rows:
            work = partial(services.sparklines, person, rows)
            self.read("sparks", "reading sparklines", work, self._sparks_came, lambda _: None)

    def forget_besides(self) -> None:
        self._sparks = {}

    def _sparks_came(self, sparks: dict[UUID, tuple[float, ...]]) -> None:
        self._sparks |= {str(incident): values for incident, values in sparks.items()}
        self.listed.redraw()

    # -- the filter and the views --------------------------------------------------------------------------------------

    @property
    def view_store(self) -> ViewStore:
        services = self.desk.services
        return ViewStore(services.views, partial(services.keep_view, room=ROOM), "incidents")

    async def complete(self, person: Person, text: str, cursor: int) -> Completion:
        return await self.desk.services.complete_filter(person, text, cursor)

    async def count_fixed(self, person: Person) -> Sequence[Count]:
        return await self.desk.services.incident_counts(person, [each for _, each in FIXED])

    def short_words(self, key: str) -> str:
        row = self.loaded.rows[key]
        return f"{words.SEVERITIES[row.severity].short} {clean(words.name_of(row))}"

    # -- showing -------------------------------------------------------------------------------------------------------

    @property
    def _incidents(self) -> IncidentList:
        return self.query_one(IncidentList)

    def rows_widget(self) -> IncidentList:
        return IncidentList(self._write, self.desk.now(), id="incidents")

    def _write(self, key: str) -> Cells:
        row, sign, zone = self.loaded.rows[key], self.loaded.sign_of(key), self.desk.session.zone
        badge, state, now = words.SEVERITIES[row.severity], words.STATES[row.status], self.desk.now()
        return Cells(
            row.opened_at,
            sign,
            TONES.get(sign, ""),
            (badge.words, badge.sign, badge.tone),
            str(row.number),
            (words.name_of(row), words.short_name_of(row)),
            (words.value(row.start_value), words.value(row.value_now), words.from_to(row)),
            words.sparkline(self._sparks.get(key, ()), SPARK),
            row.held_by.name if row.held_by else words.NOBODY,
            (words.state_of(row, now, zone, short=False), words.state_of(row, now, zone, short=True), state.tone),
        )

    def order_words(self) -> str:
        return dict(ORDERS)[self.wish.order]

    def empty_words(self) -> list[str]:
        if self.wish.filter:
            return ["No incident is in this view.", "esc shows all open ones."]
        return ["Nothing is open. Everything that is watched is as it should be."]
