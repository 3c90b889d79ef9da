"""A dashboard: its cards on the grid, its time range and variables, and when it refreshes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from textual.app import ComposeResult
from textual.geometry import Size
from textual.timer import Timer

from datapulse_tui.dashboards.rules import format_refresh
from datapulse_tui.errors import DataPulseError, Invalid, NotAllowed, NotFound
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.base import EVERYTHING, HOLD, TALL_FROM, DeskScreen
from datapulse_tui.tui.screens.dashboards import TOPIC
from datapulse_tui.tui.services import RunWish
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.card import Card
from datapulse_tui.tui.widgets.grid import CardGrid
from datapulse_tui.tui.widgets.lines import Line, LinesWidget, Part, spread, text
from datapulse_tui.tui.widgets.pane import Item
from datapulse_tui.workflows.rules import REQUEST

if TYPE_CHECKING:
    from datapulse_tui.dashboards.reads import DashboardView, WidgetView
    from datapulse_tui.dashboards.runner import WidgetAnswer
    from datapulse_tui.dashboards.timerange import TimeRange
    from datapulse_tui.data.feed import Changes


FRAME, FRAME_SHORT = 6, 4  # lines of the screen that are not the cards'
REQUEST_ACCESS = keymap.action("dashboard.request")


class DashboardHead(LinesWidget):
    """Name, time range, variables and refresh in one line."""

    name_shown = ""
    parts: Sequence[str] = ()
    starred = False
    problem = ""

    def draw(self, width: int, _height: int, look: Look, /) -> Sequence[Line]:
        left: list[Part] = [(" ★ " if self.starred else " ", look.accent), text(self.name_shown, look.strong)]
        if self.problem:
            left += [("  ▲ ", look.critical), text(self.problem, look.critical)]
        right = [text("   ".join(self.parts) + " ", look.dim)]
        return [spread(left, right, width, look.text)]


class DashboardScreen(DeskScreen):
    """Each card loads for itself; the dashboard only decides when."""

    PLACES = (keymap.DASHBOARD,)
    BINDINGS = keymap.bindings(keymap.DASHBOARD)
    ROOM = "dashboards"
    HELP = (
        "Every widget runs its own query. The dim line below a widget tells when it ran, how long it took, how many "
        "rows came and from which source. When a refresh fails the last good picture stays, marked stale."
    )

    def __init__(self, dashboard_id: UUID, name: str) -> None:
        super().__init__()
        self._dashboard_id = dashboard_id
        self._dashboard_name = name
        self._timer: Timer | None = None
        self._refused = False
        self.view: DashboardView | None = None
        self.time_range: TimeRange | None = None
        self.variables: dict[str, object] = {}
        self._filled = asyncio.Event()

    def begin(self) -> None:
        self._look_again(load=True)

    def body(self) -> ComposeResult:
        yield DashboardHead(id="head")
        yield CardGrid()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(DashboardHead).name_shown = self._dashboard_name

    async def hold(self) -> None:
        """Wait for the cards as well: their queries start before anything is laid out."""
        await super().hold()
        if self.view is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(HOLD):
                    await self._filled.wait()

    def reread(self) -> None:
        self._look_again(load=True)

    def _look_again(self, *, load: bool) -> None:
        """Read the dashboard; `load` runs the widgets' queries again also when the dashboard itself did not change."""
        services, person = self.desk.services, self.desk.person
        if person is not None:
            work = partial(services.dashboard, person, self._dashboard_id)
            self.read("dashboard", "opening a dashboard", work, partial(self._opened, load=load), self._failed)

    def changed(self, changes: Changes) -> None:
        ids = changes.get(TOPIC)
        if EVERYTHING in changes or (ids is not None and (not ids or str(self._dashboard_id) in ids)):
            self._look_again(load=False)

    def _failed(self, error: DataPulseError) -> None:
        head = self.query_one(DashboardHead)
        head.problem = f"{error.message} {error.hint}".strip()
        self._refused = isinstance(error, NotFound | NotAllowed)
        if self._refused:
            key = keymap.key_names(REQUEST_ACCESS, self.desk.user_keymap)[0]
            head.problem = f"{key} asks for access. {error.message}"
        head.redraw()
        self.redraw_frame()

    def _opened(self, view: DashboardView, *, load: bool) -> None:
        before, self.view, self._refused = self.view, view, False
        if before is None:
            self.time_range = view.time_range
        self._head()
        if before is None or before.widgets != view.widgets:
            self.run_worker(self._fill(view), group="cards", exclusive=True, exit_on_error=False)
        elif load:
            self.load(self.grid.cards)
        self.redraw_frame()

    async def _fill(self, view: DashboardView) -> None:
        await self.grid.fill([Card(widget, self.ask) for widget in view.widgets])
        self.grid.load_ahead(self._room, self.desk.services.slowness)
        self._filled.set()
        if self.grid.cards:
            self.grid.cards[0].focus(scroll_visible=False)
        self.call_after_refresh(self.grid.look_around)

    @property
    def _room(self) -> Size:
        """What the cards will have of the screen, before it is laid out."""
        width, height = self.app.size
        return Size(width, height - (FRAME_SHORT if height < TALL_FROM else FRAME))

    @property
    def grid(self) -> CardGrid:
        """The cards."""
        return self.query_one(CardGrid)

    async def ask(self, widget: WidgetView, width: int, *, exact: bool = False) -> WidgetAnswer:
        """Run one widget's query with the range and the variables of now. Raises DataPulseError."""
        view, person = self.view, self.desk.person
        if view is None or person is None:
            raise Invalid("The dashboard is not open any more.")
        wish = RunWish(self.time_range, self.variables, width, self.desk.now(), exact)
        return await self.desk.services.run(person, view, widget, wish)

    def _head(self) -> None:
        view, head = self.view, self.query_one(DashboardHead)
        if view is None:
            return
        parts = [f"{each.title}: {self.variables.get(each.name, each.initial)}" for each in view.variables]
        if self.time_range is not None:
            parts.append(self.time_range.label(self.desk.session.zone))
        if view.refresh_seconds:
            parts.append(f"every {format_refresh(view.refresh_seconds)}")
        head.name_shown, head.parts, head.problem, head.starred = view.name, parts, "", view.starred
        head.redraw()

    def load(self, cards: Sequence[Card]) -> None:
        """Run the queries of the cards that can be seen; the others run when they come into view."""
        slowness = self.desk.services.slowness
        for card in sorted(cards, key=lambda each: -slowness(each.shown.id)):
            card.due = True
            card.came_into_view()

    def on_card_ended(self) -> None:
        """Arm the next refresh once everything has ended, so that slow queries never pile up."""
        if any(card.running for card in self.grid.cards) or self.view is None or not self.view.refresh_seconds:
            return
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(self.view.refresh_seconds, self._refresh_by_itself, name="auto refresh")

    def _refresh_by_itself(self) -> None:
        # A dashboard under another screen, or a locked one, rests; coming back to it starts it again.
        if self.is_active and not self.desk.watch_over.away:
            self.load(self.grid.cards)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self.view is not None:
            self.grid.look_around()
            self.on_card_ended()

    @property
    def card(self) -> Card | None:
        """The focused card."""
        return self.focused if isinstance(self.focused, Card) else None

    def why_not(self, action_id: str) -> str:
        if action_id == "dashboard.request":
            return self._why_no_request()
        if self.view is None and action_id not in ("dashboard.back", "dashboard.refresh"):
            return "The dashboard is still being opened."
        if action_id in ("dashboard.zoom", "dashboard.details") and self.card is None:
            return "No widget is focused."
        if action_id == "dashboard.details" and self.card and self.card.error is None:
            return "Nothing failed in this widget."
        if action_id == "dashboard.variables" and self.view and not self.view.variables:
            return "This dashboard has no variables."
        return ""

    def _why_no_request(self) -> str:
        person = self.desk.person
        if person is None or not person.actor.can(REQUEST):
            return "You may not make requests."
        if self.view is None and not self._refused:
            return "The dashboard is still being opened."
        return "You may edit it already." if self.view is not None and self.view.permission.may_edit else ""

    def on_descendant_focus(self) -> None:
        self.redraw_frame()

    def _go(self, dx: int, dy: int) -> None:
        card = self.card or (self.grid.cards[0] if self.grid.cards else None)
        target = self.grid.neighbour(card, dx, dy) if card and card is self.card else card
        if target is not None:
            target.focus(scroll_visible=False)
            self.grid.scroll_to_widget(target, animate=False)

    def do_up(self) -> None:
        self._go(0, -1)

    def do_down(self) -> None:
        self._go(0, 1)

    def do_left(self) -> None:
        self._go(-1, 0)

    def do_right(self) -> None:
        self._go(1, 0)

    def do_refresh(self) -> None:
        if self.view is None:
            self.reread()
        else:
            self.load(self.grid.cards)

    def do_zoom(self) -> None:
        from datapulse_tui.dashboards.variables import bind
        from datapulse_tui.tui.screens.zoom import ZoomScreen

        if self.card is not None:
            bound = bind(self.view.variables, self.variables) if self.view else {}
            self.desk.push_screen(ZoomScreen(self.card.shown, self.card.answer, self.card.error, self.ask, bound))

    def on_card_zoomed(self) -> None:
        self.do_zoom()

    def do_details(self) -> None:
        if self.card is not None and self.card.error is not None:
            show_error(self, self.card.error, self.card.shown.title)

    def do_star(self) -> None:
        view = self.view
        if view is None:
            return
        starred = not self.query_one(DashboardHead).starred
        self.query_one(DashboardHead).starred = starred
        self.query_one(DashboardHead).redraw()
        services = self.desk.services
        self.desk.session.save("starring a dashboard", lambda person: services.star(person, view.id, starred=starred))

    async def do_request(self) -> None:
        """Ask to view what may not be opened, or to edit what may only be viewed."""
        from datapulse_tui.tui.screens.approvals.request_types import open_form

        view = self.view
        wanted = {"dashboard": str(self._dashboard_id), "permission": "view"}
        if view is not None and not self._refused:
            wanted = {"dashboard": f"{view.owner_email}/{view.name}", "permission": "edit"}
        await open_form(self.desk, "dashboard_access", wanted)

    def do_back(self) -> None:
        self.desk.pop_screen()

    def do_time_range(self) -> None:
        from datapulse_tui.tui.screens.time_range import TimeRangeScreen

        def chosen(answer: TimeRange | None) -> None:
            if answer is not None and answer != self.time_range:
                self.time_range = answer
                self._head()
                self.load(self.grid.cards)

        self.desk.push_screen(TimeRangeScreen(self.time_range), chosen)

    def do_variables(self) -> None:
        from datapulse_tui.tui.screens.variables import VariablesScreen

        def chosen(answer: dict[str, object] | None) -> None:
            if answer is not None and answer != self.variables:
                self.variables = answer
                self._head()
                self.load(self.grid.cards)

        if self.view is not None:
            self.desk.push_screen(VariablesScreen(self.view, self.variables), chosen)


def show_error(screen: DeskScreen, error: DataPulseError, where: str) -> None:
    """The error whole, with what to do and where the details are."""
    from datapulse_tui.tui.screens.confirm import MessageScreen

    items = [
        Item("title", where),
        Item("gap"),
        Item("critical", error.message),
        Item("text", error.hint),
        Item("gap"),
        Item("fact", type(error).__name__, "kind"),
        Item("fact", str(screen.desk.services.log_path), "log file"),
    ]
    screen.desk.push_screen(MessageScreen(items))
