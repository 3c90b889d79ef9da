"""What all screens share: the frame, reading in the background, and what happens when reading fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Mount
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
    from datapulse_tui.tui.services import Person

T = TypeVar("T")
EVERYTHING = "*"  # the topic of the change feed that stands for all of them
TALL_FROM = 30  # lines of the screen from which there is room for blank ones
HOLD = 0.08  # seconds that a screen is held back for its first answer: then it is laid out and sent once, not twice


class DeskScreen(Acts, Screen[None], inherit_bindings=False):
    """A full screen inside the frame. `PLACES` name the groups of the registry whose actions apply here."""

    PLACES: ClassVar[tuple[str, ...]] = ()
    ROOM: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    CSS_PATH: ClassVar[CSSPathType | None] = styles_path() / "desk.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL_FROM, "-tall")]
        self._asked: dict[str, int] = {}
        self._stands = asyncio.Event()
        self._answered = asyncio.Event()

    def begin(self) -> None:
        """Ask for what the screen shows, while its widgets are still being made; answers wait for them."""

    def body(self) -> ComposeResult:
        """The widgets between the top line and the footer."""
        yield from ()

    def compose(self) -> ComposeResult:
        self.begin()
        yield Header(self.ROOM)
        yield Banner()
        yield from self.body()
        yield Footer(self.PLACES)
        with Horizontal(id="bottom"):
            yield StatusLine()
            yield Clock()

    def on_mount(self) -> None:
        self._stands.set()
        self.redraw_frame()

    @on(Mount)
    async def _hold_back(self) -> None:
        # Called behind `on_mount` of the screen itself, and before anything is laid out.
        self._stands.set()
        if self._asked:
            await self.hold()

    async def hold(self) -> None:
        """Wait for the first answer, but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD):
                await self._answered.wait()

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

    def open_to(self, person: Person) -> bool:
        """Whether the person may be on this screen, with the rights that they have by now."""
        from datapulse_tui.tui import rooms

        return not self.ROOM or rooms.room(self.ROOM).open_to(person)

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
                await self._stands.wait()
            except Exception as error:  # noqa: BLE001 - every failure becomes a message; the log has the details
                await self._stands.wait()
                if self._awaits(group, serial):
                    (failed or self.desk.report)(self.desk.noticed(failures.shown(error, description)))
                return
            finally:
                self.desk.session.first_look.set()
                self._answered.set()
            if self._awaits(group, serial):
                try:
                    done(value)
                except Exception as error:  # noqa: BLE001 - a fault in drawing must not vanish with the worker
                    self.desk.report(failures.shown(error, description))

        asked: WorkType[None] = reading  # not the coroutine itself: a desk that closes first would never await it
        self.run_worker(asked, group=group, exclusive=True, exit_on_error=False, description=description)

    def _awaits(self, group: str, serial: int) -> bool:
        """Whether the answer is still wanted: no newer one was asked for, and the screen has its widgets."""
        return self._asked[group] == serial and self.is_attached and not self._pruning and not self._closing
