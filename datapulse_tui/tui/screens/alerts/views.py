"""Saved views: filters of a list under a name, with how much is in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import failures, keymap
from datapulse_tui.tui.screens.alerts.ask import AskScreen, Question, ask
from datapulse_tui.tui.screens.confirm import ConfirmScreen
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count, ViewRow
    from datapulse_tui.tui.screens.filtered import ViewStore

COLUMNS = (RowColumn("View", 24), RowColumn("Holds", 7, "right"), RowColumn("Filter", dim=True))


class ViewsScreen(Question[str]):
    """Answers with the filter of the view that was chosen, or None. Changes are saved at once."""

    PLACES = (keymap.VIEWS, keymap.FORM)
    BINDINGS = keymap.bindings(keymap.VIEWS)
    HELP = "The first few are always there; the others are yours. A view is a filter under a name, for you alone."

    def __init__(
        self,
        fixed: Sequence[tuple[str, str]],
        counts: Sequence[Count],
        views: Sequence[ViewRow],
        now: str,
        store: ViewStore,
    ) -> None:
        super().__init__()
        self._fixed = fixed
        self._counts = [str(each) for each in counts] or [""] * len(fixed)
        self._views = {str(view.id): view for view in views}
        self._now = now
        self._store = store

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Note("Views", classes="form-title", strong=True)
            yield RowList(COLUMNS, id="offers")
            yield Note("enter shows it · n keeps this filter · e renames · d deletes")

    def on_mount(self) -> None:
        self._show()

    def take_focus(self) -> None:
        self.set_focus(self.query_one(RowList))

    def _show(self) -> None:
        fixed = [
            Row(f"fixed {at}", (name, self._counts[at], filter_)) for at, (name, filter_) in enumerate(self._fixed)
        ]
        own = [Row(key, (view.name, str(view.count), view.filter)) for key, view in self._views.items()]
        self.query_one(RowList).show([*fixed, *own])

    @property
    def _own(self) -> ViewRow | None:
        return self._views.get(self.query_one(RowList).key)

    def why_not(self, action_id: str) -> str:
        if action_id in ("views.rename", "views.delete") and self._own is None:
            return "This view is always there; it cannot be changed."
        if action_id == "views.keep" and not self._now:
            return "There is no filter to keep: type one with / first."
        return ""

    def on_row_list_opened(self) -> None:
        self.do_pick()

    def do_pick(self) -> None:
        key = self.query_one(RowList).key
        own = self._own
        self.dismiss(own.filter if own else self._fixed[int(key.removeprefix("fixed "))][1])

    async def do_keep(self) -> None:
        store, now = self._store, self._now

        def answered(name: str | None) -> None:
            if name:
                self.desk.session.save("keeping a view", lambda person: store.keep(person, name, now), done=self._read)

        question = AskScreen("Keep this filter", "Name", explain=now, needed="A view has a name.")
        await ask(self.desk, question, answered)

    async def do_rename(self) -> None:
        services, view = self.desk.services, self._own
        if view is None:
            return

        def answered(name: str | None) -> None:
            if name and name != view.name:
                self.desk.session.save(
                    "renaming a view", lambda person: services.rename_view(person, view.id, name), done=self._read
                )

        screen = AskScreen("Rename the view", "Name", value=view.name, needed="A view has a name.")
        await ask(self.desk, screen, answered)

    async def do_delete(self) -> None:
        services, view = self.desk.services, self._own
        if view is None:
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                self.desk.session.save(
                    "deleting a view", lambda person: services.delete_view(person, view.id), done=self._read
                )

        question = f"Delete the view {view.name}? The {self._store.noun} in it stay."
        await self.desk.push_screen(ConfirmScreen(question, yes="Delete"), answered)

    def _read(self) -> None:
        self.run_worker(self._read_again(), group="views", exclusive=True, exit_on_error=False, description="views")

    async def _read_again(self) -> None:
        person = self.desk.person
        if person is None:
            return
        try:
            views = await self._store.read(person)
        except Exception as error:  # noqa: BLE001 - every failure becomes a message; the log has the details
            shown: DataPulseError = failures.shown(error, "reading the views")
            self.desk.report(shown)
            return
        if self.is_attached:
            self._views = {str(view.id): view for view in views}
            self._show()
