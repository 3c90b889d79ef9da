"""Making a request: choosing its type, and opening its form with what is known already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key

from datapulse_tui.tui import failures
from datapulse_tui.tui.screens.alerts.ask import AROUND, Question, ask
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

if TYPE_CHECKING:
    from datapulse_tui.tui.app import DataPulseApp
    from datapulse_tui.tui.desk_request_forms import TypeRow
    from datapulse_tui.workflows.views import RequestRow

COLUMNS = (RowColumn("Request"),)


class TypesScreen(Question[str]):
    """Answers with the name of the type that was chosen, or None."""

    HELP = "What you can ask for. Who decides it depends on the type; the form shows it before you send the request."

    def __init__(self, types: Sequence[TypeRow]) -> None:
        super().__init__()
        self._types = types

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Note("What do you ask for?", classes="form-title", strong=True)
            yield RowList(COLUMNS, id="types")
            yield Note("", id="explained")
            yield Note("enter opens its form · ↑ ↓ choose · esc cancels", classes="note")

    def on_mount(self) -> None:
        types = self.query_one(RowList)
        types.styles.height = max(3, min(len(self._types) + 1, self.app.size.height - AROUND))
        types.show([Row(each.name, (each.title,)) for each in self._types])
        self._explain()

    def take_focus(self) -> None:
        self.set_focus(self.query_one(RowList))

    def _explain(self) -> None:
        key = self.query_one(RowList).key
        self.query_one("#explained", Note).show(
            next((each.explanation for each in self._types if each.name == key), "")
        )

    def on_row_list_moved(self) -> None:
        self._explain()

    def on_row_list_opened(self) -> None:
        self.dismiss(self.query_one(RowList).key)

    def key_enter(self, event: Key) -> None:
        """The list has no binding of its own for enter."""
        event.stop()
        self.dismiss(self.query_one(RowList).key)


async def choose_type(desk: DataPulseApp) -> None:
    """Ask for the type of a new request, then open its form."""

    async def answered(name: str | None) -> None:
        if name:
            await open_form(desk, name)

    await ask(desk, TypesScreen(await desk.services.request_types()), answered)


async def open_form(
    desk: DataPulseApp, name: str, fields: Mapping[str, str] | None = None, row: RequestRow | None = None
) -> None:
    """Open the form of a type with `fields` filled in, or with those of the request `row`, which is then changed."""
    from datapulse_tui.tui.screens.approvals.request_form import RequestFormScreen, draft_key

    person, known = desk.person, dict(fields or {})
    kind = next((each for each in await desk.services.request_types() if each.name == name), None)
    if person is None or kind is None:
        desk.say("There is no such type of request any more.", severity="warning")
        return
    if row is not None:
        try:
            view = await desk.services.request(person, row.id)
        except Exception as error:  # noqa: BLE001 - every failure becomes a message; the log has the details
            desk.report(desk.noticed(failures.shown(error, "reading a request")))
            return
        row = view.row
        kept = view.details.get("fields")
        known = {key: str(value) for key, value in kept.items()} if isinstance(kept, Mapping) else {}
    draft = None
    if not fields:  # what was asked for in a certain place is not another draft
        try:
            draft = await desk.services.request_draft(person, draft_key(name, row))
        except Exception as error:  # noqa: BLE001 - as above; the form opens without it
            desk.report(desk.noticed(failures.shown(error, "reading a draft")))
    await desk.push_screen(RequestFormScreen(kind, known, row, draft))
