"""What all screens share: the frame, reading in the background, and what happens when reading fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.types import CSSPathType

from datapulse_tui.errors import DataPulseError
from datapulse_tui.resources import styles_path
from datapulse_tui.tui import failures
from datapulse_tui.tui.acts import Acts
from datapulse_tui.tui.widgets.chrome import Banner, Clock, Footer, Header, StatusLine

if TYPE_CHECKING:
    from textual.worker import WorkType

    from datapulse_tui.data.feed import Changes

T = TypeVar("T")
EVERYTHING = "*"  # the topic of the change feed that stands for all of them


class DeskScreen(Acts, Screen[None], inherit_bindings=False):
    """A full screen inside the frame. `PLACES` name the groups of the registry whose actions apply here."""

    PLACES: ClassVar[tuple[str, ...]] = ()
    ROOM: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    CSS_PATH: ClassVar[CSSPathType | None] = styles_path() / "desk.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
        self._asked: dict[str, int] = {}

    def body(self) -> ComposeResult:
        """The widgets between the top line and the footer."""
        yield from ()

    def compose(self) -> ComposeResult:
        yield Header(self.ROOM)
        yield Banner()
        yield from self.body()
        yield Footer(self.PLACES)
        with Horizontal(id="bottom"):
            yield StatusLine()
            yield Clock()

    def on_mount(self) -> None:
        self.redraw_frame()

    def on_screen_resume(self) -> None:
        self.redraw_frame()

    def redraw_frame(self) -> None:
        """Draw the frame again; only lines that changed are sent."""
        # Not query_one: this is also called while the frame is still being mounted.
        for each in (Header, Footer, StatusLine, Clock):
            for widget in self.query(each):
                widget.redraw()
        for banner in self.query(Banner):
            banner.show(self.desk.banner)

    def reread(self) -> None:
        """Read again what is on the screen: the data changed, or the database came back."""

    def changed(self, changes: Changes) -> None:
        """Others changed something of these topics; a screen that shows it reads again."""

    def read(
        self,
        group: str,
        description: str,
        work: Callable[[], Awaitable[T]],
        done: Callable[[T], None],
        failed: Callable[[DataPulseError], None] | None = None,
    ) -> None:
        """Run `work` in the background; a newer read of the same group replaces an older one, whose answer is dropped.

        A database that is away raises the banner; other errors go to `failed`, or are said.
        """
        serial = self._asked[group] = self._asked.get(group, 0) + 1

        async def reading() -> None:
            try:
                value = await work()
            except Exception as error:  # noqa: BLE001 - every failure becomes a message; the log has the details
                if self._asked[group] == serial and self.is_attached:
                    (failed or self.desk.report)(self.desk.noticed(failures.shown(error, description)))
                return
            finally:
                self.desk.session.first_look.set()
            if self._asked[group] == serial and self.is_attached:
                try:
                    done(value)
                except Exception as error:  # noqa: BLE001 - a fault in drawing must not vanish with the worker
                    self.desk.report(failures.shown(error, description))

        asked: WorkType[None] = reading  # not the coroutine itself: a desk that closes first would never await it
        self.run_worker(asked, group=group, exclusive=True, exit_on_error=False, description=description)
