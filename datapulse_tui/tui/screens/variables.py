"""The variables of a dashboard as a form; what is typed reaches SQL as a bound parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.confirm import Dialog
from datapulse_tui.tui.widgets.form import Field, Form

if TYPE_CHECKING:
    from datapulse_tui.dashboards.reads import DashboardView
    from datapulse_tui.dashboards.variables import Scalar, Variable

SHOWN_OPTIONS = 12


class VariablesScreen(Dialog[dict[str, object]]):
    """Answers with a value for each variable, or None."""

    HELP = "The widgets run again with these values."

    def __init__(self, dashboard: DashboardView, values: Mapping[str, object]) -> None:
        super().__init__()
        self._dashboard = dashboard
        self._variables = dashboard.variables
        self._values = values

    def compose(self) -> ComposeResult:
        fields = []
        for variable in self._variables:
            value = self._values.get(variable.name, variable.initial)
            field = Field(id=f"v-{variable.name}", value="" if value is None else str(value))
            fields.append((_words(variable, variable.options), field))
        with Vertical(classes="dialog"):
            yield Form("Variables", fields)

    def on_mount(self) -> None:
        for variable in self._variables:
            if variable.query:
                work = self._offer(variable)
                self.run_worker(work, group="options", exit_on_error=False, description="reading a variable's options")

    async def _offer(self, variable: Variable) -> None:
        """Read what a choice offers and tell it in the field's label; without an answer anything may be typed."""
        person = self.desk.person
        if person is None:
            return
        try:
            options = await self.desk.services.options(person, self._dashboard, variable, self.desk.now())
        except DataPulseError as error:
            self.query_one(Form).say(f"The choices of {variable.title} could not be read: {error.message}")
            return
        self.query_one(Form).relabel(f"v-{variable.name}", _words(variable, options))

    def on_form_submitted(self, event: Form.Submitted) -> None:
        from datapulse_tui.dashboards.variables import accept

        answer: dict[str, object] = {}
        for variable in self._variables:
            try:
                answer[variable.name] = accept(variable, event.values[f"v-{variable.name}"])
            except DataPulseError as error:
                self.query_one(Form).say(f"{error.message} {error.hint}")
                self.query_one(f"#v-{variable.name}", Field).focus()
                return
        self.dismiss(answer)


def _words(variable: Variable, options: Sequence[Scalar]) -> str:
    """The label of a field, with the first of its choices."""
    if not options:
        return variable.title
    shown = ", ".join(str(option) for option in options[:SHOWN_OPTIONS])
    return f"{variable.title} ({shown}{', …' if len(options) > SHOWN_OPTIONS else ''})"
