"""The queue: requests by the time that is left, the selected one's detail where there is room, and their verbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.binding import BindingType

from datapulse_tui.charts.cells import clean
from datapulse_tui.tui import keymap
from datapulse_tui.tui.desk_approvals import QueueWish, RequestsAgain
from datapulse_tui.tui.screens.alerts.loaded import TONES
from datapulse_tui.tui.screens.approvals import words
from datapulse_tui.tui.screens.approvals.deciding import DecidingScreen
from datapulse_tui.tui.screens.approvals.story import RequestTelling
from datapulse_tui.tui.screens.approvals.tabs import ABSENCES, STYLES, ApprovalsTab
from datapulse_tui.tui.screens.approvals.verbs import NOUN
from datapulse_tui.tui.screens.filtered import ViewStore
from datapulse_tui.tui.screens.live_list import LiveList
from datapulse_tui.tui.times import ago
from datapulse_tui.tui.widgets.incident_list import short_age
from datapulse_tui.tui.widgets.request_list import RequestCells, RequestList
from datapulse_tui.tui.widgets.timed_rows import Told
from datapulse_tui.workflows.rules import DELEGATIONS_TOPIC, REQUEST, Scope
from datapulse_tui.workflows.views import RequestRow, RequestView

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count
    from datapulse_tui.data.filter_words import Completion
    from datapulse_tui.data.page import Page
    from datapulse_tui.tui.services import Person

# Views that everybody has of each list: name and filter.
FIXED: Mapping[Scope, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        Scope.FOR_ME: (
            ("Waiting", ""),
            ("Late", "late:yes"),
            ("Pressing", "priority:critical,high"),
            ("I am at it", "assigned:me"),
        ),
        Scope.MINE: (
            ("All", ""),
            ("Open", "state:open"),
            ("Asks me", "state:information"),
            ("Rejected", "state:rejected"),
        ),
        Scope.DECIDED: (("All", ""), ("Not done", "effect:failed"), ("This week", "since:7d")),
        Scope.ALL: (("Open", ""), ("Late", "late:yes"), ("Not done", "effect:failed"), ("Decided", "state:decided")),
    }
)
EMPTY: Mapping[Scope, tuple[str, ...]] = MappingProxyType(
    {
        Scope.FOR_ME: ("✓ Nothing waits for you.", "", "n   make a request", "→   your own requests"),
        Scope.MINE: ("You have asked for nothing yet.", "", "n   make a request"),
        Scope.DECIDED: ("You have decided nothing yet.",),
        Scope.ALL: ("No request is open.",),
    }
)


class QueueScreen(RequestTelling, ApprovalsTab, LiveList[RequestRow, QueueWish, RequestView], DecidingScreen):
    """Keyset pages of requests. What others do is shown where it stands; nothing moves the row under the cursor."""

    PLACES = (keymap.QUEUE, keymap.APPROVALS, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.QUEUE), *keymap.bindings(keymap.APPROVALS)]
    CSS_PATH = STYLES
    COUNTED = frozenset({DELEGATIONS_TOPIC})
    ROWS = NOUN
    PLACEHOLDER = "type:dashboard_access priority:high requester:ana late:yes since:7d words"
    HELP = (
        "What waits to be decided, with the least time left on top. A row stays where it is, with a sign in front, "
        "until you refresh or leave: ✓ you did something with it, + it is new, ◆ you marked it, ▲ it was not done. "
        "Verbs mean the marked rows or, without any, the one under the cursor. A decision can be taken back for ten "
        "seconds; only then is it final and carried out."
    )

    def __init__(self, scope: Scope = Scope.FOR_ME, filter_: str = "") -> None:
        super().__init__(QueueWish(filter_, scope))

    def chosen_requests(self) -> list[RequestRow]:
        return self.meant()

    # -- reading -------------------------------------------------------------------------------------------------------

    async def page_of(self, person: Person, wish: QueueWish, after: str | None) -> Page[RequestRow]:
        return await self.desk.services.requests(person, wish, after)

    async def page_again(self, person: Person, wish: QueueWish, shown: Sequence[tuple[UUID, int]]) -> RequestsAgain:
        return await self.desk.services.requests_again(person, wish, shown)

    # -- the lists, the filter and the views ---------------------------------------------------------------------------

    @property
    def tab(self) -> str:
        return self.wish.scope.value

    def open_tab(self, tab: str) -> None:
        if tab == ABSENCES:
            super().open_tab(tab)
            return
        self.saved, self.fixed_counts = (), ()
        self.loaded.marked = {}
        self.show_wish(self.wish._replace(filter="", scope=Scope(tab)))
        self.tell_tab()
        self.read_views()

    @property
    def fixed_views(self) -> Sequence[tuple[str, str]]:
        return FIXED[self.wish.scope]

    @property
    def view_store(self) -> ViewStore:
        services, scope = self.desk.services, self.wish.scope
        return ViewStore(partial(services.request_views, scope=scope), services.keep_request_view, NOUN)

    async def complete(self, person: Person, text: str, cursor: int) -> Completion:
        return await self.desk.services.complete_request_filter(person, text, cursor)

    async def count_fixed(self, person: Person) -> Sequence[Count]:
        scope = self.wish.scope
        return await self.desk.services.request_counts(person, scope, [each for _, each in FIXED[scope]])

    def short_words(self, key: str) -> str:
        row = self.loaded.rows[key]
        return f"{words.PRIORITIES[row.priority].short} {clean(row.subject)}"

    # -- showing -------------------------------------------------------------------------------------------------------

    def rows_widget(self) -> RequestList:
        return RequestList(self._write, self._time, self.desk.now(), id="requests")

    def _time(self, key: str, now: datetime) -> Told:
        return words.due(self.loaded.rows[key], now)

    def time_moved(self, before: RequestRow, now: RequestRow) -> bool:
        return (before.status, before.due_at, before.resolved_at) != (now.status, now.due_at, now.resolved_at)

    def _write(self, key: str) -> RequestCells:
        row, sign, now = self.loaded.rows[key], self.loaded.sign_of(key), self.desk.now()
        priority = words.PRIORITIES[row.priority]
        state = words.state_of(row, self.me, now, self.desk.session.zone)
        mine = row.requester.id == self.me
        return RequestCells(
            (sign, TONES.get(sign, "")),
            (priority.words, priority.sign, priority.tone),
            words.is_late(row, now),
            short_age(ago(row.created_at, now)),
            str(row.number),
            row.type_title,
            row.subject,
            "you" if mine else row.requester.name,
            (state.words, state.short, state.tone),
        )

    def order_words(self) -> str:
        newest = self.wish.order == "newest" or self.wish.scope is Scope.DECIDED
        return "newest first" if newest else "least time left first"

    def empty_words(self) -> list[str]:
        if self.wish.filter:
            return ["No request is in this view.", "esc shows all of the list."]
        return list(EMPTY[self.wish.scope])

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        person = self.desk.person
        if action_id == "queue.new" and (person is None or not person.actor.can(REQUEST)):
            return "You may not make requests."
        if action_id == "queue.order" and self.wish.scope is Scope.DECIDED:
            return "What is decided stands in the order of its decision."
        return super().why_not(action_id)

    def do_order(self) -> None:
        self.show_wish(self.wish._replace(order="newest" if self.wish.order == "due" else "due"))

    async def do_open(self) -> None:
        from datapulse_tui.tui.screens.approvals.request import RequestScreen

        if self.row is not None:
            await self.desk.push_screen(RequestScreen(self.row.id, row=self.row, memory=self.memory))
