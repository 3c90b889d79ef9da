"""Absences: who stands in for whom, from when until when; one's own, and those in which one is the substitute."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.alerts.words import moment
from datapulse_tui.tui.screens.approvals.tabs import ABSENCES, STYLES, ApprovalsTab
from datapulse_tui.tui.screens.base import EVERYTHING
from datapulse_tui.tui.screens.confirm import ConfirmScreen
from datapulse_tui.tui.screens.live_list import DETAIL_FROM
from datapulse_tui.tui.times import full_time
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList, Tone
from datapulse_tui.workflows.rules import DELEGATE, DELEGATIONS_TOPIC

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.workflows.views import DelegationRow, PersonRef

COLUMNS = (
    RowColumn("Away"),
    RowColumn("Substitute"),
    RowColumn("From", 16, dim=True),
    RowColumn("Until", 16, dim=True),
    RowColumn("State", 8),
)


class AbsencesScreen(ApprovalsTab):
    """The list, with the whole of the selected one beside it where there is room."""

    PLACES = (keymap.ABSENCES, keymap.APPROVALS, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.ABSENCES), *keymap.bindings(keymap.APPROVALS)]
    CSS_PATH = STYLES
    TAB = ABSENCES
    HELP = (
        "While you are away somebody else decides in your name: they see what waits for you, and the record names both "
        "of you. Nobody decides their own requests that way."
    )

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, DelegationRow] = {}
        self._over = False

    def body(self) -> ComposeResult:
        yield self.tab_line()
        with Horizontal(id="split"):
            yield RowList(COLUMNS, id="absences")
            yield Pane(id="absence-detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._fit()
        self.set_focus(self.query_one(RowList))
        self.reread()

    def on_resize(self) -> None:
        if self.is_mounted:
            self._fit()

    def _fit(self) -> None:
        self.query_one("#absence-detail").display = self.app.size.width >= DETAIL_FROM
        self._show_detail()

    @property
    def row(self) -> DelegationRow | None:
        """The delegation under the cursor."""
        return self._rows.get(self.query_one(RowList).key)

    # -- reading and showing -------------------------------------------------------------------------------------------

    def reread(self) -> None:
        services, person = self.desk.services, self.desk.person
        if person is not None:
            work = partial(services.delegations, person, over=self._over)
            self.read("absences", "reading the absences", work, self._came, self._failed)

    def changed(self, changes: Changes) -> None:
        if EVERYTHING in changes or DELEGATIONS_TOPIC in changes:
            self.reread()

    def _failed(self, error: DataPulseError) -> None:
        self.desk.report(error)

    def _came(self, rows: tuple[DelegationRow, ...]) -> None:
        self._rows = {str(row.id): row for row in rows}
        empty = ["Nobody stands in for anybody now.", "", "n   name a substitute for the time of an absence"]
        self.query_one(RowList).show([self._row(row) for row in rows], empty=empty)
        self.remark(f"{len(rows):,}{' with past ones' if self._over else ''}")
        self._show_detail()
        self.redraw_frame()

    def _row(self, row: DelegationRow) -> Row:
        zone, (state, tone) = self.desk.session.zone, self._state(row)
        cells = (
            self._called(row.principal),
            self._called(row.substitute),
            moment(row.starts_at, zone),
            moment(row.ends_at, zone),
            state,
        )
        return Row(str(row.id), cells, ("", "", "", "", tone))

    def _called(self, who: PersonRef) -> str:
        person = self.desk.person
        return "you" if person is not None and who.id == person.actor.user_id else who.name

    def _state(self, row: DelegationRow) -> tuple[str, Tone]:
        now = self.desk.now()
        if row.ended_at is not None:
            return "ended", "dim"
        if row.ends_at <= now:
            return "over", "dim"
        return ("to come", "") if row.starts_at > now else ("holds", "good")

    def _show_detail(self) -> None:
        pane, row, zone = self.query_one("#absence-detail", Pane), self.row, self.desk.session.zone
        if not pane.display or row is None:
            pane.show([])
            return
        items = [
            Item("title", f"{row.substitute.name} for {row.principal.name}"),
            Item("text", self._state(row)[0]),
            Item("gap"),
            Item("fact", f"{row.principal.name} ({row.principal.email})", "away"),
            Item("fact", f"{row.substitute.name} ({row.substitute.email})", "substitute"),
            Item("fact", full_time(row.starts_at, zone), "from"),
            Item("fact", full_time(row.ends_at, zone), "until"),
            Item("fact", ", ".join(row.types) or "all that wait for them", "types"),
        ]
        if row.reason:
            items.append(Item("fact", row.reason, "why"))
        if row.ended_at is not None:
            items.append(Item("fact", full_time(row.ended_at, zone), "ended"))
        pane.show(items)

    def on_row_list_moved(self) -> None:
        self._show_detail()
        self.redraw_frame()

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        person, row = self.desk.person, self.row
        if action_id == "absences.new" and (person is None or not person.actor.can(DELEGATE)):
            return "You may not name a substitute."
        if action_id == "absences.end" and row is None:
            return "No absence is selected."
        if action_id == "absences.end" and row is not None and not row.may_end:
            return "It is over." if self._state(row)[1] == "dim" else "Only the two of them can end it."
        return ""

    async def do_new(self) -> None:
        from datapulse_tui.tui.screens.approvals.absence import AbsenceScreen

        types = await self.desk.services.request_types()
        await self.desk.push_screen(AbsenceScreen([(each.name, each.title) for each in types]))

    async def do_end(self) -> None:
        services, row = self.desk.services, self.row
        if row is None:
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                self.desk.session.save(
                    "ending a delegation",
                    lambda person: services.end_absence(person, row),
                    done=lambda: self.desk.say("It is ended; both of you are told."),
                )

        question = f"End it now? {row.substitute.name} then no longer decides for {row.principal.name}."
        await self.desk.push_screen(ConfirmScreen(question, yes="End it"), answered)

    def do_over(self) -> None:
        self._over = not self._over
        self.reread()

    def do_refresh(self) -> None:
        self.reread()
