"""What a query brought, below where it is written: one line of provenance or of what is wrong, and the rows."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.data.result import Result
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.result_table import ResultTable

MOST_LINES = 7  # of the rows and their heading
NOT_YET = "f5 runs the query and shows what it brings."


class Brought(Vertical):
    """Not run, running, rows, nothing and failed are different pictures; a failed run leaves the last rows standing."""

    def compose(self) -> ComposeResult:
        yield Note(NOT_YET, id="brought-words")
        yield ResultTable(id="brought-rows")

    def on_mount(self) -> None:
        self.query_one(ResultTable).display = False

    def _say(self, words: str, *, bad: bool = False) -> None:
        self.query_one("#brought-words", Note).show(words, bad=bad)

    def forget(self) -> None:
        """The query is another one."""
        self.query_one(ResultTable).display = False
        self._say(NOT_YET)

    def running(self) -> None:
        """It was started."""
        self._say("running …")

    def show(self, result: Result, words: str, problem: str = "") -> None:
        """The rows, and `words` on them; a `problem` is said in their place."""
        table = self.query_one(ResultTable)
        table.styles.height = min(MOST_LINES, len(result.rows) + 1)
        table.show(result)
        table.display = bool(result.rows)
        self._say(problem or words, bad=bool(problem))

    def failed(self, error: DataPulseError) -> None:
        """It failed."""
        self._say(f"{error.message} {error.hint}".strip(), bad=True)
