"""The people: a list with a filter, views and orders, the selected one's detail where there is room, and the verbs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual.binding import BindingType

from datapulse_tui.charts.cells import clean
from datapulse_tui.people.rules import role_in_words
from datapulse_tui.tui import keymap
from datapulse_tui.tui.desk_people import PeopleAgain, PeopleWish, PersonLine, PersonView
from datapulse_tui.tui.screens.admin import people_words as words
from datapulse_tui.tui.screens.admin.people_acting import NOUN, PeopleActing
from datapulse_tui.tui.screens.admin.people_story import PersonTelling
from datapulse_tui.tui.screens.admin.tabs import STYLES, AdminTab
from datapulse_tui.tui.screens.alerts.ask import AskScreen, ask
from datapulse_tui.tui.screens.alerts.loaded import TONES
from datapulse_tui.tui.screens.filtered import ViewStore
from datapulse_tui.tui.screens.live_list import LiveList
from datapulse_tui.tui.widgets.person_list import PersonCells, PersonList

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count
    from datapulse_tui.data.filter_words import Completion
    from datapulse_tui.data.page import Page
    from datapulse_tui.people.listing import Order
    from datapulse_tui.tui.services import Person

ORDERS: tuple[tuple[Order, str], ...] = (
    ("name", "by name"),
    ("email", "by address"),
    ("seen", "last seen first"),
    ("created", "newest first"),
)
FIXED: tuple[tuple[str, str], ...] = (
    ("All", ""),
    ("Waiting", "status:pending"),
    ("Locked", "status:locked"),
    ("Administrators", "role:admin"),
    ("Not seen", "status:active unseen:90d"),
)


class PeopleScreen(PersonTelling, AdminTab, LiveList[PersonLine, PeopleWish, PersonView], PeopleActing):
    """Keyset pages of people. What others do is shown where it stands; nothing moves the row under the cursor."""

    PLACES = (keymap.PEOPLE, keymap.ADMIN, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.PEOPLE), *keymap.bindings(keymap.ADMIN)]
    CSS_PATH = STYLES
    TAB = "people"
    ROWS = NOUN
    PLACEHOLDER = "role:analyst dept:ops status:locked custom:auditor unseen:90d words"
    HELP = (
        "Everybody with an account. Verbs mean the marked people or, without any mark, the one under the cursor; for "
        "many it is shown first what would become of each, and d lets one person get what all of them have. X writes "
        "them to a file, and the trail keeps who did it. A row stays where it is, with a sign in front, until you "
        "refresh or leave: ✓ you did something with it, + it is new, ◆ you marked it, ▲ it was not done. The last "
        "active administrator can be neither demoted nor deactivated."
    )
    fixed_views = FIXED

    def __init__(self, filter_: str = "") -> None:
        super().__init__(PeopleWish(filter_))

    def chosen_people(self) -> list[PersonLine]:
        return self.meant()

    # -- reading -------------------------------------------------------------------------------------------------------

    async def page_of(self, person: Person, wish: PeopleWish, after: str | None) -> Page[PersonLine]:
        return await self.desk.services.people(person, wish, after)

    async def page_again(self, person: Person, wish: PeopleWish, shown: Sequence[tuple[UUID, int]]) -> PeopleAgain:
        return await self.desk.services.people_again(person, wish, shown)

    # -- the filter and the views --------------------------------------------------------------------------------------

    @property
    def view_store(self) -> ViewStore:
        services = self.desk.services
        return ViewStore(services.people_views, services.keep_people_view, NOUN)

    async def complete(self, person: Person, text: str, cursor: int) -> Completion:
        return await self.desk.services.complete_people_filter(person, text, cursor)

    async def count_fixed(self, person: Person) -> Sequence[Count]:
        return await self.desk.services.people_counts(person, [each for _, each in FIXED])

    def short_words(self, key: str) -> str:
        return clean(self.loaded.rows[key].title)

    # -- showing -------------------------------------------------------------------------------------------------------

    def rows_widget(self) -> PersonList:
        return PersonList(self._write, self.desk.now(), id="people")

    def time_moved(self, before: PersonLine, now: PersonLine) -> bool:
        return before.person.last_login != now.person.last_login

    def _write(self, key: str) -> PersonCells:
        row, sign = self.loaded.rows[key].person, self.loaded.sign_of(key)
        return PersonCells(
            (sign, TONES.get(sign, "")),
            words.status_of(row),
            row.name,
            row.email,
            row.department or "",
            role_in_words(row.role),
            ", ".join(row.custom_roles),
            row.last_login,
        )

    def order_words(self) -> str:
        return dict(ORDERS)[self.wish.order]

    def empty_words(self) -> list[str]:
        return ["Nobody is in this view.", "esc shows everybody."]

    # -- actions -------------------------------------------------------------------------------------------------------

    def do_order(self) -> None:
        orders = [order for order, _ in ORDERS]
        self.show_wish(self.wish._replace(order=orders[(orders.index(self.wish.order) + 1) % len(orders)]))

    async def do_open(self) -> None:
        from datapulse_tui.tui.screens.admin.person import PersonScreen

        if self.row is not None:
            await self.desk.push_screen(PersonScreen(self.row.id, row=self.row, memory=self.memory))

    async def do_import(self) -> None:
        from datapulse_tui.tui.screens.admin.people_import import ImportScreen

        await self.desk.push_screen(ImportScreen())

    async def do_export(self) -> None:
        services, filter_ = self.desk.services, self.filter

        def answered(answer: str | None) -> None:
            person = self.desk.person
            if not answer or person is None:
                return
            path = Path(answer).expanduser()
            if path.exists():
                self.desk.say(f"{path} is there already. Nothing was written; choose another name.", severity="warning")
                return

            def written(number: int) -> None:
                people = "1 person is" if number == 1 else f"{number:,} people are"
                self.desk.say(f"{people} in {path}")

            self.read("export", "exporting people", lambda: services.export_people(person, filter_, path), written)

        explain = f"Those of the filter {filter_}" if filter_ else "Everybody"
        explain += ", without passwords and keys. The trail keeps that you did it."
        needed = "Say where it shall be."
        screen = AskScreen("Export to a CSV file", "File", explain=explain, value="~/people.csv", needed=needed)
        await ask(self.desk, screen, answered)
