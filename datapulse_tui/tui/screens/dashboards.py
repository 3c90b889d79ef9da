"""The list of dashboards: mine, shared with me, public, starred; with the selected one's detail where there is room."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Input

from datapulse_tui.dashboards.rules import WIDGET_TYPES, Permission, format_refresh
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.base import EVERYTHING, DeskScreen
from datapulse_tui.tui.screens.pages import Pages
from datapulse_tui.tui.services import ListWish, Order, Scope
from datapulse_tui.tui.times import ago, full_time
from datapulse_tui.tui.widgets.form import Field
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList
from datapulse_tui.tui.widgets.tabs import TabLine
from datapulse_tui.workflows.rules import REQUEST

if TYPE_CHECKING:
    from datapulse_tui.dashboards.reads import DashboardRow, DashboardView
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.data.page import Page

TOPIC = "dashboards"  # of the change feed
SCOPES: tuple[tuple[Scope, str], ...] = (
    ("all", "All"),
    ("mine", "Mine"),
    ("shared", "Shared with me"),
    ("public", "Public"),
)
ORDERS: tuple[tuple[Order, str], ...] = (("name", "by name"), ("updated", "by last change"))
SETTLED = 0.2  # seconds that the cursor rests on a row before its widgets are read
DETAIL_FROM = 120  # cells of width from which the detail stands beside the list
PERMISSIONS = {"owner": "everything (it is yours)", "manage": "everything", "edit": "view and edit", "view": "view"}
KINDS = {kind: kind.replace("_", " ") for kind in WIDGET_TYPES}
COLUMNS = (
    RowColumn("", 1),
    RowColumn("Name"),
    RowColumn("Owner", 18, needs=60, dim=True),
    RowColumn("Widgets", 7, "right", dim=True),
    RowColumn("Seen by", 8, needs=90, dim=True),
    RowColumn("Changed", 9, "right", dim=True),
)


class DashboardsScreen(DeskScreen):
    """Keyset pages of dashboards. Moving the cursor reads nothing and changes nothing."""

    PLACES = (keymap.DASHBOARDS, keymap.LIST)
    BINDINGS = keymap.bindings(keymap.DASHBOARDS)
    ROOM = "dashboards"
    HELP = "Dashboards that you own, that somebody shared with you, and those that everybody here may see."

    def __init__(self) -> None:
        super().__init__()
        self._wish = ListWish()
        self._rows: dict[str, DashboardRow] = {}
        self._pages = Pages(self, "dashboards")
        self._looking: Timer | None = None
        self._views: dict[str, DashboardView] = {}
        self._stars: dict[str, bool] = {}  # given or taken here, which what is being read may not know yet
        self._saved_stars: set[str] = set()  # those of them that are saved: whatever is read from now on knows them

    def body(self) -> ComposeResult:
        yield TabLine([label for _, label in SCOPES], id="scopes")
        yield Field(id="filter", placeholder="part of a name or a description; enter keeps it, esc takes it away")
        with Horizontal(id="split"):
            yield RowList(COLUMNS, id="list", beside=self._detail)
            yield Pane(id="detail")

    def begin(self) -> None:
        self._read()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#filter").display = False
        self.query_one("#detail").display = self.app.size.width >= DETAIL_FROM
        self.set_focus(self.listed)
        self._show_tabs()

    def on_resize(self) -> None:
        if self.is_mounted:
            self.query_one("#detail").display = self.app.size.width >= DETAIL_FROM

    @property
    def listed(self) -> RowList:
        """The rows on the screen."""
        return self.query_one("#list", RowList)

    @property
    def row(self) -> DashboardRow | None:
        """The dashboard under the cursor."""
        return self._rows.get(self.listed.key)

    # -- reading -------------------------------------------------------------------------------------------------------

    def reread(self) -> None:
        self._show_tabs()
        self.listed.mark_stale(bool(self._rows))
        self._read()

    def _read(self) -> None:
        services, person, wish = self.desk.services, self.desk.person, self._wish
        if person is None:
            return
        self.read(
            "list",
            "reading the list of dashboards",
            self._pages.again(partial(services.dashboards, person, wish), len(self._rows)),
            partial(self._first_page, frozenset(self._saved_stars)),
            self._failed,
        )

    def changed(self, changes: Changes) -> None:
        if TOPIC in changes or EVERYTHING in changes:
            self.reread()

    def _first_page(self, known: Collection[str], page: Page[DashboardRow]) -> None:
        for key in self._saved_stars.intersection(known):
            self._saved_stars.discard(key)
            self._stars.pop(key, None)
        self._rows = self._with_stars(page)
        self._views = {}
        self._pages.began(page)
        self._show()
        self._look_closer()

    def _more(self, page: Page[DashboardRow]) -> None:
        self._rows |= self._with_stars(page)
        self._show()

    def _with_stars(self, page: Page[DashboardRow]) -> dict[str, DashboardRow]:
        """The rows of a page by their keys, with the stars that changed here meanwhile."""
        rows = {str(row.id): row for row in page.items}
        return {key: replace(row, starred=self._stars.get(key, row.starred)) for key, row in rows.items()}

    def _show(self) -> None:
        self.listed.mark_stale(False)
        self.listed.show([self._row(row) for row in self._rows.values()], empty=self._empty_words())
        self._detail()
        self._show_tabs()
        self.redraw_frame()

    def _failed(self, error: DataPulseError) -> None:
        self.listed.mark_stale(False)
        self.desk.report(error)

    def on_row_list_need_more(self) -> None:
        if self.desk.person is not None:
            self._pages.ask(partial(self.desk.services.dashboards, self.desk.person, self._wish), self._more)

    # -- showing -------------------------------------------------------------------------------------------------------

    def _row(self, row: DashboardRow) -> Row:
        seen = (
            "everyone" if row.is_public else "some" if row.permission in (Permission.VIEW, Permission.EDIT) else "you"
        )
        starred = "★" if row.starred else ""
        changed = ago(row.updated_at, self.desk.now())
        return Row(str(row.id), (starred, row.name, row.owner_name, str(row.widgets), seen, changed))

    def _show_tabs(self) -> None:
        tabs = self.query_one("#scopes", TabLine)
        tabs.at = [scope for scope, _ in SCOPES].index(self._wish.scope)
        count = f"{len(self._rows):,}{'+' if self._pages.next else ''} · " if self._rows else ""
        text = f'"{self._wish.text}" · ' if self._wish.text else ""
        tabs.remark = f"{text}{count}{dict(ORDERS)[self._wish.order]}"
        tabs.redraw()

    def _empty_words(self) -> list[str]:
        if self._wish.text:
            return [
                f'No dashboard holds "{self._wish.text}" here.',
                "esc takes the filter away; n asks for access to one.",
            ]
        return {
            "mine": ["You own no dashboard yet.", "`datapulse dashboard apply FILE` brings one in."],
            "shared": ["Nobody shared a dashboard with you yet."],
            "public": ["No dashboard is public yet."],
        }.get(
            self._wish.scope,
            [
                "There are no dashboards yet. Three ways to begin:",
                "",
                "`datapulse source add NAME --type postgresql ...`   connect a source",
                "`datapulse source add NAME --type csv ...`          open a CSV file",
                "`datapulse demo`                                    look at the sample workspace",
            ],
        )

    def _detail(self) -> None:
        row, pane = self.row, self.query_one("#detail", Pane)
        if row is None:
            pane.show([])
            return
        now, zone = self.desk.now(), self.desk.session.zone
        items = [
            Item("title", row.name),
            Item("dim", row.description or "No description."),
            Item("gap"),
            Item("fact", row.owner_name, "owner"),
            Item("fact", PERMISSIONS[row.permission.value], "you may"),
            Item("fact", f"{full_time(row.updated_at, zone)} ({ago(row.updated_at, now)})", "changed"),
        ]
        view = self._views.get(str(row.id))
        pane.show([*items, *_contents(view)] if view is not None else items)

    def _look_closer(self) -> None:
        """Read the widgets and shares of the row on which the cursor rests."""
        row, person, services = self.row, self.desk.person, self.desk.services
        if row is None or person is None or not self.query_one("#detail").display or str(row.id) in self._views:
            return
        self.read(
            "detail", "reading a dashboard", lambda: services.dashboard(person, row.id), self._closer, lambda _: None
        )

    def _closer(self, view: DashboardView) -> None:
        self._views[str(view.id)] = view
        self._detail()

    def on_row_list_moved(self) -> None:
        if self._looking is not None:
            self._looking.stop()
        self._looking = self.set_timer(SETTLED, self._look_closer)

    def on_row_list_opened(self) -> None:
        self.do_open()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        self._change(self._wish._replace(scope=SCOPES[event.at][0]))

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        if action_id in ("dashboards.open", "dashboards.star") and self.row is None:
            return "No dashboard is selected."
        if action_id == "dashboards.request" and not (self.desk.person and self.desk.person.actor.can(REQUEST)):
            return "You may not make requests."
        if action_id == "dashboards.clear" and not self._wish.text and not self.query_one("#filter").display:
            return "There is no filter."
        return ""

    def _change(self, wish: ListWish) -> None:
        if wish != self._wish:
            self._wish = wish
            self._pages.forget()
            self.listed.move_to(0)
            self.reread()

    def do_open(self) -> None:
        from datapulse_tui.tui.screens.dashboard import DashboardScreen

        if self.row is not None:
            self.desk.push_screen(DashboardScreen(self.row.id, self.row.name))

    async def do_request(self) -> None:
        """Ask for a dashboard that is not in the list: by the name that was looked for, if there is none such."""
        from datapulse_tui.tui.screens.approvals.request_types import open_form

        name = self._wish.text if self._wish.text and not self._rows else ""
        await open_form(self.desk, "dashboard_access", {"dashboard": name} if name else {})

    def do_star(self) -> None:
        row = self.row
        if row is not None:
            self._star(row.id, starred=not row.starred)

    def _star(self, dashboard_id: UUID, *, starred: bool) -> None:
        services, key = self.desk.services, str(dashboard_id)

        def show(value: bool) -> None:  # noqa: FBT001
            self._stars[key] = value
            self._saved_stars.discard(key)
            row = self._rows.get(key)
            if row is not None and self.is_attached:
                self._rows[key] = replace(row, starred=value)
                self.listed.show([self._row(each) for each in self._rows.values()])

        def saved() -> None:
            if self._stars.get(key) == starred:
                self._saved_stars.add(key)

        def not_saved(error: DataPulseError) -> None:
            show(not starred)
            self._saved_stars.add(key)
            self.desk.report(error)

        show(starred)
        self.desk.session.save(
            "starring a dashboard",
            lambda person: services.star(person, dashboard_id, starred=starred),
            done=saved,
            failed=not_saved,
        )

    def do_scope_next(self) -> None:
        self._step_scope(1)

    def do_scope_previous(self) -> None:
        self._step_scope(-1)

    def _step_scope(self, by: int) -> None:
        scopes = [scope for scope, _ in SCOPES]
        at = scopes.index(self._wish.scope)
        self._change(self._wish._replace(scope=scopes[(at + by) % len(scopes)]))

    def do_order(self) -> None:
        orders = [order for order, _ in ORDERS]
        self._change(self._wish._replace(order=orders[(orders.index(self._wish.order) + 1) % len(orders)]))

    def do_refresh(self) -> None:
        self.reread()

    def do_filter(self) -> None:
        field = self.query_one("#filter", Field)
        field.display = True
        self.set_focus(field)

    def do_clear(self) -> None:
        field = self.query_one("#filter", Field)
        field.value = ""
        field.display = False
        self.set_focus(self.listed)
        self._change(self._wish._replace(text=""))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._change(self._wish._replace(text=event.value.strip()))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self.query_one("#filter").display = False
        self.set_focus(self.listed)


def _contents(view: DashboardView) -> list[Item]:
    """What is on a dashboard, and whom it is shared with."""
    shared = "everyone" if view.is_public else ", ".join(f"{each.name} ({each.permission})" for each in view.shares)
    items = [Item("fact", shared, "shared with")] if shared else []
    if view.refresh_seconds:
        items.append(Item("fact", f"every {format_refresh(view.refresh_seconds)}", "refreshes"))
    items.append(Item("gap"))
    names = [widget.title or KINDS.get(widget.type, widget.type) for widget in view.widgets]
    return [*items, *(Item("fact", name, "widgets" if at == 0 else "") for at, name in enumerate(names))]
