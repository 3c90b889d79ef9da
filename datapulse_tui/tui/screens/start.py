"""The first paint: the frame and "connecting", before anything heavy is imported; also where a failed start is told."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from datapulse_tui.charts.cells import cell_width, clean, wrap
from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.watch import BACK_OFF
from datapulse_tui.tui.widgets.lines import Line, LinesWidget


class StartMessage(LinesWidget):
    """A few centred lines."""

    error: DataPulseError | None = None
    doing = "connecting"

    def draw(self, width: int, height: int, look: Look, /) -> Sequence[Line]:
        room = max(10, min(76, width - 4))
        lines: list[Line] = [[("D a t a P u l s e", look.accent)], [], [(self.doing, look.dim)]]
        if self.error is not None:
            lines = [[("▲ DataPulse cannot open this workspace", look.critical)], []]
            lines += [[(line, look.text)] for line in wrap(clean(self.error.message), room)]
            lines += [[]] + [[(line, look.dim)] for line in wrap(clean(self.error.hint), room)]
        top = max(0, (height - len(lines)) // 2 - 1)
        centred: list[Line] = [
            [(" " * ((width - _width(line)) // 2), look.text), *line] if line else [] for line in lines
        ]
        return [*([()] * top), *centred]


def _width(line: Line) -> int:
    return sum(cell_width(text) for text, _ in line)


class StartScreen(DeskScreen):
    """Stays until the workspace is open; a failure is told here and tried again."""

    PLACES = (keymap.START,)
    CSS_PATH = None
    BINDINGS = keymap.bindings(keymap.START)
    HELP = "DataPulse is opening its workspace. When that fails, this screen says why and what to do."

    def __init__(self) -> None:
        super().__init__()
        self._failures = 0

    def body(self) -> ComposeResult:
        yield StartMessage(id="start")

    def failed(self, error: DataPulseError) -> None:
        """Tell why the workspace did not open; an address that does not answer is tried again by itself."""
        from datapulse_tui.errors import Unavailable

        self._show(error)
        if isinstance(error, Unavailable):
            wait = BACK_OFF[min(self._failures, len(BACK_OFF) - 1)]
            self._failures += 1
            self.set_timer(wait, self.do_retry)

    def _show(self, error: DataPulseError | None) -> None:
        message = self.query_one(StartMessage)
        message.error = error
        message.redraw()
        self.redraw_frame()

    def why_not(self, action_id: str) -> str:
        error = self.query_one(StartMessage).error
        if error is None:
            return "The workspace is being opened."
        if action_id == "start.upgrade" and not self.desk.services.can_upgrade(error):
            return "The schema of this database is not the problem."
        return ""

    def do_retry(self) -> None:
        """Try to open the workspace again; what was told stays until there is news."""
        if self.is_active:
            self.desk.session.open()

    def do_upgrade(self) -> None:
        """Bring the schema up to date, then open."""
        message = self.query_one(StartMessage)
        message.doing = "upgrading the database's schema"
        self._show(None)
        self.read("upgrade", "upgrading the schema", self.desk.services.upgrade, lambda _: self.do_retry(), self.failed)
